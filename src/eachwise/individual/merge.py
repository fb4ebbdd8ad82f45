"""Two states of the same person into one: commutative, associative, with ``Individual()`` as identity.

Equal to folding the events of both: exactly for sets, counts, newest-N lists and last-writer-wins maps, up to rounding
(1e-9 relative) for decayed sums. The two must not have folded the same event.
"""

from __future__ import annotations

from typing import TypeVar

from eachwise.contracts.individual import (
    AGAINST,
    BOUGHT_MAX,
    CONTACTS_MAX,
    DAYS_MAX,
    EXCLUSIONS_MAX,
    GENERAL,
    MOMENT,
    RECENTS_MAX,
    REFERENCE_S,
    SHOWN,
    Bought,
    Contact,
    Individual,
    Order,
    Recent,
    Written,
)
from eachwise.individual.browsers import keep_newest
from eachwise.individual.engagement import ACTIVITY_RATE
from eachwise.individual.fold import move
from eachwise.maths import decay
from eachwise.settings import AffinitySettings


def merge(a: Individual, b: Individual, settings: AffinitySettings) -> Individual:
    """The state of everything that either has seen: a new value, both inputs untouched."""
    carried = None  # what a sequence model remembers of one part is wrong of the whole
    if a.events == 0:
        first_seen_us, last_seen_us = b.first_seen_us, b.last_seen_us
        carried = b.carried
    elif b.events == 0:
        first_seen_us, last_seen_us = a.first_seen_us, a.last_seen_us
        carried = a.carried
    else:
        first_seen_us = min(a.first_seen_us, b.first_seen_us)
        last_seen_us = max(a.last_seen_us, b.last_seen_us)
    traits = _latest(a.traits, b.traits)
    keep_newest(traits)
    return Individual(
        affinity=_entries(a.affinity, b.affinity, settings),
        activity=decay.merged(a.activity, b.activity, ACTIVITY_RATE),
        counts=_sums(a.counts, b.counts),
        days=sorted({*a.days, *b.days})[-DAYS_MAX:],
        recents=_newest(a.recents, b.recents, RECENTS_MAX),
        contacts=_newest(a.contacts, b.contacts, CONTACTS_MAX),
        orders=_earliest(a.orders, b.orders),
        refunds=_sums(a.refunds, b.refunds),
        hidden={key: max(at, b.hidden.get(key, at)) for key, at in (b.hidden | a.hidden).items()},
        declared=_latest(a.declared, b.declared),
        consent=_latest(a.consent, b.consent),
        traits=traits,
        identifiers=a.identifiers | b.identifiers,
        first_seen_us=first_seen_us,
        last_seen_us=last_seen_us,
        events=a.events + b.events,
        carried=carried,
        excluded=sorted({*a.excluded, *b.excluded})[-EXCLUSIONS_MAX:],
        regrets=_newest(a.regrets, b.regrets, RECENTS_MAX),
        bought=_newest(a.bought, b.bought, BOUGHT_MAX),
        hours=_sums(a.hours, b.hours),
    )


def _entries(
    a: dict[str, list[float]], b: dict[str, list[float]], settings: AffinitySettings
) -> dict[str, list[float]]:
    """Affinity entries added; the two of a value meet at the later reference."""
    moment_rate = decay.rate(settings.moment_half_life_s)
    general_rate = decay.rate(settings.general_half_life_s)
    merged = {value: list(entry) for value, entry in a.items()}
    for value, entry in b.items():
        mine, other = merged.get(value), list(entry)
        if mine is None:
            merged[value] = other
            continue
        if mine[REFERENCE_S] < other[REFERENCE_S]:
            move(mine, other[REFERENCE_S], moment_rate, general_rate)
        elif other[REFERENCE_S] < mine[REFERENCE_S]:
            move(other, mine[REFERENCE_S], moment_rate, general_rate)
        for mass in (MOMENT, GENERAL, SHOWN, AGAINST):
            mine[mass] += other[mass]
    return merged


_Key = TypeVar("_Key", str, int)
_Number = TypeVar("_Number", int, float)


def _sums(a: dict[_Key, _Number], b: dict[_Key, _Number]) -> dict[_Key, _Number]:
    total = dict(a)
    for key, number in b.items():
        total[key] = total[key] + number if key in total else number
    return total


_Dated = TypeVar("_Dated", Recent, Bought, Contact)


def _newest(a: list[_Dated], b: list[_Dated], most: int) -> list[_Dated]:
    """The newest ``most`` of both, ascending."""
    return sorted(a + b)[-most:]


def _earliest(a: dict[int, Order], b: dict[int, Order]) -> dict[int, Order]:
    """Every order, by its earliest report."""
    kept = dict(a)
    for key, order in b.items():
        known = kept.get(key)
        if known is None or (order.occurred_at_us, order.tie) < (known.occurred_at_us, known.tie):
            kept[key] = order
    return kept


def _latest(a: dict[str, Written], b: dict[str, Written]) -> dict[str, Written]:
    """Every cell, by its last writer."""
    kept = dict(a)
    for key, cell in b.items():
        known = kept.get(key)
        if known is None or (known.occurred_at_us, known.tie) < (cell.occurred_at_us, cell.tie):
            kept[key] = cell
    return kept
