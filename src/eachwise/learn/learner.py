"""The propensity learner: logistic posteriors with one ordered writer, published as immutable versions.

A version is a snapshot (arrays) or a delta (the exposures learnt since the version before it); ``restore`` replays
deltas onto a snapshot and arrives at the same bits: an update depends on the exposures, their order, and where the
versions were drawn between them.

To publish is done in two steps: ``draft`` copies what was learnt, ``finished`` makes the version of it, which takes
long and may be done elsewhere while the learner goes on.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import msgspec

from eachwise.contracts.arrays import PropensityModel
from eachwise.contracts.errors import InvalidInput
from eachwise.contracts.learning import OUTCOMES, Exposure, ModelVersion, Outcome
from eachwise.learn.heads import (
    CopiedHead,
    StoredHead,
    copied,
    heads_of,
    packed,
    published,
    take,
    unpacked,
)
from eachwise.maths.hashing import stable_hash
from eachwise.settings import LearnSettings

MODEL = "propensity"


class _Learnt(msgspec.Struct, frozen=True, array_like=True):
    """What the heads need of an exposure; outcomes in alphabetical order, so that equal ones have equal bytes."""

    features: dict[str, float]
    outcomes: tuple[Outcome, ...]
    before: tuple[Outcome, ...] | None


class _Snapshot(msgspec.Struct, frozen=True, array_like=True):
    """All posteriors; ``updates`` counts the exposures."""

    half_life: float
    names: list[str]
    updates: int
    heads: dict[Outcome, StoredHead]


_decode_delta = msgspec.msgpack.Decoder(list[_Learnt]).decode
_decode_snapshot = msgspec.msgpack.Decoder(_Snapshot).decode


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A version on its way: what the learner knew at one moment. Nothing of it changes any more.

    follows: the version before it; since: what was learnt after that one, None where the version is a snapshot
    """

    version: int
    follows: int
    at_us: int
    half_life: float
    names: tuple[str, ...]
    updates: int
    heads: Mapping[Outcome, CopiedHead]
    since: Sequence[_Learnt] | None


