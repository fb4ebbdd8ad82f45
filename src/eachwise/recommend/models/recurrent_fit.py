"""Training the recurrent net: where it starts, how long it learns, when it stops, how it goes on after an interruption.

The rate rises, stays, and falls at the end; what is served is the moving average of the weights. A part of the people
keep their newest engagement back: by how well the average foretells it the best epoch is chosen, and once that no
longer rises, or the time runs out, the rate falls and the training ends (warm-up, stable, decay: Hu et al. 2024, arXiv
2404.06395). Given its own earlier weights, a fit only goes on for a little while, on everything.

Imports JAX: see ``recurrent.fit``.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

import jax.numpy as jnp
import numpy as np

from eachwise.contracts.arrays import Floats, Ints
from eachwise.contracts.taste import Interactions, Parts
from eachwise.recommend.models import recurrent_net as net
from eachwise.recommend.models.base import DoesNotApply, Fitting
from eachwise.recommend.models.counting import transitions
from eachwise.recommend.models.recurrent import begin, read
from eachwise.recommend.models.recurrent_progress import Progress, fingerprint, load, save
from eachwise.recommend.models.recurrent_stream import Sequences, Shape, batches
from eachwise.recommend.models.spectral import space

# Batch, rate and what is masked were chosen on validation data of MovieLens-1M (docs/discussions/measured.md); the
# rest is usual for nets of this size.
DIMENSIONS = 64
BLOCKS = 2
ROWS, COLUMNS, SAMPLED = 8, 128, 512
RATE = 0.002
RATE_LAST = 0.02  # of RATE
KEEPING = 0.999
DROPOUT = 0.15
WARM_UP_STEPS = 300
EPOCHS_MAX = 16
EPOCHS_AGAIN = 2
RATE_AGAIN = 0.25  # of RATE
DECAY_SHARE = 0.2
PATIENCE = 3
# Embeddings start with this root mean square; the forward pass takes it off again.
SIZE_AT_START = 0.1

# Sequences too short for an order to be learnt, or too few, are left to the closed-form models: cautious, measured on
# baskets only (docs/discussions/measured.md).
MEDIAN_MIN = 12
ENGAGEMENTS_MIN = 20_000
# Below this share of repeated engagements, what a person has met is no wrong answer.
REPEATS_MAX = 0.05

CHECKED_PEOPLE_MAX = 2000
_CHECKED_SHARE = 1.0 / 3.0
_CHECKED_ITEMS = 100  # newest items of a history that is read to check
_CUTOFF = 10
_BYTES_A_WEIGHT = 4 * 6  # the weight, its slope, two moments, the average, one copy


def fit(data: Interactions, fitting: Fitting) -> Parts:
    """The net's arrays; see ``recurrent``. The same inputs give the same net, unless its time ran out.

    Raises ``DoesNotApply`` where sequences are short or few, or the weights would not fit into memory.
    """
    sequences = Sequences.of(data)
    count = len(data.item_ids)
    _applies(sequences, moments(data), count, fitting)
    shape = Shape(
        count=count,
        rows=ROWS,
        columns=COLUMNS,
        sampled=min(SAMPLED, count // 2),
        barred=sequences.repeats_share() < REPEATS_MAX,
    )
    earlier = fitting.earlier
    if earlier is not None and earlier["items"].shape == (count, DIMENSIONS):
        return _again(earlier, sequences, shape, fitting)
    return _course(data, sequences, shape, fitting)


def moments(data: Interactions) -> Ints:
    """At how many different times each person engaged, those of two engagements at least; (U,).

    What comes at one time, as the lines of an order do, has no order that a sequence model could learn.
    """
    owner = np.repeat(np.arange(data.people), np.diff(data.indptr))
    speaks = data.weights > 0.0
    owner, at_s = owner[speaks], data.at_s[speaks]
    first = np.ones(len(owner), dtype=np.bool_)
    first[1:] = (owner[1:] != owner[:-1]) | (at_s[1:] != at_s[:-1])
    lengths = np.bincount(owner, minlength=data.people)
    return np.bincount(owner[first], minlength=data.people)[lengths >= 2].astype(np.int64)


def _applies(sequences: Sequences, moments: Ints, count: int, fitting: Fitting) -> None:
    if len(sequences.rows) < ENGAGEMENTS_MIN:
        raise DoesNotApply(
            f"{len(sequences.rows):,} engagements in sequences, fewer than {ENGAGEMENTS_MIN:,}"
        )
    median = float(np.median(moments))
    if median < MEDIAN_MIN:
        raise DoesNotApply(
            f"half of the people engaged at {median:g} different times at most; {MEDIAN_MIN} are needed"
        )
    needed = _BYTES_A_WEIGHT * (DIMENSIONS + 1) * count
    if needed > fitting.memory_bytes_max:
        raise DoesNotApply(f"the weights of {count:,} items would take {needed:,} bytes")


def _course(data: Interactions, sequences: Sequences, shape: Shape, fitting: Fitting) -> Parts:
    """Train until the held-back engagements are foretold no better; the best epoch's average."""
    check, kept = _held_back(sequences, not shape.barred, fitting.seed)
    steps = shape.steps(int((kept.lengths - 1).sum()))
    mark = fingerprint(kept, fitting.seed, (EPOCHS_MAX, ROWS, COLUMNS, SAMPLED, DIMENSIONS, BLOCKS))
    progress = load(fitting.work, mark)
    if progress is None:
        weights = net.new_weights(
            _start(data, shape.count, fitting),
            _log_counts(kept, shape.count),
            BLOCKS,
            np.random.default_rng([fitting.seed, 3]),
        )
        falls_at = EPOCHS_MAX - max(1, round(DECAY_SHARE * EPOCHS_MAX))
        progress = Progress(state=net.begin(weights), falls_at=falls_at, ends_at=EPOCHS_MAX)
    else:
        fitting.say(f"recurrent: goes on after epoch {progress.epoch}")
    while progress.epoch < progress.ends_at:
        began = time.monotonic()
        generator = np.random.default_rng([fitting.seed, 4, progress.epoch])
        rates = _rates(progress, steps)
        progress.state, loss = _pass(progress.state, kept, shape, rates, generator)
        progress.epoch += 1
        parts = net.to_parts(progress.state.average, 1.0 / SIZE_AT_START)
        quality = foretold(parts, check)
        took_s = time.monotonic() - began
        progress.spent_s += took_s
        if quality > progress.best:
            progress.best, progress.best_epoch, progress.kept = quality, progress.epoch, parts
        fitting.say(
            f"recurrent: epoch {progress.epoch} of at most {progress.ends_at}: NDCG@10 {quality:.4f} on "
            f"{len(check.targets):,} engagements held back, loss {loss:.3f}, {took_s:.0f} s"
        )
        _plan(progress, fitting.minutes_max * 60.0, took_s)
        save(fitting.work, mark, progress)
    return progress.kept


