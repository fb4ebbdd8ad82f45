"""What of a placement's decisions depends on the definitions and the catalogue only: arrays prepared once a version.

K = experiences, E = entries of a ragged list, N = items, V = attribute values.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from eachwise.contracts.arrays import Bools, CatalogIndex, Floats, Ints
from eachwise.contracts.catalog import ItemQuery, Repeats
from eachwise.contracts.errors import InvalidInput
from eachwise.contracts.experience import (
    OUTBOUND_CHANNELS,
    SILENCE,
    ContactPolicy,
    Eligibility,
    Experience,
    Placement,
)
from eachwise.decide.caps import Caps, prepared_caps
from eachwise.decide.names import fixed_features, moving_names
from eachwise.decide.ruled import Ruled, prepared_rules
from eachwise.maths.times import parse_time_us
from eachwise.maths.zones import Quiet, quiet_hours

# Which items a query selects, over the catalogue's rows: (N,) bools.
Select = Callable[[ItemQuery], Bools]

_FOREVER_US = 2**62


class ByValue(NamedTuple):
    """A catalogue's items by value: the rows of value column v are ``rows[start[v]:start[v + 1]]``."""

    rows: Ints
    start: Ints


@dataclass(frozen=True, slots=True, kw_only=True)
class About:
    """Which catalogue values each experience is about: E entries (experience, value) by experience and facet.

    ``column`` (E,) is the value; ``facet_weight`` sums to 1 within a facet of an experience and ``weight`` within an
    experience. ``facet_start``/``facet_place`` describe the runs of one facet (column of its feature · K + experience),
    ``owner_start``/``owner`` those of one experience.
    """

    column: Ints
    weight: Floats
    facet_weight: Floats
    facet_start: Ints
    facet_place: Ints
    owner_start: Ints
    owner: Ints


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """One placement's experiences, in id order, as arrays.

    starts_us, ends_us: when each may be shown, [start, end)
    value, margin, lever, cost: (K,) as declared; ``cost`` with that of a contact in the placement
    hard:               (K,) whether it is never shown for the sake of learning
    dated, guarded:     rows of the experiences with a start or end, with an eligibility besides its rule
    ruled:              the rules of eligibility, each with experiences that it cannot tell apart
    caps:               the frequency caps by what they count
    group_of:           experience id → group, of all experiences that belong to one, elsewhere too
    quiet:              the hours in which nothing is shown, the placement's and the contact policy's
    uncounted:          the transactional placements, whose contacts count for nothing
    querying:           (K,) whether it fills itself with items
    item_list:          (K,) which list of items each chooses from: those that ask alike share one; −1: none
    item_rows:          the catalogue rows of each list, one after the other; list l's are
                        ``item_rows[item_start[l]:item_start[l + 1]]``
    filled, filled_start: the lists with at least one row, and where theirs begin
    repeat_rules:       rule of repeats → (E,) which of these entries belong to queries under it; none under "allowed"
    carriers:           ``name=value`` → the experiences that declare it
    rows_of_value:      value column → the items that carry it: ``value_rows[value_start[v]:value_start[v + 1]]``
    budgeted:           the experiences that have budgets
    ids:                (K,) the experiences' ids, as an array of strings
    moving, fixed:      names of the feature columns; ``fixed_by_row`` holds the latter, each with the value 1, and
                        ``fixed_columns`` (K, W) their places in ``fixed``, filled up with one beyond the last
    hour_places:        (2, K) where the sine and cosine of the hour are: moving column of the kind · K + experience
    """

    placement: Placement
    experiences: tuple[Experience, ...]
    catalog: CatalogIndex
    rows: Ints
    row_of: dict[str, int]
    ids: NDArray[np.object_]
    budgeted: tuple[Experience, ...]
    starts_us: tuple[int, ...]
    ends_us: tuple[int, ...]
    value: Floats
    margin: Floats
    lever: Floats
    cost: Floats
    dated: tuple[int, ...]
    guarded: tuple[int, ...]
    ruled: tuple[Ruled, ...]
    caps: Caps
    group_of: Mapping[str, str]
    quiet: tuple[Quiet, ...]
    uncounted: frozenset[str]
    hard: Bools
    querying: Bools
    item_list: Ints
    item_rows: Ints
    item_start: Ints
    filled: Ints
    filled_start: Ints
    repeat_rules: dict[Repeats, Bools]
    carriers: dict[str, tuple[int, ...]]
    value_rows: Ints
    value_start: Ints
    about: About
    moving: tuple[str, ...]
    moving_index: dict[str, int]
    fixed: tuple[str, ...]
    fixed_columns: Ints
    fixed_by_row: tuple[dict[str, float], ...]
    hour_places: Ints

    def items_of(self, row: int) -> Ints:
        """The catalogue rows that one experience chooses from; none without a query."""
        found = int(self.item_list[row])
        if found < 0:
            return self.item_rows[:0]
        return self.item_rows[self.item_start[found] : self.item_start[found + 1]]


