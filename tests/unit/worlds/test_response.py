"""How people respond: conflicts by definition, probabilities kept, luck shared between arms."""

import numpy as np
import pytest

from eachwise.worlds import SILENCE, FrozenFoodShop, Group
from eachwise.worlds.frozen.response import CONFLICT_TASTE_MAX


def test_shapes_and_ranges(shop: FrozenFoodShop) -> None:
    t = shop.settings.opened_at_s
    for probability in (shop.click_probability, shop.hide_probability):
        assert probability(3, t).shape == (39,)
        batch = probability(np.array([3, 4]), np.array([t, t + 1.0]))
        assert batch.shape == (2, 39)
        assert ((batch > 0.0) & (batch < 1.0)).all()
        assert batch[0] == pytest.approx(probability(3, t), rel=1e-12)


def test_conflicts_are_what_they_are_said_to_be(shop: FrozenFoodShop) -> None:
    t, everyone = shop.settings.opened_at_s, np.arange(2000)
    conflict = shop.conflict(everyone, t)
    mean_taste = shop.model.mean_taste(everyone, t)
    for index, experience in enumerate(shop.experiences()):
        attributes = experience["attributes"]
        diet = attributes.get("diet")
        expected = mean_taste[:, index] < CONFLICT_TASTE_MAX
        if diet not in (None, "vegan"):
            expected |= shop.is_vegan
        if attributes.get("category") in {"beef", "pork"}:
            expected |= shop.people.group == Group.FISH_OR_CHICKEN
        assert (conflict[:, index] == expected).all(), experience["experience_id"]


def test_luck_is_common_to_all_experiences(shop: FrozenFoodShop) -> None:
    """Where an experience is clicked, every experience with a higher probability is too."""
    visits = shop.visits(shop.settings.opened_at_s, 10.0)
    click = shop.click_probability(visits.person, visits.t)
    person, t, number = visits.person[:, None], visits.t[:, None], visits.number[:, None]
    clicked = shop.respond_many(person, np.arange(39), t, number).clicked
    assert clicked.any()
    lowest = np.where(clicked, click, np.inf).min(axis=1, keepdims=True)
    assert (clicked == (click >= lowest)).all()


def test_one_equals_many_and_is_replayable(shop: FrozenFoodShop) -> None:
    visits = shop.visits(shop.settings.opened_at_s, 5.0)
    steak = shop.experience_index("steak-week")
    many = shop.respond_many(visits.person, steak, visits.t, visits.number)
    rows = np.flatnonzero(many.clicked | many.hidden)
    assert len(rows) > 5
    for row in rows:
        one = shop.respond(
            int(visits.person[row]), "steak-week", float(visits.t[row]), int(visits.number[row])
        )
        assert one.clicked == many.clicked[row]
        assert one.purchased == many.purchased[row]
        assert one.hidden == many.hidden[row]
        assert one.unsubscribed == many.unsubscribed[row]
        assert one.value == many.value[row]


def test_outcomes_exclude_and_follow_one_another(shop: FrozenFoodShop) -> None:
    number = np.arange(20_000)
    back = shop.respond_many(3, 0, shop.settings.opened_at_s, number)
    assert not (back.clicked & back.hidden).any()
    assert not (back.purchased & ~back.clicked).any()
    assert not (back.unsubscribed & ~back.hidden).any()


def test_frequencies_and_values_match_the_truth(shop: FrozenFoodShop) -> None:
    """40,000 visits of one person: five standard errors around the exact expectation."""
    t, number = shop.settings.opened_at_s, np.arange(40_000)
    experience = int(shop.click_probability(3, t).argmax())
    back = shop.respond_many(3, experience, t, number)
    for found, expected in (
        (back.clicked, shop.click_probability(3, t)[experience]),
        (back.hidden, shop.hide_probability(3, t)[experience]),
        (back.value, shop.expected_value(3, t)[experience]),
    ):
        error = np.std(found) / np.sqrt(len(number)) + 1e-6
        assert abs(np.mean(found) - expected) < 5.0 * error


def test_silence_brings_nothing(shop: FrozenFoodShop) -> None:
    back = shop.respond_many(np.arange(100), SILENCE, shop.settings.opened_at_s, 1)
    assert not (back.clicked | back.hidden | back.purchased | back.unsubscribed).any()
    assert (back.value == 0.0).all()
    assert shop.respond(3, "silence", shop.settings.opened_at_s, 1).value == 0.0
