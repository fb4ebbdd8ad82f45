"""``prove calibration``: how near a slate comes to the person's own mix of genres, and what that costs in accuracy.

Validation of MovieLens-1M: each person's last item is left out, the one before it is the target. All closed-form
models are trained on what came before (``train``), their blend ranks everything that the person has not met, and
``recommend.slate`` fills ten slots at several strengths λ. Mix and masses are read from a state that was folded event
by event, as in serving. KL is Steck's (2018, α = .01) between the person's genres, each item once a genre, and the
slate's.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np

from eachwise.catalog import values_of_item
from eachwise.contracts.arrays import CatalogIndex, Floats, Ints
from eachwise.contracts.events import Action, Event, Line, Meaning
from eachwise.contracts.individual import Individual
from eachwise.contracts.taste import Interactions
from eachwise.individual import fold
from eachwise.maths.best import best
from eachwise.maths.decay import MICROSECONDS
from eachwise.proofs.movielens import load
from eachwise.proofs.ranking import SLOW_MODELS, Blends, Questions
from eachwise.proofs.report import Estimate, Proof, mean, progress, publish
from eachwise.recommend import (
    MODELS,
    Mix,
    Stock,
    Wishes,
    counted,
    divergence,
    entries_of,
    facets_of,
    likeness_of,
    mix_of,
    slate,
    tastes_of,
)
from eachwise.recommend.calibration import ALPHA, Tastes
from eachwise.recommend.slate import pool_size
from eachwise.settings import AffinitySettings, RecommendSettings

SLOTS = 10
FACET = "genre"
STRENGTHS: Final = (0.1, 0.2, 0.3, 0.5, 0.8)
DIVERSITIES: Final = (0.1, 0.5)
PLAIN, BLEND = "individual:top_10", "individual:blend"
LONG = "individual:calibrated_long_horizon"
# The data have an order and no times: ten minutes from item to item, everyone's last at one moment.
_SPACING_S = 600.0
_END_S = 1_000_000_000.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One person's question: scores (N,) of all items, −inf for those met; the target; the person's history."""

    scores: Floats
    target: int
    history: Ints


def run(path: Path, *, as_json: bool = False, users: int | None = None, seed: int = 0) -> Proof:
    """Run the proof on a folder such as ml-1m, print it, and return it. ``users`` asks that many at random.

    Raises ``MissingExtra`` without polars, ``InvalidInput`` where the folder does not hold the data.
    """
    data = load(path)
    people = np.arange(len(data.histories))
    if users is not None and users < len(people):
        people = np.sort(np.random.default_rng(seed).choice(people, users, replace=False))
    questions = _questions(data.catalog, data.histories, people)
    blend = _blend(questions, data.catalog)
    measure = _Measure(data.catalog, _popularity(questions))
    for number, person in enumerate(people.tolist()):
        measure.ask(_asked(blend, questions, number), data.histories[person][:-2])
        if (number + 1) % 1000 == 0:
            progress(f"calibration: {number + 1:,} of {len(people):,} people")
    proof = Proof(
        proof="calibration",
        protocol=_protocol(len(people), data.catalog),
        arms=measure.figures(),
        verdict=measure.verdict(),
    )
    publish(proof, as_json=as_json)
    return proof


def _questions(catalog: CatalogIndex, histories: tuple[Ints, ...], people: Ints) -> Questions:
    """Each asked person just before the last item but one; everyone's engagements up to there."""
    rows = [history[:-1] for history in histories]
    lengths = np.array([len(one) for one in rows])
    indptr = np.concatenate([[0], np.cumsum(lengths)])
    ago = np.concatenate([np.arange(length)[::-1] for length in lengths.tolist()])
    data = Interactions(
        item_ids=catalog.item_ids,
        indptr=indptr,
        rows=np.concatenate(rows).astype(np.int32),
        at_s=_END_S - _SPACING_S * ago,
        weights=np.ones(len(ago), np.float32),
        bought=np.zeros(len(ago), np.bool_),
    )
    places = indptr[1:][people] - 1
    return Questions(
        data=data,
        places=places,
        begins=indptr[:-1][people],
        relevant=tuple(data.rows[places][:, None].astype(np.int64)),
    )