def _plan(progress: Progress, seconds_max: float, epoch_s: float) -> None:
    """Let the rate fall from here where the net gets no better, or the time is just enough for it to fall."""
    if progress.epoch >= progress.falls_at:
        return
    fall = max(1, round(DECAY_SHARE * (progress.epoch + 1)))
    stale = progress.epoch - progress.best_epoch >= PATIENCE
    late = progress.spent_s + (fall + 1) * epoch_s > seconds_max
    if stale or late:
        progress.falls_at, progress.ends_at = progress.epoch, progress.epoch + fall


def _again(earlier: Parts, sequences: Sequences, shape: Shape, fitting: Fitting) -> Parts:
    """A few more passes from weights that know most of it, at a low rate that falls to the end."""
    progress = Progress(state=net.begin(net.from_parts(earlier)), falls_at=0, ends_at=EPOCHS_AGAIN)
    steps = shape.steps(int((sequences.lengths - 1).sum()))
    while progress.epoch < EPOCHS_AGAIN:
        generator = np.random.default_rng([fitting.seed, 5, progress.epoch])
        rates = RATE_AGAIN * _rates(progress, steps)
        progress.state, loss = _pass(progress.state, sequences, shape, rates, generator)
        progress.epoch += 1
        fitting.say(
            f"recurrent: again on everything, {progress.epoch} of {EPOCHS_AGAIN}: loss {loss:.3f}"
        )
    return net.to_parts(progress.state.average, 1.0 / SIZE_AT_START)


def _rates(progress: Progress, steps: int) -> Floats:
    """The learning rate of each step of the next epoch; (steps,)."""
    step = progress.epoch * steps + np.arange(steps)
    rising = np.minimum((step + 1.0) / WARM_UP_STEPS, 1.0)
    left = (progress.ends_at * steps - step) / ((progress.ends_at - progress.falls_at) * steps)
    return RATE * rising * np.clip(left, RATE_LAST, 1.0)


