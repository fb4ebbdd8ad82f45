"""Deciding: what to do for one individual now, nothing included. A pure function of the situation."""

from eachwise.decide.decider import decide
from eachwise.decide.explain import Comparison, compare, explain
from eachwise.decide.layout import Layout, Select, layout
from eachwise.decide.plan import Plan, Priors, plan, with_model
from eachwise.decide.policies import POLICIES
from eachwise.decide.situation import Choice, Situation

__all__ = [
    "POLICIES",
    "Choice",
    "Comparison",
    "Layout",
    "Plan",
    "Priors",
    "Select",
    "Situation",
    "compare",
    "decide",
    "explain",
    "layout",
    "plan",
    "with_model",
]
