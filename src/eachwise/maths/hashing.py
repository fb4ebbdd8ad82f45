"""Stable hashes: the same on every machine, in every process, in every version of Python."""

from __future__ import annotations

import hashlib


def stable_hash(*parts: str | int) -> int:
    """63-bit BLAKE2b of the parts, which are kept apart by a separator no id can contain. Range [0, 2**63)."""
    text = "\x1f".join(map(str, parts)).encode()
    return int.from_bytes(hashlib.blake2b(text, digest_size=8).digest(), "big") >> 1


def stable_unit(*parts: str | int) -> float:
    """A stable pseudo-random number in [0, 1) for these parts: the permanent coin of holdouts and splits."""
    return (stable_hash(*parts) >> 10) / float(1 << 53)
