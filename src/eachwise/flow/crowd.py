"""The first look at everyone for one item: of each stored state only what speaks of this item is decoded.

A person's first score is what their newest items say of the item, each as ``rank`` has it when it is all that is known
of someone, and their taste for the item's values. It decides who is scored in full; see ``flow.audience``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec
import numpy as np

from eachwise.contracts.arrays import Bools, Floats
from eachwise.contracts.individual import ANY_VALUE, Individual, Recent, Written
from eachwise.contracts.ports import StoredIndividual
from eachwise.decide import firmly_against
from eachwise.individual import Crowd, consent_allows, crowd_affinity
from eachwise.recommend import taste_of
from eachwise.settings import Settings

# Of the newest items, the older counting less: as the models' own tails (docs/discussions/measured.md).
TAIL = 20
DECAY = 0.85
HIDDEN, CONSENT, CONFLICT, HAD = "hidden", "consent", "conflict", "had"
UNRELATED, BELOW, OUTRANKED = "unrelated", "below", "outranked"
# Engaged with the very item, and may be told of it.
_MET = "met"
LEFT_OUT = (HIDDEN, CONSENT, CONFLICT, HAD, UNRELATED, BELOW, OUTRANKED)
# What the first look says that a full one might say otherwise.
AT_FIRST_LOOK = (CONFLICT, UNRELATED, OUTRANKED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What everyone is looked at for.

    item_id:  the item; values: its ``name=value``s; expected: (K,) the population's share of each
    pulls:    item id → what it says of the item, in log units: those that say something
    taste_weight: what a log-odds of taste counts beside that
    asks:     (purpose, channel) for which consent is needed, or None
    barred:   actions after which the item is not for the person any more; none: it always is
    kept_max: how many are to be scored in full
    action_weights: action → what it is worth; 1 where it is not named
    """

    item_id: str
    values: tuple[str, ...]
    expected: Floats
    pulls: Mapping[str, float]
    taste_weight: float
    asks: tuple[str, str] | None
    barred: frozenset[str]
    kept_max: int
    action_weights: Mapping[str, float]
    now_us: int
    settings: Settings


class Reader:
    """Decodes of a state what a question asks for, and skips the rest."""

    def __init__(self, question: Question) -> None:
        names = [f"value_{place}" for place in range(len(question.values))]
        self.names = names
        whole = ("whole", list[float] | None, None)
        affinity = msgspec.defstruct(
            "Entries",
            [whole, *((name, list[float] | None, None) for name in names)],
            rename={"whole": ANY_VALUE, **dict(zip(names, question.values, strict=True))},
            gc=False,
        )
        declared = msgspec.defstruct(
            "Declared",
            [(name, Written | None, None) for name in names],
            rename=dict(zip(names, question.values, strict=True)),
            gc=False,
        )
        hidden = msgspec.defstruct(
            "Hidden",
            [("at_us", int | None, None)],
            rename={"at_us": f"item:{question.item_id}"},
            gc=False,
        )
        wanted: dict[str, Any] = {
            "affinity": affinity,
            "declared": declared,
            "hidden": hidden,
            "recents": list[Recent],
        }
        if question.asks:
            wanted |= {"consent": dict[str, Written], "traits": dict[str, Written]}
            wanted["identifiers"] = set[str]
        fields = [(name, wanted.get(name, msgspec.Raw)) for name in Individual.__struct_fields__]
        # A state that was written before a field was added ends where it ended then.
        needed = max(Individual.__struct_fields__.index(name) for name in wanted) + 1
        slim = msgspec.defstruct("Slim", fields[:needed], array_like=True, gc=False)
        self.read = msgspec.msgpack.Decoder(slim).decode


