"""The propensity model's versions: learnt by one writer, judged, published, refused, rolled back, rebuilt.

A version is drawn where the learner lives, finished and judged elsewhere (factors, draws, bytes: a tenth of a second of
two thousand features), and put to use where it was drawn. The learner goes on meanwhile: what it then learns belongs to
the next version.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from eachwise.contracts.arrays import PropensityModel
from eachwise.contracts.errors import CannotReplay, InvalidInput, NotFound
from eachwise.contracts.learning import Exposure, ModelVersion
from eachwise.contracts.ports import Clock, Store
from eachwise.learn import (
    MODEL,
    Closed,
    Draft,
    Learner,
    Monitor,
    Verdict,
    finished,
    judge,
    restore,
)
from eachwise.settings import Settings

_log = logging.getLogger(__name__)
# A version is judged once so many exposures have closed since the last time.
JUDGED_EVERY = 200
# Under this name the store keeps the number of the version that later ones are held against.
TRUSTED = "propensity.trusted"
# And under this one when what was seen is forgotten: pairs (from, to], µs, the newest last.
FORGOTTEN = "propensity.forgotten"
_FORGOTTEN_MAX = 20
_decode_spans = msgspec.msgpack.Decoder(list[tuple[int, int]]).decode


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """A version to be finished.

    against: the version that it is held against on the exposures ``closed`` (none: only its weights are looked at);
             None: it is taken as it is
    trusted: whether later versions are held against this one
    """

    draft: Draft
    against: PropensityModel | None = None
    closed: Sequence[Closed] = ()
    trusted: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """A finished version, and what was found of it."""

    work: Work
    version: ModelVersion
    model: PropensityModel
    verdict: Verdict | None


def make(work: Work) -> Made:
    """Finish a version and judge it: a pure function, for another thread than the learner's."""
    version, model = finished(work.draft)
    verdict = None if work.against is None else judge(model, work.against, work.closed)
    return Made(work=work, version=version, model=model, verdict=verdict)


