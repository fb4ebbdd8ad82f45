"""What only a store on disk must do: survive its process, a full disk, and its own upgrades."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from eachwise.adapters.sqlite import SqliteStore
from eachwise.contracts.errors import StoreError
from eachwise.contracts.ports import Commit
from eachwise.settings import StoreSettings
from tests.contract.crash_child import EVENTS_A_COMMIT, THREADS
from tests.contract.makers import (
    a_decision,
    a_journey,
    a_message,
    an_event,
    an_instance,
    some_events,
)
from tests.contract.outbox_contract import names
from tests.contract.suite import put

ROOT = Path(__file__).parents[2]


def child(module: str, *arguments: str) -> subprocess.Popen[str]:
    """Start one of the contract's child programs."""
    return subprocess.Popen(
        [sys.executable, "-m", f"tests.contract.{module}", *arguments],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )


def test_everything_is_there_after_reopening(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path)
    first = put(store, events=some_events(10), individuals={"i": b"s"}, watermark=10).sequences
    store.close()
    store = SqliteStore(tmp_path)
    assert store.watermark() == 10
    assert store.individual("i") == b"s"
    assert [one.sequence for one in store.events_after(0, 100)] == first
    again = put(store, events=[*some_events(10), an_event("new")]).sequences
    assert again == [None] * 10 + [11]
    assert store.counts()["events"] == 11
    store.close()


def test_a_clean_end_leaves_one_file(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path)
    put(store, events=some_events(10))
    assert store.counts()["events"] == 10
    store.close()
    assert [path.name for path in tmp_path.iterdir()] == ["eachwise.sqlite"]


def test_projects_in_one_file_do_not_see_one_another(tmp_path: Path) -> None:
    first = SqliteStore(tmp_path, project_id="one")
    put(first, events=[an_event("m", user_id="u")], individuals={"i": b"1"}, watermark=1)
    put(first, decisions=[a_decision("d")], journeys=[a_journey()])
    instance, message = an_instance("n", wake_at_us=1), a_message("m")
    put(first, instances={"n": instance}, messages=[message])
    first.close()
    second = SqliteStore(tmp_path, project_id="two")
    assert second.event("m") is None
    assert list(second.events_of(user_ids=["u"])) == []
    assert second.individual("i") is None
    assert second.watermark() == 0
    assert second.journeys() == []
    assert second.instances_of("i-1") == second.instances_due(9, 9) == []
    assert second.instances_at("basket") == []
    assert second.messages() == second.messages_of("i-1") == list(second.open_messages()) == []
    assert second.claim_messages("w", 2**60, 2**61, 9).result() == []
    assert put(second, settled=[message], instances={"n": None}).settled == [False]
    second.prune(decided_before_us=2**60)
    assert set(second.counts().values()) == {0}
    assert put(second, events=[an_event("m")]).sequences == [2]
    assert put(second, messages=[message]).settled == []
    assert names(second.claim_messages("w", 2**60, 2**61, 9).result()) == ["m"]
    second.close()
    first = SqliteStore(tmp_path, project_id="one")
    assert (first.instance("n"), first.message("m")) == (instance, message)
    first.close()


@pytest.mark.parametrize("synchronous", ["FULL", "NORMAL", "OFF"])
def test_the_setting_reaches_the_disk(tmp_path: Path, synchronous: str) -> None:
    settings = StoreSettings(synchronous=synchronous)  # type: ignore[arg-type]
    store = SqliteStore(tmp_path, settings=settings)
    level = store.writer.submit(lambda c: c.execute("PRAGMA synchronous").fetchone()[0])
    assert level.result() == {"OFF": 0, "NORMAL": 1, "FULL": 2}[synchronous]
    store.close()


