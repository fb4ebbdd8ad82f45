"""What comes back through links, and links that can come back."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec
import pytest

from eachwise import Engine
from eachwise.adapters.clocks import SettableClock
from eachwise.contracts.delivery import PreviewRequest
from eachwise.flow.drive import run
from eachwise.settings import DeliverySettings, Settings
from tests.support.sending import DEFINITIONS, Scripted, furnish, put, subscribe

NEWS = ("email", "marketing")


@pytest.fixture
def mail() -> Scripted:
    return Scripted("email")


@pytest.fixture
def engine(clock: SettableClock, mail: Scripted) -> Iterator[Engine]:
    settings = Settings(delivery=DeliverySettings(public_url="https://x.example"))
    with Engine.open(clock=clock, settings=settings, channels={"email": mail}) as opened:
        furnish(opened)
        subscribe(opened, "ann")
        yield opened


def leaving(engine: Engine, mail: Scripted) -> str:
    """The token of the unsubscribing link of a mail to ann."""
    put(engine.core, "ann")
    run(engine.core.delivery.dispatching.drain())
    return mail.letters[-1].headers["List-Unsubscribe"].strip("<>").rpartition("/")[2]


def left(engine: Engine) -> int:
    """How often ann's leaving is in the log."""
    return [each.action for each in engine.individual("user:ann").contacts].count("unsubscribe")


def test_who_came_back_leaves_again_by_the_same_link_at_once(
    engine: Engine, clock: SettableClock, mail: Scripted
) -> None:
    token, returns = leaving(engine, mail), engine.core.delivery.returns
    for times in (1, 2, 3):
        clock.advance(seconds=1)
        run(returns.unsubscribe(token))
        assert (returns.preferences(token)[NEWS], left(engine)) == (False, times)
        clock.advance(seconds=1)
        assert run(returns.prefer(token, {NEWS: True})) == 1
        assert returns.preferences(token)[NEWS]


def test_a_link_that_is_posted_over_and_over_fills_no_log(
    engine: Engine, clock: SettableClock, mail: Scripted
) -> None:
    token, returns = leaving(engine, mail), engine.core.delivery.returns
    for _ in range(100):
        clock.advance(seconds=0.1)
        run(returns.unsubscribe(token))
    assert left(engine) <= 3


@pytest.mark.parametrize(("length", "counted"), [(100, True), (5_000, True), (6_500, False)])
def test_a_link_too_long_to_be_counted_leads_where_it_should(
    engine: Engine, clock: SettableClock, mail: Scripted, length: int, counted: bool
) -> None:
    long = "https://shop.example/?" + "q" * length
    definitions = msgspec.json.decode(msgspec.json.encode(DEFINITIONS))
    definitions["experiences"][0]["content"]["text"] = "{{ link('" + long + "') }}"
    engine.define(definitions)
    put(engine.core, "ann")
    run(engine.core.delivery.dispatching.drain())
    found = mail.letters[-1].parts["text"].strip()
    if counted:
        token = found.removeprefix("https://x.example/t/c/")
        assert run(engine.core.delivery.returns.clicked(token)) == long
    else:
        assert found == long
    shown = engine.core.delivery.letters.preview(
        PreviewRequest(experience_id="hello", placement_id="mail", individual="user:ann")
    )
    assert shown.parts["text"].strip() == long
