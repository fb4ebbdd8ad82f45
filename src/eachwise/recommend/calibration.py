"""Slates that keep a person's own mix (Steck 2018, "Calibrated recommendations"): 80 % metal stays about 80 % metal.

For each attribute a that describes taste (a facet), p_a is the person's mix over its values and q_a what was put
before the person: this slate, the pages before it, and what was shown lately. The miss is

    KL = Σ_a w_a Σ_v p_v log(p_v / q̃_v),    q̃_v = (c_v + β_a p_v) / (C_a + β_a),    C_a = Σ_v c_v,

c_v the items that carry v. β is the additive form of Steck's q̃ = (1 − α)q + αp, α = .01: at the end of a slate the
two agree. A slate is chosen greedily by (1 − λ) Σ score − λ · m · KL, m the items that q counts: what KL is to a
sample, so that a slot weighs the same on every page and in a slate of any length. Steck's own objective, without m,
cost several times the accuracy for the same KL (docs/discussions/measured.md).

V = values of the catalogue, W = values of its facets, N = items, C = candidates, E = entries of a ragged list.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from eachwise.contracts.arrays import CatalogIndex, Floats, Ints
from eachwise.contracts.individual import (
    ANY_VALUE,
    GENERAL,
    MOMENT,
    REFERENCE_S,
    SHOWN,
    Individual,
)
from eachwise.maths import decay
from eachwise.settings import AffinitySettings

ALPHA = 0.01  # Steck's α
# An attribute describes taste where most items carry it and its values recur: at least so many items for each of its
# effective values (exp of their entropy), and more than one value.
COVERAGE_MIN = 0.5
ITEMS_PER_VALUE_MIN = 4.0
_EFFECTIVE_MIN = 1.2
# The items at which λ has half its strength.
CONFIDENCE_ITEMS = 10.0
# Items of this moment at which it makes half of the mix, where it does not differ from what the person usually takes.
MOMENT_ITEMS = 6.0
# How far a mood may stray from the person's usual mix: the concentration of its Dirichlet prior, in items.
MOOD_ITEMS = 1.0
_MOOD_LOG_MAX = 50.0  # beyond it nothing changes, and e to it is finite
# What was shown lately counts as at most so many items, however long a relationship is.
SHOWN_ITEMS_MAX = 20.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Facets:
    """The attributes of a catalogue that describe taste; prepared once a version.

    names:   the attributes, A of them
    columns: (W,) their value columns in the catalogue, by attribute
    facet:   (W,) which attribute each belongs to
    place:   (V,) each column's place in ``columns``, −1 elsewhere
    weight:  (A,) w_a, by the share of items that carry the attribute; they sum to 1
    at:      ``name=value`` → its place in ``columns``; what is in no facet is missing
    """

    names: tuple[str, ...]
    columns: Ints
    facet: Ints
    place: Ints
    weight: Floats
    at: Mapping[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Tastes:
    """What a person's mix is made from, in items: (W,) over the facets' values, and of any value at all.

    general, moment: engaged with, on the two horizons; shown: put before the person
    """

    general: Floats
    moment: Floats
    shown: Floats
    any_general: float
    any_moment: float
    any_shown: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Mix:
    """The mix that a slate is held to, over a catalogue's facets.

    target:   (W,) p: sums to 1 in each facet of which the person has taken anything, else 0 throughout
    counts:   (W,) c: items already delivered or shown that carry each value
    items:    m: how many items those are
    trust:    0 … 1: how far the evidence lets λ count, n / (n + 10)
    """

    facets: Facets
    target: Floats
    counts: Floats
    items: float
    trust: float


def facets_of(catalog: CatalogIndex, names: Sequence[str] = ()) -> Facets:
    """The facets with these names, or, without names, every attribute that describes taste."""
    of_value, known = _attributes(catalog.values)
    owner = np.repeat(np.arange(len(catalog.items)), np.diff(catalog.indptr))
    of_entry = of_value[catalog.indices]
    # An item's values are sorted, so those of one attribute stand together.
    first = (np.diff(owner, prepend=-1) != 0) | (np.diff(of_entry, prepend=-1) != 0)
    carrying = np.bincount(of_entry[first], minlength=len(known))
    counts = np.bincount(catalog.indices, minlength=len(catalog.values)).astype(np.float64)
    chosen = [
        attribute
        for attribute, name in enumerate(known)
        if (
            name in names
            if names
            else _describes(counts[of_value == attribute], carrying[attribute], len(catalog.items))
        )
    ]
    columns = np.flatnonzero(np.isin(of_value, chosen))
    place = np.full(len(catalog.values), -1, dtype=np.int64)
    place[columns] = np.arange(len(columns))
    covered = carrying[chosen].astype(np.float64)
    return Facets(
        names=tuple(known[attribute] for attribute in chosen),
        columns=columns,
        facet=np.searchsorted(chosen, of_value[columns]).astype(np.int64),
        place=place,
        weight=covered / covered.sum() if covered.any() else covered,
        at={catalog.values[column]: number for number, column in enumerate(columns.tolist())},
    )


def _attributes(values: Sequence[str]) -> tuple[Ints, list[str]]:
    """Each value's attribute (V,) as a number, and the attributes' names; values are sorted, so names are too."""
    names = [value.partition("=")[0] for value in values]
    known = list(dict.fromkeys(names))
    number = {name: place for place, name in enumerate(known)}
    return np.array([number[name] for name in names], dtype=np.int64), known


def _describes(counts: Floats, carrying: int, items: int) -> bool:
    """Whether most items carry an attribute, and its values recur; ``counts``: items with each of its values."""
    counts = counts[counts > 0.0]
    share = counts / counts.sum()
    effective = float(np.exp(-(share * np.log(share)).sum()))
    recurs = _EFFECTIVE_MIN <= effective <= carrying / ITEMS_PER_VALUE_MIN
    return recurs and carrying >= COVERAGE_MIN * items


def tastes_of(state: Individual, facets: Facets, now_us: int, settings: AffinitySettings) -> Tastes:
    """A person's masses, decayed to now.

    A declared like counts as ``declared_mass`` items more; what is declared against is in no mix.
    """
    # Lists: to write a few dozen numbers into an array one by one takes longer than all the rest.
    general, moment, shown = ([0.0] * len(facets.columns) for _ in range(3))
    whole = (0.0, 0.0, 0.0)
    general_rate = decay.rate(settings.general_half_life_s)
    moment_rate = decay.rate(settings.moment_half_life_s)
    at_s = decay.seconds(now_us)
    place_of = facets.at
    for value, entry in state.affinity.items():
        place = place_of.get(value)
        if place is None and value != ANY_VALUE:
            continue
        elapsed_s = max(at_s - entry[REFERENCE_S], 0.0)
        kept = math.exp(-general_rate * elapsed_s)
        masses = (
            entry[GENERAL] * kept,
            entry[MOMENT] * math.exp(-moment_rate * elapsed_s),
            entry[SHOWN] * kept,
        )
        if place is None:
            whole = masses
        else:
            general[place], moment[place], shown[place] = masses
    any_general, any_moment, any_shown = whole
    for value, written in state.declared.items():
        place = place_of.get(value)
        if place is not None and written.value > 0:
            general[place] += settings.declared_mass
            any_general += settings.declared_mass
        elif place is not None and written.value < 0:
            general[place] = moment[place] = 0.0
    return Tastes(
        general=np.array(general),
        moment=np.array(moment),
        shown=np.array(shown),
        any_general=any_general,
        any_moment=any_moment,
        any_shown=any_shown,
    )


def mix_of(facets: Facets, tastes: Tastes, delivered: Floats, delivered_items: float) -> Mix:
    """The person's mix, and what it has been given of it.

    p = (1 − μ) · general / Σ + μ · moment / Σ in each facet, μ by ``_mood``: the more items this moment holds and the
    less they can be explained by the person's usual mix, the more it counts. Nobody else's taste is in it: what a
    person never took is not owed to them, and λ waits for evidence by itself (``trust``). ``delivered`` (W,) counts
    the items of earlier pages by value. What was shown counts as at most 20 items.
    """
    target = _within(facets, tastes.general)
    if tastes.any_moment > 0.0:
        seen = _within(facets, tastes.moment)
        share = _mood(facets, target, seen, tastes.any_moment)[facets.facet]
        target = (1.0 - share) * target + share * seen
    shown = min(1.0, SHOWN_ITEMS_MAX / tastes.any_shown) if tastes.any_shown > 0.0 else 0.0
    return Mix(
        facets=facets,
        target=target,
        counts=delivered + shown * tastes.shown,
        items=delivered_items + shown * tastes.any_shown,
        trust=tastes.any_general / (tastes.any_general + CONFIDENCE_ITEMS),
    )


def _mood(facets: Facets, usual: Floats, seen: Floats, items: float) -> Floats:
    """μ of each facet, (A,): how much of the mix is this moment's. 0 where no item of this moment has the facet.

    μ = M·b / (M·b + 6), M the items of this moment, b = max(1, the Bayes factor of a mix of its own, drawn from a
    Dirichlet around the usual one with concentration a = 1, against the usual mix p):

        log b = log Γ(a) − log Γ(a + M) + Σ_v log Γ(a p_v + m_v) − log Γ(a p_v) − m_v log p_v

    Six horror films of someone who mostly takes comedies are a mood; six of a horror lover, or six of this and that,
    are as usual, and a mix then moves by M / (M + 6).
    """
    level = math.lgamma(MOOD_ITEMS) - math.lgamma(MOOD_ITEMS + items)
    told = (_sums(facets, seen) > 0.0).tolist()
    logs = [level] * len(told)
    # Whatever this moment holds, the general horizon holds too: no share is 0 here.
    both = zip(usual.tolist(), seen.tolist(), facets.facet.tolist(), strict=True)
    for share, part, facet in both:
        if part > 0.0 and share > 0.0:
            mass, pull = items * part, MOOD_ITEMS * share
            logs[facet] += math.lgamma(pull + mass) - math.lgamma(pull) - mass * math.log(share)
    found = []
    for known, log in zip(told, logs, strict=True):
        weight = items * math.exp(min(max(log, 0.0), _MOOD_LOG_MAX)) if known else 0.0
        found.append(weight / (weight + MOMENT_ITEMS))
    return np.array(found)


def counted(facets: Facets, columns: Ints) -> Floats:
    """How many of these values of items, given by their catalogue columns, fall on each of the facets' values: (W,)."""
    places = facets.place[columns]
    counts = np.bincount(places[places >= 0], minlength=len(facets.columns))
    return counts.astype(np.float64)


