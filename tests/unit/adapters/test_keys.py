"""The keys' file: nothing before the server has started, then whole and for its owner only."""

import stat
from pathlib import Path

import pytest

from eachwise.adapters.keys import FILE, keep_keys, load_keys
from eachwise.contracts.errors import StoreError


def test_loading_writes_nothing_and_keeping_makes_them_last(tmp_path: Path) -> None:
    store = tmp_path / "store"
    first, made = load_keys(store)
    again, _ = load_keys(store)
    assert made
    assert first != again
    assert not store.exists()
    keep_keys(store, first)
    assert load_keys(store) == (first, False)
    assert stat.S_IMODE((store / FILE).stat().st_mode) == 0o600
    assert [file.name for file in store.iterdir()] == [FILE]


def test_what_a_killed_start_left_is_no_harm(tmp_path: Path) -> None:
    left = tmp_path / "keys.new"
    left.write_text("{half")
    left.chmod(0o644)
    keys, _ = load_keys(tmp_path)
    keep_keys(tmp_path, keys)
    assert load_keys(tmp_path) == (keys, False)
    assert stat.S_IMODE((tmp_path / FILE).stat().st_mode) == 0o600


def test_given_keys_win_and_change_nothing(tmp_path: Path) -> None:
    kept, _ = load_keys(tmp_path)
    keep_keys(tmp_path, kept)
    one, made = load_keys(tmp_path, write="wk_given")
    assert (one.write, one.secret, made) == ("wk_given", kept.secret, False)
    both, made = load_keys(tmp_path / "nowhere", write="wk_given", secret="sk_given")
    assert (both.write, both.secret, made) == ("wk_given", "sk_given", False)
    assert load_keys(tmp_path) == (kept, False)


def test_a_file_that_is_none_is_named(tmp_path: Path) -> None:
    (tmp_path / FILE).write_text("{}")
    with pytest.raises(StoreError, match=r"keys\.json"):
        load_keys(tmp_path)