@dataclass(slots=True)
class Sieve:
    """Takes everyone in, page by page, and keeps the most promising; counts why the others are left out."""

    question: Question
    considered: int = 0
    left_out: dict[str, int] = field(default_factory=lambda: dict.fromkeys(LEFT_OUT, 0))
    _ids: list[str] = field(default_factory=list)
    _scores: list[float] = field(default_factory=list)
    _reader: Reader | None = None

    def take(self, page: Sequence[StoredIndividual]) -> None:
        """Look at some individuals."""
        question = self.question
        if self._reader is None:
            self._reader = Reader(question)
        names, read = self._reader.names, self._reader.read
        crowd = Crowd.of(len(page), len(names))
        pulls = np.zeros(len(page))
        verdicts: list[str] = []
        for place, stored in enumerate(page):
            state: Any = read(stored.state)
            _fill(crowd, place, state, names)
            pulls[place], met = _pull(state.recents, question)
            verdicts.append(_verdict(state, question, met) or (_MET if met else ""))
        affinity = crowd_affinity(
            crowd, question.expected, question.now_us, question.settings.affinity
        )
        against = firmly_against(affinity, question.settings.decide.conflict_upper_bound)
        taste = taste_of(affinity).sum(axis=1)
        conflicts: Bools = np.any(against, axis=1)
        self._sort(page, verdicts, conflicts, pulls + question.taste_weight * taste)

    def _sort(
        self,
        page: Sequence[StoredIndividual],
        verdicts: Sequence[str],
        against: Bools,
        scores: Floats,
    ) -> None:
        """Count who is left out, and keep the others."""
        self.considered += len(page)
        values = zip(page, verdicts, against.tolist(), scores.tolist(), strict=True)
        for stored, verdict, conflict, score in values:
            if verdict in (HIDDEN, CONSENT):
                self.left_out[verdict] += 1
            elif conflict:
                self.left_out[CONFLICT] += 1
            elif verdict == HAD:
                self.left_out[HAD] += 1
            elif score <= 0.0 and verdict != _MET:
                self.left_out[UNRELATED] += 1
            else:
                self._ids.append(stored.individual_id)
                self._scores.append(score)
        if len(self._ids) >= 4 * self.question.kept_max:
            self._cut()

    def _cut(self) -> None:
        """Keep the best; of equals those who came first."""
        most = self.question.kept_max
        if len(self._ids) <= most:
            return
        order = np.sort(np.argsort(-np.array(self._scores), kind="stable")[:most]).tolist()
        self.left_out[OUTRANKED] += len(self._ids) - most
        self._ids = [self._ids[place] for place in order]
        self._scores = [self._scores[place] for place in order]

    def kept(self) -> list[str]:
        """Whom to score in full."""
        self._cut()
        return self._ids


def _fill(crowd: Crowd, place: int, state: Any, names: Sequence[str]) -> None:
    """What the state holds of the item's values."""
    entries, declared = state.affinity, state.declared
    if entries.whole is not None:
        crowd.whole[place] = entries.whole
    for column, name in enumerate(names):
        entry = getattr(entries, name)
        if entry is not None:
            crowd.entries[place, column] = entry
        said = getattr(declared, name)
        if said is not None:
            crowd.declared[place, column] = said.value


def _pull(recents: Sequence[Recent], question: Question) -> tuple[float, set[str]]:
    """Σ_{k=1..20} .85^(k−1) · what item x_k says, x_1 the newest; and what the person did with the very item."""
    pulls, item_id = question.pulls, question.item_id
    found, weight = 0.0, 1.0
    met: set[str] = set()
    for place, recent in enumerate(reversed(recents)):
        if recent.item_id == item_id:
            met.add(recent.action)
        if place < TAIL:
            pull = pulls.get(recent.item_id)
            if pull is not None:
                found += weight * pull * question.action_weights.get(recent.action, 1.0)
            weight *= DECAY
    return found, met


def _verdict(state: Any, question: Question, met: set[str]) -> str:
    """Why the person is left out by what they said or did of the item; "" where nothing keeps them out."""
    if state.hidden.at_us is not None:
        return HIDDEN
    if question.asks is not None:
        allowed, _ = consent_allows(state, *question.asks, question.settings.consent)
        if not allowed:
            return CONSENT
    return "" if met.isdisjoint(question.barred) else HAD