def _sums(facets: Facets, of_values: Floats) -> Floats:
    """Σ over the values of each facet: (W,) → (A,)."""
    sums = np.bincount(facets.facet, weights=of_values, minlength=len(facets.names))
    return sums.astype(np.float64)


def _within(facets: Facets, masses: Floats) -> Floats:
    """Masses as shares of their facet; a facet without any stays 0."""
    sums = _sums(facets, masses)
    return masses / np.where(sums > 0.0, sums, 1.0)[facets.facet]


def divergence(mix: Mix, counts: Floats) -> float:
    """KL(p ‖ q̃) of what ``counts`` (W,) holds, with Steck's α; 0 where nothing is known or nothing was counted."""
    facets, target = mix.facets, mix.target
    share = (1.0 - ALPHA) * _within(facets, counts) + ALPHA * target
    told = (target > 0.0) & (_sums(facets, counts)[facets.facet] > 0.0)
    terms = facets.weight[facets.facet[told]] * target[told] * np.log(target[told] / share[told])
    return float(terms.sum())


class Calibrator:
    """What each candidate (C,) would do to Σ_a w_a KL_a, kept up to date as items are taken.

    KL after one more item is, but for what is the same for all, Σ_a w_a log(C_a + n_ia + β_a) less
    Σ_v w_a p_v log((c_v + 1 + β_a p_v) / (c_v + β_a p_v)) over the item's values v, n_ia of them in facet a. So a slot
    costs the values of the item taken, and a look-up for each candidate.
    """

    def __init__(self, mix: Mix, indptr: Ints, columns: Ints, count: int) -> None:
        """The candidates' values are ``columns[indptr[i]:indptr[i + 1]]``; ``count`` slots are to be filled."""
        facets = mix.facets
        size, names = len(indptr) - 1, len(facets.names)
        places = facets.place[columns]
        kept = places >= 0
        owner = np.repeat(np.arange(size), indptr[1:] - indptr[:-1])[kept]
        places = places[kept]
        cells = owner * names + facets.facet[places]
        carried = np.bincount(cells, minlength=size * names).reshape(size, names)
        totals = _sums(facets, mix.counts)
        slots = carried.sum(axis=0) * (count / max(size, 1))
        beta = ALPHA / (1.0 - ALPHA) * np.maximum(totals + slots, 1.0)
        weight = np.where(_sums(facets, mix.target) > 0.0, facets.weight, 0.0)
        floor = beta[facets.facet] * mix.target
        pull = mix.target * weight[facets.facet]
        told = pull > 0.0
        have = np.where(told, mix.counts + floor, 1.0)
        gains = np.where(told, pull * np.log1p(1.0 / have), 0.0)
        self.items = mix.items
        self._gains = gains
        self._have = have
        self._pull = pull
        self._places, self._owner = places, owner
        pulled = np.bincount(owner, weights=gains[places], minlength=size)
        self._pulled = pulled.astype(np.float64)
        self.beta = beta
        self._level = totals + beta + carried
        self._weight = weight
        self._carried = carried

    def miss(self) -> Floats:
        """(C,): KL with each candidate added, less what is the same for all."""
        found: Floats = np.log(self._level) @ self._weight - self._pulled
        return found

    @cached_property
    def _entries(self) -> tuple[Callable[[int], Ints], Callable[[int], Ints]]:
        """The values of each candidate, and who carries each value: needed once something is taken."""
        order = np.argsort(self._places, kind="stable")
        return (
            _ragged(self._places, self._owner, len(self._carried)),
            _ragged(self._owner[order], self._places[order], len(self._gains)),
        )

    def take(self, candidate: int) -> None:
        """Count a candidate as delivered."""
        self.items += 1.0
        self._level += self._carried[candidate]
        values, carriers = self._entries
        for place in values(candidate).tolist():
            pull = float(self._pull[place])
            if pull > 0.0:
                have = self._have[place] = float(self._have[place]) + 1.0
                gain = pull * math.log1p(1.0 / have)
                self._pulled[carriers(place)] += gain - float(self._gains[place])
                self._gains[place] = gain


def _ragged(entries: Ints, owner: Ints, size: int) -> Callable[[int], Ints]:
    """Each owner's entries; ``owner`` ascends."""
    start = np.searchsorted(owner, np.arange(size + 1)).tolist()
    return lambda number: entries[start[number] : start[number + 1]]
