"""What the population's behaviour teaches about items: counted with every event, published as immutable versions."""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import Executor
from typing import Any, TypeVar

import msgspec
import numpy as np
from numpy.typing import NDArray

from eachwise.contracts.arrays import TasteModel
from eachwise.contracts.errors import CannotReplay, InvalidInput, StoreError
from eachwise.contracts.events import Event, Meaning
from eachwise.contracts.individual import Individual
from eachwise.contracts.learning import ModelVersion
from eachwise.contracts.ports import Clock, Commit, Store
from eachwise.flow.catalogue import Catalogue
from eachwise.flow.drive import Flow
from eachwise.individual import ENGAGED, Population
from eachwise.maths.decay import MICROSECONDS, seconds
from eachwise.recommend import WINDOW as TRANSITION_WINDOW
from eachwise.recommend import Counted, Live, TasteStatistics, apply, grow, nothing
from eachwise.settings import Settings

T = TypeVar("T", bound=msgspec.Struct)

_log = logging.getLogger(__name__)
MODEL = "taste"
# Where the counts lie: what they have seen and which runs they have, the items' masses, and each run of pairs.
HEAD, ITEMS, RUN = "taste-head", "taste-items", "taste-run"
# Where an earlier Eachwise kept all of it in one.
OLD = "taste"
# While what is known doubles (a first import, say), versions follow one another this fast.
GROWING_INTERVAL_S = 2.0
# A version below this size is always a snapshot: nothing is saved by saying what changed.
WHOLE_BYTES_MAX = 64 * 1024
# Older versions that replays have asked for.
_OLDER_KEPT = 2
_ALL = 10**9


class _Head(msgspec.Struct, frozen=True, array_like=True):
    """How far the counts have seen the log, and the runs of pairs they are made of."""

    sequence: int
    observed: int
    population: bytes
    reference_s: float
    runs: list[int]


class _Items(msgspec.Struct, frozen=True, array_like=True):
    """Items by code with their masses, little-endian float64."""

    item_ids: tuple[str, ...]
    long: bytes
    recent: bytes


class _Run(msgspec.Struct, frozen=True, array_like=True):
    """One run of pairs: int64 keys, float64 masses."""

    keys: bytes
    masses: bytes


class _Old(msgspec.Struct, frozen=True, array_like=True):
    """All of it in one."""

    sequence: int
    observed: int
    statistics: bytes
    population: bytes


