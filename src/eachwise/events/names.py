"""What track names mean: Segment's e-commerce, e-mail, push and video specs, content, our own.

Engagement (view, search, add, purchase, share, click) weighs 1.0 alike, as measured (DESIGN.md).
LIST and EXPOSE weigh 1.0 of *shown* mass, which is not engagement. A weight of 0 adds no mass.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

from eachwise.contracts.events import Action


class Rule(NamedTuple):
    """What a name means. ``channel`` is where the name itself says it happened."""

    action: Action
    weight: float
    channel: str = ""


_VIEW = Rule(Action.VIEW, 1.0)
_ADD = Rule(Action.ADD, 1.0)
_SHARE = Rule(Action.SHARE, 1.0)
_LIST = Rule(Action.LIST, 1.0)
_SEARCH = Rule(Action.SEARCH, 1.0)
_PURCHASE = Rule(Action.PURCHASE, 1.0)
_EXPOSE = Rule(Action.EXPOSE, 1.0)
_CLICK = Rule(Action.CLICK, 1.0)
_REMOVE = Rule(Action.REMOVE, 0.0)
_REFUND = Rule(Action.REFUND, 0.0)
_DISMISS = Rule(Action.DISMISS, 0.0)
_HIDE = Rule(Action.HIDE, 0.0)
_OTHER = Rule(Action.OTHER, 0.0)


def _on(channel: str, action: Action, weight: float) -> Rule:
    return Rule(action, weight, channel)


# Keys as `fold_name` writes them: lower case, single blanks.
RULES: dict[str, Rule] = {
    # browsing
    "product viewed": _VIEW,
    "product clicked": _VIEW,
    "item viewed": _VIEW,
    "item clicked": _VIEW,
    "products searched": _SEARCH,
    "product list viewed": _LIST,
    "product list filtered": _LIST,
    # the cart and the wish list
    "product added": _ADD,
    "product added to wishlist": _ADD,
    "wishlist product added to cart": _ADD,
    "product removed": _REMOVE,
    "product removed from wishlist": _REMOVE,
    "cart viewed": _OTHER,
    # ordering
    "checkout started": _OTHER,
    "checkout step viewed": _OTHER,
    "checkout step completed": _OTHER,
    "payment info entered": _OTHER,
    "order completed": _PURCHASE,
    "order updated": _OTHER,
    "order refunded": _REFUND,
    "order cancelled": _REFUND,
    "order canceled": _REFUND,
    "coupon entered": _OTHER,
    "coupon applied": _OTHER,
    "coupon denied": _OTHER,
    "coupon removed": _OTHER,
    # telling others
    "product shared": _SHARE,
    "cart shared": _SHARE,
    "product reviewed": _SHARE,
    # what was put before the person, and the answer
    "promotion viewed": _EXPOSE,
    "promotion clicked": _CLICK,
    "promotion dismissed": _DISMISS,
    "experience viewed": _EXPOSE,
    "experience clicked": _CLICK,
    "experience dismissed": _DISMISS,
    "experience hidden": _HIDE,
    "item hidden": _HIDE,
    "product hidden": _HIDE,
    "not for me": _HIDE,
    "not interested": _HIDE,
    # messages: delivery is our act and an exposure, opening is the person's
    "email delivered": _on("email", Action.EXPOSE, 1.0),
    "email opened": _on("email", Action.VIEW, 1.0),
    "email link clicked": _on("email", Action.CLICK, 1.0),
    "email bounced": _on("email", Action.OTHER, 0.0),
    "email marked as spam": _on("email", Action.COMPLAIN, 0.0),
    "unsubscribed": _on("email", Action.UNSUBSCRIBE, 0.0),
    "email unsubscribed": _on("email", Action.UNSUBSCRIBE, 0.0),
    "push notification received": _on("push", Action.EXPOSE, 1.0),
    "push notification tapped": _on("push", Action.CLICK, 1.0),
    "push notification bounced": _on("push", Action.OTHER, 0.0),
    "push notification dismissed": _on("push", Action.DISMISS, 0.0),
    "push unsubscribed": _on("push", Action.UNSUBSCRIBE, 0.0),
    "sms delivered": _on("sms", Action.EXPOSE, 1.0),
    "sms link clicked": _on("sms", Action.CLICK, 1.0),
    "sms unsubscribed": _on("sms", Action.UNSUBSCRIBE, 0.0),
    # reading, watching, listening
    "article viewed": _VIEW,
    "article read": _VIEW,
    "article completed": _VIEW,
    "article shared": _SHARE,
    "recipe viewed": _VIEW,
    "content viewed": _VIEW,
    "content shared": _SHARE,
    "video playback started": _VIEW,
    "video playback completed": _OTHER,
    "video content started": _VIEW,
    "video content playing": _OTHER,
    "video content completed": _VIEW,
    "song played": _VIEW,
    "song completed": _VIEW,
    "track played": _VIEW,
    "episode played": _VIEW,
    # what the person says
    "preference declared": Rule(Action.DECLARE, 0.0),
    "consent given": Rule(Action.DECLARE, 0.0),
    "consent withdrawn": Rule(Action.DECLARE, 0.0),
}
UNKNOWN = _OTHER


@lru_cache(maxsize=4096)
def fold_name(name: str) -> str:
    """A name whatever its case, underscores, blanks: ``product_viewed`` is ``Product Viewed``."""
    return " ".join(name.replace("_", " ").casefold().split())
