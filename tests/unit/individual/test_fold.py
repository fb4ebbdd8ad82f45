"""What one event leaves in a state."""

from __future__ import annotations

from math import inf
from typing import Any

import pytest

from eachwise.contracts.events import Action, Event, Line, Meaning
from eachwise.contracts.individual import (
    AGAINST,
    ANY_VALUE,
    GENERAL,
    MOMENT,
    RECENTS_MAX,
    SHOWN,
    Individual,
)
from eachwise.individual import ENGAGED, fold, order_summary, viewed_items
from eachwise.individual.fold import RULES
from eachwise.settings import AffinitySettings

NOW_US = 1_700_000_000_000_000
DAY_US = 86_400_000_000
SETTINGS = AffinitySettings()
CATALOGUE = {"cod": ("diet=fish", "brand=sea"), "ham": ("diet=meat",)}


def after(*deeds: tuple[dict[str, Any], dict[str, Any]]) -> Individual:
    """The state after some events and meanings."""
    state = Individual()
    for number, (event, meaning) in enumerate(deeds):
        sent: dict[str, Any] = {
            "message_id": f"m{number}",
            "kind": "track",
            "occurred_at_us": NOW_US,
            "received_at_us": NOW_US,
        }
        meant: dict[str, Any] = {"action": Action.OTHER, "weight": 1.0}
        fold(
            state,
            Event(**(sent | event)),
            Meaning(**(meant | meaning)),
            lambda item_id: CATALOGUE.get(item_id, ()),
            SETTINGS,
        )
    return state


def lines(*items: str) -> tuple[Line, ...]:
    return tuple(map(Line, items))


def test_every_action_has_a_rule_under_its_own_name() -> None:
    assert {action: rule.name for action, rule in RULES.items()} == {a: a.value for a in Action}
    assert {
        Action.VIEW,
        Action.SEARCH,
        Action.ADD,
        Action.PURCHASE,
        Action.SHARE,
        Action.CLICK,
    } == ENGAGED


def test_a_view_adds_each_value_once_and_the_item_once() -> None:
    state = after(({}, {"action": Action.VIEW, "lines": lines("cod"), "weight": 2.0}))
    assert {value: entry[GENERAL] for value, entry in state.affinity.items()} == {
        "diet=fish": 2.0,
        "brand=sea": 2.0,
        ANY_VALUE: 2.0,
    }
    assert state.affinity["diet=fish"][MOMENT] == 2.0
    assert [recent.item_id for recent in state.recents] == ["cod"]


def test_an_unknown_item_has_the_events_attributes_and_no_attributes_no_weight() -> None:
    known = after(({}, {"action": Action.VIEW, "lines": lines("new"), "attributes": ("a=1",)}))
    assert set(known.affinity) == {"a=1", ANY_VALUE}
    unknown = after(({}, {"action": Action.VIEW, "lines": lines("new")}))
    assert unknown.affinity == {}
    assert viewed_items(unknown) == ("new",)


