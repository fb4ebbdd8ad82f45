"""Contacts that journeys ask for: what may be chosen, what holds them back until when, and what the policy counts."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from eachwise import Engine
from eachwise.adapters.clocks import SettableClock
from eachwise.contracts.decision import DecideRequest, DecisionRecord
from eachwise.contracts.errors import InvalidInput, NotFound
from eachwise.contracts.ports import Commit
from eachwise.flow.drive import run
from tests.flow.shop import answer
from tests.support.sending import contact as wanted_contact

HOUR_US = 3_600_000_000
USER = "user:ann"
POLICY: dict[str, Any] = {"caps": [{"count": 2, "window_s": 86_400}], "gaps": {"any": 3_600}}


def define(engine: Engine, contact: dict[str, Any] | None = None, **receipt: Any) -> None:
    """Two mail placements, a push and receipts, with two offers that are worth any risk."""
    placements = [
        {"placement_id": "hero"},
        {"placement_id": "mail", "channel": "email", "purpose": "news"},
        {"placement_id": "digest", "channel": "email", "purpose": "digest"},
        {"placement_id": "push", "channel": "push", "purpose": "news"},
        {"placement_id": "receipt", "channel": "email", "transactional": True, **receipt},
    ]
    names = [each["placement_id"] for each in placements]
    offers = [
        {"experience_id": name, "placements": names, "value": 1e6, "lever": 10.0}
        for name in ("fish", "soup")
    ]
    document = {"placements": placements, "experiences": offers}
    engine.define({**document, **({"contact": contact} if contact else {})})


def consenting(engine: Engine, **consent: bool) -> None:
    """Ann agrees to be written to."""
    engine.identify("ann", {"email": "ann@b.example", "consent": {"news": True, **consent}})


def contact(engine: Engine, placement: str = "mail", *only: str) -> DecisionRecord:
    """One contact that a journey wants, logged; it replays to the bit."""
    record = wanted_contact(engine.core, USER, placement, *only)
    run(engine.core.deciding.log([record]))
    assert engine.replay(record.decision_id).exact
    return engine.decision(record.decision_id)


def held(engine: Engine, record: DecisionRecord, *wanted: str) -> dict[str, tuple[str, int | None]]:
    """Filter and moment to try again, by experience."""
    found = engine.core.deciding.pages.held(record, wanted)
    return {name: (each.filter, each.again_us) for name, each in found.items()}


def test_only_what_was_asked_for_is_chosen(engine: Engine) -> None:
    define(engine)
    consenting(engine)
    record = contact(engine, "mail", "soup", "soup")
    assert record.experience_id == "soup"
    assert record.inputs.only == ["soup"]
    assert record.filters["asked"] == 1
    assert held(engine, record, "fish", "soup") == {}
    assert "asked" not in contact(engine, "hero").filters
    with pytest.raises(NotFound):
        contact(engine, "nowhere")


def test_the_policy_counts_over_all_outbound_channels_and_places_held(
    engine: Engine, clock: SettableClock
) -> None:
    define(engine, POLICY)
    consenting(engine)
    now_us = clock.now_us()
    first = contact(engine)
    assert first.experience_id != "silence"
    # Its place is held before it is delivered, and for its reservation only.
    blocked = contact(engine, "push", "fish")
    assert blocked.experience_id == "silence"
    assert held(engine, blocked) == {"fish": ("frequency", now_us + 300 * 1_000_000)}
    answer(engine, "ann", first.decision_id, "Viewed")
    assert held(engine, contact(engine, "push", "fish")) == {
        "fish": ("frequency", now_us + HOUR_US)
    }
    assert contact(engine, "hero").experience_id != "silence"
    clock.advance(seconds=3_600)
    second = contact(engine, "push", "fish")
    assert second.experience_id == "fish"
    answer(engine, "ann", second.decision_id, "Viewed")
    clock.advance(seconds=3_600)
    assert held(engine, contact(engine)) == dict.fromkeys(
        ("fish", "soup"), ("frequency", now_us + 24 * HOUR_US)
    )


def test_what_is_transactional_goes_out_counts_for_nothing_and_teaches_nothing(
    engine: Engine, clock: SettableClock
) -> None:
    define(engine, {**POLICY, "quiet_hours": "00:00-23:59"}, quiet_hours="00:00-23:59")
    silent = contact(engine, "receipt")
    assert (silent.experience_id, silent.filters["asked"]) == ("silence", 2)
    for _ in range(4):
        record = contact(engine, "receipt", "fish")
        assert (record.experience_id, record.probability) == ("fish", 1.0)
        assert record.transactional
        answer(engine, "ann", record.decision_id, "Viewed")
        answer(engine, "ann", record.decision_id, "Clicked")
    assert engine.core.people.reservations(USER, clock.now_us()) == []
    assert engine.status()["outcomes"] == {"learnt": 0, "waiting": 0}
    define(engine, POLICY)
    consenting(engine)
    assert contact(engine).experience_id != "silence"


def test_a_bounce_for_good_closes_the_address_to_receipts_too(engine: Engine) -> None:
    define(engine)
    consenting(engine)
    bounced = {"permanent": True, "address": "Ann@b.example"}
    engine.track("ann", "Email Bounced", {"permanent": False, "address": "ann@b.example"})
    assert contact(engine).experience_id != "silence"
    engine.track("ann", "Email Bounced", bounced)
    for placement in ("mail", "receipt"):
        record = contact(engine, placement, "fish")
        assert record.experience_id == "silence"
        (filtered,) = (each for each in record.filtered if each.filter == "consent")
        assert "takes nothing any more" in filtered.reason
    engine.identify("ann", {"email": "ann@new.example"})
    assert contact(engine, "receipt", "fish").experience_id == "fish"


def test_what_stands_at_the_moment_of_sending(engine: Engine, clock: SettableClock) -> None:
    define(engine, POLICY)
    consenting(engine)
    pages = engine.core.deciding.pages
    record = contact(engine, "mail", "fish")
    clock.advance(seconds=60)
    assert pages.hindrance(record) is None
    engine.track("ann", "Unsubscribed", {"channel": "email", "purpose": "news"})
    why = pages.hindrance(record)
    assert why is not None
    assert (why.filter, why.again_us) == ("consent", None)
    assert why.reason == "unsubscribed from email for news"
    define(engine, {"quiet_hours": "00:00-23:59"})
    receipt = contact(engine, "receipt", "fish")
    assert pages.hindrance(receipt) is None
    engine.track("ann", "Experience Hidden", {"experience_id": "fish"})
    hidden = pages.hindrance(receipt)
    assert hidden is not None
    assert hidden.filter == "suppression"


def test_placements_of_one_slot_are_each_asked_for_their_own(engine: Engine) -> None:
    define(engine)
    consenting(engine, digest=True)
    request = DecideRequest(individual_id=USER, placements=["mail", "digest"])
    pages = engine.core.deciding.pages
    records, new = pages.decide(request, USER, only={"mail": ["fish"], "digest": None})
    assert len(new) == 2
    assert [each.inputs.only for each in records] == [["fish"], None]
    assert sorted(each.experience_id for each in records) == ["fish", "soup"]


def test_records_are_logged_with_what_else_is_to_be_written(engine: Engine) -> None:
    define(engine)
    consenting(engine)
    record = wanted_contact(engine.core, USER, "mail", "fish")
    also = Commit(statistics={"mine": msgspec.msgpack.encode(7)})
    run(engine.core.deciding.log([record], also))
    assert engine.decision(record.decision_id) == record
    assert also.decisions == [record]
    assert set(also.statistics) >= {"mine"}


def test_an_unsubscribe_from_one_purpose_on_one_channel_stops_that_pair_only(
    engine: Engine, clock: SettableClock
) -> None:
    define(engine)
    consenting(engine, digest=True)
    clock.advance(seconds=5)
    engine.track("ann", "Unsubscribed", {"channel": "email", "purpose": "news"})
    may = {"mail": False, "digest": True, "push": True}
    for placement, allowed in may.items():
        assert (contact(engine, placement, "fish").experience_id == "fish") == allowed, placement
    found = engine.consent("ann")
    verdicts = {(each.channel, each.purpose): each.allowed for each in found.verdicts}
    assert not verdicts["email", "news"]
    assert verdicts["email", "digest"]
    assert verdicts["push", "news"]
    assert [each.event for each in found.history] == ["Unsubscribed", "identify"]
    assert found.history[0].said == {"channel:email:news": False}
    cells = {each.key: (each.channel, each.purpose, each.given) for each in found.cells}
    assert cells["channel:email:news"] == ("email", "news", False)
    assert cells["news"] == ("", "news", True)
    clock.advance(seconds=5)
    engine.track("ann", "Consent Given", {"channel": "email", "purpose": "news"})
    assert contact(engine, "mail", "fish").experience_id == "fish"
    assert len(engine.consent(USER).history) == 3
    with pytest.raises(NotFound):
        engine.consent("nobody")


def test_a_change_of_the_policy_is_a_new_version_and_old_decisions_replay(engine: Engine) -> None:
    define(engine)
    consenting(engine)
    before = contact(engine)
    version = engine.core.definitions().version
    define(engine, {"gaps": {"email": 60}})
    assert engine.core.definitions().version == version + 1
    assert engine.core.definitions().contact.gaps == {"email": 60}
    assert contact(engine).experience_id == "silence"
    assert engine.replay(before.decision_id).exact


@pytest.mark.parametrize(
    ("policy", "field"),
    [
        ({"caps": [{"count": 0, "window_s": 5}]}, "contact.caps[0].count"),
        ({"caps": [{"count": 1, "window_s": 5, "of": "mail"}]}, "contact.caps[0].of"),
        ({"gaps": {"emial": 60}}, "contact.gaps.emial"),
        ({"gaps": {"web": 60}}, "contact.gaps.web"),
        ({"gaps": {"email": 0}}, "contact.gaps.email"),
        ({"quiet_hours": "22-8"}, "contact.quiet_hours"),
        ({"channel_quiet_hours": {"web": "22:00-08:00"}}, "contact.channel_quiet_hours.web"),
        ({"channel_quiet_hours": {"email": "8"}}, "contact.channel_quiet_hours.email"),
        ({"quiet": "22:00-08:00"}, "contact.quiet"),
        (["caps"], "contact"),
    ],
)
def test_a_wrong_policy_is_refused_with_its_place(
    engine: Engine, policy: dict[str, Any], field: str
) -> None:
    with pytest.raises(InvalidInput) as refused:
        define(engine, policy)
    assert refused.value.field == field


def test_only_outbound_placements_are_transactional(engine: Engine) -> None:
    with pytest.raises(InvalidInput, match="outbound channels"):
        define(engine, channel="web")


def test_what_was_shown_on_a_page_counts_for_no_other_channel(
    engine: Engine, clock: SettableClock
) -> None:
    capped = {"placement_id": "letter", "channel": "email", "purpose": "marketing"}
    engine.define(
        {
            "placements": [
                {"placement_id": "home"},
                {**capped, "caps": [{"count": 1, "window_s": 86_400}]},
            ],
            "experiences": [{"experience_id": "a", "placements": ["home", "letter"]}],
        }
    )
    engine.track("u", "Consent Given", {"purposes": ["marketing"]})
    told = {"decision_id": "elsewhere", "experience_id": "a", "placement": "home"}
    engine.track("u", "Experience Viewed", told)
    engine.track("u", "Experience Viewed", {"experience_id": "a", "placement_id": "home"})
    (decided,) = engine.decide("u", placements=["letter"]).decisions
    assert decided.experience_id == "a"
