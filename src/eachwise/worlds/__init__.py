"""Simulated shops whose truth is known, for the demo, the tests, the proofs and the benchmarks."""

from eachwise.worlds.frozen import (
    CAMPAIGN_NAMES,
    SILENCE,
    Campaign,
    FrozenFoodSettings,
    FrozenFoodShop,
    Group,
    Response,
    Responses,
    TruthReport,
)

__all__ = [
    "CAMPAIGN_NAMES",
    "SILENCE",
    "Campaign",
    "FrozenFoodSettings",
    "FrozenFoodShop",
    "Group",
    "Response",
    "Responses",
    "TruthReport",
]
