"""One small frozen-food shop for every test that only reads it."""

import pytest

from eachwise.worlds import FrozenFoodShop


@pytest.fixture(scope="session")
def shop() -> FrozenFoodShop:
    return FrozenFoodShop(seed=7, people=2000)
