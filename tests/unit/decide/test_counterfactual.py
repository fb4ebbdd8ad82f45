"""What would have had to be otherwise: every answer is put through the decision again, and does what it says."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eachwise.contracts.catalog import ItemQuery
from eachwise.contracts.decision import Counterfactual, Exposed, Reservation
from eachwise.contracts.experience import LEVER_MAX, LEVER_MIN, Cap, Eligibility, Experience
from eachwise.contracts.individual import CONTACTS_MAX, Contact
from eachwise.decide import Choice, Situation, counterfactuals, decide, decide_safely
from eachwise.decide.constraints import FILTERS
from eachwise.decide.counterfactuals.figures import _least_above, by_expectation, with_figure
from eachwise.decide.counterfactuals.lifts import lift_of, stopped, verdicts_on
from eachwise.maths.times import day_words, iso, parse_time_us
from tests.unit.decide.making import (
    DAY_US,
    HERO,
    NOW_US,
    catalog_of,
    experiences_of,
    indifferent,
    plan_of,
    shop,
    situation_of,
)

SHOP = shop()
MINUTE_US, HOUR_US = 60_000_000, 3_600_000_000
FISH = "fish-week"


def week(category: str = "fish", **changes: Any) -> Experience:
    (made,) = experiences_of(category)
    return msgspec.structs.replace(made, **changes)


def standing(
    fish: Experience | None = None, *, others: Any = (), placement: Any = HERO, **changes: Any
) -> Situation:
    """Fish among beef and fruit."""
    known = [*(others or experiences_of("beef", "fruit")), fish or week()]
    return situation_of(plan_of(known, SHOP, placement=placement), **changes)


def asked(situation: Situation, name: str = FISH) -> dict[str, Counterfactual]:
    """The counterfactuals of an experience by their kinds."""
    found = counterfactuals(situation, decide_safely(situation), name)
    assert len({each.kind for each in found}) == len(found)
    return {each.kind: each for each in found}


def is_best(situation: Situation, name: str = FISH) -> bool:
    return decide(situation).candidates.behind(name) == 0.0


def row_of(situation: Situation, name: str = FISH) -> int:
    return situation.plan.layout.row_of[name]


# -- figures -------------------------------------------------------------------------------------


@given(
    value=st.floats(0.0, 8.0),
    rival=st.floats(0.5, 50.0),
    lever=st.sampled_from([LEVER_MIN, 0.5, 1.0, 3.0]),
    cost=st.sampled_from([0.0, 0.02]),
    clv=st.sampled_from([0.0, -0.1, 0.05]),
    taste=st.floats(-0.8, 1.5),
)
@settings(max_examples=25, deadline=None)
def test_the_least_value_and_the_lever_make_it_the_best_and_less_does_not(
    value: float, rival: float, lever: float, cost: float, clv: float, taste: float
) -> None:
    affinity = indifferent(SHOP)
    affinity.general[SHOP.value_of["category=fish"]] = taste
    situation = standing(
        week(value=value, lever=lever, cost=cost),
        others=[week("beef", value=rival), week("fruit")],
        affinity=affinity,
        clv={FISH: clv},
    )
    row, found = row_of(situation), asked(situation)
    if is_best(situation):
        assert found == {}
        return
    assert set(found) == {"value", "lever"}
    for name, declared in (("value", value), ("lever", lever)):
        told = found[name]
        if told.value is None:
            assert not told.verified
            bounds = (LEVER_MIN, LEVER_MAX) if name == "lever" else (0.0, 1e6)
            tried = np.geomspace(max(bounds[0], declared, 1e-3), bounds[1], 60)
            assert not any(is_best(with_figure(name, situation, row, each)) for each in tried)
            continue
        assert told.verified
        assert is_best(with_figure(name, situation, row, told.value))
        less = declared + (told.value - declared) * (1.0 - 1e-4)
        assert not is_best(with_figure(name, situation, row, less))
        if name == "lever":
            assert LEVER_MIN <= told.value <= LEVER_MAX


def test_the_figure_is_said_in_words_that_do_it_too() -> None:
    situation = standing(others=[week("beef", value=2.0)], settings=decide_settings())
    told = asked(situation)["value"]
    said = float(told.words.partition("at least ")[2].partition(",")[0])
    assert told.value is not None
    assert told.value <= said < told.value * 1.001
    assert is_best(with_figure("value", situation, row_of(situation), said))
    assert "not 1" in told.words
    assert "behind beef-week" in told.words


def decide_settings(**changes: Any) -> Any:
    return msgspec.structs.replace(situation_of(plan_of([], SHOP)).settings, **changes)


def test_the_best_needs_nothing_and_silence_and_strangers_are_not_asked_about() -> None:
    situation = standing(week(value=9.0))
    choice = decide_safely(situation)
    for name in (FISH, "silence", "no-such"):
        assert counterfactuals(situation, choice, name) == []
    failed = Choice(
        experience_id="silence", probability=1.0, items=[], candidates=choice.candidates,
        features={}, filtered=[], filters={}, reasons=[], failed="it broke",
    )  # fmt: skip
    assert counterfactuals(situation, failed, "beef-week") == []


def test_no_value_helps_what_harms_more_than_it_brings() -> None:
    # κ is in units of the candidates' mean value: alone, 200 disconnects of a take-up outweigh any value.
    situation = standing(others=[week("fruit", value=1.0)], settings=decide_settings(kappa=500.0))
    found = asked(situation)
    assert found["value"].value is None
    assert not found["value"].verified
    assert found["value"].words.startswith("no value would have made it the best")
    assert found["lever"].value is None or found["lever"].verified


def test_a_loss_wants_a_smaller_lever() -> None:
    # Every exposure costs lifetime value; at a small lever that loss is small, and silence is further away.
    situation = standing(
        week(value=0.0, lever=5.0),
        others=[week("beef", cost=9.0)],
        clv={FISH: -0.5},
        settings=decide_settings(kappa=0.0),
    )
    told = asked(situation)["lever"]
    assert told.value is None
    assert "no lever from 0.1 to 10" in told.words


def test_the_price_of_its_budgets_is_one_more_figure() -> None:
    fish = week(value=1.05)
    bare = standing(fish, others=[week("beef")])
    assert is_best(bare)
    situation = standing(fish, others=[week("beef")], prices={FISH: 0.5})
    told = asked(situation)["price"]
    assert told.verified
    assert told.value is not None
    assert 0.0 < told.value < 0.5
    assert "price" not in asked(standing(week(value=0.1), prices={FISH: 0.5}))


@given(
    slopes=st.lists(st.tuples(st.floats(-3, 3), st.floats(-50, 50)), min_size=1, max_size=4),
    declared=st.floats(0.0, 20.0),
)
@settings(max_examples=100, deadline=None)
def test_the_search_finds_the_first_zero_of_a_convex_function(
    slopes: list[tuple[float, float]], declared: float
) -> None:
    def short(figure: float) -> float:
        return max(slope * figure + start for slope, start in slopes)

    if short(declared) <= 0.0:
        return
    found = _least_above(short, declared)
    grid = np.concatenate([np.linspace(declared, declared + 60, 400), np.geomspace(60, 1e8, 400)])
    zeros = [each for each in grid if each > declared and short(float(each)) <= 0.0]
    if found is None:
        assert not zeros
    else:
        assert short(found) <= 0.0
        assert declared < found
        assert not zeros or found <= zeros[0] * (1.0 + 1e-5)


# -- filters -------------------------------------------------------------------------------------

CAPPED = week(caps=[Cap(count=2, window_s=86_400)])


def seen(*ago_us: int, name: str = FISH) -> list[Contact]:
    """Exposures so long ago."""
    return [
        Contact(NOW_US - ago, n, "expose", name, "hero", "web", f"d{n}")
        for n, ago in enumerate(sorted(ago_us, reverse=True))
    ]


def conflicting() -> Any:
    """A person who firmly avoids fish."""
    affinity = indifferent(SHOP)
    affinity.general[SHOP.value_of["category=fish"]] = -2.0
    return affinity


CASES: dict[str, Callable[[], Situation]] = {
    "asked": lambda: standing(only=["another"]),
    "schedule": lambda: standing(week(starts_at=iso(NOW_US + DAY_US + 1_500_000))),
    "eligibility": lambda: standing(week(eligibility=Eligibility(stages=["customer", "repeat"]))),
    "consent": lambda: standing(consent=(False, "refused consent to ads")),
    "quiet_hours": lambda: standing(
        placement=msgspec.structs.replace(HERO, quiet_hours="14:00-16:30"),
    ),
    "suppression": lambda: standing(hidden={f"experience:{FISH}": NOW_US - DAY_US}),
    "frequency": lambda: standing(CAPPED, contacts=seen(5 * HOUR_US, 2 * HOUR_US, MINUTE_US)),
    "taken": lambda: standing(taken=[FISH]),
    "budget": lambda: standing(exhausted={FISH: "its budget of 5 exposures is used up"}),
    "conflict": lambda: standing(affinity=conflicting()),
    "no_items": lambda: standing(showable=np.arange(len(SHOP.items)) % 4 != 1),
}


def test_every_filter_has_a_case() -> None:
    assert set(CASES) == set(FILTERS)


@pytest.mark.parametrize("label", CASES)
def test_what_lifts_a_filter_lifts_it(label: str) -> None:
    situation = CASES[label]()
    row = row_of(situation)
    verdicts = {each.filter: each for each in verdicts_on(situation, row)}
    assert stopped(label, situation, row)
    told = asked(situation)[label]
    assert told.verified
    assert told.words.startswith(f"{label} would let it through if ")
    changed = lift_of(verdicts[label], situation, row).changed
    assert changed is not None
    assert not stopped(label, changed, row)
    if len(verdicts) == 1 and told.at is None:
        assert decide(changed).candidates.behind(FISH) is not None
    assert {"value", "nothing"} & set(asked(situation))


@pytest.mark.parametrize("label", ["schedule", "quiet_hours", "frequency"])
def test_a_moment_is_exact(label: str) -> None:
    situation = CASES[label]()
    told = asked(situation)[label]
    assert told.at is not None
    at_us = parse_time_us(told.at)
    row = row_of(situation)
    assert at_us > NOW_US
    assert not stopped(label, at(situation, at_us), row)
    assert stopped(label, at(situation, at_us - 1_000), row)
    assert day_words(at_us) in told.words


def at(situation: Situation, now_us: int) -> Situation:
    from dataclasses import replace

    return replace(situation, now_us=now_us)


def test_the_moments_of_the_cases() -> None:
    # NOW_US is Sunday 2025-06-15 15:06:40 UTC.
    assert asked(CASES["quiet_hours"]())["quiet_hours"].at == "2025-06-15T16:30:00.000Z"
    # Of three within a day two are too many: the cap is free when the second one leaves the window.
    assert asked(CASES["frequency"]())["frequency"].at == iso(NOW_US - 2 * HOUR_US + DAY_US)
    assert "Monday 2025-06-16 13:06:40 UTC" in asked(CASES["frequency"]())["frequency"].words


@given(
    ages=st.lists(st.integers(0, 3 * DAY_US), min_size=1, max_size=8),
    count=st.integers(1, 3),
    window_s=st.integers(60, 2 * 86_400),
    held=st.integers(0, 2),
    channel=st.booleans(),
)
@settings(max_examples=25, deadline=None)
def test_the_moment_of_a_cap_is_when_the_filter_first_lets_it_through(
    ages: list[int], count: int, window_s: int, held: int, channel: bool
) -> None:
    cap = Cap(count=count, window_s=window_s, of="channel" if channel else "")
    reservations = [
        Reservation(f"h{n}", FISH, "hero", "web", NOW_US - n, NOW_US + 90_000_017 * (n + 1))
        for n in range(held)
    ]
    situation = standing(week(caps=[cap]), contacts=seen(*ages), reservations=reservations)
    row = row_of(situation)
    if not stopped("frequency", situation, row):
        assert "frequency" not in asked(situation)
        return
    told = asked(situation)["frequency"]
    assert told.verified
    assert told.at is not None
    at_us = parse_time_us(told.at)
    assert not stopped("frequency", at(situation, at_us), row)
    assert stopped("frequency", at(situation, at_us - 1_000), row)
    for part in range(20):
        early = NOW_US + (at_us - 1_000 - NOW_US) * part // 20
        assert stopped("frequency", at(situation, early), row)


def test_a_cap_that_cannot_be_counted_is_free_when_what_is_known_reaches_back() -> None:
    contacts = [
        Contact(NOW_US - n * MINUTE_US, n, "open", "", "mail", "email", f"d{n}")
        for n in range(CONTACTS_MAX)
    ]
    situation = standing(CAPPED, contacts=contacts)
    told = asked(situation)["frequency"]
    assert told.verified
    assert told.at == iso(NOW_US - (CONTACTS_MAX - 1) * MINUTE_US + DAY_US)
    known = standing(CAPPED, contacts=contacts, earlier=[Exposed(NOW_US - 9, "x", "hero", "web")])
    assert "frequency" not in asked(known)


def test_an_end_is_no_moment_to_wait_for() -> None:
    told = asked(standing(week(ends_at=iso(NOW_US - DAY_US))))["schedule"]
    assert told.at is None
    assert told.verified
    assert "it had not ended at 2025-06-14" in told.words


def test_every_part_that_makes_a_person_ineligible_is_named() -> None:
    wanted = Eligibility(
        stages=["customer"],
        lapsed=True,
        traits={"plan": ["gold", "silver"], "country": ["DE"]},
        context={"device": ["phone"]},
        when="orders.count > 3",
    )
    situation = standing(
        week(eligibility=wanted), stage="known", traits={"country": "DE"}, context={"device": "tv"}
    )
    told = asked(situation)["eligibility"]
    assert told.verified
    for words in (
        "the stage were customer",
        "the person had lapsed",
        "trait plan were one of gold, silver",
        "context device were phone",
        "its rule held (orders.count is unknown)",
    ):
        assert words in told.words
    assert "country" not in told.words


@pytest.mark.parametrize(
    ("when", "moment"),
    [
        ("hour >= 18", "2025-06-15T18:00:00.000Z"),
        ('weekday == "tue"', "2025-06-17T00:00:00.000Z"),
        ('date == "2025-06-20"', "2025-06-20T00:00:00.000Z"),
        ("days_since_last_seen > 2", "2025-06-17T09:06:40.001Z"),
    ],
)
def test_a_rule_about_the_clock_holds_at_a_moment(when: str, moment: str) -> None:
    situation = standing(
        week(eligibility=Eligibility(when=when)), last_seen_us=NOW_US - DAY_US // 4
    )
    told = asked(situation)["eligibility"]
    assert told.at == moment
    assert told.verified


def test_a_rule_that_time_does_not_change_is_named_with_its_part() -> None:
    rule = Eligibility(when='hour >= 0 and trait.country == "DE"')
    told = asked(standing(week(eligibility=rule), traits={"country": "US"}))["eligibility"]
    assert told.at is None
    assert "its rule held (trait.country is 'US', not 'DE')" in told.words


def test_a_clock_that_is_not_known_wants_a_zone() -> None:
    placement = msgspec.structs.replace(HERO, quiet_hours="22:00-08:00")
    told = asked(standing(placement=placement, traits={"timezone": "Mars/Base"}))["quiet_hours"]
    assert told.verified
    assert told.at is None
    assert "the person's time zone were known" in told.words


def test_a_conflict_names_the_threshold_and_the_dislike() -> None:
    affinity = conflicting()
    told = asked(standing(affinity=affinity))["conflict"]
    assert told.value == pytest.approx(-2.0 + 1.96 * 0.2)
    assert "decide.conflict_upper_bound were at most -1.608" in told.words
    said = asked(standing(declared={"category=fish": -1.0}))["conflict"]
    assert said.value is None
    assert said.verified
    assert "took back the dislike of category=fish" in said.words


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"hidden": {f"item:i{n:03d}": NOW_US for n in range(40)}}, "had not hidden the items"),
        ({"declared": {"diet=pescatarian": -1.0}}, "no item of its query ran against"),
    ],
)
def test_an_empty_list_names_its_cause(changes: dict[str, Any], words: str) -> None:
    told = asked(standing(**changes))["no_items"]
    assert told.verified
    assert words in told.words


def test_a_query_that_selects_nothing_cannot_be_lifted() -> None:
    query = ItemQuery(where={"category": "caviar"})
    told = asked(standing(week(items=query)))["no_items"]
    assert not told.verified
    assert "its item query selected an item of the catalogue" in told.words


def test_never_and_learnt_repeats_are_a_cause() -> None:
    query = ItemQuery(where={"category": "fish"}, repeats="never")
    situation = standing(week(items=query), engaged=np.ones(len(SHOP.items), dtype=bool))
    assert "did not have lately" in asked(situation)["no_items"].words


def test_several_filters_are_all_named_and_the_figures_are_of_the_moment_without_them() -> None:
    situation = standing(
        CAPPED,
        contacts=seen(HOUR_US, MINUTE_US),
        consent=(False, "no"),
        hidden={f"experience:{FISH}": NOW_US},
        taken=["beef-week", FISH],
    )
    found = asked(situation)
    assert set(found) == {"consent", "suppression", "frequency", "taken", "value", "lever"} or set(
        found
    ) == {"consent", "suppression", "frequency", "taken", "nothing"}
    assert all(each.verified for each in found.values() if each.value is not None)
    rest = [each for kind, each in found.items() if kind not in FILTERS]
    assert all(each.unless_filtered for each in rest)
    assert "no filter took it out" in rest[0].words


def test_the_arbitration_is_asked_without_chance() -> None:
    situation = standing(week(value=1.2))
    best = {by_expectation(at(situation, NOW_US)).best for _ in range(3)}
    chosen = {decide(standing(week(value=1.2), seed=seed)).candidates.best for seed in range(20)}
    assert best == chosen


def test_an_empty_catalogue_is_no_obstacle() -> None:
    bare = [msgspec.structs.replace(each, items=None) for each in experiences_of("beef", "fish")]
    situation = situation_of(plan_of(bare, catalog_of([])), consent=(False, "no"))
    assert "consent" in asked(situation)
