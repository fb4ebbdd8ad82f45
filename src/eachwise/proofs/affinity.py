"""``eachwise prove affinity``: how near what is believed of a person comes to what they truly like.

In a shop whose truth is known, newcomers browse; after so many engagements their estimated tastes are laid beside the
true ones. Another thousand people taught the shop what people at large do. Estimates come from the code that serves.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Final

import msgspec
import numpy as np

from eachwise.catalog import build_index, parse_items, values_of_item
from eachwise.contracts.arrays import Bools, CatalogIndex, Floats
from eachwise.contracts.errors import InvalidInput
from eachwise.contracts.events import Action, Event, Meaning
from eachwise.contracts.individual import GENERAL, REFERENCE_S, SHOWN, Individual
from eachwise.events import meaning_of, parse_batch
from eachwise.individual import (
    ENGAGED,
    Population,
    Reference,
    affinity_vectors,
    facets_of,
    fold,
    kinship_of,
    multiples,
    reference_of,
)
from eachwise.maths.decay import seconds
from eachwise.proofs import report
from eachwise.proofs.report import Estimate, Proof
from eachwise.recommend import WINDOW, TasteStatistics, solve
from eachwise.recommend.models.affinity import taste_of
from eachwise.settings import AffinitySettings, Settings
from eachwise.worlds import FrozenFoodShop

# Estimators were tuned in worlds 1 to 6; what is reported are worlds that they never saw.
FIRST_SEED = 201
MARKS: Final = (3, 10, 40, 200)
PUBLIC = 1500
NEWCOMER_VISITS_PER_DAY, NEWCOMER_DAYS = 0.5, 300.0
PUBLIC_DAYS = 60.0
VEGAN, MEAT = "diet=vegan", "diet=meat"
OURS: Final = "individual:affinity"
COUNTS: Final = "reference:raw_counts"
SHARES: Final = "reference:raw_shares"
TARGET: Final = "reference:target_style"
ARMS: Final = (
    COUNTS,
    SHARES,
    TARGET,
    "reference:log_odds",
    "individual:no_kinship",
    "individual:no_exposures",
    "individual:no_absence",
    "individual:moment_only",
    "individual:both_horizons",
    OURS,
)
# Target-style scoring (docs/discussions/affinity.md): the first value, each click, a new value's cost to the others.
FIRST, CLICK, OTHERS, SESSION_END, SESSION_GAP_US = 10.0, 5.0, 1.0, 0.5, 1_800_000_000

Deed = tuple[Event, Meaning]


@dataclass(frozen=True, slots=True)
class _Shop:
    """A shop's catalogue as the engine sees it, what the public taught, and where each value of the truth stands."""

    index: CatalogIndex
    values_of: Mapping[str, tuple[str, ...]]
    expected: Floats
    together: Reference
    alone: Reference
    truth_columns: Sequence[int]


@dataclass(frozen=True, slots=True)
class _Sample:
    """One newcomer at one mark: each arm's estimates (V,), what is true (V,), and whether they are vegan."""

    mark: int
    estimates: dict[str, Floats]
    truth: Floats
    vegan: bool
    seed: int


def run(*, seeds: int, people: int, as_json: bool) -> Proof:
    """Prove it in worlds 201, 202 …, print the proof, and return it; progress goes to stderr.

    Raises ``InvalidInput`` for fewer than one seed or 40 people: then there may be no vegan among them.
    """
    if seeds < 1:
        raise InvalidInput("seeds must be at least 1", field="seeds")
    if people < 40:
        raise InvalidInput("people must be at least 40", field="people")
    proof = prove(range(FIRST_SEED, FIRST_SEED + seeds), people, PUBLIC)
    report.publish(proof, as_json=as_json)
    return proof


def prove(seeds: Sequence[int], people: int, public: int) -> Proof:
    """The proof over these worlds, with so many newcomers and so many who taught the shop in each."""
    samples: list[_Sample] = []
    for seed in seeds:
        report.progress(f"seed {seed}: {public:,} people teach, {people:,} newcomers browse")
        samples += _samples(seed, people, public)
    arms = {arm: _figures(arm, samples) for arm in ARMS}
    return Proof(
        proof="affinity",
        protocol=(
            f"frozen-food shop, {len(seeds)} worlds (seeds {seeds[0]}–{seeds[-1]}); {people:,} newcomers each, "
            f"measured after {', '.join(map(str, MARKS))} engagements (items viewed, added, bought); {public:,} "
            f"other people of {PUBLIC_DAYS:g} days teach what people at large do; rank correlation (Spearman) of the "
            "estimates with the true tastes over all values of a person, mean over people; auc: vegans told from "
            "others by the estimates for vegan less those for meat, mean over worlds; 95 % normal intervals"
        ),
        arms=arms,
        verdict=_verdict(arms),
    )


# -- the shop and its public -----------------------------------------------------------------------


