"""Counter-based random draws: a number is a pure function of a seed and of what it is drawn for.

The mixer is SplitMix64's finaliser (Steele, Lea & Flood 2014), chained over the counters, so a draw is the same alone
or in a batch, on every machine and in every version of numpy. No generator holds a state.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from eachwise.contracts.arrays import Floats

_MASK = (1 << 64) - 1
_HALF = (1 << 32) - 1
_GOLDEN_GAMMA = 0x9E3779B97F4A7C15
_MULTIPLIER_1 = 0xBF58476D1CE4E5B9
_MULTIPLIER_2 = 0x94D049BB133111EB
# Any odd multiplier but 1: without one, seed and counter could change places. Knuth's MMIX.
_CHAIN = 6364136223846793005
_MANTISSA_BITS = 53
_UNIT = 2.0**-_MANTISSA_BITS


def word(seed: int, *counters: int) -> int:
    """64 pseudo-random bits for this seed and these counters. Integers are taken modulo 2**64."""
    state = _mix((seed + _GOLDEN_GAMMA) & _MASK)
    for counter in counters:
        state = _mix((state * _CHAIN + _mix((counter + _GOLDEN_GAMMA) & _MASK)) & _MASK)
    return state


def uniform(seed: int, *counters: int) -> float:
    """One draw from the uniform distribution on [0, 1), a multiple of 2^-53."""
    return (word(seed, *counters) >> (64 - _MANTISSA_BITS)) * _UNIT


def choose(population: int, count: int, seed: int, *counters: int) -> list[int]:
    """``count`` distinct numbers of 0 … population − 1 in random order (partial Fisher–Yates).

    All of them when ``count`` ≥ ``population``. Two positions share a word, so that the modulo's bias is below
    population / 2**32.
    """
    deck = list(range(population))
    state = word(seed, *counters)
    bits = 0
    for position in range(min(count, population)):
        if position % 2 == 0:
            state = (state + _GOLDEN_GAMMA) & _MASK
            bits = _mix(state)
        other = position + (bits & _HALF) % (population - position)
        bits >>= 32
        deck[position], deck[other] = deck[other], deck[position]
    return deck[:count]


def sample(probabilities: Floats, seed: int, *counters: int) -> int:
    """The one place where an action is drawn: index i with probability p_i / Σp, by inversion.

    ``probabilities`` (K,) are non-negative with a positive sum. An index of probability 0 is never drawn.
    """
    cumulative = probabilities.cumsum()
    target = uniform(seed, *counters) * float(cumulative[-1])
    index = int(cumulative.searchsorted(target, side="right"))
    if index < len(cumulative):
        return index
    # Rounding put the target on the sum itself: the last index that has a probability.
    return int(np.flatnonzero(probabilities)[-1])


def normals(seed: int, shape: tuple[int, ...]) -> Floats:
    """Independent standard normal draws (Box & Muller 1958), of the given shape.

    Element i in row-major order depends on the seed and on i only; elements 2j and 2j + 1 share a pair of uniforms.
    """
    count = math.prod(shape)
    counters = np.arange((count + 1) // 2, dtype=np.uint64)
    radius = np.sqrt(-2.0 * np.log(_open_uniforms(word(seed, 0), counters)))
    angle = 2.0 * np.pi * _open_uniforms(word(seed, 1), counters)
    pairs = np.stack((radius * np.cos(angle), radius * np.sin(angle)), axis=1)
    return np.asarray(pairs.ravel()[:count].reshape(shape), dtype=np.float64)


def normals_of(seeds: Sequence[int], count: int) -> Floats:
    """(S, count): the row of each seed is ``normals(seed, (count,))``, all of them at once."""
    states = np.array([seed & _MASK for seed in seeds], dtype=np.uint64)
    counters = np.arange((count + 1) // 2, dtype=np.uint64)
    radius = np.sqrt(-2.0 * np.log(_open_uniforms(_words(states, 0)[:, None], counters)))
    angle = 2.0 * np.pi * _open_uniforms(_words(states, 1)[:, None], counters)
    pairs = np.stack((radius * np.cos(angle), radius * np.sin(angle)), axis=2)
    return np.asarray(pairs.reshape(len(states), -1)[:, :count], dtype=np.float64)


def integers(seed: int, count: int, below: int) -> NDArray[np.int64]:
    """``count`` independent draws of 0 … below − 1 (with replacement); the bias is below 2^-40 for below < 2**24."""
    units = _open_uniforms(word(seed, 0), np.arange(count, dtype=np.uint64))
    return np.asarray(np.minimum((units * below).astype(np.int64), below - 1), dtype=np.int64)


def _words(seeds: NDArray[np.uint64], counter: int) -> NDArray[np.uint64]:
    """``word(seed, counter)`` of each seed."""
    states = _mix_array(seeds + np.uint64(_GOLDEN_GAMMA))
    return _mix_array(
        states * np.uint64(_CHAIN) + np.uint64(_mix((counter + _GOLDEN_GAMMA) & _MASK))
    )


def _open_uniforms(key: int | NDArray[np.uint64], counters: NDArray[np.uint64]) -> Floats:
    """Uniform draws in the open interval (0, 1), one for each counter."""
    words = _mix_array(
        np.asarray(key, dtype=np.uint64) ^ _mix_array(counters + np.uint64(_GOLDEN_GAMMA))
    )
    high = (words >> np.uint64(64 - _MANTISSA_BITS)).astype(np.float64)
    return np.asarray(np.minimum((high + 0.5) * _UNIT, 1.0 - _UNIT), dtype=np.float64)


def _mix(state: int) -> int:
    """SplitMix64's finaliser on one word."""
    state = ((state ^ (state >> 30)) * _MULTIPLIER_1) & _MASK
    state = ((state ^ (state >> 27)) * _MULTIPLIER_2) & _MASK
    return state ^ (state >> 31)


def _mix_array(words: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """SplitMix64's finaliser on arrays, where overflow wraps as intended."""
    words = (words ^ (words >> np.uint64(30))) * np.uint64(_MULTIPLIER_1)
    words = (words ^ (words >> np.uint64(27))) * np.uint64(_MULTIPLIER_2)
    return np.asarray(words ^ (words >> np.uint64(31)), dtype=np.uint64)
