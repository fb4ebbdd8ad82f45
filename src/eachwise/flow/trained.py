"""The trained model in use and its versions: taken in parts, checked, published whole, rolled back by publishing again.

A version becomes visible only once it is durable. What cannot be decoded is refused, and the one in use stays.
"""

from __future__ import annotations

import dataclasses
import hashlib
import logging
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import Executor

import msgspec
import numpy as np

from eachwise.contracts.errors import Busy, CannotReplay, InvalidInput, NotFound
from eachwise.contracts.individual import Individual, Recent
from eachwise.contracts.learning import ModelVersion
from eachwise.contracts.ports import Clock, Commit, Store, StoredVersion
from eachwise.contracts.taste import TrainedModel
from eachwise.contracts.training import ModelView, Upload
from eachwise.flow.catalogue import Catalogue
from eachwise.flow.drive import Flow
from eachwise.flow.taste import Tasting
from eachwise.individual import affinity_vectors
from eachwise.maths.times import iso
from eachwise.recommend import PersonTaste, decode_trained, rank
from eachwise.settings import Settings

_log = logging.getLogger(__name__)
MODEL = "trained"
# Every model that is published in versions, in the order in which they are listed.
MODELS = ("trained", "taste", "propensity", "lifetime", "settings")
# So many of the newest stay for a roll-back, also where no decision has used them.
NEWEST_KEPT = 5
# SQLite takes 1,000,000,000 bytes in one value.
BYTES_MAX = 900_000_000
# Older versions that replays have asked for, decoded.
_OLDER_KEPT = 2
_ALL = 10**9
# Items of the history that a model is tried with.
TRIED_ITEMS = 20


class _Report(msgspec.Struct, frozen=True):
    """What is kept beside a version's body, so that a list need not read bodies."""

    summary: list[str]
    report: dict[str, object]


class _Incoming(msgspec.Struct):
    """A body on its way."""

    digest: str
    total: int
    body: bytearray


