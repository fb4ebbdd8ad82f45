"""What decisions were worth: other policies from a log, the worth of stages, what experiences change in a lifetime."""

from eachwise.measure.changes import ChangeStatistic, count_changes, merge_changes, no_changes
from eachwise.measure.customers import (
    BgNbd,
    GammaGamma,
    expected_orders,
    expected_value,
    probability_alive,
    residual_value,
)
from eachwise.measure.fitting import fit_bg_nbd, fit_gamma_gamma
from eachwise.measure.lifetime import lifetime_model
from eachwise.measure.log import Log, log_of
from eachwise.measure.off_policy import LIMITS, Limits, evaluate
from eachwise.measure.reward_model import predicted_rewards
from eachwise.measure.stages import (
    StageStatistic,
    StageValues,
    count_stages,
    merge_stages,
    no_stages,
    solve_stages,
)
from eachwise.measure.targets import as_logged, greedy, sharpened, uniform, within_support, without
from eachwise.measure.timeline import Followed, Timeline

__all__ = [
    "LIMITS",
    "BgNbd",
    "ChangeStatistic",
    "Followed",
    "GammaGamma",
    "Limits",
    "Log",
    "StageStatistic",
    "StageValues",
    "Timeline",
    "as_logged",
    "count_changes",
    "count_stages",
    "evaluate",
    "expected_orders",
    "expected_value",
    "fit_bg_nbd",
    "fit_gamma_gamma",
    "greedy",
    "lifetime_model",
    "log_of",
    "merge_changes",
    "merge_stages",
    "no_changes",
    "no_stages",
    "predicted_rewards",
    "probability_alive",
    "residual_value",
    "sharpened",
    "solve_stages",
    "uniform",
    "within_support",
    "without",
]
