"""What one event says about who is who."""

from __future__ import annotations

from typing import Any

from eachwise.contracts.events import UNMERGED, Event
from eachwise.identity import links_of, logins_of
from eachwise.settings import IdentitySettings

SETTINGS = IdentitySettings()


def event(kind: Any = "track", at_us: int = 5, **fields: Any) -> Event:
    return Event(
        message_id=f"m{at_us}", kind=kind, occurred_at_us=at_us, received_at_us=0, **fields
    )


def said(sent: Event) -> set[tuple[str, str, str]]:
    return {(link.kind, link.left, link.right) for link in links_of(sent, SETTINGS)}


def test_an_anonymous_event_links_nothing() -> None:
    assert said(event(anonymous_id="a", context={"device": {"id": "d"}})) == set()


def test_a_user_logs_in_on_every_device_the_event_names() -> None:
    sent = event(user_id="u", anonymous_id="a", context={"device": {"id": "d"}})
    assert said(sent) == {("login", "anon:a", "user:u"), ("login", "device:d", "user:u")}


def test_a_user_and_an_address_are_the_same_person_in_any_event() -> None:
    expected = {("same", "user:u", "email:ann@x.example")}
    assert said(event("identify", user_id="u", traits={"email": " Ann@X.example"})) == expected
    assert said(event(user_id="u", context={"traits": {"email": "ann@x.example"}})) == expected
    assert said(event("group", user_id="u", traits={"email": "ann@x.example"})) == set()


def test_an_address_alone_logs_in_by_an_identify_only() -> None:
    login = {("login", "anon:a", "email:e@x")}
    assert said(event("identify", anonymous_id="a", traits={"email": "E@x"})) == login
    sent = event("identify", anonymous_id="a", context={"traits": {"email": "E@x"}})
    assert said(sent) == login
    assert links_of(sent, SETTINGS)[0].pinned
    assert said(event(anonymous_id="a", context={"traits": {"email": "E@x"}})) == set()


def test_an_alias_states_both_readings_of_the_previous_id() -> None:
    sent = event("alias", user_id="u", previous_id="p")
    assert said(sent) == {("alias", "user:p", "user:u"), ("login", "anon:p", "user:u")}
    assert said(event("alias", user_id="u", previous_id="u")) == {("login", "anon:u", "user:u")}


def test_an_unmerge_names_two_typed_identifiers() -> None:
    def unmerge(**properties: Any) -> set[tuple[str, str, str]]:
        return said(event(name=UNMERGED, properties=properties))

    assert unmerge(left="user:u", right="email:E@x") == {("void", "user:u", "email:e@x")}
    assert unmerge(left="user:u", right="u2") == set()
    assert unmerge(left="user:u", right="user:u") == set()
    assert unmerge(left="user:u") == set()
    assert unmerge(left=3, right="user:u") == set()


def test_blocked_values_link_nobody_in_any_case_and_with_blanks() -> None:
    for value in (" NULL ", "", "00000000-0000-0000-0000-000000000000"):
        assert said(event(user_id=value, anonymous_id="a")) == set()
        assert said(event(user_id="u", anonymous_id=value)) == set()
        assert said(event("alias", user_id="u", previous_id=value)) == set()
    assert said(event("identify", user_id="u", traits={"email": "none"})) == set()
    assert said(event("identify", user_id="u", traits={"email": 7})) == set()


def test_a_blocked_user_id_leaves_the_address_to_log_in() -> None:
    sent = event("identify", user_id="null", anonymous_id="a", traits={"email": "e@x"})
    assert said(sent) == {("login", "anon:a", "email:e@x")}
    assert links_of(sent, SETTINGS)[0].pinned


def test_odd_contexts_are_no_ids() -> None:
    contexts: list[dict[str, Any]]
    contexts = [{"device": "d"}, {"device": {"id": 7}}, {"traits": "x"}, {"traits": {}}]
    for context in contexts:
        assert said(event(user_id="u", context=context)) == set()


def test_logins_come_in_time_order() -> None:
    events = [
        event(at_us=9, user_id="u", anonymous_id="a"),
        event(at_us=2, user_id="v", anonymous_id="a"),
        event(at_us=1, user_id="v", anonymous_id="b"),
    ]
    found = logins_of(events, "anon:a", SETTINGS)
    assert [(login.occurred_at_us, login.identifier) for login in found] == [
        (2, "user:v"),
        (9, "user:u"),
    ]
