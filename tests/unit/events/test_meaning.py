"""What events mean: the names of Segment's specs and our own, items, money, consent, preferences."""

import math
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from eachwise.contracts.errors import InvalidInput
from eachwise.contracts.events import Action, Event, EventKind, Line, Meaning
from eachwise.events import check_names, meaning_of
from eachwise.events.names import RULES
from eachwise.events.reading import number
from eachwise.maths.words import fold_name
from eachwise.settings import EventSettings

DEFAULTS = EventSettings()


def event(name: str = "", kind: EventKind = "track", **fields: Any) -> Event:
    """An event of one person."""
    return Event(
        message_id="m",
        kind=kind,
        name=name,
        occurred_at_us=1,
        received_at_us=1,
        user_id="u",
        **fields,
    )


def meaning(name: str, settings: EventSettings = DEFAULTS, **properties: Any) -> Meaning:
    """What a track event with these properties means."""
    return meaning_of(event(name, properties=properties), settings)


TABLE: list[tuple[str, Action, float]] = [
    ("Product Viewed", Action.VIEW, 1.0),
    ("Product Clicked", Action.VIEW, 1.0),
    ("product viewed", Action.VIEW, 1.0),
    ("PRODUCT_VIEWED", Action.VIEW, 1.0),
    ("Products Searched", Action.SEARCH, 1.0),
    ("Product List Viewed", Action.LIST, 1.0),
    ("Product List Filtered", Action.LIST, 1.0),
    ("Product Added", Action.ADD, 1.0),
    ("Product Added to Wishlist", Action.ADD, 1.0),
    ("Product Removed", Action.REMOVE, 0.0),
    ("Cart Viewed", Action.OTHER, 0.0),
    ("Checkout Started", Action.OTHER, 0.0),
    ("Order Completed", Action.PURCHASE, 1.0),
    ("Order Updated", Action.OTHER, 0.0),
    ("Order Refunded", Action.REFUND, 0.0),
    ("Order Cancelled", Action.REFUND, 0.0),
    ("Product Shared", Action.SHARE, 1.0),
    ("Product Reviewed", Action.SHARE, 1.0),
    ("Coupon Applied", Action.OTHER, 0.0),
    ("Promotion Viewed", Action.EXPOSE, 1.0),
    ("Promotion Clicked", Action.CLICK, 1.0),
    ("Experience Viewed", Action.EXPOSE, 1.0),
    ("Experience Clicked", Action.CLICK, 1.0),
    ("Experience Dismissed", Action.DISMISS, 0.0),
    ("Experience Hidden", Action.HIDE, 0.0),
    ("Item Hidden", Action.HIDE, 0.0),
    ("Not For Me", Action.HIDE, 0.0),
    ("Email Delivered", Action.EXPOSE, 1.0),
    ("Email Opened", Action.VIEW, 1.0),
    ("Email Link Clicked", Action.CLICK, 1.0),
    ("Email Bounced", Action.REPORT, 0.0),
    ("Email Marked as Spam", Action.COMPLAIN, 0.0),
    ("Unsubscribed", Action.UNSUBSCRIBE, 0.0),
    ("Push Notification Received", Action.EXPOSE, 1.0),
    ("Push Notification Tapped", Action.CLICK, 1.0),
    ("Article Read", Action.VIEW, 1.0),
    ("Recipe Viewed", Action.VIEW, 1.0),
    ("Video Playback Started", Action.VIEW, 1.0),
    ("Video Content Completed", Action.VIEW, 1.0),
    ("Song Played", Action.VIEW, 1.0),
    ("Preference Declared", Action.DECLARE, 0.0),
    ("Something Else", Action.OTHER, 0.0),
]


@pytest.mark.parametrize(("name", "action", "weight"), TABLE)
def test_names(name: str, action: Action, weight: float) -> None:
    found = meaning(name)
    assert (found.action, found.weight) == (action, weight)


def test_the_table_is_keyed_as_names_are_folded() -> None:
    assert [name for name in RULES if fold_name(name) != name] == []


@pytest.mark.parametrize(
    ("kind", "action"),
    [
        ("identify", Action.IDENTIFY),
        ("page", Action.PAGE),
        ("screen", Action.PAGE),
        ("group", Action.OTHER),
        ("alias", Action.OTHER),
    ],
)
def test_kinds(kind: EventKind, action: Action) -> None:
    assert meaning_of(event(kind=kind), DEFAULTS) == Meaning(action=action)


def test_own_names_and_weights_come_first() -> None:
    settings = EventSettings(
        names={"Recipe Cooked": ("add", 2.0), "product viewed": ("list", 0.5)},
        weights={"add": 3.0},
    )
    check_names(settings)
    cooked = meaning("recipe cooked", settings, item_id="r1")
    assert (cooked.action, cooked.weight, cooked.lines) == (Action.ADD, 6.0, (Line("r1"),))
    assert meaning("Product Viewed", settings).action == Action.LIST
    assert meaning("Product Added", settings).weight == 3.0


