"""Why did this (not) show: what became of an experience in a decision, and what would have had to be otherwise."""

from eachwise.decide.counterfactuals.behind import ValuesOf, feature_lines
from eachwise.decide.counterfactuals.figures import counterfactuals
from eachwise.decide.counterfactuals.standing import (
    standing_elsewhere,
    standing_of,
    standing_recorded,
)

__all__ = [
    "ValuesOf",
    "counterfactuals",
    "feature_lines",
    "standing_elsewhere",
    "standing_of",
    "standing_recorded",
]
