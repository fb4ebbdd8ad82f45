"""What one event says about who is who: typed identifiers and the links between them.

Strong identifiers (``user:``, ``email:``) name a person. Device-like ones (``anon:``, ``device:``) name a thing that
people share and lose. E-mail addresses are lower-cased; every other id is kept as it was sent.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

import msgspec

from eachwise.contracts.events import UNMERGED, Event
from eachwise.contracts.ports import Login
from eachwise.identity.cells import DEVICE_LIKE, STRONG
from eachwise.settings import IdentitySettings

# The track event that parts two identifiers for good: properties ``left`` and ``right``, typed identifiers.


class Link(msgspec.Struct, frozen=True, array_like=True):
    """One statement of one event about two identifiers.

    same:  ``left`` (user) and ``right`` (email) are one person
    alias: ``left`` (user) is the earlier id of ``right`` (user), which names the person from now on
    login: the device-like ``left`` was in the hands of the strong ``right`` at that moment; ``pinned`` where the log
           of logins (``Store.logins_on``) cannot tell so and it must be remembered beside it
    void:  whatever links ``left`` and ``right`` directly does not count, before and after
    """

    kind: Literal["same", "alias", "login", "void"]
    occurred_at_us: int
    message_id: str
    left: str
    right: str
    pinned: bool = False


class Names(msgspec.Struct, frozen=True, array_like=True):
    """The identifiers that an event carries, typed, without those that name nobody; "" where there is none."""

    user: str
    anonymous: str
    device: str


class Reader:
    """Reads identifiers and links out of events under one set of guards."""

    def __init__(self, settings: IdentitySettings) -> None:
        self._blocked = frozenset(value.strip().lower() for value in settings.blocked_values)

    def names(self, event: Event) -> Names:
        """Who and what sent the event, as it says."""
        user, anonymous, device = event.user_id, event.anonymous_id, ""
        context = event.context
        if context:
            found = context.get("device")
            if isinstance(found, dict) and isinstance(device_id := found.get("id"), str):
                device = self._typed("device:", device_id)
        return Names(
            self._typed("user:", user) if user else "",
            self._typed("anon:", anonymous) if anonymous else "",
            device,
        )

    def valid(self, identifier: str) -> str:
        """A typed identifier in its normal form; "" where it names nobody or has no known type."""
        kind, _, value = identifier.partition(":")
        if kind == "email":
            return self._email(value)
        return self._typed(kind + ":", value) if kind in ("user", "anon", "device") else ""

    def links(self, event: Event, names: Names) -> list[Link]:
        """Every link that the event states; ``names`` are the event's."""
        at_us, message_id = event.occurred_at_us, event.message_id
        links: list[Link] = []
        user = names.user
        address = self._address(event) if event.traits or "traits" in event.context else ""
        owner, pinned = user, False
        if user and address:
            links.append(Link("same", at_us, message_id, user, address))
        elif address and event.kind == "identify":
            owner = address
            pinned = bool(event.user_id) or not self._email(event.traits.get("email"))
        if owner:
            for device in (names.anonymous, names.device):
                if device:
                    links.append(Link("login", at_us, message_id, device, owner, pinned))
        if event.kind == "alias" and user and event.previous_id:
            self._alias(links, event, user)
        elif event.name == UNMERGED and event.kind == "track":
            left, right = event.properties.get("left"), event.properties.get("right")
            if isinstance(left, str) and isinstance(right, str):
                left, right = self.valid(left), self.valid(right)
                if left and right and left != right:
                    links.append(Link("void", at_us, message_id, left, right))
        return links

    def _alias(self, links: list[Link], event: Event, user: str) -> None:
        """``previousId`` may be a user id or an anonymous id: both readings are stated, the wrong one harms nobody."""
        at_us, message_id, previous = (
            event.occurred_at_us,
            event.message_id,
            event.previous_id or "",
        )
        earlier, anonymous = self._typed("user:", previous), self._typed("anon:", previous)
        if earlier and earlier != user:
            links.append(Link("alias", at_us, message_id, earlier, user))
        if anonymous and event.previous_id != event.anonymous_id:
            links.append(Link("login", at_us, message_id, anonymous, user, True))

    def _typed(self, prefix: str, value: str) -> str:
        return "" if value.strip().lower() in self._blocked else prefix + value

    def _email(self, value: object) -> str:
        """``email:ADDRESS`` of what may be an address; without an @ it is none."""
        if not isinstance(value, str) or "@" not in value:
            return ""
        return self._typed("email:", value.strip().lower())

    def _address(self, event: Event) -> str:
        """The e-mail address an event states: ``traits.email`` (not a group's), else ``context.traits.email``."""
        found = self._email(event.traits.get("email")) if event.kind != "group" else ""
        if not found:
            traits = event.context.get("traits")
            if isinstance(traits, dict):
                found = self._email(traits.get("email"))
        return found


def is_typed(identifier: str) -> bool:
    """Whether an identifier says what it is, as ``user:42`` does, and is not empty beyond that."""
    return identifier.startswith((*STRONG, *DEVICE_LIKE)) and not identifier.endswith(":")


def links_of(event: Event, settings: IdentitySettings) -> list[Link]:
    """Every link that one event states. An e-mail address alone logs a device in only by an ``identify``."""
    reader = Reader(settings)
    return reader.links(event, reader.names(event))


def logins_of(events: Iterable[Event], device: str, settings: IdentitySettings) -> list[Login]:
    """The logins on one device-like identifier that these events state, in time order."""
    reader = Reader(settings)
    return sorted(
        Login(link.occurred_at_us, link.message_id, link.right)
        for event in events
        for link in reader.links(event, reader.names(event))
        if link.kind == "login" and link.left == device
    )
