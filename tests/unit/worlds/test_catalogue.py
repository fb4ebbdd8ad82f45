"""What the shop would upload: items, experiences and placements across the public boundary."""

import json
from datetime import datetime

import msgspec
import pytest

from eachwise.contracts.catalog import Item
from eachwise.contracts.errors import InvalidInput, NotFound
from eachwise.contracts.experience import Experience, Placement
from eachwise.worlds import FrozenFoodShop
from eachwise.worlds.frozen.vocabulary import FACETS, VALUES, attributes_of, values_of


def test_the_vocabulary_has_37_values_with_words_of_their_own() -> None:
    assert len(VALUES) == 37
    assert len({value.split("=")[1] for value in VALUES}) == 37


def test_attributes_and_values_are_inverse() -> None:
    values = ["category=fish", "style=quick", "style=light"]
    assert attributes_of(values) == {"category": "fish", "style": ["quick", "light"]}
    assert values_of(attributes_of(values)) == values


@pytest.mark.parametrize("count", [300, 400, 1000])
def test_items_are_distinct_and_valid(count: int) -> None:
    items = FrozenFoodShop(seed=1, people=1, items=count).items()
    assert len(items) == count
    assert len({item["item_id"] for item in items}) == count
    assert len({item["title"] for item in items}) == count
    for item in msgspec.json.decode(json.dumps(items), type=list[Item]):
        assert item.published_at is not None
        assert datetime.fromisoformat(item.published_at).tzinfo is not None
        assert set(item.attributes) <= set(FACETS)
        assert set(values_of(item.attributes)) <= set(VALUES)


def test_every_value_is_carried_by_items(shop: FrozenFoodShop) -> None:
    assert (shop.catalogue.indicator.sum(axis=0) >= 5).all()


def test_recipes_cannot_be_bought(shop: FrozenFoodShop) -> None:
    for item in shop.items():
        assert item["title"].endswith("(recipe)") == (item["price"] == 0.0)
        assert item["price"] >= 0.0


def test_experiences_are_39_and_valid(shop: FrozenFoodShop) -> None:
    found = msgspec.json.decode(json.dumps(shop.experiences()), type=list[Experience])
    assert len({each.experience_id for each in found}) == len(found) == 39
    placements = {
        each.placement_id: each
        for each in msgspec.json.decode(json.dumps(shop.placements()), type=list[Placement])
    }
    assert placements["home_hero"].channel == "web"
    assert placements["home_hero"].count == 1
    assert placements["mail"].channel == "email"
    for each in found:
        assert set(each.placements) <= set(placements)
        assert "home_hero" in each.placements


@pytest.mark.parametrize("count", [300, 400])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_every_experience_can_fill_itself(seed: int, count: int) -> None:
    shop = FrozenFoodShop(seed=seed, people=1, items=count)
    items = shop.items()
    for experience in shop.experiences():
        where = experience["items"]["where"]
        matching = [
            item
            for item in items
            if all(item["attributes"].get(facet) in values for facet, values in where.items())
        ]
        assert len(matching) >= experience["items"]["count"], experience["experience_id"]


def test_steak_week_is_the_blanket(shop: FrozenFoodShop) -> None:
    steak = shop.experiences()[shop.experience_index("steak-week")]
    assert steak["title"] == "Steak week"
    assert steak["items"]["where"] == {"category": ["beef"]}
    assert shop.experience_index("silence") == shop.experience_index(None) == -1
    with pytest.raises(NotFound, match="no-such"):
        shop.experience_index("no-such")


@pytest.mark.parametrize(
    ("field", "wrong"),
    [
        ("seed", 2**63),
        ("people", 0),
        ("items", 299),
        ("items", 10_001),
        ("visits_per_day_mean", 0.0),
        ("visits_per_day_mean", float("nan")),
        ("drift_sd", -0.1),
        ("known_share", 1.1),
    ],
)
def test_wrong_settings_are_refused(field: str, wrong: float) -> None:
    more = {"seed": 1, "people": 1} | {field: wrong}
    with pytest.raises(InvalidInput) as refused:
        FrozenFoodShop(**more)  # type: ignore[arg-type]
    assert refused.value.field == field
