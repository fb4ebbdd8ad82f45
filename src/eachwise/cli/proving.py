"""Commands that measure: proofs on real and simulated people, and benchmarks of the parts."""

from __future__ import annotations

import argparse


def prove_world(parsed: argparse.Namespace) -> None:
    """Individuals against segments in a world whose truth is known."""
    from eachwise.proofs.world import run

    run(seeds=parsed.seeds, decisions=parsed.decisions, as_json=parsed.json)


def prove_movielens(parsed: argparse.Namespace) -> None:
    """Individuals against segments on MovieLens."""
    from eachwise.proofs.movielens import run

    run(parsed.path, as_json=parsed.json, users=parsed.users)


def bench(parsed: argparse.Namespace) -> None:
    """Run one benchmark, or all into one table."""
    from eachwise.bench import run

    run(parsed.name, as_json=parsed.json)
