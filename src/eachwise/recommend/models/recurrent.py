"""What comes next in a sequence, by a neural net whose memory is linear and of fixed size: O(1) an event.

d dimensions, B blocks, N items. A block reads the items one after another, oldest first (h starts as the item's
embedding; unit(x) = x / √(mean x² + ε) is RMSNorm without its gain, which the matrices hold; Zhang & Sennrich 2019)::

    [v, u] = unit(h) · mix            c = λ ⊙ c + √(1 − λ) ⊙ v        h += (unit(c) ⊙ silu(u)) · out
    [a, b] = unit(h) · up                                            h += (silu(a) ⊙ b) · down

The c are the whole memory; each channel forgets at its own pace λ (a diagonal linear recurrence: Orvieto et al. 2023,
arXiv 2303.06349; gated feed-forward: Shazeer 2020, arXiv 2002.05202). What a person is likely to want next is
``unit(h) ⊙ final``; an item's score is its product with the item's own embedding, plus the item's bias.

Here only numpy: ``recurrent_fit`` trains it.
"""

from __future__ import annotations

from math import sqrt

import numpy as np
from numpy.typing import NDArray

from eachwise.contracts.arrays import Floats, Ints
from eachwise.contracts.errors import MissingExtra
from eachwise.contracts.taste import History, Interactions, Parts
from eachwise.maths.best import best
from eachwise.recommend.models.base import Fitting, Frame, Model

Vector = NDArray[np.float32]

_EPSILON = 1e-6
_REACH = 200
# An item explains another one when their embeddings point the same way: cosine, a little less for older items.
_ALIKE = 0.3
_AGEING = 0.97


def fit(data: Interactions, fitting: Fitting) -> Parts:
    """Train it; see ``recurrent_fit``. Raises ``MissingExtra`` without JAX, ``DoesNotApply`` on short sequences."""
    try:
        from eachwise.recommend.models import recurrent_fit  # noqa: PLC0415 — an extra: serving never loads JAX
    except ModuleNotFoundError:
        raise MissingExtra("JAX is not installed: pip install 'eachwise[train]'") from None
    return recurrent_fit.fit(data, fitting)


def begin(parts: Parts) -> Vector:
    """The memory of someone of whom nothing was read: (B, d) of zeros."""
    return np.zeros(parts["retain"].shape, dtype=np.float32)


def read(parts: Parts, memory: Vector, rows: NDArray[np.integer]) -> tuple[Vector, Vector]:
    """Read items (L ≥ 1), oldest first: the memory after them (B, d), and what is likely to come next (d,).

    L matrix products at once; only c's own line is a loop. Reading in one go or in parts gives the same to rounding.
    """
    retain, admit = parts["retain"], parts["admit"]
    mix, out, up, down = parts["mix"], parts["out"], parts["up"], parts["down"]
    blocks, d = retain.shape
    half = down.shape[1]
    after = np.empty_like(memory)
    hidden: Vector = parts["items"][rows if len(rows) > 1 else rows[0]] * parts["scale"]
    for block in range(blocks):
        unit, wide = _unit(hidden), mix[block]
        if block == blocks - 1 and hidden.ndim > 1:
            # Nobody reads the last block's earlier outputs: its values are all that is needed of them.
            values, hidden = unit @ wide[:, :d], hidden[-1]
            gate = unit[-1] @ wide[:, d:]
            held = _recur(values * admit[block], memory[block], retain[block])[-1]
        else:
            mixed = unit @ wide
            gate = mixed[..., d:]
            held = _recur(mixed[..., :d] * admit[block], memory[block], retain[block])
        after[block] = held if held.ndim == 1 else held[-1]
        hidden = hidden + (_unit(held) * _silu(gate)) @ out[block]
        raised = _unit(hidden) @ up[block]
        hidden = hidden + (_silu(raised[..., :half]) * raised[..., half:]) @ down[block]
    wanted: Vector = _unit(hidden) * parts["final"]
    return after, wanted


def _recur(values: Vector, before: Vector, retain: Vector) -> Vector:
    """c_t = λ ⊙ c_{t−1} + v_t, in place; (L, d), or (d,) for one."""
    if values.ndim == 1:
        values += retain * before
        return values
    kept = np.empty_like(before)
    for place in range(len(values)):
        value = values[place]
        np.multiply(retain, before, out=kept)
        value += kept
        before = value
    return values


def _unit(x: Vector) -> Vector:
    """x / √(mean x² + ε) along the last axis."""
    size = x.shape[-1]
    scaled: Vector
    if x.ndim == 1:  # numbers of Python's own: a fifth of the time
        scaled = x * (1.0 / sqrt(float(x.dot(x)) / size + _EPSILON))
    else:
        squares = np.einsum("ld,ld->l", x, x)
        scaled = x / np.sqrt(squares / size + _EPSILON)[:, None]
    return scaled


def _silu(x: Vector) -> Vector:
    """x · sigmoid(x), by the hyperbolic tangent: no exponential that overflows."""
    half: Vector = x * 0.5
    rising: Vector = np.tanh(half)
    rising *= half
    rising += half
    return rising


def score(parts: Parts, history: History, frame: Frame) -> Floats:
    """log p(next = i) up to a constant: the items' mean is 0; (1, C). 0 for everyone of whom nothing is known."""
    wanted = _wanted(parts, history)
    if wanted is None:
        return np.zeros((1, frame.size))
    items, bias = parts["items"], parts["bias"]
    if frame.rows is not None:
        items, bias = items[frame.rows], bias[frame.rows]
    scores = (items @ wanted + bias).astype(np.float64)
    return np.asarray(scores - float(parts["centre"] @ wanted))[None, :]


def _wanted(parts: Parts, history: History) -> Vector | None:
    """What is likely to come next, carried or read from the history (d,); None where there is nothing to read."""
    if history.carried is not None:
        carried: Vector = history.carried
        return carried
    rows = history.rows[history.weights > 0.0][::-1]
    return read(parts, begin(parts), rows)[1] if len(rows) else None


def reach(parts: Parts, history: History) -> Ints:
    """The likeliest to come next; of very many items, the likeliest of those that many engage with."""
    wanted = _wanted(parts, history)
    if wanted is None:
        return np.zeros(0, dtype=np.int64)
    if "head" not in parts:
        return best((parts["items"] @ wanted + parts["bias"]).astype(np.float64), _REACH)
    head = parts["head"]
    scores = parts["head_items"] @ wanted + parts["bias"][head]
    return np.asarray(head[best(scores.astype(np.float64), _REACH)], dtype=np.int64)


def explain(parts: Parts, history: History, row: int) -> int | None:
    """The item of the history whose embedding is most alike, newer ones first among nearly equal; None below .3."""
    rows = history.rows[history.weights > 0.0]
    rows, places = rows[rows != row], np.flatnonzero(rows != row)
    if not len(rows):
        return None
    items: Vector = parts["items"]
    own, seen = items[row], items[rows]
    lengths = np.linalg.norm(seen, axis=1) * np.linalg.norm(own) + _EPSILON
    alike = (seen @ own) / lengths * _AGEING**places
    first = int(alike.argmax())
    return int(rows[first]) if alike[first] >= _ALIKE else None


MODEL = Model(
    name="recurrent",
    features=("recurrent.score",),
    fit=fit,
    score=score,
    reach=reach,
    explain=explain,
)
