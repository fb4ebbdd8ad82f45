"""The recurrent net as JAX trains it: forward pass, loss, one optimiser step. The formulas are in ``recurrent``.

Imported only by a fit: serving never loads JAX. T × B engagements a batch, time first; D blocks, K sampled items.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax
from numpy.typing import NDArray

from eachwise.contracts.taste import Parts
from eachwise.recommend.models.recurrent_stream import Batch

Weights = dict[str, Array]
Matrix = NDArray[np.float32]

EPSILON = 1e-6
# Channels that share one λ.
GROUP = 4
# What a person meets within this many engagements is no wrong answer either (docs/discussions/measured.md).
NEAR = 4
# Where an item must not count as a wrong answer; finite, so that no gradient is NaN.
_NOT_COUNTED = -1e9
# AdamW (Loshchilov & Hutter 2019): decay of the moments, weight decay of matrices, longest gradient.
_BETA1, _BETA2, _ADAM_EPSILON = 0.9, 0.98, 1e-8
_WEIGHT_DECAY = 0.01
_GRADIENT_MAX = 1.0
_MATRICES = frozenset({"items", "mix", "out", "up", "down"})
# Values that dropout is drawn from: one byte each.
_BYTE = 256
# Items that are reached for, the most engaged with: what a decision costs stays bounded whatever the catalogue.
HEAD = 16_384


class State(NamedTuple):
    """Everything that a step changes: weights, Adam's moments, the weights' moving average, the steps taken."""

    weights: Weights
    first: Weights
    second: Weights
    average: Weights
    steps: Array


def begin(weights: Mapping[str, Matrix]) -> State:
    """A state before the first step."""
    own = {name: jnp.asarray(array) for name, array in weights.items()}

    def zeros() -> Weights:
        return {name: jnp.zeros_like(array) for name, array in own.items()}

    average = {name: jnp.array(array, copy=True) for name, array in own.items()}
    return State(own, zeros(), zeros(), average, jnp.zeros((), jnp.float32))


def new_weights(
    items: Matrix,
    bias: Matrix,
    blocks: int,
    generator: np.random.Generator,
) -> dict[str, Matrix]:
    """Weights to start from, around embeddings (N, d) and a bias (N,): matrices of variance 1 / rows."""
    d = items.shape[1]
    # Time scales 1 − λ in a geometric series from .9 to .01; ``pace`` is λ's logit.
    leaving = np.geomspace(0.9, 0.01, d // GROUP)
    pace = np.log((1.0 - leaving) / leaving)

    def matrices(rows: int, columns: int, scale: float = 1.0) -> Matrix:
        drawn = generator.standard_normal((blocks, rows, columns)) * scale / np.sqrt(rows)
        return np.asarray(drawn, dtype=np.float32)

    return {
        "items": items,
        "bias": bias,
        "final": np.ones(d, np.float32),
        "pace": np.tile(pace, (blocks, 1)).astype(np.float32),
        "mix": matrices(d, 2 * d),
        "out": matrices(d, d, 0.3),
        "up": matrices(d, 4 * d),
        "down": matrices(2 * d, d, 0.3),
    }


def to_parts(weights: Mapping[str, Any], scale: float) -> Parts:
    """What ``recurrent`` serves with: λ and √(1 − λ) for each channel, the bias with the mean score taken off."""
    found = {name: np.asarray(array, dtype=np.float32) for name, array in weights.items()}
    pace = np.repeat(found.pop("pace").astype(np.float64), GROUP, axis=1)
    retain = 1.0 / (1.0 + np.exp(-pace))
    found["bias"] = found["bias"] - found["bias"].mean()
    if len(found["items"]) > HEAD:
        head = np.sort(np.argsort(-found["bias"], kind="stable")[:HEAD])
        found["head_items"] = found["items"][head]
        places = {"head": head.astype(np.int32)}
    else:
        places = {}
    return {
        **found,
        **places,
        "centre": found["items"].mean(axis=0),
        "retain": retain.astype(np.float32),
        "admit": np.sqrt(1.0 - retain).astype(np.float32),
        "scale": np.array(scale, dtype=np.float32),
    }


def from_parts(parts: Parts) -> dict[str, Matrix]:
    """The weights that parts were made from, to rounding."""
    retain = parts["retain"][:, ::GROUP].astype(np.float64)
    kept = {name: np.array(parts[name]) for name in ("items", "bias", "final", *_MATRICES)}
    return {**kept, "pace": np.log(retain / (1.0 - retain)).astype(np.float32)}


# -- forward -----------------------------------------------------------------------------------------------


def _unit(x: Array) -> Array:
    return x * lax.rsqrt(jnp.mean(x * x, axis=-1, keepdims=True) + EPSILON)


@jax.custom_vjp
def recur(retain: Array, values: Array, going_on: Array, before: Array) -> Array:
    """c_t = λ ⊙ g_t c_{t−1} + v_t; (T, B, d). The derivative by hand: one pass back, and no memory for each step."""

    def step(c: Array, now: tuple[Array, Array]) -> tuple[Array, Array]:
        value, going = now
        c = retain * going[:, None] * c + value
        return c, c

    return lax.scan(step, before, (values, going_on))[1]


def _recur_forward(
    retain: Array, values: Array, going_on: Array, before: Array
) -> tuple[Array, tuple[Array, ...]]:
    held = recur(retain, values, going_on, before)
    return held, (retain, going_on, before, held)


def _recur_backward(kept: tuple[Array, ...], slopes: Array) -> tuple[Array, Array, None, None]:
    retain, going_on, before, held = kept
    next_going = jnp.concatenate([going_on[1:], jnp.zeros_like(going_on[:1])])

    def step(s: Array, now: tuple[Array, Array]) -> tuple[Array, Array]:
        slope, going = now
        s = slope + retain * going[:, None] * s
        return s, s

    _, sums = lax.scan(step, jnp.zeros_like(before), (slopes, next_going), reverse=True)
    earlier = jnp.concatenate([before[None], held[:-1]]) * going_on[:, :, None]
    return jnp.sum(sums * earlier, axis=(0, 1)), sums, None, None


recur.defvjp(_recur_forward, _recur_backward)


def _dropped(x: Array, drawn: Array | None, dropout: float) -> Array:
    """Zeros with this probability, the rest scaled up; ``drawn`` are random bytes of x's shape (None: keep all)."""
    if drawn is None:
        return x
    threshold = int(dropout * _BYTE)
    return jnp.where(drawn >= threshold, x * (_BYTE / (_BYTE - threshold)), 0.0)


