"""For whom an item matters: every individual is accounted for, and the ranking is the one of their own lists."""

from __future__ import annotations

import random
from typing import Any

import pytest

from eachwise import Engine
from eachwise.adapters.clocks import SettableClock
from eachwise.contracts.audience import Audience, AudienceRequest
from eachwise.contracts.errors import InvalidInput, NotFound
from eachwise.contracts.individual import Individual
from eachwise.flow.drive import run
from eachwise.individual import affinity_vectors
from eachwise.maths.times import iso
from eachwise.recommend import PersonTaste, rank
from tests.flow.shop import START_US, furnish, view
from tests.flow.test_events import states
from tests.flow.test_trained import body


def scores(engine: Engine, item_id: str) -> dict[str, float]:
    """By the ranking of everyone's whole list: the item's score less what someone unknown would have."""
    core = engine.core
    index = core.catalogue.shelf.index
    live = core._tasting.model
    expected = core.catalogue.shelf.expected(live)
    settings, now_us = core.settings, core.now_us()

    def score(state: Individual) -> float:
        taste = affinity_vectors(
            state,
            index.value_of,
            len(index.values),
            expected,
            now_us,
            settings.affinity,
            reference=core.catalogue.shelf.reference(live),
        )
        person = PersonTaste.of(state, taste, now_us)
        ranking = rank(person, live, index, settings.recommend, core.trained.model)
        return float(ranking.scores[index.row_of[item_id]])

    unknown = score(Individual())
    return {each: score(state) - unknown for each, state in states(engine).items()}


def audience(engine: Engine, item_id: str, **asked: Any) -> Audience:
    """Ask, and see that everyone is accounted for."""
    found = run(engine.core.audiences.find(AudienceRequest(item_id=item_id, **asked)))
    assert found.considered == len(states(engine))
    assert found.considered == len(found.members) + sum(found.left_out.values())
    assert set(found.at_first_look) == {"conflict", "unrelated", "outranked"}
    for reason, count in found.at_first_look.items():
        assert 0 <= count <= found.left_out[reason]
    # Whoever was scored in full is a member, or was left out by that and not by the first look.
    by_full = sum(found.left_out[each] - count for each, count in found.at_first_look.items())
    assert found.scored <= len(found.members) + by_full + found.left_out["below"]
    return found


@pytest.fixture
def crowd(engine: Engine) -> Engine:
    """Eighty people, most of whom keep to one category."""
    chance = random.Random(1)
    categories = ["beef", "fish", "tofu", "cake"]
    events: list[dict[str, Any]] = []
    for number in range(80):
        favourite = chance.choice(categories)
        for _ in range(chance.randrange(1, 14)):
            category = favourite if chance.random() < 0.85 else chance.choice(categories)
            events.append(
                {
                    "type": "track",
                    "event": "Product Viewed",
                    "userId": f"u{number}",
                    "timestamp": iso(START_US + len(events) * 1_000_000),
                    "properties": {"product_id": f"{category}-{chance.randrange(5)}"},
                }
            )
    engine.clock.advance(seconds=len(events) + 400)  # type: ignore[attr-defined]
    engine.send(events)
    engine.identify("stranger", {"plan": "free"})
    engine.tick()
    return engine


def test_members_are_ranked_as_their_own_lists_rank_the_item(crowd: Engine) -> None:
    truth = scores(crowd, "fish-3")
    found = audience(crowd, "fish-3", limit=1000)
    assert found.scored >= len(found.members) > 15
    for one in found.members:
        assert one.score == pytest.approx(truth[one.individual_id], abs=1e-9)
    order = [(-one.score, one.individual_id) for one in found.members]
    assert order == sorted(order)
    members = {one.individual_id for one in found.members}
    # Nobody who matters is missing: who is left out neither likes the item nor was led to it.
    missed = {each for each, score in truth.items() if score > 0.3} - members
    assert len(missed) <= found.left_out["conflict"]
    assert found.members[0].reasons


def test_the_best_come_first_and_the_others_are_outranked(crowd: Engine) -> None:
    whole = audience(crowd, "tofu-1", limit=1000)
    few = audience(crowd, "tofu-1", limit=3)
    assert few.members == whole.members[:3]
    assert few.left_out["outranked"] == len(whole.members) - 3
    least = whole.members[5].score
    some = audience(crowd, "tofu-1", limit=1000, min_score=least)
    assert some.members == [one for one in whole.members if one.score >= least]
    assert some.left_out["below"] >= len(whole.members) - 6