class Tasting:
    """Counts transitions, trends and the population's shares; publishes a ``TasteModel`` from time to time."""

    def __init__(
        self,
        *,
        store: Store,
        clock: Clock,
        settings: Settings,
        catalogue: Catalogue,
        executor: Executor,
    ) -> None:
        self._store = store
        self._clock = clock
        self._settings = settings
        self._catalogue = catalogue
        self._executor = executor
        # Called with the next model, on the executor, before it is put to use.
        self.prepare: Callable[[TasteModel], None] = _nothing
        self._observed = 0  # since the last version
        self._known = 0  # up to the last version
        self._publishing = False
        self.sequence = 0
        self._statistics = TasteStatistics()
        self.population = Population()
        # Runs that the store has: each array of keys with its number.
        self._stored: list[tuple[object, int]] = []
        self._last_run = 0
        self._load_counts()
        self._older: OrderedDict[int, TasteModel] = OrderedDict()
        newest = store.model_versions(MODEL, 1)
        self.published_at_us = newest[0].created_at_us if newest else 0
        self._newest = newest[0].version if newest else 0
        self._since_whole = 0  # bytes of deltas since the last snapshot
        self._whole_bytes = 0
        self._live = self._load_newest()
        self.model = self._live.model
        # A version that cannot be read any more is followed by one that can, at once.
        self._published_catalog = catalogue.version if self._live.version == self._newest else -1

    # -- counting ------------------------------------------------------------------------------------------

    def observe(
        self, sequence: int, event: Event, meaning: Meaning, state: Individual | None
    ) -> None:
        """Count one logged event, after it was folded into ``state`` (whose recents say what came before it).

        After a crash the log's tail comes again: what the stored statistics have seen is not counted twice.
        """
        if meaning.action not in ENGAGED or not meaning.lines or sequence <= self.sequence:
            return
        at_s = seconds(event.occurred_at_us)
        previous = previous_items(state, event.occurred_at_us)
        for line in meaning.lines:
            # A gift is popular like anything else, and does not follow from this person's taste.
            before = [] if line.item_id in meaning.gifts else previous
            self._statistics.observe(before, line.item_id, at_s, meaning.weight)
            values = self._catalogue.values_of(line.item_id) or meaning.attributes
            self.population.observe(values, at_s, meaning.weight)
            self._observed += 1

    @property
    def changed(self) -> bool:
        """Whether a new version would differ from the last."""
        return self._observed > 0 or self._published_catalog != self._catalogue.version

    def due(self) -> bool:
        """Whether anything was learnt since the last version, and enough of it or enough time has passed."""
        growing = self._observed > 0 and self._observed >= self._known
        usual_s = self._settings.recommend.publish_interval_s
        interval_s = min(GROWING_INTERVAL_S, usual_s) if growing else usual_s
        waited_us = self._clock.now_us() - self.published_at_us
        return self.changed and not self._publishing and waited_us >= interval_s * MICROSECONDS

    # -- publishing ----------------------------------------------------------------------------------------

    def publish(self, sequence: int) -> Flow[None]:
        """Make a new version of what was counted, and both durable; ``sequence`` is how far the counts have seen."""
        if self._publishing or not self.changed:
            return
        self._publishing = True
        try:
            yield from self._publish(sequence)
        finally:
            self._publishing = False

    def _publish(self, sequence: int) -> Flow[None]:
        now_us = self._clock.now_us()
        self._known += self._observed
        known, self._observed = self._known, 0
        self._published_catalog = self._catalogue.version
        counted = self._statistics.counted()
        population = msgspec.msgpack.encode(self.population)
        whole = self._live.version != self._newest or self._since_whole >= self._whole_bytes
        body, live = yield self._executor.submit(
            _next,
            self._live,
            self._newest + 1,
            counted,
            dict(self.population.masses),
            self._catalogue.shelf.index.item_ids,
            self._settings.recommend.neighbours_max,
            seconds(now_us),
            whole,
            self.prepare,
        )
        head, stored, statistics = self._to_store(counted, sequence, known, population)
        published = ModelVersion(
            model=MODEL,
            version=live.version,
            base=0 if whole else live.version - 1,
            created_at_us=now_us,
            body=body,
        )
        statistics[HEAD] = msgspec.msgpack.encode(head)
        yield self._store.commit(Commit(models=[published], statistics=statistics))
        self._stored = stored
        self.sequence = sequence
        self.published_at_us = now_us
        self._newest = live.version
        self._live, self.model = live, live.model
        self._count_bytes(whole, len(body))

    def _count_bytes(self, whole: bool, size: int) -> None:
        """A snapshot comes once the deltas since the last one are as large, or while it is small."""
        if whole:
            self._whole_bytes = 0 if size <= WHOLE_BYTES_MAX else size
            self._since_whole = 0
        else:
            self._since_whole += size

    def _to_store(
        self, counted: Counted, sequence: int, known: int, population: bytes
    ) -> tuple[_Head, list[tuple[object, int]], dict[str, bytes | None]]:
        """What must be written of the counts: the items' masses, and the runs that the store does not have."""
        items = _Items(
            counted.item_ids,
            counted.long.astype("<f8").tobytes(),
            counted.recent.astype("<f8").tobytes(),
        )
        writes: dict[str, bytes | None] = {ITEMS: msgspec.msgpack.encode(items), OLD: None}
        stored: list[tuple[object, int]] = []
        for keys, masses in counted.runs:
            number = next((number for held, number in self._stored if held is keys), 0)
            if not number:
                self._last_run += 1
                number = self._last_run
                run = _Run(keys.astype("<i8").tobytes(), masses.astype("<f8").tobytes())
                writes[f"{RUN}/{number}"] = msgspec.msgpack.encode(run)
            stored.append((keys, number))
        kept = {number for _, number in stored}
        writes |= {f"{RUN}/{number}": None for _, number in self._stored if number not in kept}
        runs = [number for _, number in stored]
        return _Head(sequence, known, population, counted.reference_s, runs), stored, writes

    # -- reading -------------------------------------------------------------------------------------------

    def model_at(self, version: int) -> TasteModel:
        """An older version, to the bit. Raises ``CannotReplay`` when it is no longer kept."""
        if version == self.model.version:
            return self.model
        if version not in self._older:
            self._older[version] = self._rebuilt(version).model
            while len(self._older) > _OLDER_KEPT:
                self._older.popitem(last=False)
        return self._older[version]

    def _rebuilt(self, version: int) -> Live:
        """A version from its snapshot and the deltas upon it."""
        if version == 0:
            return nothing()
        bodies: list[bytes] = []
        wanted = version
        while wanted:
            stored = self._store.model(MODEL, wanted)
            if stored is None:
                raise CannotReplay(f"version {wanted} of model {MODEL!r} is no longer kept")
            bodies.append(stored.body)
            wanted = stored.base
        try:
            return apply(nothing(), bodies[::-1])
        except InvalidInput as error:
            raise CannotReplay(f"version {version} of model {MODEL!r}: {error}") from None

    def _load_newest(self) -> Live:
        """The newest version; nothing where it was written by an Eachwise that wrote otherwise."""
        try:
            live = self._rebuilt(self._newest)
        except CannotReplay as error:
            _log.warning("taste starts from the counts alone: %s", error)
            return nothing()
        for listed in self._store.model_versions(MODEL, _ALL):
            if not listed.base:
                self._whole_bytes = 0 if listed.size_bytes <= WHOLE_BYTES_MAX else listed.size_bytes
                break
            self._since_whole += listed.size_bytes
        return live

    def _load_counts(self) -> None:
        stored = self._store.statistic(HEAD)
        if stored is None:
            old = self._store.statistic(OLD)
            if old is not None:
                kept = msgspec.msgpack.decode(old, type=_Old)
                self.sequence, self._known = kept.sequence, kept.observed
                self._statistics = TasteStatistics.decode(kept.statistics)
                self.population = msgspec.msgpack.decode(kept.population, type=Population)
            return
        head = msgspec.msgpack.decode(stored, type=_Head)
        self.sequence, self._known = head.sequence, head.observed
        self.population = msgspec.msgpack.decode(head.population, type=Population)
        runs = [(number, self._read(f"{RUN}/{number}", _Run)) for number in head.runs]
        items = self._read(ITEMS, _Items)
        counted = Counted(
            item_ids=items.item_ids,
            runs=tuple((_array(run.keys, "<i8"), _array(run.masses, "<f8")) for _, run in runs),
            long=_array(items.long, "<f8"),
            recent=_array(items.recent, "<f8"),
            reference_s=head.reference_s,
        )
        self._statistics = TasteStatistics.of(counted)
        numbers = zip(counted.runs, head.runs, strict=True)
        self._stored = [(keys, number) for (keys, _), number in numbers]
        self._last_run = max(head.runs, default=0)

    def _read(self, name: str, kind: type[T]) -> T:
        stored = self._store.statistic(name)
        if stored is None:
            raise StoreError(f"the store lacks the statistic {name!r}")
        return msgspec.msgpack.decode(stored, type=kind)


