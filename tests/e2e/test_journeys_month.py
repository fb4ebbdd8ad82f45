"""Thirty virtual days of 2,000 people in three journeys: the counts add up and the contact policy held."""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, datetime
from itertools import pairwise

import pytest

from eachwise.adapters.clocks import SettableClock
from eachwise.bench import month

PEOPLE, DAYS = 2_000, 30


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_month_of_two_thousand_people() -> None:
    told, clock = month.Told(), SettableClock(month.START_US)
    with month.opened(clock, told) as engine:
        month.live(PEOPLE, DAYS, clock, engine, told)
        clock.advance(seconds=3 * 86_400)
        engine.tick()
        views = {each.journey_id: each for each in engine.journeys()}
        counts = engine.status()["counts"]
        messages = list(engine.core._store.messages(limit=100_000))
    entered = {name: sum(view.statuses.values()) for name, view in views.items()}
    assert entered["basket"] == told.checkouts
    assert entered["welcome"] == told.sign_ups == PEOPLE
    assert entered["back"] > 100
    # All whose time has come are through; who began in the last days may be on the way.
    assert views["basket"].statuses.get("active", 0) == 0
    assert 0.07 < views["basket"].statuses["holdout"] / told.checkouts < 0.13
    assert views["welcome"].statuses["goal"] > 0
    # Every event is in the log once: those sent in, the deliveries, and what journeys logged.
    logged = [each for each in messages if each.channel == "event"]
    contacts = [each for each in messages if each.decision_id]
    sent = [each for each in contacts if each.state == "sent"]
    assert len(told.mails) >= len(sent) > 500
    assert counts["events"] == told.events + len(sent) + len(logged)
    assert len(logged) == views["welcome"].statuses["completed"]
    by_person: defaultdict[str, list[int]] = defaultdict(list)
    for person, at_us in told.mails:
        by_person[person].append(at_us)
    for person, times in by_person.items():
        number = int(person.removeprefix("p"))
        end_us = told.withdrawn_us.get(number)
        assert number in told.consenting or (end_us is not None and times[-1] < end_us)
        assert all(8 <= datetime.fromtimestamp(at / 1e6, UTC).hour < 22 for at in times)
        assert all(b - a >= month.GAP_S * 1_000_000 for a, b in pairwise(times))
        window = month.CAP
        late = zip(times, times[window:], strict=False)
        assert all(b - a >= month.CAP_S * 1_000_000 for a, b in late)
