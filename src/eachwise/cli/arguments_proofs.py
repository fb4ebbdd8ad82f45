"""The parsers of ``eachwise prove`` and ``eachwise bench``."""

from __future__ import annotations

import argparse
from pathlib import Path

from eachwise.cli.arguments_shared import lazy


def proving(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add both commands."""
    prove = commands.add_parser("prove", help="individuals against segments, with intervals")
    proofs = prove.add_subparsers(required=True, metavar="PROOF")
    world = proofs.add_parser("world", help="in a simulated shop whose truth is known")
    world.add_argument("--seeds", type=int, default=8, metavar="N", help="worlds (default 8)")
    world.add_argument(
        "--decisions",
        type=int,
        default=25_000,
        metavar="N",
        help="visits, and so decisions, a world (default 25000)",
    )
    world.add_argument(
        "--arms",
        default="",
        metavar="ARMS",
        help="who plays besides blanket, engine and oracle, commas between (default: all)",
    )
    world.add_argument(
        "--processes", type=int, default=2, metavar="N", help="worlds at a time (default 2)"
    )
    world.add_argument(
        "--vw-grid",
        action="store_true",
        help="instead all settings of Vowpal Wabbit that were tried, in worlds 1, 2 ...",
    )
    world.add_argument("--json", action="store_true", help="one line of JSON on stdout")
    world.set_defaults(run=lazy("proving", "prove_world"))
    for name, words, folder in (
        ("movielens", "on MovieLens", "folder such as ml-1m, or ml-100k for a split by time"),
        ("sequences", "on short histories of many people", "folder such as amazon-beauty"),
    ):
        ranking = proofs.add_parser(name, help=words)
        ranking.add_argument("path", type=Path, metavar="PATH", help=folder)
        ranking.add_argument(
            "--users", type=int, metavar="N", help="only N people, drawn at random (seeded)"
        )
        ranking.add_argument(
            "--closed-form", action="store_true", help="without the net, in about a minute"
        )
        ranking.add_argument(
            "--ablation", action="store_true", help="what each model adds, on validation data"
        )
        ranking.add_argument("--json", action="store_true", help="one line of JSON on stdout")
        ranking.set_defaults(run=lazy("proving", f"prove_{name}"))
    _proving_affinity(proofs)
    _proving_shops(proofs)
    _proving_policies(proofs)
    _proving_moments(proofs)
    calibration = proofs.add_parser("calibration", help="a person's own mix, and what it costs")
    calibration.add_argument(
        "path", type=Path, metavar="PATH", help="folder such as ml-1m, as for movielens"
    )
    calibration.add_argument(
        "--users", type=int, metavar="N", help="only N people, drawn at random (seeded)"
    )
    calibration.add_argument("--json", action="store_true", help="one line of JSON on stdout")
    calibration.set_defaults(run=lazy("proving", "prove_calibration"))
    bench = commands.add_parser("bench", help="what the parts cost, each beside its yardstick")
    bench.add_argument(
        "name",
        choices=[
            *("ingest", "decide", "start", "memory", "recommend", "train", "audience"),
            *("search", "policies", "learn", "batch", "journeys", "all"),
        ],
    )
    bench.add_argument("--json", action="store_true", help="one line of JSON on stdout")
    bench.set_defaults(run=lazy("proving", "bench"))


def _proving_moments(proofs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    moments = proofs.add_parser("send-time", help="a moment of one's own to be written to")
    moments.add_argument("--people", type=int, default=300, metavar="N", help="(default 300)")
    moments.add_argument("--seed", type=int, default=101, metavar="N", help="(default 101)")
    moments.add_argument("--json", action="store_true", help="one line of JSON on stdout")
    moments.set_defaults(run=lazy("moments", "prove_send_time"))


def _proving_affinity(proofs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    affinity = proofs.add_parser("affinity", help="estimated tastes beside the true ones")
    affinity.add_argument("--seeds", type=int, default=5, metavar="N", help="worlds (default 5)")
    affinity.add_argument(
        "--people", type=int, default=70, metavar="N", help="newcomers a world (default 70)"
    )
    affinity.add_argument("--json", action="store_true", help="one line of JSON on stdout")
    affinity.set_defaults(run=lazy("proving", "prove_affinity"))


def _proving_policies(proofs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    upworthy = proofs.add_parser("upworthy", help="policies on real randomised headline tests")
    upworthy.add_argument("path", type=Path, metavar="PATH", help="folder such as upworthy")
    upworthy.add_argument(
        "--replays", type=int, default=5, metavar="N", help="of each test (default 5)"
    )
    upworthy.add_argument("--json", action="store_true", help="one line of JSON on stdout")
    upworthy.set_defaults(run=lazy("proving", "prove_upworthy"))
    other = proofs.add_parser("off-policy", help="another policy's worth from the engine's log")
    for name, default, words in (
        ("--decisions", 8000, "in the log"),
        ("--runs", 400, "logs drawn"),
    ):
        other.add_argument(
            name, type=int, default=default, metavar="N", help=f"{words} (default {default})"
        )
    other.add_argument("--json", action="store_true", help="one line of JSON on stdout")
    other.set_defaults(run=lazy("proving", "prove_off_policy"))


def _proving_shops(proofs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    sessions = proofs.add_parser("sessions", help="the next item of visits to a real shop")
    sessions.add_argument(
        "path", type=Path, metavar="PATH", help="visits, or a folder such as retailrocket"
    )
    sessions.add_argument(
        "--sessions", type=int, metavar="N", help="only N of the test's visits, drawn at random"
    )
    retail = proofs.add_parser("retail", help="what customers buy in the next thirty days")
    retail.add_argument(
        "path", type=Path, metavar="PATH", help="invoices, or a folder such as online-retail"
    )
    retail.add_argument(
        "--skip-days", type=int, default=0, metavar="N", help="leave out the last N days"
    )
    for name, command in (("sessions", sessions), ("retail", retail)):
        command.add_argument(
            "--closed-form", action="store_true", help="without the net, in about a minute"
        )
        command.add_argument(
            "--ablation", action="store_true", help="what each model adds, on validation data"
        )
        command.add_argument("--json", action="store_true", help="one line of JSON on stdout")
        command.set_defaults(run=lazy("proving", f"prove_{name}"))
