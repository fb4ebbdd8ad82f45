"""Policies to ask a log about: each gives the probability of every candidate (N,), summing to 1 over each decision.

A target may use what was known before the draw only, and acts on the recorded candidates alone.
"""

from __future__ import annotations

from collections.abc import Container

import numpy as np

from eachwise.contracts.arrays import Bools, Floats
from eachwise.contracts.errors import InvalidInput
from eachwise.measure.log import Log


def as_logged(log: Log) -> Floats:
    """The log's own policy. Where records lead with some candidates only, what they leave out is missing here too."""
    return np.where(log.recorded, log.probability, 0.0)


def uniform(log: Log) -> Floats:
    """Every recorded candidate alike."""
    return _shared(log, log.recorded.astype(np.float64))


def greedy(log: Log, epsilon: float = 0.0) -> Floats:
    """The highest priority, ties shared, and with probability ``epsilon`` any candidate that the log had some for.

    (1 − ε)·[best] + ε/K over the K candidates of probability above 0.
    """
    if not 0.0 <= epsilon <= 1.0:
        raise InvalidInput("epsilon: must be from 0 to 1", field="epsilon")
    priority = np.where(log.recorded, log.priority, -np.inf)
    wins = (priority == log.spread(log.best(priority))).astype(np.float64)
    some = (log.recorded & (log.probability > 0.0)).astype(np.float64)
    return (1.0 - epsilon) * _shared(log, wins) + epsilon * _shared(log, some)


def sharpened(log: Log, power: float) -> Floats:
    """p^power, renormalised: above 1 the log's policy exploring less, between 0 and 1 exploring more."""
    if not power > 0.0:
        raise InvalidInput("power: must be above 0", field="power")
    return _shared(log, np.where(log.recorded, log.probability**power, 0.0))


def without(log: Log, arms: Container[str]) -> Floats:
    """The log's policy had these experiences not been there, their probability shared out in proportion.

    A decision with no other candidate keeps what it had: there is no policy without it.
    """
    gone = np.array([arm in arms for arm in log.arms], dtype=bool)[log.arm]
    left = np.where(gone, 0.0, as_logged(log))
    return np.where(log.spread(log.summed(left)) > 0.0, _shared(log, left), as_logged(log))


def within_support(log: Log, target: Floats) -> Floats:
    """The target kept to what the log's policy could choose: another policy, and the nearest that can be estimated.

    Where nothing of the target is left it does as the log did. How much moved is 1 − Σ of the overlap.
    """
    able: Bools = log.recorded & (log.probability > 0.0)
    left = np.where(able, target, 0.0)
    return np.where(log.spread(log.summed(left)) > 0.0, _shared(log, left), as_logged(log))


def _shared(log: Log, mass: Floats) -> Floats:
    """Mass as probabilities: divided by its sum over each decision (0 where that is 0)."""
    total = log.spread(log.summed(mass))
    return np.divide(mass, total, out=np.zeros_like(mass), where=total > 0.0)