def _pass(
    state: net.State,
    sequences: Sequences,
    shape: Shape,
    rates: Floats,
    generator: np.random.Generator,
) -> tuple[net.State, float]:
    """One epoch: the state after it, and the mean loss."""
    memory = jnp.zeros((BLOCKS, shape.rows, DIMENSIONS), jnp.float32)
    drawn_shape = (2 * BLOCKS + 1, shape.rows * shape.columns, DIMENSIONS)
    losses = []
    for batch, rate in zip(batches(sequences, shape, generator), rates, strict=True):
        drawn = np.frombuffer(generator.bytes(int(np.prod(drawn_shape))), dtype=np.uint8)
        state, memory, loss = net.step(
            state,
            batch,
            memory,
            drawn.reshape(drawn_shape),
            np.float32(rate),
            scale=1.0 / SIZE_AT_START,
            dropout=DROPOUT,
            barred=shape.barred,
            keeping=KEEPING,
        )
        losses.append(loss)
    return state, float(np.mean([float(loss) for loss in losses]))


# -- where it starts, and what it is judged by ---------------------------------------------------------------


def _start(data: Interactions, count: int, fitting: Fitting) -> net.Matrix:
    """Embeddings (N, d): the leading singular vectors but the first of the normalised √(K1 + K1ᵀ), of equal length."""
    counts = transitions(data, fitting, "near")
    both = (counts + counts.T).tocsr().sqrt()
    scale = 1.0 / np.sqrt(np.maximum(np.asarray(both.sum(axis=1)).ravel(), 1e-9))
    own = np.repeat(scale, np.diff(both.indptr))
    both.data = (both.data * own * scale[both.indices]).astype(np.float32)
    # The first one says how popular an item is, and the bias knows that.
    found = space(both, DIMENSIONS + 1, fitting.seed)[:, 1:]
    items = np.zeros((count, DIMENSIONS), np.float32)
    items[:, : found.shape[1]] = found
    lengths = np.linalg.norm(items, axis=1, keepdims=True)
    unit = items / np.where(lengths > 1e-9, lengths, 1.0)
    return np.asarray(unit * SIZE_AT_START * np.sqrt(DIMENSIONS), dtype=np.float32)


def _log_counts(sequences: Sequences, count: int) -> net.Matrix:
    """log(1 + engagements) less its mean: what an item's bias starts from; (N,)."""
    found = np.log1p(np.bincount(sequences.rows, minlength=count))
    return np.asarray(found - found.mean(), dtype=np.float32)


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """What a net is judged by: histories (rows, oldest first) and what came next (P,).

    ``repeats``: whether it may be an item of the history.
    """

    histories: list[Ints]
    targets: Ints
    repeats: bool


def _held_back(sequences: Sequences, repeats: bool, seed: int) -> tuple[Check, Sequences]:
    """The newest engagement of some people with three or more, and the sequences without these."""
    able = np.flatnonzero(sequences.lengths >= 3)
    most = min(CHECKED_PEOPLE_MAX, int(np.ceil(_CHECKED_SHARE * len(sequences.lengths))))
    generator = np.random.default_rng([seed, 6])
    people = np.sort(generator.choice(able, min(most, len(able)), replace=False))
    ends = sequences.indptr[people + 1] - 1
    starts = np.maximum(sequences.indptr[people], ends - _CHECKED_ITEMS)
    histories = [
        sequences.rows[start:end].astype(np.int64)
        for start, end in zip(starts.tolist(), ends.tolist(), strict=True)
    ]
    targets = sequences.rows[ends].astype(np.int64)
    check = Check(histories=histories, targets=targets, repeats=repeats)
    return check, sequences.without_last(people)


def foretold(parts: Parts, check: Check) -> float:
    """NDCG@10 of what came next, among all items, by the function that serves."""
    gains = []
    for history, target in zip(check.histories, check.targets.tolist(), strict=True):
        wanted = read(parts, begin(parts), history)[1]
        scores = parts["items"] @ wanted + parts["bias"]
        own = scores[target]
        if not check.repeats:
            scores[history] = -np.inf
        rank = int((scores > own).sum())
        gains.append(1.0 / np.log2(rank + 2.0) if rank < _CUTOFF else 0.0)
    return float(np.mean(gains))
