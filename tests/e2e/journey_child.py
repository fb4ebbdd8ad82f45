"""Engines to be killed, one after another over one store: ``journey_child.py STORE URL``.

This process has everything imported and never opens the store. For each line on its standard input, the number of the
next order, it forks one that does: that one takes orders until it is killed, and says ``took N`` once the engine has
acknowledged order N. The line ``rest`` asks for one that takes no more, and ends when nothing is left to do.
"""

from __future__ import annotations

import os
import sys
import time
import traceback
from itertools import count
from pathlib import Path

from eachwise import Engine
from eachwise.settings import DeliverySettings, Settings, StoreSettings, WebhookSettings

DEFINITIONS = """
placements:
  - {placement_id: hook, channel: webhook, transactional: true}
experiences:
  - {experience_id: slip, placements: [hook], content: {payload: {order: "{{ event.order_id | default('') }}"}}}
"""
JOURNEYS = """
journeys:
  - journey_id: order
    entry: {event: Order Completed, key: order_id}
    reentry: always
    steps:
      - {id: began, webhook: {url: "%s", body: {order: {from: event.order_id}}}}
      - {id: rest, wait: 1s}
      - {id: slip, send: {placement: hook, experience: slip}}
      - {id: said, emit: {event: Order Followed, properties: {order: {from: event.order_id}}}}
      - {id: ended, webhook: {url: "%s", body: {order: {from: event.order_id}}}}
"""
PEOPLE = 7
PATIENCE_S = 60.0


def settings_of(url: str) -> Settings:
    """Everything that is taken is tried again at once; a commit waits for no disk, which a killed process outlives."""
    return Settings(
        store=StoreSettings(synchronous="OFF", checkpoint_interval_s=0.2),
        delivery=DeliverySettings(webhook=WebhookSettings(url=url), retry_base_s=0.05),
    )


def say(words: str) -> None:
    """One line, whole."""
    os.write(1, f"{words}\n".encode())


def take_orders(store: Path, url: str, first: int) -> None:
    """Until killed."""
    with Engine.open(store, settings=settings_of(url)) as engine:
        if first == 0:
            engine.define(DEFINITIONS)
        # Every life puts them: what is the same stays the same version.
        engine.put_journeys(JOURNEYS % (url, url))
        for order in count(first):
            event = {"order_id": f"o{order}", "total": 5}
            engine.track(f"u{order % PEOPLE}", "Order Completed", event, messageId=f"m{order}")
            say(f"took {order}")
            engine.tick()


def rest(store: Path, url: str) -> None:
    """Until nothing is left to do."""
    with Engine.open(store, settings=settings_of(url)) as engine:
        until_s = time.monotonic() + PATIENCE_S
        while time.monotonic() < until_s:
            engine.tick()
            counts = engine.core._store.counts()
            if not counts["journey_instances"] and not counts["messages_open"]:
                break
            time.sleep(0.02)
    say("rested")


def main(store: str, url: str) -> None:
    """Fork one for each line."""
    for line in sys.stdin:
        pid = os.fork()
        if pid == 0:
            try:
                if line.strip() == "rest":
                    rest(Path(store), url)
                else:
                    take_orders(Path(store), url, int(line))
            except BaseException:
                traceback.print_exc()
            finally:
                os._exit(0)
        say(f"pid {pid}")
        os.waitpid(pid, 0)
        say("gone")


if __name__ == "__main__":
    main(*sys.argv[1:])
