"""Items on request: for this person, page by page, and never what may not be shown."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from eachwise import Engine
from eachwise.adapters.clocks import SettableClock
from eachwise.contracts.errors import InvalidInput
from eachwise.contracts.recommendation import RecommendResponse
from eachwise.recommend.slate import TILT_MAX
from eachwise.settings import parse_settings
from tests.flow.shop import ITEMS, START_US, furnish, view


def ids(found: RecommendResponse) -> list[str]:
    return [item.item_id for item in found.items]


def pages(engine: Engine, user: str, **wishes: Any) -> Iterator[RecommendResponse]:
    """Every page, until there is no next one."""
    cursor: str | None = None
    while True:
        found = engine.recommend(user, cursor=cursor, **wishes)
        yield found
        cursor = found.cursor
        if cursor is None:
            return


def crowd(engine: Engine) -> None:
    """Others, so that there is something to transfer and something popular."""
    for number in range(20):
        view(engine, f"other-{number}", "fish-0", "fish-1", "fish-2")
        view(engine, f"more-{number}", "tofu-0", "cake-0", "cake-1")
    engine.clock.advance(seconds=60)  # type: ignore[attr-defined]
    engine.tick()


def test_what_is_recommended_follows_the_last_click_and_says_why(engine: Engine) -> None:
    crowd(engine)
    before = engine.recommend("u", count=4)
    assert before.fallback == "unknown_person"
    assert before.considered == 20
    view(engine, "u", "tofu-0")
    after = engine.recommend("u", count=4, repeats="never")
    assert after.fallback is None
    assert after.considered == 19
    assert ids(after)[0] in ("cake-0", "cake-1")
    assert "because you viewed Tofu 0" in after.items[0].reasons
    assert [item.position for item in after.items] == [0, 1, 2, 3]
    assert all(item.title and item.price and item.attributes for item in after.items)


def test_pages_bring_every_item_once_and_end(engine: Engine) -> None:
    crowd(engine)
    view(engine, "u", "tofu-0", "tofu-1")
    found = list(pages(engine, "u", count=6))
    assert [len(page.items) for page in found] == [6, 6, 6, 2]
    assert [page.considered for page in found] == [20, 14, 8, 2]
    shown = [item for page in found for item in ids(page)]
    assert len(set(shown)) == 20


def test_pages_follow_the_person_and_the_catalogue_without_repeating(engine: Engine) -> None:
    crowd(engine)
    view(engine, "u", "tofu-0")
    first = engine.recommend("u", count=5)
    gone = next(each["item_id"] for each in ITEMS if each["item_id"] not in ids(first))
    engine.remove_items([gone])
    engine.put_items([{"item_id": "fish-new", "attributes": {"category": "fish"}}])
    view(engine, "u", "fish-0", "fish-1")
    second = engine.recommend("u", count=30, cursor=first.cursor)
    assert set(ids(second)).isdisjoint(ids(first))
    assert set(ids(first)) | set(ids(second)) == {each["item_id"] for each in ITEMS} - {gone} | {
        "fish-new"
    }
    assert second.cursor is None


def test_asking_leaves_no_trace(engine: Engine) -> None:
    crowd(engine)
    view(engine, "u", "tofu-0")
    before = engine.individual("u"), engine.status()["counts"]
    first = engine.recommend("u", count=6)
    assert first.cursor is not None
    engine.recommend("u", count=6, cursor=first.cursor)
    engine.recommend("nobody", count=6)
    assert (engine.individual("u"), engine.status()["counts"]) == before
    # Asked anew, the same items come: nothing was held for seen.
    assert ids(engine.recommend("u", count=6)) == ids(first)


@pytest.mark.parametrize(
    ("wishes", "field"),
    [
        ({"count": 0}, "count"),
        ({"count": 201}, "count"),
        ({"cursor": "abc"}, "cursor"),
        ({"popularity": 1.5}, "popularity"),
        ({"diversity": -0.1}, "diversity"),
        ({"calibration": float("nan")}, "calibration"),
        ({"repeats": "often"}, "repeats"),
        ({"where": {"category": []}}, "where.category"),
        ({"exclude": {"a=b": "c"}}, "exclude.a=b"),
        ({"individual_id": "untyped"}, "individual_id"),
        ({"user_id": None}, "userId"),
    ],
)
def test_a_fault_names_its_field(engine: Engine, wishes: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        engine.recommend(**{"user_id": "u", **wishes})
    assert refused.value.field == field
    assert field in refused.value.message


def test_items_like_one_item(engine: Engine) -> None:
    crowd(engine)
    found = engine.recommend("stranger", count=6, similar_to="fish-0")
    assert found.fallback is None
    assert "fish-0" not in ids(found)
    assert ids(found)[:2] == ["fish-1", "fish-2"]
    assert "goes with Fish 0" in found.items[0].reasons
    # Nobody went on from beef: what it is like decides.
    alike = engine.recommend("stranger", count=3, similar_to="beef-0", popularity=-0.5)
    assert set(ids(alike)) <= {"beef-1", "beef-2", "beef-3", "beef-4"}
    unknown = engine.recommend("stranger", count=3, similar_to="no such item")
    assert unknown.fallback == "unknown_person"
    view(engine, "u", "tofu-0")
    assert engine.recommend("u", similar_to="no such item").fallback == "unknown_item"


def test_the_item_at_hand_is_not_recommended(engine: Engine) -> None:
    view(engine, "u", "tofu-0")
    found = engine.recommend("u", count=30, context={"item_id": "tofu-1", "items": 3})
    assert "tofu-1" not in ids(found)
    assert len(found.items) == 19


def test_popularity_tilts_within_its_bound(engine: Engine) -> None:
    crowd(engine)
    view(engine, "u", "tofu-0")
    score = {}
    for popularity in (-1.0, 0.0, 1.0):
        found = engine.recommend("u", count=30, popularity=popularity)
        score[popularity] = {item.item_id: item.score for item in found.items}
    for item in ("fish-0", "cake-0"):
        assert score[-1.0][item] < score[0.0][item] < score[1.0][item]
    for item in ("beef-0", "fish-3"):
        assert score[-1.0][item] > score[0.0][item] > score[1.0][item]
    for item, neutral in score[0.0].items():
        assert abs(score[1.0][item] - neutral) <= TILT_MAX
        assert score[1.0][item] - neutral == pytest.approx(neutral - score[-1.0][item])


def test_without_consent_nothing_of_the_person_is_used_but_hides_still_hold(
    engine: Engine,
) -> None:
    crowd(engine)
    stranger = ids(engine.recommend("stranger", count=19))
    view(engine, "u", "tofu-0", "tofu-1", "tofu-2")
    engine.track("u", "Product Hidden", {"product_id": stranger[0]})
    engine.track("u", "Consent Withdrawn", {"purpose": "personalization"})
    found = engine.recommend("u", count=19)
    assert found.fallback == "no_consent"
    assert stranger[0] not in ids(found)
    assert ids(found)[:10] == stranger[1:11]
    assert not any("you" in why for item in found.items for why in item.reasons)


VALUES = {
    "category": ["beef", "fish", "tofu", "cake"],
    "diet": ["meat", "fish", "vegan", "vegetarian"],
}
ITEM_IDS = [each["item_id"] for each in ITEMS]
QUERY = st.dictionaries(
    st.sampled_from(["category", "diet", "brand"]),
    st.one_of(
        st.sampled_from([*VALUES["category"], *VALUES["diet"], "gold"]),
        st.lists(st.sampled_from([*VALUES["category"], *VALUES["diet"]]), min_size=1, max_size=3),
    ),
    max_size=2,
)


def carries(item: dict[str, Any], query: dict[str, Any], whole: bool) -> bool:
    """Whether an item has one of the values of every name (``whole``), or of any name."""
    found = [
        item["attributes"].get(name) in ([values] if isinstance(values, str) else values)
        for name, values in query.items()
    ]
    return all(found) if whole else any(found)


@pytest.fixture(scope="module")
def whole_shop() -> Iterator[Engine]:
    """A shop with history, an expired item, one not yet there, and one that is sold out."""
    clock = SettableClock(START_US)
    settings_ = parse_settings({"recommend": {"trial_share": 1.0}})
    with Engine.open(clock=clock, settings=settings_) as engine:
        furnish(engine)
        crowd(engine)
        engine.put_items(
            [
                ITEMS[0] | {"expires_at": "2026-01-01"},
                ITEMS[6] | {"available_from": "2030-01-01"},
                ITEMS[12] | {"available": False},
                ITEMS[18] | {"published_at": "2026-09-20T00:00:00Z"},
            ]
        )
        yield engine


@given(
    user=st.sampled_from(["stranger", "vegan", "fan"]),
    hidden=st.sampled_from(ITEM_IDS),
    wishes=st.fixed_dictionaries(
        {},
        optional={
            "where": QUERY,
            "exclude": QUERY,
            "repeats": st.sampled_from(["never", "allowed", "learnt"]),
            "popularity": st.floats(-1, 1),
            "diversity": st.floats(0, 1),
            "calibration": st.floats(0, 1),
            "similar_to": st.sampled_from([*ITEM_IDS, "none such"]),
            "count": st.integers(1, 25),
        },
    ),
)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_nothing_that_may_not_be_shown_ever_is(
    whole_shop: Engine, user: str, hidden: str, wishes: dict[str, Any]
) -> None:
    engine = whole_shop
    name = f"{user}-{hidden}"
    if user == "vegan":
        engine.track(name, "Preference Declared", {"dislikes": ["diet=meat"]})
    if user == "fan":
        engine.track(name, "Product Viewed", {"product_id": "cake-2"})
    engine.track(name, "Product Hidden", {"product_id": hidden})
    never = {ITEMS[0]["item_id"], ITEMS[6]["item_id"], ITEMS[12]["item_id"], hidden}
    shown: list[str] = []
    for found in pages(engine, name, **wishes):
        shown += ids(found)
    assert len(set(shown)) == len(shown)
    assert never.isdisjoint(shown)
    items = {each["item_id"]: each for each in ITEMS}
    for item_id in shown:
        item = items[item_id]
        assert carries(item, wishes.get("where", {}), whole=True)
        assert not carries(item, wishes.get("exclude", {}), whole=False)
        assert item_id != wishes.get("similar_to")
        if user == "vegan":
            assert item["attributes"]["diet"] != "meat"
        if user == "fan" and wishes.get("repeats") == "never":
            assert item_id != "cake-2"
    allowed = [
        item_id
        for item_id, item in items.items()
        if item_id not in never | {wishes.get("similar_to")}
        and carries(item, wishes.get("where", {}), whole=True)
        and not carries(item, wishes.get("exclude", {}), whole=False)
        and not (user == "vegan" and item["attributes"]["diet"] == "meat")
        and not (user == "fan" and wishes.get("repeats") == "never" and item_id == "cake-2")
    ]
    assert sorted(shown) == sorted(allowed)


def test_a_new_item_gets_its_trial_and_the_slot_says_how_likely(clock: SettableClock) -> None:
    with Engine.open(
        clock=clock, settings=parse_settings({"recommend": {"trial_share": 0.5}})
    ) as engine:
        furnish(engine)
        crowd(engine)
        new = {"item_id": "tofu-new", "title": "New", "published_at": "2026-09-15"}
        engine.put_items([new | {"attributes": {"category": "tofu", "diet": "vegan"}}])
        view(engine, "u", "fish-0", "fish-1", "fish-2")
        tried = 0
        for _ in range(60):
            found = engine.recommend("u", count=4)
            drawn = [item for item in found.items if not item.deterministic]
            assert len(drawn) == 1
            assert drawn[0].position == 2
            assert drawn[0].probability == 0.5
            tried += drawn[0].item_id == "tofu-new"
        assert 15 <= tried <= 45
        (decided,) = engine.decide("u", placements=["rail"]).decisions
        assert [item.deterministic for item in decided.items].count(False) == 1
        assert engine.replay(decided.decision_id).exact
        engine.put_items([ITEMS[0] | {"title": "changed"}])
        assert engine.replay(decided.decision_id).exact


def test_the_mix_is_kept_in_a_decisions_list_too(engine: Engine, clock: SettableClock) -> None:
    """Most of what a person likes is fish, a fifth is cake: the rail of ten has both."""
    engine.define(
        {
            "placements": [{"placement_id": "rail", "count": 10}],
            "experiences": [
                {
                    "experience_id": "for-you",
                    "kind": "list",
                    "placements": ["rail"],
                    "items": {"count": 10, "where": {"category": ["fish", "cake"]}},
                    "value": 1000.0,
                }
            ],
        }
    )
    many = [
        {"item_id": f"{category}-{number}", "attributes": {"category": category, "diet": diet}}
        for category, diet in (("fish", "fish"), ("cake", "vegetarian"))
        for number in range(5, 25)
    ]
    engine.put_items(many)
    for round_ in range(8):
        view(engine, "u", *(f"fish-{5 + 2 * round_ + one}" for one in range(2)))
        view(engine, "u", *(f"fish-{6 + 2 * round_ + one}" for one in range(2)))
        view(engine, "u", f"cake-{5 + round_}")
        clock.advance(seconds=86_400)
    engine.tick()
    for _ in range(20):
        (decided,) = engine.decide("u", placements=["rail"]).decisions
        if not decided.is_silence:
            found = [item.attributes["category"] for item in decided.items]
            assert 6 <= found.count("fish") <= 9
            assert engine.replay(decided.decision_id).exact
            return
    raise AssertionError("silence twenty times")


def test_a_library_of_speed_metal_gets_about_as_much_metal_and_no_pop(
    clock: SettableClock,
) -> None:
    genres = {"speed metal": 60, "pop": 80, "jazz": 40, "classical": 40}
    plain = parse_settings({"recommend": {"trial_share": 0.0}})
    with Engine.open(clock=clock, settings=plain) as engine:
        engine.put_items(
            [
                {"item_id": f"{genre}-{number}", "attributes": {"genre": genre}}
                for genre, count in genres.items()
                for number in range(count)
            ]
        )
        # Nearly everybody else listens to pop.
        for number in range(60):
            genre = "pop" if number % 6 else "classical"
            view(engine, f"u{number}", *(f"{genre}-{(number + one) % 12}" for one in range(6)))
        clock.advance(seconds=600)
        engine.tick()
        for day in range(12):
            view(engine, "fan", *(f"speed metal-{4 * day + one}" for one in range(4)))
            view(engine, "fan", f"jazz-{day}")
            clock.advance(seconds=86_400)
        engine.tick()
        first = engine.recommend("fan", count=10, repeats="never")
        second = engine.recommend("fan", count=10, repeats="never", cursor=first.cursor)
        shown = [str(item.attributes["genre"]) for item in [*first.items, *second.items]]
        assert 0.7 <= shown.count("speed metal") / len(shown) <= 0.9
        assert "pop" not in shown
        assert first.items[0].attributes["genre"] == "speed metal"
