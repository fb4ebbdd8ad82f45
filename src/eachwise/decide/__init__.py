"""Deciding: what to do for one individual now, nothing included. A pure function of the situation."""

from eachwise.decide.counterfactuals import (
    ValuesOf,
    counterfactuals,
    feature_lines,
    standing_elsewhere,
    standing_of,
    standing_recorded,
)
from eachwise.decide.decider import decide
from eachwise.decide.explain import Comparison, compare, explain
from eachwise.decide.exposures import earlier_exposures, history_needed
from eachwise.decide.facts import person_value
from eachwise.decide.holding import Held, held, hindered
from eachwise.decide.items import admitted, conflicts_of, firmly_against, shown_item
from eachwise.decide.layout import (
    ByValue,
    Layout,
    Select,
    by_value,
    layout,
    quiet_of,
    values_of,
)
from eachwise.decide.personal import Public, personal
from eachwise.decide.plan import Plan, Priors, plan, with_model
from eachwise.decide.policies import POLICIES
from eachwise.decide.safely import decide_safely, failed_by
from eachwise.decide.situation import Choice, Situation
from eachwise.decide.sticky import still_stands

__all__ = [
    "POLICIES",
    "ByValue",
    "Choice",
    "Comparison",
    "Held",
    "Layout",
    "Plan",
    "Priors",
    "Public",
    "Select",
    "Situation",
    "ValuesOf",
    "admitted",
    "by_value",
    "compare",
    "conflicts_of",
    "counterfactuals",
    "decide",
    "decide_safely",
    "earlier_exposures",
    "explain",
    "failed_by",
    "feature_lines",
    "firmly_against",
    "held",
    "hindered",
    "history_needed",
    "layout",
    "person_value",
    "personal",
    "plan",
    "quiet_of",
    "shown_item",
    "standing_elsewhere",
    "standing_of",
    "standing_recorded",
    "still_stands",
    "values_of",
    "with_model",
]
