"""One contact policy over all outbound placements: counted by hand here, whatever histories, clocks and zones."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import event, given
from hypothesis import strategies as st

from eachwise.contracts.decision import DecisionRecord, Inputs, Reservation
from eachwise.contracts.experience import Cap, ContactPolicy, Placement
from eachwise.contracts.individual import Contact
from eachwise.decide import Plan, Situation, decide_safely, held, hindered, layout, with_model
from eachwise.decide.exposures import ignored
from eachwise.decide.holding import ASK_AGAIN_US
from eachwise.decide.sifting import sift
from eachwise.settings import DecideSettings
from tests.unit.decide.making import (
    PRIORS,
    experiences_of,
    no_model,
    select_from,
    shop,
    situation_of,
)

SHOP = shop(8)
HOUR_US = 3_600_000_000
MILLISECOND_US = 1_000
# The night in which Berlin's clocks go from 2 to 3, and the one in which they go back from 3 to 2.
SPRING_US, AUTUMN_US = (
    int(datetime(2026, month, day, tzinfo=UTC).timestamp()) * 1_000_000
    for month, day in ((3, 29), (10, 25))
)
ZONES = ("Europe/Berlin", "America/New_York", "Asia/Kolkata", "Pacific/Chatham", "UTC")
CHANNELS = ("email", "push", "sms", "webhook", "web", "app")
OUTBOUND = {"email", "push", "sms", "webhook"}
RECEIPT = "receipt"


def placed(placement: Placement, policy: ContactPolicy, *names: str) -> Plan:
    """A placement under a policy; contacts of the placement ``receipt`` count for nothing."""
    laid = layout(
        placement,
        experiences_of(*(names or ("beef", "fish"))),
        SHOP,
        lambda query: select_from(SHOP, query),
        contact=policy,
        uncounted=frozenset({RECEIPT}),
    )
    return with_model(laid, no_model(), PRIORS)


def mail(**fields: Any) -> Placement:
    """The placement that is decided for."""
    return Placement(placement_id="mail", channel="email", **fields)


hours = st.sampled_from(["", "22:00-08:00", "01:30-02:30", "12:15-13:45", "00:00-23:30"])
caps = st.lists(
    st.builds(
        Cap,
        count=st.integers(1, 3),
        window_s=st.sampled_from([1_800, 3_600, 86_400]),
        of=st.sampled_from(["", "outbound", "channel", "person", "experience"]),
    ),
    max_size=2,
)
policies = st.builds(
    ContactPolicy,
    caps=caps,
    gaps=st.dictionaries(
        st.sampled_from(["any", "email", "push"]), st.sampled_from([600, 7_200]), max_size=2
    ),
    quiet_hours=hours,
    channel_quiet_hours=st.dictionaries(st.sampled_from(["email", "push"]), hours, max_size=1),
)


Case = tuple[Placement, ContactPolicy, dict[str, Any]]


@st.composite
def cases(draw: Any) -> Case:
    """A mail under a policy, to somebody in some zone near a change of the clocks, with contacts on all channels."""
    now_us = draw(st.sampled_from([SPRING_US, AUTUMN_US])) + draw(st.integers(-6, 6)) * HOUR_US // 2
    now_us += draw(st.integers(0, 1_799_999_999))
    ids = st.sampled_from(["beef-week", "fish-week", "elsewhere"])
    places = st.sampled_from(["mail", "news", RECEIPT])
    contacts = draw(
        st.lists(
            st.builds(
                lambda ago_s, name, place, channel, tie: Contact(
                    now_us - ago_s * 1_000_000,
                    tie,
                    "expose",
                    name,
                    place,
                    "email" if place == "mail" else channel,
                    f"d{tie}",
                ),
                st.integers(0, 100_000) | st.sampled_from([600, 1_800, 3_600, 7_200, 86_400]),
                ids,
                places,
                st.sampled_from(CHANNELS),
                st.integers(0, 2**40),
            ),
            max_size=6,
            unique_by=lambda each: each.tie,
        )
    )
    reservations = draw(
        st.lists(
            st.builds(
                lambda ago_s, left_s, name, place, tie: Reservation(
                    f"r{tie}",
                    name,
                    place,
                    "email",
                    now_us - ago_s * 1_000_000,
                    now_us + left_s * 1_000_000,
                ),
                st.integers(0, 5_000),
                st.integers(-100, 5_000),
                ids,
                places,
                st.integers(0, 2**40),
            ),
            max_size=2,
            unique_by=lambda each: each.decision_id,
        )
    )
    changes = {
        "seed": draw(st.integers(0, 2**63)),
        "now_us": now_us,
        "contacts": sorted(contacts),
        "reservations": reservations,
        "earlier": [],
        "traits": {"timezone": draw(st.sampled_from(ZONES))},
        "consent": (draw(st.sampled_from([True, True, True, False])), "no"),
    }
    return mail(quiet_hours=draw(hours), caps=draw(caps)), draw(policies), changes


def broken(situation: Situation, policy: ContactPolicy, chosen: str) -> list[str]:
    """What a contact now would break, counted from the histories by the words of the documentation."""
    now_us, found = situation.now_us, []
    shown = [
        (each.occurred_at_us, each.experience_id, each.channel)
        for each in situation.contacts
        if each.placement_id != RECEIPT
    ]
    shown += [
        (each.reserved_at_us, each.experience_id, each.channel)
        for each in situation.reservations
        if each.placement_id != RECEIPT and each.expires_at_us > now_us
    ]

    def within(seconds: int, of: str) -> int:
        kinds = {"outbound": OUTBOUND, "channel": {"email"}, "person": set(CHANNELS)}
        return sum(
            now_us - seconds * 1_000_000 < at_us
            and (name == chosen if of == "experience" else channel in kinds[of])
            for at_us, name, channel in shown
        )

    placement = situation.plan.layout.placement
    for otherwise, of_caps in (("channel", placement.caps), ("outbound", policy.caps)):
        for cap in of_caps:
            if within(cap.window_s, cap.of or otherwise) >= cap.count:
                found.append(f"cap {cap}")
    for name, of in (("any", "outbound"), ("email", "channel")):
        if name in policy.gaps and within(policy.gaps[name], of):
            found.append(f"gap {name}")
    clock = datetime.fromtimestamp(now_us // 1_000_000, ZoneInfo(situation.traits["timezone"]))
    for text in (
        placement.quiet_hours,
        policy.channel_quiet_hours.get("email", policy.quiet_hours),
    ):
        if text:
            start, end = text.split("-")
            shows = f"{clock:%H:%M}"
            inside = start <= shows < end if start < end else shows >= start or shows < end
            found += [f"quiet {text}"] if inside else []
    return found + ([] if situation.consent[0] else ["consent"])


@given(cases())
def test_nothing_goes_out_against_the_policy_and_nothing_else_holds_it_back(case: Case) -> None:
    placement, policy, changes = case
    situation = situation_of(placed(placement, policy), **changes)
    choice = decide_safely(situation)
    assert choice.failed == ""
    passed = {each.experience_id for each in choice.candidates}
    for name in ("beef-week", "fish-week"):
        against = broken(situation, policy, name)
        assert (name in passed) == (not against), against
        event("held" if against else "free")


@given(cases())
def test_the_moment_to_try_again_is_the_first_at_which_nothing_holds(case: Case) -> None:
    placement, policy, changes = case
    situation = situation_of(placed(placement, policy), **{**changes, "consent": (True, "")})
    for name, why in held(situation).items():
        assert why.filter in ("quiet_hours", "frequency")
        if why.again_us is None:
            continue
        assert why.again_us > situation.now_us
        assert not broken(replace(situation, now_us=why.again_us), policy, name)
        before_us = why.again_us - MILLISECOND_US
        assert broken(replace(situation, now_us=before_us), policy, name), "it could go out sooner"
        event(why.filter)


def test_what_is_asked_for_is_all_that_may_be_chosen() -> None:
    free = situation_of(placed(mail(), ContactPolicy()), only=["fish-week", "gone"])
    choice = decide_safely(free)
    assert {each.experience_id for each in choice.candidates} == {"fish-week", "silence"}
    assert choice.filters["asked"] == 1
    assert [(each.experience_id, each.filter, each.reason) for each in choice.filtered] == [
        ("beef-week", "asked", "not asked for")
    ]
    missing = held(free)["gone"]
    assert (missing.filter, missing.again_us) == ("asked", None)
    assert "asked" not in decide_safely(situation_of(placed(mail(), ContactPolicy()))).filters


def receipt(**changes: Any) -> Situation:
    """A transactional placement at midnight, to somebody over every cap."""
    policy = ContactPolicy(
        caps=[Cap(count=1, window_s=86_400)], gaps={"any": 86_400}, quiet_hours="00:00-23:59"
    )
    placement = Placement(
        placement_id=RECEIPT, channel="email", transactional=True, quiet_hours="00:00-23:59"
    )
    contacts = [Contact(SPRING_US - 1, 1, "expose", "fish-week", "mail", "email", "d1")]
    fields = {"contacts": contacts, "now_us": SPRING_US, "exhausted": {"fish-week": "used up"}}
    return situation_of(placed(placement, policy), **{**fields, **changes})


def test_what_is_transactional_goes_out_whatever_binds_the_rest() -> None:
    for seed in range(20):
        choice = decide_safely(receipt(only=["fish-week"], seed=seed))
        assert (choice.experience_id, choice.probability) == ("fish-week", 1.0)
        assert choice.transactional
        assert not choice.explored
        assert choice.features == {}
        assert [each.probability for each in choice.candidates] == [1.0, 0.0]


def test_what_is_transactional_still_needs_a_name_an_address_and_no_hide() -> None:
    unasked = decide_safely(receipt())
    assert unasked.is_silence
    assert unasked.filters["asked"] == 2
    assert not unasked.transactional
    hidden = decide_safely(receipt(only=["fish-week"], hidden={"experience:fish-week": 1}))
    assert hidden.is_silence
    assert hidden.filters["suppression"] == 1
    bounced = decide_safely(receipt(only=["fish-week"], consent=(False, "bounced")))
    assert bounced.is_silence
    assert bounced.filters["consent"] == 1


@pytest.mark.parametrize(
    ("changes", "filtered", "again_us"),
    [
        ({"taken": ["fish-week"]}, "taken", SPRING_US + ASK_AGAIN_US),
        ({"exhausted": {"fish-week": "used up"}}, "budget", SPRING_US + ASK_AGAIN_US),
        ({"hidden": {"experience:fish-week": 1}}, "suppression", None),
        ({"consent": (False, "no")}, "consent", None),
        ({"declared": {"category=fish": -1.0}}, "conflict", None),
    ],
)
def test_when_to_ask_again(changes: dict[str, Any], filtered: str, again_us: int | None) -> None:
    made = placed(mail(), ContactPolicy())
    situation = situation_of(made, now_us=SPRING_US, only=["fish-week"], **changes)
    if filtered == "conflict":
        situation.affinity.declared[SHOP.value_of["category=fish"]] = -1.0
    (why,) = held(situation).values()
    assert (why.filter, why.again_us) == (filtered, again_us)


def record_of(chosen: str) -> DecisionRecord:
    """A decision for a mail, whose exposure may be in the history already."""
    inputs = Inputs(
        state=b"",
        reservations=[],
        context={},
        count=None,
        placement_id="mail",
        now_us=SPRING_US,
        catalog_version=1,
        definitions_version=1,
        models={},
        policy="thompson",
        seed=1,
    )
    return DecisionRecord(
        decision_id="d1",
        individual_id="user:u",
        asked_as=[],
        request_id=None,
        inputs=inputs,
        experience_id=chosen,
        probability=1.0,
        items=[],
        candidates=2,
        leading=[],
        filters={},
        filtered=[],
        features={},
        reasons=[],
    )


def test_a_contact_does_not_stand_in_its_own_way() -> None:
    made = placed(mail(), ContactPolicy(gaps={"any": 3_600}))
    own = Reservation("d1", "fish-week", "mail", "email", SPRING_US, SPRING_US + 10 * HOUR_US)
    other = Reservation("d2", "beef-week", "mail", "email", SPRING_US, SPRING_US + 10 * HOUR_US)
    now = {"now_us": SPRING_US + 60_000_000}
    assert hindered(situation_of(made, reservations=[own], **now), record_of("fish-week")) is None
    why = hindered(situation_of(made, reservations=[own, other], **now), record_of("fish-week"))
    assert why is not None
    assert why.filter == "frequency"
    assert why.again_us == SPRING_US + HOUR_US
    assert "all outbound channels: shown 1 times within 1 hour, cap 1" in why.reason
    gone = hindered(situation_of(made, **now), record_of("soup"))
    assert gone is not None
    assert gone.filter == "asked"
    assert hindered(situation_of(made, **now), record_of("silence")) is not None


def test_ignored_contacts_cost_in_units_of_a_takeup() -> None:
    day_us = 24 * HOUR_US
    told = [("expose", "d1", 14), ("expose", "d2", 0), ("expose", "d3", 28), ("view", "d3", 27)]
    contacts = [
        Contact(SPRING_US - days * day_us, n, action, "fish-week", "news", "push", decision)
        for n, (action, decision, days) in enumerate(told)
    ]
    contacts.append(Contact(SPRING_US - 14 * day_us, 9, "expose", "soup", RECEIPT, "email", "d9"))
    contacts.append(Contact(SPRING_US - 14 * day_us, 10, "expose", "x", "hero", "web", "d10"))

    def fatigue(placement: Placement, cost: float) -> list[float]:
        situation = situation_of(
            placed(placement, ContactPolicy(), "fish"),
            now_us=SPRING_US,
            contacts=sorted(contacts),
            settings=DecideSettings(ignored_cost=cost),
        )
        choice = decide_safely(situation)
        assert ignored(situation) == pytest.approx(0.5)
        return [each.factors.fatigue for each in choice.candidates if each.priority]

    assert fatigue(mail(), 0.0) == [0.0]
    assert fatigue(mail(), 0.1) == [pytest.approx(0.05)]
    assert fatigue(Placement(placement_id="hero"), 0.1) == [0.0]


def test_pages_of_our_own_are_not_bound_by_the_policy() -> None:
    policy = ContactPolicy(caps=[Cap(count=1, window_s=60)], quiet_hours="00:00-23:59")
    made = placed(Placement(placement_id="hero", channel="web"), policy)
    seen = [Contact(SPRING_US - 1, 1, "expose", "x", "mail", "email", "d")]
    situation = situation_of(made, now_us=SPRING_US, contacts=seen, traits={"timezone": "UTC"})
    assert len(sift(situation).passed) == 2


def test_a_channels_own_quiet_hours_come_instead_of_the_others() -> None:
    policy = ContactPolicy(quiet_hours="00:00-23:59", channel_quiet_hours={"email": ""})
    assert placed(mail(), policy).layout.quiet == ()
    both = placed(mail(quiet_hours="22:00-08:00"), ContactPolicy(quiet_hours="20:00-22:00"))
    assert [each.words for each in both.layout.quiet] == ["22:00-08:00", "20:00-22:00"]
    evening = SPRING_US - timedelta(hours=3) // timedelta(microseconds=1)
    situation = situation_of(both, now_us=evening, traits={"timezone": "UTC"})
    (why, _) = held(situation).values()
    assert why.reason == "quiet hours 20:00-22:00: it is 21:00 in UTC"
    assert why.again_us == SPRING_US + 8 * HOUR_US
