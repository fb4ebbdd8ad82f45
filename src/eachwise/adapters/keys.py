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


def load_keys(
    store: Path, *, write: str | None = None, secret: str | None = None
) -> tuple[Keys, bool]:
    """The store's keys and whether they were made just now. Given keys win over (and do not change) the stored ones.

    Raises ``StoreError`` when the file cannot be read or written.
    """
    if write and secret:
        return Keys(write=write, secret=secret), False
    path = store / FILE
    try:
        made = not path.exists()
        if made:
            store.mkdir(parents=True, exist_ok=True)
            _write(path, Keys(write=_new("wk"), secret=_new("sk")))
        kept = msgspec.json.decode(path.read_bytes(), type=Keys)
    except (OSError, msgspec.DecodeError) as error:
        raise StoreError(f"{path}: cannot keep the keys there: {error}") from None
    return Keys(write=write or kept.write, secret=secret or kept.secret), made


def _new(prefix: str) -> str:
    return f"{prefix}_{secrets.token_urlsafe(KEY_BYTES)}"


def _write(path: Path, keys: Keys) -> None:
    """Whole or not at all: a first start that is killed must not leave half a file."""
    temporary = path.with_suffix(".new")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as stream:
        stream.write(msgspec.json.encode(keys))
        stream.flush()
        os.fsync(stream.fileno())
    temporary.replace(path)
