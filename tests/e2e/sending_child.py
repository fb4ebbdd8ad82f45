"""A process that sends what its outbox holds, to be killed meanwhile: ``sending_child.py STORE KIND PORT_OR_URL``."""

from __future__ import annotations

import sys
import time
from pathlib import Path

from eachwise import Engine
from eachwise.adapters.clocks import SettableClock
from eachwise.flow.drive import run
from eachwise.settings import DeliverySettings, Settings, WebhookSettings
from tests.flow.shop import START_US
from tests.support.sending import PUBLIC, furnish, mailing, put, subscribe


def settings_of(kind: str, where: str, **delivery: bool) -> Settings:
    """How this process and the one after it send."""
    if kind == "mail":
        return mailing(int(where), **delivery)
    hook = WebhookSettings(url=where, timeout_s=30.0)
    return Settings(delivery=DeliverySettings(public_url=PUBLIC, webhook=hook))


def main(store: str, kind: str, where: str) -> None:
    """Put one message in and send; the parent's receiver never answers."""
    clock = SettableClock(START_US)
    with Engine.open(Path(store), settings=settings_of(kind, where), clock=clock) as engine:
        furnish(engine)
        subscribe(engine, "ann")
        message = put(engine.core, "ann", "mail" if kind == "mail" else "hook")
        print(message.message_id, flush=True)
        run(engine.core.delivery.dispatching.work())
        time.sleep(60)


if __name__ == "__main__":
    main(*sys.argv[1:])
