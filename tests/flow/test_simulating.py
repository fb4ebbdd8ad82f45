"""What a simulation says beforehand is what happens: the same days with the journeys live come to the same."""

from __future__ import annotations

import hashlib
from collections import Counter
from pathlib import Path

import msgspec
import pytest

from eachwise import Engine
from eachwise.adapters.channels import Nowhere
from eachwise.adapters.clocks import SettableClock
from eachwise.bootstrap import simulate_journeys
from eachwise.cli import main
from eachwise.contracts.errors import InvalidInput, StoreError
from eachwise.contracts.simulation import Simulation
from eachwise.settings import DecideSettings, LifetimeSettings, Settings, StoreSettings
from tests.flow.shop import START_US

# Nothing hangs on a draw, so that a simulation can be compared with what then happens.
SETTINGS = Settings(
    decide=DecideSettings(explorations_per_day=0),
    lifetime=LifetimeSettings(interval_s=0.0),
    store=StoreSettings(synchronous="OFF", checkpoint_interval_s=600.0),
)
DAY_S, DAYS, PEOPLE = 86_400, 9, 24
DEFINITIONS = """
contact: {quiet_hours: "22:00-08:00", caps: [{count: 1, window_s: 172800}]}
placements:
  - {placement_id: mail, channel: email, purpose: marketing}
experiences:
  - {experience_id: reminder, placements: [mail], value: 1000000, content: {subject: Still, text: All}}
  - {experience_id: hello, placements: [mail], value: 1000000, content: {subject: Hello, text: You}}
"""
JOURNEYS = """
journeys:
  - journey_id: basket
    entry: {event: Checkout Started, key: order_id}
    reentry: always
    holdout: 20%
    steps:
      - {id: order, wait_for: {event: Order Completed, key: order_id, within: 1h}, then: end, else: nudge}
      - {id: nudge, send: {placement: mail, experience: reminder, send_time: now, within: 6h}}
      - {id: tell, webhook: "https://shop.example/told"}
      - {id: end, exit: over}
  - journey_id: weekly
    entry: {schedule: "mon 09:00", when: "days_since_last_seen >= 2"}
    reentry: {after: 5d}
    steps:
      - {id: greet, send: {placement: mail, experience: hello, send_time: now}}
"""


def play(store: Path, *, live: bool) -> None:
    """Some weeks of a shop, with the journeys put before the last days where they are live."""
    clock = SettableClock(START_US)
    nowhere = {name: Nowhere(name) for name in ("email", "call")}
    with Engine.open(store, clock=clock, settings=SETTINGS, channels=nowhere) as engine:
        engine.define(DEFINITIONS)
        for number in range(PEOPLE):
            traits = {"email": f"u{number}@example.com"} if number % 6 else {"plan": "free"}
            engine.identify(f"u{number}", traits)
            if number % 4:
                engine.track(f"u{number}", "Consent Given", {"purposes": ["marketing"]})
        for day in range(2 * DAYS):
            if day == DAYS and live:
                engine.put_journeys(JOURNEYS)
            for number in range(day % 5, PEOPLE, 5):
                engine.track(f"u{number}", "Checkout Started", {"order_id": f"o{day}"})
                if number % 3 == 0:
                    engine.track(f"u{number}", "Order Completed", {"order_id": f"o{day}"})
                clock.advance(seconds=61)
            until_us = START_US + (day + 1) * DAY_S * 1_000_000
            while clock.now_us() < until_us:
                clock.set(
                    min(
                        until_us, clock.now_us() + 60_000_000 * (1 if live and day >= DAYS else 600)
                    )
                )
                engine.tick()
        engine.track("u1", "Page Closed")


@pytest.fixture(scope="module")
def lived(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Simulation]:
    """A store without the journeys, and what they are said to have done in it."""
    store = tmp_path_factory.mktemp("lived") / "store"
    play(store, live=False)
    before = hashlib.sha256((store / "eachwise.sqlite").read_bytes()).hexdigest()
    found = simulate_journeys(store, JOURNEYS, settings=SETTINGS, days=DAYS)
    assert hashlib.sha256((store / "eachwise.sqlite").read_bytes()).hexdigest() == before
    return store, found


