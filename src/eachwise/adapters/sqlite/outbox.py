"""The outbox: what waits to be sent, who holds it, and what became of it."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from concurrent.futures import Future

import msgspec

from eachwise.adapters.outbox import claimed
from eachwise.adapters.sqlite.queries import ROWS_MAX
from eachwise.adapters.sqlite.reading import QUERIES, Tables
from eachwise.contracts.delivery import OPEN, Message, MessageState

_message = msgspec.msgpack.Decoder(Message).decode
_encode = msgspec.msgpack.Encoder().encode


class OutboxTables(Tables):
    """The part of the store that delivery reads, and claims from."""

    def claim_messages(
        self, worker: str, now_us: int, until_us: int, limit: int, channels: Iterable[str] = ()
    ) -> Future[list[Message]]:
        """Hold due messages for a worker until a time, by (due_at_us, message_id); done when that is durable."""
        wanted = sorted(set(channels))
        return self.writer.submit(
            lambda connection: _claim(
                connection, self._project, worker, (now_us, until_us), limit, wanted
            )
        )

    def message(self, message_id: str) -> Message | None:
        """One message of the outbox, or None."""
        body = self._one("message", message_id)
        return None if body is None else _message(body)

    def messages(
        self, state: MessageState | None = None, after: str = "", limit: int = 100
    ) -> list[Message]:
        """Messages by id, after one; of one state where it is named."""
        if state is None:
            rows = self._rows("messages_after", after, limit)
        else:
            rows = self._rows("messages_in", state, after, limit)
        return [_message(row[0]) for row in rows]

    def messages_of(self, individual_id: str, limit: int = 100) -> list[Message]:
        """A person's newest messages, newest first (created_at_us, then message id)."""
        return [_message(row[0]) for row in self._rows("messages_of", individual_id, limit)]

    def open_messages(self) -> Iterator[Message]:
        """Every message that is neither settled nor given up, by id.

        Which messages is settled at the call; their bodies are read as the iterator goes, and one that is no longer
        open by then is passed over.
        """
        return self._still_open([row[0] for row in self._rows("messages_open")])

    def _still_open(self, message_ids: list[str]) -> Iterator[Message]:
        for start in range(0, len(message_ids), ROWS_MAX):
            page = message_ids[start : start + ROWS_MAX]
            found: dict[str, bytes] = {}
            for sql, part in QUERIES["messages_at"].slices(page, 1):
                rows = self._readers.rows(sql, (self._project, *part))
                found.update(
                    (message_id, body) for message_id, state, body in rows if state in OPEN
                )
            for message_id in page:
                if message_id in found:
                    yield _message(found[message_id])


def _claim(
    connection: sqlite3.Connection,
    project: str,
    worker: str,
    times_us: tuple[int, int],
    limit: int,
    channels: list[str],
) -> list[Message]:
    """Claim, inside a transaction: the first of every channel, of these the first of all."""
    now_us, until_us = times_us
    if limit <= 0:
        return []
    found: list[tuple[int, str, str, bytes]] = []
    for channel in channels or _channels(connection, project):
        values = (project, channel, now_us, limit)
        found += connection.execute(QUERIES["messages_claimable"].text, values)
    taken = []
    for _, message_id, was_claimed_by, body in sorted(found)[:limit]:
        message = claimed(_message(body), worker, until_us)
        connection.execute(
            QUERIES["messages_claim"].text,
            (project, message_id, worker, until_us, _encode(message), was_claimed_by),
        )
        taken.append(message)
    return taken


def _channels(connection: sqlite3.Connection, project: str) -> list[str]:
    """Every channel that has messages waiting or claimed: one step into the index for each."""
    channels = [""]
    sql = QUERIES["messages_channel_after"].text
    while (row := connection.execute(sql, (project, channels[-1])).fetchone()) is not None:
        channels.append(row[0])
    return channels[1:]
