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

With a ``Reference`` all of this is taken among items that have the value's facet (``facets``), and the values that
tell most are estimated together, under the prior of what goes with what in the population (``kinship``): their δ is
then the posterior's mean, at most the person's own log-odds where it lies above ``CERTAIN``, plus what explicit
dislikes and declared tastes move δ by.

Two adaptations. The reference is a share and not a second corpus, so its variance is left out. And the prior holds at
least one item of v and one of the rest, so that one view of a rare value moves δ by log 2 (z about 1) instead of
shouting; for 1/30 ≤ r ≤ 29/30 and the default prior mass nothing changes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from eachwise.contracts.arrays import AffinityVectors, Floats, Ints
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
from eachwise.individual.facets import SHARE_MIN, Facets, facets_of
from eachwise.individual.kinship import Kinship
from eachwise.individual.words import Z_SIGNIFICANT, affinity_words
from eachwise.maths import decay
from eachwise.settings import AffinitySettings

ENTRY = 5  # numbers in one affinity entry
# Of these, what a person did and was shown: the general horizon, this moment, the exposures.
_BEHAVED = (GENERAL, MOMENT, SHOWN)
# Log-odds above which a joint estimate, which is linear in the evidence, may not pass the person's own.
CERTAIN = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """What people at large do, as the affinities of one catalogue and population are measured against.

    facets:  what each value is compared with
    kinship: the prior of the values estimated together, or None
    columns: (K,) where those values stand among the V
    """

    facets: Facets
    kinship: Kinship | None
    columns: Ints


def reference_of(
    values: Sequence[str],
    expected: Floats,
    multiple: Mapping[str, float] | None = None,
    kinship: Kinship | None = None,
) -> Reference:
    """The reference of these values, (V,) each; kin that are not all among them are left out."""
    place = {value: column for column, value in enumerate(values)}
    known = kinship is not None and all(value in place for value in kinship.values)
    kin = kinship if known else None
    columns = [place[value] for value in kin.values] if kin is not None else []
    return Reference(
        facets=facets_of(values, expected, multiple),
        kinship=kin,
        columns=np.array(columns, dtype=np.int64),
    )


@dataclass(frozen=True, slots=True)
class _Masses:
    """Masses at the time of reading, and the same for items of any value.

    behaved: (3, V): general, of this moment, shown; against, declared: (V,); whole: (3,) as ``behaved``
    """

    behaved: Floats
    against: Floats
    declared: Floats
    whole: Floats


@dataclass(frozen=True, slots=True)
class _Found:
    """Estimates of both horizons, row 0 the general one and row 1 this moment, (2, V) each.

    reference: r, (V,); upper: (V,) the general horizon's upper 95 % bound, the lower one of alone and together
    """

    log_odds: Floats
    spread: Floats
    items: Floats
    reference: Floats
    upper: Floats


def affinity_vectors(
    state: Individual,
    value_of: Mapping[str, int],
    size: int,
    expected: Floats,
    now_us: int,
    settings: AffinitySettings,
    *,
    reference: Reference | None = None,
    hints: Sequence[str] = (),
) -> AffinityVectors:
    """The affinities to the catalogue's values, as arrays of shape (V,), V = ``size``.

    ``value_of`` maps ``name=value`` to its column, ``expected`` (V,) holds the population's shares p. The declared
    preference counts for the general horizon only. Without any evidence δ is 0 and its standard error the prior's.
    ``hints`` are values that the moment itself names (``context``): together a weak item of this moment.
    """
    masses = _masses_of(state, value_of, size, now_us, settings)
    if hints:
        masses = _hinted(masses, value_of, hints, settings.context_mass)
    found = _found(masses, expected, reference, settings)
    return AffinityVectors(
        general=found.log_odds[0],
        general_sd=found.spread[0],
        moment=found.log_odds[1],
        moment_sd=found.spread[1],
        evidence=found.items[0],
        declared=masses.declared,
        upper=found.upper,
    )


def _hinted(
    masses: _Masses, value_of: Mapping[str, int], hints: Sequence[str], mass: float
) -> _Masses:
    """The masses with ``mass`` more items of this moment, each with the values that are hinted at."""
    columns = sorted({value_of[hint] for hint in hints if hint in value_of})
    if not columns:
        return masses
    behaved, whole = masses.behaved.copy(), masses.whole.copy()
    behaved[1, columns] += mass
    whole[1] += mass
    return replace(masses, behaved=behaved, whole=whole)


