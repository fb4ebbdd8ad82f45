"""May this be done for this person on this channel? Fails closed where it reaches out.

Beside purposes, consent cells have these keys:

``channel:CHANNEL``          the whole channel: False by an unsubscribe or complaint, True by subscribing again
``channel:*``                every outbound channel: an unsubscribe that names none
``channel:CHANNEL:PURPOSE``  one purpose on one channel: an unsubscribe, or a consent, that names both
``bounced:CHANNEL:ADDRESS``  False: this address takes nothing any more (a bounce for good); without ``:ADDRESS``
                             where the bounce did not say which, and then none of the channel does
"""

from __future__ import annotations

from typing import Protocol

from eachwise.contracts.events import Action, Meaning
from eachwise.contracts.experience import ONSITE_CHANNELS, OUTBOUND_CHANNELS
from eachwise.contracts.individual import PUSH_TRAIT, Written
from eachwise.settings import ConsentSettings

CHANNEL = "channel:"
EVERY_CHANNEL = "channel:*"
BOUNCED = "bounced:"
# The trait that holds a channel's address.
ADDRESS_TRAITS = {"email": "email", "sms": "phone"}
_EMAIL = "email:"


# Channels of the keys above: a purpose may be called what it likes.
_CHANNELS = ONSITE_CHANNELS | OUTBOUND_CHANNELS | {"*"}


class Stated(Protocol):
    """What of an individual is looked at."""

    @property
    def consent(self) -> dict[str, Written]:
        """Cells by key."""
        ...

    @property
    def traits(self) -> dict[str, Written]:
        """Traits; only read where an address has bounced."""
        ...

    @property
    def identifiers(self) -> set[str]:
        """Typed identifiers; only read where an address has bounced."""
        ...


def suppression_key(channel: str) -> str:
    """The consent cell of a channel; of all outbound ones for an empty name."""
    return CHANNEL + channel if channel else EVERY_CHANNEL


def pair_key(channel: str, purpose: str) -> str:
    """The consent cell of one purpose on one channel."""
    return f"{CHANNEL}{channel}:{purpose}"


def bounce_key(channel: str, address: str = "") -> str:
    """The cell of an address that takes nothing any more."""
    return f"{BOUNCED}{channel}:{address}" if address else BOUNCED + channel


def closed_by(meaning: Meaning) -> str:
    """The cell of the channel that an event closes; "" where it closes none, only a purpose on one, or one browser."""
    one_browser = bool(meaning.traits) and PUSH_TRAIT not in meaning.traits
    narrow = one_browser or any(key.startswith(CHANNEL) for key in meaning.consent)
    if meaning.action is Action.COMPLAIN or (meaning.action is Action.UNSUBSCRIBE and not narrow):
        return suppression_key(meaning.channel)
    return ""


def stated_by(meaning: Meaning) -> dict[str, bool]:
    """The cells that an event writes, and what it says of each."""
    closed = closed_by(meaning)
    return {**meaning.consent, closed: False} if closed else dict(meaning.consent)


def parts_of_key(key: str) -> tuple[str, str, str]:
    """(channel, purpose, address) of a cell; "" for what it does not name."""
    kind, _, rest = key.partition(":")
    name, _, more = rest.partition(":")
    if name in _CHANNELS:
        if kind + ":" == CHANNEL:
            return name, more, ""
        if kind + ":" == BOUNCED:
            return name, "", more
    return "", key, ""


def address_of(state: Stated, channel: str) -> str:
    """Where a person is reached on a channel, in lower case; "" where it is not known, or the channel has none.

    E-mail: the trait ``email``, else the first e-mail identifier in order; SMS: the trait ``phone``.
    """
    trait = ADDRESS_TRAITS.get(channel)
    cell = state.traits.get(trait) if trait else None
    if cell is not None and isinstance(cell.value, str) and cell.value.strip():
        return cell.value.strip().lower()
    if channel != "email":
        return ""
    known = sorted(each for each in state.identifiers if each.startswith(_EMAIL))
    return known[0][len(_EMAIL) :] if known else ""


def bounced(state: Stated, channel: str) -> bool:
    """Whether the person's present address on a channel takes nothing any more. A new address is a new beginning."""
    any_known = bounce_key(channel)
    if not any(key.startswith(any_known) for key in state.consent):
        return False
    keys = {any_known, bounce_key(channel, address_of(state, channel))}
    cells = [cell for key in keys if (cell := state.consent.get(key)) is not None]
    return any(not cell.value for cell in cells)


def consent_allows(
    state: Stated,
    purpose: str,
    channel: str,
    settings: ConsentSettings,
    *,
    transactional: bool = False,
) -> tuple[bool, str]:
    """Whether an experience for this purpose may go out on this channel, and why, in words.

    In this order: an address that takes nothing any more refuses, whatever it is; what is ``transactional`` asks no
    further; a suppressed channel (unsubscribe, complaint) refuses; what the person said of the purpose, or of it on
    this channel, holds, the later word, on our own pages too; then the operator's default for the purpose holds as if
    it were said; what is unknown is allowed where the person came to us (``ONSITE_CHANNELS``) and refused wherever we
    would reach out.
    """
    if bounced(state, channel):
        return False, f"the {channel} address takes nothing any more (it bounced for good)"
    if transactional:
        return True, f"transactional: no consent to {purpose} is asked for"
    pair = state.consent.get(pair_key(channel, purpose))
    if _suppressed(state, channel, pair):
        only = f" for {purpose}" if pair is not None and not pair.value else ""
        return False, f"unsubscribed from {channel}{only}"
    said = _latest([pair, state.consent.get(purpose)])
    if said is not None:
        if said.value:
            return True, f"consented to {purpose}"
        return False, f"refused consent to {purpose}"
    default = settings.defaults.get(purpose)
    if default is not None:
        word = "allows" if default else "refuses"
        return default, f"said nothing of {purpose}; the default {word} it"
    if channel in ONSITE_CHANNELS:
        return True, f"said nothing of {purpose}; allowed on {channel}"
    return False, f"said nothing of {purpose}; {channel} needs consent"


def _suppressed(state: Stated, channel: str, pair: Written | None) -> bool:
    """The later word of the channel's own cell, of that of the purpose on it and, for outbound channels, of the cell
    for every channel."""
    keys = [CHANNEL + channel]
    if channel not in ONSITE_CHANNELS:
        keys.append(EVERY_CHANNEL)
    latest = _latest([pair, *(state.consent.get(key) for key in keys)])
    return latest is not None and not latest.value


def _latest(cells: list[Written | None]) -> Written | None:
    """The last word; of several at once a refusal."""
    said = [cell for cell in cells if cell is not None]
    return max(said, key=lambda cell: (cell.occurred_at_us, cell.tie, not cell.value), default=None)
