"""Where the pages of a list have got to: an opaque token that the caller keeps, so that the engine keeps nothing.

It holds what was delivered (five bytes an item: a hash, so that the catalogue may change between pages), the versions
that the last page was made with, and the seed of the draws. It is signed with the project's name: that tells a token
that was cut, changed or taken from elsewhere; nothing in it is secret or opens anything.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

from eachwise.contracts.arrays import Bools
from eachwise.contracts.errors import InvalidInput

# Pages end here: a token of 14 KB. Nobody scrolls so far, and a longer walk is an export.
DELIVERED_MAX = 2000
# With N items and D delivered, N · D / 2**40 items are wrongly held for delivered: 100,000 and 2,000 give .0002.
HASH_BYTES = 5
_TAG_BYTES = 6
_FORMAT = 1
_CHUNK = 4096  # ids hashed at once: as wide as the longest of them, four bytes a character
_FNV_OFFSET, _FNV_PRIME = np.uint64(0xCBF29CE484222325), np.uint64(0x100000001B3)
_SHIFT = np.uint64(33)
_FINISH = (np.uint64(0xFF51AFD7ED558CCD), np.uint64(0xC4CEB9FE1A85EC53))
_MASK = np.uint64((1 << (8 * HASH_BYTES)) - 1)

Hashes = NDArray[np.uint64]


class Cursor(msgspec.Struct, frozen=True, array_like=True):
    """What a token says. ``delivered``: the hashes of the items of every page so far, 5 bytes each."""

    format: int
    seed: int
    page: int
    catalog_version: int
    taste_version: int
    delivered: bytes

    @property
    def hashes(self) -> Hashes:
        """The delivered items' hashes, in order of delivery."""
        wide = np.zeros((len(self.delivered) // HASH_BYTES, 8), dtype=np.uint8)
        wide[:, :HASH_BYTES] = np.frombuffer(self.delivered, np.uint8).reshape(-1, HASH_BYTES)
        return wide.view("<u8").ravel().astype(np.uint64)


def item_hashes(item_ids: Sequence[str]) -> Hashes:
    """40-bit hashes of item ids, the same everywhere: FNV-1a (64 bit) over code points, then MurmurHash3's finish."""
    parts = [item_ids[start : start + _CHUNK] for start in range(0, len(item_ids), _CHUNK)]
    return np.concatenate([_hashed(part) for part in parts]) if parts else np.zeros(0, np.uint64)


def _hashed(item_ids: Sequence[str]) -> Hashes:
    texts = np.array(item_ids)
    points = texts.view(np.uint32).reshape(len(texts), -1)
    found = np.full(len(texts), _FNV_OFFSET)
    for column in points.T:
        # Ids hold no zero: zeros only fill up the shorter ones.
        found = np.where(column > 0, (found ^ column.astype(np.uint64)) * _FNV_PRIME, found)
    for multiplier in _FINISH:
        found = (found ^ (found >> _SHIFT)) * multiplier
    return np.asarray((found ^ (found >> _SHIFT)) & _MASK)


def first(seed: int, catalog_version: int, taste_version: int) -> Cursor:
    """The cursor before the first page."""
    return Cursor(_FORMAT, seed, 0, catalog_version, taste_version, b"")


def advanced(
    cursor: Cursor, item_ids: Sequence[str], catalog_version: int, taste_version: int
) -> Cursor:
    """The cursor after one more page."""
    packed = item_hashes(item_ids).astype("<u8").view(np.uint8).reshape(-1, 8)[:, :HASH_BYTES]
    return Cursor(
        _FORMAT,
        cursor.seed,
        cursor.page + 1,
        catalog_version,
        taste_version,
        cursor.delivered + packed.tobytes(),
    )


def delivered(cursor: Cursor, of_catalog: Hashes) -> Bools:
    """Which of the catalogue's items (N,), by their hashes, were delivered."""
    return np.isin(of_catalog, cursor.hashes)


def encode(cursor: Cursor, project_id: str) -> str:
    """The token: URL-safe text."""
    body = msgspec.msgpack.encode(cursor)
    return base64.urlsafe_b64encode(_tag(body, project_id) + body).decode().rstrip("=")


def decode(token: str, project_id: str, catalog_version: int, taste_version: int) -> Cursor:
    """The cursor of a token.

    Raises ``InvalidInput`` for text that is no token, was changed, or names versions that this project has not had.
    """
    try:
        raw = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        raise _bad("it is not one that a page gave") from None
    body = raw[_TAG_BYTES:]
    if raw[:_TAG_BYTES] != _tag(body, project_id):
        raise _bad("it was cut or changed, or belongs to another project")
    try:
        cursor = msgspec.msgpack.decode(body, type=Cursor)
    except msgspec.DecodeError:
        raise _bad("it was made by another version of the engine") from None
    if cursor.format != _FORMAT or len(cursor.delivered) % HASH_BYTES:
        raise _bad("it was made by another version of the engine")
    if cursor.catalog_version > catalog_version or cursor.taste_version > taste_version:
        raise _bad("it was made by another store: its versions are newer than this one's")
    return cursor


def _tag(body: bytes, project_id: str) -> bytes:
    key = hashlib.blake2b(project_id.encode(), digest_size=32).digest()
    return hashlib.blake2b(body, key=key, digest_size=_TAG_BYTES, person=b"cursor").digest()


def _bad(reason: str) -> InvalidInput:
    return InvalidInput(f"cursor: {reason}; leave it out to begin anew", field="cursor")