def previous_items(state: Individual | None, occurred_at_us: int) -> list[str]:
    """The items a person engaged with before this moment, newest first, as far as transitions reach back."""
    if state is None:
        return []
    recents = state.recents
    end = len(recents)
    while end and recents[end - 1].occurred_at_us >= occurred_at_us:
        end -= 1
    return [recent.item_id for recent in reversed(recents[max(0, end - TRANSITION_WINDOW) : end])]


def _next(
    last: Live,
    version: int,
    counted: Counted,
    values: dict[str, float],
    item_ids: tuple[str, ...],
    neighbours_max: int,
    now_s: float,
    whole: bool,
    prepare: Callable[[TasteModel], None],
) -> tuple[bytes, Live]:
    """The next version as bytes and as it serves: away from the caller's thread, whose counts go on changing."""
    body = grow(
        last,
        counted,
        values,
        item_ids,
        version=version,
        neighbours_max=neighbours_max,
        now_s=now_s,
        whole=whole,
    )
    live = apply(last, [body])
    prepare(live.model)
    return body, live


def _nothing(_: TasteModel) -> None:
    """What is prepared where nobody says what to."""


def _array(body: bytes, kind: str) -> NDArray[Any]:
    return np.frombuffer(body, dtype=kind).astype(kind[1:])
