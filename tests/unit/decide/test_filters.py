"""Each filter by itself, their order, and that nothing they take out is ever chosen."""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from eachwise.contracts.catalog import ItemQuery
from eachwise.contracts.decision import Reservation
from eachwise.contracts.experience import Cap, Eligibility, Experience, Placement
from eachwise.contracts.individual import Contact
from eachwise.decide import Choice, decide
from eachwise.decide.items import shown_items
from eachwise.settings import DecideSettings
from tests.unit.decide.making import (
    DAY_US,
    HERO,
    NOW_US,
    experiences_of,
    indifferent,
    plan_of,
    shop,
    situation_of,
)

SHOP = shop()
SECOND_US = 1_000_000


def contact(
    ago_us: int, action: str = "expose", experience_id: str = "fish-week", decision_id: str = "",
    channel: str = "web", placement_id: str = "hero",
) -> Contact:  # fmt: skip
    """One contact some time ago."""
    return Contact(
        NOW_US - ago_us, ago_us % 1000, action, experience_id, placement_id, channel, decision_id
    )


def changed(**fields: Any) -> list[Experience]:
    """Fish and fruit; fish with these fields."""
    fish, fruit = experiences_of("fish", "fruit")
    return [msgspec.structs.replace(fish, **fields), fruit]


def decided(experiences: list[Experience], placement: Placement = HERO, **changes: Any) -> Choice:
    """The choice among these experiences."""
    return decide(situation_of(plan_of(experiences, SHOP, placement=placement), **changes))


def verdict(choice: Choice, experience_id: str = "fish-week") -> tuple[str, str]:
    """(filter, reason) of an experience; empty when it passed."""
    for each in choice.filtered:
        if each.experience_id == experience_id:
            return each.filter, each.reason
    return "", ""


def test_schedule_is_from_the_start_to_before_the_end() -> None:
    at = "2025-06-15T15:06:40Z"  # NOW_US
    assert verdict(decided(changed(starts_at=at))) == ("", "")
    assert verdict(decided(changed(ends_at=at))) == ("schedule", f"ended at {at}")
    later = "2025-06-15T17:06:40.000001+02:00"
    assert verdict(decided(changed(starts_at=later))) == ("schedule", f"starts at {later}")
    assert verdict(decided(changed(ends_at=later))) == ("", "")


@pytest.mark.parametrize(
    ("wanted", "changes", "reason"),
    [
        (Eligibility(stages=["new"]), {"stage": "new"}, ""),
        (Eligibility(stages=["repeat"]), {"stage": "new"}, "stage is new, not repeat"),
        (Eligibility(lapsed=True), {"lapsed": False}, "only for lapsed people"),
        (Eligibility(lapsed=False), {"lapsed": True}, "not for lapsed people"),
        (Eligibility(lapsed=False), {"lapsed": False}, ""),
        (Eligibility(traits={"plan": ["pro"]}), {"traits": {"plan": "pro"}}, ""),
        (Eligibility(traits={"plan": ["pro"]}), {"traits": {"plan": ["basic", "pro"]}}, ""),
        (
            Eligibility(traits={"plan": ["pro", "max"]}),
            {"traits": {"plan": "basic"}},
            "trait plan is 'basic', not one of pro, max",
        ),
        (Eligibility(traits={"plan": ["pro"]}), {}, "trait plan is unknown, not pro"),
        (Eligibility(context={"page": ["home"]}), {"context": {"page": "home"}}, ""),
        (
            Eligibility(context={"page": ["home"]}),
            {"context": {"page": "cart"}},
            "context page is 'cart', not home",
        ),
        (
            Eligibility(context={"page": ["home"]}),
            {"context": {"page": "c" * 400_000}},
            f"context page is '{'c' * 299}…, not home",
        ),
    ],
)
def test_eligibility(wanted: Eligibility, changes: dict[str, Any], reason: str) -> None:
    found = verdict(decided(changed(eligibility=wanted), **changes))
    assert found == (("eligibility", reason) if reason else ("", ""))


def test_without_consent_only_silence_is_left() -> None:
    choice = decided(changed(), consent=(False, "the person said no to personalization"))
    assert choice.is_silence
    assert choice.probability == 1.0
    assert choice.filters["consent"] == 2
    assert verdict(choice) == ("consent", "the person said no to personalization")
    assert choice.reasons == ["nothing may be shown: 2 by consent"]


def test_a_hidden_experience_stays_away() -> None:
    choice = decided(changed(), hidden={"experience:fish-week": NOW_US - DAY_US})
    assert verdict(choice) == ("suppression", "the person hid it on 2025-06-14 15:06")
    assert verdict(decided(changed(), hidden={"experience:unknown": 1})) == ("", "")


