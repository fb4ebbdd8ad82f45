"""One decision from its inputs: the stages put together. A pure function, so that live and replay are one code."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from eachwise.catalog import showable
from eachwise.contracts.arrays import AffinityVectors, PropensityModel, TasteModel
from eachwise.contracts.decision import Inputs
from eachwise.contracts.individual import Individual
from eachwise.contracts.taste import TrainedModel
from eachwise.decide import Choice, Plan, Situation, decide_safely
from eachwise.flow.catalogue import Offers, Shelf
from eachwise.flow.hints import hints_of
from eachwise.flow.slates import Filler, wishes_of
from eachwise.individual import (
    affinity_vectors,
    consent_allows,
    engagement_score,
    order_summary,
    public_traits,
    stage_of,
    viewed_items,
)
from eachwise.recommend import PersonTaste, Ranking, mask_of, rank, reasons, spent
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """One person at one moment, as every placement of a request sees them."""

    state: Individual
    now_us: int
    affinity: AffinityVectors
    person: PersonTaste
    ranking: Ranking
    engagement: float
    stage: str
    lapsed: bool


def look(state: Individual, context: Mapping[str, Any], now_us: int, versions: Versions) -> Look:
    """Work out what hangs on the person and the moment alone."""
    settings, index = versions.settings, versions.shelf.index
    affinity = affinity_vectors(
        state,
        index.value_of,
        len(index.values),
        versions.shelf.expected(versions.taste),
        now_us,
        settings.affinity,
        reference=versions.shelf.reference(versions.taste),
        hints=hints_of(context, versions.shelf),
    )
    person = PersonTaste.of(state, affinity, now_us)
    engagement = engagement_score(state, now_us)
    stage, lapsed = stage_of(state, now_us, engagement, settings.stage)
    return Look(
        state=state,
        now_us=now_us,
        affinity=affinity,
        person=person,
        ranking=rank(person, versions.taste, index, settings.recommend, versions.trained),
        engagement=engagement,
        stage=stage,
        lapsed=lapsed,
    )


def choose(looked: Look, inputs: Inputs, versions: Versions, plan: Plan) -> Choice:
    """Decide for one placement. ``looked`` is at ``inputs.state``; nothing else of the person is read."""
    index = versions.shelf.index
    choice = decide_safely(situation_of(looked, inputs, versions, plan))
    for number, shown in enumerate(choice.items):
        row = index.row_of[shown.item_id]
        why = reasons(looked.ranking, row, looked.person, index)
        choice.items[number] = msgspec.structs.replace(shown, reasons=why)
    return choice


def situation_of(looked: Look, inputs: Inputs, versions: Versions, plan: Plan) -> Situation:
    """Everything that the decision for one placement is made from."""
    settings, state, now_us = versions.settings, looked.state, looked.now_us
    index, scores = versions.shelf.index, looked.ranking.scores
    placement = plan.layout.placement
    repeats = plan.layout.repeat_rules
    fill = Filler(
        state=state,
        shelf=versions.shelf,
        ranking=looked.ranking,
        scores=scores,
        settings=settings,
        wishes=wishes_of(settings.recommend),
        now_us=now_us,
        seed=inputs.seed,
    )
    return Situation(
        now_us=now_us,
        plan=plan,
        affinity=looked.affinity,
        showable=showable(index, now_us),
        scores=scores,
        settings=settings.decide,
        seed=inputs.seed,
        consent=consent_allows(
            state,
            placement.purpose,
            placement.channel,
            settings.consent,
            transactional=placement.transactional,
        ),
        context=inputs.context,
        stage=looked.stage,
        lapsed=looked.lapsed,
        engagement=looked.engagement,
        traits=public_traits(state.traits),
        contacts=state.contacts,
        reservations=inputs.reservations,
        hidden=state.hidden,
        declared={value: float(written.value) for value, written in state.declared.items()},
        engaged=mask_of(index, viewed_items(state)) if "never" in repeats else None,
        spent=spent(looked.person, versions.trained, index) if "learnt" in repeats else None,
        count=inputs.count,
        fill=fill,
        explored=inputs.explored,
        clv=inputs.clv,
        prices=inputs.prices,
        exhausted=inputs.exhausted,
        orders=order_summary(state, now_us) if plan.layout.ruled else None,
        last_seen_us=state.last_seen_us,
        taken=inputs.taken,
        earlier=inputs.earlier,
        only=inputs.only,
    )
