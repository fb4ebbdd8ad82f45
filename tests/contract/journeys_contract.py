"""What every store must do of journeys and of where people stand in them."""

from __future__ import annotations

import pytest

from eachwise.contracts.ports import Commit, InstanceCount, Store
from tests.contract.makers import a_journey, an_event, an_instance
from tests.contract.suite import ODD_IDS, StoreSuite, put


class JourneysContract(StoreSuite):
    """The suite."""

    def test_an_empty_store_has_no_instances(self, store: Store) -> None:
        assert store.journeys() == []
        assert store.instance("n") is None
        assert store.instances_of("i") == store.instances_due(2**60, 9) == []
        assert store.instances_at("basket") == []
        assert store.instance_counts("basket") == []
        assert store.next_wake_us() is None

    def test_every_version_of_a_journey_comes_back_whole(self, store: Store) -> None:
        journeys = [a_journey("a", 1), a_journey("a", 2, title="Zwei"), a_journey("b", 10)]
        put(store, journeys=journeys[::-1])
        assert store.journeys() == journeys
        paused = a_journey("a", 2, paused=True)
        put(store, journeys=[paused, a_journey("a", 10)])
        assert store.journeys() == [journeys[0], paused, a_journey("a", 10), journeys[2]]

    def test_an_instance_comes_back_whole(self, store: Store) -> None:
        full = an_instance(
            "n",
            key="o-1",
            wake_at_us=2**52,
            waiting="order completed",
            contacts=3,
            goal_at_us=4,
            ended_at_us=5,
            reason="why",
        )
        bare = an_instance("bare", asking=None, facts={})
        assert put(store, instances={"n": full, "bare": bare}).settled == []
        assert store.instance("n") == full
        assert store.instance("bare") == bare

    def test_instances_are_put_replaced_and_deleted(self, store: Store) -> None:
        put(store, instances={"a": an_instance("a"), "b": an_instance("b")})
        moved = an_instance("a", step="mail", individual_id="i-2", version=2)
        put(store, instances={"a": moved, "b": None, "never": None})
        assert store.instance("a") == moved
        assert store.instance("b") is None
        assert store.instances_of("i-1") == []
        assert store.instances_of("i-2") == [moved]
        put(store, instances={"a": None})
        assert store.instances_of("i-2") == []

    def test_the_last_word_on_an_instance_holds_whatever_waits(self, store: Store) -> None:
        futures = [
            store.commit(
                Commit(
                    instances={
                        "n": an_instance("n", path=number, wake_at_us=number + 1),
                        "m": None if number % 2 else an_instance("m", path=number),
                    }
                )
            )
            for number in range(301)
        ]
        for future in futures:
            future.result(timeout=30)
        assert store.instance("n") == an_instance("n", path=300, wake_at_us=301)
        assert store.instance("m") == an_instance("m", path=300)
        assert store.next_wake_us() == 301
        assert len(store.instances_due(2**60, 9)) == 1

    @pytest.mark.parametrize("odd", ODD_IDS)
    def test_any_text_is_an_instances_id(self, store: Store, odd: str) -> None:
        mine = an_instance(odd, individual_id=odd, journey_id=odd, key=odd, step=odd, wake_at_us=1)
        near = an_instance(odd[:3], individual_id=odd[:3], journey_id=odd[:3])
        put(store, instances={odd: mine, odd[:3]: near})
        assert store.instance(odd) == mine
        assert store.instances_of(odd) == store.instances_due(1, 9) == [mine]
        assert store.instances_at(odd, status="active", step=odd) == [mine]

    def test_a_persons_instances_by_their_entry(self, store: Store) -> None:
        mine = [
            an_instance("c", entered_at_us=1),
            an_instance("a", entered_at_us=2, status="completed"),
            an_instance("b", entered_at_us=2, journey_id="welcome"),
        ]
        other = an_instance("d", entered_at_us=0, individual_id="i-2")
        put(store, instances={one.instance_id: one for one in [other, *mine[::-1]]})
        assert store.instances_of("i-1") == mine
        assert store.instances_of("i-2") == [other]
        assert store.instances_of("i-1", journey_id="basket") == mine[:2]
        assert store.instances_of("i-1", journey_id="none") == []

    def test_a_persons_live_instances(self, store: Store) -> None:
        ended = [an_instance(f"e{n}", status="completed", entered_at_us=n) for n in range(9)]
        live = [
            an_instance("c", entered_at_us=1),
            an_instance("a", entered_at_us=2, wake_at_us=0),
            an_instance("b", entered_at_us=2, journey_id="welcome"),
        ]
        other = an_instance("d", individual_id="i-2")
        put(store, instances={one.instance_id: one for one in [other, *live[::-1], *ended]})
        assert store.instances_of("i-1", live=True) == live
        assert store.instances_of("i-1", live=True, journey_id="welcome") == live[2:]
        put(store, instances={"c": an_instance("c", status="goal"), "b": None})
        put(store, instances={"a": an_instance("a", individual_id="i-2"), "e0": an_instance("e0")})
        assert store.instances_of("i-1", live=True) == [an_instance("e0")]
        assert [one.instance_id for one in store.instances_of("i-2", live=True)] == ["a", "d"]

    def test_only_the_due_timers_of_live_ones(self, store: Store) -> None:
        due = [an_instance("b", wake_at_us=5), an_instance("a", wake_at_us=10)]
        due.append(an_instance("c", wake_at_us=10))
        rest = [
            an_instance("later", wake_at_us=11),
            an_instance("never", wake_at_us=0),
            an_instance("ended", wake_at_us=1, status="goal"),
            an_instance("withheld", wake_at_us=1, status="holdout"),
        ]
        put(store, instances={one.instance_id: one for one in [*rest, *due[::-1]]})
        assert store.next_wake_us() == 5
        assert store.instances_due(4, 100) == []
        assert store.instances_due(10, 100) == due
        assert store.instances_due(10, 2) == due[:2]
        assert store.instances_due(10, 2) == due[:2], "asking takes nothing away"
        put(store, instances={"b": an_instance("b", status="exited", wake_at_us=5)})
        put(store, instances={"a": an_instance("a", wake_at_us=0), "c": None})
        assert store.next_wake_us() == 11
        assert store.instances_due(2**60, 100) == rest[:1]

    def test_instances_of_a_journey_in_pages(self, store: Store) -> None:
        every = [
            an_instance(
                f"n{number:04}",
                step="mail" if number % 3 else "hour",
                status="active" if number % 2 else "completed",
                journey_id="basket" if number % 5 else "welcome",
            )
            for number in range(1_000)
        ]
        put(store, instances={one.instance_id: one for one in every[::-1]})
        wanted = [
            one
            for one in every
            if (one.journey_id, one.status, one.step) == ("basket", "active", "mail")
        ]
        read = store.instances_at("basket", status="active", step="mail", limit=70)
        while page := store.instances_at(
            "basket", status="active", step="mail", after=read[-1].instance_id, limit=70
        ):
            assert len(page) <= 70
            read += page
        assert read == wanted
        basket = [one for one in every if one.journey_id == "basket"]
        assert store.instances_at("basket") == basket[:100]
        assert store.instances_at("basket", limit=9_999) == basket
        done = [one for one in basket if one.status == "completed"]
        assert store.instances_at("basket", status="completed", limit=9_999) == done
        hours = [one for one in basket if one.step == "hour"]
        assert store.instances_at("basket", step="hour", limit=9_999) == hours
        assert store.instances_at("basket", step="") == []

    def test_instances_are_counted_where_they_stand(self, store: Store) -> None:
        instances = [
            *(an_instance(f"a{n}", step="mail") for n in range(3)),
            *(an_instance(f"b{n}", step="hour", version=2) for n in range(2)),
            *(an_instance(f"c{n}", step=f"s{n}", status="goal") for n in range(4)),
            an_instance("d", arm="holdout", status="holdout", step=""),
            an_instance("e", journey_id="welcome"),
        ]
        put(store, instances={one.instance_id: one for one in instances})
        assert store.instance_counts("basket") == [
            InstanceCount(version=1, arm="holdout", status="holdout", step="", count=1),
            InstanceCount(version=1, arm="treated", status="active", step="mail", count=3),
            InstanceCount(version=1, arm="treated", status="goal", step="", count=4),
            InstanceCount(version=2, arm="treated", status="active", step="hour", count=2),
        ]
        assert store.counts()["journey_instances"] == 3 + 2 + 1

    def test_prune_keeps_the_first_the_newest_that_ended_and_the_live(self, store: Store) -> None:
        instances = [
            an_instance("first", status="completed", moved_at_us=10, entered_at_us=1),
            an_instance("old", status="completed", moved_at_us=10, entered_at_us=2),
            an_instance("later", status="goal", moved_at_us=20, entered_at_us=3),
            an_instance("live", moved_at_us=5, entered_at_us=3),
            an_instance("key", status="completed", moved_at_us=10, key="o-2", entered_at_us=2),
            an_instance("person", status="merged", moved_at_us=10, individual_id="i-2"),
            an_instance("journey", status="holdout", moved_at_us=10, journey_id="welcome"),
            an_instance("x", status="exited", moved_at_us=30, key="o-3", entered_at_us=3),
            an_instance("y", status="exited", moved_at_us=30, key="o-3", entered_at_us=3),
            an_instance("z", status="exited", moved_at_us=40, key="o-3", entered_at_us=3),
        ]
        put(store, instances={one.instance_id: one for one in instances})
        store.prune(decided_before_us=10)
        assert len(store.instances_at("basket")) == 9
        store.prune(decided_before_us=11)
        assert store.instance("old") is None
        assert len(store.instances_at("basket")) == 8
        store.prune(decided_before_us=2**60)
        kept = {one.instance_id for one in store.instances_at("basket")}
        assert kept == {"first", "later", "live", "key", "person", "z"}
        assert store.instance("journey") is not None

    def test_prune_takes_many_instances(self, store: Store) -> None:
        instances = [
            an_instance(f"n{n:04}", status="completed", moved_at_us=n) for n in range(1_700)
        ]
        put(store, instances={one.instance_id: one for one in instances})
        store.prune(decided_before_us=1_600)
        assert store.instances_at("basket", limit=9_999) == [instances[0], *instances[1_600:]]
        store.prune(decided_before_us=9_999)
        assert store.instances_at("basket", limit=9_999) == [instances[0], instances[-1]]

    def test_an_instance_is_part_of_its_unit(self, store: Store) -> None:
        put(store, instances={"n": an_instance("n")})
        bad = store.commit(
            Commit(
                events=[an_event("m")],
                journeys=[a_journey()],
                instances={"n": an_instance("n", step="mail"), "new": an_instance("new")},
                removed_items=["an item without a version"],
            )
        )
        good = store.commit(Commit(instances={"n": an_instance("n", step="rest")}))
        assert bad.exception(timeout=30) is not None
        good.result(timeout=30)
        assert store.instance("n") == an_instance("n", step="rest")
        assert store.instance("new") is None
        assert store.event("m") is None
        assert store.journeys() == []
