"""The 39 things that the shop can do for a person, and the places where it can do them.

Silence is the fortieth; it has no row here: campaigns return -1 for it.
"""

import re
from dataclasses import dataclass
from typing import Any

import numpy as np

from eachwise.contracts.errors import NotFound
from eachwise.worlds.frozen.draws import BoolArray, FloatArray, IntArray
from eachwise.worlds.frozen.vocabulary import (
    ANIMAL_CATEGORIES,
    RED_MEAT_CATEGORIES,
    VALUES,
    attributes_of,
    indicator,
)

SILENCE = -1
BLANKET_ID = "steak-week"
ITEMS_SHOWN = 6
KINDS = ("offer", "content", "list")

# Money in EUR that a take-up of a kind brings on average, margin of the orders that follow.
VALUE_EUR = {"offer": 7.0, "content": 6.6, "list": 6.8}

PLACEMENTS: tuple[dict[str, Any], ...] = (
    {"placement_id": "home_hero", "channel": "web", "count": 1},
    {"placement_id": "recommended", "channel": "web", "count": 8},
    {"placement_id": "mail", "channel": "email", "count": 1},
)

_TABLE = """
steak-week         offer    Steak week                        beef meat premium grill
burger-deal        offer    Two burgers for the price of one  beef meat american quick
goulash-evening    content  Goulash the slow way              beef meat german comfort
schnitzel-friday   offer    Schnitzel Friday                  pork meat german family
ribs-party         content  Ribs for a crowd                  pork meat american party
bratwurst-grill    list     Everything for the grill          pork meat german grill
chicken-tikka      content  Tikka from the tray               poultry meat indian spicy
chicken-light      list     Lean chicken                      poultry meat healthy light
nuggets-family     offer    Nuggets, family size              poultry meat kids family
salmon-offer       offer    Wild salmon, a quarter off        fish pescatarian nordic premium
fish-fingers-kids  offer    Fish fingers for hungry kids      fish pescatarian kids quick
cod-healthy        content  Cod in twenty minutes             fish pescatarian healthy weeknight
nordic-list        list     A northern table                  fish pescatarian nordic light
prawn-wok          content  Prawns in the wok                 seafood pescatarian asian spicy
seafood-party      offer    The seafood platter               seafood pescatarian premium party
mussels-evening    content  Mussels, wine, bread              seafood pescatarian french weeknight
vegan-week         offer    Vegan week                        vegan vegetables organic
vegan-curry        content  Chickpea curry, no fuss           ready-meals vegan indian spicy
vegan-wok          content  Tofu pad thai at home             ready-meals vegan asian quick
vegan-grill        list     Vegetables for the grill          vegetables vegan grill
vegan-ice          offer    Ice cream from oats               ice-cream vegan sweet
green-list         list     Five greens a day                 vegetables vegan healthy light
smoothie-morning   content  Smoothies before eight            fruit vegan healthy quick
berry-offer        offer    Berries, three for two            fruit vegan sweet organic
fries-deal         offer    Fries for all                     potato vegan american family
roesti-comfort     content  Roesti like at grandmother's      potato vegan german comfort
lasagne-family     offer    Lasagne for four                  ready-meals vegetarian italian family
paneer-content     content  Paneer, the Delhi way             ready-meals vegetarian indian premium
mac-kids           list     Macaroni afternoon                ready-meals vegetarian american kids
pizza-party        offer    Pizza party                       pizza italian party
pizza-quick        list     Pizza in eight minutes            pizza vegetarian italian quick
mexican-night      content  Mexican night                     mexican spicy party
italian-list       list     The Italian freezer               italian premium comfort
asian-quick        list     Asia in ten minutes               asian quick weeknight
ice-cream-family   offer    Ice cream for everyone            ice-cream vegetarian sweet family
gelato-premium     content  Gelato worth the calories         ice-cream vegetarian italian premium
croissant-sunday   offer    Sunday croissants                 bakery vegetarian french comfort
cake-party         content  A cake without baking             bakery vegetarian sweet party
cinnamon-nordic    list     Buns and berries                  bakery vegetarian nordic sweet
"""