def test_purchases_are_kept_beyond_the_recents_and_gifts_are_not() -> None:
    bought: dict[str, Any] = {"action": Action.PURCHASE, "lines": lines("cod", "ham")}
    view: tuple[dict[str, Any], dict[str, Any]]
    view = ({"occurred_at_us": NOW_US + 1}, {"action": Action.VIEW, "lines": lines("cod")})
    gift: tuple[dict[str, Any], dict[str, Any]] = ({}, bought | {"gifts": frozenset({"ham"})})
    state = after(({}, bought), gift, *[view] * RECENTS_MAX)
    assert {recent.action for recent in state.recents} == {"view"}
    assert [(one.at_s, one.item_id) for one in state.bought] == [
        (NOW_US // 1_000_000, "cod"),
        (NOW_US // 1_000_000, "cod"),
        (NOW_US // 1_000_000, "ham"),
    ]


def test_a_search_is_one_trial_of_its_attributes() -> None:
    state = after(({}, {"action": Action.SEARCH, "attributes": ("diet=fish", "diet=fish")}))
    assert {value: entry[GENERAL] for value, entry in state.affinity.items()} == {
        "diet=fish": 1.0,
        ANY_VALUE: 1.0,
    }
    assert state.recents == []


def test_a_list_counts_each_item_it_showed() -> None:
    shown = lines("cod", "ham", "cod", "new")
    state = after(({}, {"action": Action.LIST, "lines": shown, "attributes": ("a=1",)}))
    assert {value: entry[SHOWN] for value, entry in state.affinity.items()} == {
        "diet=fish": 1.0,
        "brand=sea": 1.0,
        "diet=meat": 1.0,
        "a=1": 1.0,
        ANY_VALUE: 3.0,
    }
    assert all(entry[GENERAL] == 0.0 for entry in state.affinity.values())


def test_the_earliest_report_of_an_order_wins_and_refunds_come_off() -> None:
    bought: dict[str, Any] = {"action": Action.PURCHASE, "order_id": "o1"}
    state = after(
        ({"occurred_at_us": NOW_US + 5}, bought | {"amount": 99.0}),
        ({"occurred_at_us": NOW_US}, bought | {"amount": 40.0}),
        ({"occurred_at_us": NOW_US + 4 * DAY_US}, bought | {"order_id": "o2", "amount": 20.0}),
        ({}, {"action": Action.REFUND, "order_id": "o1", "amount": 10.0}),
        ({}, {"action": Action.REFUND, "order_id": "never", "amount": 10.0}),
    )
    summary = order_summary(state, NOW_US + 10 * DAY_US)
    assert (summary.count, summary.revenue, summary.refunded) == (2, 50.0, 10.0)
    assert (summary.mean_value, summary.recency_days, summary.age_days) == (25.0, 4.0, 10.0)


def test_a_refund_without_an_amount_gives_the_order_back() -> None:
    state = after(
        ({}, {"action": Action.PURCHASE, "order_id": "o1", "amount": 40.0}),
        ({}, {"action": Action.REFUND, "order_id": "o1"}),
    )
    assert list(state.refunds.values()) == [inf]
    summary = order_summary(state, NOW_US)
    assert (summary.count, summary.revenue, summary.refunded) == (0, 0.0, 40.0)
    assert (summary.mean_value, summary.recency_days, summary.age_days) == (0.0, 0.0, 0.0)


def test_orders_without_an_id_each_count() -> None:
    bought: tuple[dict[str, Any], dict[str, Any]]
    bought = ({}, {"action": Action.PURCHASE, "amount": 5.0})
    assert order_summary(after(bought, bought), NOW_US).count == 2


def test_hides_keep_their_latest_time() -> None:
    hide: dict[str, Any] = {"action": Action.HIDE, "lines": lines("cod"), "experience_id": "x1"}
    state = after(({"occurred_at_us": NOW_US + 9}, hide), ({}, hide))
    assert state.hidden == {"item:cod": NOW_US + 9, "experience:x1": NOW_US + 9}
    assert [contact.action for contact in state.contacts] == ["hide", "hide"]


def test_the_last_word_wins_whatever_came_last() -> None:
    def said(size: int, at_us: int) -> tuple[dict[str, Any], dict[str, Any]]:
        return (
            {"kind": "identify", "traits": {"size": size}, "occurred_at_us": at_us},
            {"action": Action.IDENTIFY, "consent": {"ads": size > 1}},
        )

    state = after(said(2, NOW_US), said(1, NOW_US - 1))
    assert state.traits["size"].value == 2
    assert state.consent["ads"].value is True


def test_a_groups_traits_are_not_the_persons() -> None:
    state = after(({"kind": "group", "traits": {"email": "team@x", "plan": "pro"}}, {}))
    assert state.traits == {}
    assert state.identifiers == set()


def test_identifiers_are_typed_and_blocked_ones_are_nobodys() -> None:
    event = Event(
        message_id="m",
        kind="identify",
        occurred_at_us=NOW_US,
        received_at_us=NOW_US,
        user_id=" NULL",
        anonymous_id="a",
        traits={"email": " Ann@Shop.example "},
        context={"device": {"id": "d"}, "traits": {"email": "none"}},
    )
    state = Individual()
    meaning = Meaning(action=Action.IDENTIFY)
    fold(state, event, meaning, lambda _: (), SETTINGS, blocked={"null"})
    assert state.identifiers == {"anon:a", "email:ann@shop.example", "device:d"}


def test_being_sent_something_is_no_active_day() -> None:
    state = after(({}, {"action": Action.EXPOSE, "experience_id": "x1", "channel": "email"}))
    assert state.days == []
    assert state.counts == {"expose": 1}
    assert state.contacts[0].channel == "email"
    assert (state.first_seen_us, state.last_seen_us, state.events) == (NOW_US, NOW_US, 1)


@pytest.mark.parametrize("action", [Action.UNSUBSCRIBE, Action.COMPLAIN])
def test_a_contact_is_kept_only_where_it_names_what_it_is_about(action: Action) -> None:
    assert after(({}, {"action": action, "channel": "email"})).contacts == []
    assert len(after(({}, {"action": action, "decision_id": "d1"})).contacts) == 1


def test_an_opened_message_is_a_contact_and_a_viewed_item_is_none() -> None:
    opened = {"action": Action.VIEW, "experience_id": "x1", "channel": "email"}
    assert [contact.action for contact in after(({}, opened)).contacts] == ["view"]
    assert after(({}, opened | {"lines": lines("cod")})).contacts == []


def test_a_weight_of_nothing_adds_no_mass_but_turning_against_always_counts() -> None:
    for action in (Action.VIEW, Action.LIST):
        assert after(({}, {"action": action, "lines": lines("cod"), "weight": 0.0})).affinity == {}
    against = after(({}, {"action": Action.HIDE, "lines": lines("cod"), "weight": 0.0}))
    assert against.affinity["diet=fish"][AGAINST] == SETTINGS.hide_mass
    removed = after(({}, {"action": Action.REMOVE, "lines": lines("cod"), "weight": 0.0}))
    assert removed.affinity["diet=fish"][AGAINST] == 1.0


def test_what_is_given_back_or_left_within_moments_is_remembered_apart() -> None:
    """It is no engagement: the recents and the taste in general are as they were."""
    state = Individual()
    for number, (action, item_id) in enumerate(
        [(Action.VIEW, "cod"), (Action.BOUNCE, "steak"), (Action.REFUND, "cod")]
    ):
        event = Event(
            message_id=f"m{number}", kind="track", occurred_at_us=number, received_at_us=number
        )
        meaning = Meaning(action=action, weight=1.0, lines=(Line(item_id),))
        fold(state, event, meaning, lambda item_id: (f"is={item_id}",), AffinitySettings())
    assert [recent.item_id for recent in state.recents] == ["cod"]
    assert [(regret.item_id, regret.action) for regret in state.regrets] == [
        ("steak", "bounce"),
        ("cod", "refund"),
    ]
    assert state.affinity["is=steak"][AGAINST] == pytest.approx(0.5)
    assert state.affinity["is=cod"][AGAINST] == pytest.approx(1.0)
