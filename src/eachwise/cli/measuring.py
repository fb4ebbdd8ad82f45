"""Commands that measure: what experiences change in lifetime value, and what another policy would have earned."""

from __future__ import annotations

import argparse
import sys

import msgspec

from eachwise.cli.where import engine_of
from eachwise.contracts.measurement import Between, Estimate, Evaluated, LifetimeView


def lifetime(parsed: argparse.Namespace) -> None:
    """Print what stages are worth and what experiences change, or why that cannot be said."""
    with engine_of(parsed) as engine:
        found = engine.work_out_lifetime() if parsed.refresh else engine.lifetime()
    if parsed.json:
        _print_json(found)
        return
    print("\n".join(_lifetime_lines(found)))


def estimate(parsed: argparse.Namespace) -> int:
    """Print what another policy would have earned; exit status 1 where that is refused."""
    settings = {
        name: value for name in parsed.tunable if (value := getattr(parsed, name)) is not None
    }
    with engine_of(parsed) as engine:
        found = engine.estimate(
            parsed.policy,
            settings=settings,
            placement_id=parsed.placement,
            since_days=parsed.since,
            limit=parsed.limit,
            reward=parsed.reward,
        )
    if parsed.json:
        _print_json(found)
    else:
        print("\n".join(_estimate_lines(found)))
    return 0 if isinstance(found.evaluation, Evaluated) else 1


def _lifetime_lines(found: LifetimeView) -> list[str]:
    lines = [*found.words]
    if found.stages:
        lines += [f"  {'stage':10} {'worth':>9} {'95 %':>22} {'a period':>9} {'periods':>9}"]
        lines += [
            f"  {each.stage:10} {each.value.mean:9.2f} {_interval(each.value):>22} "
            f"{each.reward:9.2f} {each.periods:9,.0f}"
            for each in found.stages
        ]
    if found.changes:
        lines += [
            f"  {'experience':28} {'stage':10} {'changes':>9} {'95 %':>22} {'counted':>9} {'ess':>8}"
        ]
        lines += [
            f"  {each.experience_id:28} {each.stage:10} {each.clv.mean:+9.3f} "
            f"{_interval(each.clv):>22} {each.used:+9.3f} {each.ess:8,.0f}"
            for each in found.changes
        ]
    return lines


def _estimate_lines(found: Estimate) -> list[str]:
    lines = [*found.words]
    figures = found.evaluation.diagnostics
    if isinstance(found.evaluation, Evaluated):
        shown = found.evaluation
        rows = {
            "doubly robust": shown.value,
            "SNIPS": shown.snips,
            "as it was": shown.logged,
            "difference": shown.difference,
        }
        lines += [
            f"  {name:14} {each.mean:+10.5f} {_interval(each, 5):>24}"
            for name, each in rows.items()
        ]
        lines += [
            f"  {'IPS':14} {shown.ips:+10.5f}",
            f"  {'model only':14} {shown.model_only:+10.5f}",
        ]
    if figures is not None:
        size = f"effective sample {figures.ess:,.0f}, conversions {figures.conversions:,.1f}"
        heaviest = f"largest {figures.weight_max_share:.2%} of all"
        lines += [
            f"  {figures.decisions:,} decisions of {figures.people:,} people; {size}",
            f"  mean weight {figures.weight_mean:.3f}, {heaviest}; no support {figures.unsupported:.2%}",
        ]
    return lines


def _interval(between: Between, digits: int = 2) -> str:
    return f"[{between.low:+.{digits}f}, {between.high:+.{digits}f}]"


def _print_json(value: object) -> None:
    sys.stdout.write(msgspec.json.encode(value).decode() + "\n")
