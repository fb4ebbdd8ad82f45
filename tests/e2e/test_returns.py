"""A served engine, a mail relay and a reader: opens, clicks, one-click unsubscribing, preferences, previews."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from email import message_from_bytes, policy
from html import unescape
from pathlib import Path
from typing import Any

import httpx
import pytest

from eachwise.adapters.remote import RemoteEngine
from eachwise.contracts.errors import InvalidInput, NotFound
from tests.support.sending import DEFINITIONS, ITEMS, PUBLIC, Relay, relaying
from tests.support.server import CERTAIN, Server, serving

JOURNEY = """
journeys:
  - journey_id: welcome
    entry: [{event: Signed Up}]
    reentry: always
    steps:
      - {id: say, send: {placement: mail, experience: hello, within: 1h, send_time: now}}
"""
WAIT_S = 20.0


class Shop:
    """The server, its relay, and a browser without cookies or redirects."""

    def __init__(self, server: Server, relay: Relay) -> None:
        self.relay = relay
        self.engine: RemoteEngine = server.engine()
        self.http = httpx.Client(base_url=server.url, follow_redirects=False, timeout=20)

    def mail(self, user: str) -> str:
        """The text part of the mail that a sign-up brings."""
        before = len(self.relay.mails)
        self.engine.track(user, "Signed Up")
        eventually(lambda: len(self.relay.mails) > before)
        eventually(
            lambda: self.engine.outbox(individual_id=f"user:{user}", limit=1)[0].state == "sent"
        )
        content = self.relay.mails[-1].content
        assert isinstance(content, bytes)
        self.parsed = message_from_bytes(content, policy=policy.default)
        part = self.parsed.get_body(("plain",))
        assert part is not None
        return str(part.get_content())

    def html(self) -> str:
        part = self.parsed.get_body(("html",))
        assert part is not None
        return unescape(str(part.get_content()))

    def names(self, user: str) -> list[str]:
        """What the person's contacts say was done, in order."""
        contacts = self.engine.individual(f"user:{user}").contacts
        return [each.action for each in reversed(contacts)]


