"""Full ranking: ranks, ties, metrics, and that a proof ranks as a request does."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from eachwise.catalog import build_index
from eachwise.contracts.catalog import Item
from eachwise.contracts.errors import InvalidInput
from eachwise.contracts.taste import Interactions, TrainedModel
from eachwise.proofs import ranking
from eachwise.proofs.ranking import Blends, Popular, Questions, answer, ranks, samples

ITEMS = 6
CATALOG = build_index([Item(item_id=f"i{number}") for number in range(ITEMS)], version=1)


def cycle() -> Interactions:
    """Thirty people step through the items in order, four each."""
    rows = [(start + step) % ITEMS for start in range(30) for step in range(4)]
    return Interactions(
        item_ids=CATALOG.item_ids,
        indptr=np.arange(0, 121, 4),
        rows=np.array(rows, dtype=np.int32),
        at_s=np.tile(np.arange(4.0), 30),
        weights=np.ones(120, np.float32),
        bought=np.zeros(120, np.bool_),
    )


def asked(data: Interactions, *, repeats: bool = False) -> Questions:
    places = data.indptr[1:] - 1
    return Questions(
        data=data,
        places=places,
        begins=data.indptr[:-1],
        relevant=tuple(data.rows[places].astype(np.int64)[:, None]),
        repeats=repeats,
    )


def test_ranks_count_what_stands_above_and_ties_go_to_the_lower_row() -> None:
    scores = np.array([3.0, 1.0, 3.0, 2.0])
    nothing = np.zeros(0, dtype=np.int64)
    assert ranks(scores, np.array([0, 2, 3, 1]), nothing).tolist() == [0, 1, 2, 3]
    assert ranks(np.zeros(4), np.array([3, 0]), nothing).tolist() == [3, 0]


def test_what_was_seen_is_left_out_and_its_scores_are_kept() -> None:
    scores = np.array([3.0, 1.0, 3.0, 2.0])
    assert ranks(scores, np.array([1, 2, 0]), np.array([0, 3])).tolist() == [1, 0, 4]
    assert scores.tolist() == [3.0, 1.0, 3.0, 2.0]


@given(
    scores=st.lists(st.integers(-3, 3), min_size=1, max_size=12),
    seen=st.sets(st.integers(0, 11)),
)
def test_ranks_are_places_in_the_sorted_list(scores: list[int], seen: set[int]) -> None:
    left_out = [row for row in seen if row < len(scores)]
    order = [
        row
        for row in sorted(range(len(scores)), key=lambda row: (-scores[row], row))
        if row not in left_out
    ]
    wanted = np.array(order, dtype=np.int64)
    found = ranks(np.array(scores, dtype=float), wanted, np.array(left_out, dtype=np.int64))
    assert found.tolist() == list(range(len(order)))


def test_metrics_of_one_relevant_item() -> None:
    found = tuple(np.array([rank]) for rank in (0, 2, 9, 10))
    assert samples(found, "recall@10").tolist() == [1, 1, 1, 0]
    assert samples(found, "ndcg@10").tolist() == pytest.approx([1.0, 0.5, 1 / np.log2(11), 0.0])
    assert samples(found, "mrr@10").tolist() == pytest.approx([1.0, 1 / 3, 0.1, 0.0])
    assert samples(found, "mrr@20").tolist() == pytest.approx([1.0, 1 / 3, 0.1, 1 / 11])


def test_metrics_of_several_relevant_items() -> None:
    found = (np.array([1, 0, 11]), np.arange(12))
    assert samples(found, "recall@10").tolist() == pytest.approx([2 / 3, 10 / 12])
    best = 1 + 1 / np.log2(3)
    assert samples(found, "ndcg@10").tolist() == pytest.approx([best / (best + 0.5), 1.0])
    assert samples(found, "mrr@10").tolist() == [1.0, 1.0]


@pytest.mark.parametrize("metric", ["auc@10", "ndcg", "ndcg@", "ndcg@ten"])
def test_another_metric_is_refused(metric: str) -> None:
    with pytest.raises(InvalidInput, match="no ranking is measured by"):
        samples((np.array([0]),), metric)


def test_a_blend_weighs_the_features_that_serve() -> None:
    data = cycle()
    parts, spent = ranking.fit_each(
        data.before(3.0), CATALOG, ["transitions", "trend"], 10**8, lambda _: None
    )
    assert set(parts) == set(spent) == {"transitions", "trend"}
    weights = {
        "individual:transitions": {"transitions.near": 1.0},
        "individual:both": {"transitions.near": 1.0, "trend.popular": 0.5},
    }
    blends = Blends(questions=asked(data), parts=parts, weights=weights)
    scores = blends(0)
    near, popular = scores["individual:transitions"], scores["individual:both"]
    assert near.argmax() == 3
    np.testing.assert_allclose(popular - near, 0.5 * parts["trend"]["shares"][0])
    one = blends.only("individual:transitions")
    assert set(one.parts) == {"transitions"}
    np.testing.assert_array_equal(one(0)["individual:transitions"], near)


def test_arms_answer_every_question_and_repeats_are_ranked_where_allowed() -> None:
    data = cycle()
    favourite = Popular(
        arm="blanket", scores=np.eye(ITEMS)[[0]], group=np.zeros(data.people, dtype=np.int64)
    )
    said: list[str] = []
    found = answer(asked(data), [favourite], said.append)["blanket"]
    assert len(found) == data.people
    # The first person has met 0, 1 and 2: 3 comes first of what is left. The second is asked for 4, behind 0.
    assert [int(found[person][0]) for person in (0, 1, 3)] == [0, 1, 0]
    repeating = answer(asked(data, repeats=True), [favourite], said.append)["blanket"]
    assert [int(repeating[person][0]) for person in (0, 1, 3)] == [3, 4, 0]


def test_a_score_takes_time() -> None:
    data = cycle()
    parts, _ = ranking.fit_each(data, CATALOG, ["trend"], 10**8, lambda _: None)
    weights = {"individual:trend": {"trend.popular": 1.0}}
    blends = Blends(questions=asked(data), parts=parts, weights=weights)
    assert 0 < ranking.score_us(asked(data), blends) < 1e6


def test_what_does_not_apply_is_left_out_and_said() -> None:
    said: list[str] = []
    parts, spent = ranking.fit_each(cycle(), CATALOG, ["affinity"], 10**8, said.append)
    assert not parts
    assert not spent
    assert said == ["affinity: does not apply: no item has an attribute"]


def test_an_ablation_begins_with_the_whole_and_then_what_matters_most() -> None:
    report = {
        "check": {"ndcg@10": 0.2, "recall@20": 0.4},
        "features": {
            "trend.popular": {"weight": 0.5, "ndcg@10 lost": 0.001},
            "ridge.next": {"weight": 9.0, "ndcg@10 lost": 0.05},
        },
    }
    model = TrainedModel(version=1, item_ids=(), row_of={}, parts={}, blend={}, report=report)
    found = ranking.ablation(model)
    assert list(found) == ["the whole blend", "without ridge.next", "without trend.popular"]
    assert found["the whole blend"] == {"ndcg@10": 0.2, "recall@20": 0.4}
    assert found["without ridge.next"] == {"weight": 9.0, "ndcg@10 lost": 0.05}
