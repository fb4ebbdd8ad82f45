"""One event into one individual's state, in place. Order never matters: see the four kinds in ``contracts.individual``.

What each action does is one row of ``RULES``. Every item counts once per event, whatever its quantity.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Callable, Collection, Sequence
from math import exp, inf
from typing import NamedTuple, TypeVar

from eachwise.contracts.events import Action, Event, Meaning
from eachwise.contracts.individual import (
    AGAINST,
    ANY_VALUE,
    BOUGHT_MAX,
    CONTACTS_MAX,
    DAYS_MAX,
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
from eachwise.individual.consent import closed_by
from eachwise.individual.engagement import ACTIVITY_RATE
from eachwise.individual.exclusion import exclude, own_taste
from eachwise.individual.hours import count_act
from eachwise.maths import decay
from eachwise.maths.decay import NEGLIGIBLE
from eachwise.maths.hashing import stable_hash
from eachwise.settings import AffinitySettings

DAY_US = 86_400_000_000
# Which mass an action adds to, beside the three of contracts.individual.
_NONE, _ENGAGED = -1, MOMENT


class Rule(NamedTuple):
    """What one action does to a state.

    mass:     the affinity mass it adds to (``_ENGAGED`` is MOMENT and GENERAL together), or ``_NONE``
    activity: its weight in the engagement score; an order of effort, not a measurement
    present:  whether the person acted, so that the day counts as active
    contact:  whether it is kept among the contacts when it names an experience
    """

    name: str
    mass: int
    activity: float
    present: bool
    contact: bool


RULES: dict[Action, Rule] = {
    Action.VIEW: Rule("view", _ENGAGED, 1.0, True, True),
    Action.SEARCH: Rule("search", _ENGAGED, 1.0, True, False),
    Action.ADD: Rule("add", _ENGAGED, 2.0, True, False),
    Action.PURCHASE: Rule("purchase", _ENGAGED, 4.0, True, False),
    Action.SHARE: Rule("share", _ENGAGED, 2.0, True, False),
    Action.CLICK: Rule("click", _ENGAGED, 2.0, True, True),
    Action.LIST: Rule("list", SHOWN, 0.0, True, False),
    Action.EXPOSE: Rule("expose", SHOWN, 0.0, False, True),
    Action.HIDE: Rule("hide", AGAINST, 0.0, True, True),
    Action.BOUNCE: Rule("bounce", AGAINST, 0.0, True, False),
    Action.REMOVE: Rule("remove", AGAINST, 0.0, True, False),
    Action.REFUND: Rule("refund", AGAINST, 0.0, False, False),
    Action.DISMISS: Rule("dismiss", _NONE, 0.0, True, True),
    Action.UNSUBSCRIBE: Rule("unsubscribe", _NONE, 0.0, False, True),
    Action.COMPLAIN: Rule("complain", _NONE, 0.0, False, True),
    Action.PAGE: Rule("page", _NONE, 0.5, True, False),
    Action.IDENTIFY: Rule("identify", _NONE, 0.5, True, False),
    Action.DECLARE: Rule("declare", _NONE, 1.0, True, False),
    Action.NOT_ME: Rule("not_me", _NONE, 0.0, True, False),
    Action.REPORT: Rule("report", _NONE, 0.0, False, False),
    Action.OTHER: Rule("other", _NONE, 0.5, True, False),
}
# What takes an engagement back; who left within moments may not have looked: half a trial.
_REGRETS = frozenset({Action.REFUND, Action.BOUNCE})
_TRIAL = {Action.BOUNCE: 0.5}
ENGAGED = frozenset(action for action, rule in RULES.items() if rule.mass == _ENGAGED)


def fold(
    state: Individual,
    event: Event,
    meaning: Meaning,
    values_of: Callable[[str], Sequence[str]],
    settings: AffinitySettings,
    *,
    blocked: Collection[str] = (),
) -> None:
    """Add one event to ``state``, which the caller owns.

    ``values_of(item_id)`` gives the catalogue's ``name=value`` strings (none where it does not know the item).
    ``blocked`` are ids that identify nobody (lower case, stripped): they are not kept among the identifiers.
    What is excluded, a gift or a guest's, counts as happened (contacts, orders, activity) and leaves no taste.
    """
    rule = RULES[meaning.action]
    _seen(state, event, rule)
    count_act(state.hours, event, meaning, present=rule.present)
    _identified(state, event, blocked)
    own: Meaning | None = meaning
    if meaning.excluded:
        exclude(state, meaning)
    if state.excluded or meaning.gifts:
        own = own_taste(state, event, meaning)
    if own is not None and rule.mass != _NONE and (own.lines or own.attributes):
        counts, items = _valued(own, values_of)
        if items:
            # "Not for me" is said in so many words; taking out of the basket or giving back is one trial.
            weight = (
                settings.hide_mass if own.action is Action.HIDE else _TRIAL.get(own.action, 1.0)
            )
            weight = weight if rule.mass == AGAINST else own.weight
            _tasted(state, counts, items, rule.mass, weight, event.occurred_at_us, settings)
    engaged = own is not None and own.lines and rule.mass == _ENGAGED
    regretted = own is not None and own.lines and meaning.action in _REGRETS
    contacted = _is_contact(meaning)
    answered = contacted or meaning.action in _LASTING
    stated = meaning.consent or meaning.preferences or meaning.traits or event.traits
    if engaged or regretted or answered or stated:
        tie = _tie(event)
        if engaged and own is not None:
            _dated(state.recents, event, own, rule.name, tie)
            if own.action is Action.PURCHASE:
                _bought(state.bought, event, own)
        if regretted and own is not None:
            _dated(state.regrets, event, own, rule.name, tie)
        if answered:
            _answered(state, event, meaning, _contact(event, meaning, tie) if contacted else None)
            if own is not None and own.action is Action.HIDE:
                _hidden(state, event, own)
        if stated:
            _stated(state, event, meaning, tie, liking=own is not None)


def _seen(state: Individual, event: Event, rule: Rule) -> None:
    """Counts, first and last sight, active days and weighted activity."""
    at_us = event.occurred_at_us
    if state.events == 0:
        state.first_seen_us = state.last_seen_us = at_us
    elif at_us > state.last_seen_us:
        state.last_seen_us = at_us
    elif at_us < state.first_seen_us:
        state.first_seen_us = at_us
    state.events += 1
    counts = state.counts
    counts[rule.name] = counts.get(rule.name, 0) + 1
    if rule.activity:
        decay.add(state.activity, rule.activity, decay.seconds(at_us), ACTIVITY_RATE)
    if rule.present:
        day, days = at_us // DAY_US, state.days
        if not days or day > days[-1]:
            days.append(day)
        elif day != days[-1]:
            place = bisect_left(days, day)
            if days[place] == day:
                return
            days.insert(place, day)
        if len(days) > DAYS_MAX:
            del days[0]


def _identified(state: Individual, event: Event, blocked: Collection[str]) -> None:
    """Every identifier the event carries, typed."""
    known = state.identifiers
    if event.user_id:
        _know(known, "user:" + event.user_id, event.user_id, blocked)
    if event.anonymous_id:
        _know(known, "anon:" + event.anonymous_id, event.anonymous_id, blocked)
    context = event.context
    if context:
        device = context.get("device")
        if isinstance(device, dict) and isinstance(device_id := device.get("id"), str):
            _know(known, "device:" + device_id, device_id, blocked)
        traits = context.get("traits")
        if isinstance(traits, dict):
            _know_email(known, traits.get("email"), blocked)
    if event.traits and event.kind != "group":
        _know_email(known, event.traits.get("email"), blocked)


def _know(known: set[str], typed: str, value: str, blocked: Collection[str]) -> None:
    if typed not in known and value.strip().lower() not in blocked:
        known.add(typed)


def _know_email(known: set[str], value: object, blocked: Collection[str]) -> None:
    if isinstance(value, str) and "@" in value:
        address = value.strip().lower()
        _know(known, "email:" + address, address, blocked)


def _valued(
    meaning: Meaning, values_of: Callable[[str], Sequence[str]]
) -> tuple[dict[str, int], int]:
    """How many items of the event carry each value, and how many items there are whose values are known.

    The items that the catalogue does not know, and an event without items (a search), count together as one item with
    the event's own attributes. An item of which nothing is known is no evidence of anything and is not counted.
    """
    lines = meaning.lines
    if len(lines) == 1:
        values = values_of(lines[0].item_id) or meaning.attributes
        return dict.fromkeys(values, 1), 1 if values else 0
    counts: dict[str, int] = {}
    items, own = 0, not lines
    for item_id in dict.fromkeys(line.item_id for line in lines):
        known = values_of(item_id)
        if known:
            items += 1
            for value in known:
                counts[value] = counts.get(value, 0) + 1
        else:
            own = True
    if own and meaning.attributes:
        items += 1
        for value in dict.fromkeys(meaning.attributes):
            counts[value] = counts.get(value, 0) + 1
    return counts, items


def _tasted(
    state: Individual,
    counts: dict[str, int],
    items: int,
    mass: int,
    weight: float,
    at_us: int,
    settings: AffinitySettings,
) -> None:
    """Add the event's items to the affinity entries.

    ``weight`` is what one of them counts.
    """
    affinity, at_s = state.affinity, at_us / decay.MICROSECONDS
    if weight <= 0.0:
        return
    moment_rate = decay.rate(settings.moment_half_life_s)
    general_rate = decay.rate(settings.general_half_life_s)
    counts[ANY_VALUE] = items
    for value, count in counts.items():
        added = short = weight * count
        entry = affinity.get(value)
        if entry is None:
            entry = affinity[value] = [0.0, 0.0, 0.0, 0.0, at_s]
        elapsed = at_s - entry[REFERENCE_S]
        if elapsed > 0.0:
            move(entry, at_s, moment_rate, general_rate)
        elif elapsed < 0.0:
            short = decay.remaining(added, -elapsed, moment_rate)
            added = decay.remaining(added, -elapsed, general_rate)
        if mass == _ENGAGED:
            entry[MOMENT] += short
            entry[GENERAL] += added
        else:
            entry[mass] += added


def move(entry: list[float], at_s: float, moment_rate: float, general_rate: float) -> None:
    """Bring an affinity entry to a later reference time, in place. SHOWN and AGAINST decay with the general horizon."""
    short, mass, shown, against, reference_s = entry
    elapsed = at_s - reference_s
    kept = exp(-general_rate * elapsed)
    if short:
        short *= exp(-moment_rate * elapsed)
    mass, shown, against = mass * kept, shown * kept, against * kept
    entry[MOMENT] = short if short > NEGLIGIBLE else 0.0
    entry[GENERAL] = mass if mass > NEGLIGIBLE else 0.0
    entry[SHOWN] = shown if shown > NEGLIGIBLE else 0.0
    entry[AGAINST] = against if against > NEGLIGIBLE else 0.0
    entry[REFERENCE_S] = at_s


def _dated(kept: list[Recent], event: Event, meaning: Meaning, action: str, tie: int) -> None:
    """The event's items into a list of the newest; the position of an item in the event is part of its tie."""
    for position, line in enumerate(meaning.lines):
        if position:
            tie = stable_hash(event.message_id, position)
        _newest(kept, Recent(event.occurred_at_us, tie, line.item_id, action), RECENTS_MAX)


