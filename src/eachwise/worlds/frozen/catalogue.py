"""The shop's items: products and recipes with attributes, titles and prices."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np

from eachwise.worlds.frozen.dishes import (
    DISHES,
    GRILL_CATEGORIES,
    OCCASION_WORDS,
    PREMIUM_SEA_WORD,
    PRICE_EUR_MEAN,
    SAVOURY_OCCASIONS,
    SAVOURY_STYLES,
    STYLE_WORDS,
    SWEET_OCCASIONS,
    SWEET_STYLES,
    Dish,
)
from eachwise.worlds.frozen.draws import BoolArray, FloatArray, Stream, uniform
from eachwise.worlds.frozen.settings import FrozenFoodSettings
from eachwise.worlds.frozen.vocabulary import SWEET_CATEGORIES, attributes_of, indicator

RECIPE_SHARE = 0.3  # a recipe can be read, but not bought
SECOND_STYLE_SHARE = 0.25
GRILL_SHARE = 0.2  # of the items that can be grilled
PREMIUM_PRICE_FACTOR = 1.5
PRICE_SPREAD = 0.25  # a price lies within a quarter of its category's mean
PUBLISHED_DAYS_MAX = 700  # items were published over nearly two years before the opening
SHOP_URL = "https://frozen.example"

# Counters of the draws that make one item.
_STYLE, _SECOND, _OCCASION, _RECIPE, _PRICE, _PUBLISHED, _SECOND_STYLE, _GRILL = range(8)
_MENU_ORDER = -1


@dataclass(frozen=True, kw_only=True)
class Item:
    """A product or a recipe; values are names such as `category=fish`, the price is in EUR."""

    item_id: str
    title: str
    values: tuple[str, ...]
    price_eur: float
    is_recipe: bool
    published_at: str

    @property
    def url(self) -> str:
        """Where the item is shown."""
        return f"{SHOP_URL}/{'recipes' if self.is_recipe else 'products'}/{self.item_id}"

    def to_json(self) -> dict[str, Any]:
        """The item as a feed would give it."""
        return {
            "item_id": self.item_id,
            "title": self.title,
            "attributes": attributes_of(self.values),
            "price": self.price_eur,
            "currency": "EUR",
            "available": True,
            "published_at": self.published_at,
            "url": self.url,
            "image_url": f"{SHOP_URL}/images/{self.item_id}.jpg",
        }


@dataclass(frozen=True, kw_only=True)
class Catalogue:
    """All items; row j of each array is item j.

    indicator: 1.0 where an item has a value; shape (items, 37).
    is_recipe: shape (items,).
    """

    items: tuple[Item, ...]
    indicator: FloatArray
    is_recipe: BoolArray

    @classmethod
    def build(cls, settings: FrozenFoodSettings) -> "Catalogue":
        """Draw items until there are as many distinct titles as the settings ask for."""
        found: dict[str, Item] = {}
        attempt = 0
        while len(found) < settings.items:
            item = _draw_item(settings, attempt, item_id=f"item-{len(found):05d}")
            found.setdefault(item.title, item)
            attempt += 1
        items = tuple(found.values())
        return cls(
            items=items,
            indicator=np.stack([indicator(item.values) for item in items]),
            is_recipe=np.array([item.is_recipe for item in items]),
        )


def _draw_item(settings: FrozenFoodSettings, attempt: int, item_id: str) -> Item:
    """One item: a dish in a style for an occasion."""
    draw = uniform(settings.seed, Stream.ITEM, attempt, np.arange(8))
    dish = _dish(settings.seed, attempt)
    styles = _styles(dish, draw)
    occasion = _occasion(dish, draw)
    is_recipe = bool(draw[_RECIPE] < RECIPE_SHARE)
    named = [("category", dish.category), ("diet", dish.diet), ("cuisine", dish.cuisine)]
    named += [("style", style) for style in styles] + [("occasion", occasion)]
    opened_at = datetime.fromtimestamp(settings.opened_at_s, tz=UTC)
    published_at = opened_at - timedelta(days=int(draw[_PUBLISHED] * PUBLISHED_DAYS_MAX) + 1)
    return Item(
        item_id=item_id,
        title=_title(dish, styles, occasion, is_recipe),
        values=tuple(f"{facet}={value}" for facet, value in named if value),
        price_eur=0.0 if is_recipe else _price_eur(dish, styles, draw[_PRICE]),
        is_recipe=is_recipe,
        published_at=published_at.isoformat().replace("+00:00", "Z"),
    )


def _dish(seed: int, attempt: int) -> Dish:
    """Every dish once in each round of the menu, each round in an order of its own."""
    menu_round, place = divmod(attempt, len(DISHES))
    order = np.argsort(
        uniform(seed, Stream.ITEM, menu_round, _MENU_ORDER, np.arange(len(DISHES))), kind="stable"
    )
    return DISHES[int(order[place])]


def _styles(dish: Dish, draw: FloatArray) -> list[str]:
    """One or two styles that suit the dish."""
    choices = SWEET_STYLES if dish.category in SWEET_CATEGORIES else SAVOURY_STYLES
    first = choices[int(draw[_STYLE] * len(choices))]
    if draw[_SECOND] >= SECOND_STYLE_SHARE:
        return [first]
    others = [style for style in choices if style != first]
    return [first, others[int(draw[_SECOND_STYLE] * len(others))]]


def _occasion(dish: Dish, draw: FloatArray) -> str:
    """The occasion that the dish is packed for, or an empty string."""
    if dish.category in GRILL_CATEGORIES and draw[_GRILL] < GRILL_SHARE:
        return "grill"
    choices = SWEET_OCCASIONS if dish.category in SWEET_CATEGORIES else SAVOURY_OCCASIONS
    return choices[int(draw[_OCCASION] * len(choices))]


def _title(dish: Dish, styles: list[str], occasion: str, is_recipe: bool) -> str:
    """A title such as `Wild salmon fillets` or `Spicy chickpea curry, family pack (recipe)`."""
    words = [
        PREMIUM_SEA_WORD
        if style == "premium" and dish.category in {"fish", "seafood"}
        else STYLE_WORDS[style]
        for style in styles
    ]
    phrase = f"{' '.join(words)} {dish.noun}{OCCASION_WORDS[occasion]}"
    return phrase[0].upper() + phrase[1:] + (" (recipe)" if is_recipe else "")


def _price_eur(dish: Dish, styles: list[str], draw: float) -> float:
    """A price that ends on 9 cents, within the spread of its category's mean."""
    mean = PRICE_EUR_MEAN[dish.category] * (PREMIUM_PRICE_FACTOR if "premium" in styles else 1.0)
    return float(round(round(mean * (1.0 + PRICE_SPREAD * (2.0 * draw - 1.0)), 1) - 0.01, 2))
