"""Journeys: a goal for a relationship over time, as data; where one person stands in one; what moves it on.

A journey is declared in YAML or by PUT (docs/reference/journeys.md) and kept by version: people finish on the version
that they began, or are moved by a declared rule. Times are microseconds since 1970-01-01 UTC, durations seconds.
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from eachwise.contracts.experience import Stage

# Where an instance may stand. Only ``active`` ones go on; ``holdout``: the journey was withheld, and nothing is done.
# Whether a goal was reached is counted for all alike, from the log (``measure``).
Status = Literal["active", "holdout", "goal", "exited", "completed", "merged"]
CatalogChange = Literal["back_in_stock", "price_drop", "new_item"]
# What became of a contact that a step asked for.
#   sent     it is in the outbox (or was picked up on a page)
#   silence  the engine chose that nothing is better, or nothing was left to choose from
#   held     a filter stood against it until its time was over; ``reason`` names the filter
#   outbid   something else was better for this person in every slot until its time was over
Outcome = Literal["sent", "silence", "held", "outbid"]


class _Data(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A part of a journey: immutable, by keyword, defaults left out where written."""


class Goal(_Data, frozen=True):
    """What a journey is for: an event, or a stage that is reached; ``when`` is a rule over person and event.

    Reached, it ends the instance at once. It counts as reached within ``within_s`` of the entry, in both arms.
    """

    event: str = ""
    stage: Stage | Literal[""] = ""
    when: str = ""
    within_s: int = 30 * 86_400


class Exit(_Data, frozen=True):
    """What ends a journey early: an event, or a rule that holds when the person next moves or does something."""

    event: str = ""
    when: str = ""
    reason: str = ""


class Schedule(_Data, frozen=True):
    """``at`` minutes after midnight, on these weekdays (0 = Monday; none: every day), in this zone (IANA name)."""

    at: int
    weekdays: tuple[int, ...] = ()
    timezone: str = "UTC"


class Entry(_Data, frozen=True):
    """What begins a journey: exactly one of event, stage, schedule, catalog or api.

    event:      a track name (``page`` and ``screen`` views by ``page NAME``; ``identify``)
    stage:      the person rises to this stage
    schedule:   at this time, everybody for whom ``when`` holds
    catalog:    an item comes back, gets cheaper by ``drop_min`` of its price, or is new; for people who engaged with
                it, or, of a new item, the ``people_max`` whom it suits best
    api:        ``POST /v1/journeys/ID/enter`` only (it is open to every journey)
    key:        the property whose value tells a person's instances apart (dots go into mappings); empty: one a person
    when:       a rule over the person and ``event.NAME``, the properties of what began it
    """

    event: str = ""
    stage: Stage | Literal[""] = ""
    schedule: Schedule | None = None
    catalog: CatalogChange | Literal[""] = ""
    api: bool = False
    key: str = ""
    when: str = ""
    drop_min: float = 0.05
    people_max: int = 1000


class Decide(_Data, frozen=True, tag="decide"):
    """Ask for the next best experience for a placement, of ``experiences`` (none named: all of the placement).

    The contact is wanted from now until ``within_s`` later; the contact policy finds the slot.
    """

    placement: str
    experiences: tuple[str, ...] = ()
    within_s: int = 86_400
    send_time: Literal["now", "best"] = "best"


class Send(_Data, frozen=True, tag="send"):
    """Send this experience. It competes for the person's slot like any other, unless the placement is transactional."""

    placement: str
    experience: str
    within_s: int = 86_400
    send_time: Literal["now", "best"] = "best"


class Wait(_Data, frozen=True, tag="wait"):
    """Wait so many seconds."""

    seconds: int


class WaitUntil(_Data, frozen=True, tag="wait_until"):
    """Wait until the person's clock next shows ``at`` (minutes after midnight), on these weekdays (none: any)."""

    at: int
    weekdays: tuple[int, ...] = ()


class WaitFor(_Data, frozen=True, tag="wait_for"):
    """Wait for an event, at most ``within_s``; with ``key`` only one whose property has this instance's key.

    ``then`` of the step when it came, ``otherwise`` when it did not.
    """

    event: str
    within_s: int
    key: str = ""
    when: str = ""


class Case(_Data, frozen=True):
    """One way of a branch: where its rule holds, go on at this step."""

    when: str
    then: str


class Branch(_Data, frozen=True, tag="branch"):
    """Go on where the first rule holds, by what is known now; else at the step's ``otherwise``."""

    cases: tuple[Case, ...]


class Share(_Data, frozen=True):
    """A part of the people, by stable hash: a share of 1 in all."""

    then: str
    share: float


class Split(_Data, frozen=True, tag="split"):
    """Each person always goes the same way."""

    shares: tuple[Share, ...]


class Update(_Data, frozen=True, tag="update"):
    """Set traits of the person (an identify event of the engine's own)."""

    traits: dict[str, Any]


class Call(_Data, frozen=True, tag="webhook"):
    """Post ``body`` with what is known of the instance to a URL, signed, with retries."""

    url: str
    body: dict[str, Any] = {}


class Emit(_Data, frozen=True, tag="emit"):
    """Log an event of the person."""

    event: str
    properties: dict[str, Any] = {}


class Leave(_Data, frozen=True, tag="exit"):
    """The journey ends here."""

    reason: str = ""


Do = Decide | Send | Wait | WaitUntil | WaitFor | Branch | Split | Update | Call | Emit | Leave


