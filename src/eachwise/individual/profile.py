"""The individual in words and figures: what the engine believes of a person, and why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from eachwise.contracts.individual import (
    Affinity,
    ContactView,
    Individual,
    MergedPart,
    OrderSummary,
    Profile,
)
from eachwise.individual.affinity import affinities
from eachwise.individual.browsers import public_traits
from eachwise.individual.engagement import engagement_score
from eachwise.individual.stage import stage_of
from eachwise.individual.value import order_summary
from eachwise.individual.words import EVIDENCE_MIN, Z_SIGNIFICANT
from eachwise.maths.times import iso
from eachwise.settings import Settings

LISTED_MAX = 10
RECENT_LISTED_MAX = 20
# How many tastes the summary names, of each sign.
SUMMARY_MAX = 3
# What counts as the taste of this moment: half an hour holds too few items for significance.
Z_MOMENT = 1.0

_DAY_US = 86_400_000_000


def profile(
    individual_id: str,
    state: Individual,
    *,
    expected: Mapping[str, float],
    now_us: int,
    settings: Settings,
    merged: Sequence[MergedPart] = (),
    multiple: Mapping[str, float] | None = None,
) -> Profile:
    """What is known of one person. ``expected``: value → the population's share; ``merged``: who it is made of.

    ``multiple``: facet → how many of its values an item has, as in ``affinities``.
    """
    tastes = affinities(state, expected, now_us, settings.affinity, multiple=multiple)
    likes = [a for a in tastes if a.declared > 0 or (not a.declared and a.z >= Z_SIGNIFICANT)]
    dislikes = [a for a in tastes if a.declared < 0 or (not a.declared and a.z <= -Z_SIGNIFICANT)]
    dislikes.reverse()
    moment = affinities(
        state,
        expected,
        now_us,
        settings.affinity,
        moment=True,
        multiple=multiple,
    )
    engagement = engagement_score(state, now_us)
    stage, lapsed = stage_of(state, now_us, engagement, settings.stage)
    orders = order_summary(state, now_us)
    seen = state.events > 0
    return Profile(
        individual_id=individual_id,
        identifiers=sorted(state.identifiers),
        stage=stage,
        lapsed=lapsed,
        engagement=round(engagement, 1),
        events=state.events,
        first_seen=iso(state.first_seen_us) if seen else None,
        last_seen=iso(state.last_seen_us) if seen else None,
        summary=_summary(state, tastes, likes, dislikes, orders, stage, lapsed, now_us),
        likes=likes[:LISTED_MAX],
        dislikes=dislikes[:LISTED_MAX],
        now=[a for a in moment if a.z >= Z_MOMENT][:LISTED_MAX],
        recent_items=list(viewed_items(state)[:RECENT_LISTED_MAX]),
        orders=orders,
        consent={purpose: bool(cell.value) for purpose, cell in sorted(state.consent.items())},
        contacts=[
            ContactView(
                at=iso(contact.occurred_at_us),
                action=contact.action,
                experience_id=contact.experience_id,
                placement_id=contact.placement_id,
                channel=contact.channel,
                decision_id=contact.decision_id,
            )
            for contact in reversed(state.contacts)
        ],
        traits=dict(sorted(public_traits(state.traits).items())),
        merged=list(merged),
    )


def viewed_items(state: Individual) -> tuple[str, ...]:
    """The distinct items lately engaged with, newest first."""
    return tuple(dict.fromkeys(recent.item_id for recent in reversed(state.recents)))


def _summary(
    state: Individual,
    tastes: Sequence[Affinity],
    likes: Sequence[Affinity],
    dislikes: Sequence[Affinity],
    orders: OrderSummary,
    stage: str,
    lapsed: bool,
    now_us: int,
) -> list[str]:
    """Sentences: the relationship first, then the surest tastes with their evidence."""
    if state.events == 0:
        return ["Nothing is known of this person yet."]
    lines = [_relationship(state, stage, lapsed, now_us)]
    if orders.count:
        count = _counted(orders.count, "order")
        lines.append(f"{count} worth {orders.revenue:.2f} in all, {orders.mean_value:.2f} each.")
    lines += [f"{a.words}." for a in likes[:SUMMARY_MAX]]
    lines += [f"{a.words}." for a in dislikes[:SUMMARY_MAX]]
    if not likes and not dislikes:
        items = max((a.evidence - a.against for a in tastes), default=0.0)
        little = items < EVIDENCE_MIN
        told = "too little to tell a taste" if little else "no taste that differs from everyone's"
        lines.append(f"{_counted(round(items), 'recent item')}: {told}.")
    return lines


def _relationship(state: Individual, stage: str, lapsed: bool, now_us: int) -> str:
    ago = max(0, now_us - state.last_seen_us) // _DAY_US
    last = "today" if ago == 0 else f"{_counted(ago, 'day')} ago"
    text = f"{stage.capitalize()}, seen on {_counted(len(state.days), 'day')}, last {last}"
    return f"{text}, lapsed." if lapsed else f"{text}."


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
