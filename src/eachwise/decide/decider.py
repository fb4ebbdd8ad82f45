"""The decision itself: filters, features, scores, arbitration, policy, one draw. A pure function of the situation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from eachwise.contracts.arrays import Floats, Ints
from eachwise.contracts.decision import Exposed, Filtered
from eachwise.contracts.experience import OUTBOUND_CHANNELS, SILENCE
from eachwise.decide.arbitration import (
    Worth,
    disconnect,
    explorable,
    kappa_money,
    priorities,
)
from eachwise.decide.candidates import SILENCE_ALONE, Candidates
from eachwise.decide.exposures import ignored
from eachwise.decide.features import moving_features, named
from eachwise.decide.items import Screen, shown_items
from eachwise.decide.policies import SAMPLING, Scored, bounded, policy_named
from eachwise.decide.propensity import Score, logit, plain_scores, sampled, score
from eachwise.decide.reasons import reasons_shown, reasons_silent
from eachwise.decide.sifting import sift
from eachwise.decide.situation import Choice, Situation
from eachwise.maths.draws import choose, sample

# What a seed is used for; two uses never share a number. Permanent: a change alters every replay.
_DRAWS_STREAM, _ACTION_STREAM = 1, 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """The candidates that compete, silence last. ``rows`` (K,) their rows in the layout, ``moving`` (rows, D)."""

    rows: Ints
    moving: Floats
    worth: Worth
    priorities: Floats
    probabilities: Floats


def decide(situation: Situation) -> Choice:
    """The next best experience, or silence: bit for bit the same for the same situation.

    Silence is always a candidate, with priority 0, and no filter applies to it. An experience that a filter took out
    cannot be drawn, whatever the policy. On another processor the figures agree to rounding.

    In a transactional placement silence does not compete: the best of what was asked for is certain, and no evidence.
    """
    shown, screened, passed, filtered, counts = sift(situation)
    if not len(passed):
        return _nothing(filtered, counts)
    moving, recent = features_of(situation, shown, screened)
    field = compete(situation, passed, moving, recent)
    certain = situation.plan.layout.placement.transactional
    if certain:
        field = replace(field, probabilities=_certain(field.priorities))
    drawn = sample(field.probabilities, situation.seed, _ACTION_STREAM)
    explored = not certain and bool(field.priorities[drawn] < field.priorities.max())
    if drawn == len(passed):
        experience_id, items, features = SILENCE, [], {}
        reasons = reasons_silent(counts, len(passed))
    else:
        row = int(passed[drawn])
        experience_id = situation.plan.layout.experiences[row].experience_id
        items = shown_items(situation, screened.allowed, row)
        features = {} if certain else named(situation.plan.layout, row, field.moving[row])
        reasons = reasons_shown(situation, row, explored=explored)
    return Choice(
        experience_id=experience_id,
        probability=float(field.probabilities[drawn]),
        items=items,
        candidates=candidates_of(situation, field),
        features=features,
        filtered=filtered,
        filters=counts,
        reasons=reasons,
        explored=explored,
        transactional=certain,
    )


def _certain(priorities: Floats) -> Floats:
    """(K + 1,): all the probability to the best of those that are not silence, the last."""
    found = np.zeros(len(priorities))
    found[int(np.argmax(priorities[:-1]))] = 1.0
    return found


def features_of(
    situation: Situation, shown: list[Exposed], screened: Screen
) -> tuple[Floats, Floats]:
    """((K, D), (K,)): the moving features of all experiences of the layout, and each one's recent exposures."""
    return moving_features(
        situation.plan.layout,
        now_us=situation.now_us,
        affinity=situation.affinity,
        engagement=situation.engagement,
        exposed=shown,
        best_scores=screened.best,
        showable_scores=situation.scores[screened.allowed],
    )


