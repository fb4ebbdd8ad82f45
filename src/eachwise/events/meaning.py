"""What an event means, whatever it was called: a pure function of the event and the settings."""

from __future__ import annotations

from typing import Any

import msgspec

from eachwise.contracts.errors import InvalidInput
from eachwise.contracts.events import OWN_LIBRARY, Action, Event, Line, Meaning
from eachwise.events.disowned import gifts_excluded, gifts_of, not_me
from eachwise.events.names import RULES, UNKNOWN, Rule, rule
from eachwise.events.pushing import SUBSCRIBED, gives_up_one, push_traits
from eachwise.events.reading import amount_of, attributes_of, lines_of, listed, text
from eachwise.events.said import consent_of, preferences_of
from eachwise.maths.words import fold_name
from eachwise.settings import EventSettings

_PAGE = Meaning(action=Action.PAGE)
_OTHER = Meaning(action=Action.OTHER)
# What says nothing of its own: where the engine logged it, it is not even a sign of life.
_IDLE = frozenset({Action.OTHER, Action.IDENTIFY})

_EXPERIENCE_KEYS = ("experience_id", "promotion_id")
_PLACEMENT_KEYS = ("placement", "placement_id")
_ASKED = frozenset({"query", "search_query", "q", "filters", "category"})
_ASKED_LISTS = ("search", "category")
_REFERRING = frozenset({"decision_id", *_EXPERIENCE_KEYS, *_PLACEMENT_KEYS, "channel"})


def meaning_of(event: Event, settings: EventSettings) -> Meaning:
    """The action, its weight, and all that the event says of items, money, consent, preferences.

    ``settings.names`` comes before the built-in names; ``settings.weights`` multiplies the weight
    of an action.
    Raises ``InvalidInput`` where ``settings.names`` maps to an action that does not exist.
    """
    meant = _meaning_of(event, settings)
    if meant.action in _IDLE and is_own(event):
        return msgspec.structs.replace(meant, action=Action.REPORT)
    return meant


def is_own(event: Event) -> bool:
    """Whether the engine logged it itself, in the person's name: it is not the person's act."""
    library = event.context.get("library")
    return isinstance(library, dict) and library.get("name") == OWN_LIBRARY


def _meaning_of(event: Event, settings: EventSettings) -> Meaning:
    if event.kind == "track":
        return _track(event, settings)
    if event.kind == "identify":
        return Meaning(
            action=Action.IDENTIFY,
            consent=consent_of(event.context, traits=event.traits),
            preferences=preferences_of(event.traits),
        )
    plain = _PAGE if event.kind in ("page", "screen") else _OTHER
    if "consent" in event.context:
        return Meaning(action=plain.action, consent=consent_of(event.context))
    return plain


def check_names(settings: EventSettings) -> None:
    """Raise ``InvalidInput`` where a name or a weight in the settings is for no action there is."""
    known = ", ".join(Action)
    for name, (action, _) in settings.names.items():
        if action not in set(Action):
            raise InvalidInput(
                f"settings: events.names maps {name!r} to {action!r}; choose one of {known}",
                field=f"events.names.{name}",
            )
    for action in settings.weights:
        if action not in set(Action):
            raise InvalidInput(
                f"settings: events.weights names {action!r}; choose one of {known}",
                field=f"events.weights.{action}",
            )


def _rule_of(name: str, settings: EventSettings) -> Rule:
    key = fold_name(name)
    if settings.names:
        for own, (action, weight) in settings.names.items():
            if fold_name(own) == key:
                try:
                    return rule(Action(action), weight)
                except ValueError:
                    check_names(settings)
    return RULES.get(key, UNKNOWN)


def _weight(means: Rule, settings: EventSettings) -> float:
    if not settings.weights:
        return means.weight
    return means.weight * settings.weights.get(means.action, 1.0)


