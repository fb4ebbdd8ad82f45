"""The contact policy as the operator writes it, and the caps that it shares with placements and experiences."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from eachwise.contracts.experience import ANY_CHANNEL, OUTBOUND_CHANNELS, Cap, ContactPolicy
from eachwise.documents import Document, Misfit, Path, convert, kind_of, nearest
from eachwise.maths.times import parse_hours

CONTACT = "contact"


def contact_policy(document: Document, raw: object) -> ContactPolicy:
    """The document's policy; where it has none, one that adds nothing. Raises ``InvalidInput`` with the line."""
    if raw is None:
        return ContactPolicy()
    if not isinstance(raw, dict):
        raise document.fault((CONTACT,), f"must be a mapping such as caps: …, not {kind_of(raw)}")
    try:
        policy = convert(raw, ContactPolicy)
    except Misfit as misfit:
        raise document.fault((CONTACT, *misfit.path), misfit.reason) from None
    for path, reason in _faults(policy):
        raise document.fault((CONTACT, *path), reason)
    return policy


def cap_faults(caps: Sequence[Cap]) -> Iterator[tuple[Path, str]]:
    """What is wrong with caps, below the definition that has them."""
    for position, cap in enumerate(caps):
        for name in ("count", "window_s"):
            if getattr(cap, name) < 1:
                yield ("caps", position, name), "must be at least 1"


def hours_fault(text: str) -> str:
    """Why a text names no quiet hours, or ""."""
    try:
        parse_hours(text)
    except ValueError as error:
        return f"{error}, on the person's clock"
    return ""


def _faults(policy: ContactPolicy) -> Iterator[tuple[Path, str]]:
    yield from cap_faults(policy.caps)
    known = sorted(OUTBOUND_CHANNELS)
    for name, seconds in policy.gaps.items():
        if name not in {*known, ANY_CHANNEL}:
            listed = ", ".join([ANY_CHANNEL, *known])
            yield (
                ("gaps", name),
                f"no outbound channel{nearest(name, [ANY_CHANNEL, *known])}; known: {listed}",
            )
        if seconds < 1:
            yield ("gaps", name), "must be at least 1 second"
    if policy.quiet_hours and (fault := hours_fault(policy.quiet_hours)):
        yield ("quiet_hours",), fault
    for channel, hours in policy.channel_quiet_hours.items():
        if channel not in OUTBOUND_CHANNELS:
            yield (
                ("channel_quiet_hours", channel),
                f"no outbound channel; known: {', '.join(known)}",
            )
        elif hours and (fault := hours_fault(hours)):
            yield ("channel_quiet_hours", channel), fault
