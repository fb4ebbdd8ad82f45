"""The key of signed links: made once, for its owner only, the same ever after."""

from __future__ import annotations

from pathlib import Path

import pytest

from eachwise.adapters.keys import LINKS_FILE, LINKS_KEY_BYTES, links_key
from eachwise.contracts.errors import StoreError


def test_it_is_made_once_and_kept(tmp_path: Path) -> None:
    key = links_key(tmp_path)
    assert len(key) == LINKS_KEY_BYTES
    assert links_key(tmp_path) == key
    assert (tmp_path / LINKS_FILE).stat().st_mode & 0o777 == 0o600


def test_without_a_store_each_process_has_its_own() -> None:
    assert links_key(None) != links_key(None)


def test_a_damaged_one_is_named_and_not_replaced(tmp_path: Path) -> None:
    (tmp_path / LINKS_FILE).write_bytes(b"short")
    with pytest.raises(StoreError, match=r"links\.key: has 5 bytes"):
        links_key(tmp_path)
    assert (tmp_path / LINKS_FILE).read_bytes() == b"short"
    with pytest.raises(StoreError, match="cannot keep"):
        links_key(tmp_path / "none")
