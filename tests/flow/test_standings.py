"""Where a relationship stood: every change is found, and the days that are passed over change nothing."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from eachwise.contracts.events import Event, LoggedEvent
from eachwise.contracts.experience import STAGES
from eachwise.events import parse_event
from eachwise.flow.lives import Walk
from eachwise.flow.standings import DAY_US, Standing, path_of, standing_at, standings
from eachwise.maths.times import iso
from eachwise.measure import UNSEEN
from eachwise.settings import Settings, parse_settings

# A midnight of UTC.
START_US = 1_789_948_800_000_000
SETTINGS = parse_settings({"stage": {"lapsed_after_days": 20.0}})
NEW, KNOWN, ENGAGED, CUSTOMER, REPEAT = range(len(STAGES))


def event(
    day: float, name: str, *, known: bool = True, settings: Settings = SETTINGS, **properties: Any
) -> LoggedEvent:
    at_us = START_US + round(day * DAY_US)
    body = {
        "type": "track",
        "event": name,
        "userId" if known else "anonymousId": "u",
        "messageId": f"{name}-{day}-{properties}",
        "timestamp": iso(at_us),
        "properties": properties,
    }
    parsed = parse_event(body, received_at_us=at_us, settings=settings, new_id=lambda: "m")
    assert isinstance(parsed, Event), parsed
    return LoggedEvent(0, parsed)


def ordered(day: float, order_id: str) -> LoggedEvent:
    return event(day, "Order Completed", order_id=order_id, total=40.0, products=[])


def at(day: float) -> int:
    return START_US + round(day * DAY_US)


def told(found: list[Standing]) -> list[tuple[float, str, bool]]:
    return [((each.at_us - START_US) / DAY_US, each.stage, each.lapsed) for each in found]


def test_a_life_by_hand() -> None:
    life = [
        event(0.5, "Product Viewed", known=False, product_id="a"),
        event(1.25, "Product Viewed", product_id="a"),
        ordered(3.5, "o1"),
        ordered(5.5, "o2"),
        event(6.5, "Order Refunded", order_id="o2"),
        ordered(60.5, "o3"),
    ]
    assert told(standings(life, at(100.5), SETTINGS)) == [
        (0.5, "new", False),
        (1.25, "known", False),
        (3.5, "customer", False),
        (5.5, "repeat", False),
        (6.5, "customer", False),
        # The last active day is the fifth (a refund is none): more than twenty days later, from midnight on.
        (26.0, "customer", True),
        (60.5, "repeat", False),
        (81.0, "repeat", True),
    ]
    assert standings(life, at(0.4), SETTINGS) == []
    assert told(standings(life, at(2.0), SETTINGS))[-1] == (1.25, "known", False)


def test_engagement_fades_at_a_midnight() -> None:
    life = [event(1.5 + hour / 24.0, "Product Viewed", product_id="a") for hour in range(10)]
    found = told(standings(life, at(60.0), SETTINGS))
    assert [stage for _, stage, _ in found] == ["known", "engaged", "known", "known"]
    faded = found[2][0]
    assert faded == int(faded)
    assert found[3][1:] == ("known", True)


def test_paths_and_waits() -> None:
    life = [
        event(2.5, "Product Viewed", known=False, product_id="a"),
        event(9.5, "Product Viewed", product_id="a"),
        ordered(20.5, "o1"),
    ]
    found = standings(life, at(28.0), SETTINGS)
    path = path_of(found, [at(day) for day in (0, 7, 14, 21, 28)], at(28.0))
    assert path is not None
    assert path.stood.tolist() == [UNSEEN, NEW, KNOWN, CUSTOMER, CUSTOMER]
    assert not path.lapsed.any()
    assert list(path.waits) == [(NEW, 7.0, True), (KNOWN, 11.0, True), (CUSTOMER, 7.5, False)]
    # Who came to a stage before the first boundary is not followed from it.
    later = path_of(found, [at(day) for day in (14, 21, 28)], at(28.0))
    assert later is not None
    assert list(later.waits) == [(CUSTOMER, 7.5, False)]
    assert path_of(found, [at(0), at(1)], at(1)) is None
    assert path_of([], [at(0), at(1)], at(1)) is None


def test_falling_back_is_no_wait() -> None:
    life = [ordered(1.5, "o1"), event(2.5, "Order Refunded", order_id="o1")]
    found = standings(life, at(10.0), SETTINGS)
    assert [each.stage for each in found] == ["customer", "known"]
    path = path_of(found, [at(0), at(10)], at(10))
    assert path is not None
    assert list(path.waits) == [(CUSTOMER, 8.5, False)]


@given(
    st.lists(
        st.tuples(
            st.integers(0, 24 * 120),
            st.sampled_from(["view", "page", "order", "refund", "shown", "clicked", "delivered"]),
        ),
        min_size=1,
        max_size=25,
    ),
    st.booleans(),
    st.sampled_from([3.0, 20.5, 90.0]),
    st.sampled_from([5.0, 12.0, 30.0]),
)
def test_as_looking_at_every_day(
    acts: list[tuple[int, str]], known: bool, lapsed_days: float, engaged_min: float
) -> None:
    """Passing over quiet days finds the same as looking after each event and at every midnight."""
    settings = parse_settings(
        {"stage": {"lapsed_after_days": lapsed_days, "engaged_score_min": engaged_min}}
    )
    names: dict[str, tuple[str, dict[str, Any]]] = {
        "view": ("Product Viewed", {"product_id": "a"}),
        "page": ("Cart Viewed", {}),
        "order": ("Order Completed", {"order_id": "o", "total": 9.0, "products": []}),
        "refund": ("Order Refunded", {"order_id": "o"}),
        "shown": ("Experience Viewed", {"experience_id": "e"}),
        "clicked": ("Experience Clicked", {"experience_id": "e"}),
        "delivered": ("Email Delivered", {"experience_id": "e"}),
    }
    life = []
    for place, (hour, kind) in enumerate(sorted(acts)):
        name, properties = names[kind]
        # Two acts of an hour are a moment apart; every fourth lies on an hour, so on midnights too.
        day = hour / 24.0 + (place % 4) / 86_400.0
        life.append(event(day, name, known=known, settings=settings, **properties))
    life.sort(key=lambda each: each.event.occurred_at_us)
    until = at(400.0)
    walk, marks = Walk(settings), {}
    waiting = list(life)
    moments = {each.event.occurred_at_us for each in life}
    first = min(moments)
    midnights = {day for day in range(START_US, until + 1, DAY_US) if day > first}
    for moment in sorted(moments | midnights):
        while waiting and waiting[0].event.occurred_at_us <= moment:
            walk.take(waiting.pop(0).event)
        marks[moment] = walk.standing(moment)
    found = standings(life, until, settings)
    assert found[0].at_us == first
    for one, two in pairwise(found):
        assert one.at_us < two.at_us
        assert one[1:] != two[1:]
    for moment, standing in marks.items():
        stood = standing_at(found, moment)
        assert stood is not None
        assert stood[1:] == standing