def _bought(kept: list[Bought], event: Event, meaning: Meaning) -> None:
    """The event's items into the list of what was bought."""
    at_s = event.occurred_at_us // 1_000_000
    for line in meaning.lines:
        _newest(kept, Bought(at_s, line.item_id), BOUGHT_MAX)


_Dated = TypeVar("_Dated", Recent, Bought, Contact)


def _newest(kept: list[_Dated], entry: _Dated, most: int) -> None:
    """Put an entry into an ascending list that keeps the newest ``most``."""
    if not kept or kept[-1] < entry:
        kept.append(entry)
    elif len(kept) == most and entry < kept[0]:
        return
    else:
        insort(kept, entry)
    if len(kept) > most:
        del kept[0]


# What leaves a lasting mark even where it names no experience.
_LASTING = frozenset(
    {Action.PURCHASE, Action.REFUND, Action.HIDE, Action.UNSUBSCRIBE, Action.COMPLAIN}
)


def contact_of(event: Event, meaning: Meaning) -> Contact | None:
    """What ``fold`` keeps among a person's contacts of an event; None for what is no contact."""
    return _contact(event, meaning, _tie(event)) if _is_contact(meaning) else None


def _is_contact(meaning: Meaning) -> bool:
    # A view of items is no answer to an experience; a view without any is a message that was opened.
    rule = RULES[meaning.action]
    named = meaning.experience_id or meaning.decision_id
    return bool(rule.contact and named and not (meaning.lines and rule.name == "view"))


