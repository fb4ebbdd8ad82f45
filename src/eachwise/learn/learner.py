"""The propensity learner: two logistic posteriors with one ordered writer, published as immutable versions.

A version is a snapshot (arrays) or a delta (the exposures learnt since the version before it); ``restore`` replays
deltas onto a snapshot and arrives at the same bits, because an update depends on the exposures and their order only.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import numpy as np

from eachwise.contracts.arrays import Floats, PropensityHead, PropensityModel
from eachwise.contracts.errors import InvalidInput
from eachwise.contracts.learning import Exposure, ModelVersion
from eachwise.learn.priors import disconnect_prior, takeup_prior
from eachwise.maths.bayes import LogisticPosterior, Prior, gaussian_draws
from eachwise.maths.hashing import stable_hash
from eachwise.settings import LearnSettings

MODEL = "propensity"
# Joint draws stored with each version; a decision picks its few among them.
DRAWS = 64
_FLOAT = np.dtype("<f8")


class _Learnt(msgspec.Struct, frozen=True, array_like=True):
    """What the heads need of an exposure."""

    features: dict[str, float]
    clicked: bool
    disconnected: bool
    before: tuple[bool, bool] | None


class _Head(msgspec.Struct, frozen=True, array_like=True):
    """One posterior's arrays, little-endian float64; ``covariance`` is the lower triangle, row by row."""

    mean: bytes
    ceiling: bytes
    covariance: bytes
    updates: int


class _Snapshot(msgspec.Struct, frozen=True, array_like=True):
    """Both posteriors."""

    half_life: float
    names: list[str]
    takeup: _Head
    disconnect: _Head


_decode_delta = msgspec.msgpack.Decoder(list[_Learnt]).decode
_decode_snapshot = msgspec.msgpack.Decoder(_Snapshot).decode


class Learner:
    """The one writer of the propensity model. ``version`` is the last one published or restored (0: none yet)."""

    def __init__(self, settings: LearnSettings) -> None:
        half_life = settings.forgetting_half_life_updates
        self.version = 0
        self.takeup = LogisticPosterior(takeup_prior, half_life)
        self.disconnect = LogisticPosterior(disconnect_prior, half_life)
        self._settings = settings
        self._since: list[_Learnt] = []
        self._snapshot_due_at = 0

    @property
    def unpublished(self) -> int:
        """How many exposures were learnt since the last version."""
        return len(self._since)

    @property
    def updates(self) -> int:
        """How many exposures were ever learnt."""
        return self.takeup.updates

    def learn(self, exposures: Sequence[Exposure]) -> None:
        """Take in exposures and corrections of them, in this order. A feature of value 0 may as well be left out."""
        for each in exposures:
            if each.features:
                self._take(_Learnt(each.features, each.clicked, each.disconnected, each.before))

    def publish(self, version: int, at_us: int) -> tuple[ModelVersion, PropensityModel]:
        """Make what was learnt so far version ``version``: the body to store, and the model to decide with.

        The first version is a snapshot, and then every ``snapshot_every_versions``-th; a delta's base is the version
        published before it. Raises ``InvalidInput`` unless versions ascend.
        """
        if version <= self.version:
            raise InvalidInput(
                f"version {version} does not follow version {self.version}", field="version"
            )
        snapshot = self.version == 0 or version >= self._snapshot_due_at
        body = self._snapshot() if snapshot else msgspec.msgpack.encode(self._since)
        published = ModelVersion(
            model=MODEL,
            version=version,
            base=0 if snapshot else self.version,
            created_at_us=at_us,
            body=body,
        )
        if snapshot:
            self._snapshot_due_at = version + self._settings.snapshot_every_versions
        self.version = version
        self._since = []
        return published, self.propensity_model(version)

    def propensity_model(self, version: int) -> PropensityModel:
        """The model as it stands, with 64 draws seeded by the version; read-only arrays."""
        return PropensityModel(
            version=version,
            names=tuple(self.takeup.names),
            takeup=_published(self.takeup, stable_hash("propensity takeup", version)),
            disconnect=_published(self.disconnect, stable_hash("propensity disconnect", version)),
            index=dict(self.takeup.index),
        )

    def _take(self, learnt: _Learnt) -> None:
        """Learn one outcome in both heads, or correct what was learnt of it before."""
        heads = ((self.takeup, learnt.clicked), (self.disconnect, learnt.disconnected))
        if learnt.before is None:
            for head, outcome in heads:
                head.update(learnt.features, outcome)
        else:
            for (head, outcome), before in zip(heads, learnt.before, strict=True):
                if outcome != before:
                    head.correct(learnt.features, outcome - before)
        self._since.append(learnt)

    def _snapshot(self) -> bytes:
        """Both posteriors as msgpack."""
        return msgspec.msgpack.encode(
            _Snapshot(
                self.takeup.half_life,
                self.takeup.names,
                _packed(self.takeup),
                _packed(self.disconnect),
            )
        )

    def _resume(self, snapshot: ModelVersion, deltas: Sequence[ModelVersion]) -> None:
        """Become what the snapshot and the deltas after it say."""
        stored = _decode_snapshot(snapshot.body)
        self.takeup = _unpacked(stored, stored.takeup, takeup_prior)
        self.disconnect = _unpacked(stored, stored.disconnect, disconnect_prior)
        self.version = snapshot.version
        for delta in deltas:
            if delta.base != self.version:
                raise InvalidInput(
                    f"version {delta.version} builds on {delta.base}, not on {self.version}",
                    field="base",
                )
            for learnt in _decode_delta(delta.body):
                self._take(learnt)
            self.version = delta.version
        self._since = []
        self._snapshot_due_at = snapshot.version + self._settings.snapshot_every_versions
        half_life = self._settings.forgetting_half_life_updates
        if half_life != stored.half_life:
            # What follows forgets at another pace than the stored snapshot says: start a new one.
            self.takeup.half_life = self.disconnect.half_life = half_life
            self._snapshot_due_at = 0


