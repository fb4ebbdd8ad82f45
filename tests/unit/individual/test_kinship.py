"""What goes with what in the population, and what that tells of one person."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from eachwise.catalog import build_index
from eachwise.contracts.arrays import AffinityVectors, TasteModel
from eachwise.contracts.catalog import Item
from eachwise.contracts.individual import ANY_VALUE, Individual
from eachwise.individual import (
    Reference,
    affinity_vectors,
    facets_of,
    kinship,
    kinship_of,
    multiples,
    reference_of,
)
from eachwise.recommend import TasteStatistics, solve
from eachwise.settings import AffinitySettings

# Two camps: who takes greens takes organic things, who takes meat takes cheap ones.
ITEMS = [
    Item(item_id=f"{diet}-{style}-{n}", attributes={"diet": diet, "style": style})
    for diet in ("green", "meat", "fish")
    for style in ("organic", "cheap", "quick")
    for n in range(4)
]
INDEX = build_index(ITEMS, 1)
EXPECTED = np.full(6, 1 / 3)
SETTINGS = AffinitySettings()
CAMPS = (("green-cheap", "meat-organic"), ("green-organic", "meat-cheap"))


def taught(people: int, camp: tuple[str, str]) -> TasteModel:
    """A model of people who take either the one or the other, half of them each, and of some who take anything."""
    draw, statistics = np.random.default_rng(1), TasteStatistics()
    for number in range(people):
        taste = camp[number % 2].split("-") if number % 3 else []
        likely = [10.0 if set(taste) & set(item.item_id.split("-")) else 1.0 for item in ITEMS]
        own = draw.choice(len(ITEMS), size=12, p=np.array(likely) / sum(likely))
        taken: list[str] = []
        for row in own.tolist():
            statistics.observe(taken[::-1], ITEMS[row].item_id, float(number), 1.0)
            taken.append(ITEMS[row].item_id)
    return solve(
        statistics,
        version=1,
        item_ids=INDEX.item_ids,
        expected={},
        neighbours_max=0,
        now_s=float(people),
    )


def reference(model: TasteModel) -> Reference:
    multiple = multiples(INDEX)
    kin = kinship_of(model, INDEX, facets_of(INDEX.values, EXPECTED, multiple))
    return reference_of(INDEX.values, EXPECTED, multiple, kin)


def read(state: Individual, against: Reference | None) -> AffinityVectors:
    return affinity_vectors(state, INDEX.value_of, 6, EXPECTED, 0, SETTINGS, reference=against)


def of(vectors: AffinityVectors, value: str) -> float:
    return float(vectors.general[INDEX.value_of[value]])


def took(items: float, *values: str) -> Individual:
    """Someone who took so many items with each of these values."""
    masses = {value: [0.0, items, 0.0, 0.0, 0.0] for value in (*values, ANY_VALUE)}
    return Individual(affinity=masses, events=1)


@pytest.mark.parametrize(
    ("camp", "nearer"), [(CAMPS[0], "style=cheap"), (CAMPS[1], "style=organic")]
)
def test_a_taste_foretells_those_that_go_with_it(camp: tuple[str, str], nearer: str) -> None:
    against = reference(taught(1500, camp))
    found = read(took(3.0, "diet=green"), against)
    other = "style=organic" if nearer == "style=cheap" else "style=cheap"
    assert of(found, nearer) > of(found, "style=quick")
    assert of(found, nearer) > of(found, other) + 0.03
    assert of(found, "diet=green") > of(found, nearer)


def test_where_too_little_was_counted_every_taste_stands_for_itself() -> None:
    found = read(took(3.0, "diet=green"), reference(taught(6, CAMPS[0])))
    assert of(found, "style=cheap") == pytest.approx(of(found, "style=organic"), abs=0.05)
    assert of(found, "diet=green") > 0.1


def test_nobody_known_has_the_priors_own_spread() -> None:
    found = read(Individual(), reference(taught(1500, CAMPS[0])))
    assert found.general == pytest.approx(np.zeros(6))
    assert (found.general_sd >= 0.5 - 1e-9).all()
    assert found.upper is not None
    assert (found.upper > 0.0).all()


def test_more_evidence_is_surer_and_never_beyond_the_persons_own_log_odds() -> None:
    against = reference(taught(1500, CAMPS[0]))
    green = INDEX.value_of["diet=green"]
    sds = [float(read(took(n, "diet=green"), against).general_sd[green]) for n in (0.1, 10, 1000)]
    assert sds[0] > sds[1] > sds[2] > 0.0
    lover = took(1000.0, "diet=green")
    rare = dataclasses.replace(
        against,
        facets=facets_of(INDEX.values, np.array([0.5, 0.001, 0.499, 0.4, 0.3, 0.3])),
    )
    assert of(read(lover, rare), "diet=green") <= np.log(1000.5 / 0.5 / (0.001 / 0.999)) + 1e-9


def test_who_takes_one_thing_only_still_avoids_the_rest() -> None:
    found = read(took(80.0, "diet=green"), reference(taught(1500, CAMPS[0])))
    meat = INDEX.value_of["diet=meat"]
    assert found.upper is not None
    assert found.upper[meat] < -0.5
    assert found.upper[INDEX.value_of["diet=green"]] > 0.0


def test_the_same_model_and_catalogue_give_the_same_bytes() -> None:
    model = taught(300, CAMPS[1])
    one, other = reference(model).kinship, reference(model).kinship
    assert one is not None
    assert other is not None
    assert one.basis.tobytes() == other.basis.tobytes()


def test_hints_are_a_weak_item_of_this_moment() -> None:
    against = reference(taught(1500, CAMPS[1]))
    plain = read(Individual(), against)
    hinted = affinity_vectors(
        Individual(), INDEX.value_of, 6, EXPECTED, 0, SETTINGS, reference=against,
        hints=("diet=green", "not=there"),
    )  # fmt: skip
    column = INDEX.value_of["diet=green"]
    assert hinted.general == pytest.approx(plain.general)
    assert 0.1 < hinted.moment[column] < 1.0
    assert hinted.moment[column] < 1.96 * hinted.moment_sd[column]


def test_a_catalogue_without_values_has_no_kin() -> None:
    empty = build_index([Item(item_id="a")], 1)
    model = taught(3, CAMPS[0])
    assert kinship_of(model, empty, facets_of((), np.zeros(0))) is None


def test_pairs_summed_a_few_at_a_time_are_those_of_the_square(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    model = taught(300, CAMPS[0])
    facets = facets_of(INDEX.values, EXPECTED, multiples(INDEX))
    square = kinship_of(model, INDEX, facets)
    monkeypatch.setattr(kinship, "SQUARE_ITEMS_MAX", 0)
    monkeypatch.setattr(kinship, "_PAIRS_AT_ONCE", 100)
    parts = kinship_of(model, INDEX, facets)
    assert square is not None
    assert parts is not None
    covariance = square.basis @ square.basis.T
    np.testing.assert_allclose(parts.basis @ parts.basis.T, covariance, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(parts.information, square.information, rtol=1e-9, atol=1e-12)
