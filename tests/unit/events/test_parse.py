"""Events as clients send them: what is taken, how it is read, and why the rest is refused."""

import contextlib
import datetime as dt
import itertools
import json
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from eachwise.contracts.errors import InvalidInput
from eachwise.contracts.events import Event, Rejection
from eachwise.events import Parsed, parse_batch, parse_call, parse_event
from eachwise.maths.times import parse_time_us
from eachwise.settings import ApiSettings, EventSettings, Settings

NOW_US = parse_time_us("2024-05-01T12:00:00Z")
SECOND_US = 1_000_000
SETTINGS = Settings()


def counting() -> Callable[[], str]:
    """Ids new-0, new-1 …"""
    numbers = itertools.count()
    return lambda: f"new-{next(numbers)}"


def batch(*events: object, settings: Settings = SETTINGS, **fields: Any) -> Parsed:
    """Parse a batch of these events, as JSON."""
    body = json.dumps({"batch": events, **fields}).encode()
    return parse_batch(body, received_at_us=NOW_US, settings=settings, new_id=counting())


def one(live: bool = True, /, **fields: Any) -> Event | Rejection:
    """Parse one track event with these fields."""
    body = {"type": "track", "event": "Product Viewed", "userId": "u", **fields}
    return parse_event(body, received_at_us=NOW_US, settings=SETTINGS, new_id=counting(), live=live)


def taken(**fields: Any) -> Event:
    """The event of `one`, which must be taken."""
    event = one(**fields)
    assert isinstance(event, Event), event
    return event


def refused(**fields: Any) -> Rejection:
    """The rejection of `one`, which must be refused."""
    rejection = one(**fields)
    assert isinstance(rejection, Rejection), rejection
    return rejection


def test_a_typical_event() -> None:
    event = taken(
        messageId="m1",
        anonymousId=None,
        timestamp="2024-05-01T11:59:59.5Z",
        properties={"product_id": "p1", "price": 18.99},
        context={"library": {"name": "analytics.js"}},
        integrations={"All": True},
    )
    assert event == Event(
        message_id="m1",
        kind="track",
        name="Product Viewed",
        occurred_at_us=NOW_US - SECOND_US // 2,
        received_at_us=NOW_US,
        user_id="u",
        properties={"product_id": "p1", "price": 18.99},
        context={"library": {"name": "analytics.js"}},
    )


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        *(("42", "42"), (42, "42"), (42.0, "42"), (4.5, "4.5"), (0, "0"), (" a ", " a ")),
        *((2**70, str(2**70)), ("ü\u200b", "ü\u200b")),
    ],
)
def test_ids_become_text(sent: object, kept: str) -> None:
    event = taken(userId=sent, anonymousId=sent, messageId=sent)
    assert (event.user_id, event.anonymous_id, event.message_id) == (kept, kept, kept)


@pytest.mark.parametrize("absent", [None, "", "   "])
def test_blank_ids_are_absent(absent: object) -> None:
    event = taken(userId="u", anonymousId=absent, messageId=absent)
    assert event.anonymous_id is None
    assert event.message_id == "new-0"
    assert refused(userId=absent, anonymousId=absent).code == "missing_identity"


def test_every_kind_keeps_its_own_fields() -> None:
    parsed = batch(
        {"type": "identify", "userId": "u", "traits": {"email": "a@b.example"}},
        {"type": "group", "userId": "u", "groupId": 7, "traits": {"plan": "pro"}},
        {"type": "alias", "userId": "u", "previousId": "old"},
        {"type": "alias", "userId": "u", "anonymousId": "anon"},
        {"type": "page", "anonymousId": "a", "name": "Home", "category": "start"},
        {"type": "Screen", "anonymousId": "a"},
    )
    assert not parsed.rejections
    identify, group, alias, anonymous, page, screen = parsed.events
    assert identify.traits == {"email": "a@b.example"}
    assert (group.group_id, group.traits) == ("7", {"plan": "pro"})
    assert alias.previous_id == "old"
    assert anonymous.previous_id == "anon"
    assert (page.kind, page.name, page.properties) == ("page", "Home", {"category": "start"})
    assert (screen.kind, screen.name, screen.properties) == ("screen", "", {})


def test_an_identifys_traits_may_stand_in_its_context() -> None:
    context = {"traits": {"email": "a@b.example", "plan": "old"}}
    parsed = batch(
        {"type": "identify", "userId": "u", "context": context},
        {"type": "identify", "userId": "u", "context": context, "traits": {"plan": "new"}},
        {"type": "page", "userId": "u", "context": context},
    )
    assert [event.traits for event in parsed.events] == [
        {"email": "a@b.example", "plan": "old"},
        {"email": "a@b.example", "plan": "new"},
        {},
    ]


