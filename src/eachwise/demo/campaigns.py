"""The demo's three journeys, as data, and what they send. Their hours are minutes here, so that one can watch."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

MAIL = "mail"
MAIL_ITEMS = 3
# Mails are answered within seconds here; who does not answer must not be waited for long.
MAIL_WINDOW_S = 60
MAILS_EVERY_S = 1_800
REMINDER, NOVELTY = "basket-reminder", "new-item"
# Who never left an address is no case for a mail.
REACHED = 'trait.email != ""'
SHOP = "https://polar-pantry.example"
# How the inhabitants recognise what a mail is about.
ORDER_LINE, ITEM_LINE = "Order ", "Article "

_LIST = f"""Picked for you:
{{% for item in items %}}* {{{{ item.title }}}}
{{% endfor %}}
{{{{ link("{SHOP}/") }}}}
"""
_REMINDER = f"""Your basket is kept for you.
{ORDER_LINE}{{{{ event.order_id | default("") }}}}
{ITEM_LINE}{{{{ event.item_id | default("") }}}}
{{{{ link("{SHOP}/basket") }}}}
"""
_NOVELTY = f"""New in the freezer, and it suits you: {{{{ event.title | default("have a look") }}}}.
{ITEM_LINE}{{{{ event.item_id | default("") }}}}
{{{{ link("{SHOP}/new") }}}}
"""

EXPERIENCES: tuple[dict[str, Any], ...] = (
    {
        "experience_id": REMINDER,
        "kind": "message",
        "title": "Your basket is waiting",
        "placements": [MAIL],
        "value": 15.0,
        "content": {"text": _REMINDER},
    },
    {
        "experience_id": NOVELTY,
        "kind": "message",
        "title": "Something new that suits you",
        "placements": [MAIL],
        "value": 8.0,
        "content": {"text": _NOVELTY},
    },
)


def mailed(experience: dict[str, Any]) -> dict[str, Any]:
    """An experience of the shop's with a mail's text."""
    return experience | {"content": {"text": _LIST}}


def mail_placement(placement: dict[str, Any]) -> dict[str, Any]:
    """The mail: one in half an hour to a person, whatever wants to send it."""
    return placement | {
        "count": MAIL_ITEMS,
        "outcome_window_s": MAIL_WINDOW_S,
        "caps": [{"count": 1, "window_s": MAILS_EVERY_S, "of": "channel"}],
    }


def journeys(experiences: Iterable[str]) -> dict[str, Any]:
    """The journeys as ``PUT /v1/journeys`` takes them; ``experiences`` are what the first purchase may be won with."""
    basket = {
        "journey_id": "abandoned-basket",
        "title": "Abandoned basket",
        "goal": {"event": "Order Completed", "when": "event.order_id == key", "within": "10m"},
        "entry": {"event": "Checkout Started", "key": "order_id", "when": REACHED},
        "reentry": "always",
        "holdout": 0.1,
        "steps": [
            _wait_for("finishes", "Order Completed", "20s", "finished", "remind", "order_id"),
            {
                "id": "remind",
                "send": _contact(experience=REMINDER),
                "else": "left_alone",
            },
            _wait_for("answers", "Email Link Clicked", "60s", "finished", "left_alone"),
            {"id": "finished", "exit": "finished it, or came back to it"},
            {"id": "left_alone", "exit": "left alone"},
        ],
    }
    first = {
        "journey_id": "first-purchase",
        "title": "From known to customer",
        "goal": {"stage": "customer", "within": "30m"},
        "entry": {
            "event": "Product Viewed",
            "when": f"orders.count == 0 and {REACHED}",
        },
        "reentry": {"after": "30m"},
        "holdout": 0.1,
        "steps": [
            {"id": "looks_on", "wait": "15s"},
            {"id": "best_mail", "decide": _contact(experiences=list(experiences)), "else": "rests"},
            _wait_for("answers", "Email Link Clicked", "60s", "rests", "rests"),
            {"id": "rests", "wait": "5m"},
        ],
    }
    novelty = {
        "journey_id": "something-new",
        "title": "Something new that suits you",
        "goal": {"event": "Email Link Clicked", "within": "10m"},
        "entry": {"catalog": "new_item", "people_max": 30, "when": REACHED},
        "reentry": {"after": "2m"},
        "holdout": 0.1,
        "steps": [
            {"id": "tell", "send": _contact(experience=NOVELTY), "else": "rests"},
            {"id": "rests", "wait": "2m"},
        ],
    }
    return {"journeys": [basket, first, novelty]}


def _contact(**what: Any) -> dict[str, Any]:
    return {"placement": MAIL, "within": "3m", "send_time": "now"} | what


def _wait_for(
    step_id: str, event: str, within: str, then: str, otherwise: str, key: str = ""
) -> dict[str, Any]:
    waited = {"event": event, "within": within} | ({"key": key} if key else {})
    return {"id": step_id, "wait_for": waited, "then": then, "else": otherwise}