def restore(
    snapshot: ModelVersion, deltas: Sequence[ModelVersion], settings: LearnSettings
) -> Learner:
    """The learner as it was when the last of ``deltas`` (ascending; else the snapshot) was published, to the bit.

    Raises ``InvalidInput`` when ``snapshot`` is a delta, or a delta does not build on the version before it.
    """
    if snapshot.base != 0:
        raise InvalidInput(f"version {snapshot.version} is no snapshot", field="base")
    learner = Learner(settings)
    learner._resume(snapshot, deltas)
    return learner


def _published(posterior: LogisticPosterior, seed: int) -> PropensityHead:
    """A posterior as an immutable head with its draws."""
    mean, covariance = posterior.mean, posterior.covariance
    head = PropensityHead(
        mean=mean, covariance=covariance, draws=gaussian_draws(covariance, DRAWS, seed)
    )
    for array in (head.mean, head.covariance, head.draws):
        array.setflags(write=False)
    return head


def _packed(posterior: LogisticPosterior) -> _Head:
    """A posterior's arrays as bytes."""
    covariance = posterior.covariance
    lower = covariance[np.tril_indices(len(covariance))]
    return _Head(
        _bytes(posterior.mean), _bytes(posterior.ceiling), _bytes(lower), posterior.updates
    )


def _unpacked(stored: _Snapshot, head: _Head, prior: Prior) -> LogisticPosterior:
    """The posterior that was packed."""
    size = len(stored.names)
    covariance = np.zeros((size, size))
    rows, columns = np.tril_indices(size)
    covariance[rows, columns] = covariance[columns, rows] = np.frombuffer(head.covariance, _FLOAT)
    return LogisticPosterior.of_arrays(
        prior,
        stored.half_life,
        stored.names,
        np.frombuffer(head.mean, _FLOAT),
        covariance,
        np.frombuffer(head.ceiling, _FLOAT),
        head.updates,
    )


def _bytes(array: Floats) -> bytes:
    """Little-endian float64."""
    return array.astype(_FLOAT).tobytes()
