"""Search with 1,000, 10,000 and 100,000 items: in-process, for people with a history, re-ranked, with facets.

The yardstick is FTS5 alone over the same texts: the same words, spelled right, the best 20 by its own ``bm25``.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from typing import Any

import msgspec
import numpy as np

from eachwise.bench.effort import Effort
from eachwise.bench.figures import Figure, percentile
from eachwise.bench.stores import UNTIMED
from eachwise.bootstrap import Engine
from eachwise.contracts.search import SearchRequest
from eachwise.flow.drive import run

SIZES = {"1e3": 1_000, "1e4": 10_000, "1e5": 100_000}
SEED = 11
# Words of a language: the k-th is used 1/k as often as the first (Zipf).
WORDS, TITLE_WORDS, DESCRIPTION_WORDS = 20_000, 5, 20
ATTRIBUTES = {"category": 40, "brand": 500, "colour": 12, "use": 60}
PEOPLE, VIEWS = 50, 30
QUERIES, WARMUP = 400, 20
COUNT, SUGGESTED = 20, 8
BARE = "FTS5 alone: MATCH … ORDER BY bm25 LIMIT 20"
BARE_BUILD = "FTS5 alone, filled with the same texts"
_CREATE = (
    "CREATE VIRTUAL TABLE items USING fts5(title, vals, description, "
    "tokenize='unicode61 remove_diacritics 2', prefix='2 3')"
)
_QUERY = "SELECT rowid FROM items WHERE items MATCH ? ORDER BY bm25(items, 8, 4, 1) LIMIT ?"


@dataclass(frozen=True, slots=True)
class Typed:
    """One query as a person types it, and as FTS5 is asked with the same words."""

    text: str
    match: str


class Texts:
    """A drawn shop: items whose words follow Zipf's law, and what people type to find them."""

    def __init__(self, items: int) -> None:
        self._draw = np.random.default_rng(SEED)
        self._words = self._coined()
        share = 1.0 / np.arange(1, WORDS + 1)
        self._share = share / share.sum()
        self.items = [self._item(number) for number in range(items)]

    def queries(self, count: int) -> list[Typed]:
        """One to three words of an item's title; a quarter with an unfinished last word, a tenth with a mistake."""
        found = []
        for chosen in self._draw.integers(len(self.items), size=count).tolist():
            title = self.items[chosen]["title"].lower().split()
            asked = title[: int(self._draw.integers(1, 4))]
            match = [f'"{word}"' for word in asked]
            kind = self._draw.random()
            if kind < 0.25:
                asked[-1] = asked[-1][:-2]
                match[-1] = f'"{asked[-1]}"*'
            elif kind < 0.35:
                asked[-1] = asked[-1][:2] + asked[-1][3] + asked[-1][2] + asked[-1][4:]
            found.append(Typed(" ".join(asked) + (" " if kind >= 0.25 else ""), " ".join(match)))
        return found

    def views(self) -> list[dict[str, Any]]:
        """What each person looked at."""
        rows = self._draw.integers(len(self.items), size=(PEOPLE, VIEWS)).tolist()
        return [
            {
                "type": "track",
                "event": "Product Viewed",
                "userId": f"p{person}",
                "properties": {"product_id": self.items[row]["item_id"]},
            }
            for person, viewed in enumerate(rows)
            for row in viewed
        ]

    def _coined(self) -> list[str]:
        """Words of four to ten letters, each once, the short ones first as in a language."""
        consonants, vowels = list("bcdfghjklmnprstvwz"), list("aeiou")
        found: dict[str, None] = {}
        while len(found) < WORDS:
            syllables = self._draw.integers(2, 6)
            starts = self._draw.choice(consonants, syllables)
            ends = self._draw.choice(vowels, syllables)
            found["".join(a + b for a, b in zip(starts, ends, strict=True))] = None
        return sorted(found, key=len)

    def _item(self, number: int) -> dict[str, Any]:
        words = self._draw.choice(WORDS, TITLE_WORDS + DESCRIPTION_WORDS, p=self._share).tolist()
        text = [self._words[word] for word in words]
        return {
            "item_id": f"i{number:06d}",
            "title": " ".join(text[:TITLE_WORDS]).title(),
            "description": " ".join(text[TITLE_WORDS:]),
            "attributes": {
                name: self._words[int(self._draw.integers(size)) * 7]
                for name, size in ATTRIBUTES.items()
            },
        }


def measure(effort: Effort) -> list[Figure]:
    """The benchmark ``search``."""
    figures: list[Figure] = []
    for name, size in SIZES.items():
        texts = Texts(effort.count(size, least=200))
        effort.say(f"search: {len(texts.items):,} items")
        figures += _measured(effort, texts, name)
    return figures


def _measured(effort: Effort, texts: Texts, name: str) -> list[Figure]:
    typed = texts.queries(effort.count(QUERIES, least=20))
    with Engine.open(settings=UNTIMED) as engine, closing(sqlite3.connect(":memory:")) as bare:
        engine.put_items(b"\n".join(msgspec.json.encode(item) for item in texts.items))
        engine.send(texts.views())
        run(engine.core.checkpoint())
        bare_build = _timed(lambda: _fill(bare, texts))
        build = _timed(lambda: engine.search("first"))
        searching = engine.core.searching
        ours, theirs, suggested = [], [], []
        for number, one in enumerate(typed):
            request = SearchRequest(query=one.text, user_id=f"p{number % PEOPLE}", count=COUNT)
            ours.append(_timed(partial(run, searching.search(request))))
            theirs.append(_timed(partial(_asked, bare, one.match)))
            suggested.append(_timed(partial(run, searching.suggest(one.text[:3], SUGGESTED))))
    warm = min(WARMUP, len(typed) // 4)
    figures = [
        Figure(
            name=f"{what}_p{percent}_{name}",
            value=1e3 * percentile(times[warm:], percent),
            unit="ms",
            yardstick=1e3 * percentile(theirs[warm:], percent),
            beside=BARE,
        )
        for what, times in (("search", ours), ("suggest", suggested))
        for percent in (50, 99)
    ]
    first = Figure(
        name=f"build_{name}", value=build, unit="s", yardstick=bare_build, beside=BARE_BUILD
    )
    return [*figures, first]


def _fill(bare: sqlite3.Connection, texts: Texts) -> None:
    bare.execute(_CREATE)
    with bare:
        bare.executemany(
            "INSERT INTO items (title, vals, description) VALUES (?, ?, ?)",
            (
                (item["title"], " ".join(item["attributes"].values()), item["description"])
                for item in texts.items
            ),
        )


def _asked(bare: sqlite3.Connection, match: str) -> list[Any]:
    return bare.execute(_QUERY, (match, COUNT)).fetchall()


def _timed(once: Callable[[], object]) -> float:
    """Seconds of one call."""
    begun = time.perf_counter()
    once()
    return time.perf_counter() - begun
