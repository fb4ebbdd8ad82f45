"""Stable hashes: the same on every machine, in every process, in every version of Python."""

from __future__ import annotations

import hashlib


def stable_hash(*parts: str | int) -> int:
    """63-bit BLAKE2b of the parts, which are kept apart by a separator no id can contain. Range [0, 2**63)."""
    text = "\x1f".join(map(str, parts)).encode()
    return int.from_bytes(hashlib.blake2b(text, digest_size=8).digest(), "big") >> 1


def short_hash(text: str) -> str:
    """The first 12 of the 16 hex digits of ``stable_hash``: 47 bits, a name among the few things of one person."""
    return f"{stable_hash(text):016x}"[:12]
