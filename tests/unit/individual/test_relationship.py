"""Engagement, stage, consent and the profile that says them."""

from __future__ import annotations

from typing import Any

import pytest

from eachwise.contracts.events import Action, Event, Line, Meaning
from eachwise.contracts.individual import Individual, MergedPart, Written
from eachwise.individual import (
    EVERY_CHANNEL,
    address_of,
    consent_allows,
    engagement_score,
    fold,
    profile,
    stage_of,
)
from eachwise.settings import AffinitySettings, ConsentSettings, Settings, StageSettings

NOW_US = 1_700_000_000_000_000
DAY_US = 86_400_000_000


def act(
    state: Individual,
    action: Action,
    *,
    days_ago: float = 0.0,
    user_id: str | None = None,
    values: tuple[str, ...] = (),
    traits: dict[str, Any] | None = None,
    **meant: Any,
) -> None:
    """Fold one deed."""
    event = Event(
        message_id=f"m{state.events}",
        kind="identify" if traits else "track",
        occurred_at_us=NOW_US - int(days_ago * DAY_US),
        received_at_us=NOW_US,
        user_id=user_id,
        traits=traits or {},
    )
    meaning = Meaning(action=action, weight=1.0, attributes=values, **meant)
    fold(state, event, meaning, lambda _: (), AffinitySettings())


def score(state: Individual) -> float:
    return engagement_score(state, NOW_US)


def test_the_engagement_score_rises_with_each_of_its_parts() -> None:
    state = Individual()
    assert score(state) == 0.0
    last = 0.0
    for days_ago in (20, 10, 3, 2, 1, 0):
        act(state, Action.VIEW, days_ago=days_ago)
        assert score(state) > last
        last = score(state)
    act(state, Action.EXPOSE, experience_id="x")
    assert score(state) == pytest.approx(last)
    act(state, Action.CLICK, experience_id="x")
    assert score(state) > last
    for _ in range(500):
        act(state, Action.CLICK, experience_id="x")
    assert last < score(state) < 100.0


def test_engagement_fades_and_ignored_exposures_lower_the_answer_rate() -> None:
    state = Individual()
    act(state, Action.CLICK, experience_id="x")
    before = score(state)
    for _ in range(20):
        act(state, Action.EXPOSE, experience_id="x")
    assert score(state) < before
    assert engagement_score(state, NOW_US + 60 * DAY_US) < 1.0
    assert engagement_score(state, NOW_US - 60 * DAY_US) >= 0.0


def test_the_relationship_climbs_its_rungs() -> None:
    settings, state = StageSettings(), Individual()

    def stage() -> str:
        return stage_of(state, NOW_US, score(state), settings)[0]

    assert stage() == "new"
    act(state, Action.PAGE, user_id="u")
    assert stage() == "known"
    for _ in range(12):
        act(state, Action.VIEW)
    assert stage() == "engaged"
    act(state, Action.PURCHASE, order_id="o1", amount=10.0)
    assert stage() == "customer"
    act(state, Action.PURCHASE, order_id="o2", amount=10.0)
    assert stage() == "repeat"
    act(state, Action.REFUND, order_id="o2", amount=10.0)
    assert stage() == "customer"


def test_lapsing_needs_activity_that_ended() -> None:
    settings, state = StageSettings(), Individual()
    assert stage_of(state, NOW_US, 0.0, settings) == ("new", False)
    act(state, Action.VIEW, days_ago=91)
    assert stage_of(state, NOW_US, 0.0, settings) == ("new", True)
    act(state, Action.EXPOSE, experience_id="x")
    assert stage_of(state, NOW_US, 0.0, settings) == ("new", True)
    act(state, Action.VIEW, days_ago=89)
    assert stage_of(state, NOW_US, 0.0, settings) == ("new", False)


def allowed(state: Individual, purpose: str, channel: str, **defaults: bool) -> bool:
    found, words = consent_allows(state, purpose, channel, ConsentSettings(defaults=defaults))
    assert words
    return found


def test_unknown_consent_allows_our_own_pages_and_nothing_else() -> None:
    state = Individual()
    assert allowed(state, "ads", "web")
    assert allowed(state, "ads", "app")
    assert not any(
        allowed(state, "ads", channel) for channel in ("email", "push", "sms", "webhook")
    )
    assert allowed(state, "ads", "email", ads=True)
    assert not allowed(state, "ads", "web", ads=False)


def test_what_was_said_of_a_purpose_holds_everywhere() -> None:
    state = Individual()
    act(state, Action.IDENTIFY, consent={"ads": False, "news": True})
    assert not allowed(state, "ads", "web", ads=True)
    assert allowed(state, "news", "email", news=False)
    assert not allowed(state, "other", "email")


@pytest.mark.parametrize("action", [Action.UNSUBSCRIBE, Action.COMPLAIN])
def test_an_unsubscribe_closes_its_channel_until_it_is_opened_again(action: Action) -> None:
    state = Individual()
    act(state, Action.IDENTIFY, consent={"news": True}, days_ago=2)
    act(state, action, channel="email", days_ago=1)
    for _ in range(100):
        act(state, Action.EXPOSE, experience_id="x")
    assert not allowed(state, "news", "email")
    assert allowed(state, "news", "push")
    act(state, Action.IDENTIFY, consent={"news": True})
    assert not allowed(state, "news", "email")
    act(state, Action.IDENTIFY, consent={"channel:email": True})
    assert allowed(state, "news", "email")


