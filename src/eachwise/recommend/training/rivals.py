"""A new blend beside what it would take the place of, on the same engagements, ranked as in serving."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np

from eachwise.contracts.arrays import Floats, Ints
from eachwise.contracts.taste import History, Interactions, Purchases, TrainedModel
from eachwise.recommend.bound import default_blend
from eachwise.recommend.histories import history_before
from eachwise.recommend.models.base import Frame
from eachwise.recommend.registry import MODELS
from eachwise.recommend.training.features import Fitted, remembering
from eachwise.recommend.training.targets import Targets
from eachwise.settings import RecommendSettings

CUTOFF = 10
# Targets that are ranked; and fewer than these tell nothing of a rival.
COMPARED_MAX, COMPARED_MIN = 1_000, 50
_SAID_EVERY = 250
_Z_95 = 1.959964
# What ranks before the first training, by the settings' defaults.
UNTRAINED_BLEND: Final = default_blend(RecommendSettings())
NEW, POPULAR, UNTRAINED, IN_USE = "this blend", "popularity", "without training", "in use"


@dataclass(frozen=True, slots=True, kw_only=True)
class Contest:
    """Who is ranked on what: the fitted models, each blend's weights by feature, and the targets' numbers."""

    fitted: Fitted
    blends: Mapping[str, Mapping[str, float]]
    data: Interactions
    targets: Targets
    chosen: Ints


def compare(
    fitted: Fitted,
    blend: Mapping[str, float],
    data: Interactions,
    targets: Targets,
    rival: TrainedModel | None,
    say: Callable[[str], None],
) -> dict[str, Any]:
    """NDCG@10 of the new blend, of popularity, of ranking without training, and of the model in use; plain JSON data.

    All are blends of the same models, fitted on what came before the targets, whose people chose no weights: which
    blend is better does not hang on which was fitted later. Only where the model in use has models that the new one
    lacks is that one itself ranked, on the targets after the newest engagement that it was fitted on; then it is the
    fresher of the two.
    """
    chosen = np.flatnonzero(targets.checks)
    if len(chosen) > COMPARED_MAX:
        chosen = chosen[:: -(-len(chosen) // COMPARED_MAX)]
    blends = {NEW: blend, UNTRAINED: UNTRAINED_BLEND, POPULAR: {"trend.popular": 1.0}}
    in_use = rival is not None and rival.version > 0
    lacking: list[str] = []
    if rival is not None and in_use:
        lacking = sorted(_models_of(rival.blend) - set(fitted.parts))
        if not lacking:
            blends[IN_USE] = rival.blend
    contest = Contest(
        fitted=_fewer(fitted, blends), blends=blends, data=data, targets=targets, chosen=chosen
    )
    gains = _gains(contest, say)
    found: dict[str, Any] = {
        "targets": len(chosen),
        "ndcg@10": {name: float(each.mean()) if len(each) else 0.0 for name, each in gains.items()},
    }
    if rival is None or not in_use:
        return found
    new, old = gains[NEW], gains.get(IN_USE)
    if old is None:
        after = data.at_s[targets.places[chosen]] > float(rival.report.get("until_s", 0.0))
        chosen, new = chosen[after], new[after]
        old = _gains_of(rival, replace(contest, chosen=chosen))
    return found | {
        "in_use": {"version": rival.version, "lacking": lacking},
        "difference": _difference(new, old, targets.begins[chosen]),
    }


def _models_of(blend: Mapping[str, float]) -> set[str]:
    """The models that a blend weighs."""
    return {name.partition(".")[0] for name, weight in blend.items() if weight}


def _fewer(fitted: Fitted, blends: Mapping[str, Mapping[str, float]]) -> Fitted:
    """The models that any of the blends weighs."""
    used = set().union(*(_models_of(blend) for blend in blends.values()))
    return Fitted(parts={name: parts for name, parts in fitted.parts.items() if name in used})


def _gains(contest: Contest, say: Callable[[str], None]) -> dict[str, Floats]:
    """1 / log₂(rank + 1) of each target by each blend, 0 beyond ten; (T,) each."""
    names = contest.fitted.features
    weights = np.array(
        [[blend.get(name, 0.0) for name in names] for blend in contest.blends.values()]
    )
    count = len(contest.data.item_ids)
    found = np.zeros((len(weights), len(contest.chosen)))
    for line, number in enumerate(contest.chosen.tolist()):
        place, begin = int(contest.targets.places[number]), int(contest.targets.begins[number])
        history = remembering(contest.data, place, begin)
        frame = contest.fitted.frame(history, count)
        for blend, scores in enumerate(weights @ contest.fitted.score(history, frame)):
            found[blend, line] = _gain(_over_all(scores, frame), contest, place, begin)
        if (line + 1) % _SAID_EVERY == 0:
            say(f"compared on {line + 1:,} of {len(contest.chosen):,} engagements")
    return dict(zip(contest.blends, found, strict=True))


def _over_all(scores: Floats, frame: Frame) -> Floats:
    """A frame's scores over all items, −∞ elsewhere: what is no candidate is not shown; (N,)."""
    if frame.rows is None:
        return scores
    found = np.full(frame.count, -np.inf)
    found[frame.rows] = scores
    return found


