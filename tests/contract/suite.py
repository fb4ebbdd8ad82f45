"""What every part of the store's suite stands on."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from eachwise.contracts.ports import Commit, Committed, Store

ODD_IDS = [
    "Ünï-ço∂é",
    "日本語 id",
    "🦐🥦🐟🥕",
    "a'b\"c;--",
    "tab\tnew\nline",
    "nul\x00inside",
    "x" * 2_000,
]


def put(store: Store, **parts: Any) -> Committed:
    """Commit and wait."""
    return store.commit(Commit(**parts)).result(timeout=30)


class StoreSuite:
    """An adapter's store for each test."""

    def make_store(self, path: Path) -> Store:
        """Open the adapter's store; ``path`` is a directory it may use."""
        raise AssertionError("an adapter's test supplies make_store")

    @pytest.fixture
    def store(self, tmp_path: Path) -> Iterator[Store]:
        store = self.make_store(tmp_path / "store")
        yield store
        store.close()
