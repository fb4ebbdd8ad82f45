"""What journeys would have done, had they been live while the log's last days happened."""

from __future__ import annotations

import msgspec


class SimulatedStep(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What came of the contacts that one step asked for.

    outcomes:    ``sent``, ``silence``, ``held``, ``outbid`` → how often
    held_by:     filter → how often it had the last word
    experiences: what was sent → how often
    """

    step: str
    outcomes: dict[str, int] = {}
    held_by: dict[str, int] = {}
    experiences: dict[str, int] = {}


class SimulatedDay(msgspec.Struct, kw_only=True, omit_defaults=True):
    """One day by UTC. ``contacts``: ``PLACEMENT/EXPERIENCE`` → messages."""

    day: str
    entered: int = 0
    contacts: dict[str, int] = {}


class SimulatedJourney(msgspec.Struct, kw_only=True, omit_defaults=True):
    """One journey of the file.

    entered:  instances that began, those withheld among them, by what began them
    withheld: of them, those of the holdout
    statuses: where they stand at the end of the time; ``live``: the steps of those still active
    effects:  ``call`` and ``event`` → how many would have been made
    unsent:   messages that the moment of sending stopped: why → how many
    """

    journey_id: str
    entered: dict[str, int] = {}
    withheld: int = 0
    statuses: dict[str, int] = {}
    live: dict[str, int] = {}
    steps: list[SimulatedStep] = []
    days: list[SimulatedDay] = []
    effects: dict[str, int] = {}
    unsent: dict[str, int] = {}


class SimulatedContact(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What one person was given, or why nothing."""

    at: str
    individual_id: str
    journey_id: str
    step: str
    outcome: str
    key: str = ""
    placement_id: str = ""
    experience_id: str = ""
    reason: str = ""


class Simulation(msgspec.Struct, kw_only=True):
    """The whole of it. ``share``: of the people whose events were read; ``people``: how many those were."""

    since: str
    until: str
    events: int
    people: int
    share: float
    journeys: list[SimulatedJourney]
    contacts: list[SimulatedContact]