class TestFrequency:
    capped = changed(caps=[Cap(count=2, window_s=86400)])

    def out(self, *contacts: Contact, **changes: Any) -> bool:
        choice = decided(self.capped, contacts=sorted(contacts), **changes)
        assert verdict(choice, "fruit-week") == ("", "")
        return verdict(choice)[0] == "frequency"

    def test_counts_exposures_inside_the_window(self) -> None:
        assert not self.out(contact(5))
        assert self.out(contact(5), contact(DAY_US - 1))
        assert not self.out(contact(5), contact(DAY_US))
        assert not self.out(contact(5), contact(6, experience_id="fruit-week"))

    def test_says_what_was_counted(self) -> None:
        choice = decided(self.capped, contacts=[contact(6), contact(5)])
        assert verdict(choice)[1] == "shown 2 times within 1 day, cap 2"

    def test_a_decision_counts_once_however_often_it_was_reported(self) -> None:
        twice = [contact(9, decision_id="d1"), contact(5, decision_id="d1")]
        assert not self.out(*twice)
        assert self.out(*twice, contact(4, decision_id="d2"))

    def test_an_answer_proves_an_exposure_that_was_not_reported(self) -> None:
        assert self.out(contact(5, "click", decision_id="d1"), contact(4, "hide", decision_id="d2"))
        assert not self.out(contact(5, "click"), contact(4, "click"))

    def test_an_exposure_that_names_nothing_counts_for_all(self) -> None:
        unnamed = contact(5, experience_id="", decision_id="d1")
        assert self.out(contact(9), unnamed)
        named_by_click = contact(4, "click", experience_id="fruit-week", decision_id="d1")
        assert not self.out(contact(9), unnamed, named_by_click)

    def test_live_reservations_hold_their_place(self) -> None:
        def held(decision_id: str, expires_at_us: int) -> Reservation:
            return Reservation(decision_id, "fish-week", "hero", "web", NOW_US - 10, expires_at_us)

        live, over = held("d1", NOW_US + 1), held("d2", NOW_US)
        assert self.out(contact(5), reservations=[live])
        assert not self.out(contact(5), reservations=[over])
        # Confirmed: the exposure counts, and its reservation no more.
        assert not self.out(contact(5, decision_id="d1"), reservations=[live])
        assert self.out(reservations=[live, held("d3", NOW_US + 9)])

    def test_what_cannot_be_counted_counts_as_reached(self) -> None:
        others = [contact(ago, experience_id="fruit-week") for ago in range(1, 64)]
        assert not self.out(*others)
        assert self.out(*others, contact(70, experience_id="fruit-week"))
        # The oldest of 64 lies before the window: everything inside it is known.
        assert not self.out(*others, contact(DAY_US, experience_id="fruit-week"))

    def test_a_placement_caps_its_whole_channel(self) -> None:
        placement = msgspec.structs.replace(HERO, caps=[Cap(count=2, window_s=3600)])
        elsewhere = contact(5, experience_id="other", placement_id="sidebar")
        mail = contact(5, experience_id="other", placement_id="mail", channel="email")
        unknown = contact(5, experience_id="other", placement_id="x", channel="")
        here = contact(7, experience_id="fruit-week", channel="")
        for contacts, out in (
            ([here, elsewhere], True),
            ([here, mail], False),
            ([here, unknown], True),
            ([here], False),
        ):
            choice = decided(changed(), placement, contacts=contacts)
            assert choice.filters["frequency"] == (2 if out else 0)
        choice = decided(changed(), placement, contacts=[here, elsewhere])
        assert verdict(choice) == ("frequency", "channel web: shown 2 times within 1 hour, cap 2")

    def test_silence_is_no_exposure(self) -> None:
        placement = msgspec.structs.replace(HERO, caps=[Cap(count=1, window_s=3600)])
        silent = Reservation("d", "silence", "hero", "web", NOW_US - 1, NOW_US + 9)
        assert decided(changed(), placement, reservations=[silent]).filters["frequency"] == 0


class TestConflict:
    def test_declared_against(self) -> None:
        affinity = indifferent(SHOP)
        affinity.declared[SHOP.value_of["category=fish"]] = -1.0
        choice = decided(changed(), affinity=affinity)
        assert verdict(choice) == ("conflict", "category=fish: the person declared against it")

    def test_declared_against_what_no_item_carries(self) -> None:
        experience = msgspec.structs.replace(changed()[0], attributes={"topic": "angling"})
        choice = decided([experience], declared={"topic=angling": -1.0})
        assert verdict(choice)[0] == "conflict"
        assert verdict(decided([experience], declared={"topic=angling": 1.0})) == ("", "")

    @pytest.mark.parametrize(
        ("general", "sd", "evidence", "out"),
        [
            (-1.0, 0.25, 50.0, True),  # upper bound −0.51
            (-1.0, 0.26, 50.0, False),  # −0.49
            (-3.0, 0.1, 9.9, False),  # too little evidence
            (-3.0, 0.1, 10.0, True),
            (0.0, 0.0, 50.0, False),
        ],
    )
    def test_a_firm_aversion(self, general: float, sd: float, evidence: float, out: bool) -> None:
        affinity = indifferent(SHOP)
        column = SHOP.value_of["category=fish"]
        affinity.general[column], affinity.general_sd[column] = general, sd
        affinity.evidence[column] = evidence
        choice = decided(changed(), affinity=affinity)
        assert (verdict(choice)[0] == "conflict") == out

    def test_items_that_conflict_leave_and_an_empty_query_with_them(self) -> None:
        # The experience says nothing of diet, its items do.
        affinity = indifferent(SHOP)
        affinity.declared[SHOP.value_of["diet=pescatarian"]] = -1.0
        choice = decided(changed(), affinity=affinity)
        assert verdict(choice) == ("no_items", "no item is left that may be shown to this person")


