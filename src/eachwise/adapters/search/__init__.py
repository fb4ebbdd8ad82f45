"""The search index: SQLite's FTS5 finds which items carry the words, arrays beside it say how well they answer."""

from eachwise.adapters.search.index import Fts5Index

__all__ = ["Fts5Index"]
