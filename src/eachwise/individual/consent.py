"""May this be done for this person on this channel? Fails closed where it reaches out."""

from __future__ import annotations

from eachwise.contracts.experience import ONSITE_CHANNELS
from eachwise.contracts.individual import Individual
from eachwise.settings import ConsentSettings

# Consent cells under these keys are about a channel, not a purpose. An unsubscribe that names none closes all outbound.
CHANNEL = "channel:"
EVERY_CHANNEL = "channel:*"


def suppression_key(channel: str) -> str:
    """The consent cell of a channel: written False by an unsubscribe or complaint, True by subscribing again."""
    return CHANNEL + channel if channel else EVERY_CHANNEL


def consent_allows(
    state: Individual, purpose: str, channel: str, settings: ConsentSettings
) -> tuple[bool, str]:
    """Whether an experience for this purpose may go out on this channel, and why, in words.

    In this order: a suppressed channel (unsubscribe, complaint) refuses; what the person said of the purpose holds, on
    our own pages too; then the operator's default for the purpose holds as if it were said; what is unknown is allowed
    where the person came to us (``ONSITE_CHANNELS``) and refused wherever we would reach out.
    """
    if _suppressed(state, channel):
        return False, f"unsubscribed from {channel}"
    said = state.consent.get(purpose)
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


def _suppressed(state: Individual, channel: str) -> bool:
    """The later word of the channel's own cell and, for outbound channels, of the cell for every channel."""
    keys = [CHANNEL + channel]
    if channel not in ONSITE_CHANNELS:
        keys.append(EVERY_CHANNEL)
    cells = [cell for key in keys if (cell := state.consent.get(key)) is not None]
    if not cells:
        return False
    latest = max(cells, key=lambda cell: (cell.occurred_at_us, cell.tie, not cell.value))
    return not latest.value
