"""What every store must do, journeys and the outbox aside. An adapter's test inherits it."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from eachwise.contracts.errors import StoreError
from eachwise.contracts.experience import Definitions, Experience, Placement
from eachwise.contracts.ports import (
    Commit,
    Committed,
    ImportProgress,
    Login,
    Store,
    StoredIndividual,
)
from tests.contract.makers import (
    a_decision,
    a_version,
    an_event,
    an_item,
    rejections,
    some_events,
)
from tests.contract.suite import ODD_IDS, StoreSuite, put


def ids(logged: Any) -> list[str]:
    """Message ids in order."""
    return [one.event.message_id for one in logged]


class StoreContract(StoreSuite):
    """The suite."""

    # -- empty -----------------------------------------------------------------------------

    def test_an_empty_store_has_nothing(self, store: Store) -> None:
        assert store.watermark() == 0
        assert store.pending() == 0
        assert store.individual("i") is None
        assert store.individual_ids() == []
        assert store.identity("user:u") is None
        assert store.events_after(0, 10) == []
        assert list(store.events_of(user_ids=["u"], anonymous_ids=["a"], device_ids=["d"])) == []
        assert list(store.events_of()) == []
        assert store.logins_on(anonymous_id="a", device_id="d") == store.logins_on() == []
        assert store.event("m") is None
        assert store.outcomes_of("d") == []
        assert store.decision("d") is None
        assert store.decisions_of_request("i", "r") == store.decisions_of("i") == []
        assert list(store.unlearnt_decisions(0)) == []
        assert store.model("taste") is None
        assert store.models_since("taste", 0, 9) == []
        assert store.catalog() == (0, [])
        assert store.definitions() is None
        assert store.statistic("population") is None
        assert store.rejections() == []
        assert store.import_progress("digest") is None
        assert set(store.counts().values()) == {0}
        assert store.prune(decided_before_us=2**60) == 0

    def test_an_empty_commit_is_done(self, store: Store) -> None:
        assert put(store) == Committed([])

    # -- the log ---------------------------------------------------------------------------

    def test_events_get_ascending_sequences(self, store: Store) -> None:
        first = put(store, events=some_events(3, "a")).sequences
        second = put(store, events=some_events(2, "b")).sequences
        given = [sequence for sequence in first + second if sequence is not None]
        assert len(given) == 5
        assert given == sorted(set(given))
        assert given[0] >= 1
        log = store.events_after(0, 100)
        assert [one.sequence for one in log] == given
        assert ids(log) == ["a-0", "a-1", "a-2", "b-0", "b-1"]

    def test_the_log_is_read_in_pages(self, store: Store) -> None:
        put(store, events=some_events(1_500))
        read: list[str] = []
        last = 0
        while page := store.events_after(last, 400):
            assert len(page) <= 400
            read += ids(page)
            last = page[-1].sequence
        assert read == [f"m-{number}" for number in range(1_500)]

    def test_an_event_comes_back_whole(self, store: Store) -> None:
        event = an_event(
            "m",
            2**52,
            kind="identify",
            user_id="u",
            anonymous_id="a",
            previous_id="p",
            group_id="g",
            clamped=True,
            properties={
                "price": 1.25,
                "tags": ["a", None, True],
                "n": 2**63 - 1,
                "deep": {"é": -1},
            },
            traits={"email": "A@B.example", "name": "Zoë"},
            context={"device": {"id": "d"}},
        )
        put(store, events=[event])
        logged = store.event("m")
        assert logged is not None
        assert logged.event == event
        assert store.events_after(0, 1) == [logged]

    @pytest.mark.parametrize("odd", ODD_IDS)
    def test_any_text_is_an_id(self, store: Store, odd: str) -> None:
        near = odd[:3]
        events = [
            an_event(odd, 1, user_id=odd, anonymous_id=odd, context={"device": {"id": odd}}),
            an_event(near, 2, user_id=near, anonymous_id=near, context={"device": {"id": near}}),
        ]
        decision = a_decision(odd, individual_id=odd, request_id=odd)
        state = {odd: b"state"}
        put(store, events=events, individuals=state, identities=state, decisions=[decision])
        for found in (
            store.events_of(user_ids=[odd]),
            store.events_of(anonymous_ids=[odd]),
            store.events_of(device_ids=[odd]),
        ):
            assert ids(found) == [odd]
        assert store.logins_on(anonymous_id=odd) == [Login(1, odd, f"user:{odd}")]
        assert store.individual(odd) == store.identity(odd) == b"state"
        assert store.individual(near) is None
        assert store.individual_ids() == [odd]
        assert store.decisions_of_request(odd, odd) == [decision]
        assert put(store, events=events[:1]).sequences == [None]

    def test_big_bodies(self, store: Store) -> None:
        body = "🐟" * 300_000
        put(
            store,
            events=[an_event("m", properties={"text": body})],
            individuals={"i": b"\xff" * 3_000_000},
            models=[a_version(1, body=b"\x00" * 5_000_000)],
        )
        logged, model = store.event("m"), store.model("taste")
        assert logged is not None
        assert logged.event.properties["text"] == body
        assert store.individual("i") == b"\xff" * 3_000_000
        assert model is not None
        assert model.body == b"\x00" * 5_000_000

    # -- duplicates ------------------------------------------------------------------------

    def test_the_first_of_a_commit_wins(self, store: Store) -> None:
        events = [an_event("m", 1, name="first"), an_event("n", 2), an_event("m", 3, name="second")]
        sequences = put(store, events=events).sequences
        assert [sequence is None for sequence in sequences] == [False, False, True]
        logged = store.event("m")
        assert logged is not None
        assert logged.event.name == "first"
        assert logged.sequence == sequences[0]
        assert ids(store.events_after(0, 9)) == ["m", "n"]

    def test_the_first_commit_wins(self, store: Store) -> None:
        put(store, events=[an_event("m", 1, name="first")])
        sequences = put(store, events=[an_event("m", 2, name="second"), an_event("n")]).sequences
        assert sequences[0] is None
        assert sequences[1] is not None
        logged = store.event("m")
        assert logged is not None
        assert logged.event.name == "first"
        assert store.counts()["events"] == 2

    def test_the_first_of_a_queue_wins(self, store: Store) -> None:
        futures = [
            store.commit(Commit(events=[an_event("m", name=str(n)), an_event(f"own-{n}")]))
            for n in range(200)
        ]
        sequences = [future.result(timeout=30).sequences for future in futures]
        assert [given[0] is None for given in sequences] == [False] + [True] * 199
        given = [one for each in sequences for one in each if one is not None]
        assert given == sorted(set(given))
        logged = store.event("m")
        assert logged is not None
        assert logged.event.name == "0"
        assert store.counts()["events"] == 201
        for number, each in enumerate(sequences):
            own = store.event(f"own-{number}")
            assert own is not None
            assert own.sequence == each[1]

    def test_a_duplicate_leaves_the_rest_of_its_commit(self, store: Store) -> None:
        put(store, events=[an_event("m")])
        put(store, events=[an_event("m")], individuals={"i": b"state"}, watermark=1)
        assert store.individual("i") == b"state"
        assert store.watermark() == 1

    # -- who sent what ---------------------------------------------------------------------

    def test_events_of_ids_each_once_in_time_order(self, store: Store) -> None:
        device = {"device": {"id": "d"}}
        put(
            store,
            events=[
                an_event("m5", 50, user_id="u"),
                an_event("m4", 40, user_id="u", anonymous_id="a"),
                an_event("m2", 20, anonymous_id="a", context=device),
                an_event("b", 30, anonymous_id="a"),
                an_event("a", 30, user_id="v"),
                an_event("x", 10, user_id="other", anonymous_id="else"),
                an_event("y", 10, user_id="a", anonymous_id="u"),
            ],
        )
        assert ids(store.events_of(user_ids=["u"])) == ["m4", "m5"]
        assert ids(store.events_of(anonymous_ids=["a"])) == ["m2", "b", "m4"]
        assert ids(store.events_of(device_ids=["d"])) == ["m2"]
        every = store.events_of(user_ids=["u", "v", "u"], anonymous_ids=["a"], device_ids=["d"])
        assert ids(every) == ["m2", "a", "b", "m4", "m5"]
        part = store.events_of(user_ids=["u"], anonymous_ids=["a"], after_us=20, until_us=40)
        assert ids(part) == ["b", "m4"]
        assert ids(store.events_of(device_ids=["d"], after_us=20)) == []
        assert ids(store.events_of(device_ids=["d"], until_us=20)) == ["m2"]

    def test_events_of_many_ids(self, store: Store) -> None:
        people = [f"u{number % 1_300}" for number in range(2_600)]
        events = [an_event(f"m{n:04}", n // 7, user_id=user) for n, user in enumerate(people)]
        put(store, events=events[::-1])
        assert ids(store.events_of(user_ids=iter(people))) == [f"m{n:04}" for n in range(2_600)]

    def test_a_device_id_that_is_no_text_is_none(self, store: Store) -> None:
        odd: list[Any] = [{"device": None}, {"device": "d"}, {"device": {"id": 7}}]
        put(store, events=[an_event(str(n), context=context) for n, context in enumerate(odd)])
        assert list(store.events_of(device_ids=["d", "7", ""])) == []

    def test_logins(self, store: Store) -> None:
        both: dict[str, Any] = {"anonymous_id": "a", "context": {"device": {"id": "d"}}}
        mail = {"email": " Zoë@Example.COM "}
        put(
            store,
            events=[
                an_event("m3", 30, user_id="v", **both),
                an_event("m1", 10, user_id="u", anonymous_id="a"),
                an_event("m2", 10, kind="identify", traits=mail, **both),
                an_event("m0", 5, **both),
                an_event("m4", 40, kind="track", traits=mail, **both),
                an_event("m5", 50, kind="identify", user_id="w", traits=mail, **both),
                an_event("m6", 60, kind="identify", traits={"email": 7}, **both),
                an_event("m7", 70, user_id="z", anonymous_id="another"),
            ],
        )
        on_anonymous = [
            Login(10, "m1", "user:u"),
            Login(10, "m2", "email:zoë@example.com"),
            Login(30, "m3", "user:v"),
            Login(50, "m5", "user:w"),
        ]
        assert store.logins_on(anonymous_id="a") == on_anonymous
        assert store.logins_on(device_id="d") == on_anonymous[1:]
        assert store.logins_on(anonymous_id="a", device_id="d") == on_anonymous

    def test_outcomes_in_time_order(self, store: Store) -> None:
        named = {"decision_id": "d-1"}
        put(
            store,
            events=[
                an_event("m3", 30, properties=named),
                an_event("m1", 10, properties=named),
                an_event("b", 20, properties=named),
                an_event("a", 20, properties=named),
                an_event("x", 15, properties={"decision_id": "d-2"}),
                an_event("y", 15, properties={"decision_id": 1}),
            ],
        )
        assert ids(store.outcomes_of("d-1")) == ["m1", "a", "b", "m3"]

    # -- states ----------------------------------------------------------------------------

    def test_keyed_values_are_put_replaced_and_deleted(self, store: Store) -> None:
        for part, read in (
            ("individuals", store.individual),
            ("identities", store.identity),
            ("statistics", store.statistic),
        ):
            put(store, **{part: {"a": b"1", "b": b"2", "empty": b""}})
            put(store, **{part: {"a": b"3", "b": None, "never": None}})
            assert [read(key) for key in ("a", "b", "empty", "never")] == [b"3", None, b"", None]

    def test_the_last_commit_wins_whatever_waits(self, store: Store) -> None:
        futures = [
            store.commit(Commit(individuals={"i": None if n % 2 else b"%d" % n}, watermark=n))
            for n in range(301)
        ]
        for future in futures:
            future.result(timeout=30)
        assert store.individual("i") == b"300"
        assert store.watermark() == 300

    def test_individual_ids_in_order_and_pages(self, store: Store) -> None:
        names = [f"i{number:05}" for number in range(2_500)] + ["ä", "𝒳", "\uffff"]
        put(store, individuals=dict.fromkeys(reversed(names), b"s"))
        read: list[str] = []
        while page := store.individual_ids(read[-1] if read else "", 1_000):
            read += page
        assert read == sorted(names)
        assert store.individual_ids(limit=2) == ["i00000", "i00001"]
        assert len(store.individual_ids()) == 1_000

    def test_a_scan_meets_every_individual_once(self, store: Store) -> None:
        names = [f"i{(number * 7919) % 2_300:05}" for number in range(2_300)] + ["ä"]
        put(store, individuals={name: name.encode() for name in names})
        put(store, individuals={"i00007": b"changed", "i00009": None})
        read: list[StoredIndividual] = []
        while page := store.individuals(read[-1].number if read else 0, 500):
            assert len(page) <= 500
            read += page
        assert [one.number for one in read] == sorted({one.number for one in read})
        states = {one.individual_id: one.state for one in read}
        expected = {name: name.encode() for name in names if name != "i00009"}
        assert states == expected | {"i00007": b"changed"}
        assert store.individuals(read[-1].number) == []
        assert len(store.individuals()) == 1_000

    def test_a_scan_is_not_disturbed_by_writes(self, store: Store) -> None:
        names = [f"i{number:03}" for number in range(600)]
        put(store, individuals=dict.fromkeys(names, b"old"))
        first = store.individuals(limit=300)
        put(store, individuals=dict.fromkeys(names, b"new") | {"i599": None, "late": b"new"})
        second = store.individuals(first[-1].number)
        met = [one.individual_id for one in (*first, *second) if one.individual_id != "late"]
        assert sorted(met) == names[:-1]

    # -- decisions -------------------------------------------------------------------------

    def test_decisions_by_id_request_and_individual(self, store: Store) -> None:
        made = [
            a_decision("d1", at_us=10, request_id="r"),
            a_decision("d3", at_us=30),
            a_decision("d2", at_us=20, request_id="r"),
            a_decision("dx", at_us=40, individual_id="i-2", request_id="r"),
        ]
        put(store, decisions=made[:2])
        put(store, decisions=made[2:])
        assert store.decision("d1") == made[0]
        assert store.decisions_of_request("i-1", "r") == [made[0], made[2]]
        assert store.decisions_of("i-1") == [made[1], made[2], made[0]]
        assert store.decisions_of("i-1", 2) == [made[1], made[2]]
        assert store.decisions_of("i-2") == [made[3]]

    def test_decisions_of_one_moment_newest_first(self, store: Store) -> None:
        made = [a_decision(f"d{n}", at_us=10) for n in range(4)]
        put(store, decisions=made)
        assert store.decisions_of("i-1") == made[::-1]

    def test_decisions_older_than_one(self, store: Store) -> None:
        made = [a_decision(f"d{n}", at_us=10 + n // 3) for n in range(9)]
        other = a_decision("dx", at_us=11, individual_id="i-2")
        put(store, decisions=made[:5])
        put(store, decisions=[other, *made[5:]])
        newest_first = made[::-1]
        for place, record in enumerate(newest_first):
            older = newest_first[place + 1 :]
            assert store.decisions_of("i-1", before=record.decision_id) == older
            assert store.decisions_of("i-1", 2, record.decision_id) == older[:2]
        # Another's decision is a moment too: d5 of the same time was committed after it.
        assert store.decisions_of("i-1", before="dx") == made[4::-1]
        assert store.decisions_of("i-2", before="d8") == [other]
        assert store.decisions_of("i-1", before="unknown") == []

    def test_unlearnt_decisions_oldest_first(self, store: Store) -> None:
        made = [a_decision(f"d{n:03}", at_us=n // 3) for n in range(600)]
        put(store, decisions=made[::-1])
        put(store, learnt=["d004", "d599", "unknown"])
        waiting = [record.decision_id for record in store.unlearnt_decisions(1)]
        assert sorted(waiting) == [f"d{n:03}" for n in range(3, 599) if n != 4]
        times = [record.inputs.now_us for record in store.unlearnt_decisions(1)]
        assert times == sorted(times)

    def test_unlearnt_decisions_may_be_learnt_on_the_way(self, store: Store) -> None:
        put(store, decisions=[a_decision(f"d{n:03}", at_us=n) for n in range(500)])
        seen = []
        for record in store.unlearnt_decisions(0):
            seen.append(record.decision_id)
            put(store, learnt=[record.decision_id])
        assert seen == [f"d{n:03}" for n in range(500)]
        assert list(store.unlearnt_decisions(0)) == []

    def test_decisions_between_learnt_or_not_oldest_first(self, store: Store) -> None:
        records = [a_decision(f"d{n:04}", at_us=n // 3) for n in range(4600)]
        put(store, decisions=records)
        put(store, learnt=[f"d{n:04}" for n in range(0, 4600, 2)])
        found = list(store.decisions_between(1, 1500))
        assert [each.decision_id for each in found] == [f"d{n:04}" for n in range(3, 4500)]
        assert [each.at_us for each in found] == [n // 3 for n in range(3, 4500)]
        assert {each.individual_id for each in found} == {records[0].individual_id}
        assert list(store.decisions_between(2000, 3000)) == []

    def test_decisions_between_misses_none_that_is_learnt_on_the_way(self, store: Store) -> None:
        put(store, decisions=[a_decision(f"d{n:04}", at_us=n) for n in range(4500)])
        seen = []
        for each in store.decisions_between(0, 4500):
            seen.append(each.decision_id)
            if len(seen) % 900 == 0:
                put(store, learnt=[f"d{n:04}" for n in range(len(seen), len(seen) + 1300)])
        assert seen == [f"d{n:04}" for n in range(4500)]

    # -- models ----------------------------------------------------------------------------

    def test_model_versions(self, store: Store) -> None:
        versions = [a_version(1), a_version(2, 1), a_version(3, 2), a_version(4), a_version(10, 4)]
        put(store, models=[*versions[::-1], a_version(99, model="propensity")])
        assert store.model("taste") == versions[-1]
        assert store.model("taste", 2) == versions[1]
        assert store.model("taste", 5) is None
        assert store.models_since("taste", 1, 4) == versions[1:4]
        assert store.models_since("taste", 0, 1_000) == versions
        assert store.models_since("taste", 4, 4) == []

    def test_prune_keeps_what_kept_decisions_need(self, store: Store) -> None:
        bases = {1: 0, 2: 1, 3: 2, 4: 0, 5: 4, 6: 5, 7: 0, 8: 7, 9: 0}
        put(store, models=[a_version(version, base) for version, base in bases.items()])
        put(store, models=[a_version(1, model="propensity")])
        made = [
            a_decision("old", at_us=10, models={"taste": 3}),
            a_decision("kept", at_us=20, models={"taste": 5, "propensity": 1}),
            a_decision("new", at_us=30, models={"taste": 5}),
        ]
        put(store, decisions=made, model_uses=[("taste", 3), ("taste", 5), ("propensity", 1)])
        # Uses of one commit last as long as its newest decision, so the old one is alone here.
        assert store.prune(decided_before_us=20) == 1
        assert store.decision("old") is None
        assert store.decision("kept") == made[1]
        assert store.decisions_of("i-1") == [made[2], made[1]]
        assert store.counts()["decisions"] == 2
        kept = [version.version for version in store.models_since("taste", 0, 100)]
        assert {4, 5, 9} <= set(kept)
        assert not {6, 7, 8} & set(kept)
        assert store.model("propensity", 1) is not None

    def test_prune_lets_unused_chains_go(self, store: Store) -> None:
        put(store, models=[a_version(1), a_version(2, 1), a_version(3), a_version(4, 3)])
        put(store, decisions=[a_decision("old", at_us=10, models={"taste": 2})])
        put(store, decisions=[a_decision("new", at_us=20, models={"taste": 4})])
        assert store.prune(decided_before_us=10) == 0
        assert [one.version for one in store.models_since("taste", 0, 9)] == [1, 2, 3, 4]
        assert store.prune(decided_before_us=20) == 1
        assert [one.version for one in store.models_since("taste", 0, 9)] == [3, 4]
        assert store.prune(decided_before_us=1_000) == 1
        newest = store.model("taste")
        assert newest is not None
        assert newest.version == 4

    def test_versions_are_listed_without_their_bodies(self, store: Store) -> None:
        put(store, models=[a_version(1), a_version(2, 1), a_version(7, body=b"x" * 12_345)])
        put(store, models=[a_version(3, model="trained")])
        listed = store.model_versions("taste")
        assert [(one.version, one.base, one.size_bytes) for one in listed] == [
            (7, 0, 12_345),
            (2, 1, 7),
            (1, 0, 7),
        ]
        assert {(one.model, one.created_at_us == one.version) for one in listed} == {
            ("taste", True)
        }
        assert store.model_versions("taste", 1) == listed[:1]
        assert store.model_versions("none") == []

    def test_prune_spares_the_newest_of_some_models(self, store: Store) -> None:
        put(store, models=[a_version(version) for version in range(1, 8)])
        put(store, models=[a_version(version, model="trained") for version in range(1, 8)])
        put(store, decisions=[a_decision("kept", at_us=20, models={"trained": 2})])
        store.prune(decided_before_us=20, spare={"trained": 3, "unknown": 9})
        assert [one.version for one in store.model_versions("taste")] == [7]
        assert [one.version for one in store.model_versions("trained")] == [7, 6, 5, 2]

    def test_prune_takes_many(self, store: Store) -> None:
        put(store, decisions=[a_decision(f"d{n}", at_us=n) for n in range(1_700)])
        assert store.prune(decided_before_us=1_600) == 1_600
        assert store.counts()["decisions"] == 100

    # -- catalogue and definitions ---------------------------------------------------------

    def test_the_catalogue_has_a_history(self, store: Store) -> None:
        a1, a2, b1, c1 = an_item("a"), an_item("a", price=2.5), an_item("b"), an_item("c")
        put(store, items=[b1, a1], catalog_version=1)
        put(store, items=[a2], removed_items=["b", "never there"], catalog_version=2)
        put(store, items=[c1, b1], catalog_version=5)
        put(store, items=[a1], catalog_version=6)
        put(store, items=[a1], catalog_version=7)
        assert store.catalog() == (7, [a1, b1, c1])
        assert store.catalog(1) == (1, [a1, b1])
        assert store.catalog(2) == (2, [a2])
        assert store.catalog(4) == (2, [a2])
        assert store.catalog(5) == (5, [a2, b1, c1])
        assert store.catalog(6) == (6, [a1, b1, c1])
        assert store.catalog(0) == (0, [])
        assert store.counts()["items"] == 3

    def test_versions_that_wait_together_keep_their_history(self, store: Store) -> None:
        one, two = an_item("a", price=1.0), an_item("a", price=2.0)
        futures = [
            store.commit(Commit(items=[one if n % 2 else two], catalog_version=n))
            for n in range(1, 41)
        ]
        for future in futures:
            future.result(timeout=30)
        for version in range(1, 41):
            assert store.catalog(version) == (version, [one if version % 2 else two])

    def test_one_version_may_come_in_parts(self, store: Store) -> None:
        first, again, last = (an_item("a", price=price) for price in (1.0, 2.0, 1.0))
        put(store, items=[first], catalog_version=1)
        put(store, items=[again], catalog_version=2)
        put(store, items=[last, an_item("b"), again, last], catalog_version=2)
        assert store.catalog() == (2, [last, an_item("b")])
        assert store.catalog(1) == (1, [first])

    def test_a_version_may_change_nothing(self, store: Store) -> None:
        put(store, catalog_version=3)
        assert store.catalog() == (3, [])

    def test_items_without_a_version_are_refused(self, store: Store) -> None:
        with pytest.raises(StoreError, match="catalog_version"):
            put(store, items=[an_item("a")])
        with pytest.raises(StoreError, match="catalog_version"):
            put(store, removed_items=["a"])

    def test_the_past_of_the_catalogue_is_fixed(self, store: Store) -> None:
        put(store, items=[an_item("a")], catalog_version=2)
        with pytest.raises(StoreError, match="version 1"):
            put(store, items=[an_item("b")], catalog_version=1)
        assert store.catalog() == (2, [an_item("a")])

    def test_many_items(self, store: Store) -> None:
        items = [an_item(f"p{number:05}") for number in range(3_000)]
        put(store, items=items[::-1], catalog_version=1)
        assert store.catalog() == (1, items)

    def test_definitions_by_version(self, store: Store) -> None:
        first = Definitions(version=1, placements={"hero": Placement(placement_id="hero")})
        second = Definitions(version=2, experiences={"soup": Experience(experience_id="soup")})
        put(store, definitions=first)
        put(store, definitions=second)
        assert store.definitions() == second
        assert store.definitions(1) == first
        assert store.definitions(3) is None

    # -- the rest --------------------------------------------------------------------------

    def test_rejections_in_order_and_pages(self, store: Store) -> None:
        put(store, rejections=[rejections("no id", "too big"), rejections("odd", source="f.jsonl")])
        every = store.rejections()
        assert [(one.source, one.index, one.reason) for one in every] == [
            ("api", 0, "no id"),
            ("api", 1, "too big"),
            ("f.jsonl", 0, "odd"),
        ]
        assert every[0].body == '{"n":1}'
        assert (every[0].code, every[0].received_at_us) == ("bad", 5)
        assert store.rejections(limit=1) == every[:1]
        assert store.rejections(after=every[0].number, limit=1) == every[1:2]
        assert store.counts()["rejections"] == 3

    def test_import_progress(self, store: Store) -> None:
        half = ImportProgress(digest="ab", next_row=10, accepted=9, rejected=1)
        done = ImportProgress(digest="ab", next_row=20, accepted=18, rejected=2, finished=True)
        put(store, imports=[half])
        assert store.import_progress("ab") == half
        put(store, imports=[done])
        assert store.import_progress("ab") == done
        assert store.import_progress("cd") is None

    def test_counts(self, store: Store) -> None:
        put(
            store,
            events=some_events(3),
            rejections=[rejections("x")],
            individuals={"a": b"", "b": b""},
            decisions=[a_decision("d")],
            items=[an_item("p"), an_item("q")],
            catalog_version=1,
        )
        put(store, individuals={"a": None}, removed_items=["q"], catalog_version=2)
        assert store.counts() == {
            "events": 3,
            "rejections": 1,
            "individuals": 1,
            "decisions": 1,
            "items": 1,
            "journey_instances": 0,
            "messages_open": 0,
        }

    # -- all or nothing --------------------------------------------------------------------

    def test_a_bad_commit_writes_nothing(self, store: Store) -> None:
        put(store, decisions=[a_decision("d")], models=[a_version(1)], definitions=Definitions())
        before = store.counts()
        bad: list[dict[str, Any]] = [
            {"decisions": [a_decision("new"), a_decision("d")]},
            {"decisions": [a_decision("twin"), a_decision("twin")]},
            {"models": [a_version(2), a_version(1)]},
            {"definitions": Definitions()},
            {"items": [an_item("p")]},
        ]
        for parts in bad:
            everything = {
                "events": [an_event("m")],
                "rejections": [rejections("x")],
                "individuals": {"i": b"s"},
                "identities": {"user:u": b"s"},
                "statistics": {"s": b"s"},
                "watermark": 9,
            }
            with pytest.raises(StoreError):
                put(store, **everything, **parts)
            assert store.counts() == before
            assert store.event("m") is None
            assert store.individual("i") is None
            assert store.identity("user:u") is None
            assert store.statistic("s") is None
            assert store.watermark() == 0
            assert store.decision("new") is None
            assert store.model("taste", 2) is None

    def test_a_bad_commit_does_not_harm_its_neighbours(self, store: Store) -> None:
        put(store, decisions=[a_decision("taken")])
        futures = []
        for number in range(120):
            commit = Commit(events=[an_event(f"m{number}"), an_event("shared", name=str(number))])
            if number % 3 == 0:
                commit.decisions = [a_decision("taken")]
            futures.append(store.commit(commit))
        for number, future in enumerate(futures):
            if number % 3 == 0:
                assert isinstance(future.exception(timeout=30), StoreError)
                assert store.event(f"m{number}") is None
            else:
                sequence = future.result(timeout=30).sequences[0]
                logged = store.event(f"m{number}")
                assert logged is not None
                assert sequence == logged.sequence
        assert store.counts()["events"] == 80 + 1
        shared = store.event("shared")
        assert shared is not None
        assert shared.event.name == "1"
        assert store.pending() == 0

    def test_a_commit_is_what_it_was_when_it_was_made(self, store: Store) -> None:
        commit = Commit(individuals={"i": b"before"}, events=[an_event("m")])
        future = store.commit(commit)
        commit.individuals["i"] = b"after"
        commit.events.append(an_event("n"))
        future.result(timeout=30)
        assert store.individual("i") == b"before"
        assert store.event("n") is None

    # -- many at once ----------------------------------------------------------------------

    def test_many_threads_commit_while_others_read(self, store: Store) -> None:
        threads, commits, size = 6, 30, 20
        done = threading.Event()

        def write(who: int) -> list[int | None]:
            given: list[int | None] = []
            for number in range(commits):
                events = some_events(size, f"{who}-{number}")
                events.append(an_event("shared"))
                state = {f"i{who}": b"%d" % number}
                given += put(store, events=events, individuals=state).sequences
                own = store.individual(f"i{who}")
                assert own == b"%d" % number, "a thread reads what it wrote"
            return given

        def read() -> int:
            seen = 0
            while not done.is_set():
                log = store.events_after(0, 100_000)
                assert len(log) >= seen, "the log never shrinks"
                assert [one.sequence for one in log] == list(range(1, len(log) + 1))
                seen = len(log)
            return seen

        with ThreadPoolExecutor(threads + 2) as pool:
            readers = [pool.submit(read) for _ in range(2)]
            writers = [pool.submit(write, who) for who in range(threads)]
            try:
                given = [one for writer in writers for one in writer.result(timeout=60)]
            finally:
                done.set()
            for reader in readers:
                reader.result(timeout=60)
        new = [sequence for sequence in given if sequence is not None]
        assert sorted(new) == list(range(1, threads * commits * size + 2))
        assert store.counts()["events"] == len(new)

    def test_commits_of_one_thread_keep_their_order(self, store: Store) -> None:
        futures = [store.commit(Commit(events=[an_event(f"m{n}")])) for n in range(500)]
        given = [future.result(timeout=30).sequences[0] for future in futures]
        assert given == sorted(given, key=lambda sequence: sequence or 0)
        assert ids(store.events_after(0, 500)) == [f"m{n}" for n in range(500)]

    def test_pending_falls_to_nothing(self, store: Store) -> None:
        futures = [store.commit(Commit(events=some_events(50, str(n)))) for n in range(20)]
        assert store.pending() >= 0
        for future in futures:
            future.result(timeout=30)
        assert store.pending() == 0

    # -- closed ----------------------------------------------------------------------------

    def test_closing_finishes_what_is_queued(self, tmp_path: Path) -> None:
        store = self.make_store(tmp_path / "closing")
        futures = [store.commit(Commit(events=some_events(40, str(n)))) for n in range(50)]
        store.close()
        assert all(len(future.result(timeout=0).sequences) == 40 for future in futures)

    def test_a_closed_store_refuses(self, tmp_path: Path) -> None:
        store = self.make_store(tmp_path / "closed")
        put(store, events=[an_event("m")])
        store.close()
        store.close()
        with pytest.raises(StoreError, match="closed"):
            store.commit(Commit())
        with pytest.raises(StoreError, match="closed"):
            store.event("m")
        with pytest.raises(StoreError, match="closed"):
            store.counts()
        with pytest.raises(StoreError, match="closed"):
            store.prune(decided_before_us=0)