def test_no_items_when_nothing_is_showable() -> None:
    showable = np.array(["fish" not in str(item.attributes) for item in SHOP.items])
    assert verdict(decided(changed(), showable=showable))[0] == "no_items"
    assert verdict(decided(changed(items=None), showable=showable)) == ("", "")


def test_no_items_when_the_query_matches_none() -> None:
    nothing = ItemQuery(where={"category": "gold"})
    assert verdict(decided(changed(items=nothing)))[0] == "no_items"


@pytest.mark.parametrize(
    ("repeats", "engaged", "spent"),
    [
        (False, True, False),
        ("never", True, False),
        ("learnt", False, True),
        (True, False, False),
        ("allowed", False, False),
    ],
)
def test_no_items_when_the_rule_of_repeats_leaves_none(
    repeats: Any, engaged: bool, spent: bool
) -> None:
    query = changed(items=ItemQuery(where={"category": "fish"}, repeats=repeats))
    fish = np.array([item.attributes["category"] == "fish" for item in SHOP.items])
    assert (verdict(decided(query, engaged=fish))[0] == "no_items") == engaged
    assert (verdict(decided(query, spent=fish))[0] == "no_items") == spent
    one = fish.copy()
    one[one.argmax()] = False
    cases: list[tuple[dict[str, Any], bool]] = [
        ({"engaged": one}, engaged),
        ({"spent": one}, spent),
    ]
    for barred, binds in cases:
        situation = situation_of(plan_of(query, SHOP), **barred)
        shown = shown_items(situation, np.ones(len(SHOP.items), dtype=bool), 0)
        assert len(shown) == (1 if binds else 3)
        assert all(item.probability == 1.0 and item.deterministic for item in shown)


def test_the_first_filter_counts() -> None:
    ended = changed(ends_at="2020-01-01", eligibility=Eligibility(stages=["repeat"]))
    choice = decided(ended, consent=(False, "no"), hidden={"experience:fish-week": 1})
    assert list(choice.filters) == [
        "schedule", "eligibility", "consent", "quiet_hours", "suppression", "frequency", "taken", "budget",
        "conflict", "no_items",
    ]  # fmt: skip
    assert list(choice.filters.values()) == [1, 0, 1, 0, 0, 0, 0, 0, 0, 0]
    assert [each.experience_id for each in choice.filtered] == ["fish-week", "fruit-week"]


@given(
    data=st.data(),
    seed=st.integers(0, 2**63),
    policy=st.sampled_from(["thompson", "epsilon_greedy"]),
)
def test_nothing_that_was_filtered_out_is_ever_chosen(
    data: st.DataObject, seed: int, policy: Any
) -> None:
    fish, fruit, beef, pizza = experiences_of("fish", "fruit", "beef", "pizza")
    experiences = [
        msgspec.structs.replace(fish, caps=[Cap(count=1, window_s=600)]),
        msgspec.structs.replace(fruit, eligibility=Eligibility(stages=["repeat"])),
        msgspec.structs.replace(beef, value=1000.0),
        msgspec.structs.replace(
            pizza, ends_at=data.draw(st.sampled_from(["2020-01-01", "2099-01-01"]))
        ),
    ]
    affinity = indifferent(SHOP)
    affinity.declared[:] = data.draw(
        st.lists(st.sampled_from([-1.0, 0.0, 0.0, 1.0]), min_size=8, max_size=8)
    )
    items = st.sampled_from(SHOP.item_ids)
    hidden_items = data.draw(st.frozensets(items, max_size=20))
    showable = np.array(data.draw(st.lists(st.booleans(), min_size=40, max_size=40)))
    hidden = {f"item:{each}": 1 for each in hidden_items}
    if data.draw(st.booleans()):
        hidden["experience:beef-week"] = 1
    choice = decided(
        experiences,
        seed=seed,
        affinity=affinity,
        showable=showable,
        hidden=hidden,
        stage=data.draw(st.sampled_from(["new", "repeat"])),
        contacts=data.draw(st.sampled_from([[], [contact(5)]])),
        consent=(data.draw(st.integers(0, 9)) > 0, "no"),
        settings=DecideSettings(policy=policy, epsilon=0.5, probability_floor=0.5),
    )
    out = {each.experience_id for each in choice.filtered}
    assert choice.experience_id not in out
    assert choice.probability > 0.0
    assert len(out) + len(choice.candidates) == 5
    assert sum(choice.filters.values()) == len(out)
    assert sum(each.probability for each in choice.candidates) == pytest.approx(1.0)
    against = {SHOP.values[column] for column in np.flatnonzero(affinity.declared < 0)}
    for shown in choice.items:
        assert shown.item_id not in hidden_items
        assert showable[SHOP.row_of[shown.item_id]]
        assert not against & {f"{name}={value}" for name, value in shown.attributes.items()}
    if not choice.is_silence:
        assert choice.items
