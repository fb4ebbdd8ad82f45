"""Where a command works: on a running server (``--url``) or on a store of its own (``--store``)."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from contextlib import contextmanager

from eachwise.adapters.remote import RemoteEngine
from eachwise.bootstrap import Engine
from eachwise.contracts.errors import InvalidInput
from eachwise.settings import load_settings


@contextmanager
def engine_of(parsed: argparse.Namespace) -> Iterator[Engine | RemoteEngine]:
    """The engine that the arguments name; both kinds answer the same verbs."""
    if parsed.store is not None:
        if not parsed.store.is_dir():
            raise InvalidInput(f"--store: there is no directory {parsed.store}", field="store")
        with Engine.open(parsed.store, settings=load_settings(parsed.settings)) as engine:
            yield engine
        return
    if not parsed.url:
        raise InvalidInput("say where: --url URL of a running server, or --store PATH", field="url")
    if not parsed.key:
        raise InvalidInput(
            "--key: the server's secret key is needed (or set EACHWISE_SECRET_KEY)", field="key"
        )
    remote = RemoteEngine(parsed.url, parsed.key)
    try:
        yield remote
    finally:
        remote.close()