def layout(
    placement: Placement,
    experiences: Sequence[Experience],
    catalog: CatalogIndex,
    select: Select,
    turned: ByValue | None = None,
    groups: Mapping[str, str] | None = None,
    contact: ContactPolicy | None = None,
    uncounted: frozenset[str] = frozenset(),
) -> Layout:
    """Prepare a placement's experiences; ``turned`` is ``by_value`` of the catalogue where it is at hand, ``groups``
    the group of every experience that belongs to one, those of other placements too (None: of these alone), ``contact``
    the policy over all outbound placements, ``uncounted`` the placements whose contacts count for nothing.

    Raises ``InvalidInput`` for an id twice, or one called ``silence``.
    """
    ordered, row_of = _ordered(experiences)
    item_list, queries = _lists(ordered)
    item_rows, item_start = _selected(queries, select)
    filled = np.flatnonzero(np.diff(item_start)).astype(np.int64)
    abouts = [_about(each) for each in ordered]
    kinds = sorted({each.kind for each in ordered})
    facets = sorted({_facet(value) for about in abouts for value in about})
    moving = moving_names(facets, kinds)
    moving_index = {name: column for column, name in enumerate(moving)}
    by_row = _fixed_by_row(placement, ordered, abouts)
    fixed = tuple(dict.fromkeys(name for features in by_row for name in features))
    value_rows, value_start = turned or by_value(catalog)
    return Layout(
        placement=placement,
        experiences=ordered,
        catalog=catalog,
        rows=np.arange(len(ordered)),
        row_of=row_of,
        ids=np.array([each.experience_id for each in ordered], dtype=np.object_),
        budgeted=tuple(each for each in ordered if each.budgets),
        starts_us=tuple(_time_us(each.starts_at, -_FOREVER_US) for each in ordered),
        ends_us=tuple(_time_us(each.ends_at, _FOREVER_US) for each in ordered),
        value=np.array([each.value for each in ordered], dtype=np.float64),
        margin=np.array([each.margin for each in ordered], dtype=np.float64),
        lever=np.array([each.lever for each in ordered], dtype=np.float64),
        cost=np.array([each.cost + placement.cost for each in ordered], dtype=np.float64),
        dated=tuple(k for k, each in enumerate(ordered) if each.starts_at or each.ends_at),
        guarded=tuple(k for k, each in enumerate(ordered) if _guarded(each.eligibility)),
        ruled=prepared_rules(ordered),
        caps=prepared_caps(placement, ordered, contact),
        group_of=_groups(ordered) if groups is None else groups,
        quiet=quiet_of(placement, contact),
        uncounted=uncounted,
        hard=np.array([each.risk == "hard" for each in ordered], dtype=bool),
        querying=np.array([each.items is not None for each in ordered], dtype=bool),
        item_list=item_list,
        item_rows=item_rows,
        item_start=item_start,
        filled=filled,
        filled_start=item_start[filled],
        repeat_rules=_repeat_rules(queries, item_start),
        carriers=_carriers(ordered),
        value_rows=value_rows,
        value_start=value_start,
        about=_about_arrays(abouts, catalog, moving_index),
        moving=moving,
        moving_index=moving_index,
        fixed=fixed,
        fixed_columns=_fixed_columns(by_row, fixed),
        fixed_by_row=by_row,
        hour_places=_hour_places(ordered, moving_index),
    )