def _contact(event: Event, meaning: Meaning, tie: int) -> Contact:
    return Contact(
        event.occurred_at_us,
        tie,
        RULES[meaning.action].name,
        meaning.experience_id,
        meaning.placement_id,
        meaning.channel,
        meaning.decision_id,
    )


def _tie(event: Event) -> int:
    return stable_hash(event.message_id, 0)


def _answered(state: Individual, event: Event, meaning: Meaning, contact: Contact | None) -> None:
    """The contact, suppressions, orders and refunds."""
    at_us, action, tie = event.occurred_at_us, meaning.action, _tie(event)
    if contact is not None:
        _newest(state.contacts, contact, CONTACTS_MAX)
    if closed := closed_by(meaning):
        _write(state.consent, closed, Written(at_us, tie, False))
    elif action is Action.PURCHASE:
        # An order without an id is one by itself.
        key = stable_hash("order", meaning.order_id) if meaning.order_id else tie
        order = Order(at_us, tie, meaning.amount)
        known = state.orders.get(key)
        if known is None or (at_us, tie) < (known.occurred_at_us, known.tie):
            state.orders[key] = order
    elif action is Action.REFUND and meaning.order_id:
        # A refund without an amount gives the whole order back.
        key = stable_hash("order", meaning.order_id)
        state.refunds[key] = state.refunds.get(key, 0.0) + (meaning.amount or inf)


