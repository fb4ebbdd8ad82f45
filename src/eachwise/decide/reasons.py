"""Why something is shown, in words for the person."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from eachwise.contracts.arrays import Ints
from eachwise.decide.situation import Situation
from eachwise.maths.words import value_words

_REASONS_MAX = 2


def reasons_shown(situation: Situation, row: int, *, explored: bool) -> list[str]:
    """The values of the experience that speak to the person, strongest first; at most two of a kind.

    Values that read alike (``category=fish``, ``diet=fish``) are named once.

    Of this moment: affinity above 1 sd; in general: likewise; declared likes before both.
    """
    affinity = situation.affinity
    columns = _columns(situation, row)
    names = [value_words(situation.plan.layout.catalog.values[each]) for each in columns.tolist()]
    declared = affinity.declared[columns].tolist()
    now = (affinity.moment[columns] - affinity.moment_sd[columns]).tolist()
    general = (affinity.general[columns] - affinity.general_sd[columns]).tolist()
    said = _once(name for name, sign in zip(names, declared, strict=True) if sign > 0)
    words = [f"you told us you like {each}" for each in said[:_REASONS_MAX]]
    words += [
        f"you are looking at {each} now" for each in _strongest(names, now) if each not in said
    ]
    words += [f"you often choose {each}" for each in _strongest(names, general) if each not in said]
    if not words and explored:
        words.append("something new, to learn what you like")
    return words


def reasons_silent(counts: Mapping[str, int], candidates: int) -> list[str]:
    """Why nothing is shown; ``candidates`` counts those that passed, without silence."""
    taken = [f"{count} by {name}" for name, count in counts.items() if count]
    if candidates:
        return [f"none of {candidates} candidates was worth more than silence"]
    if taken:
        return [f"nothing may be shown: {', '.join(taken)}"]
    return ["no experience is declared for this placement"]


def _columns(situation: Situation, row: int) -> Ints:
    """The catalogue's value columns that an experience is about."""
    about = situation.plan.layout.about
    place = int(about.owner.searchsorted(row))
    if place == len(about.owner) or about.owner[place] != row:
        return about.column[:0]
    ends = [*about.owner_start.tolist()[1:], len(about.column)]
    return about.column[int(about.owner_start[place]) : ends[place]]


def _strongest(names: list[str], strengths: list[float]) -> list[str]:
    """The names of positive strength, each once, strongest first, at most two."""
    ranked = sorted(zip(strengths, names, strict=True), key=lambda pair: (-pair[0], pair[1]))
    return _once(name for strength, name in ranked if strength > 0.0)[:_REASONS_MAX]


def _once(names: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(names))