def forward(
    weights: Weights,
    items: Array,
    going_on: Array,
    memory: Array,
    scale: float,
    drawn: Array | None = None,
    dropout: float = 0.0,
) -> tuple[Array, Array]:
    """What is wanted next after each engagement (T · B, d), and the memory after the last column (D, B, d).

    ``drawn``: (2 D + 1, T · B, d) random bytes for dropout.
    """
    columns, rows = items.shape
    blocks, d = memory.shape[0], memory.shape[2]
    masks: list[Array | None] = [None] * (2 * blocks + 1) if drawn is None else list(drawn)
    # Two dimensions throughout: on a CPU a product of three is twice as slow backwards.
    hidden = _dropped(weights["items"][items.reshape(-1)] * scale, masks[-1], dropout)
    after = []
    for block in range(blocks):
        retain = jnp.repeat(jax.nn.sigmoid(weights["pace"][block]), GROUP)
        mixed = _unit(hidden) @ weights["mix"][block]
        values = (mixed[:, :d] * jnp.sqrt(1.0 - retain)).reshape(columns, rows, d)
        held = recur(retain, values, going_on, memory[block])
        after.append(held[-1])
        gated = _unit(held.reshape(-1, d)) * jax.nn.silu(mixed[:, d:])
        hidden = hidden + _dropped(gated @ weights["out"][block], masks[2 * block], dropout)
        raised = _unit(hidden) @ weights["up"][block]
        half = raised.shape[1] // 2
        folded = (jax.nn.silu(raised[:, :half]) * raised[:, half:]) @ weights["down"][block]
        hidden = hidden + _dropped(folded, masks[2 * block + 1], dropout)
    return _unit(hidden) * weights["final"], jnp.stack(after)