def _shop(seed: int, public: int) -> _Shop:
    world = FrozenFoodShop(seed, people=public)
    body = msgspec.json.encode(world.items(), enc_hook=float)
    items, _ = parse_items(body)
    index = build_index(items, 1)
    carried = {item.item_id: values_of_item(item) for item in items}
    population, statistics, at_s = Population(), TasteStatistics(), 0.0
    newest: dict[str, list[str]] = {}
    for event, meaning in _deeds(world.history(world.settings.opened_at_s, PUBLIC_DAYS)):
        if meaning.action not in ENGAGED:
            continue
        at_s = seconds(event.occurred_at_us)
        before = newest.setdefault(event.anonymous_id or "", [])
        for line in meaning.lines:
            statistics.observe(before, line.item_id, at_s, meaning.weight)
            population.observe(carried[line.item_id], at_s, meaning.weight)
            before.insert(0, line.item_id)
        del before[WINDOW:]
    shares = population.shares()
    model = solve(
        statistics,
        version=1,
        item_ids=index.item_ids,
        expected=shares,
        neighbours_max=Settings().recommend.neighbours_max,
        now_s=at_s,
    )
    expected = np.array([shares.get(value, 0.0) for value in index.values])
    multiple = multiples(index)
    kin = kinship_of(model, index, facets_of(index.values, expected, multiple))
    return _Shop(
        index=index,
        values_of=carried,
        expected=expected,
        together=reference_of(index.values, expected, multiple, kin),
        alone=reference_of(index.values, expected, multiple),
        truth_columns=[world.values.index(value) for value in index.values],
    )


def _deeds(raw: Iterator[dict[str, object]]) -> Iterator[Deed]:
    """Raw events in batches, understood."""
    settings, batch = Settings(), []
    for event in raw:
        batch.append(event)
        if len(batch) == 500:
            yield from _understood(batch, settings)
            batch = []
    yield from _understood(batch, settings)


def _understood(batch: list[dict[str, object]], settings: Settings) -> Iterator[Deed]:
    parsed = parse_batch(
        {"batch": batch}, received_at_us=2**60, settings=settings, new_id=lambda: "none"
    )
    for event in parsed.events:
        yield event, meaning_of(event, settings.events)


# -- the newcomers ---------------------------------------------------------------------------------


def _samples(seed: int, people: int, public: int) -> Iterator[_Sample]:
    """Every newcomer at every mark that they reach."""
    shop = _shop(seed, public)
    world = FrozenFoodShop(seed, people=people, visits_per_day_mean=NEWCOMER_VISITS_PER_DAY)
    visits = world.visits(world.settings.opened_at_s, NEWCOMER_DAYS)
    order = np.lexsort((visits.t, visits.person))
    rows = zip(
        visits.person[order].tolist(),
        visits.t[order].tolist(),
        visits.number[order].tolist(),
        strict=True,
    )
    for person, own in groupby(rows, key=lambda row: row[0]):
        deeds = _deeds(event for _, t, number in own for event in world.visit(person, t, number))
        for mark, at_us, estimates in _watched(deeds, shop):
            truth = world.taste(person, at_us / 1e6)[list(shop.truth_columns)]
            yield _Sample(mark, estimates, truth, bool(world.is_vegan[person]), seed)


def _watched(deeds: Iterator[Deed], shop: _Shop) -> Iterator[tuple[int, int, dict[str, Floats]]]:
    """(mark, time, each arm's estimates) whenever a newcomer reaches a mark; nothing is read after the last one."""
    settings = AffinitySettings()
    state, target, engaged, marks = Individual(), _Target(len(shop.index.values)), 0, list(MARKS)
    for event, meaning in deeds:
        fold(state, event, meaning, lambda item_id: shop.values_of[item_id], settings)
        if meaning.action not in ENGAGED or not meaning.lines:
            continue
        if meaning.action is Action.VIEW:
            values = shop.values_of[meaning.lines[0].item_id]
            columns = [shop.index.value_of[value] for value in values]
            target.clicked(columns, event.occurred_at_us)
        engaged += len(meaning.lines)
        if engaged >= marks[0]:
            at_us = event.occurred_at_us
            yield marks.pop(0), at_us, _estimates(state, shop, at_us, target, settings)
            if not marks:
                return


class _Target:
    """A known product's scoring: +10 for a first value, +5 a click, −1 to the others, halved at a session's end."""

    def __init__(self, size: int) -> None:
        self.scores = np.zeros(size)
        self._last_us = 0

    def clicked(self, columns: Sequence[int], at_us: int) -> None:
        """One view of an item with these values."""
        if self._last_us and at_us - self._last_us > SESSION_GAP_US:
            self.scores *= SESSION_END
        self._last_us = at_us
        for column in columns:
            if self.scores[column] > 0.0:
                self.scores[column] += CLICK
            else:
                others = self.scores > 0.0
                self.scores[others] = np.maximum(self.scores[others] - OTHERS, 0.0)
                self.scores[column] = FIRST


