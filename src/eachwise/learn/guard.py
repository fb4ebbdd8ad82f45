"""Whether the propensity model can be trusted: its calibration in use, and whether a new version may serve.

Both look at exposures whose window has closed, so that their outcome is final. Calibration holds what was predicted
when the decision was made against what came back: an honest forecast, since nothing of it was known then. A new
version is held against the one in use on the newest of them. It has learnt from them: a version that is worse even
there, or far off where the old one was not, is broken.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from eachwise.contracts.arrays import Floats, PropensityHead, PropensityModel
from eachwise.contracts.learning import Outcome
from eachwise.learn.priors import PRIORS
from eachwise.maths.bayes import PROBIT_SCALE, serial_matmul

# The newest exposures that a version is judged on, and how few say nothing.
JUDGED_MAX, JUDGED_MIN = 400, 200
# Of calibration, an exposure's weight halves in so many.
HALF_LIFE = 20_000.0
# A version is refused whose loss is so much larger, beyond two standard errors; or whose forecasts are so far off.
LOSS_MAX, ERRORS_MAX = 0.02, 2.0
OFF_MAX = 2.0
# Fewer expected or observed outcomes than this say nothing of how far off forecasts are.
_COUNTED_MIN = 10.0
_EDGES = np.array([0.0, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0])
_SMALLEST = 1e-12


class Closed(NamedTuple):
    """An exposure whose outcome is final: its features, what came, and what was predicted at the decision."""

    features: Mapping[str, float]
    outcomes: frozenset[Outcome]
    p_takeup: float
    p_disconnect: float

    @property
    def disconnected(self) -> bool:
        """Whether it ran against the person."""
        return not self.outcomes.isdisjoint(("hide", "unsubscribe"))


class Verdict(NamedTuple):
    """Whether a version may serve, why not, and the figures."""

    accepted: bool
    reason: str
    figures: dict[str, float]


class Reliability:
    """Predicted against observed, by bins of the prediction (B,); decayed sums, so two of them add."""

    def __init__(self) -> None:
        size = len(_EDGES) - 1
        self.count: Floats = np.zeros(size)
        self.predicted: Floats = np.zeros(size)
        self.observed: Floats = np.zeros(size)

    def add(self, probability: float, happened: bool) -> None:
        """One forecast and what came of it."""
        keep = 2.0 ** (-1.0 / HALF_LIFE)
        self.count *= keep
        self.predicted *= keep
        self.observed *= keep
        place = min(int(np.searchsorted(_EDGES, probability, side="right")), len(_EDGES) - 1) - 1
        self.count[place] += 1.0
        self.predicted[place] += probability
        self.observed[place] += happened

    @property
    def error(self) -> float:
        """Expected calibration error: Σ n_b/n · |mean predicted − mean observed| (Naeini et al. 2015); 0 of nothing."""
        total = float(self.count.sum())
        gaps = np.abs(self.predicted - self.observed)
        return float(gaps.sum()) / total if total else 0.0

    def view(self) -> dict[str, Any]:
        """Plain JSON data: the curve's points, and how forecasts stand on the whole."""
        total = float(self.count.sum())
        return {
            "exposures": total,
            "predicted": float(self.predicted.sum()) / total if total else 0.0,
            "observed": float(self.observed.sum()) / total if total else 0.0,
            "ece": self.error,
            "curve": [
                {
                    "from": float(_EDGES[place]),
                    "to": float(_EDGES[place + 1]),
                    "exposures": float(count),
                    "predicted": float(self.predicted[place] / count),
                    "observed": float(self.observed[place] / count),
                }
                for place, count in enumerate(self.count)
                if count > 0.5
            ],
        }


