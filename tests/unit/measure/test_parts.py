"""Skewed, clustered intervals; shrinkage; logs and the policies asked of them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from eachwise.contracts.arrays import Floats
from eachwise.contracts.decision import Candidate, DecisionRecord, Factors, Inputs
from eachwise.contracts.errors import InvalidInput
from eachwise.contracts.experience import SILENCE
from eachwise.maths.intervals import mean_interval
from eachwise.measure import Log, as_logged, greedy, log_of, sharpened, uniform, without
from eachwise.measure.clustered import interval, numbered
from eachwise.measure.shrinkage import shrink

# -- intervals -----------------------------------------------------------------------------------


def test_symmetric_single_observations_give_students_interval() -> None:
    values = np.array([-3.0, -1.0, -0.5, 0.5, 1.0, 3.0])
    found = interval(0.0, values / 6.0, np.arange(6), 6, 0.95)
    known = mean_interval(values)
    assert known is not None
    assert (found.low, found.high) == pytest.approx((known.low, known.high))


def test_a_long_right_tail_moves_the_interval_up() -> None:
    values = np.random.default_rng(1).exponential(1.0, 200) ** 2
    found = interval(
        float(values.mean()), (values - values.mean()) / 200, np.arange(200), 200, 0.95
    )
    assert found.high - found.mean > 1.2 * (found.mean - found.low)


def test_skewed_means_are_held_more_often_than_by_the_plain_interval() -> None:
    generator = np.random.default_rng(2)
    held = plain = 0
    for _ in range(1000):
        values = generator.exponential(1.0, 60) ** 2
        found = interval(
            float(values.mean()), (values - values.mean()) / 60, np.arange(60), 60, 0.95
        )
        student = mean_interval(values)
        assert student is not None
        held += found.low <= 2.0 <= found.high
        plain += student.low <= 2.0 <= student.high
    assert held > plain + 12
    assert held / 1000 > 0.89


@given(st.lists(st.floats(-100.0, 100.0), min_size=3, max_size=40), st.floats(0.5, 0.99))
def test_the_estimate_lies_within(values: list[float], level: float) -> None:
    each = np.array(values)
    number, count = numbered(np.arange(len(each)))
    found = interval(float(each.mean()), (each - each.mean()) / len(each), number, count, level)
    assert found.low <= found.mean + 1e-9
    assert found.high >= found.mean - 1e-9 or abs(found.high - found.low) > 0.0


def test_copies_of_a_person_add_nothing() -> None:
    values = np.random.default_rng(3).normal(size=50)
    one = interval(0.0, values / 50.0, np.arange(50), 50, 0.95)
    copies = np.repeat(values, 4)
    many = interval(0.0, copies / 200.0, np.repeat(np.arange(50), 4), 50, 0.95)
    assert (many.low, many.high) == pytest.approx((one.low, one.high))


# -- shrinkage -----------------------------------------------------------------------------------


def test_no_effects_give_the_prior() -> None:
    found = shrink(np.zeros(0), np.zeros(0), scale=2.0, centre=3.0)
    assert found.unseen_mean == pytest.approx(3.0)
    assert found.unseen_variance > 4.0


def test_precise_effects_stay_and_vague_ones_move_to_the_others() -> None:
    values = np.array([1.0, 1.2, 0.8, 1.1, 9.0])
    variances = np.array([1e-4, 1e-4, 1e-4, 1e-4, 100.0])
    found = shrink(values, variances, scale=1.0)
    assert found.mean[:4] == pytest.approx(values[:4], abs=0.01)
    assert 0.8 < found.mean[4] < 1.6
    assert found.variance[4] < 1.0


def test_an_infinite_variance_is_never_measured() -> None:
    found = shrink(np.array([1.0, 2.0, 50.0]), np.array([0.1, 0.1, np.inf]), scale=1.0)
    assert found.mean[2] == found.unseen_mean
    assert found.variance[2] == found.unseen_variance


def test_it_is_the_posterior_that_matrices_give() -> None:
    """The same model by dense linear algebra on the same grid."""
    generator = np.random.default_rng(4)
    y, v, b, scale = (
        generator.normal(1.0, 1.0, 6),
        generator.uniform(0.1, 1.0, 6),
        generator.uniform(0.1, 0.6, 6),
        0.7,
    )
    found = shrink(y, v, scale=scale, shared=b)
    ones, weights, means, variances = np.ones((6, 6)), [], [], []
    for tau in scale * np.geomspace(1e-3, 10.0, 60):
        prior = tau**2 * np.eye(6) + scale**2 * ones
        whole = prior + np.diag(v) + np.outer(b, b)
        inverse = np.linalg.inv(whole)
        log = -0.5 * (np.linalg.slogdet(whole)[1] + y @ inverse @ y)
        weights.append(log + np.log(tau) - np.log1p((tau / scale) ** 2))
        means.append(prior @ inverse @ y)
        variances.append(np.diag(prior - prior @ inverse @ prior))
    weight = np.exp(np.array(weights) - max(weights))
    weight /= weight.sum()
    middle = weight @ np.array(means)
    assert found.mean == pytest.approx(middle)
    spread = weight @ (np.array(variances) + (np.array(means) - middle) ** 2)
    assert found.variance == pytest.approx(spread)


def test_an_error_that_all_share_is_no_evidence_that_all_work() -> None:
    values, variances = np.full(30, 1.0), np.full(30, 0.05)
    fooled = shrink(values, variances, scale=0.5)
    aware = shrink(values, variances, scale=0.5, shared=np.full(30, 1.0))
    assert fooled.mean[0] > 0.9
    assert aware.mean[0] < 0.5
    assert aware.variance[0] > 4.0 * fooled.variance[0]


def test_shrinking_needs_positive_variances() -> None:
    with pytest.raises(InvalidInput):
        shrink(np.ones(2), np.array([1.0, 0.0]), scale=1.0)
    with pytest.raises(InvalidInput):
        shrink(np.ones(2), np.ones(2), scale=0.0)


# -- logs ----------------------------------------------------------------------------------------


def record(
    name: str, chosen: str, vector: dict[str, float], *, candidates: int = 0, failed: str = ""
) -> DecisionRecord:
    inputs = Inputs(
        state=b"", reservations=[], context={}, count=None, placement_id="hero", now_us=0,
        catalog_version=1, definitions_version=1, models={}, policy="thompson", seed=1,
    )  # fmt: skip
    leading = [
        Candidate(
            experience_id=each,
            priority=0.0 if each == SILENCE else p,
            probability=p,
            factors=Factors() if each == SILENCE else Factors(p_takeup=p, value=2.0),
        )
        for each, p in vector.items()
    ]
    return DecisionRecord(
        decision_id=name, individual_id=f"i-{name[0]}", asked_as=[], request_id=None, inputs=inputs,
        experience_id=chosen, probability=vector[chosen], items=[],
        candidates=candidates or len(leading), leading=leading, filters={}, filtered=[],
        features={}, reasons=[], failed=failed,
    )  # fmt: skip


def test_records_become_a_log() -> None:
    log = log_of(
        [
            (record("a1", "x", {"x": 0.7, "y": 0.2, SILENCE: 0.1}), 2.0, True),
            (record("a2", SILENCE, {"y": 0.6, SILENCE: 0.4}), 0.0, False),
            (record("b1", "y", {"y": 1.0}, failed="too late"), 5.0, True),
            (record("b2", "y", {"y": 1.0}), -0.1, False),
        ]
    )
    assert log.person.tolist() == [0, 0, 1]
    assert log.indptr.tolist() == [0, 3, 5, 6]
    assert [log.arms[arm] for arm in log.arm] == ["x", "y", SILENCE, "y", SILENCE, "y"]
    assert log.chosen.tolist() == [0, 4, 5]
    assert log.reward.tolist() == [2.0, 0.0, -0.1]
    assert log.converted.tolist() == [True, False, False]
    assert log.features[:, 1].tolist() == pytest.approx([1.4, 0.4, 0.0, 1.2, 0.0, 2.0])
    assert log.recorded.all()


def test_a_candidate_that_is_there_because_it_was_chosen_is_told_apart() -> None:
    vector = {"x": 0.5, "y": 0.3, "z": 0.01}
    rows = [(record("a1", "z", vector, candidates=9), 0.0, False)]
    with pytest.raises(InvalidInput) as error:
        log_of(rows)
    assert error.value.field == "lead_count"
    log = log_of(rows, lead_count=2)
    assert log.recorded.tolist() == [True, True, False]
    assert as_logged(log).tolist() == [0.5, 0.3, 0.0]
    assert uniform(log).tolist() == [0.5, 0.5, 0.0]


def test_an_empty_log_is_a_log() -> None:
    assert len(log_of([]).person) == 0


def small(**changes: Any) -> Log:
    known: dict[str, Any] = {
        "person": np.array([0, 1]),
        "indptr": np.array([0, 2, 5]),
        "arm": np.array([0, 2, 0, 1, 2]),
        "arms": ("a", "b", SILENCE),
        "probability": np.array([0.75, 0.25, 0.5, 0.3, 0.2]),
        "recorded": np.ones(5, dtype=bool),
        "priority": np.array([1.0, 0.0, 2.0, 2.0, 0.0]),
        "features": np.zeros((5, 1)),
        "chosen": np.array([0, 3]),
        "reward": np.zeros(2),
        "converted": np.zeros(2, dtype=bool),
    }
    return Log(**(known | changes))


def test_targets_are_what_they_say() -> None:
    log = small()
    assert as_logged(log) == pytest.approx(log.probability)
    assert uniform(log) == pytest.approx([0.5, 0.5, 1 / 3, 1 / 3, 1 / 3])
    assert greedy(log) == pytest.approx([1.0, 0.0, 0.5, 0.5, 0.0])
    assert greedy(log, 0.3) == pytest.approx([0.85, 0.15, 0.45, 0.45, 0.1])
    assert sharpened(log, 2.0) == pytest.approx([0.9, 0.1, 25 / 38, 9 / 38, 4 / 38])
    assert without(log, {"a"}) == pytest.approx([0.0, 1.0, 0.0, 0.6, 0.4])
    assert without(log, {"a", SILENCE}) == pytest.approx([0.75, 0.25, 0.0, 1.0, 0.0])


@given(st.integers(0, 1000), st.floats(0.1, 5.0), st.floats(0.0, 1.0))
def test_targets_are_policies(seed: int, power: float, epsilon: float) -> None:
    generator = np.random.default_rng(seed)
    p: Floats = np.concatenate([generator.dirichlet(np.ones(2)), generator.dirichlet(np.ones(3))])
    log = small(probability=p, priority=generator.normal(size=5).round(1))
    for target in (uniform(log), sharpened(log, power), greedy(log, epsilon), without(log, {"b"})):
        assert (target >= 0.0).all()
        assert log.summed(target) == pytest.approx([1.0, 1.0])


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("indptr", np.array([0, 2])),
        ("indptr", np.array([0, 0, 5])),
        ("reward", np.zeros(3)),
        ("reward", np.array([np.nan, 0.0])),
        ("features", np.zeros((4, 1))),
        ("chosen", np.array([0, 1])),
        ("probability", np.array([0.9, 0.9, 0.5, 0.3, 0.2])),
        ("probability", np.array([0.0, 1.0, 0.5, 0.3, 0.2])),
        ("probability", np.array([-0.1, 1.0, 0.5, 0.3, 0.2])),
    ],
)
def test_what_cannot_be_a_log_is_an_error(field: str, value: Any) -> None:
    with pytest.raises(InvalidInput) as error:
        small(**{field: value})
    assert error.value.field == field


def test_targets_check_their_numbers() -> None:
    with pytest.raises(InvalidInput):
        greedy(small(), 1.5)
    with pytest.raises(InvalidInput):
        sharpened(small(), 0.0)
