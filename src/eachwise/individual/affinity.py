"""Affinity: how much more, or less, one person engages with a value than is to be expected, with its confidence.

The log-odds ratio with an informative Dirichlet prior and its z-score (Monroe, Colaresi & Quinn 2008, "Fightin' Words",
eqs 15, 16, 20–22), with the person as one corpus and a known reference share as the other:

    r   = (s_v + E0·p_v) / (s + E0)          what a person like anyone would have taken of what this one was shown
    A   = max(prior_mass, 1 / min(r, 1−r))   prior items, of which α = A·r carry the value
    δ   = log((y + α) / (n + A − y − α)) − log(r / (1 − r))
    var = 1/(y + α) + 1/(n + A − y − α),     z = δ/√var

y: engaged items with v, n: all engaged items and the items with v that the person turned against; a declared like adds
``declared_mass`` items with v, a dislike as many without. s_v, s: items shown; p_v: the population's share;
E0 = ``exposure_prior_mass``. Where nothing shown is logged r = p_v; where v is shown and not taken up, r rises above
the person's own share and δ turns negative. All masses are in items and decayed to the time of reading.

Two adaptations. The reference is a share and not a second corpus, so its variance is left out. And the prior holds at
least one item of v and one of the rest, so that one view of a rare value moves δ by log 2 (z about 1) instead of
shouting; for 1/30 ≤ r ≤ 29/30 and the default prior mass nothing changes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from eachwise.contracts.arrays import AffinityVectors, Floats
from eachwise.contracts.individual import (
    AGAINST,
    ANY_VALUE,
    GENERAL,
    MOMENT,
    REFERENCE_S,
    SHOWN,
    Affinity,
    Individual,
)
from eachwise.individual.words import affinity_words
from eachwise.maths import decay
from eachwise.settings import AffinitySettings

ENTRY = 5  # numbers in one affinity entry
# Reference shares stay within [1e-4, 1 − 1e-4]: nothing is held impossible, or certain, before it is seen.
SHARE_MIN = 1e-4


@dataclass(frozen=True, slots=True)
class _Masses:
    """Masses at the time of reading, each (V,), and the same for items of any value."""

    moment: Floats
    general: Floats
    shown: Floats
    against: Floats
    declared: Floats
    any_moment: float
    any_general: float
    any_shown: float

    def general_items(self) -> Floats:
        """n of the general horizon, without declared items: all engaged ones, and those turned against, by value."""
        return self.any_general + self.against


def affinity_vectors(
    state: Individual,
    value_of: Mapping[str, int],
    size: int,
    expected: Floats,
    now_us: int,
    settings: AffinitySettings,
) -> AffinityVectors:
    """The affinities to the catalogue's values, as arrays of shape (V,), V = ``size``.

    ``value_of`` maps ``name=value`` to its column, ``expected`` (V,) holds the population's shares p. The declared
    preference counts for the general horizon only. Without any evidence δ is 0 and its standard error the prior's.
    """
    masses = _masses_of(state, value_of, size, now_us, settings)
    reference = _reference(masses, expected, settings)
    with_value, items = np.empty((2, size)), np.empty((2, size))
    evidence = masses.general_items()
    with_value[0], with_value[1] = masses.general, masses.moment
    items[0], items[1] = evidence, masses.any_moment
    if state.declared:
        liked = masses.declared * settings.declared_mass
        with_value[0] += np.maximum(liked, 0.0)
        items[0] += np.abs(liked)
    log_odds, spread = _log_odds(with_value, items, reference, settings.prior_mass)
    return AffinityVectors(
        general=log_odds[0],
        general_sd=spread[0],
        moment=log_odds[1],
        moment_sd=spread[1],
        evidence=evidence,
        declared=masses.declared,
    )


def _masses_of(
    state: Individual,
    value_of: Mapping[str, int],
    size: int,
    now_us: int,
    settings: AffinitySettings,
) -> _Masses:
    """Decay the person's entries to now (or to the person's last item, should a clock lag behind it)."""
    columns: list[int] = []
    flat: list[float] = []
    for value, entry in state.affinity.items():
        column = value_of.get(value)
        if column is not None:
            columns.append(column)
            flat += entry
    whole = state.affinity.get(ANY_VALUE)
    at_s = decay.seconds(now_us)
    any_moment = any_general = any_shown = 0.0
    if whole is not None:
        at_s = max(at_s, whole[REFERENCE_S])
        elapsed_s = at_s - whole[REFERENCE_S]
        kept = decay.factor(elapsed_s, settings.general_half_life_s)
        any_moment = whole[MOMENT] * decay.factor(elapsed_s, settings.moment_half_life_s)
        any_general, any_shown = whole[GENERAL] * kept, whole[SHOWN] * kept
    table = np.zeros((size, ENTRY))
    if columns:
        read = np.array(flat).reshape(-1, ENTRY)
        elapsed = at_s - read[:, REFERENCE_S]
        moment = read[:, MOMENT] * np.exp2(elapsed * (-1.0 / settings.moment_half_life_s))
        read *= np.exp2(elapsed * (-1.0 / settings.general_half_life_s))[:, None]
        read[:, MOMENT] = moment
        table[np.array(columns)] = read
    declared = np.zeros(size)
    for value, written in state.declared.items():
        column = value_of.get(value)
        if column is not None:
            declared[column] = written.value
    return _Masses(
        table[:, MOMENT],
        table[:, GENERAL],
        table[:, SHOWN],
        table[:, AGAINST],
        declared,
        any_moment,
        any_general,
        any_shown,
    )


def _reference(masses: _Masses, expected: Floats, settings: AffinitySettings) -> Floats:
    """r of the module's formulas, within [1e-4, 1 − 1e-4]."""
    prior = settings.exposure_prior_mass
    whole = masses.any_shown + prior
    share = (masses.shown + prior * expected) / whole if whole > 0.0 else expected
    clipped: Floats = np.minimum(np.maximum(share, SHARE_MIN), 1.0 - SHARE_MIN)
    return clipped


