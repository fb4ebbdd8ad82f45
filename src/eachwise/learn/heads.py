"""The outcome models of one learner: a logistic posterior for each outcome, all over the same named features."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import msgspec
import numpy as np

from eachwise.contracts.arrays import Floats, PropensityHead
from eachwise.contracts.learning import OUTCOMES, Outcome
from eachwise.learn.priors import PRIORS
from eachwise.maths.bayes import LogisticPosterior, gaussian_draws
from eachwise.maths.diagonal import DiagonalPosterior

Posterior = LogisticPosterior | DiagonalPosterior

# Only what is explored needs its covariances and draws; the rest keeps to variances.
FULL: Final[frozenset[Outcome]] = frozenset({"takeup"})
# An outcome that is asked about only where another came back.
GIVEN: Final[Mapping[Outcome, Outcome]] = {"purchase": "takeup"}
# Joint draws stored with each version; a decision picks its few among them.
DRAWS = 64
_FLOAT = np.dtype("<f8")


class StoredHead(msgspec.Struct, frozen=True, array_like=True):
    """One posterior's arrays, little-endian float64; a full ``covariance`` is the lower triangle, row by row."""

    mean: bytes
    ceiling: bytes
    covariance: bytes
    updates: int


def heads_of(half_life: float) -> dict[Outcome, Posterior]:
    """A posterior for each outcome, as it is before anything was learnt."""
    return {
        outcome: (LogisticPosterior if outcome in FULL else DiagonalPosterior)(
            PRIORS[outcome], half_life
        )
        for outcome in OUTCOMES
    }


def take(
    heads: Mapping[Outcome, Posterior],
    features: Mapping[str, float],
    outcomes: frozenset[Outcome],
    before: frozenset[Outcome] | None,
) -> None:
    """Learn what came back for one exposure, or correct what was learnt of it before.

    A head that is asked about only given another outcome learns where that one came, and unlearns the answer should
    that one turn out not to have come.
    """
    for outcome, head in heads.items():
        condition = GIVEN.get(outcome)
        asked = condition is None or condition in outcomes
        was_asked = before is not None and (condition is None or condition in before)
        told = float(outcome in outcomes) if asked else 0.0
        if not was_asked and asked:
            head.update(features, told)
        elif was_asked and before is not None and told != float(outcome in before):
            head.correct(features, told - float(outcome in before))
        else:
            head.know(features)


@dataclass(frozen=True, slots=True)
class CopiedHead:
    """A posterior's arrays as they were at one moment; read-only."""

    mean: Floats
    ceiling: Floats
    covariance: Floats
    updates: int


def copied(posterior: Posterior) -> CopiedHead:
    """A copy that nothing changes any more."""
    arrays = posterior.mean, posterior.ceiling, posterior.covariance
    for array in arrays:
        array.setflags(write=False)
    return CopiedHead(*arrays, posterior.updates)


def published(outcome: Outcome, head: CopiedHead, seed: int) -> PropensityHead:
    """What serves of a posterior; draws where it is explored."""
    count = DRAWS if outcome in FULL else 0
    draws = gaussian_draws(head.covariance, count, seed) if count else np.zeros((0, len(head.mean)))
    draws.setflags(write=False)
    return PropensityHead(mean=head.mean, covariance=head.covariance, draws=draws)


def packed(head: CopiedHead) -> StoredHead:
    """A posterior's arrays as bytes."""
    covariance = head.covariance
    if covariance.ndim == 2 and len(covariance):
        covariance = np.concatenate([line[: row + 1] for row, line in enumerate(covariance)])
    return StoredHead(_bytes(head.mean), _bytes(head.ceiling), _bytes(covariance), head.updates)


def unpacked(
    outcome: Outcome, stored: StoredHead, names: Sequence[str], half_life: float
) -> Posterior:
    """The posterior that was packed."""
    size = len(names)
    mean, ceiling = np.frombuffer(stored.mean, _FLOAT), np.frombuffer(stored.ceiling, _FLOAT)
    entries = np.frombuffer(stored.covariance, _FLOAT)
    prior = PRIORS[outcome]
    if outcome not in FULL:
        return DiagonalPosterior.of_arrays(
            prior, half_life, list(names), mean, entries, ceiling, stored.updates
        )
    covariance = np.zeros((size, size))
    for row in range(size):
        begin = row * (row + 1) // 2
        covariance[row, : row + 1] = covariance[: row + 1, row] = entries[begin : begin + row + 1]
    return LogisticPosterior.of_arrays(
        prior, half_life, list(names), mean, covariance, ceiling, stored.updates
    )


def _bytes(array: Floats) -> bytes:
    """Little-endian float64."""
    return array.astype(_FLOAT).tobytes()
