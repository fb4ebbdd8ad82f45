"""One decision from its inputs: the stages put together. A pure function, so that live and replay are one code."""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

from eachwise.catalog import showable
from eachwise.contracts.arrays import PropensityModel, TasteModel
from eachwise.contracts.decision import Inputs
from eachwise.contracts.individual import Individual
from eachwise.contracts.taste import TrainedModel
from eachwise.decide import Choice, Plan, Situation, decide
from eachwise.flow.catalogue import Offers, Shelf
from eachwise.flow.hints import hints_of
from eachwise.flow.slates import Filler, wishes_of
from eachwise.individual import (
    affinity_vectors,
    consent_allows,
    engagement_score,
    stage_of,
    viewed_items,
)
from eachwise.recommend import PersonTaste, mask_of, rank, reasons, spent
from eachwise.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Versions:
    """Everything a decision is made with besides the person: each at the version the record will name."""

    shelf: Shelf
    offers: Offers
    taste: TasteModel
    propensity: PropensityModel
    settings: Settings
    trained: TrainedModel | None = None


def choose(inputs: Inputs, state: Individual, versions: Versions, plan: Plan) -> Choice:
    """Decide for one placement. ``state`` is what ``inputs.state`` holds; nothing else of the person is read."""
    settings, now_us = versions.settings, inputs.now_us
    index = versions.shelf.index
    placement = versions.offers.placement(inputs.placement_id)
    expected = versions.shelf.expected(versions.taste)
    affinity = affinity_vectors(
        state,
        index.value_of,
        len(index.values),
        expected,
        now_us,
        settings.affinity,
        reference=versions.shelf.reference(versions.taste),
        hints=hints_of(inputs.context, versions.shelf),
    )
    person = PersonTaste.of(state, affinity, now_us)
    ranking = rank(person, versions.taste, index, settings.recommend, versions.trained)
    repeats = plan.layout.repeat_rules
    fill = Filler(
        state=state,
        shelf=versions.shelf,
        expected=expected,
        ranking=ranking,
        scores=ranking.scores,
        settings=settings,
        wishes=wishes_of(settings.recommend),
        now_us=now_us,
        seed=inputs.seed,
    )
    engagement = engagement_score(state, now_us)
    stage, lapsed = stage_of(state, now_us, engagement, settings.stage)
    choice = decide(
        Situation(
            now_us=now_us,
            plan=plan,
            affinity=affinity,
            showable=showable(index, now_us),
            scores=ranking.scores,
            settings=settings.decide,
            seed=inputs.seed,
            consent=consent_allows(state, placement.purpose, placement.channel, settings.consent),
            context=inputs.context,
            stage=stage,
            lapsed=lapsed,
            engagement=engagement,
            traits={name: written.value for name, written in state.traits.items()},
            contacts=state.contacts,
            reservations=inputs.reservations,
            hidden=state.hidden,
            declared={value: float(written.value) for value, written in state.declared.items()},
            engaged=mask_of(index, viewed_items(state)) if "never" in repeats else None,
            spent=spent(person, versions.trained, index) if "learnt" in repeats else None,
            count=inputs.count,
            fill=fill,
        )
    )
    for number, shown in enumerate(choice.items):
        why = reasons(ranking, index.row_of[shown.item_id], person, index)
        choice.items[number] = msgspec.structs.replace(shown, reasons=why)
    return choice
