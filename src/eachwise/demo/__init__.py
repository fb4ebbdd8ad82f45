"""A live shop that decides for each of its visitors: the real service, a simulated world, and a page to look at.

Read in this order: run (the process a person starts), child and driver (its child, who plays the
world), programme, backfill, visits, score, messages, board, panel (what the page is told), static
(the page).
"""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

from eachwise.contracts.errors import InvalidInput

__all__ = ["run_demo"]

DAYS_MAX = 365
PEOPLE_MAX = 200_000


def run_demo(*, port: int, store: Path | None, people: int, days: int, seed: int) -> None:
    """Run the demo until it is interrupted. Without ``store`` everything is in a temporary directory.

    Raises ``InvalidInput`` where the port is taken, naming another, or where no such world exists.
    """
    if not 1 <= people <= PEOPLE_MAX:
        words = f"--people: must be from 1 to {PEOPLE_MAX}, not {people}"
        raise InvalidInput(words, field="people")
    if not 1 <= days <= DAYS_MAX:
        raise InvalidInput(f"--days: must be from 1 to {DAYS_MAX}, not {days}", field="days")
    print("Eachwise demo: a frozen-food shop that decides for each of its visitors.", flush=True)
    print(f"  {people:,} inhabitants, {days} days of history, seed {seed}. Starting …", flush=True)
    # Numerics and the server take half a second to import: the first words come before.
    import_module("eachwise.demo.run").run(
        port=port, store=store, people=people, days=days, seed=seed
    )
