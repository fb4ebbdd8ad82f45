"""What the parts of the store in memory share: one lock, and whether the store is closed."""

from __future__ import annotations

import threading

from eachwise.contracts.errors import StoreError


class Guarded:
    """One lock over all that is held, until it is closed."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._closed = False
        super().__init__()

    def close(self) -> None:
        """Refuse everything from now on."""
        self._closed = True

    def _refuse_if_closed(self) -> None:
        if self._closed:
            raise StoreError("the store is closed")