def _log_odds(
    with_value: Floats, items: Floats, reference: Floats, prior_mass: float
) -> tuple[Floats, Floats]:
    """δ and its standard error √var; shapes as the masses', the last axis is the reference's."""
    rest = 1.0 - reference
    prior = np.maximum(prior_mass, 1.0 / np.minimum(reference, rest))
    have = with_value + prior * reference
    # Rounding may leave y a hair above n.
    lack = np.maximum(items - with_value, 0.0) + prior * rest
    return np.log(have * rest / (lack * reference)), np.sqrt(1.0 / have + 1.0 / lack)


def affinities(
    state: Individual,
    expected: Mapping[str, float],
    now_us: int,
    settings: AffinitySettings,
    *,
    moment: bool = False,
) -> list[Affinity]:
    """Every value that the population meets or the person declared, by z from liked to disliked, with words.

    ``expected`` maps value → the population's share; a value that it lacks has nothing to be compared with and is left
    out unless declared. ``moment`` reads the short horizon. ``share`` is y/n without declared masses (0 without
    evidence), ``expected`` is r, ``evidence`` is n.
    """
    values = sorted({*expected, *state.declared} - {ANY_VALUE})
    value_of = {value: column for column, value in enumerate(values)}
    shares = np.array([expected.get(value, 0.0) for value in values])
    masses = _masses_of(state, value_of, len(values), now_us, settings)
    reference = _reference(masses, shares, settings)
    if moment:
        evidence = np.full(len(values), masses.any_moment)
        engaged, liked = masses.moment, np.zeros(len(values))
    else:
        evidence = masses.general_items()
        engaged, liked = masses.general, masses.declared * settings.declared_mass
    log_odds, spread = _log_odds(
        engaged + np.maximum(liked, 0.0), evidence + np.abs(liked), reference, settings.prior_mass
    )
    found = []
    for column, value in enumerate(values):
        items = float(evidence[column])
        plain = Affinity(
            value=value,
            log_odds=float(log_odds[column]),
            sd=float(spread[column]),
            z=float(log_odds[column] / spread[column]),
            share=float(engaged[column]) / items if items > 0.0 else 0.0,
            expected=float(reference[column]),
            evidence=items,
            declared=int(masses.declared[column]),
        )
        found.append(affinity_words(plain))
    return sorted(found, key=lambda affinity: (-affinity.z, affinity.value))
