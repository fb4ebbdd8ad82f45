"""Whatever the situation and the policy, what is chosen breaks no constraint; whatever goes wrong ends in silence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st

from eachwise.contracts.catalog import ItemQuery
from eachwise.contracts.decision import ShownItem
from eachwise.contracts.experience import Budget, Cap, Eligibility, Experience
from eachwise.contracts.individual import Contact
from eachwise.decide import POLICIES, Choice, Situation, decide, decide_safely
from eachwise.decide.constraints import FILTERS
from eachwise.decide.safely import breaches
from eachwise.settings import DecideSettings
from tests.unit.decide.making import (
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
CATEGORIES = ("beef", "fish", "fruit", "pizza")
flags = st.booleans()


@st.composite
def experiences(draw: Any) -> list[Experience]:
    """Four experiences, each with some of everything that can keep it away."""
    return [
        msgspec.structs.replace(
            each,
            group=draw(st.sampled_from(["a", ""])),
            caps=draw(
                st.lists(
                    st.builds(
                        Cap,
                        count=st.integers(1, 3),
                        window_s=st.just(60),
                        of=st.sampled_from(["", "group", "channel", "person"]),
                    ),
                    max_size=1,
                )
            ),
            budgets=[Budget(limit=1.0)],
            risk=draw(st.sampled_from(["normal", "hard"])),
            value=draw(st.sampled_from([0.1, 1.0, 1000.0])),
            starts_at=draw(st.sampled_from([None, None, "2020-01-01", "2099-01-01"])),
            eligibility=draw(
                st.sampled_from(
                    [
                        *[Eligibility()] * 4,
                        Eligibility(when="lapsed"),
                        Eligibility(when='trait.country == "DE" or experience.group == "a"'),
                        Eligibility(when="not (trait.country == 3)"),
                        Eligibility(stages=["repeat"]),
                    ]
                )
            ),
        )
        for each in experiences_of(*CATEGORIES)
    ]


@st.composite
def situations(draw: Any) -> Situation:
    """A placement and a person before it, under any policy."""
    placement = msgspec.structs.replace(
        HERO,
        quiet_hours=draw(st.sampled_from(["", "", "", "22:00-08:00"])),
        caps=draw(st.sampled_from([[], [], [Cap(count=3, window_s=60)]])),
    )
    affinity = indifferent(SHOP)
    affinity.declared[:] = draw(
        st.lists(st.sampled_from([0.0, 0.0, 0.0, 1.0, -1.0]), min_size=8, max_size=8)
    )
    hidden = {
        f"item:{each}": 1
        for each in draw(st.frozensets(st.sampled_from(SHOP.item_ids), max_size=8))
    }
    if draw(st.sampled_from([False, False, True])):
        hidden["experience:beef-week"] = 1
    missing = draw(st.integers(0, 2**40 - 1))
    ids = st.sampled_from([f"{each}-week" for each in CATEGORIES])
    contacts = draw(
        st.lists(
            st.builds(
                lambda ago, name: Contact(NOW_US - ago, ago, "expose", name, "hero", "web", ""),
                st.integers(0, 90 * SECOND_US),
                ids,
            ),
            max_size=3,
        )
    )
    return situation_of(
        plan_of(draw(experiences()), SHOP, placement=placement),
        seed=draw(st.integers(0, 2**63)),
        affinity=affinity,
        declared={
            value: float(affinity.declared[column]) for value, column in SHOP.value_of.items()
        },
        showable=np.array([not missing >> row & 1 for row in range(40)]),
        hidden=hidden,
        contacts=sorted(contacts),
        lapsed=draw(flags),
        stage=draw(st.sampled_from(["new", "repeat"])),
        traits=draw(
            st.sampled_from([{}, {"country": "DE"}, {"country": "US", "timezone": "Asia/Tokyo"}])
        ),
        taken=draw(st.lists(ids, max_size=2)),
        only=draw(st.sampled_from([None, None, ["fish-week"], ["beef-week", "fish-week", "x"]])),
        exhausted=draw(st.dictionaries(ids, st.just("used up"), max_size=1)),
        consent=(draw(st.sampled_from([*[True] * 9, False])), "no"),
        settings=DecideSettings(
            policy=draw(st.sampled_from(sorted(POLICIES))), epsilon=0.5, probability_floor=0.5
        ),
    )


def broken(situation: Situation, chosen: Experience) -> list[str]:
    """Which constraints a choice breaks, by the words of the documentation and none of the engine's code."""
    own, identifier = chosen.group, chosen.experience_id
    group_of = {each.experience_id: each.group for each in situation.plan.layout.experiences}
    quiet = situation.plan.layout.placement.quiet_hours != ""
    kept = {
        "rule": rule_holds(chosen.eligibility.when, situation, own),
        "stage": not chosen.eligibility.stages or situation.stage == "repeat",
        "schedule": chosen.starts_at != "2099-01-01",
        "asked": situation.only is None or identifier in situation.only,
        "consent": situation.consent[0],
        "quiet hours": not (quiet and "timezone" in situation.traits),  # 00:06 in Tokyo
        "hidden": f"experience:{identifier}" not in situation.hidden,
        "taken": identifier not in situation.taken,
        "group": not own or own not in {group_of[each] for each in situation.taken},
        "budget": identifier not in situation.exhausted,
        "conflict": situation.declared[f"category={chosen.attributes['category']}"] >= 0,
    }
    recent = [
        each.experience_id
        for each in situation.contacts
        if each.occurred_at_us > NOW_US - 60 * SECOND_US
    ]
    everything = [*situation.plan.layout.placement.caps]
    for cap in chosen.caps:
        if cap.of == "group" and own:
            kept["cap of the group"] = sum(group_of[each] == own for each in recent) < cap.count
        elif cap.of in ("", "group"):
            kept["cap"] = recent.count(identifier) < cap.count
        else:
            everything.append(cap)
    kept["cap of all"] = all(len(recent) < cap.count for cap in everything)
    return [name for name, holds in kept.items() if not holds]


