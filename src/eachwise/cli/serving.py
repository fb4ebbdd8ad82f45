"""Commands that run: the service, and the demo shop."""

from __future__ import annotations

import argparse
from pathlib import Path

from eachwise.adapters.clocks import SystemClock
from eachwise.adapters.keys import load_keys
from eachwise.bootstrap import open_core
from eachwise.contracts.keys import Keys
from eachwise.service import create_app, run_server
from eachwise.settings import load_settings


def serve(parsed: argparse.Namespace) -> None:
    """Serve a store until interrupted."""
    settings = load_settings(parsed.settings)
    with open_core(parsed.store, settings, SystemClock()) as core:
        keys, made = load_keys(parsed.store, write=parsed.write_key, secret=parsed.secret_key)
        app = create_app(core, keys, settings)
        run_server(
            app,
            host=parsed.host,
            port=parsed.port,
            on_started=lambda url: _announce(url, parsed.store, keys if made else None),
        )


def _announce(url: str, store: Path, made: Keys | None) -> None:
    print(f"eachwise serves {store} at {url}", flush=True)
    if made is not None:
        print(f"  write key   {made.write}   (events and decisions; may ship to browsers)")
        print(f"  secret key  {made.secret}   (everything else; keep it)")
        print(f"  both are kept in {store / 'keys.json'}", flush=True)


def demo(parsed: argparse.Namespace) -> None:
    """Run the demo shop until interrupted."""
    from eachwise.demo import run_demo

    run_demo(
        port=parsed.port,
        store=parsed.store,
        people=parsed.people,
        days=parsed.days,
        seed=parsed.seed,
    )