@pytest.mark.parametrize(
    "settings", [EventSettings(names={"X": ("eat", 1.0)}), EventSettings(weights={"eat": 1.0})]
)
def test_an_action_that_does_not_exist_is_named(settings: EventSettings) -> None:
    with pytest.raises(InvalidInput, match="'eat'; choose one of view, "):
        check_names(settings)


# -- items and money -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("properties", "lines"),
    [
        ({}, ()),
        ({"product_id": "p", "sku": "s", "id": "i"}, (Line("p"),)),
        ({"sku": "s", "price": "€ 1.234,50", "quantity": "2"}, (Line("s", 2.0, 1234.5),)),
        ({"item_id": 7}, (Line("7"),)),
        ({"content_asset_ids": ["v1", "v2"]}, (Line("v1"), Line("v2"))),
        ({"recipe_id": "r"}, (Line("r"),)),
        ({"product_id": "p", "price": -1, "quantity": 0}, (Line("p"),)),
        ({"product_id": "p", "price": "nan", "quantity": True}, (Line("p"),)),
        ({"products": [], "product_id": "p"}, (Line("p"),)),
        (
            {"products": [{"product_id": "a", "price": 5, "quantity": 3}, "b", None, {"x": 1}]},
            (Line("a", 3.0, 5.0), Line("b")),
        ),
    ],
)
def test_items(properties: dict[str, Any], lines: tuple[Line, ...]) -> None:
    assert meaning("Product Added", **properties).lines == lines


def test_what_was_searched_or_checked_out_is_not_engaged_with() -> None:
    found = meaning("Products Searched", query="cod", products=["p"], category="fish")
    assert (found.query, found.lines, found.attributes) == ("cod", (), ("category=fish",))
    assert meaning("Cart Viewed", products=["p"]).lines == ()


def test_attributes_of_the_event_and_of_its_products() -> None:
    found = meaning(
        "Order Completed",
        category=["fish", "fish"],
        products=[{"product_id": "a", "brand": " Acme "}, {"product_id": "b", "category": ""}],
    )
    assert found.attributes == ("category=fish", "brand=Acme")


@pytest.mark.parametrize(
    ("properties", "amount"),
    [
        ({"total": 30, "revenue": 25, "value": 20}, 30.0),
        ({"revenue": "25.50", "value": 20}, 25.5),
        ({"value": 20}, 20.0),
        ({"total": None, "products": [{"sku": "a", "price": 2, "quantity": 3}, "b"]}, 6.0),
        ({"total": -12}, 12.0),
        ({"total": "free"}, 0.0),
        ({}, 0.0),
    ],
)
def test_money(properties: dict[str, Any], amount: float) -> None:
    assert meaning("Order Completed", order_id=17, **properties).amount == amount
    assert meaning("Order Completed", order_id=17, **properties).order_id == "17"
    assert meaning("Order Refunded", order_id="o", **properties).amount == amount
    assert meaning("Product Viewed", order_id="o", **properties).amount == 0.0


@pytest.mark.parametrize(
    ("written", "value"),
    [
        *((12, 12.0), ("12", 12.0), ("12.5", 12.5), ("12,5", 12.5), ("$1,234.50", 1234.5)),
        *(
            ("1.234,50 €", 1234.5),
            ("1,234", 1234.0),
            ("1,234,567", 1234567.0),
            ("CHF 1'200", 1200.0),
        ),
        *(("-3", -3.0), ("", None), ("abc", None), (True, None), (None, None), ([], None)),
        *((math.nan, None), (math.inf, None), (10**400, None), ("9" * 400, None), (".", None)),
    ],
)
def test_numbers(written: object, value: float | None) -> None:
    assert number(written) == value


def test_references() -> None:
    found = meaning("Experience Viewed", decision_id="d", experience_id="e", placement="hero")
    assert (found.decision_id, found.experience_id, found.placement_id) == ("d", "e", "hero")
    promotion = meaning("Promotion Clicked", promotion_id="sale", position="home_top")
    assert (promotion.experience_id, promotion.placement_id) == ("sale", "home_top")
    mail = meaning("Email Link Clicked", decision_id="d")
    assert (mail.decision_id, mail.channel) == ("d", "email")
    assert meaning("Unsubscribed", channel="sms").channel == "sms"


# -- what people say -----------------------------------------------------------------------------


def test_consent_in_the_context_of_any_event() -> None:
    context = {
        "consent": {"categoryPreferences": {"email": True, "ads": "false", "x": "?", "y": 3}}
    }
    kinds: tuple[EventKind, ...] = ("track", "identify", "page", "group")
    for kind in kinds:
        found = meaning_of(event("E", kind=kind, context=context), DEFAULTS)
        assert found.consent == {"email": True, "ads": False}


