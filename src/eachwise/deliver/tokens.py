"""Signed tokens in links: what was opened, clicked or unsubscribed from, for whom, without a look-up.

token = base64url(msgpack(content)) "." base64url(first 16 bytes of HMAC-SHA256(key, content)). Whoever holds a token
can read it (it is theirs) and nobody without the key can make one.
"""

from __future__ import annotations

import hashlib
import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Literal

import msgspec

# open, click, unsubscribe.
TokenKind = Literal["o", "c", "u"]
SIGNATURE_BYTES = 16
TOKEN_CHARS_MAX = 8192


class Token(msgspec.Struct, frozen=True, array_like=True, kw_only=True):
    """What a link stands for. ``url``: where a click goes; ``purpose`` and ``channel``: what is unsubscribed from."""

    kind: TokenKind
    individual_id: str
    message_id: str
    channel: str
    purpose: str = ""
    decision_id: str = ""
    experience_id: str = ""
    placement_id: str = ""
    url: str = ""


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Token).decode


def sign_token(token: Token, key: bytes) -> str:
    """The token as it stands in a link."""
    content = _encode(token)
    return f"{_text(content)}.{_text(_signature(content, key))}"


def read_token(text: str, kind: TokenKind, key: bytes) -> Token | None:
    """What a link stands for; None where it was not signed with this key, or for something else."""
    head, _, tail = text.partition(".")
    if len(text) > TOKEN_CHARS_MAX:
        return None
    try:
        content, signature = _bytes(head), _bytes(tail)
    except ValueError:
        return None
    if not hmac.compare_digest(signature, _signature(content, key)):
        return None
    try:
        token = _decode(content)
    except msgspec.DecodeError:
        return None
    return token if token.kind == kind else None


def _signature(content: bytes, key: bytes) -> bytes:
    return hmac.new(key, content, hashlib.sha256).digest()[:SIGNATURE_BYTES]


def _text(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode()


def _bytes(text: str) -> bytes:
    return urlsafe_b64decode(text.encode() + b"=" * (-len(text) % 4))
