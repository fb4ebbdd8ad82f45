"""JSON Lines: a row is a line."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from eachwise.cli.feeds.rows import Read, digest_of, unreadable

_BOM = b"\xef\xbb\xbf"


class JsonLines:
    """A file of JSON Lines, sent as it is."""

    def __init__(self, file: Path) -> None:
        self.digest = digest_of(file)
        self._file = file
        self._size = file.stat().st_size
        self._position = 0

    def rows(self) -> Iterator[Read]:
        """See ``Source``."""
        self._position = 0
        try:
            with self._file.open("rb") as stream:
                for row, line in enumerate(stream):
                    self._position += len(line)
                    body = line.removeprefix(_BOM) if row == 0 else line
                    yield Read(row, row + 1, body.rstrip(b"\r\n"))
        except OSError as error:
            raise unreadable(self._file, error) from None

    def share(self) -> float:
        """See ``Source``."""
        return self._position / max(self._size, 1)