def loss(
    weights: Weights,
    batch: Batch,
    memory: Array,
    drawn: Array | None,
    scale: float,
    dropout: float,
    barred: bool,
) -> tuple[Array, Array]:
    """Mean −log softmax of what came next among the sampled items, and the memory after the batch.

    A sampled item stands for (N − 1) / K items: its score gets the log of that (Bengio & Senécal 2008). What the person
    has met, or meets within ``NEAR`` engagements, is left out where people do not come back to items (``barred``).
    """
    wanted, after = forward(
        weights,
        jnp.asarray(batch.items),
        jnp.asarray(batch.going_on),
        memory,
        scale,
        drawn,
        dropout,
    )
    items, bias, sampled = weights["items"], weights["bias"], batch.sampled
    targets, counted = batch.targets.reshape(-1), batch.counted.reshape(-1)
    stands_for = (items.shape[0] - 1) / sampled.shape[0]
    others = wanted @ items[sampled].T + bias[sampled] + jnp.log(stands_for)
    excused = sampled == targets[:, None]
    if barred:
        first_met = batch.first_met[batch.person.reshape(-1)]
        excused |= first_met <= batch.place.reshape(-1)[:, None] + 1 + NEAR
    others = jnp.where(excused, _NOT_COUNTED, others)
    own = jnp.sum(wanted * items[targets], axis=-1) + bias[targets]
    surprise = jnp.logaddexp(jax.nn.logsumexp(others, axis=-1), own) - own
    total = jnp.sum(surprise * counted) / jnp.maximum(jnp.sum(counted), 1.0)
    return total, lax.stop_gradient(after)


# -- learning ----------------------------------------------------------------------------------------------


@partial(jax.jit, static_argnames=("scale", "dropout", "barred", "keeping"), donate_argnums=(0, 2))
def step(
    state: State,
    batch: Batch,
    memory: Array,
    drawn: Array,
    rate: Array,
    *,
    scale: float,
    dropout: float,
    barred: bool,
    keeping: float,
) -> tuple[State, Array, Array]:
    """One AdamW step on a batch: the new state, the memory to go on with, the loss.

    ``keeping``: how much of the average of the weights stays; it is less at first, so that the start is soon forgotten.
    """
    (found, after), slopes = jax.value_and_grad(loss, has_aux=True)(
        state.weights, batch, memory, drawn, scale, dropout, barred
    )
    length = jnp.sqrt(sum(jnp.sum(slope * slope) for slope in slopes.values()))
    shrink = jnp.minimum(1.0, _GRADIENT_MAX / (length + 1e-9))
    steps = state.steps + 1.0
    kept = jnp.minimum(keeping, (1.0 + steps) / (10.0 + steps))
    weights, first, second, average = {}, {}, {}, {}
    for name, own in state.weights.items():
        slope = slopes[name] * shrink
        first[name] = _BETA1 * state.first[name] + (1.0 - _BETA1) * slope
        second[name] = _BETA2 * state.second[name] + (1.0 - _BETA2) * slope * slope
        mean = first[name] / (1.0 - _BETA1**steps)
        spread = jnp.sqrt(second[name] / (1.0 - _BETA2**steps)) + _ADAM_EPSILON
        decay = _WEIGHT_DECAY if name in _MATRICES else 0.0
        weights[name] = own - rate * (mean / spread + decay * own)
        average[name] = state.average[name] + (1.0 - kept) * (weights[name] - state.average[name])
    return State(weights, first, second, average, steps), after, found


jax.tree_util.register_dataclass(
    Batch,
    data_fields=[
        "items", "going_on", "targets", "counted", "sampled", "first_met", "person", "place",
    ],
    meta_fields=[],
)  # fmt: skip