def _blend(questions: Questions, catalog: CatalogIndex) -> Blends:
    """The blend that ``train`` makes of what came before every target."""
    from eachwise.recommend.training import TrainingOptions, train  # noqa: PLC0415 — loads scipy

    started = time.process_time()
    models = tuple(name for name in MODELS if name not in SLOW_MODELS)
    before = questions.data.before(_END_S)
    model = train(before, catalog, TrainingOptions(models=models), version=1, say=progress)
    progress(f"calibration: trained in {time.process_time() - started:.0f} s of processor time")
    return Blends(questions=questions, parts=model.parts, weights={BLEND: model.blend})


def _asked(blend: Blends, questions: Questions, number: int) -> Asked:
    scores = blend(number)[BLEND]
    seen = questions.seen(number)
    scores[seen] = -np.inf
    return Asked(scores=scores, target=int(questions.relevant[number][0]), history=seen)


def _popularity(questions: Questions) -> Floats:
    """How often each item was met before the targets; (N,)."""
    before = questions.data.before(_END_S)
    return np.bincount(before.rows, minlength=len(before.item_ids)).astype(np.float64)


class _Measure:
    """Fills each person's slates in every way, and keeps what came of it."""

    def __init__(self, catalog: CatalogIndex, popularity: Floats) -> None:
        self._catalog = catalog
        self._popularity = popularity
        self._stock = Stock(
            catalog=catalog, facets=facets_of(catalog, (FACET,)), likeness=likeness_of(catalog)
        )
        self._values = {item.item_id: values_of_item(item) for item in catalog.items}
        self._gains: dict[str, list[float]] = {}
        self._misses: dict[str, list[float]] = {}
        self._spent: dict[str, list[float]] = {}

    def ask(self, asked: Asked, history: Ints) -> None:
        """One person: the slates of every arm."""
        own = self._own(history)
        rows = np.flatnonzero(np.isfinite(asked.scores))
        mix = self._mix(history)
        for arm, wishes in _arms():
            started = time.perf_counter()
            slots = slate(self._stock, rows, asked.scores, mix, wishes, SLOTS)
            self._spent.setdefault(arm, []).append(time.perf_counter() - started)
            self._note(arm, np.array([slot.row for slot in slots]), asked.target, own)
        usual = RecommendSettings().calibration
        slots = slate(
            self._stock,
            rows,
            asked.scores,
            self._mix(history, moment=False),
            _wishes(usual, 0.0),
            SLOTS,
        )
        self._note(LONG, np.array([slot.row for slot in slots]), asked.target, own)
        for strength in STRENGTHS:
            chosen = _steck(self._stock, rows, asked.scores, mix, strength)
            self._note(steck(strength), chosen, asked.target, own)
        unseen = np.where(np.isfinite(asked.scores), self._popularity, -np.inf)
        self._note("blanket", best(unseen, SLOTS), asked.target, own)

    def _note(self, arm: str, slate_rows: Ints, target: int, own: Mix) -> None:
        found = np.flatnonzero(slate_rows == target)
        self._gains.setdefault(arm, []).append(
            1.0 / float(np.log2(found[0] + 2.0)) if len(found) else 0.0
        )
        _, columns = entries_of(self._catalog, slate_rows)
        counts = counted(self._stock.facets, columns)
        self._misses.setdefault(arm, []).append(divergence(own, counts))

    def _mix(self, history: Ints, *, moment: bool = True) -> Mix:
        """The mix that serving would hold the person's slates to, or that of the long horizon alone."""
        facets = self._stock.facets
        now_us = int(_END_S) * MICROSECONDS
        tastes = tastes_of(self._state(history), facets, now_us, AffinitySettings())
        if not moment:
            tastes = replace(tastes, any_moment=0.0)
        return mix_of(facets, tastes, np.zeros(len(facets.columns)), 0.0)

    def _state(self, history: Ints) -> Individual:
        """The person's state, folded from a view of each item."""
        state = Individual()
        end = len(history)
        for position, row in enumerate(history.tolist()):
            item_id = self._catalog.item_ids[row]
            at_us = int(_END_S - _SPACING_S * (end - position)) * MICROSECONDS
            event = Event(
                message_id=f"{position}", kind="track", occurred_at_us=at_us, received_at_us=at_us
            )
            meaning = Meaning(action=Action.VIEW, weight=1.0, lines=(Line(item_id),))
            fold(state, event, meaning, self._values.__getitem__, AffinitySettings())
        return state

    def _own(self, history: Ints) -> Mix:
        """The person's mix itself: every item of the history alike, nothing of the population in it."""
        facets = self._stock.facets
        _, columns = entries_of(self._catalog, history)
        none = np.zeros(len(facets.columns))
        tastes = Tastes(
            general=counted(facets, columns),
            moment=none,
            shown=none,
            any_general=float(len(history)),
            any_moment=0.0,
            any_shown=0.0,
        )
        return mix_of(facets, tastes, none, 0.0)

    def figures(self) -> dict[str, dict[str, Estimate]]:
        """Each arm's NDCG@10 and KL@10."""
        order = ["blanket", *sorted(arm for arm in self._gains if arm != "blanket")]
        return {
            arm: {"ndcg@10": mean(self._gains[arm]), "kl@10": mean(self._misses[arm])}
            for arm in order
        }

    def verdict(self) -> str:
        """What the default strength changes."""
        strength = RecommendSettings().calibration
        arm = calibrated(strength)
        lost = mean(np.array(self._gains[arm]) - np.array(self._gains[PLAIN]))
        before, after = mean(self._misses[PLAIN]).value, mean(self._misses[arm]).value
        gain = mean(self._gains[PLAIN]).value
        spent = {name: float(np.median(times)) * 1e6 for name, times in self._spent.items()}
        return (
            f"λ = {strength:g}: KL to the person's mix {before:.3f} → {after:.3f} "
            f"({100.0 * (after / before - 1.0):+.0f} %), NDCG@10 {100.0 * lost.value / gain:+.1f} % "
            f"[{100.0 * lost.low / gain:+.1f}, {100.0 * lost.high / gain:+.1f}]; "
            f"a slate takes {spent[arm]:.0f} µs, the plain top ten {spent[PLAIN]:.0f} µs"
        )