def _gains_of(rival: TrainedModel, contest: Contest) -> Floats:
    """The same of a model with its own fits and its own rows; items that it does not know come last."""
    row_of = rival.row_of
    rows = np.array([row_of.get(each, -1) for each in contest.data.item_ids], dtype=np.int64)
    names = dict.fromkeys(name.partition(".")[0] for name in rival.blend)
    used = [name for name in names if name in MODELS and name in rival.parts]
    weights = [
        np.array([rival.blend.get(feature, 0.0) for feature in MODELS[name].features])
        for name in used
    ]
    frame = Frame(len(rival.item_ids))
    found = np.zeros(len(contest.chosen))
    for line, number in enumerate(contest.chosen.tolist()):
        place, begin = int(contest.targets.places[number]), int(contest.targets.begins[number])
        history = _in_rows(history_before(contest.data, place, begin), rows)
        scores = np.zeros(len(rival.item_ids))
        for name, weight in zip(used, weights, strict=True):
            scores += weight @ MODELS[name].score(rival.parts[name], history, frame)
        seen = (
            np.where(rows >= 0, scores[rows], -np.inf) if len(scores) else np.full(len(rows), 0.0)
        )
        found[line] = _gain(seen, contest, place, begin)
    return found


def _in_rows(history: History, rows: Ints) -> History:
    """A history in another model's rows; what that does not know is left out."""
    own = rows[history.rows]
    known = own >= 0
    return replace(
        history,
        rows=own[known],
        weights=history.weights[known],
        ages_s=history.ages_s[known],
        bought=history.bought[known],
        session=int(known[: history.session].sum()),
        purchases=_purchases_in_rows(history, rows),
    )


def _purchases_in_rows(history: History, rows: Ints) -> Purchases | None:
    bought = history.purchases
    if bought is None:
        return None
    own = rows[bought.rows]
    return Purchases(rows=own[own >= 0], ages_s=bought.ages_s[own >= 0])


def _gain(scores: Floats, contest: Contest, place: int, begin: int) -> float:
    """The gain of one target; ties count half. What the person had met is left out where people never come back."""
    data, target = contest.data, int(contest.data.rows[place])
    own = scores[target]
    above, level = scores > own, scores == own
    if not contest.targets.repeats:
        met = data.rows[begin:place]
        above[met] = level[met] = False
        level[target] = True
    rank = float(above.sum()) + 0.5 * (float(level.sum()) - 1.0)
    return 1.0 / float(np.log2(rank + 2.0)) if rank < CUTOFF and np.isfinite(own) else 0.0


def _difference(new: Floats, old: Floats, people: Ints) -> dict[str, Any]:
    """How much better the new one is, by person, with its 95 % interval; without figures where too little tells."""
    if len(new) < COMPARED_MIN:
        return {"targets": len(new)}
    _, person = np.unique(people, return_inverse=True)
    counts = np.bincount(person)
    mean = float((new - old).mean())
    # A person's targets hang together: the sums by person are what varies.
    sums = np.bincount(person, weights=new - old) - mean * counts
    spread = float(np.sqrt((sums**2).sum())) / len(new)
    return {
        "targets": len(new),
        "mean": mean,
        "interval": [mean - _Z_95 * spread, mean + _Z_95 * spread],
    }