def rule_holds(when: str, situation: Situation, own: str) -> bool:
    """Each of the rules above, once more in Python."""
    country = situation.traits.get("country")
    return {
        "": True,
        "lapsed": situation.lapsed,
        'trait.country == "DE" or experience.group == "a"': country == "DE" or own == "a",
        "not (trait.country == 3)": country is None,  # a text compared with a number fails closed
    }[when]


@given(situations())
def test_what_is_chosen_breaks_no_constraint(situation: Situation) -> None:
    choice = decide_safely(situation)
    assert choice.failed == ""
    unasked = set() if situation.only is not None else {"asked"}
    assert list(choice.filters) == [name for name in FILTERS if name not in unasked]
    layout = situation.plan.layout
    assert len(choice.candidates) + sum(choice.filters.values()) == 1 + len(layout.experiences)
    for candidate in choice.candidates:
        if candidate.experience_id != "silence":
            assert (
                broken(situation, layout.experiences[layout.row_of[candidate.experience_id]]) == []
            )
    event("silence" if choice.is_silence else "shown", f"{len(choice.candidates) - 1} passed")
    if choice.is_silence:
        return
    assert choice.items
    against = {value for value, sign in situation.declared.items() if sign < 0}
    for item in choice.items:
        assert situation.showable[SHOP.row_of[item.item_id]]
        assert f"item:{item.item_id}" not in situation.hidden
        assert not against & {f"{name}={value}" for name, value in item.attributes.items()}


@settings(max_examples=30)
@given(situations())
def test_it_is_the_decision_where_nothing_goes_wrong(situation: Situation) -> None:
    plain, safe = decide(situation), decide_safely(situation)
    assert (plain.experience_id, plain.probability) == (safe.experience_id, safe.probability)
    assert plain.filtered == safe.filtered
    assert list(plain.candidates) == list(safe.candidates)


PLAN = plan_of(experiences_of(*CATEGORIES), SHOP)