class Step(_Data, frozen=True):
    """One step. ``then``: the step after it (empty: the next one in the list; after the last, the end).

    ``otherwise``: where to go on when what was waited for did not come, a contact was not sent, or no case of a branch
    holds (empty: as ``then``).
    """

    step_id: str
    do: Do
    then: str = ""
    otherwise: str = ""


class Journey(_Data, frozen=True):
    """A journey at one version.

    reentry:  ``once``; ``after`` an instance ended and ``reentry_after_s`` more; ``always``, beside those still live.
              Of one person and key there is never more than one live instance, unless ``always`` and keys differ
    holdout:  the share of people, by permanent stable hash, from whom it is withheld
    on_edit:  what becomes of those on an earlier version: they ``finish`` it, or ``move`` to this one, to the step of
              the same id or the one that ``moves`` names; where there is neither they finish
    """

    journey_id: str
    steps: tuple[Step, ...]
    entries: tuple[Entry, ...]
    version: int = 0
    title: str = ""
    goal: Goal | None = None
    exits: tuple[Exit, ...] = ()
    reentry: Literal["once", "after", "always"] = "once"
    reentry_after_s: int = 0
    holdout: float = 0.0
    on_edit: Literal["finish", "move"] = "finish"
    moves: dict[str, str] = {}
    paused: bool = False


class Asking(msgspec.Struct, frozen=True, array_like=True):
    """A contact that an instance wants: where, which experiences (none: any), and until when."""

    placement_id: str
    experiences: tuple[str, ...]
    until_us: int
    from_us: int
    send_time: str


class Instance(msgspec.Struct, frozen=True, array_like=True):
    """Where one person stands in one journey, for one key. A value: each move makes a new one.

    arm:        ``treated`` or ``holdout``
    step:       the step that it stands at, "" before the first
    path:       how many steps it has taken: how far it has come
    wake_at_us: when its timer is due; 0: none
    waiting:    the event that it waits for ("" none), folded as event names are
    asking:     the contact that it wants now
    facts:      what it began with (``event``), and what its steps brought (``contact``); rules read them
    contacts:   how many contacts it was given
    arriving:   its step has not begun: it does when the timer is due (at first, and once moved to another version)
    entered:    the version that it was entered at (0: ``version``), which stays when it is moved to another
    """

    instance_id: str
    journey_id: str
    version: int
    individual_id: str
    key: str
    arm: str
    status: Status
    step: str
    path: int
    entered_at_us: int
    moved_at_us: int
    wake_at_us: int = 0
    waiting: str = ""
    asking: Asking | None = None
    facts: dict[str, Any] = {}
    contacts: int = 0
    goal_at_us: int = 0
    ended_at_us: int = 0
    reason: str = ""
    arriving: bool = False
    entered: int = 0


class Begin(_Data, frozen=True, tag="begin"):
    """The instance begins. ``withheld``: it is of the holdout."""

    now_us: int
    withheld: bool = False


class Due(_Data, frozen=True, tag="due"):
    """Its timer is due."""

    now_us: int


class Happened(_Data, frozen=True, tag="happened"):
    """The person did something: an event's name and properties; ``stage``: the stage that it raised the person to."""

    now_us: int
    event: str
    properties: dict[str, Any] = {}
    message_id: str = ""
    stage: str = ""


class Answered(_Data, frozen=True, tag="answered"):
    """What became of the contact that it asked for."""

    now_us: int
    outcome: Outcome
    experience_id: str = ""
    decision_id: str = ""
    reason: str = ""


Trigger = Begin | Due | Happened | Answered


class Post(_Data, frozen=True, tag="post"):
    """Command: post to a URL. ``effect_id`` is the same whenever this step of this instance is computed again."""

    effect_id: str
    step: str
    url: str
    body: dict[str, Any]


class Log(_Data, frozen=True, tag="log"):
    """Command: log an event of the person (``traits`` set: an identify event)."""

    effect_id: str
    step: str
    event: str
    properties: dict[str, Any] = {}
    traits: dict[str, Any] = {}


Command = Post | Log


class Moved(_Data, frozen=True):
    """What one trigger did: the instance afterwards, and what is to be carried out."""

    instance: Instance
    commands: tuple[Command, ...] = ()


class JourneyView(msgspec.Struct, frozen=True, kw_only=True):
    """A journey with its counts: instances by status, by the step that live ones stand at, and by arm and status.

    ``journey`` is its newest version in the form in which journeys are put.
    """

    journey_id: str
    version: int
    journey: dict[str, Any]
    statuses: dict[str, int]
    steps: dict[str, int]
    arms: dict[str, dict[str, int]]


class InstanceView(_Data, frozen=True):
    """One instance, readable."""

    instance_id: str
    journey_id: str
    version: int
    individual_id: str
    key: str
    arm: str
    status: str
    step: str
    entered_at: str
    moved_at: str
    wake_at: str | None = None
    waiting: str = ""
    contacts: int = 0
    reason: str = ""


class EnterRequest(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """``POST /v1/journeys/ID/enter``. One of ``user_id``, ``anonymous_id`` or ``individual_id`` is required.

    key:        tells this person's instances apart, as an entry's ``key`` does
    properties: what rules, branches and templates read as ``event.NAME``
    request_id: makes a repeated request answer the same instance
    """

    user_id: str | None = msgspec.field(default=None, name="userId")
    anonymous_id: str | None = msgspec.field(default=None, name="anonymousId")
    individual_id: str | None = None
    key: str = ""
    properties: dict[str, Any] = {}
    request_id: str | None = None
