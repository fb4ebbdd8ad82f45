"""What stands against a message at the moment at which a person would get it."""

from __future__ import annotations

from msgspec.structs import replace

from eachwise.contracts.decision import DecisionRecord
from eachwise.contracts.delivery import Message
from eachwise.contracts.ports import Store
from eachwise.decide import Held
from eachwise.flow.catalogue import Catalogue
from eachwise.flow.pages import Pages

# An instance that ended so wants nothing any more. One that is ``completed`` came to its end: what it asked for goes.
_CUT_OFF = frozenset({"goal", "exited", "merged"})


class Hindrances:
    """Asks once more, with people, definitions, catalogue and journeys as they are now."""

    def __init__(self, *, store: Store, catalogue: Catalogue, pages: Pages) -> None:
        self._store = store
        self._catalogue = catalogue
        self._pages = pages

    def of(self, message: Message, record: DecisionRecord, person: str) -> Held | None:
        """What stands against a message with the decision behind it; None where nothing does.

        ``person`` is whom ``message.individual_id`` stands for now. Of what is transactional no journey's end is asked:
        a receipt is owed.
        """
        placement_id = record.inputs.placement_id
        placement = self._catalogue.offers.definitions.placements.get(placement_id)
        if placement is None:
            return _for_good(f"placement {placement_id} is not defined")
        if placement.channel != message.channel:
            # Consent and caps would be asked for the channel on which it does not go out.
            return _for_good(f"placement {placement_id} is on {placement.channel} now")
        if message.instance_id and not message.transactional:
            instance = self._store.instance(message.instance_id)
            if instance is not None and instance.status in _CUT_OFF:
                return _for_good(f"its journey ended: {instance.status}")
        return self._pages.hindrance(replace(record, individual_id=person))


def _for_good(reason: str) -> Held:
    return Held(filter="", reason=reason, again_us=None)
