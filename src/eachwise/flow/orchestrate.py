"""Journeys at work: what was noticed, what is due and what began, a round at a time, each round one transaction.

The pure ``journeys.step`` says what becomes of an instance; here its people, its timers and its slots are found, and
what it answers is committed: instances, outbox, decision records, and how far the journeys are in the log. What a crash
cuts off is done again from there, and comes to the same.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from concurrent.futures import Executor

import msgspec

from eachwise.contracts.delivery import Message
from eachwise.contracts.errors import EachwiseError, InvalidInput, StoreError
from eachwise.contracts.journey import (
    Due,
    Happened,
    Instance,
    Journey,
    Trigger,
)
from eachwise.contracts.ports import Clock, Store
from eachwise.flow.audience import Audiences
from eachwise.flow.catalogue import Catalogue
from eachwise.flow.decide import Deciding
from eachwise.flow.drive import Flow, breath, idle
from eachwise.flow.entering import Entering, Occurrence
from eachwise.flow.journeys import Journeys
from eachwise.flow.knowing import Knowing
from eachwise.flow.noticing import Noticed, Noticing, taken_as
from eachwise.flow.occasions import PEOPLE_A_PAGE, Occasions
from eachwise.flow.round import Round
from eachwise.flow.slots import Slots
from eachwise.identity import Directory
from eachwise.journeys import deferred, merged, moved, step
from eachwise.maths.decay import MICROSECONDS

# So much is taken in by one round: it bounds how long a decision may wait for it.
NOTICED_A_ROUND, TIMERS_A_ROUND = 50, 50
# After so many timers others may have a turn.
BREATH = 10
# A timer that a fault of ours keeps from being handled is tried again so much later.
FAULT_US = 3_600 * MICROSECONDS
_log = logging.getLogger(__name__)


class Orchestrating:
    """Moves every instance on. One ``work`` at a time; nothing else writes instances."""

    def __init__(
        self,
        *,
        store: Store,
        clock: Clock,
        directory: Directory,
        catalogue: Catalogue,
        noticing: Noticing,
        journeys: Journeys,
        knowing: Knowing,
        entering: Entering,
        slots: Slots,
        deciding: Deciding,
        audiences: Audiences,
        executor: Executor,
        catch_up_s: float,
    ) -> None:
        self._store = store
        self._clock = clock
        self._directory = directory
        self._catalogue = catalogue
        self._noticing = noticing
        self._journeys = journeys
        self._knowing = knowing
        self._entering = entering
        self._slots = slots
        self._deciding = deciding
        self._executor = executor
        self._working = False
        self._catch_up_us = int(catch_up_s * MICROSECONDS)
        # When a server began, 0 where none did.
        self._began_us = 0
        # Told of the messages that are in the outbox from now on.
        self.posted: Callable[[Sequence[Message]], None] = _unheard
        # Called between the rounds of ``work``, so that nothing else waits for the end of a long one.
        self.meanwhile: Callable[[], Flow[None]] = idle
        self._next_wake_us: int | None = 0
        self._occasions = Occasions(
            store=store,
            clock=clock,
            directory=directory,
            catalogue=catalogue,
            journeys=journeys,
            entering=entering,
            audiences=audiences,
            executor=executor,
            commit=self._commit,
            between=self._between,
        )

    def catch_up(self) -> None:
        """A server begins now: waits that were over long before go on when senders have had time to come again."""
        self._began_us = self._clock.now_us()

    def work(self) -> Flow[int]:
        """Do everything that is due now; returns how many things were taken in."""
        if self._working:
            return 0
        self._working = True
        try:
            self._journeys.hear()
            done = 0
            for part in (
                self._take_edits,
                self._take_noticed,
                self._occasions.take_catalog,
                self._occasions.take_schedules,
                self._take_timers,
            ):
                done += yield from part()
            return done
        finally:
            self._working = False

    # -- what was noticed ----------------------------------------------------------------------------------

    def _take_noticed(self) -> Flow[int]:
        done = 0
        while taken := self._noticing.take(NOTICED_A_ROUND):
            round_ = self._round()
            answers: dict[int, str | Exception] = {}
            for noticed in taken:
                try:
                    answers[id(noticed)] = self._take_in(round_, noticed)
                except StoreError:
                    raise
                except Exception as error:
                    # What cannot be taken in must not hold up everybody behind it.
                    if not isinstance(error, EachwiseError):
                        _log.exception("%s passes the journeys by", noticed.message_id)
                    answers[id(noticed)] = error
            reached = max(self._noticing.taken, *(each.sequence for each in taken))
            if reached > self._noticing.taken:
                round_.statistics.update(taken_as(reached))
            try:
                yield from self._commit(round_)
            except Exception as error:
                self._noticing.refused(taken, error)
                raise
            self._noticing.settled(taken, answers)
            done += len(taken)
            yield from self.meanwhile()
        return done

    def _between(self) -> Flow[None]:
        """Between two pages of something long: what came meanwhile is reacted to, and what is due goes out."""
        yield from self._take_noticed()
        yield from self.meanwhile()

    def _take_in(self, round_: Round, noticed: Noticed) -> str:
        """Take one thing in; of an entry by hand, the instance's id."""
        if noticed.merged:
            self._merge(round_, noticed.merged, noticed.individual_id)
            return ""
        if noticed.journey_id:
            return self._enter_by_hand(round_, noticed)
        happened = Happened(
            now_us=round_.now_us,
            event=noticed.event,
            properties=noticed.properties,
            message_id=noticed.message_id,
            stage=noticed.stage,
        )
        late = self._entering.late(noticed.at_us, noticed.received_at_us)
        for instance in round_.of(noticed.individual_id):
            # History that was over when it began is none of an instance's.
            if instance.status == "active" and not (
                late and noticed.at_us < instance.entered_at_us
            ):
                self._step(round_, instance, happened)
        self._entering.noticed(round_, noticed, happened)
        return ""

    def _enter_by_hand(self, round_: Round, noticed: Noticed) -> str:
        journey = self._journeys.journey(noticed.journey_id)
        occurrence = Occurrence(noticed.message_id, noticed.properties)
        instance_id, reason = self._entering.begin(
            round_, journey, noticed.individual_id, noticed.key, occurrence
        )
        if not instance_id:
            raise InvalidInput(
                f"individual: {noticed.individual_id} does not begin {journey.journey_id}: {reason}",
                field="individual",
            )
        return instance_id

    def _merge(self, round_: Round, source: str, target: str) -> None:
        """``source`` is ``target``: of the same journey and key the one that has come farthest goes on."""
        gone = round_.ever(source)
        if gone:
            for instance in merged(round_.ever(target), gone, target, round_.now_us):
                round_.put(instance)

    # -- what is due ---------------------------------------------------------------------------------------

    def _take_timers(self) -> Flow[int]:
        done = 0
        while self._due():
            due = self._store.instances_due(self._clock.now_us(), TIMERS_A_ROUND)
            if not due:
                self._next_wake_us = self._store.next_wake_us()
                break
            round_ = self._round()
            try:
                for place, instance in enumerate(due):
                    if place % BREATH == BREATH - 1:
                        # A decision or two a timer: somebody's page must not wait for all of them.
                        yield from breath(self._executor)
                    self._wake_if_possible(round_, round_.current(instance))
            except BaseException:
                # Whoever drives it may give up at a wait, too.
                self._deciding.pages.undo(round_.records)
                raise
            if round_.empty:
                _log.error("%s timers are due and nothing came of them", len(due))
                break
            yield from self._commit(round_)
            done += len(due)
            yield from self._between()
        return done

    def _due(self) -> bool:
        """Whether a timer may be due: the next one is remembered between changes, so that idling asks nothing."""
        return self._next_wake_us is not None and self._next_wake_us <= self._clock.now_us()

    def _wake_if_possible(self, round_: Round, instance: Instance) -> None:
        """One instance's timer is due; where a fault of ours keeps it from being handled, it is put off."""
        mark = round_.mark()
        try:
            self._wake(round_, instance)
        except StoreError:
            raise
        except Exception:
            # Whole or not at all: what was decided for it must not go out, and in an hour once more.
            self._deciding.pages.undo(round_.back_to(mark))
            _log.exception("instance %s is put off", instance.instance_id)
            round_.put(deferred(round_.current(instance), round_.now_us + FAULT_US))

    def _wake(self, round_: Round, instance: Instance) -> None:
        """One instance's timer is due."""
        person = self._directory.resolve(instance.individual_id)
        if person != instance.individual_id:
            self._merge(round_, instance.individual_id, person)
            instance = round_.current(instance)
        if instance.status != "active" or not 0 < instance.wake_at_us <= round_.now_us:
            return
        if instance.asking is None:
            if instance.wake_at_us < self._began_us - self._catch_up_us:
                round_.put(deferred(instance, self._began_us + self._catch_up_us))
                return
            self._step(round_, instance, Due(now_us=round_.now_us))
            return
        later = self._slots.timed(instance, round_.now_us)
        if later is not None:
            round_.put(later)
            return
        self._fill(round_, instance)

    def _fill(self, round_: Round, instance: Instance) -> None:
        """This person's slot on this channel: whatever wants it by now is decided together.

        What is not due itself, and does not win, keeps its own moment: it has lost nothing by another's.
        """
        now_us = round_.now_us
        channel = self._slots.channel_of(instance)
        rivals = [
            each
            for each in round_.of(instance.individual_id)
            if each.status == "active"
            and each.asking is not None
            and each.asking.from_us <= now_us
            and self._slots.channel_of(each) == channel
        ]
        if self._slots.transactional(instance):
            # It competes with nothing: that it goes out is no moment for anything else.
            rivals = [instance]
        slot = self._slots.decide(instance.individual_id, rivals, now_us)
        round_.records += slot.records
        round_.messages += slot.messages
        due = {each.instance_id for each in rivals if each.wake_at_us <= now_us}
        for later in slot.put_off:
            if later.instance_id in due:
                round_.put(later)
        for asked, answered in slot.answers:
            if answered.outcome == "sent" or asked.instance_id in due:
                self._step(round_, round_.current(asked), answered)

    # -- new versions of journeys ------------------------------------------------------------------------------

    def _take_edits(self) -> Flow[int]:
        """Move those on earlier versions along, where the newest one says so; the others finish on theirs."""
        done = 0
        while self._journeys.moving:
            journey = self._journeys.newest[self._journeys.moving[0]]
            after = ""
            while page := self._store.instances_at(
                journey.journey_id, status="active", after=after, limit=PEOPLE_A_PAGE
            ):
                after = page[-1].instance_id
                round_ = self._round()
                for instance in page:
                    if instance.version < journey.version:
                        done += self._move(round_, instance, journey)
                yield from self._commit(round_)
                yield from self._between()
            self._journeys.has_moved(journey)
            round_ = self._round()
            round_.statistics.update(self._journeys.still_moving())
            yield from self._commit(round_)
        return done

    def _move(self, round_: Round, instance: Instance, journey: Journey) -> bool:
        found = moved(instance, journey, round_.now_us)
        if found is not None:
            round_.moved(found)
        return found is not None

    # -- one step, one commit --------------------------------------------------------------------------------

    def _step(self, round_: Round, instance: Instance, trigger: Trigger) -> None:
        journey = self._journeys.at(instance)
        if journey is None:
            gone = msgspec.structs.replace(
                instance,
                status="exited",
                ended_at_us=round_.now_us,
                wake_at_us=0,
                reason=f"version {instance.version} is not kept",
            )
            round_.put(gone)
            return
        knows = self._knowing.of(instance.individual_id, round_.now_us)
        found = step(journey, instance, trigger, knows)
        if found.instance != instance or found.commands:
            round_.moved(found)

    def _round(self) -> Round:
        return Round(store=self._store, now_us=self._clock.now_us())

    def _commit(self, round_: Round) -> Flow[None]:
        """Write a round, and remember when the next timer is due."""
        if round_.empty:
            return
        wakes = [
            each.wake_at_us
            for each in round_.instances.values()
            if each.status == "active" and each.wake_at_us
        ]
        if wakes:
            earliest = min(wakes)
            known = self._next_wake_us
            self._next_wake_us = earliest if known is None else min(known, earliest)
        if round_.records:
            yield from self._deciding.log(round_.records, with_=round_.commit())
        else:
            yield self._store.commit(round_.commit())
        if round_.messages:
            self.posted(round_.messages)


def _unheard(_: Sequence[Message]) -> None:
    """Nobody sends them."""
