"""``eachwise journey simulate``: what journeys would have done, had they been live in the log's last days."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Mapping

import msgspec

from eachwise.bootstrap import simulate_journeys
from eachwise.cli.feeds.rows import unreadable
from eachwise.contracts.errors import InvalidInput
from eachwise.contracts.simulation import (
    SimulatedContact,
    SimulatedJourney,
    SimulatedStep,
    Simulation,
)
from eachwise.settings import load_settings

DAYS_MAX = 366.0


def simulate(parsed: argparse.Namespace) -> None:
    """Print who would have got what, when, and what would have held the others back."""
    if not 0.0 < parsed.days <= DAYS_MAX:
        raise InvalidInput(f"--days: must be above 0 and at most {DAYS_MAX:g}", field="days")
    if not 0.0 < parsed.share <= 1.0:
        raise InvalidInput("--share: must be above 0 and at most 1", field="share")
    try:
        document = parsed.file.read_bytes()
    except OSError as error:
        raise unreadable(parsed.file, error) from None
    found = simulate_journeys(
        parsed.store,
        document,
        settings=load_settings(parsed.settings),
        days=parsed.days,
        share=parsed.share,
    )
    if parsed.json:
        sys.stdout.write(msgspec.json.encode(found).decode() + "\n")
        return
    print("\n".join(_lines(found)))
    if parsed.people:
        print("\n".join(_contact_line(each) for each in found.contacts) or "nobody")


def _lines(found: Simulation) -> Iterator[str]:
    share = "" if found.share == 1.0 else f", {found.share:.0%} of all"
    yield (
        f"{found.since} to {found.until}: {found.events:,} events; "
        f"{found.people:,} people{share}; nothing was sent"
    )
    for journey in found.journeys:
        yield from _journey_lines(journey)


def _journey_lines(journey: SimulatedJourney) -> Iterator[str]:
    entered = sum(journey.entered.values())
    yield f"{journey.journey_id}: {entered:,} entered ({_counts(journey.entered) or 'nobody'})"
    if journey.withheld:
        yield f"  withheld from {journey.withheld:,} (holdout)"
    yield f"  at the end: {_counts(journey.statuses) or 'nobody'}"
    if journey.live:
        yield f"  still at: {_counts(journey.live)}"
    for step in journey.steps:
        yield f"  {_step_words(step)}"
    for name, count in journey.effects.items():
        yield f"  {name}s: {count:,}"
    for reason, count in journey.unsent.items():
        yield f"  not sent after all, {count:,}: {reason}"
    for day in journey.days:
        contacts = _counts(day.contacts)
        yield f"  {day.day}  {day.entered:6,} entered{'  ' if contacts else ''}{contacts}"


def _step_words(step: SimulatedStep) -> str:
    words = [f"{step.step}: {_counts(step.outcomes)}"]
    if step.experiences:
        words.append(f"sent: {_counts(step.experiences)}")
    if step.held_by:
        words.append(f"held by: {_counts(step.held_by)}")
    return "; ".join(words)


def _counts(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{count:,} {name}" for name, count in counts.items())


def _contact_line(contact: SimulatedContact) -> str:
    key = f" [{contact.key}]" if contact.key else ""
    what = contact.experience_id or contact.reason
    return (
        f"{contact.at}  {contact.individual_id}{key}  {contact.journey_id}/{contact.step}  "
        f"{contact.placement_id}: {contact.outcome} {what}".rstrip()
    )
