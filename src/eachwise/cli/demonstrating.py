"""The command that runs the demo shop. It stands alone, so that its first words come at once."""

from __future__ import annotations

import argparse

from eachwise.demo import run_demo


def demo(parsed: argparse.Namespace) -> None:
    """Run the demo shop until interrupted."""
    run_demo(
        port=parsed.port,
        store=parsed.store,
        people=parsed.people,
        days=parsed.days,
        seed=parsed.seed,
    )
