"""``eachwise prove send-time``."""

from __future__ import annotations

import argparse

import msgspec

from eachwise.proofs.send_times import prove, table


def prove_send_time(parsed: argparse.Namespace) -> None:
    """Print the answer rates of each way to choose a moment."""
    figures = prove(people=parsed.people, seed=parsed.seed)
    if parsed.json:
        print(msgspec.json.encode(figures).decode())
        return
    print("\n".join(table(figures)))