class Trained:
    """Holds the version in use; ``model`` is None (and ``version`` 0) where nothing was trained."""

    def __init__(
        self,
        *,
        store: Store,
        clock: Clock,
        settings: Settings,
        catalogue: Catalogue,
        tasting: Tasting,
        executor: Executor,
    ) -> None:
        self._store = store
        self._clock = clock
        self._settings = settings
        self._catalogue = catalogue
        self._tasting = tasting
        self._executor = executor
        # Called with the next model, on the executor, before it is put to use.
        self.prepare: Callable[[TrainedModel], None] = _nothing
        self._incoming: _Incoming | None = None
        self._published: tuple[str, int] = ("", 0)
        self._publishing = False
        self._older: OrderedDict[int, TrainedModel | None] = OrderedDict()
        self.model: TrainedModel | None = None
        self.version = 0
        self.damaged: list[int] = []
        self._load()

    def _load(self) -> None:
        """Use the newest version that works."""
        for listed in self._store.model_versions(MODEL):
            stored = self._store.model(MODEL, listed.version)
            if stored is None:
                continue
            try:
                self.model, self.version = self._tried(stored.body, stored.version), stored.version
            except InvalidInput as error:
                _log.warning(
                    "version %d of the trained model is left out: %s", stored.version, error
                )
                self.damaged.append(stored.version)
            else:
                return

    def _tried(self, body: bytes, version: int) -> TrainedModel | None:
        """What a body holds, once it has ranked this catalogue for someone; none in an empty one.

        Raises ``InvalidInput`` where it cannot.
        """
        model = _decode(body, version)
        if model is None:
            return None
        index = self._catalogue.shelf.index
        known = model.item_ids[:: max(1, len(model.item_ids) // TRIED_ITEMS)]
        now_us = self._clock.now_us()
        recents = [Recent(now_us - 1, 0, item_id, "view") for item_id in known]
        try:
            for state in (Individual(), Individual(recents=recents)):
                taste = affinity_vectors(
                    state,
                    index.value_of,
                    len(index.values),
                    np.full(len(index.values), 0.5),
                    now_us,
                    self._settings.affinity,
                )
                person = PersonTaste.of(state, taste, now_us)
                ranking = rank(person, self._tasting.model, index, self._settings.recommend, model)
                if not np.isfinite(ranking.scores).all():
                    raise InvalidInput("model: its scores are not finite", field="model")
        except (ArithmeticError, LookupError, TypeError, ValueError) as error:
            raise InvalidInput(f"model: it cannot rank: {error!r}", field="model") from error
        self.prepare(model)
        return model

    def at(self, version: int) -> TrainedModel | None:
        """The model at a version (0: none). Raises ``CannotReplay`` when it is no longer kept."""
        if version == self.version:
            return self.model
        if version == 0:
            return None
        if version not in self._older:
            stored = self._store.model(MODEL, version)
            if stored is None:
                raise CannotReplay(f"version {version} of model {MODEL!r} is no longer kept")
            try:
                self._older[version] = _decode(stored.body, version)
            except InvalidInput as error:
                raise CannotReplay(f"version {version} of model {MODEL!r}: {error}") from None
            while len(self._older) > _OLDER_KEPT:
                self._older.popitem(last=False)
        return self._older[version]

    # -- publishing ----------------------------------------------------------------------------------------

    def upload(self, digest: str, total: int, offset: int, part: bytes) -> Flow[Upload]:
        """Take consecutive bytes of a body, known by the SHA-256 of the whole; the last part publishes it.

        Bytes before what was received are skipped, and nothing is taken beyond a gap: go on at ``received``. A body
        that was published last is answered with its version and not published again.
        """
        if not 0 < total <= BYTES_MAX:
            raise InvalidInput(f"total: must be from 1 to {BYTES_MAX}, not {total}", field="total")
        if self._published[0] == digest:
            return Upload(digest=digest, received=total, total=total, version=self._published[1])
        incoming = self._incoming
        if incoming is None or (incoming.digest, incoming.total) != (digest, total):
            incoming = self._incoming = _Incoming(digest, total, bytearray())
        received = len(incoming.body)
        if offset <= received:
            incoming.body += part[received - offset :]
        if len(incoming.body) > total:
            self._incoming = None
            raise InvalidInput(f"total: there are more than {total} bytes", field="total")
        if len(incoming.body) < total:
            return Upload(digest=digest, received=len(incoming.body), total=total)
        self._incoming = None
        version = yield from self.publish(incoming.body, digest)
        return Upload(digest=digest, received=total, total=total, version=version)

    def publish(self, body: bytes | bytearray, digest: str = "") -> Flow[int]:
        """Check a body, make it durable, use it; returns its version.

        Raises ``InvalidInput`` where the body is not what its digest says, cannot be decoded, or cannot rank the
        catalogue: nothing changes then. ``Busy`` while another one is being published.
        """
        if not body:
            raise InvalidInput("model: the body is empty", field="model")
        body = bytes(body)
        found = yield self._executor.submit(_digest, body, digest)
        version = yield from self._publish(body, None)
        self._published = (found, version)
        return version

    def rollback(self, to: int) -> Flow[ModelView]:
        """Publish an older version once more, as the newest; 0 publishes that nothing is trained.

        Raises ``NotFound`` where that version is not kept.
        """
        if to < 0:
            raise InvalidInput("to: must be a version, or 0 for nothing trained", field="to")
        body, words = b"", "nothing trained"
        if to:
            stored = yield self._executor.submit(self._store.model, MODEL, to)
            if stored is None:
                kept = ", ".join(str(one.version) for one in self._store.model_versions(MODEL))
                raise NotFound(f"no version {to} of model {MODEL!r}; kept: {kept or 'none'}")
            body, words = stored.body, f"version {to} once more"
        told = self._report(to) or _Report([], {})
        version = yield from self._publish(body, _Report([words, *told.summary], told.report))
        return self.view(MODEL, version)

    def _publish(self, body: bytes, report: _Report | None) -> Flow[int]:
        if self._publishing:
            raise Busy("another version is being published; send the last part once more")
        self._publishing = True
        try:
            kept = self._store.model_versions(MODEL)
            version = max([self.version, *(one.version for one in kept)]) + 1
            model = yield self._executor.submit(self._tried, body, version)
            if report is None:
                report = _Report(list(model.report.get("summary", ())), model.report)
            published = ModelVersion(
                model=MODEL,
                version=version,
                base=0,
                created_at_us=self._clock.now_us(),
                body=body,
            )
            told = {_report_name(version): msgspec.msgpack.encode(report)}
            yield self._store.commit(
                Commit(models=[published], statistics={**told, **self._gone(kept)})
            )
        finally:
            self._publishing = False
        self.model, self.version = model, version
        return version

    def _gone(self, kept: list[StoredVersion]) -> dict[str, bytes | None]:
        """The reports of versions that are no longer kept, to be deleted."""
        versions = {one.version for one in kept}
        names = (_report_name(number) for number in range(1, max(versions, default=0)))
        stored = {name for name in names if self._store.statistic(name) is not None}
        return dict.fromkeys(stored - {_report_name(version) for version in versions})

    # -- reading -------------------------------------------------------------------------------------------

    def read(self, version: int) -> Flow[bytes]:
        """The body of a version as it was published. Raises ``NotFound``."""
        stored: ModelVersion | None = yield self._executor.submit(self._store.model, MODEL, version)
        if stored is None:
            raise NotFound(f"no version {version} of model {MODEL!r}")
        return stored.body

    def views(self, limit: int) -> list[ModelView]:
        """The newest versions of every model, newest first, without their reports."""
        return [
            self._view(listed, first=not place, whole=False)
            for name in MODELS
            for place, listed in enumerate(self._store.model_versions(name, limit))
        ]

    def view(self, name: str, version: int) -> ModelView:
        """One version with its report. Raises ``NotFound``."""
        versions = self._store.model_versions(name, _ALL) if name in MODELS else []
        for place, listed in enumerate(versions):
            if listed.version == version:
                return self._view(listed, first=not place, whole=True)
        known = ", ".join(MODELS)
        raise NotFound(f"no version {version} of a model {name!r}; models are {known}")

    def _view(self, listed: StoredVersion, *, first: bool, whole: bool) -> ModelView:
        report = self._report(listed.version) if listed.model == MODEL else None
        in_use = listed.version == self.version if listed.model == MODEL else first
        return ModelView(
            name=listed.model,
            version=listed.version,
            created=iso(listed.created_at_us),
            size_bytes=listed.size_bytes,
            in_use=in_use,
            summary=report.summary if report else [],
            report=report.report if report and whole else {},
        )

    def _report(self, version: int) -> _Report | None:
        stored = self._store.statistic(_report_name(version))
        return None if stored is None else msgspec.msgpack.decode(stored, type=_Report)


def _report_name(version: int) -> str:
    return f"{MODEL}/{version}"


def _digest(body: bytes, told: str) -> str:
    """The body's SHA-256. Raises ``InvalidInput`` where it is not what was told."""
    found = hashlib.sha256(body).hexdigest()
    if told and told != found:
        raise InvalidInput(
            f"digest: the bytes received have the SHA-256 {found}; send them again", field="digest"
        )
    return found


def _decode(body: bytes, version: int) -> TrainedModel | None:
    """What a body holds, under its version in the store; none in an empty one."""

    return dataclasses.replace(decode_trained(body), version=version) if body else None


def _nothing(_: TrainedModel) -> None:
    """What is prepared where nobody says what to."""


def only_trained(name: str) -> None:
    """Raise ``InvalidInput`` for a model that is not published from outside."""
    if name != MODEL:
        raise InvalidInput(
            f"name: only {MODEL!r} and 'propensity' are rolled back; {name!r} follows the events",
            field="name",
        )