def test_readers_cannot_write_and_end_with_their_threads(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path)
    put(store, events=some_events(3))
    seen: list[int] = []
    threads = [
        threading.Thread(target=lambda: seen.append(store.counts()["events"])) for _ in range(20)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert seen == [3] * 20
    with pytest.raises(StoreError, match="could not read"):
        store._readers.rows("DELETE FROM events")
    store.close()


def test_no_acknowledged_event_is_lost_to_a_kill(tmp_path: Path) -> None:
    """Kill -9 in the middle of commits, again and again: what was acknowledged is there, once."""
    acknowledged: list[str] = []
    for run in range(4):
        process = child("crash_child", str(tmp_path), f"run{run}")
        assert process.stdout is not None
        for _ in range(30 + 17 * run):
            acknowledged.append(process.stdout.readline().strip())
        process.kill()
        acknowledged += [line.strip() for line in process.stdout if line.endswith("\n")]
        process.stdout.close()
        process.wait()

        store = SqliteStore(tmp_path)
        for said in acknowledged:
            name, _, was_sent = said.partition(" ")
            message = store.message(name)
            assert message is not None
            assert message.state == "sent" or not was_sent
            for number in range(EVENTS_A_COMMIT - 1):
                assert store.event(f"{name}-{number}") is not None
        log = store.events_after(0, 10**9)
        messages = [one.event.message_id for one in log]
        assert len(set(messages)) == len(messages) == store.counts()["events"]
        assert [one.sequence for one in log] == list(range(1, len(log) + 1))
        # A commit is there whole or not at all: its state with its events.
        for thread in range(THREADS):
            state = store.individual(f"run{run}.{thread}")
            if state is not None:
                assert store.event(f"run{run}.{thread}-{int(state)}-0") is not None
                assert store.event(f"run{run}.{thread}-{int(state) + 1}-0") is None
                assert store.message(f"run{run}.{thread}-{int(state)}") is not None
                assert store.message(f"run{run}.{thread}-{int(state) + 1}") is None
                instance = store.instance(f"run{run}.{thread}")
                assert instance is not None
                assert instance.path == int(state)
        # What was under way at the kill is there whole: its columns say what its body says.
        under_way = list(store.open_messages())
        assert all(one.state in {"pending", "claimed"} for one in under_way)
        assert len(under_way) <= THREADS * (run + 1)
        assert names(store.claim_messages("next", 2**60, 2**60, 99).result()) == names(under_way)
        taken = store.messages("claimed")
        assert names(taken) == names(under_way)
        assert {one.claimed_by for one in taken} <= {"next"}
        store.close()
    assert len(acknowledged) > 100


def test_a_full_disk_fails_the_group_and_passes(tmp_path: Path) -> None:
    """The file may not grow: every commit that waits fails, nothing is half done."""
    store = SqliteStore(tmp_path)
    put(store, events=some_events(10))
    pages = store.writer.submit(lambda c: c.execute("PRAGMA page_count").fetchone()[0]).result()
    limit = f"PRAGMA max_page_count = {pages + 5}"
    store.writer.submit(lambda c: c.execute(limit).fetchone()).result()
    big = {"text": "x" * 20_000}
    futures = [
        store.commit(Commit(events=some_events(20, f"big{n}", properties=big))) for n in range(5)
    ]
    for future in futures:
        error = future.exception(timeout=30)
        assert isinstance(error, StoreError)
        assert "full" in error.message
    assert store.pending() == 0
    assert store.counts()["events"] == 10
    assert put(store, events=[an_event("small")]).sequences == [11]
    store.writer.submit(lambda c: c.execute("PRAGMA max_page_count = 1000000").fetchone()).result()
    assert put(store, events=some_events(20, "big0", properties=big)).sequences[0] == 12
    store.close()
    store = SqliteStore(tmp_path)
    assert store.counts()["events"] == 31
    store.close()


@pytest.mark.skipif(sys.platform == "win32", reason="limits on files are POSIX")
def test_a_write_that_the_system_refuses_fails_and_passes(tmp_path: Path) -> None:
    """The same with the system's own refusal, in the middle of COMMIT."""
    process = child("full_disk_child", str(tmp_path))
    said, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    store = SqliteStore(tmp_path)
    assert store.counts()["events"] == int(said)
    assert len(store.events_after(0, 10**9)) == int(said)
    store.close()


def test_a_file_that_is_no_store_is_refused(tmp_path: Path) -> None:
    (tmp_path / "eachwise.sqlite").write_bytes(b"not a database, whatever its name" * 100)
    with pytest.raises(StoreError, match="cannot open the store"):
        SqliteStore(tmp_path)


def test_a_place_that_cannot_be_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StoreError, match="cannot open the store"):
        SqliteStore(tmp_path / "file")


def test_a_newer_schema_is_refused(tmp_path: Path) -> None:
    SqliteStore(tmp_path).close()
    connection = sqlite3.connect(tmp_path / "eachwise.sqlite")
    connection.execute("INSERT INTO migrations VALUES (9999, 'of_the_future', 'abc')")
    connection.commit()
    connection.close()
    with pytest.raises(StoreError, match=r"newer Eachwise.*9999_of_the_future.*upgrade"):
        SqliteStore(tmp_path)


def test_a_migration_that_changed_is_refused(tmp_path: Path) -> None:
    SqliteStore(tmp_path).close()
    connection = sqlite3.connect(tmp_path / "eachwise.sqlite")
    connection.execute("UPDATE migrations SET sha256 = 'abc'")
    connection.commit()
    connection.close()
    with pytest.raises(StoreError, match="0001_the_first_tables of the store differs"):
        SqliteStore(tmp_path)


def test_an_event_that_lacks_its_time_is_no_duplicate(tmp_path: Path) -> None:
    """What the log cannot hold fails its commit; it is never taken for a duplicate."""
    store = SqliteStore(tmp_path)
    timeless = an_event("m", None)  # type: ignore[arg-type]
    with pytest.raises(StoreError, match="lacks"):
        put(store, events=[timeless])
    assert put(store, events=[an_event("m")]).sequences == [1]
    store.close()


def test_what_cannot_be_encoded_fails_alone(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path)
    bad = store.commit(Commit(events=[an_event("m", properties={"f": object()})]))
    huge = store.commit(Commit(events=[an_event("n", properties={"n": 2**70})]))
    lone = store.commit(Commit(individuals={"\ud800": b"s"}))
    assert put(store, events=[an_event("fine")]).sequences == [1]
    for future in (bad, huge, lone):
        assert isinstance(future.exception(timeout=30), StoreError)
    store.close()
