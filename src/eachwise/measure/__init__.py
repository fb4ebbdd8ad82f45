"""What decisions and journeys were worth: other policies from a log, stages, what changes in a lifetime, holdouts."""

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
from eachwise.measure.journeys import (
    BUYERS_MIN,
    PEOPLE_MIN,
    Arms,
    Compared,
    compare_means,
    compare_shares,
    sample_ratio,
    verdict_of,
)
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
from eachwise.measure.transitions import (
    UNSEEN,
    Path,
    TransitionStatistic,
    all_transitions,
    count_transitions,
    merge_transitions,
    no_transitions,
    period_transitions,
    rung_times,
    transitions_of,
)

__all__ = [
    "BUYERS_MIN",
    "LIMITS",
    "PEOPLE_MIN",
    "UNSEEN",
    "Arms",
    "BgNbd",
    "ChangeStatistic",
    "Compared",
    "Followed",
    "GammaGamma",
    "Limits",
    "Log",
    "Path",
    "StageStatistic",
    "StageValues",
    "Timeline",
    "TransitionStatistic",
    "all_transitions",
    "as_logged",
    "compare_means",
    "compare_shares",
    "count_changes",
    "count_stages",
    "count_transitions",
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
    "merge_transitions",
    "no_changes",
    "no_stages",
    "no_transitions",
    "period_transitions",
    "predicted_rewards",
    "probability_alive",
    "residual_value",
    "rung_times",
    "sample_ratio",
    "sharpened",
    "solve_stages",
    "transitions_of",
    "uniform",
    "verdict_of",
    "within_support",
    "without",
]