class Propensity:
    """``model`` is the version that decides; what is learnt since is not in it."""

    def __init__(self, *, store: Store, clock: Clock, settings: Settings) -> None:
        self._store = store
        self._clock = clock
        self._settings = settings
        self._initial = Learner(settings.learn).propensity_model(0)
        self._learner = self._newest()
        self.model = self._now()
        newest = store.model(MODEL)
        self.published_at_us = newest.created_at_us if newest else 0
        self._monitor = Monitor()
        self._reference = self._trusted()
        self._forgotten = self._spans()
        self._closed_since = 0
        self._refused: list[dict[str, Any]] = []

    @property
    def updates(self) -> int:
        """How many exposures were ever learnt."""
        return self._learner.updates

    @property
    def unpublished(self) -> int:
        """How many exposures were learnt since the last version."""
        return self._learner.unpublished

    def learn(self, exposure: Exposure) -> None:
        """Take in an exposure, or a correction of one."""
        self._learner.learn([exposure])

    def close(self, exposure: Closed) -> None:
        """An exposure's outcome is final: how good was what was predicted?"""
        self._monitor.close(exposure)
        self._closed_since += 1

    # -- publishing ----------------------------------------------------------------------------------------

    def draw(self) -> Work:
        """The next version, to be made by ``make``; then call ``settled``, or ``unsettled`` where that failed."""
        draft = self._learner.draft(self._learner.version + 1, self._clock.now_us())
        if self._closed_since < JUDGED_EVERY:
            return Work(draft=draft, against=self._reference)
        self._closed_since = 0
        return Work(
            draft=draft, against=self._reference, closed=list(self._monitor.newest), trusted=True
        )

    def settled(self, made: Made) -> Work | None:
        """None where the version is good, to be made durable; then call ``published``, or ``unsettled``.

        A version that is judged worse is refused: the last good one is to be published once more in its place, and
        what the refused one had learnt since is forgotten.
        """
        if made.verdict is not None and not made.verdict.accepted:
            return self._refused_for(made.work.draft, made.verdict)
        return None

    def kept(self, made: Made) -> dict[str, bytes]:
        """The statistics to be written with a version: a restart makes nothing trusted, or known, that was not."""
        version = made.model.version if made.work.trusted else self._reference.version
        return {
            TRUSTED: msgspec.msgpack.encode(version),
            FORGOTTEN: msgspec.msgpack.encode(self._forgotten),
        }

    def forgot(self, seen_at_us: int) -> bool:
        """Whether what was learnt of an exposure seen then was forgotten: there is nothing to be corrected."""
        return any(since_us < seen_at_us <= until_us for since_us, until_us in self._forgotten)

    def published(self, made: Made) -> None:
        """The version is durable: it decides from now on."""
        self.model = made.model
        if made.work.trusted:
            self._reference = made.model
        self.published_at_us = self._clock.now_us()

    def unsettled(self) -> None:
        """The version could not be written: go back to the last durable one; the log tells the rest again."""
        self._learner = self._newest()
        self._forgotten = self._spans()

    def rolled_back(self, to: int) -> Work:
        """An older version as the next one; 0: nothing learnt. Raises ``NotFound`` where it is not kept."""
        self._learner = self._as_next(to, self._learner.version)
        self._forget_since(to, self._clock.now_us())
        self._closed_since = 0
        draft = self._learner.draft(self._learner.version + 1, self._clock.now_us())
        return Work(draft=draft, trusted=True)

    def _refused_for(self, draft: Draft, verdict: Verdict) -> Work:
        """The last good version instead of a refused one, under its number."""
        _log.warning(
            "version %d of the propensity model is refused: %s", draft.version, verdict.reason
        )
        self._refused.append(
            {
                "version": draft.version,
                "at_us": self._clock.now_us(),
                "reason": verdict.reason,
                "forgotten": draft.updates - self._reference.updates,
                "figures": verdict.figures,
            }
        )
        del self._refused[:-10]
        refused = self._learner
        try:
            self._learner = self._as_next(self._reference.version, draft.follows)
            self._forget_since(self._reference.version, draft.at_us)
        except NotFound:
            self._learner = self._as_next(0, draft.follows)
            self._forget_since(0, draft.at_us)
        work = Work(draft=self._learner.draft(draft.version, self._clock.now_us()))
        self._learner.again(refused)
        return work

    def _as_next(self, to: int, newest: int) -> Learner:
        """A learner that knows what a version knew, and publishes after the newest."""
        if to == 0:
            return Learner(self._settings.learn, follows=newest)
        try:
            found = self._restored(to)
        except CannotReplay:
            kept = ", ".join(str(each.version) for each in self._store.model_versions(MODEL, 50))
            raise NotFound(f"no version {to} of model {MODEL!r}; kept: {kept or 'none'}") from None
        return found.following(newest)

    def _forget_since(self, version: int, until_us: int) -> None:
        """What was seen after a version was drawn, and until then, is not known any more."""
        found = self._store.model(MODEL, version) if version else None
        self._forgotten.append((found.created_at_us if found else 0, until_us))
        del self._forgotten[:-_FORGOTTEN_MAX]

    def _spans(self) -> list[tuple[int, int]]:
        stored = self._store.statistic(FORGOTTEN)
        return _decode_spans(stored) if stored else []

    # -- versions ------------------------------------------------------------------------------------------

    def model_at(self, version: int) -> PropensityModel:
        """A version, rebuilt to the bit. Raises ``CannotReplay`` when it is no longer kept."""
        if version == self.model.version:
            return self.model
        if version == 0:
            return self._initial
        return self._restored(version).propensity_model(version)

    def _now(self) -> PropensityModel:
        if not self._learner.updates:
            return self._initial
        return self._learner.propensity_model(self._learner.version)

    def _trusted(self) -> PropensityModel:
        """The version that others are held against, as it was left; the newest where it is no longer kept."""
        stored = self._store.statistic(TRUSTED)
        if stored is None:
            return self.model
        try:
            return self.model_at(msgspec.msgpack.decode(stored, type=int))
        except CannotReplay:
            return self.model

    def _newest(self) -> Learner:
        """The learner as it last published. What an older format cannot tell is learnt anew, under new versions."""
        newest = self._store.model(MODEL)
        if newest is None:
            return Learner(self._settings.learn)
        try:
            return self._rebuilt(newest)
        except (CannotReplay, InvalidInput) as error:
            _log.warning("the propensity model starts anew: %s", error)
            return Learner(self._settings.learn, follows=newest.version)

    def _restored(self, version: int) -> Learner:
        wanted = self._store.model(MODEL, version)
        if wanted is None:
            raise CannotReplay(f"version {version} of model {MODEL!r} is no longer kept")
        try:
            return self._rebuilt(wanted)
        except InvalidInput as error:
            raise CannotReplay(str(error)) from None

    def _rebuilt(self, wanted: ModelVersion) -> Learner:
        snapshot, deltas = wanted, []
        while snapshot.base:
            deltas.append(snapshot)
            base = self._store.model(MODEL, snapshot.base)
            if base is None:
                raise CannotReplay(f"version {snapshot.base} of model {MODEL!r} is no longer kept")
            snapshot = base
        return restore(snapshot, deltas[::-1], self._settings.learn)

    def status(self) -> dict[str, Any]:
        """How old and how well calibrated the model in use is, and which versions were refused."""
        now_us = self._clock.now_us()
        age_s = (now_us - self.published_at_us) / 1e6 if self.published_at_us else None
        return {
            "version": self.model.version,
            "age_s": age_s,
            "updates": self.model.updates,
            "calibration": self._monitor.view(),
            "refused": self._refused,
        }