def _ordered(experiences: Sequence[Experience]) -> tuple[tuple[Experience, ...], dict[str, int]]:
    """In id order, and the row of each id. Raises ``InvalidInput`` for an id twice, or one called ``silence``."""
    ordered = tuple(sorted(experiences, key=lambda each: each.experience_id))
    row_of = {each.experience_id: row for row, each in enumerate(ordered)}
    if len(row_of) != len(ordered) or SILENCE in row_of:
        raise InvalidInput(
            f"experience ids must differ, and none may be {SILENCE!r}", field="experience_id"
        )
    return ordered, row_of


def values_of(attributes: Mapping[str, str | list[str]]) -> list[str]:
    """``name=value`` strings of a dictionary of attributes, in its order, each once."""
    return list(
        dict.fromkeys(
            f"{name}={value}"
            for name, found in attributes.items()
            for value in ([found] if isinstance(found, str) else found)
        )
    )


def _lists(experiences: Sequence[Experience]) -> tuple[Ints, list[ItemQuery]]:
    """Which list of items each experience chooses from (K,), −1: none; and the query of each list."""
    found = np.full(len(experiences), -1, dtype=np.int64)
    places: dict[bytes, int] = {}
    queries: list[ItemQuery] = []
    for row, each in enumerate(experiences):
        if each.items is not None:
            # How many are shown makes no difference to what there is to choose from.
            alike = msgspec.json.encode(
                msgspec.structs.replace(each.items, count=1), order="sorted"
            )
            found[row] = places.setdefault(alike, len(queries))
            if found[row] == len(queries):
                queries.append(each.items)
    return found, queries


def _selected(queries: Sequence[ItemQuery], select: Select) -> tuple[Ints, Ints]:
    """The rows that each query selects, concatenated, and where each one's begin; (E,), (L + 1,)."""
    chosen = [np.flatnonzero(select(each)) for each in queries]
    start = np.zeros(len(chosen) + 1, dtype=np.int64)
    np.cumsum([len(rows) for rows in chosen], out=start[1:])
    rows = np.concatenate(chosen) if chosen else np.zeros(0)
    return rows.astype(np.int64), start


def _repeat_rules(queries: Sequence[ItemQuery], item_start: Ints) -> dict[Repeats, Bools]:
    """Which entries of the item rows a rule binds, for every rule but "allowed" that a query has."""
    rules = [each.repeat_rule for each in queries]
    lengths = np.diff(item_start)
    return {
        rule: np.repeat(np.array([each == rule for each in rules]), lengths)
        for rule in sorted({*rules} - {"allowed"})
    }


def _about(experience: Experience) -> list[str]:
    """The values that an experience declares, or else those that its query asks for.

    A list over the whole catalogue is about nothing by itself: it holds what suits the person.
    """
    declared = experience.attributes or (experience.items.where if experience.items else {})
    return values_of(declared)


def _about_arrays(
    abouts: Sequence[Sequence[str]], catalog: CatalogIndex, moving_index: Mapping[str, int]
) -> About:
    """The entries whose value the catalogue knows, ordered by experience and facet."""
    entries = sorted(
        (row, moving_index[f"match:{_facet(value)}"], catalog.value_of[value])
        for row, about in enumerate(abouts)
        for value in about
        if value in catalog.value_of
    )
    owner, feature, column = np.array(entries, dtype=np.int64).reshape(-1, 3).T.copy()
    facet_start = _run_starts(owner * (len(moving_index) + 1) + feature)
    owner_start = _run_starts(owner)
    return About(
        column=column,
        weight=_even(owner_start, len(column)),
        facet_weight=_even(facet_start, len(column)),
        facet_start=facet_start,
        facet_place=feature[facet_start] * len(abouts) + owner[facet_start],
        owner_start=owner_start,
        owner=owner[owner_start],
    )


