"""What the population's behaviour teaches about items: counted with every event, published as immutable versions."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Executor

import msgspec

from eachwise.contracts.arrays import TasteModel
from eachwise.contracts.events import Event, Meaning
from eachwise.contracts.individual import Individual
from eachwise.contracts.learning import ModelVersion
from eachwise.contracts.ports import Clock, Commit, Store
from eachwise.flow.catalogue import Catalogue
from eachwise.flow.drive import Flow
from eachwise.individual import ENGAGED, Population
from eachwise.maths.decay import MICROSECONDS, seconds
from eachwise.recommend import WINDOW as TRANSITION_WINDOW
from eachwise.recommend import TasteStatistics, decode_model, encode_model, solve
from eachwise.settings import Settings

MODEL = "taste"
STATISTIC = "taste"


class _Stored(msgspec.Struct, frozen=True, array_like=True):
    """The statistics as they are written, with the sequence up to which they have seen the log."""

    sequence: int
    observed: int
    statistics: bytes
    population: bytes


# While what is known doubles (a first import, say), versions follow one another this fast.
GROWING_INTERVAL_S = 2.0


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
        self._observed = 0  # since the last version
        self._known = 0  # up to the last version
        self._published_catalog = catalogue.version
        self._publishing = False
        stored = store.statistic(STATISTIC)
        if stored is None:
            self.sequence = 0
            self._statistics = TasteStatistics()
            self.population = Population()
        else:
            kept = msgspec.msgpack.decode(stored, type=_Stored)
            self.sequence, self._known = kept.sequence, kept.observed
            self._statistics = TasteStatistics.decode(kept.statistics)
            self.population = msgspec.msgpack.decode(kept.population, type=Population)
        newest = store.model(MODEL)
        self.published_at_us = newest.created_at_us if newest else 0
        self.model = decode_model(newest.body) if newest else empty_model()

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
            self._statistics.observe(previous, line.item_id, at_s, meaning.weight)
            values = self._catalogue.values_of(line.item_id) or meaning.attributes
            self.population.observe(values, at_s, meaning.weight)
            self._observed += 1

    @property
    def changed(self) -> bool:
        """Whether a new version would differ from the last."""
        return self._observed > 0 or self._published_catalog != self._catalogue.version

    def due(self) -> bool:
        """Whether anything was learnt since the last version, and enough of it or enough time has passed."""
        growing = self._observed >= self._known
        usual_s = self._settings.recommend.publish_interval_s
        interval_s = min(GROWING_INTERVAL_S, usual_s) if growing else usual_s
        waited_us = self._clock.now_us() - self.published_at_us
        return self.changed and not self._publishing and waited_us >= interval_s * MICROSECONDS

    def publish(self, sequence: int) -> Flow[None]:
        """Solve the statistics into a new version and make both durable; ``sequence`` is how far they have seen."""
        if self._publishing or not self.changed:
            return
        self._publishing = True
        try:
            yield from self._publish(sequence)
        finally:
            self._publishing = False

    def _publish(self, sequence: int) -> Flow[None]:
        now_us = self._clock.now_us()
        version = self.model.version + 1
        self._known += self._observed
        known, self._observed = self._known, 0
        self._published_catalog = self._catalogue.version
        statistics = self._statistics.encode()
        population = msgspec.msgpack.encode(self.population)
        expected = self.population.shares()
        model = yield self._executor.submit(
            _solve_encoded,
            statistics,
            version,
            self._catalogue.shelf.index.item_ids,
            expected,
            self._settings.recommend.neighbours_max,
            seconds(now_us),
        )
        stored = msgspec.msgpack.encode(_Stored(sequence, known, statistics, population))
        body = encode_model(model)
        yield self._store.commit(
            Commit(
                models=[
                    ModelVersion(
                        model=MODEL, version=version, base=0, created_at_us=now_us, body=body
                    )
                ],
                statistics={STATISTIC: stored},
            )
        )
        self.sequence = sequence
        self.published_at_us = now_us
        self.model = model


def empty_model() -> TasteModel:
    """Version 0: nothing learnt yet. The same everywhere, so a decision made with it can be replayed."""
    return solve(
        TasteStatistics(), version=0, item_ids=(), expected={}, neighbours_max=0, now_s=0.0
    )


def previous_items(state: Individual | None, occurred_at_us: int) -> list[str]:
    """The items a person engaged with before this moment, newest first, as far as transitions reach back."""
    if state is None:
        return []
    recents = state.recents
    end = len(recents)
    while end and recents[end - 1].occurred_at_us >= occurred_at_us:
        end -= 1
    return [recent.item_id for recent in reversed(recents[max(0, end - TRANSITION_WINDOW) : end])]


def _solve_encoded(
    statistics: bytes,
    version: int,
    item_ids: Sequence[str],
    expected: dict[str, float],
    neighbours_max: int,
    now_s: float,
) -> TasteModel:
    """Decode and solve away from the caller's thread: the live statistics go on changing meanwhile."""
    return solve(
        TasteStatistics.decode(statistics),
        version=version,
        item_ids=item_ids,
        expected=expected,
        neighbours_max=neighbours_max,
        now_s=now_s,
    )
