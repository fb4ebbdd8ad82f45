"""What is done by itself: journeys go on, decisions are closed, models published, states written, old ones dropped."""

from __future__ import annotations

from concurrent.futures import Executor

from eachwise.contracts.ports import Clock, Store
from eachwise.flow.delivery import Delivery
from eachwise.flow.drive import Flow
from eachwise.flow.programme import Programme
from eachwise.flow.state import State
from eachwise.flow.trained import MODEL as TRAINED
from eachwise.flow.trained import NEWEST_KEPT
from eachwise.maths.decay import MICROSECONDS
from eachwise.settings import Settings

DAY_US = 86_400 * MICROSECONDS


class Upkeep:
    """Housekeeping over the state; ``tick`` is driven about four times a second."""

    def __init__(
        self,
        *,
        store: Store,
        clock: Clock,
        settings: Settings,
        state: State,
        programme: Programme,
        delivery: Delivery,
        executor: Executor,
    ) -> None:
        self._store = store
        self._clock = clock
        self._settings = settings
        self._state = state
        self._programme = programme
        self._delivery = delivery
        self._executor = executor
        self._checkpointed_at_us = clock.now_us()
        self._pruned_at_us: int | None = None

    def tick(self) -> Flow[None]:
        """What is due by now: journeys, closing decisions, publishing models, checkpoints, dropping what is past its
        retention."""
        now_us, state = self._clock.now_us(), self._state
        ingest = state.ingest
        ingest.catch_up()
        yield from self._programme.work()
        yield from self._delivery.work()
        yield from state.learning.tick(ingest.applied_sequence)
        if state.tasting.due():
            yield from state.tasting.publish(ingest.applied_sequence)
        yield from state.lifetime.tick()
        for counting in (state.send_times, state.searches):
            if counting.due(ingest.applied_sequence):
                yield from counting.save(ingest.applied_sequence)
        interval_us = self._settings.store.checkpoint_interval_s * MICROSECONDS
        if now_us - self._checkpointed_at_us >= interval_us:
            self._checkpointed_at_us = now_us
            yield from ingest.checkpoint()
        # At the first tick too: a service that is restarted every day must not keep all for good.
        if self._pruned_at_us is None or now_us - self._pruned_at_us >= DAY_US:
            self._pruned_at_us = now_us
            kept_us = int(self._settings.store.retain_decisions_days * DAY_US)
            spare = {TRAINED: NEWEST_KEPT}
            yield self._executor.submit(
                self._store.prune, decided_before_us=now_us - kept_us, spare=spare
            )

    def checkpoint(self) -> Flow[None]:
        """Write what is in memory: states, identities, statistics and models, so that the next start is short."""
        state = self._state
        yield from state.learning.flush(state.ingest.applied_sequence)
        yield from state.tasting.publish(state.ingest.applied_sequence)
        for counting in (state.searches, state.send_times):
            yield from counting.save(state.ingest.applied_sequence)
        yield from state.ingest.checkpoint()
