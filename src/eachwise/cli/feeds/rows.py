"""What every file is read as: rows in order, each JSON or the reason why it cannot be taken."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple, Protocol

from eachwise.contracts.errors import InvalidInput

DIGEST_CHUNK_BYTES = 1 << 20


class Read(NamedTuple):
    """One row of a file.

    row:    its number, from 0, without gaps
    line:   where it begins in the file, from 1; 0 where rows have no lines
    body:   what is sent: JSON in one line; empty where the row holds nothing by itself
    reason: why it is not sent; then ``raw`` is what it holds
    """

    row: int
    line: int
    body: bytes
    reason: str = ""
    raw: bytes = b""


class Source(Protocol):
    """A file as rows. Reading it twice gives the same rows: that is what resuming stands on."""

    digest: str

    def rows(self) -> Iterator[Read]:
        """All rows from the first on. Raises ``InvalidInput``, naming the line, for a file that cannot be read on."""
        ...

    def share(self) -> float:
        """How much of the file was read, from 0 to 1."""
        ...


def digest_of(file: Path) -> str:
    """The SHA-256 of a file's content, in hex. Raises ``InvalidInput`` where it cannot be read."""
    digest = hashlib.sha256()
    try:
        with file.open("rb") as stream:
            while chunk := stream.read(DIGEST_CHUNK_BYTES):
                digest.update(chunk)
    except OSError as error:
        raise unreadable(file, error) from None
    return digest.hexdigest()


def combined(*digests: str) -> str:
    """One digest of several, in order."""
    return hashlib.sha256("\n".join(digests).encode()).hexdigest()


def unreadable(file: Path, error: OSError) -> InvalidInput:
    """A file that the system does not give."""
    return InvalidInput(f"cannot read {file}: {error.strerror}", field="file")