def _hidden(state: Individual, event: Event, meaning: Meaning) -> None:
    """What the person wants to see no more, and since when."""
    hidden = [f"item:{line.item_id}" for line in meaning.lines]
    if meaning.experience_id:
        hidden.append(f"experience:{meaning.experience_id}")
    for target in hidden:
        at_us = event.occurred_at_us
        state.hidden[target] = max(at_us, state.hidden.get(target, at_us))


def _stated(
    state: Individual, event: Event, meaning: Meaning, tie: int, *, liking: bool = True
) -> None:
    """What was said: consent, traits, and the person's own preferences (``liking``). The last word wins."""
    at_us = event.occurred_at_us
    for purpose, given in meaning.consent.items():
        _write(state.consent, purpose, Written(at_us, tie, given))
    if liking:
        for value, sign in meaning.preferences.items():
            _write(state.declared, value, Written(at_us, tie, sign))
    traits = event.traits if event.kind == "identify" else meaning.traits
    for trait, content in traits.items():
        _write(state.traits, trait, Written(at_us, tie, content))
    keep_newest(state.traits)


def _write(cells: dict[str, Written], key: str, written: Written) -> None:
    known = cells.get(key)
    if known is None or (known.occurred_at_us, known.tie) < (written.occurred_at_us, written.tie):
        cells[key] = written