def test_consent_in_traits() -> None:
    traits = {
        "consent": {"email": True},
        "email_opt_in": False,
        "marketing_opt_in": "yes",
        "_opt_in": True,
    }
    found = meaning_of(event(kind="identify", traits=traits), DEFAULTS)
    assert found.consent == {"email": True, "marketing": True}


@pytest.mark.parametrize(
    ("name", "properties", "consent"),
    [
        ("Consent Given", {"purpose": "email"}, {"email": True}),
        ("consent withdrawn", {"purposes": ["email", "ads"]}, {"email": False, "ads": False}),
        ("Consent Given", {}, {}),
        ("Unsubscribed", {}, {"email": False}),
        ("Unsubscribed", {"channel": "sms", "purpose": "news"}, {"channel:sms:news": False}),
        ("SMS Unsubscribed", {"purpose": "news"}, {"channel:sms:news": False}),
        ("Unsubscribed", {"purpose": "news"}, {"news": False, "email": False}),
        ("Consent Given", {"channel": "sms", "purpose": "news"}, {"channel:sms:news": True}),
        ("Email Bounced", {"permanent": True, "email": " A@b.x "}, {"bounced:email:a@b.x": False}),
        ("SMS Bounced", {"permanent": True}, {"bounced:sms": False}),
        ("Email Bounced", {"permanent": False, "email": "a@b.x"}, {}),
        ("Email Bounced", {}, {}),
        ("Push Unsubscribed", {}, {"push": False}),
        ("Email Marked as Spam", {}, {"email": False}),
        ("Product Viewed", {"purpose": "email"}, {}),
    ],
)
def test_consent_by_event(name: str, properties: dict[str, Any], consent: dict[str, bool]) -> None:
    assert meaning(name, **properties).consent == consent


@pytest.mark.parametrize(
    ("properties", "preferences"),
    [
        ({"attribute": "diet", "value": "vegan", "preference": "like"}, {"diet=vegan": 1}),
        (
            {"attribute": "diet", "value": ["a", "b"], "preference": "Dislike"},
            {"diet=a": -1, "diet=b": -1},
        ),
        ({"attribute": "diet", "value": "vegan", "preference": "none"}, {"diet=vegan": 0}),
        ({"attribute": "diet", "value": "vegan", "preference": "meh"}, {}),
        ({"attribute": "diet", "preference": "like"}, {}),
        ({"likes": ["a=b"], "dislikes": ["c=d"]}, {"a=b": 1, "c=d": -1}),
    ],
)
def test_declared_preferences(properties: dict[str, Any], preferences: dict[str, int]) -> None:
    assert meaning("Preference Declared", **properties).preferences == preferences


def test_preferences_in_traits() -> None:
    traits = {"likes": ["diet=vegan", "fish", 3, "=x", "y="], "dislikes": "diet=vegan"}
    assert meaning_of(event(kind="identify", traits=traits), DEFAULTS).preferences == {
        "diet=vegan": -1
    }


# -- anything at all -----------------------------------------------------------------------------

ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3)
    ),
    max_leaves=8,
)
KEYS = (
    *("product_id", "price", "quantity", "total", "products", "category", "brand", "order_id"),
    *("channel", "purpose", "attribute", "value", "preference", "likes", "query", "placement"),
)


@given(
    st.sampled_from([*RULES, "Other"]),
    st.fixed_dictionaries({}, optional=dict.fromkeys(KEYS, ANY)),
    st.fixed_dictionaries({}, optional=dict.fromkeys(["consent", "likes", "x_opt_in"], ANY)),
)
def test_any_event_has_a_finite_meaning(
    name: str, properties: dict[str, Any], traits: dict[str, Any]
) -> None:
    kinds: tuple[EventKind, ...] = ("track", "identify", "page")
    for kind in kinds:
        found = meaning_of(
            event(name, kind=kind, properties=properties, traits=traits, context=traits),
            DEFAULTS,
        )
        assert math.isfinite(found.amount)
        assert found.amount >= 0
        for line in found.lines:
            assert line.item_id
            assert math.isfinite(line.quantity)
            assert line.quantity > 0
            assert line.price is None or (math.isfinite(line.price) and line.price >= 0)
        again = msgspec.msgpack.decode(msgspec.msgpack.encode(found), type=Meaning)
        assert again == found


@pytest.mark.parametrize(
    ("made", "action"),
    [
        (event("Basket Reminded"), Action.REPORT),
        (event(kind="identify", traits={"plan": "gold"}), Action.REPORT),
        (event("Email Delivered"), Action.EXPOSE),
        (event("Order Completed"), Action.PURCHASE),
    ],
)
def test_what_the_engine_logs_itself_is_no_sign_of_life(made: Event, action: Action) -> None:
    own = msgspec.structs.replace(made, context={"library": {"name": "eachwise"}})
    assert meaning_of(own, DEFAULTS).action == action
    assert meaning_of(made, DEFAULTS).action in {Action.OTHER, Action.IDENTIFY, action}
