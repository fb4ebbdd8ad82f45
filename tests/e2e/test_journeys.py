"""Journeys through every door: in this process, over HTTP, from the command line; and how soon they react."""

from __future__ import annotations

import json
import statistics
import time
from pathlib import Path
from typing import Any

import msgspec
import pytest

from eachwise import Engine
from eachwise.adapters.remote import RemoteEngine
from eachwise.cli import main
from eachwise.contracts.errors import InvalidInput
from tests.support.server import CERTAIN, SECRET_KEY, serving

DEFINITIONS = """
placements:
  - {placement_id: mail, channel: email, purpose: marketing}
experiences:
  - experience_id: reminder
    placements: [mail]
    value: 1000
    content: {subject: Still in your basket, text: It is all still there.}
"""
JOURNEYS = """
journeys:
  - journey_id: basket
    title: Abandoned basket
    entry: {event: Checkout Started, key: order_id}
    reentry: always
    steps:
      - {id: order, wait_for: {event: Order Completed, key: order_id, within: 1h}, else: nudge}
      - {id: bought, exit: recovered}
      - {id: nudge, send: {placement: mail, experience: reminder, send_time: now}}
  - journey_id: hello
    entry: {event: Signed Up}
    steps:
      - {id: greet, send: {placement: mail, experience: reminder, send_time: now, within: 1d}}
"""
TIMES = ("entered_at", "moved_at", "wake_at")
SIGN_UPS = 15


def plain(value: object) -> Any:
    """A result as JSON has it, without what depends on the moment."""
    found = msgspec.to_builtins(value)
    instances = found if isinstance(found, list) else [found]
    for each in instances:
        for name in TIMES:
            each.pop(name, None)
    return found


def story(engine: Engine | RemoteEngine) -> list[Any]:
    """The same verbs on either kind of engine; what each of them answered."""
    engine.define(DEFINITIONS)
    told: list[Any] = [engine.put_journeys(JOURNEYS), engine.put_journeys(JOURNEYS.encode())]
    for name in ("ann", "bob"):
        engine.identify(name, {"name": name}, messageId=f"i-{name}")
        engine.track(
            name, "Checkout Started", {"order_id": f"o-{name}"}, messageId=f"checkout-{name}"
        )
    engine.track("bob", "Order Completed", {"order_id": "o-bob", "total": 9}, messageId="o-bob")
    entered = engine.enter_journey("basket", "ann", key="k", properties={"a": 1}, request_id="r")
    told += [entered, engine.enter_journey("basket", "ann", key="k", request_id="r")]
    told += [engine.enter_journey("basket", individual_id="user:bob", key="k", request_id="r")]
    told += [engine.journeys(), engine.journey("basket")]
    told += [engine.journey_people("basket", status="active", step="order")]
    first = engine.journey_people("basket", limit=1)
    told += [first, engine.journey_people("basket", after=first[0].instance_id)]
    told += [engine.journeys_of("user:bob")]
    with pytest.raises(InvalidInput) as refusal:
        engine.put_journeys({"journeys": [{"journey_id": "x", "steps": []}]})
    return [*map(plain, told), refusal.value.message]


def test_both_engines_answer_the_same(tmp_path: Path) -> None:
    with Engine.open() as engine:
        mine = story(engine)
    with serving(tmp_path / "store") as server:
        remote = server.engine()
        theirs = story(remote)
        remote.close()
    assert theirs == mine


def test_the_command_line_puts_shows_and_enters(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store, file = tmp_path / "store", tmp_path / "journeys.yaml"
    file.write_text(JOURNEYS, encoding="utf-8")
    with Engine.open(store) as engine:
        engine.define(DEFINITIONS)
        engine.identify("ann", {"name": "Ann"})
    at = ["--store", str(store)]

    def said(*arguments: str) -> str:
        assert main(["journey", *arguments, *at]) == 0
        return capsys.readouterr().out

    assert said("put", str(file)) == "basket: version 1, 3 steps\nhello: version 1, 1 steps\n"
    assert "nobody" in said("people", "basket")
    entered = said("enter", "basket", "ann", "--entry-key", "o-1", "--properties", '{"value": 3}')
    assert entered.startswith("user:ann [o-1]  active at order, waits for order completed, wakes ")
    assert said("people", "basket", "--step", "order", "--status", "active") == entered
    assert "basket (Abandoned basket): version 1; 1 active" in said("list")
    shown = said("show", "basket")
    assert "  order                    wait_for             1\n" in shown
    assert json.loads(said("show", "basket", "--json"))["steps"] == {"order": 1}
    (mine,) = json.loads(said("people", "basket", "--json"))
    assert mine["individual_id"] == "user:ann"
    assert main(["journey", "enter", "basket", "ann", "--properties", "3", *at]) == 1
    assert "--properties: must be a JSON object" in capsys.readouterr().err
    file.write_text(JOURNEYS.replace("wait_for", "wait_four"), encoding="utf-8")
    assert main(["journey", "put", str(file), *at]) == 1
    assert "eachwise: line 8: journeys[0].steps[0]" in capsys.readouterr().err


def test_an_event_is_answered_within_the_second(tmp_path: Path) -> None:
    settings = tmp_path / "settings.toml"
    settings.write_text(CERTAIN, encoding="utf-8")
    with serving(tmp_path / "store", "--settings", str(settings)) as server:
        engine = server.engine()
        engine.define(DEFINITIONS)
        engine.put_journeys(JOURNEYS)
        took_s = []
        for number in range(SIGN_UPS):
            name = f"person-{number}"
            engine.identify(name, {"email": f"{name}@shop.example", "consent": {"marketing": True}})
            sent_s = time.perf_counter()
            engine.track(name, "Signed Up")
            # The contact is counted by the transaction that puts the message into the outbox.
            while not any(each.contacts for each in engine.journeys_of(f"user:{name}")):
                assert time.perf_counter() - sent_s < 10.0
                time.sleep(0.002)
            took_s.append(time.perf_counter() - sent_s)
        assert main(["journey", "list", "--url", server.url, "--key", SECRET_KEY]) == 0
        engine.close()
    print(f"event to outbox: p50 {statistics.median(took_s):.3f} s, most {max(took_s):.3f} s")
    assert statistics.median(took_s) < 1.0
