"""What a person had: left out where people hardly ever come back to it, and nothing else."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from eachwise.contracts.individual import Recent
from eachwise.contracts.taste import Parts, TrainedModel
from eachwise.recommend import PersonTaste, mask_of, spent
from tests.unit.recommend.shelf import catalog_of

NOW_US = 1_790_000_000_000_000
HOUR_US = 3_600_000_000
CATALOG = catalog_of(
    {}, {}, {}, {}
)  # i000 coffee, i001 a freezer, i002 and i003 unknown to training


def person(*had: tuple[str, str, int]) -> PersonTaste:
    """Someone who did (action, item, hours ago) …, newest first."""
    recents = tuple(
        Recent(NOW_US - hours * HOUR_US, 0, item_id, action) for action, item_id, hours in had
    )
    none: Any = np.zeros(0)
    return PersonTaste(recents=recents, affinity=none, now_us=NOW_US)


def trained(only_bought: bool | None, **report: Any) -> TrainedModel:
    """Coffee is taken again, the freezer is not; ``only_bought`` None: nothing of it was learnt."""
    parts: dict[str, Parts] = {}
    if only_bought is not None:
        parts["repeats"] = {
            "rates": np.array([0.6, 0.01], np.float32),
            "gaps": np.zeros(2, np.float32),
            "whole": np.array([0.0, 1.0, 0.01, float(only_bought)]),
        }
    return TrainedModel(
        version=1,
        item_ids=("i000", "i001"),
        row_of={"i000": 0, "i001": 1},
        parts=parts,
        blend={},
        report=report,
    )


HAD = person(("view", "i001", 0), ("purchase", "i000", 30), ("purchase", "i001", 30))


def left_out(who: PersonTaste, model: TrainedModel | None) -> list[str] | None:
    found = spent(who, model, CATALOG)
    return None if found is None else [CATALOG.item_ids[row] for row in np.flatnonzero(found)]


def test_coffee_yes_a_freezer_no() -> None:
    assert left_out(HAD, trained(only_bought=True)) == ["i001"]


@pytest.mark.parametrize("hours", [0, 30])
def test_a_freezer_that_was_only_looked_at_may_come_again(hours: int) -> None:
    assert left_out(person(("view", "i001", hours)), trained(only_bought=True)) == []


def test_without_purchases_what_an_earlier_visit_held_counts() -> None:
    views = person(
        ("view", "i001", 0), ("view", "i000", 0), ("view", "i000", 30), ("view", "i001", 30)
    )
    assert left_out(views, trained(only_bought=False)) == ["i001"]
    assert left_out(person(("view", "i001", 0)), trained(only_bought=False)) == []
    # A visit goes on while no pause is longer than half an hour.
    assert left_out(person(("view", "i001", 1)), trained(only_bought=False)) == ["i001"]


def test_what_training_does_not_know_may_come_again() -> None:
    assert left_out(person(("purchase", "i002", 30)), trained(only_bought=True)) == []


def test_where_nobody_comes_back_to_anything_all_that_was_had_is_left_out() -> None:
    films = trained(None, repeats=False)
    assert left_out(HAD, films) == ["i000", "i001"]
    assert left_out(HAD, trained(None, repeats=True)) is None


def test_where_nothing_is_known_nothing_is_left_out() -> None:
    assert left_out(HAD, None) is None
    assert left_out(person(), trained(only_bought=True)) is None
    assert left_out(HAD, trained(None)) is None


def test_a_mask_names_only_what_the_catalogue_has() -> None:
    assert mask_of(CATALOG, ["i002", "gone"]).tolist() == [False, False, True, False]
