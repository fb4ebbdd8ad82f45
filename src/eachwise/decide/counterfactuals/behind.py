"""The features of a decision's candidate with what stands behind each, and when: read from the state of that moment."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping

from eachwise.contracts.decision import DecisionRecord
from eachwise.contracts.individual import GENERAL, MOMENT, REFERENCE_S, Individual
from eachwise.decide.exposures import exposures
from eachwise.maths.decay import MICROSECONDS
from eachwise.maths.times import day_words

# Item id → its ``name=value`` strings, as the catalogue had them.
ValuesOf = Callable[[str], Collection[str]]

_NAMED_MAX = 3
_ATTRIBUTE = "attribute:"
_DAY_US = 86_400 * MICROSECONDS


def feature_lines(record: DecisionRecord, state: Individual, values_of: ValuesOf) -> list[str]:
    """One line for each feature: its value, and the acts, contacts or models behind it with their times."""
    about = [
        name.removeprefix(_ATTRIBUTE) for name in record.features if name.startswith(_ATTRIBUTE)
    ]
    behind = _Behind(record, state, values_of)
    return [
        f"  {name} {value:+.2f}" + (f": {words}" if (words := behind.of(name, about)) else "")
        for name, value in record.features.items()
    ]


class _Behind:
    """What stands behind each feature of one record."""

    def __init__(self, record: DecisionRecord, state: Individual, values_of: ValuesOf) -> None:
        self._record = record
        self._state = state
        self._values_of = values_of

    def of(self, name: str, about: list[str]) -> str:
        """In words; empty for what the definitions alone say."""
        family, _, rest = name.partition(":")
        if family == "match":
            return "; ".join(self._taste(each, GENERAL) for each in about if _facet(each) == rest)
        plain = {
            "moment": lambda: "; ".join(self._taste(each, MOMENT) for each in about),
            "aversion": lambda: "; ".join(self._taste(each, GENERAL) for each in about),
            "fatigue": lambda: self._shown(None if rest == "all" else self._record.experience_id),
            "engagement": self._active,
            "items": lambda: f"scores of {_models(self._record.inputs.models)}",
            "hour_sin": self._hour,
            "hour_cos": self._hour,
        }
        found = plain.get(family)
        return found() if found else ""

    def _taste(self, value: str, horizon: int) -> str:
        """The mass behind a taste with the time of its last change, the word on it, and the newest items with it."""
        words = [value]
        masses = self._state.affinity.get(value)
        if masses is not None:
            at_us = int(masses[REFERENCE_S] * MICROSECONDS)
            words.append(f"{masses[horizon]:.2f} items as of {day_words(at_us)}")
        said = self._state.declared.get(value)
        if said is not None:
            words.append(f"declared {int(said.value):+d} on {day_words(said.occurred_at_us)}")
        acts = [
            each for each in reversed(self._state.recents) if value in self._values_of(each.item_id)
        ]
        words += [
            f"{each.action} {each.item_id} {day_words(each.occurred_at_us)}"
            for each in acts[:_NAMED_MAX]
        ]
        if len(acts) > _NAMED_MAX:
            words.append(f"{len(acts) - _NAMED_MAX} acts before")
        return ", ".join(words)

    def _shown(self, experience_id: str | None) -> str:
        """The newest exposures of an experience (None: of anything)."""
        shown, _ = exposures(self._state.contacts)
        times = sorted(
            (each.at_us for each in shown if experience_id in (None, each.experience_id)),
            reverse=True,
        )
        if not times:
            return "never shown"
        newest = ", ".join(day_words(each) for each in times[:_NAMED_MAX])
        return f"shown {len(times)} times: {newest}"

    def _active(self) -> str:
        days = self._state.days
        if not days:
            return "no active day"
        newest = day_words(days[-1] * _DAY_US).split(" ")[1]
        return f"{len(days)} active days, the newest {newest}"

    def _hour(self) -> str:
        return day_words(self._record.inputs.now_us)


def _facet(value: str) -> str:
    return value.partition("=")[0]


def _models(versions: Mapping[str, int]) -> str:
    named = [f"{name} {versions[name]}" for name in ("taste", "trained") if name in versions]
    return ", ".join(named)
