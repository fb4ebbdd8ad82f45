"""Who the people are: quotas, individual tastes, weak demography and slow drift."""

import numpy as np

from eachwise.worlds import FrozenFoodShop, Group
from eachwise.worlds.frozen.people import DAY_S


def test_quotas_are_exact(shop: FrozenFoodShop) -> None:
    report = shop.truth_report()
    assert report.vegan_share == 0.05
    assert report.fish_or_chicken_share == 0.10
    assert report.people == 2000
    assert abs(report.known_share - 0.7) < 0.04
    assert abs(report.visits_per_day_mean - 0.1) < 0.01


def test_equal_seeds_give_equal_people_and_other_seeds_do_not(shop: FrozenFoodShop) -> None:
    t = shop.settings.opened_at_s
    again = FrozenFoodShop(seed=7, people=2000)
    other = FrozenFoodShop(seed=8, people=2000)
    everyone = np.arange(2000)
    assert (again.taste(everyone, t) == shop.taste(everyone, t)).all()
    assert not (other.taste(everyone, t) == shop.taste(everyone, t)).any()


def test_a_taste_alone_equals_the_batch(shop: FrozenFoodShop) -> None:
    t = shop.settings.opened_at_s
    people = np.array([3, 1999, 3])
    times = t + DAY_S * np.array([0.0, 10.0, 400.0])
    batch = shop.taste(people, times)
    assert batch.shape == (3, 37)
    for row in range(3):
        assert (shop.taste(int(people[row]), float(times[row])) == batch[row]).all()


def test_tastes_drift_slowly(shop: FrozenFoodShop) -> None:
    t, everyone = shop.settings.opened_at_s, np.arange(2000)
    now = shop.taste(everyone, t)
    moved = [
        float(np.sqrt(np.mean((shop.taste(everyone, t + days * DAY_S) - now) ** 2)))
        for days in (1.0, 30.0, 180.0)
    ]
    assert 0.0 < moved[0] < 0.01
    assert moved[0] < moved[1] < moved[2]
    assert 0.3 < shop.truth_report().drift_correlation < 0.9


def test_without_drift_nothing_moves() -> None:
    still = FrozenFoodShop(seed=1, people=50, drift_sd=0.0)
    t, everyone = still.settings.opened_at_s, np.arange(50)
    assert (still.taste(everyone, t) == still.taste(everyone, t + 1000.0 * DAY_S)).all()
    assert np.isnan(still.truth_report().drift_correlation)


def test_demography_says_little_of_taste(shop: FrozenFoodShop) -> None:
    """32 cells explain a few hundredths of the variance at most, but not nothing."""
    assert 0.0 < shop.truth_report().demography_share < 0.03


def test_tastes_are_individual_and_correlated(shop: FrozenFoodShop) -> None:
    taste = shop.taste(np.arange(2000), shop.settings.opened_at_s)[~shop.is_vegan]
    assert 0.6 < taste.std(axis=0).mean() < 1.1
    asian, indian = (taste[:, shop.values.index(f"cuisine={name}")] for name in ("asian", "indian"))
    assert 0.15 < np.corrcoef(asian, indian)[0, 1] < 0.5


def test_vegans_dislike_what_is_not_vegan(shop: FrozenFoodShop) -> None:
    taste = shop.taste(np.arange(2000), shop.settings.opened_at_s)
    apart = taste[shop.is_vegan].mean(axis=0) - taste[~shop.is_vegan].mean(axis=0)
    named = dict(zip(shop.values, apart, strict=True))
    for value in ("diet=meat", "diet=pescatarian", "diet=vegetarian", "category=beef"):
        assert named[value] < -2.0
    assert named["diet=vegan"] > 1.0


def test_groups_are_exposed(shop: FrozenFoodShop) -> None:
    vegan = int(np.flatnonzero(shop.is_vegan)[0])
    assert shop.group(vegan) is Group.VEGAN
    assert shop.is_vegan.sum() == 100