def _estimates(
    state: Individual, shop: _Shop, at_us: int, target: _Target, settings: AffinitySettings
) -> dict[str, Floats]:
    """What each arm believes, (V,) each."""
    index = shop.index
    unshown = msgspec.structs.replace(
        state,
        affinity={
            value: [*entry[:SHOWN], 0.0, *entry[SHOWN + 1 :]]
            for value, entry in state.affinity.items()
        },
    )

    def read(of: Individual, reference: Reference | None) -> tuple[Floats, Floats]:
        found = affinity_vectors(
            of,
            index.value_of,
            len(index.values),
            shop.expected,
            at_us,
            settings,
            reference=reference,
        )
        return found.general, found.general / found.general_sd

    counts = np.zeros(len(index.values))
    for value, entry in state.affinity.items():
        if value in index.value_of:
            elapsed_s = seconds(at_us) - entry[REFERENCE_S]
            kept = 2.0 ** (-elapsed_s / settings.general_half_life_s)
            counts[index.value_of[value]] = entry[GENERAL] * kept
    found = affinity_vectors(
        state,
        index.value_of,
        len(index.values),
        shop.expected,
        at_us,
        settings,
        reference=shop.together,
    )
    ours = found.general
    whole = max(float(counts.sum()), 1e-9)
    return {
        COUNTS: counts,
        SHARES: counts / whole - shop.expected / max(float(shop.expected.sum()), 1e-9),
        TARGET: target.scores.copy(),
        "reference:log_odds": read(unshown, None)[1],
        "individual:no_kinship": read(state, shop.alone)[0],
        "individual:no_exposures": read(unshown, shop.together)[0],
        "individual:no_absence": np.where(counts > 0.0, ours, 0.0),
        "individual:moment_only": found.moment,
        "individual:both_horizons": taste_of(found),
        OURS: ours,
    }


# -- the figures -----------------------------------------------------------------------------------


def _figures(arm: str, samples: Sequence[_Sample]) -> dict[str, Estimate]:
    found: dict[str, Estimate] = {}
    for mark in MARKS:
        reached = [sample for sample in samples if sample.mark == mark]
        ranks = [rank_correlation(sample.estimates[arm], sample.truth) for sample in reached]
        if len(ranks) > 1:
            found[f"spearman@{mark}"] = report.mean(ranks)
    for mark in MARKS:
        found |= _vegan(arm, mark, samples)
    return found


def _vegan(arm: str, mark: int, samples: Sequence[_Sample]) -> dict[str, Estimate]:
    """The mean over worlds of the AUC, where a world has vegans and others who reached the mark."""
    areas = []
    for _, world in groupby(samples, key=lambda sample: sample.seed):
        reached = [sample for sample in world if sample.mark == mark]
        vegan = np.array([sample.vegan for sample in reached], dtype=bool)
        if vegan.any() and not vegan.all():
            areas.append(auc(_diet(arm, reached), vegan))
    if not areas:
        return {}
    middle = float(np.mean(areas))
    return {
        f"auc_vegan@{mark}": report.mean(areas)
        if len(areas) > 1
        else Estimate(middle, middle, middle)
    }


def _diet(arm: str, samples: Sequence[_Sample]) -> Floats:
    """What is believed of vegan less meat; the catalogues of all worlds have the same values in the same order."""
    return np.array([sample.estimates[arm] @ _CONTRAST for sample in samples])


def _contrast(values: Sequence[str]) -> Floats:
    return np.array([float(value == VEGAN) - float(value == MEAT) for value in values])


# The shop's 37 values in the order of a catalogue, which is that of their names.
_CONTRAST: Final = _contrast(sorted(FrozenFoodShop(FIRST_SEED, people=1, items=300).values))


def rank_correlation(one: Floats, other: Floats) -> float:
    """Spearman's ρ, equal values sharing their mean rank; 0 where one of the two does not vary."""
    left, right = ranks(one), ranks(other)
    left, right = left - left.mean(), right - right.mean()
    spread = float(np.sqrt((left @ left) * (right @ right)))
    return float(left @ right) / spread if spread > 0.0 else 0.0


def auc(scores: Floats, positive: Bools) -> float:
    """The chance that a positive scores above a negative, ties one half (Mann & Whitney)."""
    above, below = int(positive.sum()), int((~positive).sum())
    return (float(ranks(scores)[positive].sum()) - above * (above + 1) / 2) / (above * below)


def ranks(values: Floats) -> Floats:
    """Ranks from 1, equal values sharing their mean rank."""
    _, place, count = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(count)
    found: Floats = (last - (count - 1) / 2.0)[place]
    return found


def _verdict(arms: Mapping[str, Mapping[str, Estimate]]) -> str:
    """Who wins after few and after many engagements."""

    def at(arm: str, metric: str) -> float:
        return arms[arm][metric].value if metric in arms[arm] else float("nan")

    said = [
        f"{mark}: {at(OURS, f'spearman@{mark}'):.3f} beside {at(COUNTS, f'spearman@{mark}'):.3f} (counts), "
        f"{at(TARGET, f'spearman@{mark}'):.3f} (Target-style), "
        f"{at('reference:log_odds', f'spearman@{mark}'):.3f} (log-odds)"
        for mark in MARKS
    ]
    return "rank correlation with the true taste after so many engagements: " + "; ".join(said)
