"""What can be done for a person, and where it can appear. Declared in YAML or by PUT; silence is always one more."""

from __future__ import annotations

from typing import Any, Literal, get_args

import msgspec

from eachwise.contracts.catalog import ItemQuery

SILENCE = "silence"

Stage = Literal["new", "known", "engaged", "customer", "repeat"]
# The rungs, from the lowest on.
STAGES: tuple[Stage, ...] = get_args(Stage)
Channel = Literal["web", "app", "email", "push", "sms", "webhook"]
# Channels on which the person came to us: allowed while consent is unknown. All others need it.
ONSITE_CHANNELS = frozenset({"web", "app"})
# Channels on which we reach out.
OUTBOUND_CHANNELS = frozenset({"email", "push", "sms", "webhook"})
# Of gaps: a contact on whichever outbound channel.
ANY_CHANNEL = "any"
# The bounds of the operator's multiplier of value.
LEVER_MIN, LEVER_MAX = 0.1, 10.0


class Eligibility(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True
):
    """Who may get an experience. Everything stated must hold; an empty statement holds for everyone.

    ``when`` is a rule in the expression language of docs/reference/rules.md, over the person, the moment and the
    experience.
    """

    stages: list[Stage] = []
    lapsed: bool | None = None
    traits: dict[str, list[Any]] = {}
    context: dict[str, list[Any]] = {}
    when: str = ""


class Cap(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True
):
    """At most ``count`` exposures per person within the last ``window_s`` seconds.

    ``of`` says what is counted: of an experience's cap this experience, its group, the placement's channel, all
    outbound channels together (e-mail, push, SMS, webhook), or anything at all. Empty: this experience (a placement's
    cap: the placement's channel; the contact policy's: all outbound channels).
    """

    count: int
    window_s: int
    of: Literal["", "experience", "group", "channel", "outbound", "person"] = ""


class Budget(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True
):
    """What all people together may use of an experience: ``limit`` within the last ``window_s`` seconds.

    ``unit``: exposures, take-ups (a stock), or the money that exposures cost. ``window_s`` 0: for ever, a stock.
    """

    limit: float
    unit: Literal["exposures", "takeups", "cost"] = "exposures"
    window_s: int = 0


class Experience(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True
):
    """One thing that can be done for a person.

    ``value`` is the money that one take-up is worth, ``margin`` what a purchase that follows it earns besides,
    ``cost`` the money one exposure costs, ``lever`` the operator's bounded multiplier of value (0.1–10). ``items``
    fills it with items of the catalogue; ``attributes`` are what the experience is about when no items say so.
    Experiences of one ``group`` exclude one another on a page and share caps ``of: group``. ``risk: hard`` is never
    shown for the sake of learning.
    """

    experience_id: str
    title: str = ""
    kind: Literal["offer", "message", "content", "list"] = "content"
    placements: list[str] = []
    attributes: dict[str, str | list[str]] = {}
    items: ItemQuery | None = None
    eligibility: Eligibility = Eligibility()
    caps: list[Cap] = []
    group: str = ""
    risk: Literal["normal", "hard"] = "normal"
    budgets: list[Budget] = []
    value: float = 1.0
    margin: float = 0.0
    cost: float = 0.0
    lever: float = 1.0
    starts_at: str | None = None
    ends_at: str | None = None
    content: dict[str, Any] = {}


class Placement(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True
):
    """Where an experience can appear.

    ``purpose`` is the consent purpose an appearance needs on outbound channels; ``outcome_window_s`` how long
    after an exposure a take-up still counts; ``reserve_s`` how long an unconfirmed decision holds its place
    under the frequency caps; ``caps`` bind all experiences of the placement's channel together; within ``sticky_s``
    of a decision a person gets the same again; in ``quiet_hours`` (``22:00-08:00``, the person's local time) nothing
    is shown; ``cost`` is the money of one contact here, whatever is shown.

    ``transactional`` (outbound only): what is asked for by name goes out with probability 1. Consent, quiet hours,
    caps, gaps and budgets do not bind it and its contacts count for none of them; an address that takes nothing any
    more, and an experience that the person hid, still do.
    """

    placement_id: str
    title: str = ""
    channel: Channel = "web"
    purpose: str = "personalization"
    count: int = 6
    outcome_window_s: int = 1800
    reserve_s: int = 300
    caps: list[Cap] = []
    sticky_s: int = 0
    quiet_hours: str = ""
    cost: float = 0.0
    transactional: bool = False


class ContactPolicy(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True
):
    """What binds every outbound placement beside what it says itself: the stricter of the two holds.

    caps:        counted per person over all placements and journeys; ``of`` empty: all outbound channels together
    gaps:        channel → the least seconds between two contacts on it; ``any``: between two on whichever channel
    quiet_hours: ``22:00-08:00`` on the person's clock; ``channel_quiet_hours`` are a channel's own instead ("": none)
    """

    caps: list[Cap] = []
    gaps: dict[str, int] = {}
    quiet_hours: str = ""
    channel_quiet_hours: dict[Channel, str] = {}


class Template(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True
):
    """A frame that several experiences share: their ``content`` names it as ``layout``.

    ``html`` and ``text`` say by ``{{ content }}`` where the experience's own part goes; empty: that part has no frame.
    """

    template_id: str
    html: str = ""
    text: str = ""


class Definitions(msgspec.Struct, frozen=True, kw_only=True):
    """Every experience and placement at one version, and the contact policy over them.

    groups_gone: of experiences that earlier versions declared and this one does not → their group: what a person was
                 shown of a group counts when the experience is gone
    """

    version: int = 0
    placements: dict[str, Placement] = {}
    experiences: dict[str, Experience] = {}
    contact: ContactPolicy = ContactPolicy()
    templates: dict[str, Template] = {}
    groups_gone: dict[str, str] = {}
