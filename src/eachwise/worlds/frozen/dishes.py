"""What the kitchen knows: dishes with category, diet and cuisine, and the words of titles."""

from collections.abc import Mapping
from typing import NamedTuple


class Dish(NamedTuple):
    """One dish before a style and an occasion make it an item; an empty cuisine is none."""

    category: str
    noun: str
    diet: str
    cuisine: str


_DISHES_BY_CATEGORY: Mapping[str, tuple[tuple[str, str, str], ...]] = {
    "beef": (
        ("rump steaks", "meat", "american"), ("sirloin steaks", "meat", "french"),
        ("beef burgers", "meat", "american"), ("beef goulash", "meat", "german"),
        ("minced beef", "meat", ""), ("beef roulades", "meat", "german"),
        ("bulgogi beef strips", "meat", "asian"), ("beef chili", "meat", "mexican"),
    ),
    "pork": (
        ("pork schnitzel", "meat", "german"), ("pork fillet", "meat", "french"),
        ("bratwurst", "meat", "german"), ("pulled pork", "meat", "american"),
        ("pork spare ribs", "meat", "american"), ("sweet-and-sour pork", "meat", "asian"),
        ("carnitas", "meat", "mexican"),
    ),
    "poultry": (
        ("chicken breast fillets", "meat", ""), ("chicken nuggets", "meat", "american"),
        ("chicken tikka", "meat", "indian"), ("duck breast", "meat", "french"),
        ("turkey escalopes", "meat", "german"), ("teriyaki chicken", "meat", "asian"),
        ("chicken fajita strips", "meat", "mexican"), ("chicken cacciatore", "meat", "italian"),
    ),
    "fish": (
        ("salmon fillets", "pescatarian", "nordic"), ("cod loins", "pescatarian", "nordic"),
        ("fish fingers", "pescatarian", ""), ("plaice fillets", "pescatarian", "german"),
        ("tuna steaks", "pescatarian", "asian"), ("haddock gratin", "pescatarian", "french"),
        ("pollock tacos", "pescatarian", "mexican"), ("herring fillets", "pescatarian", "nordic"),
    ),
    "seafood": (
        ("king prawns", "pescatarian", "asian"), ("mussels in white wine", "pescatarian", "french"),
        ("calamari rings", "pescatarian", "italian"), ("scallops", "pescatarian", "french"),
        ("prawn gyoza", "pescatarian", "asian"), ("seafood mix", "pescatarian", "italian"),
        ("shrimp skewers", "pescatarian", "american"), ("arctic prawns", "pescatarian", "nordic"),
    ),
    "vegetables": (
        ("garden peas", "vegan", ""), ("broccoli florets", "vegan", ""),
        ("leaf spinach", "vegan", ""), ("creamed spinach", "vegetarian", "german"),
        ("wok vegetables", "vegan", "asian"), ("grilled antipasti", "vegan", "italian"),
        ("ratatouille", "vegan", "french"), ("edamame", "vegan", "asian"),
        ("red cabbage", "vegan", "german"), ("falafel", "vegan", ""),
    ),
    "ready-meals": (
        ("chickpea curry", "vegan", "indian"), ("lentil dal", "vegan", "indian"),
        ("vegetable lasagne", "vegetarian", "italian"), ("lasagne bolognese", "meat", "italian"),
        ("butter chicken", "meat", "indian"), ("pad thai with tofu", "vegan", "asian"),
        ("chili sin carne", "vegan", "mexican"), ("paneer masala", "vegetarian", "indian"),
        ("salmon tagliatelle", "pescatarian", "italian"), ("meatballs in cream", "meat", "nordic"),
        ("mac and cheese", "vegetarian", "american"), ("bean burritos", "vegan", "mexican"),
    ),
    "pizza": (
        ("pizza margherita", "vegetarian", "italian"), ("pizza salami", "meat", "italian"),
        ("pizza funghi", "vegetarian", "italian"), ("pizza tonno", "pescatarian", "italian"),
        ("pizza verdura", "vegan", "italian"), ("barbecue chicken pizza", "meat", "american"),
        ("tarte flambee", "meat", "french"), ("veggie deep-dish pizza", "vegetarian", "american"),
    ),
    "ice-cream": (
        ("vanilla ice cream", "vegetarian", ""), ("chocolate ice cream", "vegetarian", ""),
        ("pistachio gelato", "vegetarian", "italian"), ("cookie dough", "vegetarian", "american"),
        ("mango sorbet", "vegan", "indian"), ("oat-milk ice cream", "vegan", ""),
        ("raspberry sorbet", "vegan", ""), ("mochi ice", "vegetarian", "asian"),
    ),
    "bakery": (
        ("butter croissants", "vegetarian", "french"), ("pretzels", "vegan", "german"),
        ("cinnamon buns", "vegetarian", "nordic"), ("cheesecake", "vegetarian", "american"),
        ("Black Forest gateau", "vegetarian", "german"), ("ciabatta rolls", "vegan", "italian"),
        ("naan bread", "vegetarian", "indian"), ("apple strudel", "vegan", "german"),
        ("churros", "vegetarian", "mexican"),
    ),
    "fruit": (
        ("raspberries", "vegan", ""), ("blueberries", "vegan", "nordic"),
        ("mango cubes", "vegan", "indian"), ("smoothie mix", "vegan", ""),
        ("acai bowl base", "vegan", "american"), ("cherries", "vegan", "german"),
        ("lychees", "vegan", "asian"),
    ),
    "potato": (
        ("oven fries", "vegan", "american"), ("potato wedges", "vegan", "mexican"),
        ("roesti", "vegan", "german"), ("potato gratin", "vegetarian", "french"),
        ("gnocchi", "vegetarian", "italian"), ("aloo gobi", "vegan", "indian"),
        ("potato pancakes", "vegetarian", "german"), ("Hasselback potatoes", "vegan", "nordic"),
    ),
}  # fmt: skip

