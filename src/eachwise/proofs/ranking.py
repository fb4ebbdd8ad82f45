"""Full ranking: what the proofs on real people share. Every item is ranked, none is sampled, ties have one rule.

A question is one person just before one engagement; its answer is the rank of each relevant item among all N items. An
arm gives every question a score for every item. What a person met before is left out, unless repeats are allowed.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from eachwise.contracts.arrays import CatalogIndex, Floats, Ints
from eachwise.contracts.errors import InvalidInput
from eachwise.contracts.taste import Interactions, Parts, TrainedModel
from eachwise.proofs.report import Estimate, mean, progress
from eachwise.recommend.histories import history_before
from eachwise.recommend.models.base import DoesNotApply, Fitting, Frame
from eachwise.recommend.registry import MODELS

Say = Callable[[str], None]
# Questions whose scoring is timed, one at a time; the median is reported.
_TIMED = 200
_SAID_EVERY = 2000
# Learnt by gradient steps over minutes: no proof fits it a second time to show it alone.
SLOW_MODELS: Final = frozenset({"recurrent"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Questions:
    """Q questions. ``data`` holds the engagements asked about and all that came before each.

    places: (Q,) the engagement before which each is asked; begins: (Q,) where its person's engagements begin
    relevant: for each the rows that count as found; repeats: whether items met before are ranked too
    """

    data: Interactions
    places: Ints
    begins: Ints
    relevant: tuple[Ints, ...]
    repeats: bool = False

    def __len__(self) -> int:
        return len(self.places)

    def seen(self, number: int) -> Ints:
        """The rows that a question leaves out."""
        if self.repeats:
            return np.zeros(0, dtype=np.int64)
        return self.data.rows[self.begins[number] : self.places[number]].astype(np.int64)


# Scores of all items for one question, by arm; (N,) each.
Scorer = Callable[[int], Mapping[str, Floats]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Blends:
    """Arms that weigh the features of fitted models. Each model is scored once a question, by its one ``score``.

    parts: model → its arrays; weights: arm → feature → weight
    """

    questions: Questions
    parts: Mapping[str, Parts]
    weights: Mapping[str, Mapping[str, float]]

    def __call__(self, number: int) -> dict[str, Floats]:
        """Each arm's scores for one question."""
        data = self.questions.data
        place, begin = int(self.questions.places[number]), int(self.questions.begins[number])
        history = replace(history_before(data, place, begin), memo={})
        frame = Frame(len(data.item_ids))
        found = {arm: np.zeros(frame.size) for arm in self.weights}
        for name, parts in self.parts.items():
            features = MODELS[name].score(parts, history, frame)
            for column, feature in enumerate(MODELS[name].features):
                for arm, weights in self.weights.items():
                    if weights.get(feature):
                        found[arm] += weights[feature] * features[column]
        return found

    def only(self, arm: str) -> Blends:
        """The same for one arm, with the models that it weighs."""
        used = {
            feature.partition(".")[0] for feature, weight in self.weights[arm].items() if weight
        }
        return Blends(
            questions=self.questions,
            parts={name: parts for name, parts in self.parts.items() if name in used},
            weights={arm: self.weights[arm]},
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Popular:
    """An arm that gives everybody of a group the same: ``scores`` (groups, N), ``group`` (Q,)."""

    arm: str
    scores: Floats
    group: Ints

    def __call__(self, number: int) -> dict[str, Floats]:
        """The group's scores."""
        return {self.arm: self.scores[self.group[number]]}


Ranks = tuple[Ints, ...]  # for each question the ranks of its relevant items, 0 = first


def answer(
    questions: Questions, scorers: Iterable[Scorer], say: Say = progress
) -> dict[str, Ranks]:
    """Every arm's ranks for every question."""
    arms = list(scorers)
    found: dict[str, list[Ints]] = {}
    for number in range(len(questions)):
        seen, relevant = questions.seen(number), questions.relevant[number]
        for scorer in arms:
            for arm, scores in scorer(number).items():
                found.setdefault(arm, []).append(ranks(scores, relevant, seen))
        if (number + 1) % _SAID_EVERY == 0:
            say(f"ranked for {number + 1:,} of {len(questions):,}")
    return {arm: tuple(one) for arm, one in found.items()}


def ranks(scores: Floats, relevant: Ints, seen: Ints) -> Ints:
    """How many items stand above each relevant one: (N,), (R,), (S,) → (R,). Ties go to the lower row.

    What was seen is left out; a relevant item among it stands last.
    """
    ranked = scores
    if len(seen):
        ranked = np.array(scores, dtype=np.float64)
        ranked[seen] = -np.inf
    found = np.full(len(relevant), len(ranked), dtype=np.int64)
    for place, row in enumerate(relevant.tolist()):
        own = ranked[row]
        if np.isfinite(own):
            above, level = np.count_nonzero(ranked > own), np.count_nonzero(ranked[:row] == own)
            found[place] = above + level
    return found


def recall(found: Ranks, cutoff: int) -> Floats:
    """The share of a question's relevant items among the first ``cutoff``; (Q,)."""
    return np.array([(one < cutoff).mean() for one in found])


def ndcg(found: Ranks, cutoff: int) -> Floats:
    """Σ 1/log₂(rank + 2) over the relevant among the first ``cutoff``, by what the best order would give; (Q,)."""
    discounts = 1.0 / np.log2(np.arange(cutoff) + 2.0)
    ideal = np.cumsum(discounts)
    return np.array(
        [discounts[one[one < cutoff]].sum() / ideal[min(len(one), cutoff) - 1] for one in found]
    )


def mrr(found: Ranks, cutoff: int) -> Floats:
    """1 / (rank + 1) of the first relevant item where it is among the first ``cutoff``, else 0; (Q,)."""
    first = np.array([one.min(initial=np.iinfo(np.int64).max) for one in found])
    return np.where(first < cutoff, 1.0 / (first + 1.0), 0.0)


_METRICS: Final[dict[str, Callable[[Ranks, int], Floats]]] = {
    "recall": recall,
    "ndcg": ndcg,
    "mrr": mrr,
}


def samples(found: Ranks, metric: str) -> Floats:
    """One metric of every question, by a name such as ``ndcg@10``; (Q,). Raises ``InvalidInput`` for another name."""
    name, _, cutoff = metric.partition("@")
    if name not in _METRICS or not cutoff.isdigit():
        raise InvalidInput(f"no ranking is measured by {metric!r}", field="metric")
    return _METRICS[name](found, int(cutoff))


def figures(found: Ranks, metrics: Sequence[str]) -> dict[str, Estimate]:
    """Each metric's mean over the questions with its normal interval."""
    return {metric: mean(samples(found, metric)) for metric in metrics}


def score_us(questions: Questions, scorer: Scorer) -> float:
    """Median microseconds to score all items for one question, over 200 questions spread evenly."""
    spent = []
    for number in (
        np.linspace(0, len(questions) - 1, min(_TIMED, len(questions))).astype(int).tolist()
    ):
        started = time.perf_counter()
        scorer(number)
        spent.append(time.perf_counter() - started)
    return float(np.median(spent) * 1e6)


def fit_each(
    data: Interactions, catalog: CatalogIndex, names: Iterable[str], memory_bytes_max: int, say: Say
) -> tuple[dict[str, Parts], dict[str, float]]:
    """Models fitted one by one: their parts, and the processor seconds of each; what does not apply is left out."""
    parts: dict[str, Parts] = {}
    spent: dict[str, float] = {}
    fitting = Fitting(catalog=catalog, memory_bytes_max=memory_bytes_max, seed=0, say=say)
    for name in names:
        started = time.process_time()
        try:
            parts[name] = MODELS[name].fit(data, fitting)
        except DoesNotApply as reason:
            say(f"{name}: does not apply: {reason}")
            continue
        spent[name] = time.process_time() - started
    return parts, spent


def ablation(trained: TrainedModel) -> dict[str, dict[str, float]]:
    """What training found on its own validation data: the whole, then what is lost without each feature.

    Figures as in the training's report: of people who chose no weight for the whole, of everyone for the losses; the
    features that matter most come first.
    """
    report = trained.report
    found: dict[str, dict[str, float]] = {"the whole blend": dict(report.get("check", {}))}
    features: dict[str, dict[str, float]] = report.get("features", {})
    for name in sorted(features, key=lambda one: -features[one]["ndcg@10 lost"]):
        found[f"without {name}"] = dict(features[name])
    return found
