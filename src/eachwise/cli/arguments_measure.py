"""The parsers of ``eachwise lifetime`` and ``eachwise estimate``."""

from __future__ import annotations

import argparse

from eachwise.cli.arguments_shared import lazy, where

# As ``flow.policies.TUNABLE``, which importing would make ``--help`` slow.
TUNABLE = {
    "epsilon": "share of uniform exploration",
    "softmax_temperature": "money",
    "thompson_scale": "of the posterior's spread",
    "gap_weight": "of inverse gap weighting",
    "top_two_leader": "how often the leader is shown",
    "probability_floor": "shared by what may be explored",
    "explorations_per_day": "of one person",
}


def measuring(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add both commands."""
    lifetime = commands.add_parser(
        "lifetime", help="what stages are worth, and what experiences change in lifetime value"
    )
    lifetime.add_argument("--refresh", action="store_true", help="work it out now")
    lifetime.add_argument("--json", action="store_true", help="everything, as JSON")
    where(lifetime)
    lifetime.set_defaults(run=lazy("measuring", "lifetime"))
    estimate = commands.add_parser(
        "estimate", help="what another policy would have earned, from the stored decisions"
    )
    estimate.add_argument("--policy", required=True, metavar="NAME", help="like epsilon_greedy")
    for name, words in TUNABLE.items():
        estimate.add_argument(
            f"--{name.replace('_', '-')}",
            type=float,
            metavar="X",
            help=f"{words} (default: as it was decided)",
        )
    estimate.add_argument("--placement", metavar="ID", help="only decisions for this placement")
    estimate.add_argument(
        "--since", type=float, default=90.0, metavar="DAYS", help="of so many days (default 90)"
    )
    estimate.add_argument(
        "--limit", type=int, default=20_000, metavar="N", help="the newest (default 20000)"
    )
    estimate.add_argument(
        "--reward", choices=["value", "takeup"], default="value", help="(default value: money)"
    )
    estimate.add_argument("--json", action="store_true", help="everything, as JSON")
    where(estimate)
    estimate.set_defaults(run=lazy("measuring", "estimate"), tunable=tuple(TUNABLE))
