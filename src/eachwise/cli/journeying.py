"""Commands of journeys: put them, see who stands where, begin one for a person."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

import msgspec

from eachwise.cli.feeds.rows import unreadable
from eachwise.cli.where import engine_of
from eachwise.contracts.errors import InvalidInput
from eachwise.contracts.journey import InstanceView, JourneyView
from eachwise.identity import is_typed

# Whatever else a step has says what it does.
_OF_EVERY_STEP = ("id", "then", "else")


def put(parsed: argparse.Namespace) -> None:
    """Take a file's journeys in."""
    document = _read(parsed.file)
    with engine_of(parsed) as engine:
        taken = engine.put_journeys(document)
    if parsed.json:
        _print_json(taken)
        return
    for journey in taken:
        steps = len(journey.journey["steps"])
        print(f"{journey.journey_id}: version {journey.version}, {steps} steps")


def journeys(parsed: argparse.Namespace) -> None:
    """Print every journey with its counts."""
    with engine_of(parsed) as engine:
        views = engine.journeys()
    if parsed.json:
        _print_json(views)
        return
    for view in views:
        print(_headline(view))
    if not views:
        print("no journeys; eachwise journey put FILE adds some")


def show(parsed: argparse.Namespace) -> None:
    """Print one journey with the people at each step."""
    with engine_of(parsed) as engine:
        view = engine.journey(parsed.id)
    if parsed.json:
        _print_json(view)
        return
    print("\n".join(_lines(view)))


def people(parsed: argparse.Namespace) -> None:
    """Print who stands where in a journey."""
    with engine_of(parsed) as engine:
        found = engine.journey_people(
            parsed.id,
            step=parsed.step,
            status=parsed.status,
            after=parsed.after,
            limit=parsed.limit,
        )
    if parsed.json:
        _print_json(found)
        return
    for instance in found:
        print(_line_of(instance))
    if not found:
        print("nobody")
    elif len(found) == parsed.limit:
        print(f"further ones: --after {found[-1].instance_id}")


def enter(parsed: argparse.Namespace) -> None:
    """Begin a journey for one person."""
    typed = is_typed(parsed.person)
    with engine_of(parsed) as engine:
        instance = engine.enter_journey(
            parsed.id,
            None if typed else parsed.person,
            individual_id=parsed.person if typed else None,
            key=parsed.entry_key,
            properties=_properties(parsed.properties),
            request_id=parsed.request_id,
        )
    if parsed.json:
        _print_json(instance)
        return
    print(_line_of(instance))


def _headline(view: JourneyView) -> str:
    counts = ", ".join(f"{count:,} {status}" for status, count in view.statuses.items())
    paused = ", paused" if view.journey.get("paused") else ""
    title = f" ({view.journey['title']})" if "title" in view.journey else ""
    return f"{view.journey_id}{title}: version {view.version}{paused}; {counts or 'nobody yet'}"


def _lines(view: JourneyView) -> list[str]:
    lines = [_headline(view)]
    waiting = dict(view.steps)
    for step in view.journey["steps"]:
        name, kind = step["id"], next(key for key in step if key not in _OF_EVERY_STEP)
        lines.append(f"  {name:24} {kind:12} {waiting.pop(name, 0):9,}")
    # Steps of earlier versions, at which people still stand; "" is before the first one.
    lines += [f"  {name or '(not begun)':24} {'':12} {count:9,}" for name, count in waiting.items()]
    for arm, statuses in view.arms.items():
        counts = ", ".join(f"{count:,} {status}" for status, count in statuses.items())
        lines.append(f"  {arm}: {counts}")
    return lines


def _line_of(instance: InstanceView) -> str:
    key = f" [{instance.key}]" if instance.key else ""
    place = f" at {instance.step}" if instance.step else ""
    why = f": {instance.reason}" if instance.reason else ""
    until = f", wakes {instance.wake_at}" if instance.wake_at else ""
    heard = f", waits for {instance.waiting}" if instance.waiting else ""
    return (
        f"{instance.individual_id}{key}  {instance.status}{place}{why}{heard}{until}; "
        f"{instance.contacts} contacts since {instance.entered_at}  ({instance.instance_id})"
    )


def _properties(text: str | None) -> dict[str, Any]:
    if text is None:
        return {}
    try:
        return msgspec.json.decode(text, type=dict[str, Any])
    except msgspec.DecodeError as error:
        words = f"--properties: must be a JSON object: {error}"
        raise InvalidInput(words, field="properties") from None


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise unreadable(file, error) from None


def _print_json(value: object) -> None:
    sys.stdout.write(msgspec.json.encode(value).decode() + "\n")