class Learner:
    """The one writer of the propensity model. ``version`` is the last one published or restored (0: none yet).

    heads: outcome → its posterior; updates: how many exposures were ever learnt
    """

    def __init__(self, settings: LearnSettings, follows: int = 0) -> None:
        """``follows``: the version that the first one published comes after."""
        self.version = follows
        self.updates = 0
        self.heads = heads_of(settings.forgetting_half_life_updates)
        self._settings = settings
        self._since: list[_Learnt] = []
        self._snapshot_due_at = 0

    def following(self, version: int) -> Learner:
        """The same, whose next version is a snapshot that comes after this one."""
        self.version = version
        self._since = []
        self._snapshot_due_at = 0
        return self

    @property
    def unpublished(self) -> int:
        """How many exposures were learnt since the last version."""
        return len(self._since)

    def learn(self, exposures: Sequence[Exposure]) -> None:
        """Take in exposures and corrections of them, in this order. A feature of value 0 may as well be left out."""
        for each in exposures:
            if each.features:
                before = None if each.before is None else tuple(sorted(each.before))
                self._take(_Learnt(each.features, tuple(sorted(each.outcomes)), before))

    def draft(self, version: int, at_us: int) -> Draft:
        """Take what was learnt so far as version ``version``; what comes next belongs to the one after it.

        The first version is a snapshot, and then every ``snapshot_every_versions``-th; a delta's base is the version
        drawn before it. Raises ``InvalidInput`` unless versions ascend.
        """
        if version <= self.version:
            raise InvalidInput(
                f"version {version} does not follow version {self.version}", field="version"
            )
        snapshot = self._snapshot_due_at == 0 or version >= self._snapshot_due_at
        for head in self.heads.values():
            head.settle()
        drawn = self._drawn(version, at_us, None if snapshot else self._since)
        if snapshot:
            self._snapshot_due_at = version + self._settings.snapshot_every_versions
        self.version = version
        self._since = []
        return drawn

    def publish(self, version: int, at_us: int) -> tuple[ModelVersion, PropensityModel]:
        """Both steps at once: the body to store, and the model to decide with."""
        return finished(self.draft(version, at_us))

    def propensity_model(self, version: int) -> PropensityModel:
        """The model as it stands, with 64 draws seeded by the version; read-only arrays."""
        return _model(self._drawn(version, 0, None))

    def again(self, other: Learner) -> None:
        """Learn what another learner has learnt since it drew its last version."""
        for learnt in other._since:
            self._take(learnt)

    def _drawn(self, version: int, at_us: int, since: Sequence[_Learnt] | None) -> Draft:
        takeup = self.heads["takeup"]
        return Draft(
            version=version,
            follows=self.version,
            at_us=at_us,
            half_life=takeup.half_life,
            names=tuple(takeup.names),
            updates=self.updates,
            heads={outcome: copied(head) for outcome, head in self.heads.items()},
            since=since,
        )

    def _take(self, learnt: _Learnt) -> None:
        """Learn one exposure in every head, or correct what was learnt of it before."""
        before = None if learnt.before is None else frozenset(learnt.before)
        take(self.heads, learnt.features, frozenset(learnt.outcomes), before)
        self.updates += learnt.before is None
        self._since.append(learnt)

    def _resume(self, snapshot: ModelVersion, deltas: Sequence[ModelVersion]) -> None:
        """Become what the snapshot and the deltas after it say."""
        stored = _decode_snapshot(snapshot.body)
        self.heads = {
            outcome: unpacked(outcome, stored.heads[outcome], stored.names, stored.half_life)
            for outcome in OUTCOMES
        }
        self.version, self.updates = snapshot.version, stored.updates
        for delta in deltas:
            if delta.base != self.version:
                raise InvalidInput(
                    f"version {delta.version} builds on {delta.base}, not on {self.version}",
                    field="base",
                )
            for learnt in _decode_delta(delta.body):
                self._take(learnt)
            # As when it was drawn: where this is done decides the last bits.
            for head in self.heads.values():
                head.settle()
            self.version = delta.version
        self._since = []
        self._snapshot_due_at = snapshot.version + self._settings.snapshot_every_versions
        half_life = self._settings.forgetting_half_life_updates
        if half_life != stored.half_life:
            # What follows forgets at another pace than the stored snapshot says: start a new one.
            for head in self.heads.values():
                head.half_life = half_life
            self._snapshot_due_at = 0


def finished(draft: Draft) -> tuple[ModelVersion, PropensityModel]:
    """A version's body to store, and the model to decide with. A pure function of the draft."""
    snapshot = draft.since is None
    version = ModelVersion(
        model=MODEL,
        version=draft.version,
        base=0 if snapshot else draft.follows,
        created_at_us=draft.at_us,
        body=_snapshot(draft) if snapshot else msgspec.msgpack.encode(draft.since),
    )
    return version, _model(draft)


def _model(draft: Draft) -> PropensityModel:
    seeds = {
        outcome: stable_hash(f"propensity {outcome}", draft.version) for outcome in draft.heads
    }
    return PropensityModel(
        version=draft.version,
        names=draft.names,
        heads={
            outcome: published(outcome, head, seeds[outcome])
            for outcome, head in draft.heads.items()
        },
        index={name: column for column, name in enumerate(draft.names)},
        updates=draft.updates,
    )


def _snapshot(draft: Draft) -> bytes:
    """All posteriors as msgpack."""
    return msgspec.msgpack.encode(
        _Snapshot(
            draft.half_life,
            list(draft.names),
            draft.updates,
            {outcome: packed(head) for outcome, head in draft.heads.items()},
        )
    )


def restore(
    snapshot: ModelVersion, deltas: Sequence[ModelVersion], settings: LearnSettings
) -> Learner:
    """The learner as it was when the last of ``deltas`` (ascending; else the snapshot) was published, to the bit.

    Raises ``InvalidInput`` when ``snapshot`` is a delta, a delta does not build on the version before it, or the body
    is of a format that is not read any more.
    """
    if snapshot.base != 0:
        raise InvalidInput(f"version {snapshot.version} is no snapshot", field="base")
    learner = Learner(settings)
    try:
        learner._resume(snapshot, deltas)
    except (msgspec.ValidationError, KeyError) as error:
        raise InvalidInput(
            f"version {snapshot.version} of model {MODEL!r} is of another format: {error}",
            field="body",
        ) from None
    return learner
