"""A channel that takes everything and sends nothing, for what is only tried."""

from __future__ import annotations

from eachwise.contracts.delivery import Letter, Receipt


class Nowhere:
    """Says that each letter was sent."""

    deduplicates = True

    def __init__(self, name: str) -> None:
        self.name = name

    def send(self, letter: Letter) -> Receipt:
        """Take one."""
        return Receipt(outcome="sent")

    def close(self) -> None:
        """Nothing is open."""