# A word of the table names one value, since no two facets share a word.
_VALUE_OF_WORD = {value.split("=")[1]: value for value in VALUES}
_ANIMAL = frozenset(f"category={each}" for each in ANIMAL_CATEGORIES)
_RED_MEAT = frozenset(f"category={each}" for each in RED_MEAT_CATEGORIES)


@dataclass(frozen=True, kw_only=True)
class Experience:
    """An offer, a content block or a list; values are names such as `category=beef`."""

    experience_id: str
    kind: str
    title: str
    values: tuple[str, ...]

    @property
    def value_eur(self) -> float:
        """Money that one take-up brings on average."""
        return VALUE_EUR[self.kind]

    def to_json(self) -> dict[str, Any]:
        """The experience as an operator would register it."""
        placements = ["home_hero", "mail"] + (["recommended"] if self.kind == "list" else [])
        return {
            "experience_id": self.experience_id,
            "kind": self.kind,
            "title": self.title,
            "placements": placements,
            "attributes": attributes_of(self.values),
            "items": {"where": self._where(), "count": ITEMS_SHOWN},
            "value": self.value_eur,
            "cost": 0.0,
        }

    def _where(self) -> dict[str, list[str]]:
        """Which items it shows: those of its category, else of its cuisine; vegan stays vegan."""
        facet = "category" if self._has_facet("category") else "cuisine"
        named = [value for value in self.values if value.startswith(f"{facet}=")]
        named += [value for value in self.values if value == "diet=vegan"]
        return {name.split("=")[0]: [name.split("=")[1]] for name in named}

    def _has_facet(self, facet: str) -> bool:
        return any(value.startswith(f"{facet}=") for value in self.values)


@dataclass(frozen=True, kw_only=True)
class Programme:
    """All experiences; entry e of each array is experience e.

    indicator: 1.0 where an experience has a value; shape (experiences, 37).
    value_eur: money per take-up; shape (experiences,).
    kind: index into KINDS; shape (experiences,).
    not_vegan: what a vegan never wants; shape (experiences,).
    red_meat: beef or pork; shape (experiences,).
    """

    experiences: tuple[Experience, ...]
    indicator: FloatArray
    value_eur: FloatArray
    kind: IntArray
    not_vegan: BoolArray
    red_meat: BoolArray

    @classmethod
    def build(cls) -> "Programme":
        """The programme is the same in every world."""
        experiences = tuple(_parse(line) for line in _TABLE.strip().splitlines())
        return cls(
            experiences=experiences,
            indicator=np.stack([indicator(each.values) for each in experiences]),
            value_eur=np.array([each.value_eur for each in experiences]),
            kind=np.array([KINDS.index(each.kind) for each in experiences]),
            not_vegan=np.array([_is_not_vegan(each.values) for each in experiences]),
            red_meat=np.array([not _RED_MEAT.isdisjoint(each.values) for each in experiences]),
        )

    def index(self, experience_id: str) -> int:
        """The row of an experience; an unknown id raises NotFound."""
        for row, each in enumerate(self.experiences):
            if each.experience_id == experience_id:
                return row
        raise NotFound(f"no experience has the id {experience_id!r}")


def _parse(line: str) -> Experience:
    """One line of the table: id, kind, title and values, apart by two spaces or more."""
    experience_id, kind, title, words = re.split(r" {2,}", line)
    values = tuple(_VALUE_OF_WORD[word] for word in words.split())
    return Experience(experience_id=experience_id, kind=kind, title=title, values=values)


def _is_not_vegan(values: tuple[str, ...]) -> bool:
    """Whether the values say that it is not vegan; an experience with no diet says nothing."""
    says_other_diet = any(value.startswith("diet=") for value in values)
    return "diet=vegan" not in values and (says_other_diet or not _ANIMAL.isdisjoint(values))
