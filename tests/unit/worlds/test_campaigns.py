"""Methods that are not the engine, and the calibration to the articles' figures.

The figures are exact expectations over the visits of 30 days: only the draw of people is noise.
"""

from dataclasses import dataclass

import numpy as np
import pytest

from eachwise.contracts.errors import NotFound
from eachwise.worlds import CAMPAIGN_NAMES, FrozenFoodShop
from eachwise.worlds.frozen.experiences import BLANKET_ID

SEEDS = (1, 2, 3, 4, 5)
PEOPLE = 3000


@dataclass(frozen=True)
class Figures:
    """Rates per decision and EUR per decision."""

    click: float
    conflict: float
    hide: float
    value: float


@pytest.fixture(scope="module")
def worlds() -> list[dict[str, Figures]]:
    return [_measure(FrozenFoodShop(seed=seed, people=PEOPLE)) for seed in SEEDS]


def _measure(shop: FrozenFoodShop) -> dict[str, Figures]:
    visits = shop.visits(shop.settings.opened_at_s, 30.0)
    rows = np.arange(len(visits.t))
    truths = [
        truth(visits.person, visits.t)
        for truth in (
            shop.click_probability,
            shop.conflict,
            shop.hide_probability,
            shop.expected_value,
        )
    ]
    figures = {}
    for name in CAMPAIGN_NAMES:
        chosen = shop.campaign(name).choose(visits.person, visits.t, visits.number)
        sent = chosen >= 0
        figures[name] = Figures(
            *(float(np.where(sent, truth[rows, chosen], 0.0).mean()) for truth in truths)
        )
    return figures


def _mean(worlds: list[dict[str, Figures]], name: str, field: str) -> float:
    return float(np.mean([getattr(figures[name], field) for figures in worlds]))


@pytest.mark.parametrize(
    ("name", "field", "low", "high"),
    [
        ("blanket", "click", 0.0220, 0.0245),
        ("blanket", "conflict", 0.140, 0.160),
        ("blanket", "hide", 0.0110, 0.0135),
        ("blanket", "value", 0.13, 0.155),
        ("segment:demographic-3", "click", 0.0230, 0.0255),
        ("segment:demographic-3", "conflict", 0.08, 0.15),
        ("segment:age-gender", "click", 0.0230, 0.0260),
        ("segment:demographic-32", "click", 0.0240, 0.0275),
        ("random", "click", 0.0150, 0.0190),
        ("oracle", "click", 0.060, 0.070),
        ("oracle", "conflict", 0.0, 0.001),
        ("oracle", "hide", 0.0, 0.003),
        ("oracle", "value", 0.42, 0.47),
    ],
)
def test_calibration(
    worlds: list[dict[str, Figures]], name: str, field: str, low: float, high: float
) -> None:
    assert low <= _mean(worlds, name, field) <= high


def test_segments_add_little_to_the_blanket(worlds: list[dict[str, Figures]]) -> None:
    gain = _mean(worlds, "segment:demographic-3", "click") - _mean(worlds, "blanket", "click")
    assert 0.0 < gain < 0.002


def test_the_oracle_dominates_in_every_world(worlds: list[dict[str, Figures]]) -> None:
    for figures in worlds:
        best = max(each.value for name, each in figures.items() if name != "oracle")
        assert figures["oracle"].value > 2.0 * best


def test_the_oracle_is_the_best_of_all_arms(shop: FrozenFoodShop) -> None:
    t, everyone = shop.settings.opened_at_s, np.arange(500)
    value = shop.expected_value(everyone, t)
    chosen = shop.campaign("oracle").choose(everyone, t, 0)
    got = np.where(chosen >= 0, value[everyone, chosen], 0.0)
    assert (got >= np.maximum(value.max(axis=1), 0.0)).all()


@pytest.mark.parametrize("seed", SEEDS)
def test_steak_week_is_the_best_blanket(seed: int) -> None:
    world = FrozenFoodShop(seed=seed, people=5000)
    noon = world.settings.opened_at_s + 43_200.0
    clicks = world.click_probability(np.arange(5000), noon).mean(axis=0)
    assert int(clicks.argmax()) == world.experience_index(BLANKET_ID)


def test_random_is_uniform_and_replayable(shop: FrozenFoodShop) -> None:
    chosen = shop.campaign("random").choose(np.arange(2000)[:, None], 0.0, np.arange(20))
    assert chosen.shape == (2000, 20)
    count = np.bincount(chosen.ravel(), minlength=39)
    assert len(count) == 39
    assert np.abs(count - 40_000 / 39).max() < 5.0 * np.sqrt(40_000 / 39)
    again = shop.campaign("random").choose(np.arange(2000)[:, None], 0.0, np.arange(20))
    assert (again == chosen).all()


@pytest.mark.parametrize("name", CAMPAIGN_NAMES)
def test_one_person_is_chosen_for_as_in_a_batch(shop: FrozenFoodShop, name: str) -> None:
    t, people = shop.settings.opened_at_s, np.arange(20)
    campaign = shop.campaign(name)
    batch = campaign.choose(people, t, 4)
    assert [int(campaign.choose(person, t, 4)) for person in range(20)] == batch.tolist()


def test_an_unknown_campaign_is_refused(shop: FrozenFoodShop) -> None:
    with pytest.raises(NotFound, match="blanket"):
        shop.campaign("no-such")
