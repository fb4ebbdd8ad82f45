"""What a simulated visitor sends, and at which pace."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import pytest

from eachwise.catalog import parse_definitions
from eachwise.contracts.decision import Decided, DecideResponse, ShownItem
from eachwise.contracts.events import BatchResult
from eachwise.demo.driver import DUTY_MAX, VISITS_PER_S_MAX, rest_s
from eachwise.demo.programme import HERO, RAIL, definitions
from eachwise.demo.visits import LABELS, Visitors, outcome_events, with_checkout
from eachwise.worlds import FrozenFoodShop, Response

AT = datetime(2026, 3, 1, 12, tzinfo=UTC)
NOW_S = AT.timestamp()


@pytest.fixture(scope="module")
def shop() -> FrozenFoodShop:
    return FrozenFoodShop(3, 50, opened_at_s=NOW_S - 10 * 86400.0)


def decided(experience_id: str = "steak-week") -> Decided:
    item = ShownItem(item_id="item-00001", position=0, score=1.0, price=4.5)
    return Decided(
        decision_id="d-1",
        placement_id=HERO,
        experience_id=experience_id,
        probability=0.5,
        items=[item],
        reasons=["you like beef"],
    )


def response(**what: bool) -> Response:
    names = ("clicked", "purchased", "hidden", "unsubscribed")
    return Response(**{name: what.get(name, False) for name in names}, value=0.0)


def test_silence_sends_nothing() -> None:
    assert outcome_events(decided("silence"), response(), {"anonymousId": "a"}, 1, AT) == []


def test_an_ignored_experience_was_still_seen() -> None:
    events = outcome_events(decided(), response(), {"anonymousId": "a"}, 1, AT)
    assert [event["event"] for event in events] == ["Experience Viewed"]
    assert events[0]["properties"] == {
        "decision_id": "d-1",
        "experience_id": "steak-week",
        "placement": HERO,
        "channel": "web",
    }
    assert events[0]["anonymousId"] == "a"


def test_a_purchase_names_its_decision_and_what_was_bought() -> None:
    bought = response(clicked=True, purchased=True)
    events = outcome_events(decided(), bought, {"anonymousId": "a", "userId": "u"}, 7, AT)
    names = [event["event"] for event in events]
    assert names == ["Experience Viewed", "Experience Clicked", "Order Completed"]
    order = events[-1]["properties"]
    assert order["decision_id"] == "d-1"
    assert order["order_id"] == "order-live-7"
    assert order["total"] == 9.0
    assert len({event["messageId"] for event in events}) == 3
    assert {event["userId"] for event in events} == {"u"}


def test_a_hide_is_sent() -> None:
    events = outcome_events(decided(), response(hidden=True), {"anonymousId": "a"}, 1, AT)
    assert [event["event"] for event in events] == ["Experience Viewed", "Experience Hidden"]


class FakeEngine:
    """Answers every decision with the same experience and keeps what it was sent."""

    def __init__(self, experience_id: str) -> None:
        self.experience_id = experience_id
        self.sent: list[dict[str, Any]] = []

    def send(self, events: Sequence[Mapping[str, Any]]) -> BatchResult:
        self.sent.extend(dict(event) for event in events)
        return BatchResult(success=True, accepted=len(events))

    def decide(self, user_id: str | None, **asked: Any) -> DecideResponse:
        assert asked["placements"] == [HERO]
        assert asked["anonymous_id"]
        return DecideResponse(individual_id="x", decisions=[decided(self.experience_id)])


def test_every_method_plays_every_visit(shop: FrozenFoodShop) -> None:
    engine = FakeEngine("steak-week")
    visitors = Visitors(shop, engine, started_at_s=NOW_S)
    ticks = [visitors.play() for _ in range(40)]
    scores = {arm.arm: arm for arm in visitors.board.score().arms}
    assert set(scores) == set(LABELS)
    assert {arm.n for arm in scores.values()} == {40}
    # The engine here is the blanket: with common random numbers they fare exactly alike.
    assert scores["individuals"].clicks == scores["blanket"].clicks
    assert scores["individuals"].against_rate == scores["blanket"].against_rate
    assert scores["individuals"].value == scores["blanket"].value
    assert scores["oracle"].against_rate == 0.0
    assert ticks[0].title == "Steak week"
    browsed = [event for event in engine.sent if event["messageId"].startswith("frozen-")]
    assert len({event["messageId"] for event in browsed}) == len(browsed)


def test_a_silent_engine_gets_nothing_and_harms_nobody(shop: FrozenFoodShop) -> None:
    visitors = Visitors(shop, FakeEngine("silence"), started_at_s=NOW_S)
    for _ in range(10):
        visitors.play()
    score = {arm.arm: arm for arm in visitors.board.score().arms}["individuals"]
    assert score.silence_rate == 1.0
    assert score.clicks == 0
    assert score.against_rate == 0.0


def test_the_pace_keeps_to_the_rate_and_to_the_share_of_time() -> None:
    assert rest_s(0.0) == 1.0 / VISITS_PER_S_MAX
    slow_s = 0.2
    assert slow_s / (slow_s + rest_s(slow_s)) == pytest.approx(DUTY_MAX)


def test_the_demo_declares_what_the_engine_takes(shop: FrozenFoodShop) -> None:
    import msgspec

    parsed = parse_definitions(msgspec.json.encode(definitions(shop), enc_hook=float))
    assert {HERO, RAIL} <= set(parsed.placements)
    rail = [each for each in parsed.experiences.values() if RAIL in each.placements]
    assert [each.experience_id for each in rail] == ["for-you"]


def test_a_checkout_begins_where_something_lies_in_the_basket(shop: FrozenFoodShop) -> None:
    visits = [shop.visit(person, NOW_S, 5) for person in range(50)]
    started = ordered = 0
    for visit in visits:
        told = with_checkout(visit, 5)
        added = [each for each in visit if each.get("event") == "Product Added"]
        checkouts = [each for each in told if each.get("event") == "Checkout Started"]
        assert [each for each in told if each not in checkouts] == visit
        assert len(checkouts) == bool(added)
        if not added:
            continue
        started += 1
        (checkout,) = checkouts
        assert checkout["anonymousId"] == visit[-1]["anonymousId"]
        assert checkout["messageId"] not in {each["messageId"] for each in visit}
        last = visit[-1]
        if last.get("event") == "Order Completed":
            ordered += 1
            assert told[-2:] == [checkout, last]
            assert checkout["properties"]["order_id"] == last["properties"]["order_id"]
            assert checkout["properties"]["value"] == last["properties"]["total"]
        else:
            assert checkout["properties"]["order_id"] == "basket-5"
    assert started > ordered > 0
