"""Counter-based random draws: a pure function of the seed and of what a number is drawn for.

No generator holds a state, so a draw for person 17 at visit 3 is the same alone, in a batch, in any
order, on any machine and in any version of numpy. The mixer is SplitMix64's finaliser (Steele, Lea
& Flood 2014), chained over the counters.
"""

from enum import IntEnum, unique

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]
Counter = int | npt.NDArray[np.int64]

_GOLDEN_GAMMA = np.uint64(0x9E3779B97F4A7C15)
_MULTIPLIER_1 = np.uint64(0xBF58476D1CE4E5B9)
_MULTIPLIER_2 = np.uint64(0x94D049BB133111EB)
# Any odd multiplier but 1: without one, seed and counter could change places. Knuth's MMIX.
_CHAIN = np.uint64(6364136223846793005)
_MANTISSA_BITS = 53


@unique
class Stream(IntEnum):
    """What a draw is for; streams share no number. To change a value is to change every world."""

    ITEM = 1
    DEMOGRAPHY = 2
    GROUP = 3
    FACTOR = 4
    TASTE = 5
    DRIFT_PHASE = 6
    DRIFT_PERIOD = 7
    ACTIVITY = 8
    KNOWN = 9
    DEVICE = 10
    VISIT_COUNT = 11
    VISIT_TIME = 12
    ROUNDS = 13
    SEARCH = 14
    SLATE = 15
    CHOICE = 16
    ADD = 17
    CHECKOUT = 18
    GAP = 19
    RESPONSE = 20
    POLICY = 21


def uniform(seed: int, stream: Stream, *counters: Counter) -> FloatArray:
    """Uniform draws in (0, 1), both ends excluded; the counters' broadcast shape."""
    state = _mix(np.asarray([seed], dtype=np.int64).view(np.uint64) + _GOLDEN_GAMMA)
    for counter in (int(stream), *counters):
        words = np.atleast_1d(np.asarray(counter, dtype=np.int64)).view(np.uint64)
        state = _mix(state * _CHAIN + _mix(words + _GOLDEN_GAMMA))
    shape = np.broadcast_shapes(*(np.shape(counter) for counter in counters))
    draws = (
        (state >> np.uint64(64 - _MANTISSA_BITS)).astype(np.float64) + 0.5
    ) * 2.0**-_MANTISSA_BITS
    return draws.reshape(shape)


def normal(seed: int, stream: Stream, *counters: Counter) -> FloatArray:
    """Standard normal draws by Box and Muller (1958), shaped as `uniform`."""
    radius = np.sqrt(-2.0 * np.log(uniform(seed, stream, *counters, 0)))
    angle = 2.0 * np.pi * uniform(seed, stream, *counters, 1)
    return np.asarray(radius * np.cos(angle), dtype=np.float64)


def gumbel(seed: int, stream: Stream, *counters: Counter) -> FloatArray:
    """Standard Gumbel draws; argmax(utility + gumbel) follows softmax(utility)."""
    return np.asarray(-np.log(-np.log(uniform(seed, stream, *counters))), dtype=np.float64)


def _mix(words: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    """SplitMix64's finaliser on arrays, where overflow wraps as intended."""
    words = (words ^ (words >> np.uint64(30))) * _MULTIPLIER_1
    words = (words ^ (words >> np.uint64(27))) * _MULTIPLIER_2
    return np.asarray(words ^ (words >> np.uint64(31)), dtype=np.uint64)
