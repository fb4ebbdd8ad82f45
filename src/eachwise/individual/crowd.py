"""The affinities of many people to a few values at once: ``affinity_vectors``' own figures, as arrays of people."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from eachwise.contracts.arrays import AffinityVectors, Floats
from eachwise.contracts.individual import AGAINST, GENERAL, MOMENT, REFERENCE_S, SHOWN
from eachwise.individual.affinity import ENTRY
from eachwise.individual.facets import SHARE_MIN
from eachwise.maths import decay
from eachwise.settings import AffinitySettings


@dataclass(frozen=True, slots=True, kw_only=True)
class Crowd:
    """P people's affinity entries as their states hold them; an entry that a person lacks is all 0.

    entries:  (P, K, 5) for the K values asked for
    whole:    (P, 5) for items of any value
    declared: (P, K) +1, −1 or 0
    """

    entries: Floats
    whole: Floats
    declared: Floats

    @classmethod
    def of(cls, people: int, values: int) -> Crowd:
        """People of whom nothing is known."""
        return cls(
            entries=np.zeros((people, values, ENTRY)),
            whole=np.zeros((people, ENTRY)),
            declared=np.zeros((people, values)),
        )


def crowd_affinity(
    crowd: Crowd, expected: Floats, now_us: int, settings: AffinitySettings
) -> AffinityVectors:
    """The affinities of each person to each value, every array of shape (P, K).

    ``expected`` (K,) holds the population's shares. See ``affinity`` for the formulas.
    """
    whole = crowd.whole
    at_s = np.maximum(decay.seconds(now_us), whole[:, REFERENCE_S])
    moment, general, shown, against = _decayed(crowd.entries, at_s[:, None], settings)
    any_moment, any_general, any_shown, _ = _decayed(whole, at_s, settings)
    evidence = any_general[:, None] + np.minimum(against, settings.declared_mass)
    reference = _reference(shown, any_shown, expected, settings)
    liked = crowd.declared * settings.declared_mass
    general, general_sd = _log_odds(
        general + np.maximum(liked, 0.0), evidence + np.abs(liked), reference, settings
    )
    items = np.broadcast_to(any_moment[:, None], evidence.shape)
    moment, moment_sd = _log_odds(moment, items, reference, settings)
    return AffinityVectors(
        general=general,
        general_sd=general_sd,
        moment=moment,
        moment_sd=moment_sd,
        evidence=evidence,
        declared=crowd.declared,
    )


def _decayed(
    entries: Floats, at_s: Floats, settings: AffinitySettings
) -> tuple[Floats, Floats, Floats, Floats]:
    """MOMENT, GENERAL, SHOWN and AGAINST at a later time."""
    elapsed = at_s - entries[..., REFERENCE_S]
    kept = np.exp2(elapsed * (-1.0 / settings.general_half_life_s))
    short = np.exp2(elapsed * (-1.0 / settings.moment_half_life_s))
    return (
        entries[..., MOMENT] * short,
        entries[..., GENERAL] * kept,
        entries[..., SHOWN] * kept,
        entries[..., AGAINST] * kept,
    )


def _reference(
    shown: Floats, any_shown: Floats, expected: Floats, settings: AffinitySettings
) -> Floats:
    """r, within [1e-4, 1 − 1e-4]."""
    prior = settings.exposure_prior_mass
    share: Floats = (shown + prior * expected) / (any_shown + prior)[:, None]
    return np.clip(share, SHARE_MIN, 1.0 - SHARE_MIN)


def _log_odds(
    with_value: Floats, items: Floats, reference: Floats, settings: AffinitySettings
) -> tuple[Floats, Floats]:
    """δ and its standard error."""
    rest = 1.0 - reference
    prior = np.maximum(settings.prior_mass, 1.0 / np.minimum(reference, rest))
    have = with_value + prior * reference
    lack = np.maximum(items - with_value, 0.0) + prior * rest
    return np.log(have * rest / (lack * reference)), np.sqrt(1.0 / have + 1.0 / lack)
