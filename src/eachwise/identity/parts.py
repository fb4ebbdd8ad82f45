"""What a person is made of, in words: every link that made identifiers one person."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from eachwise.contracts.individual import MergedPart
from eachwise.contracts.ports import Login
from eachwise.identity.cells import DeviceCell, Edge, StrongCell
from eachwise.maths.times import iso

_REASONS = {"same": "user id and e-mail sent together", "alias": "alias", "login": "login"}


def merged_parts(
    members: Mapping[str, StrongCell],
    links: Sequence[tuple[Edge, str, str]],
    device_of: Callable[[str], DeviceCell | None],
) -> list[MergedPart]:
    """In time order: the strong links among a person's members, and each device's first login by one of them."""
    found = []
    for edge, left, right in links:
        reason = _REASONS["alias"] if edge.target else _REASONS["same"]
        found.append((edge.occurred_at_us, edge.message_id, left, right, reason))
    for identifier, cell in members.items():
        for device, (at_us, message_id) in cell.devices.items():
            known = device_of(device)
            if known is not None and any(run.identifier == identifier for run in known.runs):
                aliased = Login(at_us, message_id, identifier) in known.pinned
                reason = _REASONS["alias" if aliased else "login"]
                found.append((at_us, message_id, device, identifier, reason))
    return [
        MergedPart(left=left, right=right, at=iso(at_us), message_id=message_id, reason=reason)
        for at_us, message_id, left, right, reason in sorted(found)
    ]
