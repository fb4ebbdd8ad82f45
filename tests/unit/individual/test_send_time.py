"""When to send: whatever is known, in time, outside of quiet hours, by the person's own clock, and replayable."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from eachwise.contracts.individual import Contact, Individual
from eachwise.individual import PopulationHours, bin_of, local_moment, outbound_answers, send_time
from eachwise.individual.hours import BINS, hour_of_week, in_bins, local_hours
from eachwise.individual.sendtime import chances, posterior
from eachwise.maths.zones import Quiet
from eachwise.settings import SendTimeSettings

HOUR_US = 3_600_000_000
DAY_US = 24 * HOUR_US
# Two days before Berlin's clocks go forward: Friday, 2026-03-27 00:00 UTC.
NOW_US = int(datetime(2026, 3, 27, tzinfo=UTC).timestamp()) * 1_000_000
SETTINGS = SendTimeSettings()
NOBODY = PopulationHours()
ZONES = ("UTC", "Europe/Berlin", "Asia/Kolkata", "Pacific/Chatham", "America/St_Johns")

hours = st.dictionaries(st.integers(0, 167), st.integers(1, 50), max_size=6)
bins = st.dictionaries(st.integers(0, BINS - 1), st.integers(0, 50), max_size=6)
populations = st.builds(PopulationHours, activity=bins, sent=bins, answered=bins)
quiets = st.lists(
    st.sampled_from([Quiet(22 * 60, 8 * 60), Quiet(90, 150), Quiet(0, 1410)]), max_size=2
)
contacts = st.lists(
    st.builds(
        lambda ago, action, decision: Contact(
            NOW_US - ago, ago, action, "x", "mail", "email", f"d{decision}"
        ),
        st.integers(0, 60 * DAY_US),
        st.sampled_from(["expose", "view", "click"]),
        st.integers(0, 5),
    ),
    max_size=8,
)


@given(
    hours,
    contacts,
    populations,
    quiets,
    st.integers(0, 9 * DAY_US),
    st.integers(0, 4 * DAY_US),
    st.sampled_from(ZONES),
    st.integers(0, 2**63),
)
def test_the_moment_is_in_time_and_never_in_quiet_hours(
    own: dict[int, int],
    known: list[Contact],
    population: PopulationHours,
    quiet: list[Quiet],
    ahead_us: int,
    later_us: int,
    name: str,
    seed: int,
) -> None:
    state, zone, now_us = Individual(hours=own, contacts=known), ZoneInfo(name), NOW_US + later_us
    asked = (state, population, now_us, now_us + ahead_us, zone, quiet, seed, SETTINGS)
    found = send_time(*asked)
    assert found == send_time(*asked)
    assert 0.0 < found.probability <= 1.0
    assert now_us <= found.at_us < max(now_us + ahead_us, now_us + 1)
    if found.probability < 1.0 or "throughout" not in found.reason:
        clock = local_moment(found.at_us, zone)
        assert ahead_us == 0 or not any(each.holds(clock) for each in quiet)
        assert found.hour == clock.hour


@given(hours, contacts, populations, st.lists(st.integers(0, BINS - 1), min_size=1, unique=True))
def test_probabilities_are_a_distribution_and_every_hour_may_be_tried(
    own: dict[int, int], known: list[Contact], population: PopulationHours, among: list[int]
) -> None:
    found = posterior(Individual(hours=own, contacts=known), population, NOW_US, UTC, SETTINGS)
    assert (found.alpha > 0).all()
    assert (found.beta > 0).all()
    shares = chances(found, among, 3, SETTINGS)
    assert shares.sum() == pytest.approx(1.0)
    assert shares.min() >= SETTINGS.exploration / len(among) * (1 - 1e-12)


@given(populations, populations, populations)
def test_populations_merge_in_any_order(
    a: PopulationHours, b: PopulationHours, c: PopulationHours
) -> None:
    def same(one: PopulationHours, other: PopulationHours) -> bool:
        return all(
            (in_bins(getattr(one, name)) == in_bins(getattr(other, name))).all()
            for name in PopulationHours.__struct_fields__
        )

    assert same(a.merge(b), b.merge(a))
    assert same(a.merge(b).merge(c), a.merge(b.merge(c)))
    assert same(a.merge(NOBODY), a)


def test_hours_are_counted_in_utc_and_read_on_the_persons_clock() -> None:
    monday = int(datetime(2026, 3, 23, tzinfo=UTC).timestamp()) * 1_000_000
    assert hour_of_week(monday) == 0
    assert hour_of_week(monday - 1) == 167
    friday_evening = hour_of_week(NOW_US + 18 * HOUR_US)
    berlin = local_hours({friday_evening: 3}, NOW_US, ZoneInfo("Europe/Berlin"))
    assert berlin[19] == 3
    # After midnight it is the weekend there already.
    tokyo = local_hours({friday_evening: 3}, NOW_US, ZoneInfo("Asia/Tokyo"))
    assert tokyo[24 + 3] == 3
    assert bin_of(datetime(2026, 3, 28, 3, tzinfo=UTC)) == 27


def share_at(state: Individual, hour: int, population: PopulationHours = NOBODY) -> float:
    """How often the moment lies within an hour and a half of this one."""
    found = [
        send_time(state, population, NOW_US, NOW_US + DAY_US, UTC, (), seed, SETTINGS)
        for seed in range(200)
    ]
    return float(
        np.mean([min(abs(each.hour - hour), 24 - abs(each.hour - hour)) <= 1 for each in found])
    )


def test_who_acts_in_the_evening_is_written_to_in_the_evening() -> None:
    evening = {hour_of_week(NOW_US - day * DAY_US + 20 * HOUR_US): 4 for day in range(2, 7)}
    assert share_at(Individual(hours=evening), 20) > 0.6
    assert share_at(Individual(), 20) < 0.3


def test_the_population_leads_until_a_person_is_known() -> None:
    mornings = PopulationHours(
        activity=dict.fromkeys(range(24), 500),
        sent=dict.fromkeys(range(24), 300),
        answered={**dict.fromkeys(range(24), 20), 8: 150},
    )
    assert share_at(Individual(), 8, mornings) > 0.6
    said = []
    for number in range(12):
        at_us = NOW_US - (number + 2) * DAY_US + 20 * HOUR_US
        said += [
            Contact(at_us, 2 * number, "expose", "x", "mail", "email", f"d{number}"),
            Contact(at_us + 1, 2 * number + 1, "click", "x", "mail", "email", f"d{number}"),
        ]
    assert share_at(Individual(contacts=sorted(said)), 20, mornings) > 0.6


def test_ignored_contacts_speak_against_their_hour() -> None:
    ignored = [
        Contact(NOW_US - day * DAY_US + 9 * HOUR_US, day, "expose", "x", "mail", "email", f"d{day}")
        for day in range(2, 22)
    ]
    before = posterior(Individual(), NOBODY, NOW_US, UTC, SETTINGS)
    after = posterior(Individual(contacts=sorted(ignored)), NOBODY, NOW_US, UTC, SETTINGS)
    mean = after.alpha / (after.alpha + after.beta)
    assert mean[9] < 0.7 * (before.alpha / (before.alpha + before.beta))[9]
    assert mean[9] < mean[20]
    # What went out within the last day may still be answered.
    fresh = [Contact(NOW_US - HOUR_US, 1, "expose", "x", "mail", "email", "d")]
    young = posterior(Individual(contacts=fresh), NOBODY, NOW_US, UTC, SETTINGS)
    assert (young.beta == before.beta).all()


def test_an_answer_belongs_to_the_contact_that_it_names() -> None:
    told = [
        Contact(5, 1, "expose", "x", "mail", "email", "a"),
        Contact(6, 2, "expose", "x", "mail", "email", "b"),
        Contact(7, 3, "view", "x", "mail", "email", "a"),
        Contact(4, 4, "expose", "x", "mail", "email", "a"),
        Contact(8, 5, "expose", "x", "hero", "web", "c"),
        Contact(9, 6, "expose", "x", "mail", "email", ""),
    ]
    assert sorted(outbound_answers(told, 100)) == [(4, True), (6, False)]
    assert outbound_answers(told, 6) == [(4, True)]


def test_where_there_is_no_time_it_is_now() -> None:
    never = send_time(Individual(), NOBODY, NOW_US, NOW_US, UTC, (), 1, SETTINGS)
    assert never[:2] == (NOW_US, 1.0)
    assert "no time" in never.reason
    held = send_time(
        Individual(), NOBODY, NOW_US, NOW_US + HOUR_US, UTC, [Quiet(0, 120)], 1, SETTINGS
    )
    assert held[:2] == (NOW_US, 1.0)
    assert "quiet hours" in held.reason
