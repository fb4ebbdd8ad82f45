"""What every store must do of the outbox: each message once, to one worker at a time, whatever crosses it."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from msgspec.structs import replace

from eachwise.contracts.delivery import OPEN, Message, MessageState
from eachwise.contracts.ports import Commit, Store
from tests.contract.makers import a_message, an_instance
from tests.contract.suite import ODD_IDS, StoreSuite, put

STATES: tuple[MessageState, ...] = (
    *("pending", "claimed", "sending", "sent", "picked", "unknown", "held", "dead", "discarded"),
)


def claim(
    store: Store,
    worker: str = "w",
    now_us: int = 1_000,
    until_us: int = 2_000,
    limit: int = 100,
    channels: tuple[str, ...] = (),
) -> list[Message]:
    """Claim and wait."""
    future = store.claim_messages(worker, now_us, until_us, limit, channels)
    return future.result(timeout=30)


def settle(store: Store, *messages: Message) -> list[bool]:
    """Commit what became of messages."""
    return put(store, settled=list(messages)).settled


def names(messages: list[Message]) -> list[str]:
    """Their ids in order."""
    return [one.message_id for one in messages]


class OutboxContract(StoreSuite):
    """The suite."""

    def test_an_empty_outbox(self, store: Store) -> None:
        assert claim(store) == store.messages() == store.messages_of("i") == []
        assert list(store.open_messages()) == []
        assert store.message("m") is None
        assert settle(store, a_message("m", state="sent")) == [False]
        assert store.message("m") is None, "settling makes nothing"

    def test_a_message_comes_back_whole(self, store: Store) -> None:
        full = Message(
            message_id="m",
            individual_id="i",
            channel="push",
            created_at_us=1,
            due_at_us=2**52,
            state="dead",
            placement_id="p",
            experience_id="e",
            decision_id="d",
            journey_id="j",
            instance_id="n",
            step="s",
            expires_at_us=3,
            transactional=True,
            body={"deep": {"é": [1.5, None, True]}},
            attempts=4,
            claimed_by="w",
            claimed_until_us=5,
            sent_at_us=6,
            address="a@b.example",
            reason="why",
            provider_id="x",
        )
        put(store, messages=[full, a_message("bare", body={})])
        assert store.message("m") == full
        assert store.message("bare") == a_message("bare", body={})

    @pytest.mark.parametrize("odd", ODD_IDS)
    def test_any_text_is_a_messages_id(self, store: Store, odd: str) -> None:
        mine = a_message(odd, individual_id=odd, channel=odd)
        put(store, messages=[mine, a_message(odd[:3], individual_id=odd[:3], channel=odd[:3])])
        assert store.message(odd) == mine
        assert store.messages_of(odd) == [mine]
        (held,) = claim(store, worker=odd, channels=(odd,))
        assert (held.message_id, held.claimed_by) == (odd, odd)
        assert settle(store, replace(held, state="sent")) == [True]
        assert names(list(store.open_messages())) == [odd[:3]]

    # -- once ------------------------------------------------------------------------------

    def test_a_message_id_is_taken_once(self, store: Store) -> None:
        put(store, messages=[a_message("m", step="first"), a_message("m", step="second")])
        put(store, messages=[a_message("m", step="third"), a_message("n")])
        stored = store.message("m")
        assert stored is not None
        assert stored.step == "first"
        assert names(claim(store)) == ["m", "n"]
        put(store, messages=[a_message("m")])
        assert claim(store) == [], "computed again, it does not wait again"

    def test_the_first_of_a_queue_is_taken(self, store: Store) -> None:
        futures = [
            store.commit(Commit(messages=[a_message("m", step=str(n)), a_message(f"own-{n:03}")]))
            for n in range(200)
        ]
        for future in futures:
            future.result(timeout=30)
        stored = store.message("m")
        assert stored is not None
        assert stored.step == "0"
        assert store.counts()["messages_open"] == 201

    # -- claiming --------------------------------------------------------------------------

    def test_a_claim_is_written_down(self, store: Store) -> None:
        put(store, messages=[a_message("m", attempts=2)])
        (held,) = claim(store, "w", 1_000, 7_000)
        assert held == a_message(
            "m", attempts=2, state="claimed", claimed_by="w", claimed_until_us=7_000
        )
        assert store.message("m") == held
        assert store.messages("claimed") == [held]

    def test_claims_are_in_due_order_and_leave_the_rest(self, store: Store) -> None:
        due = {"e": 10, "d": 20, "a": 30, "b": 30, "c": 40, "later": 51}
        put(store, messages=[a_message(name, due_at_us=at_us) for name, at_us in due.items()])
        assert claim(store, now_us=9) == []
        assert claim(store, now_us=50, limit=0) == []
        assert names(claim(store, now_us=50, limit=3)) == ["e", "d", "a"]
        assert names(claim(store, now_us=50, limit=3)) == ["b", "c"]
        assert claim(store, now_us=50) == []

    def test_claims_of_some_channels(self, store: Store) -> None:
        channels = ("email", "web", "push", "email", "call", "web", "push")
        put(
            store,
            messages=[
                a_message(f"m{n}", channel=channel, due_at_us=10 - n)
                for n, channel in enumerate(channels)
            ],
        )
        assert claim(store, channels=("sms",)) == []
        assert names(claim(store, limit=2, channels=("push", "email", "push"))) == ["m6", "m3"]
        assert names(claim(store, channels=("push", "email"))) == ["m2", "m0"]
        assert names(claim(store)) == ["m5", "m4", "m1"]

    def test_what_has_expired_is_claimed_too(self, store: Store) -> None:
        put(store, messages=[a_message("m", expires_at_us=1)])
        assert names(claim(store, now_us=5_000)) == ["m"]

    def test_each_message_goes_to_one_worker(self, store: Store) -> None:
        every = [f"m{number:03}" for number in range(400)]
        put(store, messages=[a_message(name) for name in every])

        def work(worker: str) -> list[str]:
            taken: list[str] = []
            while some := claim(store, worker, limit=7):
                assert {one.claimed_by for one in some} == {worker}
                taken += names(some)
                done = [replace(one, state="sent") for one in some]
                assert settle(store, *done) == [True] * len(some)
            return taken

        with ThreadPoolExecutor(4) as pool:
            taken = [name for one in pool.map(work, "abcd") for name in one]
        assert len(taken) == 400
        assert sorted(taken) == every
        assert names(store.messages("sent", limit=500)) == every

    def test_a_dead_workers_messages_are_taken_over(self, store: Store) -> None:
        put(store, messages=[a_message("m"), a_message("n", due_at_us=1_500)])
        (first,) = claim(store, "dead", 1_000, 2_000)
        assert names(claim(store, "next", 1_999, 3_000)) == ["n"]
        (second,) = claim(store, "next", 2_000, 3_000)
        assert second == replace(first, claimed_by="next", claimed_until_us=3_000)
        assert claim(store, "third", 2_999, 9_000) == []
        assert names(claim(store, "third", 3_000, 9_000)) == ["m", "n"]

    @pytest.mark.parametrize("state", [state for state in STATES if state not in {"pending"}])
    def test_only_what_waits_is_claimed(self, store: Store, state: MessageState) -> None:
        put(store, messages=[a_message("m")])
        (held,) = claim(store, "w", 1_000, 2_000)
        assert settle(store, replace(held, state=state)) == [True]
        again = claim(store, "v", 2**60, 2**61)
        assert names(again) == (["m"] if state == "claimed" else [])

    # -- settling --------------------------------------------------------------------------

    def test_a_message_goes_its_way(self, store: Store) -> None:
        put(store, messages=[a_message("m")])
        (held,) = claim(store)
        sending = replace(held, state="sending", attempts=1, address="a@b.example")
        assert settle(store, sending) == [True]
        assert list(store.open_messages()) == [sending]
        sent = replace(sending, state="sent", sent_at_us=1_200, provider_id="x")
        assert settle(store, sent) == [True]
        assert store.message("m") == sent
        assert list(store.open_messages()) == []

    def test_a_lost_lease_settles_nothing(self, store: Store) -> None:
        put(store, messages=[a_message("m"), a_message("mine", due_at_us=1_500)])
        (first,) = claim(store, "slow", 1_000, 2_000)
        (mine,) = claim(store, "slow", 1_500, 9_000)
        (second,) = claim(store, "next", 2_000, 3_000)
        late = [replace(one, state="sending") for one in (first, mine, first)]
        assert settle(store, *late) == [False, True, False]
        assert store.message("m") == second
        assert settle(store, replace(second, state="sending")) == [True]

    def test_a_late_worker_may_settle_what_nobody_took_over(self, store: Store) -> None:
        put(store, messages=[a_message("m")])
        (held,) = claim(store, "slow", 1_000, 2_000)
        assert settle(store, replace(held, state="sending")) == [True]

    def test_to_be_tried_again_it_is_nobodys(self, store: Store) -> None:
        put(store, messages=[a_message("m")])
        (held,) = claim(store)
        retry = replace(held, state="pending", attempts=1, due_at_us=5_000)
        assert settle(store, retry) == [True]
        free = replace(retry, claimed_by="", claimed_until_us=0)
        assert store.message("m") == free
        assert settle(store, replace(retry, state="sent")) == [False], "its claim is over"
        assert claim(store, now_us=4_999) == []
        assert names(claim(store, now_us=5_000)) == ["m"]

    @pytest.mark.parametrize("state", STATES)
    def test_what_may_become_of_a_message(self, store: Store, state: MessageState) -> None:
        if state in OPEN:
            allowed = set(STATES)
        else:
            allowed = {"pending", "discarded"} if state in {"held", "dead", "discarded"} else set()
        stood = [a_message(wanted, state=state, claimed_by="w") for wanted in STATES]
        put(store, messages=stood)
        wanted = [replace(one, state=one.message_id, attempts=9) for one in stood]
        assert settle(store, *wanted) == [name in allowed for name in STATES]
        for one in stood:
            stored = store.message(one.message_id)
            assert stored is not None
            taken = one.message_id in allowed
            assert (stored.state, stored.attempts) == ((one.message_id, 9) if taken else (state, 0))

    def test_one_page_picks_a_message_up(self, store: Store) -> None:
        put(store, messages=[a_message("m", channel="web")])
        (seen,) = store.messages_of("i-1")
        picked = replace(seen, state="picked")
        assert settle(store, picked) == [True]
        assert settle(store, picked) == [False]

    def test_an_operator_and_a_worker_cannot_both_have_it(self, store: Store) -> None:
        put(store, messages=[a_message("m"), a_message("n")])
        seen = store.messages()
        held, _ = claim(store)
        assert settle(store, replace(seen[0], state="discarded")) == [False]
        now = store.message("m")
        assert now == held
        assert settle(store, replace(now, state="discarded")) == [True]
        assert settle(store, replace(held, state="sending")) == [False]

    def test_settling_in_the_order_of_the_units(self, store: Store) -> None:
        new = store.commit(Commit(messages=[a_message("m")], settled=[a_message("m", attempts=1)]))
        held = store.commit(Commit(settled=[a_message("m", state="held")]))
        late = store.commit(Commit(settled=[a_message("m", state="sent"), a_message("never")]))
        again = store.commit(Commit(settled=[a_message("m", attempts=2)], messages=[]))
        taken = store.claim_messages("w", 1_000, 2_000, 5)
        lost = store.commit(Commit(settled=[a_message("m", state="sent")]))
        answers = [one.result(timeout=30).settled for one in (new, held, late, again, lost)]
        assert answers == [[True], [True], [False, False], [True], [False]]
        assert taken.result(timeout=30) == [store.message("m")]

    def test_messages_are_part_of_their_unit(self, store: Store) -> None:
        put(store, messages=[a_message("m")])
        (held,) = claim(store)
        bad = store.commit(
            Commit(
                messages=[a_message("new")],
                settled=[replace(held, state="sent")],
                removed_items=["an item without a version"],
            )
        )
        good = store.commit(
            Commit(instances={"n": an_instance("n")}, settled=[replace(held, state="dead")])
        )
        assert bad.exception(timeout=30) is not None
        assert good.result(timeout=30).settled == [True]
        assert store.message("new") is None
        assert store.message("m") == replace(held, state="dead")

    # -- reading ---------------------------------------------------------------------------

    def test_messages_in_pages_and_by_state(self, store: Store) -> None:
        every = [a_message(f"m{n:04}", state=STATES[n % len(STATES)]) for n in range(1_800)]
        put(store, messages=every[::-1])
        assert store.messages() == every[:100]
        assert store.messages(after="m0010", limit=5) == every[11:16]
        for state in STATES:
            wanted = [one for one in every if one.state == state]
            read = store.messages(state, limit=30)
            while page := store.messages(state, after=read[-1].message_id, limit=30):
                read += page
            assert read == wanted
        still_open = [one for one in every if one.state in OPEN]
        assert list(store.open_messages()) == still_open
        assert store.counts()["messages_open"] == len(still_open)

    def test_what_is_open_is_settled_at_the_call(self, store: Store) -> None:
        every = [a_message(f"m{n:04}") for n in range(1_200)]
        put(store, messages=every)
        waiting = store.open_messages()
        assert next(waiting) == every[0]
        put(store, messages=[a_message("later")])
        rest = [one.message_id for one in waiting]
        assert rest == [one.message_id for one in every[1:]]

    def test_a_persons_newest_messages(self, store: Store) -> None:
        mine = [
            a_message(name, created_at_us=at_us) for name, at_us in [("a", 1), ("b", 3), ("c", 3)]
        ]
        put(store, messages=[*mine, a_message("x", individual_id="i-2", created_at_us=9)])
        assert names(store.messages_of("i-1")) == ["c", "b", "a"]
        assert names(store.messages_of("i-1", 2)) == ["c", "b"]
        moved = replace(mine[1], individual_id="i-2")
        assert settle(store, moved) == [True]
        assert names(store.messages_of("i-1")) == ["c", "a"]
        assert names(store.messages_of("i-2")) == ["x", "b"]

    def test_prune_keeps_what_is_open_or_young(self, store: Store) -> None:
        old = [a_message(f"old-{state}", state=state, created_at_us=10) for state in STATES]
        young = [a_message(f"young-{state}", state=state, created_at_us=20) for state in STATES]
        put(store, messages=old + young)
        assert store.prune(decided_before_us=20) == 0
        kept = names([*young, *(one for one in old if one.state in OPEN)])
        assert names(store.messages()) == sorted(kept)
        assert names(store.messages_of("i-1")) != []

    def test_prune_takes_many_messages(self, store: Store) -> None:
        put(
            store,
            messages=[
                a_message(f"m{n:04}", state="sent", created_at_us=n % 17) for n in range(1_700)
            ],
        )
        store.prune(decided_before_us=16)
        assert names(store.messages(limit=9_999)) == [f"m{n:04}" for n in range(16, 1_700, 17)]
