"""The project's keys, kept beside the embedded store in a file that only its owner can read."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

import msgspec

from eachwise.contracts.errors import StoreError
from eachwise.contracts.keys import Keys

FILE = "keys.json"
KEY_BYTES = 24
LINKS_FILE = "links.key"
LINKS_KEY_BYTES = 32


def load_keys(
    store: Path, *, write: str | None = None, secret: str | None = None
) -> tuple[Keys, bool]:
    """The store's keys, and whether they were made just now: ``keep_keys`` them once the server has started.

    Given keys win over (and do not change) the kept ones; nothing is written here. Raises ``StoreError`` when
    the file cannot be read.
    """
    if write and secret:
        return Keys(write=write, secret=secret), False
    path = store / FILE
    try:
        kept = msgspec.json.decode(path.read_bytes(), type=Keys)
    except FileNotFoundError:
        return Keys(write=write or _new("wk"), secret=secret or _new("sk")), True
    except (OSError, msgspec.DecodeError) as error:
        raise StoreError(f"{path}: cannot read the keys: {error}") from None
    return Keys(write=write or kept.write, secret=secret or kept.secret), False


def keep_keys(store: Path, keys: Keys) -> None:
    """Write the store's keys, whole or not at all, for their owner only. Raises ``StoreError``."""
    path = store / FILE
    try:
        store.mkdir(mode=0o700, parents=True, exist_ok=True)
        _write(path, keys)
    except OSError as error:
        raise StoreError(f"{path}: cannot keep the keys there: {error}") from None


def links_key(store: Path | None) -> bytes:
    """The key that signs links in messages: the store's own, made on first use; one for this process without a store.

    Raises ``StoreError`` where it can be neither read nor written.
    """
    if store is None:
        return secrets.token_bytes(LINKS_KEY_BYTES)
    path = store / LINKS_FILE
    try:
        kept = path.read_bytes()
        if len(kept) == LINKS_KEY_BYTES:
            return kept
        raise StoreError(f"{path}: has {len(kept)} bytes and not {LINKS_KEY_BYTES}")
    except FileNotFoundError:
        made = secrets.token_bytes(LINKS_KEY_BYTES)
    except OSError as error:
        raise StoreError(f"{path}: cannot read the key of links: {error}") from None
    try:
        _write_bytes(path, made)
    except OSError as error:
        raise StoreError(f"{path}: cannot keep the key of links there: {error}") from None
    return made


def _new(prefix: str) -> str:
    return f"{prefix}_{secrets.token_urlsafe(KEY_BYTES)}"


def _write(path: Path, keys: Keys) -> None:
    _write_bytes(path, msgspec.json.encode(keys))


def _write_bytes(path: Path, body: bytes) -> None:
    """Whole or not at all: a first start that is killed must not leave half a file."""
    temporary = path.with_suffix(".new")
    # What such a stop left behind may have another mode.
    temporary.unlink(missing_ok=True)
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as stream:
        stream.write(body)
        stream.flush()
        os.fsync(stream.fileno())
    temporary.replace(path)
