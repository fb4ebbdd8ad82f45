"""Whatever is done to the outbox and to instances, in whatever groups: both stores say the same."""

from __future__ import annotations

import sqlite3
import tempfile
import threading
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any, get_args

from hypothesis import given, settings
from hypothesis import strategies as st

from eachwise.adapters.memory import MemoryStore
from eachwise.adapters.sqlite import SqliteStore
from eachwise.contracts.delivery import MessageState
from eachwise.contracts.journey import Status
from eachwise.contracts.ports import Commit, Store
from eachwise.settings import StoreSettings
from tests.contract.makers import a_message, an_instance

Act = Callable[[Store], Future[Any]]

NAMES = st.sampled_from(["a", "b", "c", "d"])
PEOPLE = st.sampled_from(["i-1", "i-2"])
WORKERS = st.sampled_from(["", "v", "w"])
TIMES = st.integers(0, 9)

MESSAGES = st.builds(
    a_message,
    NAMES,
    individual_id=PEOPLE,
    channel=st.sampled_from(["email", "web"]),
    created_at_us=TIMES,
    due_at_us=TIMES,
    state=st.sampled_from(get_args(MessageState)),
    claimed_by=WORKERS,
    claimed_until_us=TIMES,
    attempts=st.integers(0, 3),
)
INSTANCES = st.builds(
    an_instance,
    NAMES,
    individual_id=PEOPLE,
    journey_id=st.sampled_from(["basket", "welcome"]),
    key=st.sampled_from(["", "o"]),
    status=st.sampled_from(get_args(Status)),
    step=st.sampled_from(["hour", "mail"]),
    wake_at_us=TIMES,
    entered_at_us=TIMES,
    moved_at_us=TIMES,
)
COMMITS = st.builds(
    lambda instances, gone, messages, settled: Commit(
        instances={one.instance_id: one for one in instances} | dict.fromkeys(gone),
        messages=messages,
        settled=settled,
    ),
    st.lists(INSTANCES, max_size=3),
    st.lists(NAMES, max_size=1),
    st.lists(MESSAGES, max_size=3),
    st.lists(MESSAGES, max_size=3),
)


def committing(commit: Commit) -> Act:
    return lambda store: store.commit(commit)


def claiming(worker: str, now_us: int, for_us: int, limit: int) -> Act:
    return lambda store: store.claim_messages(worker, now_us, now_us + for_us, limit)


def waits_for(gate: threading.Event, _: sqlite3.Connection) -> bool:
    return gate.wait(30)


ACTS = st.one_of(
    COMMITS.map(committing),
    st.builds(claiming, st.sampled_from(["v", "w"]), TIMES, st.integers(1, 4), st.integers(1, 3)),
)


def everything(store: Store) -> list[Any]:
    """All that can be read of instances and messages."""
    return [
        *(store.instances_of(person) for person in ("i-1", "i-2")),
        *(store.instances_due(now_us, 99) for now_us in range(10)),
        *(store.instances_at(journey) for journey in ("basket", "welcome")),
        *(store.instance_counts(journey) for journey in ("basket", "welcome")),
        *(store.next_wake_us(), store.counts()),
        *(store.messages(state) for state in (None, *get_args(MessageState))),
        *(store.messages_of(person) for person in ("i-1", "i-2")),
        *store.open_messages(),
    ]


@settings(max_examples=40, deadline=None)
@given(groups=st.lists(st.lists(ACTS, max_size=6), max_size=5), prune_at=TIMES)
def test_both_stores_say_the_same(groups: list[list[Act]], prune_at: int) -> None:
    with (
        tempfile.TemporaryDirectory() as folder,
        closing(MemoryStore()) as memory,
        closing(SqliteStore(Path(folder), settings=StoreSettings(synchronous="OFF"))) as sqlite,
    ):
        for group in groups:
            # All of it waits at once, so that what lies between two claims is written as one transaction.
            gate = threading.Event()
            waiting = sqlite.writer.submit(partial(waits_for, gate))
            queued = [(act(memory), act(sqlite)) for act in group]
            gate.set()
            assert waiting.result(timeout=30)
            for of_memory, of_sqlite in queued:
                assert of_memory.result(timeout=30) == of_sqlite.result(timeout=30)
            assert everything(memory) == everything(sqlite)
        for store in (memory, sqlite):
            store.prune(decided_before_us=prune_at)
        assert everything(memory) == everything(sqlite)