def compete(situation: Situation, rows: Ints, moving: Floats, recent: Floats) -> Field:
    """Score the candidates in these rows and let the policy give each, and silence, its probability.

    ``moving`` (all, D) and ``recent`` (all,) are of every experience of the layout, as ``moving_features`` gives them.
    """
    plan, settings = situation.plan, situation.settings
    layout = plan.layout
    takeup = score(plan.takeup, moving)
    worth = worth_of(situation, rows, takeup, moving, recent)
    expected = priorities(worth, worth.p_takeup)
    drawn = settings.policy in SAMPLING and situation.explored < settings.explorations_per_day
    scored = Scored(
        priorities=expected,
        sampled=drawn_priorities(situation, rows, takeup, moving, worth)
        if drawn
        else np.zeros((0, len(expected))),
        explorable=explorable(worth),
        updates=plan.updates,
    )
    probabilities = bounded(
        policy_named(settings.policy),
        scored,
        np.append(layout.hard[rows], False),
        situation.explored,
        settings,
    )
    return Field(
        rows=rows, moving=moving, worth=worth, priorities=expected, probabilities=probabilities
    )


def worth_of(
    situation: Situation, rows: Ints, takeup: Score, moving: Floats, recent: Floats
) -> Worth:
    """The factors of the candidates in these rows; the rest is of every experience of the layout."""
    layout, settings, heads = situation.plan.layout, situation.settings, situation.plan.others
    every = len(rows) == len(moving)
    found = plain_scores(heads, rows, moving if every else moving[rows])
    p_purchase = found[heads.rows["purchase"]]
    value, margin = layout.value[rows], layout.margin[rows]
    of_takeup = value + p_purchase * margin
    return Worth(
        p_takeup=takeup.probability[rows],
        p_purchase=p_purchase,
        value=value,
        margin=margin,
        clv=_money_of(situation.clv, situation, rows),
        lever=layout.lever[rows],
        p_disconnect=disconnect(
            found[heads.rows["hide"]],
            found[heads.rows["unsubscribe"]],
            found[heads.rows["dismiss"]],
            settings.dismiss_share,
        ),
        kappa=kappa_money(settings.kappa, of_takeup),
        fatigue=settings.fatigue_cost * recent[rows] + _ignored_money(situation, of_takeup),
        cost=layout.cost[rows],
        price=_money_of(situation.prices, situation, rows),
    )


def _ignored_money(situation: Situation, of_takeup: Floats) -> float:
    """What the outbound contacts that the person ignored take off every candidate, in an outbound placement."""
    cost, channel = situation.settings.ignored_cost, situation.plan.layout.placement.channel
    if not cost or channel not in OUTBOUND_CHANNELS:
        return 0.0
    return kappa_money(cost * ignored(situation), of_takeup)


def _money_of(named_money: Mapping[str, float], situation: Situation, rows: Ints) -> Floats:
    """(K,): the money that is named for each candidate, 0 where none is."""
    found = np.zeros(len(rows))
    if named_money:
        experiences = situation.plan.layout.experiences
        for place, row in enumerate(rows.tolist()):
            found[place] = named_money.get(experiences[row].experience_id, 0.0)
    return found


def drawn_priorities(
    situation: Situation, rows: Ints, takeup: Score, moving: Floats, worth: Worth
) -> Floats:
    """(M, K + 1): priorities under M joint draws that the seed picks among the model's; silence is 0 in each."""
    head, settings = situation.plan.takeup, situation.settings
    chosen = choose(len(head.fixed_draws), settings.thompson_draws, situation.seed, _DRAWS_STREAM)
    found = np.empty((len(chosen), len(moving) + 1))
    centre = logit(takeup.probability)
    drawn = sampled(head, moving, centre, chosen, settings.thompson_scale, out=found[:, :-1])
    if len(rows) < len(moving):
        return priorities(worth, drawn[:, rows])
    return priorities(worth, drawn, out=found)


def candidates_of(situation: Situation, field: Field) -> Candidates:
    """Every candidate of the field, in order."""
    ids = situation.plan.layout.ids[field.rows].tolist()
    return Candidates(ids, field.worth, field.priorities, field.probabilities)


def _nothing(filtered: list[Filtered], counts: dict[str, int]) -> Choice:
    """Silence, since no experience passed the filters."""
    return Choice(
        experience_id=SILENCE,
        probability=1.0,
        items=[],
        candidates=SILENCE_ALONE,
        features={},
        filtered=filtered,
        filters=counts,
        reasons=reasons_silent(counts, 0),
    )
