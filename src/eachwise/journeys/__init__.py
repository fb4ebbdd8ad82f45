"""Journeys: specifications as data, and the pure step that moves one person on in one.

``parse_journeys`` reads them; ``entered_by``, ``may_enter``, ``withheld`` and ``new_instance`` begin one for a person;
``step`` moves it: (instance, trigger, what is known) → (instance, commands). Nothing here reads a clock or a store.
"""

from eachwise.journeys.entering import (
    Entered,
    entered_by,
    entry_holds,
    hears_all,
    may_enter,
    names_of,
    new_instance,
    share_of,
    withheld,
)
from eachwise.journeys.feeding import Beside, endless
from eachwise.journeys.reading import journeys_from, parse_journeys
from eachwise.journeys.recording import Recorded, from_lines, record, replay, to_lines
from eachwise.journeys.scope import JOURNEY, Knows, holds, key_of, lookup_of, rule_of
from eachwise.journeys.standing import deferred, merged, moved
from eachwise.journeys.stepping import next_moment, step
from eachwise.journeys.words import duration_text, moment_text, parse_duration
from eachwise.journeys.writing import journeys_as_json

__all__ = [
    "JOURNEY",
    "Beside",
    "Entered",
    "Knows",
    "Recorded",
    "deferred",
    "duration_text",
    "endless",
    "entered_by",
    "entry_holds",
    "from_lines",
    "hears_all",
    "holds",
    "journeys_as_json",
    "journeys_from",
    "key_of",
    "lookup_of",
    "may_enter",
    "merged",
    "moment_text",
    "moved",
    "names_of",
    "new_instance",
    "next_moment",
    "parse_duration",
    "parse_journeys",
    "record",
    "replay",
    "rule_of",
    "share_of",
    "step",
    "to_lines",
    "withheld",
]