DISHES: tuple[Dish, ...] = tuple(
    Dish(category, noun, diet, cuisine)
    for category, dishes in _DISHES_BY_CATEGORY.items()
    for noun, diet, cuisine in dishes
)

# Adjectives of a style in a title.
STYLE_WORDS: Mapping[str, str] = {
    "quick": "five-minute", "premium": "chef's", "spicy": "spicy", "healthy": "wholesome",
    "sweet": "sweet", "light": "light", "organic": "organic",
}  # fmt: skip
PREMIUM_SEA_WORD = "wild"  # what a premium fish is called

# What follows the dish in a title; an empty occasion adds nothing.
OCCASION_WORDS: Mapping[str, str] = {
    "": "", "family": ", family pack", "party": ", party platter", "grill": " for the grill",
    "weeknight": ", weeknight portion", "comfort": ", home style", "kids": " for kids",
}  # fmt: skip

SAVOURY_STYLES = ("quick", "premium", "spicy", "healthy", "light", "organic")
SWEET_STYLES = ("sweet", "premium", "healthy", "light", "organic", "quick")
SAVOURY_OCCASIONS = ("", "", "family", "party", "weeknight", "comfort", "kids")
SWEET_OCCASIONS = ("", "", "family", "party", "comfort", "kids")
GRILL_CATEGORIES = frozenset({"beef", "pork", "poultry", "fish", "seafood", "vegetables", "potato"})

# Mean price in EUR of one pack; a premium style costs half as much again.
PRICE_EUR_MEAN: Mapping[str, float] = {
    "beef": 12.0, "pork": 8.0, "poultry": 7.5, "fish": 9.5, "seafood": 11.0, "vegetables": 3.0,
    "ready-meals": 5.0, "pizza": 4.0, "ice-cream": 5.5, "bakery": 4.0, "fruit": 4.5, "potato": 3.0,
}  # fmt: skip
