"""Every model's features at the items that matter for one target after another; memory is bounded by what is kept."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from eachwise.contracts.arrays import Bools, Floats, Ints
from eachwise.contracts.taste import History, Interactions, Parts
from eachwise.recommend.histories import history_before
from eachwise.recommend.models.base import Frame
from eachwise.recommend.registry import MODELS
from eachwise.recommend.training.options import TrainingOptions
from eachwise.recommend.training.targets import Targets

_SAID_EVERY = 1000
# Above so many items only what the models reach is ranked, as in serving a large catalogue.
RANK_ALL_MAX = 5_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Fitted:
    """Models fitted on what came before the targets."""

    parts: Mapping[str, Parts]

    @property
    def features(self) -> tuple[str, ...]:
        """The features' names (F,), by model, in the order in which ``score`` gives them."""
        return tuple(name for model in self.parts for name in MODELS[model].features)

    def score(self, history: History, frame: Frame) -> Floats:
        """All features of a frame's items for one person; (F, C)."""
        return np.concatenate(
            [MODELS[name].score(parts, history, frame) for name, parts in self.parts.items()]
        )

    def frame(self, history: History, count: int) -> Frame:
        """All items where they are few, else those that any model reaches."""
        if count <= RANK_ALL_MAX:
            return Frame(count)
        marked = np.zeros(count, dtype=np.bool_)
        for name, parts in self.parts.items():
            reach = MODELS[name].reach
            if reach is not None:
                marked[reach(parts, history)] = True
        return Frame.of(count, np.flatnonzero(marked))


def remembering(data: Interactions, place: int, begin: int) -> History:
    """The history before an engagement, which keeps what one model reads of it for the next."""
    return replace(history_before(data, place, begin), memo={})


@dataclass(frozen=True, slots=True, kw_only=True)
class Examples:
    """Targets among other items.

    features: (T, C, F) float32; target: (T,) the target's place among the C, −1 where it is not there;
    valid: (T, C) False where a row is padding
    """

    features: NDArray[np.float32]
    target: Ints
    valid: Bools

    def of(self, chosen: Bools | Ints) -> Examples:
        """Some of the targets."""
        return Examples(
            features=self.features[chosen], target=self.target[chosen], valid=self.valid[chosen]
        )

    def narrow(self, stays: Bools) -> Examples:
        """Some of the features."""
        features = np.ascontiguousarray(self.features[:, :, stays])
        return Examples(features=features, target=self.target, valid=self.valid)


def sampled(
    fitted: Fitted, data: Interactions, targets: Targets, chosen: Ints, options: TrainingOptions
) -> Examples:
    """Each chosen target (first in its row) beside uniformly drawn items that the person had not met."""
    count = len(data.item_ids)
    generator = np.random.default_rng([options.seed, 1])
    width = 1 + min(options.negatives, count - 1)
    features = np.zeros((len(chosen), width, len(fitted.features)), np.float32)
    valid = np.zeros((len(chosen), width), np.bool_)
    for line, number in enumerate(chosen.tolist()):
        place, begin = int(targets.places[number]), int(targets.begins[number])
        target = int(data.rows[place])
        barred = [target] if targets.repeats else [target, *data.rows[begin:place].tolist()]
        others = generator.choice(count, min(count, width + len(barred)), replace=False)
        others = others[~np.isin(others, barred)][: width - 1]
        rows = np.concatenate([[target], others])
        order = np.argsort(rows)
        history = remembering(data, place, begin)
        features[line, order] = fitted.score(history, Frame.of(count, rows[order])).T
        valid[line, : len(rows)] = True
    return Examples(features=features, target=np.zeros(len(chosen), dtype=np.int64), valid=valid)


def leading(
    fitted: Fitted,
    data: Interactions,
    targets: Targets,
    weights: Floats,
    options: TrainingOptions,
    say: Callable[[str], None],
) -> Examples:
    """Each target among the items that a blend ranks first; a target that is not among them has the place −1."""
    count, size = len(data.item_ids), len(targets.places)
    width = min(options.leading, count)
    features = np.zeros((size, width, len(fitted.features)), np.float32)
    valid = np.zeros((size, width), np.bool_)
    target_at = np.full(size, -1, dtype=np.int64)
    for line in range(size):
        place, begin = int(targets.places[line]), int(targets.begins[line])
        history = remembering(data, place, begin)
        frame = fitted.frame(history, count)
        found = fitted.score(history, frame)
        blend = weights @ found
        if not targets.repeats:
            met = data.rows[begin:place]
            at = met if frame.place is None else frame.place[met]
            blend[at[at >= 0]] = -np.inf
        kept = _first(blend, width)
        features[line, : len(kept)] = found[:, kept].T
        valid[line, : len(kept)] = True
        rows = kept if frame.rows is None else frame.rows[kept]
        hit = np.flatnonzero(rows == data.rows[place])
        if len(hit):
            target_at[line] = hit[0]
        if (line + 1) % _SAID_EVERY == 0:
            say(f"blend: scored {line + 1:,} of {size:,} targets")
    return Examples(features=features, target=target_at, valid=valid)


def _first(scores: Floats, width: int) -> Ints:
    """The places of the highest finite scores, ascending."""
    if width < len(scores):
        kept = np.argpartition(-scores, width - 1)[:width]
        kept.sort()
    else:
        kept = np.arange(len(scores))
    return kept[np.isfinite(scores[kept])]