@pytest.mark.parametrize(
    "changes",
    [
        {"scores": np.zeros(3)},
        {"showable": None},
        {"contacts": [None]},
        {"consent": None},
        {"settings": DecideSettings(policy="unheard")},  # type: ignore[arg-type]
        {"fill": lambda rows, count: 1 / 0},
        {"seed": None},
    ],
)
def test_an_error_ends_in_silence(changes: dict[str, Any]) -> None:
    made = plan_of(
        [msgspec.structs.replace(each, value=1e9) for each in experiences_of("fish")], SHOP
    )
    choice = decide_safely(situation_of(made, **changes))
    assert (choice.experience_id, choice.probability) == ("silence", 1.0)
    assert choice.failed.partition(":")[0].endswith(("Error", "InvalidInput"))
    assert choice.filters == {name: 0 for name in FILTERS if name != "asked"}
    assert choice.reasons == ["nothing is shown: the decision failed"]
    assert next(iter(choice.candidates)).probability == 1.0
    assert choice.items == []


def chosen_of(situation: Situation) -> Choice:
    """A choice that is no silence."""
    for seed in range(100):
        choice = decide(replace(situation, seed=seed))
        if not choice.is_silence:
            return choice
    raise AssertionError("always silent")


def spoilt(choice: Choice, **fields: Any) -> Choice:
    return replace(choice, **fields)


def said(situation: Situation, choice: Choice) -> str:
    return "; ".join(breaches(situation, choice))


def test_the_assertion_sees_each_breach() -> None:
    situation = situation_of(PLAN, settings=DecideSettings(kappa=0.0))
    choice = chosen_of(situation)
    own = choice.experience_id
    assert said(situation, choice) == ""
    assert "the probability is 0.0" in said(situation, spoilt(choice, probability=0.0))
    assert "the probability is nan" in said(situation, spoilt(choice, probability=float("nan")))
    assert "silence has items" in said(situation, spoilt(choice, experience_id="silence"))
    assert "is no experience of hero" in said(situation, spoilt(choice, experience_id="x"))
    item = choice.items[0]
    showable = np.ones(len(SHOP.items), dtype=bool)
    showable[SHOP.row_of[item.item_id]] = False
    cases: Sequence[tuple[dict[str, Any], str]] = [
        ({"consent": (False, "")}, "without consent"),
        ({"hidden": {f"experience:{own}": 1}}, "the person hid it"),
        ({"hidden": {f"item:{item.item_id}": 1}}, "the person hid it"),
        ({"taken": [own]}, "taken or used up"),
        ({"exhausted": {own: ""}}, "taken or used up"),
        ({"showable": showable}, "is not available"),
        ({"declared": {f"category={item.attributes['category']}": -1.0}}, "declared against"),
    ]
    for changes, words in cases:
        assert words in said(replace(situation, **changes), choice)
    gone = ShownItem(item_id="gone", position=0, score=0.0)
    assert "item gone is not available" in said(situation, spoilt(choice, items=[gone]))
    ended = plan_of(
        [
            msgspec.structs.replace(each, ends_at="2020-01-01")
            for each in experiences_of(*CATEGORIES)
        ],
        SHOP,
    )
    assert "outside its dates" in said(replace(situation, plan=ended), choice)


def test_a_choice_that_was_filtered_out_ends_in_silence(monkeypatch: pytest.MonkeyPatch) -> None:
    situation = situation_of(PLAN, settings=DecideSettings(kappa=0.0))
    choice = chosen_of(situation)
    hidden = decide(replace(situation, hidden={f"experience:{choice.experience_id}": NOW_US}))
    wrong = spoilt(choice, filtered=hidden.filtered)
    monkeypatch.setattr("eachwise.decide.safely.decide", lambda _: wrong)
    found = decide_safely(situation)
    assert found.is_silence
    assert "was chosen and filtered out by suppression" in found.failed


def test_a_list_that_nothing_fills_is_silence() -> None:
    nothing = [
        msgspec.structs.replace(each, items=ItemQuery(where={"category": "gold"}))
        for each in experiences_of("fish")
    ]
    choice = decide_safely(situation_of(plan_of(nothing, SHOP)))
    assert choice.is_silence
    assert choice.failed == ""
