"""What a candidate would earn, predicted for everyone by a model that never saw that person.

Ridge regression of the reward on a candidate's features, plus what each experience earns beyond that, shrunk. A doubly
robust estimate needs no true model, only one that is fixed before it is used: hence cross-fitting by person
(Chernozhukov et al. 2018). Sums over folds are additive, so the model without a fold costs a subtraction.
"""

from __future__ import annotations

import math

import numpy as np

from eachwise.contracts.arrays import Floats
from eachwise.measure.clustered import numbered
from eachwise.measure.log import Log

FOLDS = 5
# Decisions' worth of belief that a standardised feature has no effect, and that an experience is like its features say.
RIDGE = 20.0
ARM_PRIOR = 100.0


def predicted_rewards(log: Log, folds: int = FOLDS) -> Floats:
    """Predicted reward of every candidate (N,), by a model fitted to other people."""
    number, _ = numbered(log.person)
    design = _standardised(log.features)
    fold = number % folds
    taken, arm = design[log.chosen], log.arm[log.chosen]
    width = design.shape[1]
    gram = np.zeros((folds, width, width))
    moment = np.zeros((folds, width))
    for each in range(folds):
        rows = taken[fold == each]
        gram[each] = rows.T @ rows
        moment[each] = rows.T @ log.reward[fold == each]
    penalty = np.diag([0.0, *[RIDGE] * (width - 1)])
    # A fold that holds everybody leaves nothing to fit: the tiny diagonal makes that the prediction 0.
    penalty += 1e-9 * np.eye(width)
    weights = np.zeros((folds, width))
    own = np.zeros((folds, len(log.arms)))
    for each in range(folds):
        weights[each] = np.linalg.solve(
            gram.sum(axis=0) - gram[each] + penalty, moment.sum(axis=0) - moment[each]
        )
        others = fold != each
        left = log.reward[others] - taken[others] @ weights[each]
        shown = np.bincount(arm[others], minlength=len(log.arms))
        own[each] = np.bincount(arm[others], left, len(log.arms)) / (shown + ARM_PRIOR)
    mine = np.repeat(fold, np.diff(log.indptr))
    found = own[mine, log.arm]
    for column in range(width):
        found += design[:, column] * weights[mine, column]
    return found


def _standardised(features: Floats) -> Floats:
    """(N, F) → (N, F + 1): a column of ones, then each feature with mean 0 and sd 1 (a constant one: 0)."""
    design = np.ones((len(features), features.shape[1] + 1), order="F")
    for column, values in enumerate(features.T, start=1):
        centred = values - values.mean()
        spread = math.sqrt(float(centred @ centred) / len(centred))
        design[:, column] = centred / spread if spread > 0.0 else 0.0
    return design
