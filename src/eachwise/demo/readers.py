"""The inhabitants read their mail: they open, click, buy, ignore or unsubscribe, by what they truly like."""

from __future__ import annotations

import heapq
import http.client
import re
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Protocol
from urllib.parse import urlsplit

import numpy as np

from eachwise.contracts.errors import NotFound
from eachwise.contracts.events import BatchResult
from eachwise.demo.campaigns import ITEM_LINE, ORDER_LINE
from eachwise.demo.mailbox import Mail
from eachwise.demo.messages import MailFigures
from eachwise.demo.novelties import twin_of
from eachwise.worlds import FrozenFoodShop

# How long a mail lies in the box before it is looked at, seconds.
LOOKED_AT_AFTER_S = (2.0, 15.0)
# So many are opened of the mails that neither tempt nor annoy; so many of those about one thing that tempt are bought.
IDLY_OPENED, BOUGHT = 0.35, 0.4
# Mails about one thing annoy so rarely.
LEAVES = 0.01
_PERSON = re.compile(r"user-(\d+)@")


class Sender(Protocol):
    """The call by which the shop reports an order."""

    def send(self, events: Sequence[Mapping[str, Any]]) -> BatchResult:
        """Send events."""
        ...


class Browser:
    """Calls the addresses in mails, as a mail program and a browser would; it follows no redirect."""

    def __init__(self) -> None:
        self._connection: http.client.HTTPConnection | None = None

    def call(self, method: str, url: str) -> None:
        """One request; what comes back is for nobody."""
        parts = urlsplit(url)
        path = parts.path + (f"?{parts.query}" if parts.query else "")
        for last in (False, True):
            if self._connection is None:
                host = parts.hostname or "127.0.0.1"
                self._connection = http.client.HTTPConnection(host, parts.port, timeout=30)
            try:
                self._connection.request(method, path)
                self._connection.getresponse().read()
                return
            except (OSError, http.client.HTTPException):
                # The server closes a connection that was idle for a few seconds.
                self._connection.close()
                self._connection = None
                if last:
                    raise


class Readers:
    """Everybody with mail. ``call`` follows an address; ``number`` seeds their luck."""

    def __init__(
        self,
        shop: FrozenFoodShop,
        engine: Sender,
        mails: deque[Mail],
        call: Callable[[str, str], None],
        number: int,
    ) -> None:
        self._shop = shop
        self._engine = engine
        self._mails = mails
        self._call = call
        self._number = number
        self._draws = np.random.default_rng([shop.settings.seed & (2**63 - 1), number, 1])
        self._lying: list[tuple[float, int, Mail]] = []
        self._by_title = {str(each["title"]): each["experience_id"] for each in shop.experiences()}
        self._counts = dict.fromkeys(MailFigures.__struct_fields__, 0)

    @property
    def figures(self) -> MailFigures:
        """What has become of the mails by now."""
        return MailFigures(**self._counts)

    def read(self, now_s: float | None = None) -> None:
        """Take in what has come, and look at what has lain long enough."""
        now_s = time.time() if now_s is None else now_s
        while self._mails:
            low, high = LOOKED_AT_AFTER_S
            self._number += 1
            due_s = now_s + low + (high - low) * self._draws.random()
            heapq.heappush(self._lying, (due_s, self._number, self._mails.popleft()))
            self._counts["received"] += 1
        while self._lying and self._lying[0][0] <= now_s:
            _, number, mail = heapq.heappop(self._lying)
            self._look_at(mail, number, now_s)

    def _look_at(self, mail: Mail, number: int, now_s: float) -> None:
        found = _PERSON.search(mail.to)
        if found is None or int(found[1]) >= self._shop.settings.people:
            return
        person = int(found[1])
        clicked, bought, leaves = self._reaction(person, mail, number, now_s)
        if not (clicked or leaves or self._draws.random() < IDLY_OPENED):
            return
        self._follow("opened", "GET", mail.pixel)
        if leaves:
            self._follow("unsubscribed", "POST", mail.unsubscribe)
        if clicked:
            self._follow("clicked", "GET", mail.click)
        if bought:
            self._engine.send([self._order(person, mail, number, now_s)])
            self._counts["bought"] += 1

    def _follow(self, what: str, method: str, url: str) -> None:
        if url:
            self._call(method, url)
            self._counts[what] += 1

    def _reaction(
        self, person: int, mail: Mail, number: int, now_s: float
    ) -> tuple[bool, bool, bool]:
        """Whether the person clicks, buys and unsubscribes, by the world's truth about an experience or an item."""
        experience_id = self._by_title.get(mail.subject)
        if experience_id is not None:
            response = self._shop.respond(person, experience_id, now_s, number)
            return response.clicked, response.purchased, response.unsubscribed
        item_id = twin_of(_line(mail, ITEM_LINE))
        draw = self._draws.random()
        try:
            tempted = self._shop.pick(person, [item_id], now_s, number) is not None
        except NotFound:
            tempted = False
        return tempted, tempted and draw < BOUGHT, not tempted and draw < LEAVES

    def _order(self, person: int, mail: Mail, number: int, now_s: float) -> dict[str, Any]:
        """The order that follows; of an abandoned basket it is that basket's."""
        ids = self._shop.identity(person, now_s, number)
        item_id = _line(mail, ITEM_LINE)
        products = [{"product_id": item_id, "quantity": 1, "price": 8.0}] if item_id else []
        return {
            "type": "track",
            "event": "Order Completed",
            "messageId": f"mail-order-{number}",
            "timestamp": datetime.fromtimestamp(now_s, UTC).isoformat(),
            "properties": {
                "order_id": _line(mail, ORDER_LINE) or f"order-mail-{number}",
                "total": 16.0,
                "currency": "EUR",
                "products": products,
            },
        } | ids


def _line(mail: Mail, beginning: str) -> str:
    """What stands on the line that begins so; "" where there is none."""
    found = [line.removeprefix(beginning) for line in mail.lines if line.startswith(beginning)]
    return found[0].strip() if found else ""