def eventually(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + WAIT_S
    while not holds():
        assert time.monotonic() < deadline, "it never came"
        time.sleep(0.02)


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    folder: Path = tmp_path_factory.mktemp("shop")
    with relaying() as (relay, port):
        settings = folder / "settings.toml"
        settings.write_text(
            f'{CERTAIN}[delivery]\npublic_url = "{PUBLIC}"\nsender = "Shop <shop@shop.example>"\n'
            f'[delivery.smtp]\nhost = "127.0.0.1"\nport = {port}\nsecurity = "none"\n',
            encoding="utf-8",
        )
        with serving(folder / "store", "--settings", str(settings)) as server:
            shop = Shop(server, relay)
            with closing(shop.engine), shop.http:
                shop.engine.put_items(ITEMS)
                shop.engine.define(DEFINITIONS)
                shop.engine.put_journeys(JOURNEY)
                yield shop


def known(shop: Shop, user: str, **traits: Any) -> str:
    shop.engine.identify(user, {"email": f"{user}@example.com", "marketing_opt_in": True, **traits})
    return user


def path_of(url: str) -> str:
    assert url.startswith(PUBLIC)
    return url.removeprefix(PUBLIC)


def test_an_open_counts_once_and_the_picture_is_always_one(shop: Shop) -> None:
    user = known(shop, "ann")
    shop.mail(user)
    found = re.search(rf'<img src="({PUBLIC}/t/o/[^"]+)"', shop.html())
    assert found
    for _ in range(3):
        answer = shop.http.get(path_of(found[1]))
        assert (answer.status_code, answer.headers["content-type"]) == (200, "image/gif")
        assert answer.headers["cache-control"] == "no-store"
    assert shop.names(user) == ["expose", "view"]
    forged = shop.http.get("/t/o/AAAA.BBBB.gif")
    assert (forged.status_code, forged.headers["content-type"]) == (200, "image/gif")


def test_a_click_leads_where_it_was_signed_to_and_nowhere_else(shop: Shop) -> None:
    user = known(shop, "bob")
    found = re.search(rf"{PUBLIC}/t/c/\S+", shop.mail(user))
    assert found
    looked = shop.http.head(path_of(found[0]))
    assert looked.headers["location"] == "https://shop.example/sale?a=1&b=2"
    assert shop.names(user) == ["expose"]
    for _ in range(2):
        answer = shop.http.get(path_of(found[0]))
        assert answer.status_code == 302
        assert answer.headers["location"] == "https://shop.example/sale?a=1&b=2"
    assert shop.names(user) == ["expose", "click"]
    token = path_of(found[0]).removeprefix("/t/c/")
    head, _, tail = token.partition(".")
    swapped = head[:-2] + ("AA" if head[-2:] != "AA" else "BB")
    for bad in (f"{swapped}.{tail}", head, f"{head}.", f"{head}.{tail[:-2]}", "x", "."):
        answer = shop.http.get(f"/t/c/{bad}")
        assert answer.status_code == 404, bad
        assert "location" not in answer.headers
    # A token says what it is for: a click's unsubscribes nobody.
    assert shop.http.post(f"/u/{token}").status_code == 404


def test_one_click_unsubscribes_a_get_does_not_and_the_next_send_is_held(shop: Shop) -> None:
    user = known(shop, "eve")
    shop.mail(user)
    header = shop.parsed["List-Unsubscribe"]
    assert shop.parsed["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    path = path_of(header.strip("<>"))
    page = shop.http.get(path)
    assert (page.status_code, "<form method=" in page.text) == (200, True)
    assert "default-src 'none'" in page.headers["content-security-policy"]
    assert "unsubscribe" not in shop.names(user)
    # As a mail program does it: no key, no cookie, a form's body.
    done = shop.http.post(path, data={"List-Unsubscribe": "One-Click"})
    assert done.status_code == 200
    assert shop.names(user)[-1] == "unsubscribe"
    sent = len(shop.relay.mails)
    shop.engine.track(user, "Signed Up")
    eventually(
        lambda: all(
            each.status != "active"
            for each in shop.engine.journey_people("welcome")
            if each.individual_id == f"user:{user}"
        )
    )
    assert len(shop.relay.mails) == sent


def test_preferences_show_and_change_each_purpose_on_each_channel(shop: Shop) -> None:
    user = known(shop, "kim")
    shop.mail(user)
    path = path_of(shop.parsed["List-Unsubscribe"].strip("<>")).replace("/u/", "/p/")
    page = shop.http.get(path)
    boxes = re.findall(r'value="([a-z:]+)"( checked)?', page.text)
    assert boxes == [
        (f"{name}:marketing", " checked") for name in ("email", "push", "sms", "webhook")
    ]
    kept = {"get": ["push:marketing", "sms:marketing", "webhook:marketing"]}
    saved = shop.http.post(path, data=kept)
    assert "Saved" in saved.text
    again = shop.http.get(path)
    assert ("email:marketing", "") in re.findall(r'value="([a-z:]+)"( checked)?', again.text)
    shop.http.post(path, data={"get": [*kept["get"], "email:marketing"]})
    assert shop.mail(user)


def test_the_outbox_and_a_preview_by_api(shop: Shop) -> None:
    user = known(shop, "lea", first_name="Léa")
    shop.mail(user)
    eventually(lambda: shop.engine.outbox(individual_id=f"user:{user}")[0].state == "sent")
    view = shop.engine.outbox("sent", individual_id=f"user:{user}")[0]
    assert (view.channel, view.address, view.journey_id) == ("email", "lea@example.com", "welcome")
    assert shop.engine.message(view.message_id) == view
    with pytest.raises(InvalidInput, match="is sent"):
        shop.engine.resend(view.message_id)
    with pytest.raises(NotFound):
        shop.engine.message("nothing")
    assert shop.http.get("/v1/outbox").status_code == 401
    preview = shop.engine.preview("hello", "mail", user)
    assert (preview.address, preview.parts["subject"]) == ("lea@example.com", "Für Léa")
    assert "/t/c/" not in preview.parts["text"]
    with pytest.raises(NotFound):
        shop.engine.preview("nothing", "mail", user)
    assert len(shop.engine.outbox(individual_id=f"user:{user}")) == 1


def test_a_faulty_template_is_refused_with_its_line(shop: Shop) -> None:
    text = """
placements:
  - {placement_id: mail, channel: email}
experiences:
  - experience_id: a
    placements: [mail]
    content:
      subject: Hi
      text: |
        Hello
        {{ person.traits.first_name }}
"""
    with pytest.raises(
        InvalidInput,
        match=r"line 9: experiences\[0\]\.content\.text: of 'a': line 2 of the template",
    ):
        shop.engine.define(text)