def _arms() -> Iterator[tuple[str, Wishes]]:
    """Every way to fill a slate: plain, by strength of calibration, by strength of diversity."""
    yield PLAIN, _wishes(0.0, 0.0)
    for strength in STRENGTHS:
        yield calibrated(strength), _wishes(strength, 0.0)
    usual = RecommendSettings().calibration
    for diversity in DIVERSITIES:
        yield f"individual:diverse_{_code(diversity)}", _wishes(usual, diversity)


def _wishes(calibration: float, diversity: float) -> Wishes:
    return Wishes(
        calibration=calibration, diversity=diversity, trial=0.0, run_max=0, run_attributes=()
    )


def calibrated(strength: float) -> str:
    """The arm of this strength."""
    return f"individual:calibrated_{_code(strength)}"


def steck(strength: float) -> str:
    """The arm that weighs KL as Steck does."""
    return f"reference:steck_{_code(strength)}"


def _code(strength: float) -> str:
    """0.25 as ``025``: arms' names have no points."""
    return f"{strength:.2f}".replace(".", "")


def _steck(stock: Stock, rows: Ints, scores: Floats, mix: Mix, strength: float) -> Ints:
    """Ten slots by Steck's own objective, (1 − λ)·Σ s − λ·KL(p ‖ q̃), each item's weight shared by its genres."""
    pool = rows[best(scores[rows], pool_size(SLOTS))]
    facets = stock.facets
    carries = np.zeros((len(pool), len(facets.columns)))
    for place, row in enumerate(pool.tolist()):
        _, columns = entries_of(stock.catalog, np.array([row]))
        carries[place] = counted(facets, columns)
    carries /= np.maximum(carries.sum(axis=1, keepdims=True), 1.0)
    target = mix.target
    told = target > 0.0
    given = np.zeros(len(target))
    chosen: list[int] = []
    worth = (1.0 - strength) * scores[pool]
    for _ in range(SLOTS):
        shares = given + carries
        shares /= np.maximum(shares.sum(axis=1, keepdims=True), 1e-12)
        shares = (1.0 - ALPHA) * shares + ALPHA * target
        miss = (target[told] * np.log(target[told] / shares[:, told])).sum(axis=1)
        value = worth - strength * miss
        value[chosen] = -np.inf
        taken = int(value.argmax())
        chosen.append(taken)
        given += carries[taken]
    found: Ints = pool[np.array(chosen)]
    return found


def _protocol(people: int, catalog: CatalogIndex) -> str:
    return (
        f"validation: the last item but one of {people:,} people, {len(catalog.item_ids):,} items "
        f"ranked, history excluded; slates of {SLOTS} by the blend of all closed-form models; mix over "
        f"{FACET}; KL by Steck with α = {ALPHA:g}; intervals: normal over people, 95 %"
    )