def test_the_first_look_keeps_who_would_be_ranked_first(
    crowd: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    truth = audience(crowd, "cake-2", limit=12).members
    monkeypatch.setattr("eachwise.flow.audience.SCORED_MIN", 20)
    monkeypatch.setattr("eachwise.flow.audience.DEPTH", 2)
    monkeypatch.setattr("eachwise.flow.audience.PAGE_PEOPLE", 7)
    monkeypatch.setattr("eachwise.flow.audience.SAYING_MAX", 6)
    found = audience(crowd, "cake-2", limit=12)
    assert found.scored == 24
    kept = {one.individual_id for one in found.members}
    assert len(kept & {one.individual_id for one in truth}) >= 10


def test_who_hid_or_avoids_it_is_left_out(crowd: Engine) -> None:
    before = audience(crowd, "fish-3", limit=1000)
    hider, avoider = (one.individual_id.removeprefix("user:") for one in before.members[:2])
    crowd.track(hider, "Item Hidden", {"product_id": "fish-3"})
    crowd.track(
        avoider,
        "Preference Declared",
        {"attribute": "category", "value": "fish", "preference": "dislike"},
    )
    after = audience(crowd, "fish-3", limit=1000)
    gone = {one.individual_id for one in before.members} - {
        one.individual_id for one in after.members
    }
    assert gone == {f"user:{hider}", f"user:{avoider}"}
    assert after.left_out["hidden"] == 1
    assert after.left_out["conflict"] == before.left_out["conflict"] + 1


def test_a_taste_that_is_missing_is_a_conflict_without_any_entry(engine: Engine) -> None:
    for number in range(12):
        view(engine, f"meat{number}", *[f"beef-{number % 5}"] * 10)
    for _ in range(60):
        view(engine, "vegan", "tofu-1")
    engine.clock.advance(seconds=400)  # type: ignore[attr-defined]
    engine.tick()
    # 60 items and never any meat, where half of everything is meat.
    found = audience(engine, "beef-1", limit=1000)
    assert found.left_out["conflict"] == 1
    assert "user:vegan" not in {one.individual_id for one in found.members}


def test_consent_is_asked_for_where_a_purpose_is_named(crowd: Engine) -> None:
    everyone = audience(crowd, "fish-3", limit=1000)
    allowed = everyone.members[2].individual_id
    crowd.track(allowed.removeprefix("user:"), "Consent Given", {"purpose": "marketing"})
    mailed = audience(crowd, "fish-3", limit=1000, purpose="marketing", channel="email")
    assert [one.individual_id for one in mailed.members] == [allowed]
    assert mailed.left_out["consent"] == mailed.considered - 1
    onsite = audience(crowd, "fish-3", limit=1000, purpose="marketing")
    assert onsite.left_out["consent"] == 0
    assert len(onsite.members) == len(everyone.members)


def test_who_bought_it_is_left_out_unless_repeats_are_allowed(crowd: Engine) -> None:
    def did(user: str, name: str, properties: dict[str, Any]) -> None:
        crowd.clock.advance(seconds=1)  # type: ignore[attr-defined]
        crowd.track(user, name, properties)

    view(crowd, "owner", "fish-3", "fish-1")
    did("owner", "Order Completed", {"order_id": "o", "products": [{"product_id": "fish-3"}]})
    view(crowd, "waiter", "fish-3")
    did("waiter", "Product Added", {"product_id": "fish-3"})
    for reason in ("restock", "discount"):
        found = audience(crowd, "fish-3", reason=reason, limit=1000, repeats="never")
        assert found.left_out["had"] == 1
        (waiter,) = [one for one in found.members if one.individual_id == "user:waiter"]
        assert (waiter.viewed, waiter.added, waiter.bought) == (True, True, False)
    found = audience(crowd, "fish-3", reason="restock", limit=1000, repeats="allowed")
    assert found.left_out["had"] == 0
    (owner,) = [one for one in found.members if one.individual_id == "user:owner"]
    assert (owner.viewed, owner.added, owner.bought) == (True, False, True)


def test_where_nobody_comes_back_to_anything_whoever_had_it_is_left_out(crowd: Engine) -> None:
    kept = audience(crowd, "fish-3", limit=1000)
    met = [one for one in kept.members if one.viewed]
    assert met
    crowd.publish_trained(body("fish-3", repeats=False))
    left = audience(crowd, "fish-3", limit=1000)
    assert left.left_out["had"] >= len(met)
    assert not any(one.viewed for one in left.members)
    assert audience(crowd, "fish-3", limit=1000, repeats="allowed").left_out["had"] == 0


def test_states_in_memory_are_counted_and_people_who_merge_are_one(engine: Engine) -> None:
    view(engine, "u", "fish-1", "fish-2", anonymousId="a")
    engine.track(None, "Product Viewed", {"product_id": "fish-3"}, anonymousId="b")
    assert audience(engine, "fish-4").considered == 2
    engine.identify("u", {}, anonymousId="b")
    assert audience(engine, "fish-4").considered == 1


def test_nobody_is_there(engine: Engine) -> None:
    found = audience(engine, "fish-1")
    assert (found.considered, found.scored, found.members) == (0, 0, [])


@pytest.mark.parametrize(
    ("asked", "field"),
    [
        ({"limit": 0}, "limit"),
        ({"limit": 10_001}, "limit"),
        ({"min_score": float("nan")}, "min_score"),
        ({"reason": "because"}, "reason"),
        ({"repeats": "often"}, "repeats"),
        ({"channel": "email"}, "purpose"),
    ],
)
def test_a_wrong_question_names_its_field(asked: dict[str, Any], field: str) -> None:
    with Engine.open(clock=SettableClock(START_US)) as engine:
        furnish(engine)
        with pytest.raises(InvalidInput) as caught:
            audience(engine, "fish-1", **asked)
        assert caught.value.field == field


def test_an_unknown_item_is_not_found(engine: Engine) -> None:
    with pytest.raises(NotFound, match="no item 'nothing'"):
        audience(engine, "nothing")