def quiet_of(placement: Placement, contact: ContactPolicy | None) -> tuple[Quiet, ...]:
    """The placement's quiet hours and those of the contact policy: both must be over. None bind a transactional one."""
    texts = [placement.quiet_hours]
    if contact is not None and placement.channel in OUTBOUND_CHANNELS:
        texts.append(contact.channel_quiet_hours.get(placement.channel, contact.quiet_hours))
    found = [quiet_hours(each) for each in dict.fromkeys(texts)]
    return () if placement.transactional else tuple(each for each in found if each is not None)


def _groups(experiences: Sequence[Experience]) -> dict[str, str]:
    """Experience id → group, of those that belong to one."""
    return {each.experience_id: each.group for each in experiences if each.group}


def _hour_places(experiences: Sequence[Experience], moving_index: Mapping[str, int]) -> Ints:
    """(2, K): where the time of day of each experience's kind is in the moving features by column."""
    columns = [
        [moving_index[f"hour_{part}:{each.kind}"] for each in experiences]
        for part in ("sin", "cos")
    ]
    places = np.array(columns, dtype=np.int64).reshape(2, -1)
    return places * len(experiences) + np.arange(len(experiences))


def _guarded(eligibility: Eligibility) -> bool:
    """Whether anything but a rule is asked for."""
    return bool(
        eligibility.stages
        or eligibility.lapsed is not None
        or eligibility.traits
        or eligibility.context
    )


def _run_starts(keys: Ints) -> Ints:
    """Where a new value begins in a sorted sequence."""
    return np.flatnonzero(np.diff(keys, prepend=-1)).astype(np.int64)


def _even(starts: Ints, entries: int) -> Floats:
    """Weights (entries,) that are equal within each run and sum to 1 there."""
    lengths = np.diff(starts, append=entries)
    return np.asarray(np.repeat(1.0 / lengths, lengths))


def _carriers(experiences: Sequence[Experience]) -> dict[str, tuple[int, ...]]:
    """``name=value`` → rows of the experiences that declare it."""
    found: dict[str, list[int]] = {}
    for row, each in enumerate(experiences):
        for value in values_of(each.attributes):
            found.setdefault(value, []).append(row)
    return {value: tuple(rows) for value, rows in found.items()}


def by_value(catalog: CatalogIndex) -> ByValue:
    """The catalogue's structure turned round: the rows of each value, and where each value's begin; (E,), (V + 1,)."""
    rows = np.repeat(np.arange(len(catalog.items)), np.diff(catalog.indptr))
    order = np.argsort(catalog.indices, kind="stable")
    counts = np.bincount(catalog.indices.astype(np.int64), minlength=len(catalog.values))
    start = np.zeros(len(catalog.values) + 1, dtype=np.int64)
    np.cumsum(counts, out=start[1:])
    return ByValue(rows[order].astype(np.int64), start)


def _fixed_by_row(
    placement: Placement, experiences: Sequence[Experience], abouts: Sequence[Sequence[str]]
) -> tuple[dict[str, float], ...]:
    """The fixed features of each experience by name."""
    return tuple(
        fixed_features(
            each.experience_id, each.kind, placement.placement_id, placement.channel, about
        )
        for each, about in zip(experiences, abouts, strict=True)
    )


def _fixed_columns(by_row: Sequence[Mapping[str, float]], fixed: Sequence[str]) -> Ints:
    """(K, W): where each row's features are in ``fixed``; len(fixed) where it has no more."""
    index = {name: column for column, name in enumerate(fixed)}
    width = max(map(len, by_row), default=0)
    columns = np.full((len(by_row), width), len(fixed), dtype=np.int64)
    for row, features in enumerate(by_row):
        columns[row, : len(features)] = [index[name] for name in features]
    return columns


def _facet(value: str) -> str:
    """``category`` of ``category=beef``."""
    return value.partition("=")[0]


def _time_us(text: str | None, otherwise: int) -> int:
    """An ISO 8601 moment in microseconds; a time without zone is UTC."""
    if text is None:
        return otherwise
    try:
        return parse_time_us(text)
    except ValueError:
        raise InvalidInput(f"{text!r} is no ISO 8601 time", field="starts_at") from None
