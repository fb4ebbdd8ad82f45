"""What people do: raw events that are valid, ordered, replayable and that carry taste."""

import json
from collections import Counter
from datetime import datetime

import numpy as np
import pytest

from eachwise.contracts.errors import InvalidInput, NotFound
from eachwise.worlds import FrozenFoodShop
from eachwise.worlds.frozen.event_writer import RawEvent
from eachwise.worlds.frozen.people import DAY_S

DAYS = 20.0


@pytest.fixture(scope="module")
def events(shop: FrozenFoodShop) -> list[RawEvent]:
    return list(shop.history(shop.settings.opened_at_s, DAYS))


def _unix_s(event: RawEvent) -> float:
    return datetime.fromisoformat(event["timestamp"]).timestamp()


def test_events_are_json_in_time_order(shop: FrozenFoodShop, events: list[RawEvent]) -> None:
    assert json.loads(json.dumps(events)) == events
    times = [_unix_s(event) for event in events]
    assert times == sorted(times)
    start = shop.settings.opened_at_s
    assert start <= times[0] < times[-1] < start + DAYS * DAY_S
    assert all(event["timestamp"][-5] == "." and event["timestamp"][-1] == "Z" for event in events)
    assert len({event["messageId"] for event in events}) == len(events)


def test_events_follow_the_spec(shop: FrozenFoodShop, events: list[RawEvent]) -> None:
    known_items = {item["item_id"] for item in shop.items()}
    for event in events:
        assert event["anonymousId"]
        if event["type"] == "identify":
            assert event["userId"]
            assert set(event["traits"]) == {"email", "age_band", "gender", "household"}
            continue
        properties = event["properties"]
        for product in properties.get("products", []):
            assert product["product_id"] in known_items
        if event.get("event") == "Product List Viewed":
            assert len({product["product_id"] for product in properties["products"]}) == 8
        if event.get("event") == "Order Completed":
            paid = sum(product["price"] for product in properties["products"])
            assert properties["total"] == pytest.approx(paid)
            assert event["userId"]


def test_every_kind_of_event_occurs(events: list[RawEvent]) -> None:
    seen = Counter(event.get("event", event["type"]) for event in events)
    assert set(seen) == {
        *("page", "identify", "Products Searched", "Product List Viewed"),
        *("Product Viewed", "Product Added", "Order Completed"),
    }
    assert seen["Product List Viewed"] > seen["Product Viewed"] > seen["Product Added"]


def test_there_are_about_fifty_events_a_person_in_60_days(events: list[RawEvent]) -> None:
    assert 33.0 < len(events) / 2000 * 60.0 / DAYS < 66.0


def test_history_is_replayable_and_windows_agree(
    shop: FrozenFoodShop, events: list[RawEvent]
) -> None:
    start = shop.settings.opened_at_s
    before, after = list(shop.history(start, 3.5)), list(shop.history(start + 3.5 * DAY_S, 1.5))
    day_5 = shop.settings.opened_at_s + 5.0 * DAY_S
    whole = {event["messageId"] for event in events if _unix_s(event) < day_5}
    assert {event["messageId"] for event in before + after} == whole
    assert len(before) + len(after) == len(whole)
    again = FrozenFoodShop(seed=7, people=2000)
    assert list(again.history(start, 3.5)) == before


def test_one_visit_is_the_same_alone(shop: FrozenFoodShop, events: list[RawEvent]) -> None:
    visits = shop.visits(shop.settings.opened_at_s, DAYS)
    assert (np.diff(visits.t) >= 0.0).all()
    by_id = {event["messageId"]: event for event in events}
    for row in range(0, len(visits.t), 200):
        person, number = int(visits.person[row]), int(visits.number[row])
        t = float(visits.t[row])
        alone = shop.visit(person, t, number)
        assert alone == [by_id[event["messageId"]] for event in alone]
        ids = shop.identity(person, t, number)
        assert {key: alone[-1][key] for key in ids} == ids
        assert ("userId" in alone[-1]) == ("userId" in ids)


def test_visit_numbers_are_unique_for_a_person(shop: FrozenFoodShop) -> None:
    visits = shop.visits(shop.settings.opened_at_s, DAYS)
    pairs = set(zip(visits.person.tolist(), visits.number.tolist(), strict=True))
    assert len(pairs) == len(visits.t)


def test_people_come_in_the_evening_and_differ_in_activity(shop: FrozenFoodShop) -> None:
    visits = shop.visits(shop.settings.opened_at_s, DAYS)
    hour = (visits.t % DAY_S) // 3600.0
    assert (hour == 19).sum() > 5 * (hour == 3).sum()
    rate = shop.people.visits_per_day
    assert np.quantile(rate, 0.9) > 5.0 * np.quantile(rate, 0.1)


def test_behaviour_carries_taste(shop: FrozenFoodShop, events: list[RawEvent]) -> None:
    """Of people with ten views or more, a value's share of what they view follows the taste."""
    row_of = {item.item_id: row for row, item in enumerate(shop.catalogue.items)}
    viewed = np.zeros((2000, len(shop.values)))
    views = np.zeros(2000)
    for event in events:
        if event.get("event") == "Product Viewed":
            person = int(event["anonymousId"].split("-")[1])
            viewed[person] += shop.catalogue.indicator[row_of[event["properties"]["product_id"]]]
            views[person] += 1.0
    active = views >= 10.0
    share = viewed[active] / views[active, None]
    taste = shop.taste(np.flatnonzero(active), shop.settings.opened_at_s)
    pairs = [np.corrcoef(share[:, v], taste[:, v])[0, 1] for v in range(len(shop.values))]
    assert np.mean(pairs) > 0.2


def test_pick_does_not_depend_on_the_rest_of_the_slate(shop: FrozenFoodShop) -> None:
    """Adding items either leaves the pick as it was or makes a new item the pick."""
    ids = [item["item_id"] for item in shop.items()]
    t = shop.settings.opened_at_s
    for visit in range(60):
        short, long = ids[visit : visit + 4], ids[visit : visit + 9]
        first = shop.pick(5, short, t, visit)
        second = shop.pick(5, long, t, visit)
        assert second == first or second in long[4:]
    assert shop.pick(5, [], t, 0) is None
    with pytest.raises(NotFound, match="no-such"):
        shop.pick(5, ["no-such"], t, 0)


def test_an_empty_window_is_refused(shop: FrozenFoodShop) -> None:
    with pytest.raises(InvalidInput, match="days"):
        shop.visits(shop.settings.opened_at_s, 0.0)


def test_a_day_without_visits_is_a_day() -> None:
    shop = FrozenFoodShop(1, people=4)
    events = list(shop.history(shop.settings.opened_at_s, 20))
    assert 0 < len({event["timestamp"][:10] for event in events}) < 20
