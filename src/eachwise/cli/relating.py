"""Commands about relationships: how people move from stage to stage, and what a journey changed."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

import msgspec

from eachwise.cli.where import engine_of
from eachwise.contracts.errors import InvalidInput
from eachwise.contracts.measurement import Between
from eachwise.contracts.relations import (
    Contrast,
    Effect,
    JourneyEffect,
    StageReport,
    StageTransition,
)


def stages(parsed: argparse.Namespace) -> None:
    """Print one person's stages, or everybody's."""
    if parsed.individual is not None:
        if parsed.since or parsed.until:
            raise InvalidInput(
                "--individual: a person's stages are told whole; leave --since and --until out",
                field="individual",
            )
        with engine_of(parsed) as engine:
            history = engine.stages_of(parsed.individual)
        stands = f"{history.stage}{', lapsed' if history.lapsed else ''} since {history.since}"
        lines = [f"{history.individual_id}: {stands}; {history.events:,} events", *history.words]
        _print(history, lines, parsed.json)
        return
    with engine_of(parsed) as engine:
        report = engine.stages(parsed.since, parsed.until, parsed.period)
    _print(report, _report_lines(report), parsed.json)


def effect(parsed: argparse.Namespace) -> int:
    """Print what a journey changed; exit status 1 where no difference of its goal is told."""
    with engine_of(parsed) as engine:
        found = engine.journey_effect(parsed.id)
    _print(found, _effect_lines(found), parsed.json)
    return 1 if found.total.verdict == "refused" else 0


def _print(value: object, lines: Sequence[str], as_json: bool) -> None:
    text = msgspec.json.encode(value).decode() if as_json else "\n".join(lines)
    sys.stdout.write(text + "\n")


def _report_lines(found: StageReport) -> list[str]:
    names = list(found.stood)
    lines = [
        *found.words,
        f"  {'people at':10} " + " ".join(f"{name:>9}" for name in [*names, "lapsed", "came"]),
    ]
    for each in found.periods:
        figures = [*each.stood.values(), each.lapsed, sum(each.came.values())]
        lines.append(f"  {each.since[:10]} " + " ".join(f"{figure:9,}" for figure in figures))
    figures = [*found.stood.values(), found.lapsed]
    lines.append(f"  {found.until[:10]} " + " ".join(f"{figure:9,}" for figure in figures))
    return [*lines, *_transition_lines(found.transitions, f"in {found.period_days} days")]


def _transition_lines(transitions: Sequence[StageTransition], title: str) -> list[str]:
    if not transitions:
        return []
    lines = [f"  {title:24} {'rate':>8} {'95 %':>18} {'times':>9} {'of':>9}"]
    lines += [
        f"  {f'{each.before} → {each.after}':24} {each.rate.mean:8.1%} {_shares(each.rate):>18} "
        f"{each.count:9,} {each.of:9,}"
        for each in transitions
    ]
    return lines


def _effect_lines(found: JourneyEffect) -> list[str]:
    lines = [f"{found.journey_id}: {found.people:,} people entered"]
    if found.read < found.people:
        lines[0] += f", {found.read:,} were read, a fixed sample"
    lines += _one_effect(found.total)
    if len(found.versions) > 1:
        for each in found.versions:
            lines += [f"version {each.version}", *_one_effect(each)]
    return lines


def _one_effect(found: Effect) -> list[str]:
    lines = [f"  {line}" for line in found.words]
    lines.append(
        f"  {'':28} {'treated':>12} {'holdout':>12} {'difference':>11} {'at any time':>20}"
    )
    arms = found.treated, found.holdout
    rows: tuple[tuple[str, list[Between | None], Contrast | None], ...] = (
        ("reached the goal", [arm.reached_share for arm in arms], found.goal),
        ("stood higher at the end", [arm.rose_share for arm in arms], found.rose),
        (
            "unsubscribed, hid, complained",
            [arm.disconnected_share for arm in arms],
            found.disconnected,
        ),
    )
    for name, shares, contrast in rows:
        told = ["–" if each is None else f"{each.mean:.1%}" for each in shares]
        lines.append(f"  {name:28} {told[0]:>12} {told[1]:>12} {_points(contrast)}")
    money = ["–" if arm.money is None else f"{arm.money.mean:.2f}" for arm in arms]
    lines.append(f"  {'money a person':28} {money[0]:>12} {money[1]:>12} {_money(found.money)}")
    for name in ("people", "instances", "contacts"):
        counts = [getattr(arm, name) for arm in arms]
        lines.append(f"  {name:28} {counts[0]:12,} {counts[1]:12,}")
    for arm, name in zip(arms, ("treated", "holdout"), strict=True):
        lines += _transition_lines(arm.transitions, f"{name}: from the entry on")
    return lines


def _points(contrast: Contrast | None) -> str:
    if contrast is None:
        return f"{'–':>11}"
    between = contrast.anytime
    return f"{between.mean:+11.1%} {_shares(between, '+'):>20}"


def _money(contrast: Contrast | None) -> str:
    if contrast is None:
        return f"{'–':>11}"
    between = contrast.anytime
    return f"{between.mean:+11.2f} {f'[{between.low:+.2f}, {between.high:+.2f}]':>20}"


def _shares(between: Between, sign: str = "") -> str:
    return f"[{between.low:{sign}.1%}, {between.high:{sign}.1%}]"
