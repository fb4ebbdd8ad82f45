"""What is done by itself: journeys go on, decisions are closed, models published, states written, old ones dropped."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Executor
from functools import partial

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
# A clock that jumps so far may be wrong for a moment, and what is dropped is gone; if it is right, the next tick drops.
JUMP_US = 7 * DAY_US


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
        self._checkpointed_at_us = self._ticked_at_us = clock.now_us()
        self._pruned_at_us: int | None = None
        self._failure: Exception | None = None
        programme.orchestrating.meanwhile = partial(self._apart, delivery.work)

    def tick(self) -> Flow[None]:
        """What is due by now: journeys, what goes out, closing decisions, publishing models, checkpoints, dropping what
        is past its retention. A part that fails keeps no other from its turn; the first failure is raised at the end.
        """
        self._state.ingest.catch_up()
        parts = (self._programme.work, self._delivery.work, self._learn, self._save, self._prune)
        for part in parts:
            yield from self._apart(part)
        failure, self._failure = self._failure, None
        if failure is not None:
            raise failure

    def _apart(self, part: Callable[[], Flow[object]]) -> Flow[None]:
        """Do one part; what it raises is kept for the tick's end."""
        try:
            yield from part()
        except Exception as error:
            self._failure = self._failure or error

    def _learn(self) -> Flow[None]:
        """Decisions are closed, models published."""
        state = self._state
        yield from state.learning.tick(state.ingest.applied_sequence)
        if state.tasting.due():
            yield from state.tasting.publish(state.ingest.applied_sequence)
        yield from state.lifetime.tick()

    def _save(self) -> Flow[None]:
        """Statistics and states are written, as often as is set."""
        now_us, state = self._clock.now_us(), self._state
        ingest = state.ingest
        for counting in (state.send_times, state.searches):
            if counting.due(ingest.applied_sequence):
                yield from counting.save(ingest.applied_sequence)
        interval_us = self._settings.store.checkpoint_interval_s * MICROSECONDS
        if _over(interval_us, self._checkpointed_at_us, now_us):
            self._checkpointed_at_us = now_us
            yield from ingest.checkpoint()

    def _prune(self) -> Flow[None]:
        """What is past its retention is dropped once a day."""
        now_us, before_us = self._clock.now_us(), self._ticked_at_us
        self._ticked_at_us = now_us
        if _over(JUMP_US, before_us, now_us):
            return
        # At the first tick too: a service that is restarted every day must not keep all for good.
        if self._pruned_at_us is None or _over(DAY_US, self._pruned_at_us, now_us):
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


def _over(interval_us: float, since_us: int, now_us: int) -> bool:
    """Whether an interval is over, or began in what is now the future: the clock was ahead."""
    return not 0 <= now_us - since_us < interval_us
