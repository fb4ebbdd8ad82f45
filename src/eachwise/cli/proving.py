"""Commands that measure: proofs on real and simulated people, and benchmarks of the parts."""

from __future__ import annotations

import argparse


def prove_world(parsed: argparse.Namespace) -> None:
    """Individuals against segments in a world whose truth is known."""
    from eachwise.proofs.world import run

    run(
        seeds=parsed.seeds,
        decisions=parsed.decisions,
        as_json=parsed.json,
        processes=parsed.processes,
        arms=[arm for arm in parsed.arms.split(",") if arm],
        vw_grid=parsed.vw_grid,
    )


def prove_affinity(parsed: argparse.Namespace) -> None:
    """What is believed of people beside what they truly like."""
    from eachwise.proofs.affinity import run

    run(seeds=parsed.seeds, people=parsed.people, as_json=parsed.json)


def prove_movielens(parsed: argparse.Namespace) -> None:
    """Individuals against segments on MovieLens."""
    from eachwise.proofs.movielens import run

    run(
        parsed.path,
        as_json=parsed.json,
        users=parsed.users,
        closed_form=parsed.closed_form,
        with_ablation=parsed.ablation,
    )


def prove_sequences(parsed: argparse.Namespace) -> None:
    """Individuals against segments on short histories of many people."""
    from eachwise.proofs.sequences import run

    run(
        parsed.path,
        as_json=parsed.json,
        users=parsed.users,
        closed_form=parsed.closed_form,
        with_ablation=parsed.ablation,
    )


def prove_sessions(parsed: argparse.Namespace) -> None:
    """The next item of visits to a real shop."""
    from eachwise.proofs.sessions import run

    run(
        parsed.path,
        as_json=parsed.json,
        sessions=parsed.sessions,
        closed_form=parsed.closed_form,
        with_ablation=parsed.ablation,
    )


def prove_retail(parsed: argparse.Namespace) -> None:
    """What customers buy in the next thirty days, repeats allowed and novel items only."""
    from eachwise.proofs.retail import run

    run(
        parsed.path,
        as_json=parsed.json,
        skip_days=parsed.skip_days,
        closed_form=parsed.closed_form,
        with_ablation=parsed.ablation,
    )


def prove_calibration(parsed: argparse.Namespace) -> None:
    """How near slates come to a person's own mix, and what it costs."""
    from eachwise.proofs.calibration import run

    run(parsed.path, as_json=parsed.json, users=parsed.users)


def prove_upworthy(parsed: argparse.Namespace) -> None:
    """Which headline gets the clicks, by each policy, on real randomised tests."""
    from eachwise.proofs.upworthy import run

    run(parsed.path, as_json=parsed.json, replays=parsed.replays)


def prove_off_policy(parsed: argparse.Namespace) -> None:
    """What another policy would have earned, from the engine's log, beside the truth."""
    from eachwise.proofs.off_policy import run

    run(decisions=parsed.decisions, runs=parsed.runs, as_json=parsed.json)


def bench(parsed: argparse.Namespace) -> None:
    """Run one benchmark, or all into one table."""
    from eachwise.bench import run

    run(parsed.name, as_json=parsed.json)