REFUSED: list[tuple[dict[str, Any], str, str]] = [
    ({"userId": None}, "missing_identity", "`userId`"),
    ({"type": "alias"}, "missing_identity", "`previousId`"),
    ({"type": "alias", "userId": None, "anonymousId": "a"}, "missing_identity", "`userId`"),
    ({"type": "group"}, "missing_group", "`groupId`"),
    ({"type": None}, "unknown_type", "missing"),
    ({"type": "banana"}, "unknown_type", "'banana'"),
    ({"event": None}, "missing_event_name", "`event`"),
    ({"event": " "}, "missing_event_name", "`event`"),
    ({"event": 7}, "invalid_field", "`event`"),
    ({"event": "Identity Unmerged"}, "reserved_name", "own"),
    ({"userId": True}, "invalid_field", "`userId`"),
    ({"userId": ["u"]}, "invalid_field", "`userId`"),
    ({"userId": "a\x1fb"}, "invalid_field", "`userId`"),
    ({"userId": "u" * 513}, "invalid_field", "512"),
    ({"userId": 10**400}, "invalid_field", "`userId`"),
    ({"properties": [1]}, "invalid_field", "`properties`"),
    ({"traits": "x"}, "invalid_field", "`traits`"),
    ({"context": 3}, "invalid_field", "`context`"),
    ({"timestamp": "yesterday"}, "invalid_timestamp", "'yesterday'"),
    ({"timestamp": 12}, "invalid_timestamp", "epoch"),
    ({"timestamp": "1969-12-31T23:59:59Z"}, "invalid_timestamp", "1970"),
    ({"originalTimestamp": "never"}, "invalid_timestamp", "`originalTimestamp`"),
    ({"properties": {"x": "y" * 33_000}}, "event_too_large", "32768"),
]


@pytest.mark.parametrize(("fields", "code", "words"), REFUSED)
def test_a_rejection_names_code_field_and_fix(
    fields: dict[str, Any], code: str, words: str
) -> None:
    rejection = refused(**fields)
    assert rejection.code == code
    assert words in rejection.reason


@pytest.mark.parametrize("sent", [None, 1, "x", [], True])
def test_an_event_must_be_an_object(sent: object) -> None:
    parsed = batch({"type": "page", "userId": "u"}, sent)
    assert [event.kind for event in parsed.events] == ["page"]
    assert [(r.index, r.code) for r in parsed.rejections] == [(1, "not_an_object")]


def test_too_deep_is_refused_and_not_too_deep_is_not() -> None:
    def nested(depth: int) -> dict[str, Any]:
        return {"in": nested(depth - 1)} if depth else {}

    taken(properties=nested(60))
    taken(properties={"flat": [{} for _ in range(100)]})
    for depth in (65, 300):
        assert refused(properties=nested(depth)).code == "invalid_field"
    deep = b'{"type":"track","event":"E","userId":"u","properties":' + b'{"a":' * 5000 + b"1"
    rejection = parse_event(
        deep + b"}" * 5001, received_at_us=NOW_US, settings=SETTINGS, new_id=counting()
    )
    assert isinstance(rejection, Rejection)


def test_a_rejection_keeps_the_start_of_what_was_sent() -> None:
    (rejection,) = batch({"type": "track", "x": "ü" * 10_000}).rejections
    assert rejection.body.decode().startswith('{"type": "track"')
    assert 4000 < len(rejection.body) <= 4096


# -- times ---------------------------------------------------------------------------------------


def at(offset_s: float) -> str:
    """An ISO time that many seconds after the receipt."""
    moment = dt.datetime.fromtimestamp(NOW_US / SECOND_US + offset_s, dt.UTC)
    return moment.isoformat()