class Monitor:
    """Keeps the newest closed exposures, and the calibration of what was predicted of all."""

    def __init__(self) -> None:
        self.newest: deque[Closed] = deque(maxlen=JUDGED_MAX)
        self.takeup = Reliability()
        self.disconnect = Reliability()

    def close(self, exposure: Closed) -> None:
        """Take an exposure whose outcome is final."""
        self.newest.append(exposure)
        self.takeup.add(exposure.p_takeup, "takeup" in exposure.outcomes)
        self.disconnect.add(exposure.p_disconnect, exposure.disconnected)

    def view(self) -> dict[str, Any]:
        """Plain JSON data."""
        return {"takeup": self.takeup.view(), "disconnect": self.disconnect.view()}


def judge(candidate: PropensityModel, in_use: PropensityModel, closed: Sequence[Closed]) -> Verdict:
    """Hold a new version's take-ups against those of the one in use on the newest closed exposures.

    Refused: what is not finite; a log loss larger by 2 % and by two standard errors of the paired difference; forecasts
    that add up to more than twice, or less than half, of what came, where those of the one in use do not.
    """
    if not all(_finite(head) for head in candidate.heads.values()):
        return Verdict(False, "its weights are not finite", {})
    if len(closed) < JUDGED_MIN:
        return Verdict(True, "", {"exposures": float(len(closed))})
    new, old = forecasts(candidate, closed), forecasts(in_use, closed)
    came = np.array(["takeup" in each.outcomes for each in closed])
    loss_new, loss_old = _losses(new, came), _losses(old, came)
    difference = loss_new - loss_old
    error = float(difference.std(ddof=1)) / math.sqrt(len(closed))
    figures = {
        "exposures": float(len(closed)),
        "loss": float(loss_new.mean()),
        "loss_in_use": float(loss_old.mean()),
        "predicted": float(new.sum()),
        "predicted_in_use": float(old.sum()),
        "observed": float(came.sum()),
    }
    worse = float(difference.mean())
    if worse > LOSS_MAX * figures["loss_in_use"] and worse > ERRORS_MAX * error:
        loss, before = figures["loss"], figures["loss_in_use"]
        return Verdict(
            False, f"its log loss is {loss:.4f}, of the one in use {before:.4f}", figures
        )
    observed = figures["observed"]
    if _off(figures["predicted"], observed) and not _off(figures["predicted_in_use"], observed):
        expected = figures["predicted"]
        return Verdict(
            False, f"it expects {expected:.0f} take-ups where {observed:.0f} came", figures
        )
    return Verdict(True, "", figures)


def _finite(head: PropensityHead) -> bool:
    return all(np.isfinite(part).all() for part in (head.mean, head.covariance, head.draws))


def forecasts(model: PropensityModel, closed: Sequence[Closed]) -> Floats:
    """P(take-up) of each exposure under a version, (n,); features it has not seen contribute their prior."""
    head, size = model.heads["takeup"], len(model.names)
    x = np.zeros((len(closed), size))
    mean, variance = np.zeros((2, len(closed)))
    for row, exposure in enumerate(closed):
        for name, value in exposure.features.items():
            column = model.index.get(name)
            if column is None:
                prior_mean, prior_sd = PRIORS["takeup"](name)
                mean[row] += prior_mean * value
                variance[row] += (prior_sd * value) ** 2
            else:
                x[row, column] = value
    mean += x @ head.mean
    variance += np.sum(serial_matmul(x, head.covariance) * x, axis=1)
    return np.asarray(1.0 / (1.0 + np.exp(-mean / np.sqrt(1.0 + PROBIT_SCALE * variance))))


def _losses(probabilities: Floats, came: Any) -> Floats:
    """−ln of what was said of what came; (n,)."""
    said = np.where(came, probabilities, 1.0 - probabilities)
    return np.asarray(-np.log(np.maximum(said, _SMALLEST)))


def _off(predicted: float, observed: float) -> bool:
    if max(predicted, observed) < _COUNTED_MIN:
        return False
    return not observed / OFF_MAX <= predicted <= observed * OFF_MAX
