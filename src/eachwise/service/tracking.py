"""What people's mail programs and browsers call: pictures, links, unsubscribing, preferences. Tokens say who, not keys.

A GET never changes what a person gets: programs follow links by themselves.
"""

from __future__ import annotations

import logging
from base64 import b64decode
from collections.abc import Sequence
from contextlib import suppress
from html import escape
from urllib.parse import parse_qs

from eachwise.contracts.errors import NotFound, StoreError, Unavailable
from eachwise.flow.drive import Flow, arun
from eachwise.service.answers import Answer, Header
from eachwise.service.call import Call

_log = logging.getLogger("eachwise.service")
PIXEL = b64decode("R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7")
_PRIVATE: tuple[Header, ...] = (
    (b"cache-control", b"no-store"),
    (b"referrer-policy", b"no-referrer"),
    (b"x-robots-tag", b"noindex"),
)
_SAFE: tuple[Header, ...] = (
    *_PRIVATE,
    (
        b"content-security-policy",
        b"default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; frame-ancestors 'none'",
    ),
)
_STYLE = (
    "body{font:16px/1.5 system-ui,sans-serif;max-width:32rem;margin:4rem auto;padding:0 1rem}"
    "button{font:inherit;padding:.5rem 1rem}"
)


async def opened(call: Call) -> Answer:
    """The picture in a mail; it looks the same whatever its token says."""
    if call.method != "HEAD":  # which a program sends that only looks
        await _counted(call.core.delivery.returns.opened(call.path("token")))
    return Answer(body=PIXEL, content_type=b"image/gif", headers=_PRIVATE)


async def clicked(call: Call) -> Answer:
    """A link in a message: on to the address that was signed, and to no other."""
    returns, text = call.core.delivery.returns, call.path("token")
    try:
        url = returns.token(text, "c").url
    except NotFound as error:
        return _page("This link does not work", [error.message], status=404)
    if call.method != "HEAD":  # looked at by a program that follows no link
        await _counted(returns.clicked(text))
    return Answer(body=b"", status=302, headers=((b"location", _ascii(url)), *_PRIVATE))


async def _counted(counting: Flow[object]) -> None:
    """Count it. A person's link and picture work all the same where the disk is full, or the log has to wait for it."""
    with suppress(NotFound):
        try:
            await arun(counting)
        except (Unavailable, StoreError) as error:
            _log.warning("not counted: %s", error.message)


async def unsubscribing(call: Call) -> Answer:
    """The page behind an unsubscribing link: a button, since a GET unsubscribes nobody."""
    try:
        token = call.core.delivery.returns.token(call.path("token"))
    except NotFound as error:
        return _page("This link does not work", [error.message], status=404)
    lines = [f"You get {token.purpose or 'messages'} by {token.channel}."]
    form = '<form method="post"><button name="List-Unsubscribe" value="One-Click">Unsubscribe</button></form>'
    link = f'<p><a href="../p/{escape(call.path("token"))}">All preferences</a></p>'
    return _page("Unsubscribe", lines, form + link)


async def unsubscribe(call: Call) -> Answer:
    """One click, from the page or from a mail program (RFC 8058)."""
    try:
        token = await arun(call.core.delivery.returns.unsubscribe(call.path("token")))
    except NotFound as error:
        return _page("This link does not work", [error.message], status=404)
    lines = [f"You get no more {token.purpose or 'messages'} by {token.channel}."]
    link = f'<p><a href="../p/{escape(call.path("token"))}">All preferences</a></p>'
    return _page("You are unsubscribed", lines, link)


async def preferences(call: Call) -> Answer:
    """What the person gets, each with a box."""
    return _preferences(call, [])


async def prefer(call: Call) -> Answer:
    """The boxes as the person left them; an empty one says no."""
    returns = call.core.delivery.returns
    try:
        known = returns.preferences(call.path("token"))
        ticked = set(parse_qs((await call.body()).decode("utf-8", "replace")).get("get", []))
        wanted = {pair: ":".join(pair) in ticked for pair in known}
        await arun(returns.prefer(call.path("token"), wanted))
    except NotFound as error:
        return _page("This link does not work", [error.message], status=404)
    return _preferences(call, ["Saved."])


def _preferences(call: Call, lines: Sequence[str]) -> Answer:
    try:
        found = call.core.delivery.returns.preferences(call.path("token"))
    except NotFound as error:
        return _page("This link does not work", [error.message], status=404)
    boxes = "".join(
        f'<p><label><input type="checkbox" name="get" value="{escape(":".join(pair))}"'
        f"{' checked' if gets else ''}> {escape(pair[1])} by {escape(pair[0])}</label></p>"
        for pair, gets in found.items()
    )
    form = f'<form method="post">{boxes}<button>Save</button></form>'
    return _page("What you get from us", lines, form)


def _page(title: str, lines: Sequence[str], inner: str = "", *, status: int = 200) -> Answer:
    words = "".join(f"<p>{escape(line)}</p>" for line in lines)
    html = (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        f'<meta name="viewport" content="width=device-width"><style>{_STYLE}</style></head>'
        f"<body><h1>{escape(title)}</h1>{words}{inner}</body></html>"
    )
    return Answer(
        body=html.encode(),
        status=status,
        content_type=b"text/html; charset=utf-8",
        headers=_SAFE,
    )


def _ascii(url: str) -> bytes:
    """An address as a header may hold it: anything beyond ASCII percent-encoded, no line breaks."""
    return "".join(
        char if 32 < ord(char) < 127 else "".join(f"%{byte:02X}" for byte in char.encode())
        for char in url
    ).encode()