TIMES: list[tuple[dict[str, Any], float]] = [
    ({}, 0),
    ({"timestamp": ""}, 0),
    ({"timestamp": at(-5)}, -5),
    ({"timestamp": at(-3605), "sentAt": at(-3600)}, -5),  # a clock an hour behind
    ({"timestamp": at(7195), "sentAt": at(7200)}, -5),  # two hours ahead
    ({"timestamp": at(-5), "sentAt": "nonsense"}, -5),
    ({"originalTimestamp": at(-65), "sentAt": at(-60)}, -5),
    ({"originalTimestamp": at(-5)}, -5),
    # An upstream server has corrected `timestamp` already.
    ({"timestamp": at(-900), "originalTimestamp": at(-960), "sentAt": at(-955)}, -900),
    ({"timestamp": at(-900), "sentAt": at(-955), "receivedAt": at(-899)}, -900),
    # Both the same: the client sent both, or the clock was right.
    ({"timestamp": at(-65), "originalTimestamp": at(-65), "sentAt": at(-60)}, -5),
    # An upstream server noted when it received the original.
    ({"originalTimestamp": at(-960), "sentAt": at(-955), "receivedAt": at(-800)}, -805),
]


@pytest.mark.parametrize(("fields", "offset_s"), TIMES)
def test_the_senders_clock_is_corrected(fields: dict[str, Any], offset_s: float) -> None:
    event = taken(**fields)
    assert event.occurred_at_us == NOW_US + offset_s * SECOND_US
    assert not event.clamped


def test_the_batchs_sent_at_holds_for_every_event_without_its_own() -> None:
    common = {"type": "track", "event": "E", "userId": "u", "timestamp": at(-65)}
    parsed = batch(common, {**common, "sentAt": at(-64)}, sentAt=at(-60))
    assert [event.occurred_at_us - NOW_US for event in parsed.events] == [-5_000_000, -1_000_000]


def test_imported_history_is_taken_as_it_is() -> None:
    fields = {"timestamp": at(-1e7), "sentAt": at(-1e7 + 5)}
    event = one(False, **fields)
    assert isinstance(event, Event)
    assert event.occurred_at_us == NOW_US - 10**7 * SECOND_US
    archived = one(False, originalTimestamp=at(-1e7), sentAt=at(-1e7 + 5), receivedAt=at(-1e7 + 65))
    assert isinstance(archived, Event)
    assert archived.occurred_at_us == NOW_US - (10**7 - 60) * SECOND_US


@pytest.mark.parametrize(("ahead_s", "clamped"), [(86_399, False), (86_401, True), (1e9, True)])
def test_far_ahead_is_clamped_to_the_receipt(ahead_s: float, clamped: bool) -> None:
    event = taken(timestamp=at(ahead_s))
    assert event.clamped is clamped
    assert event.occurred_at_us == NOW_US + (0 if clamped else ahead_s * SECOND_US)


def test_the_tolerance_is_a_setting() -> None:
    strict = Settings(events=EventSettings(future_tolerance_s=10))
    event = {"type": "page", "userId": "u", "timestamp": at(11)}
    assert batch(event, settings=strict).events[0].clamped


# -- batches -------------------------------------------------------------------------------------


def test_the_batchs_context_is_the_default() -> None:
    parsed = batch(
        {"type": "page", "userId": "u", "context": {"ip": "::1"}},
        {"type": "page", "userId": "u"},
        context={"ip": "127.0.0.1", "locale": "de"},
        writeKey="wk",
    )
    assert [event.context for event in parsed.events] == [
        {"ip": "::1", "locale": "de"},
        {"ip": "127.0.0.1", "locale": "de"},
    ]
    assert parsed.write_key == "wk"


