"""A log of decisions as arrays: each one's candidates, their exact probabilities, and what came of the choice.

D = decisions, N = candidates of all decisions one after the other, F = features of a candidate, A = experiences.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from eachwise.contracts.arrays import Bools, Floats, Ints
from eachwise.contracts.decision import Candidate, DecisionRecord
from eachwise.contracts.errors import InvalidInput
from eachwise.contracts.experience import SILENCE

# How many figures of a candidate are read from a record.
FEATURES = 5
# Rounding of a sum of float64 probabilities.
SUM_TOLERANCE = 1e-6


@dataclass(frozen=True, slots=True, kw_only=True)
class Log:
    """Decisions of one policy, or of one that learnt meanwhile: each one's probabilities were fixed before its draw.

    person:      (D,) whose decision, any integers; a person's decisions are alike and count as one cluster
    indptr:      (D + 1,) decision i has the candidates indptr[i] … indptr[i + 1] − 1
    arm:         (N,) which experience a candidate is, an index of ``arms``
    probability: (N,) with which the log's policy chose it, in [0, 1]
    recorded:    (N,) whether the candidate is in the log whatever was chosen (else: only because it was). A target
                 may act on recorded candidates only
    priority:    (N,) the priority that arbitration gave it, money
    features:    (N, F) what the reward model reads of a candidate
    chosen:      (D,) the row in N of what was chosen
    reward:      (D,) what came of it
    converted:   (D,) whether anything came back for it that counts for the reward
    Raises ``InvalidInput`` where these cannot be true.
    """

    person: Ints
    indptr: Ints
    arm: Ints
    arms: tuple[str, ...]
    probability: Floats
    recorded: Bools
    priority: Floats
    features: Floats
    chosen: Ints
    reward: Floats
    converted: Bools

    def __post_init__(self) -> None:
        """Refuse what cannot be."""
        decisions, candidates = len(self.person), len(self.arm)
        _require(len(self.indptr) == decisions + 1, "indptr", "needs one entry more than decisions")
        for name in ("chosen", "reward", "converted"):
            _require(len(getattr(self, name)) == decisions, name, "needs one entry a decision")
        for name in ("probability", "recorded", "priority", "features"):
            _require(len(getattr(self, name)) == candidates, name, "needs one row a candidate")
        if decisions == 0:
            return
        _require(
            self.indptr[0] == 0
            and self.indptr[-1] == candidates
            and bool(np.all(np.diff(self.indptr) > 0)),
            "indptr",
            "must rise from 0 to the number of candidates, one or more a decision",
        )
        _require(
            bool(np.all((self.chosen >= self.indptr[:-1]) & (self.chosen < self.indptr[1:]))),
            "chosen",
            "must be among the decision's own candidates",
        )
        p = self.probability
        _require(bool(np.all((p >= 0.0) & (p <= 1.0 + SUM_TOLERANCE))), "probability", "in [0, 1]")
        _require(bool(np.all(p[self.chosen] > 0.0)), "probability", "of a choice must be above 0")
        sums = self.summed(p)
        _require(bool(np.all(sums <= 1.0 + SUM_TOLERANCE)), "probability", "must sum to at most 1")
        for name in ("reward", "features"):
            _require(bool(np.all(np.isfinite(getattr(self, name)))), name, "must be finite")

    def summed(self, values: Floats) -> Floats:
        """Σ over each decision's candidates, (N,) → (D,)."""
        return np.asarray(np.add.reduceat(values, self.indptr[:-1]))

    def best(self, values: Floats) -> Floats:
        """The largest of each decision's candidates, (N,) → (D,)."""
        return np.asarray(np.maximum.reduceat(values, self.indptr[:-1]))

    def spread(self, values: Floats) -> Floats:
        """A figure of each decision given to all its candidates, (D,) → (N,)."""
        return np.asarray(np.repeat(values, np.diff(self.indptr)))


def log_of(
    decided: Iterable[tuple[DecisionRecord, float, bool]], *, lead_count: int | None = None
) -> Log:
    """The log of records, what each choice came to, and whether anything came back for it: what an exposure costs is
    a reward of which nothing came.

    Records that fell back to silence on a failure, or are transactional, are left out: nothing was drawn. Where records
    spell out only the leading candidates, ``lead_count`` (the setting they were made with) tells which of them would
    be there whatever was chosen; a replay spells out all. Raises ``InvalidInput`` where it is needed and missing.
    """
    kept = [
        (record, float(reward), converted)
        for record, reward, converted in decided
        if not (record.failed or record.transactional)
    ]
    arms: dict[str, int] = {}
    people: dict[str, int] = {}
    indptr, chosen, person = [0], [], []
    rows: list[Candidate] = []
    recorded: list[bool] = []
    for record, _, _ in kept:
        whole = record.candidates <= len(record.leading)
        if not whole and lead_count is None:
            raise InvalidInput(
                f"lead_count: decision {record.decision_id} names {len(record.leading)} of its "
                f"{record.candidates} candidates; say how many the records lead with, or replay",
                field="lead_count",
            )
        ids = [each.experience_id for each in record.leading]
        chosen.append(len(rows) + ids.index(record.experience_id))
        person.append(people.setdefault(record.individual_id, len(people)))
        rows += record.leading
        recorded += [
            # Silence leads every record.
            whole or place < (lead_count or 0) or experience_id == SILENCE
            for place, experience_id in enumerate(ids)
        ]
        indptr.append(len(rows))
    for each in rows:
        arms.setdefault(each.experience_id, len(arms))
    return Log(
        person=np.array(person, dtype=np.int64),
        indptr=np.array(indptr, dtype=np.int64),
        arm=np.array([arms[each.experience_id] for each in rows], dtype=np.int64),
        arms=tuple(arms),
        probability=np.array([each.probability for each in rows], dtype=np.float64),
        recorded=np.array(recorded, dtype=bool),
        priority=np.array([each.priority for each in rows], dtype=np.float64),
        features=np.array([_read(each) for each in rows], dtype=np.float64).reshape(
            len(rows), FEATURES
        ),
        chosen=np.array(chosen, dtype=np.int64),
        reward=np.array([reward for _, reward, _ in kept], dtype=np.float64),
        converted=np.array([converted for _, _, converted in kept], dtype=bool),
    )


def _read(candidate: Candidate) -> tuple[float, ...]:
    """What the engine believed of a candidate: take-up, its money, harm's money, priority, whether it is silence."""
    known = candidate.factors
    gain = known.p_takeup * (known.value + known.p_purchase * known.margin) + known.clv
    harm = known.kappa * known.p_disconnect
    silent = float(candidate.experience_id == SILENCE)
    return known.p_takeup, gain, harm, candidate.priority, silent


def _require(holds: bool, name: str, what: str) -> None:
    if not holds:
        raise InvalidInput(f"{name}: {what}", field=name)
