"""What track names mean: Segment's e-commerce, e-mail, push and video specs, content, our own.

Engagement (view, search, add, purchase, share, click) weighs 1.0 alike, as measured (docs/discussions/measured.md).
LIST and EXPOSE weigh 1.0 of *shown* mass, which is not engagement. A weight of 0 adds no mass.
"""

from __future__ import annotations

from typing import NamedTuple

from eachwise.contracts.events import Action

# Actions whose event is about items; another's products are not what the person engaged with.
_ITEMS = frozenset(
    {
        *(Action.VIEW, Action.ADD, Action.REMOVE, Action.PURCHASE, Action.REFUND, Action.SHARE),
        *(Action.LIST, Action.EXPOSE, Action.CLICK, Action.DISMISS, Action.HIDE, Action.BOUNCE),
    }
)
_MONEY = frozenset({Action.PURCHASE, Action.REFUND})
_CONSENT = frozenset({Action.UNSUBSCRIBE, Action.COMPLAIN, Action.DECLARE})


class Rule(NamedTuple):
    """What a name means, and what of its properties is read. ``channel``: where the name says it was."""

    action: Action
    weight: float
    channel: str
    items: bool
    money: bool
    consent: bool


def rule(action: Action, weight: float, channel: str = "") -> Rule:
    """A name's rule; what is read follows from its action."""
    return Rule(action, weight, channel, action in _ITEMS, action in _MONEY, action in _CONSENT)


_VIEW = rule(Action.VIEW, 1.0)
_ADD = rule(Action.ADD, 1.0)
_SHARE = rule(Action.SHARE, 1.0)
_LIST = rule(Action.LIST, 1.0)
_SEARCH = rule(Action.SEARCH, 1.0)
_PURCHASE = rule(Action.PURCHASE, 1.0)
_EXPOSE = rule(Action.EXPOSE, 1.0)
_CLICK = rule(Action.CLICK, 1.0)
_REMOVE = rule(Action.REMOVE, 0.0)
_REFUND = rule(Action.REFUND, 0.0)
_DISMISS = rule(Action.DISMISS, 0.0)
_HIDE = rule(Action.HIDE, 0.0)
_BOUNCE = rule(Action.BOUNCE, 0.0)
_OTHER = rule(Action.OTHER, 0.0)


# Keys as `maths.words.fold_name` writes them: lower case, single blanks.
RULES: dict[str, Rule] = {
    # browsing
    "product viewed": _VIEW,
    "product clicked": _VIEW,
    "item viewed": _VIEW,
    "item clicked": _VIEW,
    "product bounced": _BOUNCE,
    "item bounced": _BOUNCE,
    "content bounced": _BOUNCE,
    "article bounced": _BOUNCE,
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
    "email delivered": rule(Action.EXPOSE, 1.0, "email"),
    "email opened": rule(Action.VIEW, 1.0, "email"),
    "email link clicked": rule(Action.CLICK, 1.0, "email"),
    "email bounced": rule(Action.REPORT, 0.0, "email"),
    "email marked as spam": rule(Action.COMPLAIN, 0.0, "email"),
    "unsubscribed": rule(Action.UNSUBSCRIBE, 0.0, "email"),
    "email unsubscribed": rule(Action.UNSUBSCRIBE, 0.0, "email"),
    "push notification received": rule(Action.EXPOSE, 1.0, "push"),
    "push notification tapped": rule(Action.CLICK, 1.0, "push"),
    "push notification bounced": rule(Action.REPORT, 0.0, "push"),
    "push notification dismissed": rule(Action.DISMISS, 0.0, "push"),
    "push unsubscribed": rule(Action.UNSUBSCRIBE, 0.0, "push"),
    "push subscribed": rule(Action.DECLARE, 0.0, "push"),
    "message delivered": _EXPOSE,
    "sms delivered": rule(Action.EXPOSE, 1.0, "sms"),
    "sms link clicked": rule(Action.CLICK, 1.0, "sms"),
    "sms bounced": rule(Action.REPORT, 0.0, "sms"),
    "sms unsubscribed": rule(Action.UNSUBSCRIBE, 0.0, "sms"),
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
    "preference declared": rule(Action.DECLARE, 0.0),
    "consent given": rule(Action.DECLARE, 0.0),
    "consent withdrawn": rule(Action.DECLARE, 0.0),
    "not me": rule(Action.NOT_ME, 0.0),
}
UNKNOWN = _OTHER
