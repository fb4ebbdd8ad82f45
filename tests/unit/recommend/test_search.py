"""Search results in one person's order: taste has bounds."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from eachwise.contracts.catalog import Item
from eachwise.recommend.search import in_order, stems_asked, taste_term, text_reasons

RELEVANCE = st.floats(0.0, 1.0) | st.just(2.0)
SCORE = st.floats(-1e6, 1e6)
MATCHES = st.lists(st.tuples(RELEVANCE, SCORE), min_size=1, max_size=12)
WEIGHT = st.floats(0.0, 1.0)


@given(MATCHES, WEIGHT)
def test_taste_moves_an_item_by_at_most_its_weight(
    matches: list[tuple[float, float]], weight: float
) -> None:
    relevance, scores = np.array(matches).T
    term = taste_term(scores, weight)
    assert ((term >= 0.0) & (term <= weight)).all()
    order = in_order(relevance, term, scores).tolist()
    assert sorted(order) == list(range(len(matches)))
    for place, ahead in enumerate(order):
        for behind in order[place + 1 :]:
            assert relevance[behind] - relevance[ahead] <= weight


@given(MATCHES, WEIGHT)
def test_nothing_passes_an_item_whose_title_was_searched(
    matches: list[tuple[float, float]], weight: float
) -> None:
    relevance, scores = np.array([*matches, (2.0, -1e6), (0.999, 1e6)]).T
    order = in_order(relevance, taste_term(scores, weight), scores)
    exact = int((relevance == 2.0).sum())
    assert (relevance[order[:exact]] == 2.0).all()


@given(st.lists(SCORE, min_size=2, max_size=12), st.floats(-100, 100))
def test_what_all_have_in_common_is_no_taste(scores: list[float], common: float) -> None:
    plain = taste_term(np.array(scores), 0.3)
    np.testing.assert_allclose(taste_term(np.array(scores) + common, 0.3), plain, atol=1e-6)


def test_without_weight_only_relevance_orders_and_scores_break_ties() -> None:
    relevance, scores = np.array([0.5, 0.9, 0.5, 0.5]), np.array([1.0, -5.0, 2.0, 1.0])
    assert in_order(relevance, taste_term(scores, 0.0), scores).tolist() == [1, 2, 0, 3]
    assert taste_term(np.zeros(0), 0.3).tolist() == []


ITEM = Item(
    item_id="sku-7",
    title="Salmon fillets",
    attributes={"category": "fish", "diet": ["fish", "lean"]},
    description="From Norwegian waters",
)


@pytest.mark.parametrize(
    ("query", "corrections", "reason"),
    [
        ("salmon fillet", {}, ["its title is what was searched"]),
        ("sku-7", {}, ["its id is what was searched"]),
        ("smoked salmon", {}, ["salmon in the title"]),
        ("slamon", {"slamon": "salmon"}, ["salmon in the title"]),
        ("sal", {}, ["salmon in the title"]),
        ("lean", {}, ["diet: lean"]),
        ("norwegian", {}, ["norwegian in the description"]),
        ("beef", {}, []),
        ("?", {}, []),
    ],
)
def test_it_says_where_an_item_answers(
    query: str, corrections: dict[str, str], reason: list[str]
) -> None:
    assert text_reasons(ITEM, query, stems_asked(query, corrections)) == reason