def test_the_batchs_context_counts_in_every_event() -> None:
    small = Settings(api=ApiSettings(event_bytes_max=1000))
    parsed = batch({"type": "page", "userId": "u"}, context={"x": "y" * 1000}, settings=small)
    assert [rejection.code for rejection in parsed.rejections] == ["event_too_large"]


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", "invalid_json"),
        (b"{", "invalid_json"),
        (b'{"batch": [}', "invalid_json"),
        (b"[" * 100_000, "invalid_json"),
        (b'{"batch": ["\xff"]} x', "invalid_json"),
        (b"[]", "not_an_object"),
        (b'"text"', "not_an_object"),
        (b"{}", "missing_batch"),
        (b'{"batch": {}}', "missing_batch"),
        (b'{"batch": null}', "missing_batch"),
    ],
)
def test_a_body_that_is_no_batch(body: bytes, code: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        parse_batch(body, received_at_us=NOW_US, settings=SETTINGS, new_id=counting())
    assert caught.value.code == code


@pytest.mark.parametrize(
    ("odd", "kept"),
    [
        ("NaN", None),
        ("-Infinity", None),
        ("1e999", None),
        ('"cut \\ud83d"', "cut \ufffd"),
        ('"\\ud83d\\ude00"', "😀"),
        (str(2**70), float(2**70)),
        ("9" * 5000, None),
    ],
)
def test_one_odd_value_costs_nothing(odd: str, kept: object) -> None:
    text = (
        '{"batch": [{"type": "page", "userId": "u"},'
        f'{{"type": "track", "event": "E", "userId": "u", "properties": {{"odd": {odd}}}}}]}}'
    )
    parsed = parse_batch(text.encode(), received_at_us=NOW_US, settings=SETTINGS, new_id=counting())
    assert not parsed.rejections
    assert parsed.events[1].properties == {"odd": kept}
    msgspec.msgpack.encode(parsed.events)


def test_a_byte_order_mark_and_phps_empty_arrays() -> None:
    text = '\ufeff{"batch": [{"type": "page", "userId": "u", "properties": [], "context": []}]}'
    parsed = parse_batch(text.encode(), received_at_us=NOW_US, settings=SETTINGS, new_id=counting())
    assert parsed.events[0].properties == {}


def test_a_single_call_takes_its_kind_from_the_route() -> None:
    def call(body: object) -> Parsed:
        return parse_call(
            body, kind="page", received_at_us=NOW_US, settings=SETTINGS, new_id=counting()
        )

    assert call(b'{"userId": "u", "type": "track"}').events[0].kind == "page"
    assert call(b"{}").rejections[0].code == "missing_identity"
    for body in (b"", b"{", b"[]", b"null"):
        with pytest.raises(InvalidInput):
            call(body)


# -- anything at all -----------------------------------------------------------------------------

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
NAMES = (
    *("type", "event", "userId", "anonymousId", "previousId", "groupId", "messageId", "name"),
    *("timestamp", "originalTimestamp", "sentAt", "receivedAt", "category", "properties"),
    *("traits", "context"),
)
FIELDS = st.fixed_dictionaries({}, optional=dict.fromkeys(NAMES, JSON))
NEARLY = st.builds(
    lambda kind, fields: {"type": kind, "userId": "u", "event": "E", **fields},
    st.sampled_from(["track", "identify", "page", "screen", "group", "alias"]),
    FIELDS,
)
GOOD = {"type": "track", "event": "Product Viewed", "userId": "good", "messageId": "good"}


@given(st.lists(JSON | FIELDS | NEARLY, max_size=4), JSON, JSON)
def test_good_events_are_never_lost(bad: list[object], sent_at: object, context: object) -> None:
    body = {"batch": [*bad, GOOD], "sentAt": sent_at, "context": context}
    for form in (body, json.dumps(body).encode()):
        parsed = parse_batch(form, received_at_us=NOW_US, settings=SETTINGS, new_id=counting())
        assert len(parsed.events) + len(parsed.rejections) == len(bad) + 1
        assert parsed.events[-1].message_id == "good"
        # Whatever was taken can be logged and read back.
        logged = msgspec.msgpack.encode(parsed.events)
        assert len(msgspec.msgpack.decode(logged, type=list[Event])) == len(parsed.events)
        for event in parsed.events:
            assert event.user_id or event.anonymous_id
            assert 0 <= event.occurred_at_us <= NOW_US + 86_400 * SECOND_US


@given(st.binary() | st.text().map(str.encode) | JSON)
def test_any_row_is_an_event_or_a_rejection(row: object) -> None:
    outcome = parse_event(row, received_at_us=NOW_US, settings=SETTINGS, new_id=counting())
    assert isinstance(outcome, Event | Rejection)


@given(st.binary() | JSON)
def test_any_body_is_parsed_or_refused(body: object) -> None:
    with contextlib.suppress(InvalidInput):
        parsed = parse_batch(body, received_at_us=NOW_US, settings=SETTINGS, new_id=counting())
        assert isinstance(parsed, Parsed)


@pytest.mark.parametrize(
    "sent",
    [
        b'{"writeKey": "wk_hidden", "type": "page"}',
        b'{"type": "page", "writeKey" : "wk_hid\\"den"}',
        b'{"type": "page", "writeKey":"wk_hidden',
        b'{"type": "page", "properties": {"writeKey": "wk_hidden"}}',
    ],
)
def test_a_rejection_keeps_no_key(sent: bytes) -> None:
    rejection = parse_event(sent, received_at_us=NOW_US, settings=SETTINGS, new_id=counting())
    assert isinstance(rejection, Rejection)
    assert b"hid" not in rejection.body
    assert b'"redacted"' in rejection.body
    assert b'"page"' in rejection.body
