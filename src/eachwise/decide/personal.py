"""Why something was shown, or nothing, in words for the person: from their own acts, and how to have it otherwise.

No money, no score, no name that only the operator gives. What an item's reasons say of other people is left out.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from eachwise.contracts.decision import DecisionRecord, PersonalExplanation, ShownItem
from eachwise.contracts.experience import SILENCE
from eachwise.contracts.individual import Individual
from eachwise.decide.counterfactuals.behind import ValuesOf
from eachwise.maths.times import day_words
from eachwise.maths.words import value_words

_ACTS_MAX = 3
_ATTRIBUTE = "attribute:"
_OWN = ("because you ", "you ")
_ACTS: Mapping[str, str] = {
    "view": "looked at",
    "click": "looked at",
    "add": "put into your basket",
    "purchase": "bought",
    "share": "shared",
    "search": "searched for",
}
# The first that took something out is told; what is left is the operator's business.
_SILENT: Mapping[str, str] = {
    "consent": "You have not agreed to be sent this.",
    "quiet_hours": "It was a time at which you are left alone.",
    "suppression": "You had hidden what there was.",
    "frequency": "You had been shown enough of it lately.",
    "conflict": "What there was runs against what you like.",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Public:
    """What the person may read of a decision's surroundings: titles, and which values an item carries.

    titles: item id → its title; an item without one is not named
    """

    title: str
    placement: str
    titles: Mapping[str, str]
    values_of: ValuesOf


def personal(record: DecisionRecord, state: Individual, public: Public) -> PersonalExplanation:
    """One decision for the person whom it was made for."""
    day = day_words(record.inputs.now_us)
    where = f" ({public.placement})" if public.placement else ""
    if record.experience_id == SILENCE:
        lines = [f"On {day} you were shown nothing{where}.", _why_silent(record)]
        return PersonalExplanation(
            decision_id=record.decision_id, lines=lines, change=_ways(record, [])
        )
    about = [
        name.removeprefix(_ATTRIBUTE) for name in record.features if name.startswith(_ATTRIBUTE)
    ]
    what = f"“{public.title}”" if public.title else "a suggestion"
    lines = [f"On {day} you were shown {what}{where}."]
    found = [_sentence(each) for each in record.reasons]
    found += _told(state, about)
    found += _acts(state, about, public)
    found += [words for item in record.items if (words := _item_words(item))]
    lines += found or ["Too little is known of what you like to say why."]
    return PersonalExplanation(
        decision_id=record.decision_id, lines=lines, change=_ways(record, about)
    )


def _why_silent(record: DecisionRecord) -> str:
    if record.failed:
        return "It could not be decided safely, and so nothing was shown."
    if record.candidates > 1:
        return "Nothing seemed worth your attention at that moment."
    for name, words in _SILENT.items():
        if record.filters.get(name):
            return words
    return "There was nothing for you at that moment."


def _told(state: Individual, about: list[str]) -> list[str]:
    """What the person said of the values that it is about."""
    return [
        f"You told us on {day_words(said.occurred_at_us)} that you like {value_words(value)}."
        for value in about
        if (said := state.declared.get(value)) is not None and said.value > 0
    ]


def _acts(state: Individual, about: list[str], public: Public) -> list[str]:
    """The newest acts with items that carry one of the values, each item once."""
    found: dict[str, str] = {}
    for act in reversed(state.recents):
        title = public.titles.get(act.item_id, "")
        new = bool(title) and title not in found and act.action in _ACTS
        if new and not set(about).isdisjoint(public.values_of(act.item_id)):
            found[title] = f"{title} ({_ACTS[act.action]}, {day_words(act.occurred_at_us)})"
        if len(found) == _ACTS_MAX:
            break
    return [f"What you did lately: {'; '.join(found.values())}."] if found else []


def _item_words(item: ShownItem) -> str:
    own = [each for each in item.reasons if each.startswith(_OWN)]
    return f"{item.title}: {'; '.join(own)}." if own and item.title else ""


def _ways(record: DecisionRecord, about: list[str]) -> list[str]:
    """How the person can have it otherwise."""
    likes = ", ".join(dict.fromkeys(map(value_words, about)))
    such = f", such as {likes}," if likes else ""
    ways = [
        f"Say what you like or do not like{such} and it counts from the next time on.",
        "If it was somebody else on your device, say that it was not you: it leaves your taste.",
    ]
    if record.experience_id != SILENCE:
        return ["Hide it, and you are not shown it again.", *ways]
    return ways


def _sentence(reason: str) -> str:
    return f"{reason[:1].upper()}{reason[1:]}."
