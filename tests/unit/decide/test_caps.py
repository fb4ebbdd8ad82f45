"""Frequency caps of every kind, held against a plain count over all that ever happened."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from eachwise.contracts.decision import Exposed, Reservation
from eachwise.contracts.experience import Cap, Experience, Placement
from eachwise.contracts.individual import CONTACTS_MAX, Contact
from eachwise.decide import decide, earlier_exposures, history_needed
from eachwise.decide.situation import Choice
from tests.unit.decide.making import (
    HERO,
    NOW_US,
    experiences_of,
    no_model,
    plan_of,
    shop,
    situation_of,
)

SHOP = shop()
SECOND_US = 1_000_000
# Of other placements, with the groups that the definitions give them.
GROUPS = {"fish-week": "sea", "shrimp-week": "sea", "fruit-week": "garden"}


def contact(
    ago_us: int, experience_id: str, *, action: str = "expose", decision_id: str = "",
    channel: str = "web", placement_id: str = "elsewhere", tie: int = 0,
) -> Contact:  # fmt: skip
    """One contact some time ago."""
    return Contact(NOW_US - ago_us, tie, action, experience_id, placement_id, channel, decision_id)


def experiences(**caps: list[Cap]) -> list[Experience]:
    """Fish and fruit with their groups, and beef without one; with these caps."""
    return [
        msgspec.structs.replace(
            each,
            group=GROUPS.get(each.experience_id, ""),
            caps=caps.get(each.experience_id.partition("-")[0], []),
        )
        for each in experiences_of("beef", "fish", "fruit")
    ]


def decided(
    some: Sequence[Experience], placement: Placement = HERO, groups: dict[str, str] = GROUPS,
    contacts: Sequence[Contact] = (), earlier: list[Exposed] | None = None,
    reservations: Sequence[Reservation] = (),
) -> Choice:  # fmt: skip
    """The choice among these, with the groups of all definitions known."""
    made = plan_of(some, SHOP, no_model(), placement)
    made = replace(made, layout=replace(made.layout, group_of=groups))
    return decide(
        situation_of(
            made, contacts=sorted(contacts), earlier=earlier, reservations=list(reservations)
        )
    )


def capped(choice: Choice) -> dict[str, str]:
    """Which experiences a cap took out, and the reason."""
    return {
        each.experience_id: each.reason for each in choice.filtered if each.filter == "frequency"
    }


def test_a_cap_of_the_group_counts_its_other_experiences_elsewhere_too() -> None:
    some = experiences(fish=[Cap(count=1, window_s=60, of="group")])
    assert capped(decided(some, contacts=[contact(5, "shrimp-week")])) == {
        "fish-week": "group sea: shown 1 times within 1 minute, cap 1"
    }
    assert capped(decided(some, contacts=[contact(5, "fruit-week")])) == {}
    assert capped(decided(some, contacts=[contact(60 * SECOND_US, "shrimp-week")])) == {}


def test_a_cap_of_the_channel_and_one_of_the_person() -> None:
    mail = contact(5, "x", channel="email", placement_id="mail")
    here = contact(6, "y", channel="web")
    of_channel = experiences(fish=[Cap(count=1, window_s=60, of="channel")])
    assert capped(decided(of_channel, contacts=[mail])) == {}
    assert capped(decided(of_channel, contacts=[here])) == {
        "fish-week": "channel web: shown 1 times within 1 minute, cap 1"
    }
    of_person = experiences(fish=[Cap(count=2, window_s=60, of="person")])
    assert capped(decided(of_person, contacts=[mail])) == {}
    assert capped(decided(of_person, contacts=[mail, here])) == {
        "fish-week": "anything: shown 2 times within 1 minute, cap 2"
    }


@pytest.mark.parametrize(
    ("of", "out"),
    [
        ("", {"beef-week", "fish-week", "fruit-week"}),
        ("channel", {"beef-week", "fish-week", "fruit-week"}),
        ("person", {"beef-week", "fish-week", "fruit-week"}),
        ("group", {"fish-week"}),
        ("experience", set()),
    ],
)
def test_a_placements_cap_binds_all_or_each_by_itself(of: str, out: set[str]) -> None:
    cap = msgspec.convert({"count": 1, "window_s": 60, "of": of}, Cap)
    placement = msgspec.structs.replace(HERO, caps=[cap])
    found = capped(decided(experiences(), placement, contacts=[contact(5, "shrimp-week")]))
    assert set(found) == out


def test_an_exposure_that_names_nothing_counts_for_every_group() -> None:
    some = experiences(
        fish=[Cap(count=1, window_s=60, of="group")], fruit=[Cap(count=1, window_s=60, of="group")]
    )
    assert set(capped(decided(some, contacts=[contact(5, "")]))) == {"fish-week", "fruit-week"}


def test_the_log_is_asked_only_where_the_contacts_do_not_reach_back() -> None:
    full = [contact(ago, "x") for ago in range(1, CONTACTS_MAX + 1)]
    assert history_needed(full[1:], 60, NOW_US) is None
    assert history_needed(full, 0, NOW_US) is None
    assert history_needed(full, 60, NOW_US) == NOW_US - 60 * SECOND_US
    at_the_edge = [*full[1:], contact(60 * SECOND_US, "x")]
    assert history_needed(at_the_edge, 60, NOW_US) is None
    just_inside = [*full[1:], contact(60 * SECOND_US - 1, "x")]
    assert history_needed(just_inside, 60, NOW_US) == NOW_US - 60 * SECOND_US


def test_without_the_log_what_cannot_be_counted_counts_as_reached() -> None:
    some = experiences(fish=[Cap(count=50, window_s=60)])
    full = [contact(ago, "x", tie=ago) for ago in range(1, CONTACTS_MAX + 1)]
    assert "cannot be counted" in capped(decided(some, contacts=full))["fish-week"]
    assert capped(decided(some, contacts=full, earlier=[])) == {}


def test_a_decision_that_log_and_contacts_report_counts_once_at_its_earliest() -> None:
    some = experiences(fish=[Cap(count=1, window_s=60)])
    click = contact(5, "fish-week", action="click", decision_id="d1")
    shown = contact(61 * SECOND_US, "", decision_id="d1")
    earlier = earlier_exposures([shown, click], [click])
    assert earlier == [Exposed(NOW_US - 61 * SECOND_US, "", "elsewhere", "web", "d1")]
    assert set(capped(decided(some, contacts=[click]))) == {"fish-week"}
    assert capped(decided(some, contacts=[click], earlier=earlier)) == {}
    twice = experiences(fish=[Cap(count=2, window_s=120)])
    assert capped(decided(twice, contacts=[click], earlier=earlier)) == {}


def test_a_place_held_by_a_decision_that_the_log_confirms_counts_once() -> None:
    some = experiences(fish=[Cap(count=2, window_s=60)])
    place = Reservation("d1", "fish-week", "hero", "web", NOW_US - 9, NOW_US + 9)
    earlier = [Exposed(NOW_US - 7, "fish-week", "hero", "web", "d1")]
    assert capped(decided(some, reservations=[place], earlier=earlier)) == {}
    other = msgspec.structs.replace(place, decision_id="d2")
    assert set(capped(decided(some, reservations=[other], earlier=earlier))) == {"fish-week"}


IDS = ("fish-week", "shrimp-week", "fruit-week", "beef-week", "x", "")
contacts_of_a_life = st.lists(
    st.builds(
        contact,
        st.integers(0, 130 * SECOND_US) | st.sampled_from([n * 30 * SECOND_US for n in range(5)]),
        st.sampled_from(IDS),
        action=st.sampled_from(["expose", "expose", "click", "dismiss", "purchase"]),
        decision_id=st.sampled_from(["", "d1", "d2", "d3", "d4"]),
        channel=st.sampled_from(["web", "email", ""]),
        placement_id=st.sampled_from(["hero", "elsewhere"]),
        tie=st.integers(0, 2**40),
    ),
    max_size=12,
    unique_by=lambda each: (each.occurred_at_us, each.tie),
)
caps = st.builds(
    Cap,
    count=st.integers(1, 4),
    window_s=st.sampled_from([30, 60, 90, 120]),
    of=st.sampled_from(["", "experience", "group", "channel", "person"]),
)
reserved = st.lists(
    st.builds(
        Reservation,
        st.sampled_from(["d1", "d2", "d7", "d8"]),
        st.sampled_from(["fish-week", "shrimp-week", "silence"]),
        st.sampled_from(["hero", "elsewhere"]),
        st.sampled_from(["web", "email"]),
        st.integers(0, 100).map(lambda s: NOW_US - s * SECOND_US),
        st.sampled_from([NOW_US, NOW_US + 1]),
    ),
    max_size=3,
    unique_by=lambda each: each.decision_id,
)


def plain_count(
    life: Sequence[Contact],
    places: Sequence[Reservation],
    own: Experience,
    cap: Cap,
    window_us: int,
) -> int:
    """By the words of the documentation: every exposure of a whole life, one after the other."""
    seen: list[tuple[int, str, str, str]] = []
    decisions = {each.decision_id for each in life if each.decision_id and proof(each)}
    for decision in decisions:
        reports = sorted(each for each in life if each.decision_id == decision and proof(each))

        def first(name: str, of: list[Contact] = reports) -> str:
            return next((found for each in of if (found := getattr(each, name))), "")

        seen.append(
            (
                reports[0].occurred_at_us,
                first("experience_id"),
                first("placement_id"),
                first("channel"),
            )
        )
    for each in life:
        if not each.decision_id and each.action == "expose":
            seen.append((each.occurred_at_us, each.experience_id, each.placement_id, each.channel))
    for place in places:
        live = place.expires_at_us > NOW_US and place.experience_id != "silence"
        if live and place.decision_id not in decisions:
            seen.append(
                (place.reserved_at_us, place.experience_id, place.placement_id, place.channel)
            )
    count = 0
    for at_us, experience_id, placement_id, channel in seen:
        of = {
            "": experience_id in ("", own.experience_id),
            "experience": experience_id in ("", own.experience_id),
            "group": experience_id == ""
            or GROUPS.get(experience_id, experience_id) == (own.group or own.experience_id),
            "channel": channel in ("", "web") or placement_id == "hero",
            "person": True,
        }[cap.of]
        count += of and at_us > NOW_US - window_us
    return count


def proof(each: Contact) -> bool:
    return each.action in ("expose", "click", "dismiss")


@given(contacts_of_a_life, st.lists(caps, min_size=1, max_size=3), reserved, st.integers(0, 12))
def test_caps_count_what_a_plain_count_counts(
    life: list[Contact], own_caps: list[Cap], places: list[Reservation], kept: int
) -> None:
    """Whatever part of the life the state still keeps, with the rest read from the log."""
    some = experiences(fish=own_caps, beef=own_caps)
    newest = sorted(life)[max(0, len(life) - kept) :]
    earlier = earlier_exposures(life, newest)
    choice = decided(some, contacts=newest, earlier=earlier, reservations=places)
    found = set(capped(choice))
    for each in some:
        wanted = any(
            plain_count(life, places, each, cap, cap.window_s * SECOND_US) >= cap.count
            for cap in each.caps
        )
        assert (each.experience_id in found) == wanted


@given(contacts_of_a_life, caps, reserved)
def test_a_placements_cap_counts_the_same(
    life: list[Contact], cap: Cap, places: list[Reservation]
) -> None:
    of = cap.of or "channel"
    placement = msgspec.structs.replace(HERO, caps=[cap])
    some = experiences()
    found = set(capped(decided(some, placement, contacts=life, reservations=places)))
    for each in some:
        if of == "group" and not each.group:
            assert each.experience_id not in found
            continue
        meant = msgspec.structs.replace(cap, of=of)
        count = plain_count(life, places, each, meant, cap.window_s * SECOND_US)
        assert (each.experience_id in found) == (count >= cap.count)