def _found(
    masses: _Masses, expected: Floats, reference: Reference | None, settings: AffinitySettings
) -> _Found:
    """Both horizons of every value: one by one, then those together that are kin."""
    # However often something is hidden, it says no more than to declare against it.
    against = np.minimum(masses.against, settings.declared_mass)
    engaged, whole = masses.behaved[:2], masses.whole
    if reference is None:
        counted = np.repeat(whole[:, None], len(expected), axis=1)
    else:
        counted = reference.facets.items(masses.behaved, whole)
        expected = reference.facets.shares
    behaved = counted[:2]
    share = _share(masses.behaved[2], counted[2], expected, settings)
    said = masses.declared * settings.declared_mass
    with_value, items = engaged.copy(), behaved.copy()
    with_value[0] += np.maximum(said, 0.0)
    items[0] += against + np.abs(said)
    log_odds, spread = _log_odds(with_value, items, share, settings.prior_mass)
    # Whether something is avoided is a matter of its share: who likes one thing only is not thereby indifferent.
    upper = log_odds[0] + Z_SIGNIFICANT * spread[0]
    if reference is not None and reference.kinship is not None:
        plain = log_odds.copy()
        if against.any() or said.any():
            plain[0] = _log_odds(engaged[0], behaved[0], share, settings.prior_mass)[0]
        at, kin = reference.columns, reference.kinship
        mean, spread[:, at] = kin.estimate((engaged - behaved * share)[:, at], whole[:2])
        if mean.max(initial=0.0) > CERTAIN:
            own = _own(engaged[:, at], behaved[:, at], share[at])
            mean = np.minimum(mean, np.maximum(own, CERTAIN))
        log_odds[:, at] = mean + (log_odds - plain)[:, at]
        upper = np.minimum(upper, log_odds[0] + Z_SIGNIFICANT * spread[0])
    items = behaved
    items[0] += against
    return _Found(log_odds, spread, items, share, upper)


def _own(with_value: Floats, items: Floats, share: Floats) -> Floats:
    """The person's own log-odds against the reference, without any prior but half an item each way."""
    lack = np.maximum(items - with_value, 0.0) + 0.5
    own: Floats = np.log((with_value + 0.5) * (1.0 - share) / (lack * share))
    return own


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
    of_any = np.zeros(len(_BEHAVED))
    if whole is not None:
        at_s = max(at_s, whole[REFERENCE_S])
        elapsed_s = at_s - whole[REFERENCE_S]
        kept = decay.factor(elapsed_s, settings.general_half_life_s)
        moment = whole[MOMENT] * decay.factor(elapsed_s, settings.moment_half_life_s)
        of_any[:] = whole[GENERAL] * kept, moment, whole[SHOWN] * kept
    table = np.zeros((len(_BEHAVED) + 1, size))
    if columns:
        read = np.array(flat).reshape(-1, ENTRY).T
        elapsed = at_s - read[REFERENCE_S]
        masses = read[(*_BEHAVED, AGAINST), :]
        moment = masses[1] * np.exp2(elapsed * (-1.0 / settings.moment_half_life_s))
        masses *= np.exp2(elapsed * (-1.0 / settings.general_half_life_s))
        masses[1] = moment
        table[:, columns] = masses
    declared = np.zeros(size)
    for value, written in state.declared.items():
        column = value_of.get(value)
        if column is not None:
            declared[column] = written.value
    return _Masses(table[:-1], table[-1], declared, of_any)


def _share(
    shown: Floats, whole: Floats | float, expected: Floats, settings: AffinitySettings
) -> Floats:
    """r of the module's formulas, within [1e-4, 1 − 1e-4]; ``whole``: items shown that could have had the value."""
    prior = settings.exposure_prior_mass
    share = (shown + prior * expected) / (np.asarray(whole) + prior)
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
    multiple: Mapping[str, float] | None = None,
) -> list[Affinity]:
    """Every value that the population meets or the person declared, by z from liked to disliked, with words.

    ``expected`` maps value → the population's share; a value that it lacks has nothing to be compared with and is left
    out unless declared. ``moment`` reads the short horizon. ``share`` is y/n without declared masses (0 without
    evidence), ``expected`` is r, ``evidence`` is n, ``against`` the part of n that was turned against.
    ``multiple`` (facet → values of it that an item has) asks for shares among items with the facet. Every value stands
    for itself here, so that its words say what was counted.
    """
    values = sorted({*expected, *state.declared} - {ANY_VALUE})
    value_of = {value: column for column, value in enumerate(values)}
    shares = np.array([expected.get(value, 0.0) for value in values])
    masses = _masses_of(state, value_of, len(values), now_us, settings)
    reference = None if multiple is None else reference_of(values, shares, multiple)
    estimates = _found(masses, shares, reference, settings)
    row = int(moment)
    turned = np.zeros(len(values)) if moment else np.minimum(masses.against, settings.declared_mass)
    engaged = masses.behaved[row]
    found = []
    for column, value in enumerate(values):
        items = float(estimates.items[row, column])
        log_odds, spread = estimates.log_odds[row, column], estimates.spread[row, column]
        plain = Affinity(
            value=value,
            log_odds=float(log_odds),
            sd=float(spread),
            z=float(log_odds / spread),
            share=float(engaged[column]) / items if items > 0.0 else 0.0,
            expected=float(estimates.reference[column]),
            evidence=items,
            against=float(turned[column]),
            declared=int(masses.declared[column]),
        )
        found.append(affinity_words(plain))
    return sorted(found, key=lambda affinity: (-affinity.z, affinity.value))