def test_an_unsubscribe_that_names_no_channel_closes_every_outbound_one() -> None:
    state = Individual()
    act(state, Action.IDENTIFY, consent={"news": True}, days_ago=2)
    act(state, Action.UNSUBSCRIBE, days_ago=1)
    assert EVERY_CHANNEL in state.consent
    assert not allowed(state, "news", "email")
    assert allowed(state, "news", "web")
    act(state, Action.IDENTIFY, consent={"channel:email": True})
    assert allowed(state, "news", "email")
    assert not allowed(state, "news", "sms")


def test_a_profile_says_what_is_believed_and_why() -> None:
    state = Individual()
    for n in range(14):
        act(
            state,
            Action.VIEW,
            values=("category=fish",),
            lines=(Line(f"i{n % 3}"),),
            days_ago=(14 - n) / 14,
        )
    act(state, Action.PURCHASE, order_id="o", amount=12.5, user_id="u", lines=(Line("i9"),))
    act(state, Action.EXPOSE, experience_id="x", channel="web", placement_id="hero")
    act(state, Action.IDENTIFY, traits={"email": "a@x", "name": "Ann"}, consent={"ads": False})
    part = MergedPart(left="anon:a", right="user:u", at="", message_id="m", reason="login")
    shown = profile(
        "user:u",
        state,
        expected={"category=fish": 0.09, "category=meat": 0.5},
        now_us=NOW_US,
        settings=Settings(),
        merged=[part],
    )
    assert shown.stage == "customer"
    assert shown.first_seen is not None
    assert shown.first_seen.endswith("Z")
    assert shown.summary == [
        "Customer, seen on 2 days, last today.",
        "1 order worth 12.50 in all, 12.50 each.",
        "Strongly prefers category=fish: 14 of 14 recent items, others 9 %.",
        "Avoids category=meat: 0 of 14 recent items, expected about 7.",
    ]
    assert [a.value for a in shown.likes] == ["category=fish"]
    assert [a.value for a in shown.dislikes] == ["category=meat"]
    assert shown.recent_items == ["i9", "i1", "i0", "i2"]
    assert shown.consent == {"ads": False}
    assert shown.contacts[0].experience_id == "x"
    assert shown.traits == {"email": "a@x", "name": "Ann"}
    assert shown.identifiers == ["email:a@x", "user:u"]
    assert shown.merged == [part]


def test_a_profile_of_little_says_so() -> None:
    def summary(state: Individual) -> list[str]:
        found = profile("p", state, expected={"a=1": 0.5}, now_us=NOW_US, settings=Settings())
        return found.summary

    state = Individual()
    assert summary(state) == ["Nothing is known of this person yet."]
    act(state, Action.VIEW, values=("a=1",), days_ago=3)
    assert summary(state) == [
        "New, seen on 1 day, last 3 days ago.",
        "1 recent item: too little to tell a taste.",
    ]
    for n in range(20):
        act(state, Action.VIEW, values=(f"a={n % 2}",))
    act(state, Action.REMOVE, values=("a=1",))
    assert summary(state)[-1] == "21 recent items: no taste that differs from everyone's."


def test_a_purpose_on_one_channel_is_closed_and_opened_by_itself() -> None:
    state = Individual()
    act(state, Action.IDENTIFY, consent={"news": True, "ads": True}, days_ago=5)
    act(
        state,
        Action.UNSUBSCRIBE,
        channel="email",
        consent={"channel:email:news": False},
        days_ago=4,
    )
    assert not allowed(state, "news", "email")
    assert allowed(state, "ads", "email")
    assert allowed(state, "news", "push")
    # Consent to the purpose, or to the channel, says nothing of the two together.
    act(state, Action.IDENTIFY, consent={"news": True}, days_ago=3)
    assert not allowed(state, "news", "email")
    act(state, Action.DECLARE, consent={"channel:email:news": True}, days_ago=2)
    assert allowed(state, "news", "email")
    act(state, Action.COMPLAIN, channel="email", days_ago=1)
    assert not allowed(state, "news", "email")


def test_a_bounce_for_good_closes_the_address_and_no_other() -> None:
    state = Individual(identifiers={"email:b@x.example", "email:c@x.example", "user:u"})
    act(state, Action.IDENTIFY, consent={"news": True})
    assert address_of(state, "email") == "b@x.example"
    act(state, Action.OTHER, consent={"bounced:email:b@x.example": False})
    assert not allowed(state, "news", "email")
    settings = ConsentSettings()
    assert not consent_allows(state, "news", "email", settings, transactional=True)[0]
    assert consent_allows(state, "news", "sms", settings, transactional=True)[0]
    state.traits["email"] = Written(1, 1, " New@x.example ")
    assert address_of(state, "email") == "new@x.example"
    assert allowed(state, "news", "email")
    act(state, Action.OTHER, consent={"bounced:email": False})
    assert not allowed(state, "news", "email")
