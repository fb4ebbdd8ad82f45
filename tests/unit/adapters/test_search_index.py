"""The search index: known answers, whatever is typed, and in step with the catalogue however it changes."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator, Mapping
from contextlib import closing

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from eachwise.adapters.search import Fts5Index, index
from eachwise.adapters.search.documents import Documents
from eachwise.catalog import build_index
from eachwise.contracts.arrays import CatalogIndex
from eachwise.contracts.catalog import Item
from eachwise.contracts.errors import MissingExtra, Unavailable
from eachwise.contracts.search import Found, SearchIndex

SHOP = build_index(
    [
        Item(item_id="salmon", title="Salmon fillet", attributes={"category": "fish"}),
        Item(item_id="salmon-pie", title="Salmon and spinach pie", attributes={"dish": "main"}),
        Item(item_id="fingers", title="Fish fingers", attributes={"category": "fish"}),
        Item(
            item_id="burger",
            title="Veggie burger",
            attributes={"diet": ["vegan", "lean"]},
            description="Tastes of the sea, without any fish",
        ),
        Item(item_id="ice", title="Ice cream", attributes={"category": "ice-cream"}),
        Item(item_id="brulee", title="Crème brûlée", attributes={"category": "dessert"}),
        Item(item_id="cherries", title="Cherries", attributes={"category": "fruit"}),
        Item(item_id="sushi", title="鮭ご飯セット", attributes={"category": "寿司"}),
        Item(item_id="soup", title="Суп грибной"),
        Item(item_id="SKU-42", title="Chocolate cake", description="A cake, for a party"),
        Item(item_id="silent"),
    ],
    version=1,
)


@pytest.fixture(scope="module")
def shop() -> Iterator[Fts5Index]:
    """An index of the shop."""
    with closing(Fts5Index()) as found:
        found.follow(SHOP)
        yield found


def ids(found: Found, catalog: CatalogIndex = SHOP) -> list[str]:
    """The items found, the most relevant first."""
    order = np.argsort(-found.relevance, kind="stable")
    return [catalog.item_ids[row] for row in found.rows[order].tolist()]


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("salmon", ["salmon", "salmon-pie"]),
        ("fish", ["fingers", "salmon", "burger"]),
        ("salmon pie", ["salmon-pie"]),
        ("PIE, salmon!", ["salmon-pie"]),
        ("vegan", ["burger"]),
        ("creme brulee", ["brulee"]),
        ("CRÈME BRÛLÉE", ["brulee"]),
        ("cherry", ["cherries"]),
        ("burgers", ["burger"]),
        ("ご飯", ["sushi"]),
        ("鮭", ["sushi"]),
        ("суп", ["soup"]),
        ("sal", ["salmon", "salmon-pie"]),
        ("salmon spin", ["salmon-pie"]),
        ("sku-42", []),
        ("SKU-42", ["SKU-42"]),
        ("silent", ["silent"]),
        ("sal ", []),
        ("s", []),
        ("?!", []),
        ("", []),
    ],
)
def test_known_answers(shop: Fts5Index, text: str, wanted: list[str]) -> None:
    found = shop.find(text).result()
    assert ids(found) == wanted
    assert found.complete == bool(wanted)


@pytest.mark.parametrize(
    ("text", "read_as", "wanted"),
    [
        ("slamon", "salmon", ["salmon", "salmon-pie"]),
        ("samon", "salmon", ["salmon", "salmon-pie"]),
        ("salmin fillet", "salmon", ["salmon"]),
        ("chocolatte", "chocolate", ["SKU-42"]),
        ("choclate", "chocolate", ["SKU-42"]),
        ("chokol", "chocolate", ["SKU-42"]),
        ("icecream", "ice cream", ["ice"]),
        ("грибнай", "грибнои", ["soup"]),
    ],
)
def test_mistakes_are_forgiven_and_said(
    shop: Fts5Index, text: str, read_as: str, wanted: list[str]
) -> None:
    found = shop.find(text).result()
    assert (ids(found), list(found.corrections.values())) == (wanted, [read_as])


@pytest.mark.parametrize("text", ["xat", "dalmon", "ik", "zzzzzzzz", "x" * 100])
def test_too_many_mistakes_find_nothing(shop: Fts5Index, text: str) -> None:
    found = shop.find(text).result()
    assert not len(found.rows)
    assert found.corrections == {}


def test_a_word_as_written_answers_better_than_one_that_is_near_or_unfinished() -> None:
    catalog = build_index(
        [Item(item_id=title, title=title) for title in ("care", "cares", "careful", "cart")],
        version=1,
    )
    with closing(Fts5Index()) as found:
        found.follow(catalog)
        assert ids(found.find("care").result(), catalog) == ["care", "cares", "careful"]
        assert ids(found.find("cares").result(), catalog) == ["care", "cares"]


def test_a_title_beats_a_value_beats_a_description_and_a_short_title_a_long_one() -> None:
    catalog = build_index(
        [
            Item(item_id="a", title="Other", description="of fish"),
            Item(item_id="b", title="Other", attributes={"category": "fish"}),
            Item(item_id="c", title="Something with more words than others and fish"),
            Item(item_id="d", title="Fresh fish"),
            Item(item_id="e", title="Fish"),
        ],
        version=1,
    )
    with closing(Fts5Index()) as shelf:
        shelf.follow(catalog)
        found = shelf.find("fish").result()
        assert ids(found, catalog) == ["e", "d", "c", "b", "a"]
        assert found.relevance.max() == 2.0
        assert (
            (found.relevance > 0.0) & ((found.relevance < 1.0) | (found.relevance == 2.0))
        ).all()


def test_the_rarer_word_counts_more_where_only_some_are_answered(shop: Fts5Index) -> None:
    found = shop.find("fish spinach bicycle").result()
    assert not found.complete
    assert ids(found)[0] == "salmon-pie"
    assert "ice" not in ids(found)


@given(st.text(max_size=60))
def test_whatever_is_typed_is_only_text(shop: Fts5Index, text: str) -> None:
    found = shop.find(text).result()
    assert len(found.rows) == len(found.relevance) <= len(SHOP.items)
    assert (np.diff(found.rows) > 0).all()
    assert np.isfinite(found.relevance).all()
    assert (found.relevance > 0.0).all()


@pytest.mark.parametrize(
    "text",
    [
        'salmon" OR "fish',
        "salmon OR fish",
        "title:salmon",
        "stems : salmon",
        "NEAR(salmon fish)",
        "sal*",
        "-fish",
        "^salmon",
        "salmon) OR (fish",
        "'; DROP TABLE items; --",
        "\x00salmon",
        '"' * 50,
        "u0000e9",
    ],
)
def test_nobody_types_a_query_language(shop: Fts5Index, text: str) -> None:
    before = shop.find("fish").result()
    found = shop.find(text).result()
    # Every word is looked for as a word: an operator is one that few titles have.
    for row in found.rows.tolist():
        assert found.complete <= ("salmon" in SHOP.items[row].title.lower() or "fish" in text)
    assert shop.find("fish").result().rows.tolist() == before.rows.tolist()


def test_more_words_than_are_looked_at_do_no_harm(shop: Fts5Index) -> None:
    text = " ".join(["salmon fillet", *(f"word{number}" for number in range(500))])
    assert ids(shop.find(text).result())[0] == "salmon"


# -- following the catalogue ---------------------------------------------------------------------

ITEM_IDS = ["a", "b", "c", "d"]
TITLES = st.lists(st.sampled_from(["fish", "fishes", "soup", "fsih", "pie"]), max_size=3)
SHOPS = st.lists(
    st.dictionaries(st.sampled_from(ITEM_IDS), TITLES, max_size=4), min_size=1, max_size=5
)


def built(titles: Mapping[str, list[str]], version: int) -> CatalogIndex:
    """A catalogue of items with these titles, made of new objects."""
    items = [Item(item_id=each, title=" ".join(words)) for each, words in titles.items()]
    return build_index(items, version)


@given(SHOPS)
def test_it_answers_as_if_it_had_been_built_anew(shops: list[dict[str, list[str]]]) -> None:
    with closing(Fts5Index()) as followed, closing(Fts5Index()) as anew:
        for version, titles in enumerate(shops):
            followed.follow(built(titles, version))
            followed.find("fish").result()
        catalog = built(shops[-1], len(shops))
        anew.follow(catalog)
        for text in ("fish", "fi", "fisch", "soup pie", "soup of the day", "pie "):
            one, other = followed.find(text).result(), anew.find(text).result()
            assert one.rows.tolist() == other.rows.tolist()
            assert one.relevance.tolist() == other.relevance.tolist()
            assert (one.complete, one.corrections) == (other.complete, other.corrections)
            some, others = (each.suggest(text, {}, 5).result() for each in (followed, anew))
            assert some == others


def test_a_new_price_is_no_new_text() -> None:
    before = built({"a": ["fish"]}, 1)
    after = build_index([Item(item_id="a", title="fish", price=2.0)], 2)
    with closing(Fts5Index()) as found:
        found.follow(before)
        assert len(found.find("fish").result().rows) == 1
        found.follow(after)
        assert len(found.find("fish").result().rows) == 1
        assert found._shelf is not None
        assert len(found._shelf.documents) == 1


def test_dead_documents_are_cleared_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(index, "DEAD_MIN", 3)
    with closing(Fts5Index()) as found:
        for version in range(20):
            found.follow(built({"a": [f"title{version}"], "b": ["fish"]}, version))
            assert len(found.find(f"title{version} ").result().rows) == 1
            assert found._shelf is not None
            assert len(found._shelf.documents) <= 2 + 3 + 1


def test_without_a_catalogue_nothing_is_found() -> None:
    with closing(Fts5Index()) as found:
        assert len(found.find("fish").result().rows) == 0
        assert found.suggest("fi", {}, 5).result() == []
        found.follow(built({}, 1))
        assert len(found.find("fish").result().rows) == 0


def test_closing_ends_what_is_under_way(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(index, "STOP_CHECK_DOCUMENTS", 1)
    begun, go_on = threading.Event(), threading.Event()
    found = Fts5Index()
    add = Documents.add

    def slowly(self: Documents, item: Item) -> list[int]:
        begun.set()
        go_on.wait(10)
        return add(self, item)

    monkeypatch.setattr(Documents, "add", slowly)
    found.follow(built({each: ["fish"] for each in ITEM_IDS}, 1))
    asked = found.find("fish")
    assert begun.wait(10)
    threading.Timer(0.05, go_on.set).start()
    found.close()
    assert asked.cancelled() or isinstance(asked.exception(), Unavailable)
    with pytest.raises(Unavailable):
        found.find("fish")


def test_an_index_that_failed_on_the_way_is_built_again(monkeypatch: pytest.MonkeyPatch) -> None:
    with closing(Fts5Index()) as found, monkeypatch.context() as patched:
        patched.setattr(Documents, "settle", lambda self: 1 / 0)
        found.follow(built({"a": ["fish"]}, 1))
        with pytest.raises(ZeroDivisionError):
            found.find("fish").result()
        patched.undo()
        assert len(found.find("fish").result().rows) == 1


def test_a_python_without_fts5_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(index, "_CREATE", "CREATE VIRTUAL TABLE items USING fts99(stems)")
    with closing(Fts5Index()) as found, pytest.raises(MissingExtra, match="FTS5"):
        found.find("fish").result()
    assert sqlite3.sqlite_version_info >= (3, 20)


# -- suggestions ---------------------------------------------------------------------------------


def suggested(found: SearchIndex, text: str, past: Mapping[str, float] | None = None) -> list[str]:
    """Suggestions as ``kind text items``."""
    return [
        f"{each.kind} {each.text} {each.items}"
        for each in found.suggest(text, past or {}, 4).result()
    ]


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("sal", ["word salmon 2"]),
        ("fi", ["value fish 3", "word fingers 1", "word fillet 1"]),
        ("salmon sp", ["word salmon spinach 1"]),
        ("cr", ["value ice cream 1", "word cream 1", "word crème 1"]),
        ("ice cr", ["value ice cream 1"]),
        ("bru", ["word brûlée 1"]),
        ("xyz", []),
        ("", []),
        ("?", []),
    ],
)
def test_known_suggestions(shop: Fts5Index, text: str, wanted: list[str]) -> None:
    found = suggested(shop, text)
    assert sorted(found) == sorted(wanted)


def test_what_others_asked_comes_first_if_it_finds_anything(shop: Fts5Index) -> None:
    past = {"fish soup": 9.0, "fish fingers": 2.0, "fishes": 1.0}
    assert suggested(shop, "fi", past)[:2] == ["query fish fingers 1", "query fishes 3"]
    # It is the value "fish" too, and comes once.
    assert "value fish 3" not in suggested(shop, "fi", past)


@given(st.text(max_size=30), st.integers(1, 5))
def test_suggestions_find_what_they_promise(shop: Fts5Index, text: str, count: int) -> None:
    found = shop.suggest(text, {"salmon pie": 1.0}, count).result()
    assert len(found) <= count
    for each in found:
        assert len(shop.find(each.text + " ").result().rows) == each.items > 0