def test_what_is_said_beforehand_is_what_happens(
    lived: tuple[Path, Simulation], tmp_path: Path
) -> None:
    _, said = lived
    play(tmp_path / "live", live=True)
    with Engine.open(
        tmp_path / "live",
        clock=SettableClock(START_US + 2 * DAYS * DAY_S * 10**6),
        settings=SETTINGS,
    ) as engine:
        for journey in said.journeys:
            view = engine.journey(journey.journey_id)
            assert journey.statuses == view.statuses
            assert journey.withheld == sum(view.arms.get("holdout", {}).values())
        messages = list(engine.core._store.messages(limit=10_000))
        people = engine.journey_people("basket", limit=1000)
    contacts = [each for each in messages if each.decision_id]
    assert len(contacts) > 10
    assert Counter(each.individual_id for each in said.contacts if each.outcome == "sent") == (
        Counter(each.individual_id for each in contacts)
    )
    told = {(each.individual_id, each.key): each.outcome for each in said.contacts if each.key}
    assert told.keys() <= {(each.individual_id, each.key) for each in people}
    assert {"sent", "held"} <= set(told.values())
    basket, weekly = said.journeys
    assert basket.effects == {"call": sum(each.channel == "call" for each in messages)}
    unsent = Counter(each.reason for each in contacts if each.state == "held")
    assert unsent == Counter(basket.unsent) + Counter(weekly.unsent)
    assert unsent["no email is known"] > 0


def test_it_says_who_entered_by_what_and_what_held_them_back(
    lived: tuple[Path, Simulation],
) -> None:
    _, said = lived
    basket, weekly = said.journeys
    assert set(basket.entered) == {"Checkout Started"}
    assert set(weekly.entered) == {"schedule"}
    assert sum(day.entered for day in basket.days) == sum(basket.entered.values())
    assert basket.withheld > 0
    (nudge,) = basket.steps
    assert nudge.step == "nudge"
    assert nudge.held_by["consent"] > 0
    assert nudge.held_by["frequency"] > 0
    assert sum(nudge.held_by.values()) == nudge.outcomes["held"]
    # One message may be the contact of two who asked for the same.
    sent = sum(count for day in basket.days for count in day.contacts.values())
    assert sent == nudge.outcomes["sent"] == nudge.experiences["reminder"]


def test_a_share_of_the_people_is_a_share_of_the_same(lived: tuple[Path, Simulation]) -> None:
    store, whole = lived
    part = simulate_journeys(store, JOURNEYS, settings=SETTINGS, days=DAYS, share=0.5)
    assert 0 < part.people < whole.people == PEOPLE
    some = {(each.individual_id, each.key, each.at, each.outcome) for each in part.contacts}
    assert some < {(each.individual_id, each.key, each.at, each.outcome) for each in whole.contacts}


def test_the_command_says_it_in_words_and_as_json(
    lived: tuple[Path, Simulation], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store, said = lived
    file, settings = tmp_path / "journeys.yaml", tmp_path / "settings.toml"
    file.write_text(JOURNEYS)
    settings.write_text("[decide]\nexplorations_per_day = 0\n[lifetime]\ninterval_s = 0.0\n")
    command = ["journey", "simulate", str(file), "--store", str(store), "--days", str(DAYS)]
    command += ["--settings", str(settings)]
    assert main([*command, "--json"]) == 0
    assert msgspec.json.decode(capsys.readouterr().out, type=Simulation) == said
    assert main([*command, "--people"]) == 0
    words = capsys.readouterr().out
    assert "nothing was sent" in words
    assert "held by:" in words
    assert words.count("basket/nudge") == sum(each.key != "" for each in said.contacts)
    assert main([*command[:-2], "--days", "0"]) == 1


def test_what_cannot_be_simulated_says_why(lived: tuple[Path, Simulation], tmp_path: Path) -> None:
    store, _ = lived
    with pytest.raises(StoreError, match="no store"):
        simulate_journeys(tmp_path, JOURNEYS, settings=SETTINGS)
    with pytest.raises(InvalidInput, match="placement"):
        simulate_journeys(
            store, JOURNEYS.replace("placement: mail", "placement: mial"), settings=SETTINGS
        )


def test_a_schedule_strikes_on_the_minute(lived: tuple[Path, Simulation]) -> None:
    store, _ = lived
    document = JOURNEYS.replace("mon 09:00", "09:37").replace("{after: 5d}", "always")
    found = simulate_journeys(store, document, settings=SETTINGS, days=3)
    times = {each.at[10:] for each in found.contacts if each.journey_id == "weekly"}
    assert times == {"T09:37:00.000Z"}
