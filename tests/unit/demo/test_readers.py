"""People answer their mail by what they truly like; what they do comes back through the links in it."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from eachwise.contracts.events import BatchResult
from eachwise.demo.mailbox import Mail
from eachwise.demo.novelties import Novelties, twin_of
from eachwise.demo.readers import LOOKED_AT_AFTER_S, Readers
from eachwise.worlds import FrozenFoodShop, Group

NOW_S = 1_790_000_000.0
PEOPLE = 300
MEATY, GREEN = "Steak week", "Chickpea curry, no fuss"


class Recorder:
    """What the shop was told, and what was called."""

    def __init__(self) -> None:
        self.events: list[Mapping[str, Any]] = []
        self.called: list[tuple[str, str]] = []

    def send(self, events: Sequence[Mapping[str, Any]]) -> BatchResult:
        self.events += events
        return BatchResult(success=True, accepted=len(events), rejected=[])

    def call(self, method: str, url: str) -> None:
        self.called.append((method, url))


@pytest.fixture(scope="module")
def shop() -> FrozenFoodShop:
    return FrozenFoodShop(3, PEOPLE, opened_at_s=NOW_S - 60 * 86_400.0)


def mail(person: int, subject: str, *lines: str) -> Mail:
    return Mail(
        to=f"user-{person:06d}@frozen.example",
        subject=subject,
        lines=lines,
        click=f"http://shop/t/c/{person}",
        pixel=f"http://shop/t/o/{person}.gif",
        unsubscribe=f"http://shop/u/{person}",
    )


def read_all(shop: FrozenFoodShop, mails: list[Mail], seed: int = 1) -> tuple[Readers, Recorder]:
    recorder = Recorder()
    box = deque(mails)
    readers = Readers(shop, recorder, box, recorder.call, number=seed * 1_000_000)
    readers.read(NOW_S)
    assert not box
    assert recorder.called == []  # nobody looks the moment it comes
    readers.read(NOW_S + LOOKED_AT_AFTER_S[1])
    return readers, recorder


def test_vegans_click_what_is_vegan_and_not_the_steak(shop: FrozenFoodShop) -> None:
    vegans = [person for person in range(PEOPLE) if shop.group(person) is Group.VEGAN] * 60
    meaty, _ = read_all(shop, [mail(person, MEATY) for person in vegans])
    green, _ = read_all(shop, [mail(person, GREEN) for person in vegans])
    assert meaty.figures.received == green.figures.received == len(vegans)
    assert green.figures.clicked > 3 * meaty.figures.clicked
    assert meaty.figures.unsubscribed > green.figures.unsubscribed


def test_every_reaction_goes_through_the_mails_own_links(shop: FrozenFoodShop) -> None:
    readers, recorder = read_all(shop, [mail(person, GREEN) for person in range(PEOPLE)])
    kinds = [(method, url.split("/")[3]) for method, url in recorder.called]
    figures = readers.figures
    # Whoever clicks or leaves has opened it.
    opened = [url for method, url in recorder.called if url.endswith(".gif")]
    assert len(opened) == figures.opened
    assert kinds.count(("GET", "t")) == figures.opened + figures.clicked
    assert kinds.count(("POST", "u")) == figures.unsubscribed
    assert 0 < figures.bought == len(recorder.events) <= figures.clicked < figures.opened < PEOPLE


def test_a_basket_that_tempts_is_ordered_under_its_own_order_id(shop: FrozenFoodShop) -> None:
    item = shop.items()[0]["item_id"]
    mails = [
        mail(person, "Your basket is waiting", f"Order o-{person}", f"Article {item}")
        for person in range(PEOPLE)
    ]
    readers, recorder = read_all(shop, mails)
    assert readers.figures.bought > 0
    for event in recorder.events:
        assert event["event"] == "Order Completed"
        person = int(event["anonymousId"].split("-")[1])
        assert event["properties"]["order_id"] == f"o-{person}"
        assert event["properties"]["products"][0]["product_id"] == item


def test_mail_to_nobody_and_about_nothing_is_left_alone(shop: FrozenFoodShop) -> None:
    strangers = [mail(PEOPLE + 5, GREEN), Mail(**_fields(mail(1, "?")) | {"to": "x@y.example"})]
    readers, recorder = read_all(shop, strangers)
    assert (readers.figures.opened, recorder.called) == (0, [])
    readers, _ = read_all(shop, [mail(person, "Who knows", "Article none") for person in range(50)])
    assert (readers.figures.clicked, readers.figures.bought) == (0, 0)


def _fields(one: Mail) -> dict[str, Any]:
    return {name: getattr(one, name) for name in Mail.__slots__}


def test_what_is_new_tastes_like_its_twin() -> None:
    assert twin_of("new-1790000000-item-00007") == "item-00007"
    assert twin_of("item-00007") == "item-00007"


def test_something_new_comes_when_its_time_has_come(
    shop: FrozenFoodShop, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Shelf:
        def __init__(self) -> None:
            self.items: list[bytes] = []

        def put_items(self, items: bytes) -> Any:
            self.items.append(items)

    now_s = [100.0]
    monkeypatch.setattr("eachwise.demo.novelties.time.monotonic", lambda: now_s[0])
    shelf = Shelf()
    novelties = Novelties(shop, shelf, started_at_s=NOW_S)
    novelties.bring()
    assert shelf.items == []
    for _ in range(40):
        now_s[0] += 61.0
        novelties.bring()
        novelties.bring()
    assert len(shelf.items) == len(set(shelf.items)) == 20
