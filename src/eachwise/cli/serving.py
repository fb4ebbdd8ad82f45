"""The command that runs the service."""

from __future__ import annotations

import argparse
from pathlib import Path

from eachwise.adapters.clocks import SystemClock
from eachwise.adapters.keys import keep_keys, load_keys
from eachwise.adapters.lock import StoreLock
from eachwise.bootstrap import open_core
from eachwise.contracts.keys import Keys
from eachwise.service import run_server
from eachwise.settings import load_settings


def serve(parsed: argparse.Namespace) -> None:
    """Serve a store until interrupted."""
    settings = load_settings(parsed.settings)
    store: Path = parsed.store
    with StoreLock(store) as lock:
        keys, made = load_keys(store, write=parsed.write_key, secret=parsed.secret_key)

        def announce(url: str) -> None:
            lock.set_url(url)
            if made:
                keep_keys(store, keys)
            print(f"eachwise serves {store} at {url}", flush=True)
            if made:
                _print_keys(store, keys)

        run_server(
            lambda: open_core(store, settings, SystemClock(), lock=lock),
            keys=keys,
            settings=settings,
            host=parsed.host,
            port=parsed.port,
            announce=announce,
        )


def _print_keys(store: Path, keys: Keys) -> None:
    print(f"  write key   {keys.write}   (events and decisions; may ship to browsers)")
    print(f"  secret key  {keys.secret}   (everything else; keep it)")
    print(f"  both are kept in {store / 'keys.json'}", flush=True)
