"""The placements of one page decided together: who gets what, given what the others have."""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterable, Mapping, Sequence

import msgspec

from eachwise.contracts.decision import (
    DecideRequest,
    DecisionRecord,
    Inputs,
    Reservation,
)
from eachwise.contracts.errors import NotFound, StoreError
from eachwise.contracts.experience import SILENCE
from eachwise.contracts.individual import Individual
from eachwise.decide import (
    Choice,
    Held,
    Plan,
    failed_by,
    held,
    hindered,
    still_stands,
)
from eachwise.flow.asked import asked_as
from eachwise.flow.compose import Look, Versions, choose, look, situation_of
from eachwise.flow.preparing import Preparing
from eachwise.maths.decay import MICROSECONDS

_encode = msgspec.msgpack.Encoder().encode
_log = logging.getLogger(__name__)

# By placement the experiences that may be chosen there; None, or no entry: any.
Wanted = Mapping[str, Sequence[str] | None]


class _Draft(msgspec.Struct):
    """One placement of a page on its way: what it is decided from, and what would be chosen as things stand."""

    inputs: Inputs
    plan: Plan
    choice: Choice


class Pages(Preparing):
    """Decides pages as things stand. What it returns holds its places and is charged, and is not durable yet."""

    def decide(
        self,
        request: DecideRequest,
        individual_id: str,
        fixed: Mapping[str, float] | None = None,
        only: Wanted | None = None,
    ) -> tuple[list[DecisionRecord], list[DecisionRecord]]:
        """The decisions of all placements as asked, and those of them that are new.

        One allocator: no experience twice on a page, none beside another of its group. The placement that loses most
        by not getting its best goes first, and each later one is decided, with its exact probabilities, given what the
        ones before it got (its record's ``taken``). What journeys put up stands first, then what a visit keeps: but
        not where the page has that experience, or one of its group, already.

        ``fixed`` are the prices of exposures where not those of now. ``only``: what may be chosen where; with it every
        decision is made anew.

        Whatever goes wrong on the way, a fault of ours and none of the request's, ends in silence (``failed``).
        Raises ``NotFound`` for an unknown placement, and what the store raises: without it nothing could be logged.
        """
        now_us = self._clock.now_us()
        state = self._people.find(individual_id) or Individual()
        shared = self._inputs(request, individual_id, state, now_us)
        new: list[DecisionRecord] = []
        try:
            return self._allocated(request, individual_id, shared, state, fixed, only, new), new
        except (NotFound, StoreError):
            self.undo(new)
            raise
        except Exception as error:
            self.undo(new)
            _log.exception("a decision for %s fails closed to silence", individual_id)
            choice = failed_by(error)
            made = []
            for placement_id in request.placements:
                seed = self._seed(individual_id, placement_id, now_us)
                inputs = _of_placement(shared, placement_id, seed, only)
                made.append(self._record(request, individual_id, inputs, choice))
            return made, made

    def _allocated(
        self,
        request: DecideRequest,
        individual_id: str,
        shared: Inputs,
        state: Individual,
        fixed: Mapping[str, float] | None,
        only: Wanted | None,
        new: list[DecisionRecord],
    ) -> list[DecisionRecord]:
        """The decisions as asked; those that are new, and so far hold their places, are added to ``new``."""
        now_us, versions = shared.now_us, self._current()
        looked = look(state, request.context, now_us, versions)
        found = self._put_up(request, individual_id) if only is None else {}
        drafts: dict[int, _Draft] = {}
        for place, placement_id in enumerate(request.placements):
            if place in found:
                continue
            seed = self._seed(individual_id, placement_id, now_us)
            inputs = _of_placement(shared, placement_id, seed, only)
            plan = self._plans.plan(inputs, versions)
            inputs = self._with_lifetime(inputs, looked, plan)
            inputs = self._with_history(inputs, individual_id, state, plan)
            prices, over = self._budgets.terms(plan.layout.budgeted, now_us)
            prices = prices if fixed is None else dict(fixed)
            if prices or over:
                inputs = msgspec.structs.replace(inputs, prices=prices, exhausted=over)
            if only is None:
                names = {individual_id, *asked_as(request)}
                kept = self._of_this_visit(looked, inputs, versions, plan, individual_id, names)
                if kept is not None and not self._on_page(kept, found.values()):
                    found[place] = kept
                    continue
            choice = self.choosing(looked, inputs, versions, plan)
            drafts[place] = _Draft(inputs, plan, choice)
        taken = [record.experience_id for record in found.values()]
        beside = [record.decision_id for record in found.values()]
        for place in _in_turn(drafts):
            draft = drafts[place]
            if taken or new:
                draft = self._given(draft, taken, new, looked, versions, individual_id)
            record = self._record(request, individual_id, draft.inputs, draft.choice, beside)
            self.reserve(record, now_us)
            self._budgets.charge(record)
            new.append(record)
            if record.experience_id != SILENCE:
                taken.append(record.experience_id)
            found[place] = record
        return [found[place] for place in range(len(request.placements))]

    def held(self, record: DecisionRecord, wanted: Sequence[str] = ()) -> dict[str, Held]:
        """What a filter took out of a decision just made, by experience id in order: of those ``wanted``; where none is
        named, of those that were asked for; else of the placement's. Nothing of a decision that failed."""
        if record.failed:
            return {}
        versions = self._current()
        inputs = msgspec.structs.replace(record.inputs, only=list(wanted) or record.inputs.only)
        state = msgspec.msgpack.decode(inputs.state, type=Individual)
        looked = look(state, inputs.context, inputs.now_us, versions)
        plan = self._plans.plan(self._at_present(inputs), versions)
        return held(situation_of(looked, inputs, versions, plan))

    def hindrance(self, record: DecisionRecord) -> Held | None:
        """What stands now against doing what a decision chose, its own contact left out; None where nothing does.

        To be asked at the moment of sending: people, definitions and catalogue as they are now.
        """
        now_us = self._clock.now_us()
        person, placement_id = record.individual_id, record.inputs.placement_id
        state = self._people.find(person) or Individual()
        versions = self._current()
        looked = look(state, record.inputs.context, now_us, versions)
        request = DecideRequest(placements=[placement_id], context=record.inputs.context)
        inputs = self._inputs(request, person, state, now_us)
        only = [record.experience_id] if record.inputs.only is not None else None
        inputs = msgspec.structs.replace(inputs, placement_id=placement_id, only=only)
        plan = self._plans.plan(inputs, versions)
        inputs = self._with_history(inputs, person, state, plan)
        return hindered(situation_of(looked, inputs, versions, plan), record)

    def _put_up(self, request: DecideRequest, individual_id: str) -> dict[int, DecisionRecord]:
        """What journeys put up for the placements of a page, by place."""
        found: dict[int, DecisionRecord] = {}
        for place, placement_id in enumerate(request.placements):
            waits = self.waiting(individual_id, placement_id)
            if waits is not None and not self._on_page(waits, found.values()):
                found[place] = waits
                # Before the rest of the page is asked: however long it waited, it is shown now.
                self._people.retake(individual_id, waits.decision_id, self._clock.now_us())
        return found

    def _on_page(self, record: DecisionRecord, page: Collection[DecisionRecord]) -> bool:
        """Whether a page has a record's experience already, or another one of its group."""
        experiences = self._catalogue.offers.definitions.experiences
        mine = experiences.get(record.experience_id)
        for each in page:
            other = experiences.get(each.experience_id)
            same_group = mine and other and mine.group and mine.group == other.group
            if each.experience_id == record.experience_id or same_group:
                return True
        return False

    def _of_this_visit(
        self,
        looked: Look,
        inputs: Inputs,
        versions: Versions,
        plan: Plan,
        individual_id: str,
        names: Iterable[str],
    ) -> DecisionRecord | None:
        """The placement's last decision, where that is to be kept for a while and still stands.

        ``names`` are those that the request gives the person: one of them had it made.
        """
        sticky_s = plan.layout.placement.sticky_s
        if not sticky_s:
            return None
        since_us = inputs.now_us - sticky_s * MICROSECONDS
        for record in self.visits.newest(names, inputs.placement_id, since_us):
            if self.person_of(record) == individual_id:
                situation = situation_of(looked, inputs, versions, plan)
                return record if still_stands(situation, record) else None
        return None

    def person_of(self, record: DecisionRecord) -> str:
        """Whom a decision was made for, by what is known now of who was who then."""
        return self._directory.resolve(record.individual_id, record.inputs.now_us)

    def _given(
        self,
        draft: _Draft,
        taken: list[str],
        new: list[DecisionRecord],
        looked: Look,
        versions: Versions,
        individual_id: str,
    ) -> _Draft:
        """The draft given what the page has already; as it is where that makes no difference to it."""
        layout, inputs = draft.plan.layout, draft.inputs
        groups = {layout.group_of.get(each) for each in taken} - {None}
        explored = sum(record.explored for record in new)
        touched = (
            any(each in layout.row_of for each in taken)
            or any(each.group in groups for each in layout.experiences)
            or bool(layout.caps.reach_s)
            or explored > 0
        )
        if not touched:
            return draft
        inputs = msgspec.structs.replace(
            inputs,
            taken=list(taken),
            reservations=self._people.reservations(individual_id, inputs.now_us),
            explored=inputs.explored + explored,
        )
        return _Draft(inputs, draft.plan, choose(looked, inputs, versions, draft.plan))

    def _record(
        self,
        request: DecideRequest,
        individual_id: str,
        inputs: Inputs,
        choice: Choice,
        beside: Sequence[str] = (),
    ) -> DecisionRecord:
        return DecisionRecord(
            decision_id=f"d-{inputs.now_us:x}-{inputs.seed:016x}",
            individual_id=individual_id,
            asked_as=asked_as(request),
            request_id=request.request_id,
            inputs=inputs,
            experience_id=choice.experience_id,
            probability=choice.probability,
            items=choice.items,
            candidates=len(choice.candidates),
            leading=choice.leading(self._settings.decide.lead_count),
            filters=choice.filters,
            filtered=choice.filtered[: self._settings.decide.lead_count],
            features=choice.features,
            reasons=choice.reasons,
            explored=choice.explored,
            failed=choice.failed,
            transactional=choice.transactional,
            beside=list(beside),
        )

    def undo(self, records: Sequence[DecisionRecord]) -> None:
        """Decisions that are not written after all: their places are free, and what they used of budgets is as well."""
        for record in records:
            self._people.release(record.individual_id, record.decision_id)
        self._budgets.refused(records)

    def reserve(self, record: DecisionRecord, now_us: int) -> None:
        """Hold the exposure's place under the caps until it is confirmed or its time is over."""
        if record.experience_id == SILENCE:
            return
        placement = self._catalogue.offers.definitions.placements.get(record.inputs.placement_id)
        if placement is None or placement.transactional:
            return
        expires_at_us = record.inputs.now_us + placement.reserve_s * MICROSECONDS
        if expires_at_us > now_us:
            self._people.reserve(
                record.individual_id,
                Reservation(
                    record.decision_id,
                    record.experience_id,
                    placement.placement_id,
                    placement.channel,
                    record.inputs.now_us,
                    expires_at_us,
                ),
            )


def _of_placement(shared: Inputs, placement_id: str, seed: int, only: Wanted | None) -> Inputs:
    """The inputs of one placement of a page."""
    wanted = None if only is None else only.get(placement_id)
    return msgspec.structs.replace(
        shared,
        placement_id=placement_id,
        seed=seed,
        only=None if wanted is None else sorted(set(wanted)),
    )


def _in_turn(drafts: Mapping[int, _Draft]) -> list[int]:
    """The places, those first that lose most where they do not get their best."""
    if len(drafts) < 2:
        return list(drafts)
    return sorted(drafts, key=lambda place: -drafts[place].choice.candidates.regret)