def _track(event: Event, settings: EventSettings) -> Meaning:
    means = _rule_of(event.name, settings)
    action, properties = means.action, event.properties
    naming = {} if _REFERRING.isdisjoint(properties) else properties
    lines: tuple[Line, ...] = lines_of(properties) if means.items else ()
    if action is Action.NOT_ME:
        return Meaning(action=action, excluded=not_me(event))
    gifts = gifts_of(event, action, lines)
    own_choice = action is Action.LIST and _asked_for(properties)
    return Meaning(
        action=action,
        weight=0.0 if own_choice else _weight(means, settings),
        lines=lines,
        attributes=attributes_of(properties),
        query=text(properties, "query", "search_query", "q") if action is Action.SEARCH else "",
        decision_id=text(naming, "decision_id"),
        experience_id=text(naming, *_EXPERIENCE_KEYS),
        placement_id=_placement_of(naming, action),
        channel=text(naming, "channel") or means.channel,
        order_id=text(properties, "order_id", "orderId") if means.money else "",
        amount=amount_of(properties, lines) if means.money else 0.0,
        consent=_consent_of(event, means),
        preferences=_preferences_of(properties) if action is Action.DECLARE else {},
        traits=push_traits(event) if means.channel == "push" else {},
        gifts=gifts,
        excluded=gifts_excluded(event, gifts) if gifts else (),
    )


def _asked_for(properties: dict[str, Any]) -> bool:
    """Whether a list is what the person asked for, so that its items are no exposure of ours.

    A search's or a filter's answer, or a category's page: that one is looked at is taste already, and what is not
    picked from it speaks against nothing.
    """
    if not _ASKED.isdisjoint(properties):
        return any(properties.get(key) for key in _ASKED)
    list_id = properties.get("list_id")
    return isinstance(list_id, str) and list_id.casefold().startswith(_ASKED_LISTS)


def _placement_of(properties: dict[str, Any], action: Action) -> str:
    placement = text(properties, *_PLACEMENT_KEYS)
    if not placement and action in (Action.EXPOSE, Action.CLICK) and "promotion_id" in properties:
        return text(properties, "position")  # Segment's spec: where on the page a promotion stands
    return placement


def _consent_of(event: Event, means: Rule) -> dict[str, bool]:
    consent = consent_of(event.context) if "consent" in event.context else {}
    properties = event.properties
    if not means.consent:
        consent.update(_bounced_for_good(event, means))
        return consent
    purposes = listed(properties.get("purposes")) + listed(properties.get("purpose"))
    name = fold_name(event.name)
    named = text(properties, "channel") or ("" if name in _OF_NO_CHANNEL else means.channel)
    pairs = [f"channel:{named}:{purpose}" for purpose in purposes if named]
    if means.action is Action.UNSUBSCRIBE and pairs:
        # Channel and purpose are both named: that pair, and nothing else.
        consent.update(dict.fromkeys(pairs, False))
    elif means.action is not Action.DECLARE and not gives_up_one(event):
        channel = named or means.channel
        consent.update({purpose: False for purpose in (*purposes, channel) if purpose})
    elif name in ("consent given", "consent withdrawn"):
        consent.update(dict.fromkeys(pairs or purposes, name == "consent given"))
    elif name == SUBSCRIBED:
        consent["channel:push"] = True
    return consent


def _bounced_for_good(event: Event, means: Rule) -> dict[str, bool]:
    """That an address takes nothing any more, as a cell of consent (``individual.consent``)."""
    properties = event.properties
    if properties.get("permanent") is not True or means.channel not in _ADDRESSED:
        return {}
    if not fold_name(event.name).endswith(" bounced"):
        return {}
    address = text(properties, "address", "email", "phone").strip().lower()
    key = f"bounced:{means.channel}"
    return {f"{key}:{address}" if address else key: False}


# Channels whose messages go to an address that the person told us.
_ADDRESSED = frozenset({"email", "sms"})
# Its rule names a channel as the likeliest; the event itself does not.
_OF_NO_CHANNEL = frozenset({"unsubscribed"})


def _preferences_of(properties: dict[str, Any]) -> dict[str, int]:
    """``attribute``, ``value`` (one or several) and ``preference``: like, dislike, or none."""
    attribute = text(properties, "attribute")
    sign = {"like": 1, "dislike": -1, "none": 0}.get(text(properties, "preference").lower())
    said = preferences_of(properties)
    if attribute and sign is not None:
        said.update({f"{attribute}={value}": sign for value in listed(properties.get("value"))})
    return said
