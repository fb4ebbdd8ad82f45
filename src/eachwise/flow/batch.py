"""Decisions for everybody at once: the same decisions, page by page, under budgets that bind all pages together.

A batch is over in minutes, so the prices that spread a budget over days do not fit it. When it begins, a sample of the
people is weighed without prices, and each budget gets the price at which the sample, scaled to everybody, would use
what is left. Every page decides with these; the budget itself is held to the unit all the same.
"""

from __future__ import annotations

from collections import Counter
from concurrent.futures import Executor, Future
from dataclasses import dataclass

import msgspec
import numpy as np

from eachwise.contracts.arrays import Floats
from eachwise.contracts.batch import PAGE_MAX, Batch, BatchDecision, BatchPage, BatchRequest
from eachwise.contracts.decision import DecideRequest, DecisionRecord
from eachwise.contracts.errors import InvalidInput, NotFound
from eachwise.contracts.experience import SILENCE, Experience
from eachwise.contracts.ports import Clock, Commit, Store, StoredIndividual
from eachwise.decide.budgets import units_of
from eachwise.flow.budgets import Budgets
from eachwise.flow.catalogue import Catalogue
from eachwise.flow.decide import Deciding
from eachwise.flow.drive import Flow, breath
from eachwise.flow.people import People

# Under ``batch.ID`` the store keeps a batch as it was begun.
STATISTIC = "batch."
# People whose decisions tell the prices.
SAMPLE = 400
# Between so many people, others' requests are let in.
BREATH = 8
_ROUNDS_MAX = 30
# A price stays this near below what the last ones would pay: the moments of a batch pass, and values with them.
_JUST_BELOW = 0.995
_decode = msgspec.msgpack.Decoder(Batch).decode


@dataclass(frozen=True, slots=True, kw_only=True)
class _Sample:
    """Priorities without prices (P, K) of the candidates of some people, −inf where one was filtered out, and the units
    (P, K) that an exposure is expected to use, of each budgeted experience's tightest budget.
    """

    priorities: Floats
    units: Floats
    left: Floats


class Batching:
    """Begins batches and decides their pages."""

    def __init__(
        self,
        *,
        store: Store,
        clock: Clock,
        people: People,
        catalogue: Catalogue,
        budgets: Budgets,
        deciding: Deciding,
        executor: Executor,
    ) -> None:
        self._store = store
        self._clock = clock
        self._people = people
        self._catalogue = catalogue
        self._budgets = budgets
        self._deciding = deciding
        self._executor = executor
        # By batch: done once the page of it that is being decided is written, or is given up.
        self._under_way: dict[str, Future[None]] = {}

    def begin(self, request: BatchRequest) -> Flow[Batch]:
        """The batch of this id: begun now, or as it was begun before.

        Raises ``InvalidInput`` where the id was used for another placement, ``NotFound`` for an unknown placement.
        """
        if not 1 <= len(request.batch_id) <= 100:
            raise InvalidInput("batch_id: must have 1 to 100 characters", field="batch_id")
        known = self._known(request.batch_id)
        if known is not None:
            if known.placement_id != request.placement_id:
                raise InvalidInput(
                    f"batch_id: {known.batch_id!r} was begun for placement {known.placement_id!r}; "
                    "another batch needs another id",
                    field="batch_id",
                )
            return known
        self._catalogue.offers.placement(request.placement_id)
        batch = Batch(
            batch_id=request.batch_id,
            placement_id=request.placement_id,
            people=self._store.counts()["individuals"],
            begun_at_us=self._clock.now_us(),
            prices=(yield from self._prices(request)),
            count=request.count,
            context=request.context,
        )
        commit = Commit()
        commit.statistics[f"{STATISTIC}{batch.batch_id}"] = msgspec.msgpack.encode(batch)
        yield self._store.commit(commit)
        return batch

    def page(self, batch_id: str, after: int, limit: int) -> Flow[BatchPage]:
        """Decide for the next people of a batch; asked again, it answers the decisions already made.

        A batch's pages are decided one after the other: the same one asked twice at once (a client's second attempt) is
        decided once. Raises ``NotFound`` for a batch that was not begun.
        """
        batch = self._known(batch_id)
        if batch is None:
            raise NotFound(f"no batch {batch_id!r}: begin it with POST /v1/batches")
        if not 1 <= limit <= PAGE_MAX:
            raise InvalidInput(f"limit: must be from 1 to {PAGE_MAX}", field="limit")
        while (under_way := self._under_way.get(batch_id)) is not None:
            yield under_way
        done = self._under_way[batch_id] = Future()
        # It is running: whoever waits for it, and gives up, does not cancel it for the others.
        done.set_running_or_notify_cancel()
        try:
            return (yield from self._decided(batch, self._store.individuals(after, limit), limit))
        finally:
            del self._under_way[batch_id]
            done.set_result(None)

    def _decided(self, batch: Batch, found: list[StoredIndividual], limit: int) -> Flow[BatchPage]:
        """The page of these people; what is new of it is written in one transaction."""
        made: list[tuple[int, DecisionRecord]] = []
        new: list[DecisionRecord] = []
        try:
            for place, stored in enumerate(found):
                if place % BREATH == BREATH - 1:
                    yield from breath(self._executor)
                request = _request(batch, stored.individual_id)
                assert request.request_id is not None
                before = self._store.decisions_of_request(stored.individual_id, request.request_id)
                if before:
                    made.append((stored.number, before[0]))
                    continue
                if self._people.find(stored.individual_id) is None:
                    continue  # merged into somebody else since
                (record,), fresh = self._deciding.pages.decide(
                    request, stored.individual_id, batch.prices
                )
                made.append((stored.number, record))
                # Where nothing passed the filters there was nothing to decide: it is counted and not kept.
                new += [each for each in fresh if each.candidates > 1]
        except BaseException:
            # Given up, or failed: of what was decided nothing is written, so it holds no place and uses no budget.
            self._deciding.pages.undo(new)
            raise
        if new:
            yield from self._deciding.log(new)
        return self._told(made, found[-1].number if len(found) == limit else None, len(found))

    def _told(
        self, made: list[tuple[int, DecisionRecord]], following: int | None, looked_at: int
    ) -> BatchPage:
        sent = [
            BatchDecision(
                number=number,
                individual_id=record.individual_id,
                decided=self._deciding.answer(record),
            )
            for number, record in made
            if record.experience_id != SILENCE
        ]
        filters: Counter[str] = Counter()
        for _, record in made:
            filters.update(record.filters)
        barred = sum(record.candidates == 1 for _, record in made)
        return BatchPage(
            decisions=sent,
            looked_at=looked_at,
            silent=len(made) - len(sent) - barred,
            barred=barred,
            filters=dict(filters),
            next=following,
        )

    def _known(self, batch_id: str) -> Batch | None:
        body = self._store.statistic(f"{STATISTIC}{batch_id}")
        return None if body is None else _decode(body)

    # -- prices --------------------------------------------------------------------------------------------

    def _prices(self, request: BatchRequest) -> Flow[dict[str, float]]:
        """What an exposure of each budgeted experience costs in this batch; 0 where the budget is enough for all."""
        experiences = self._catalogue.offers.experiences(request.placement_id)
        budgeted = [each for each in experiences if each.budgets]
        people = self._store.counts()["individuals"]
        if not budgeted or not people:
            return {}
        sample = yield from self._sampled(request, budgeted, people)
        prices = clearing_prices(sample.priorities, sample.units, sample.left)
        return {
            each.experience_id: float(price)
            for each, price in zip(budgeted, prices, strict=True)
            if price > 0.0
        }

    def _sampled(
        self, request: BatchRequest, budgeted: list[Experience], people: int
    ) -> Flow[_Sample]:
        """Priorities for a sample of the people. The last column stands for all that has no budget."""
        column = {each.experience_id: place for place, each in enumerate(budgeted)}
        stored = self._store.individuals(0, 1)
        first = stored[0].number if stored else 0
        chosen = []
        for after in np.unique(np.linspace(first - 1, first - 1 + people, SAMPLE).astype(int)):
            chosen += self._store.individuals(int(after), 1)
        rows = {each.number: each.individual_id for each in chosen}
        priorities = np.full((len(rows), len(budgeted) + 1), -np.inf)
        units = np.zeros((len(rows), len(budgeted)))
        tight = [self._budgets.tightest(each) for each in budgeted]
        for row, individual_id in enumerate(rows.values()):
            if row % BREATH == BREATH - 1:
                yield from breath(self._executor)
            asked = DecideRequest(
                placements=[request.placement_id],
                individual_id=individual_id,
                context=request.context,
            )
            for each in self._deciding.pages.weighed(asked, individual_id):
                place = column.get(each.experience_id)
                if place is None:
                    priorities[row, -1] = max(priorities[row, -1], each.priority)
                else:
                    priorities[row, place] = each.priority
                    budget = tight[place][0]
                    units[row, place] = units_of(budget, budgeted[place], each.factors.p_takeup)
        scale = len(rows) / people
        left = np.array([amount * scale for _, amount in tight])
        return _Sample(priorities=priorities, units=units, left=left)


def clearing_prices(priorities: Floats, units: Floats, left: Floats) -> Floats:
    """The prices (K,), money an exposure, at which everybody's best choices together use just what is left.

    priorities: (P, K + 1), the last column what has no budget; units: (P, K) used by an exposure; left: (K,). Each
    price is found with the others held, round by round until they rest (Gauss–Seidel on the dual). People
    who are alike are not told apart by a price: it stays just below what all of them would pay.
    """
    count = units.shape[1]
    prices = np.zeros(count)
    for _ in range(_ROUNDS_MAX):
        before = prices.copy()
        for place in range(count):
            others = priorities - np.append(prices, 0.0)
            others[:, place] = -np.inf
            margin = priorities[:, place] - others.max(axis=1)
            prices[place] = _clearing(margin, units[:, place], float(left[place]))
        if np.allclose(prices, before, rtol=1e-6, atol=1e-12):
            break
    return prices


def _clearing(margin: Floats, units: Floats, left: float) -> float:
    """The highest price at which those whose margin (P,) is above it use at least what is left; 0 if all use less."""
    order = np.argsort(-margin, kind="stable")
    used = np.cumsum(units[order])
    if not len(used) or float(units[margin > 0.0].sum()) <= left:
        return 0.0
    last = int(np.searchsorted(used, left, side="left"))
    return max(_JUST_BELOW * float(margin[order[min(last, len(order) - 1)]]), 0.0)


def _request(batch: Batch, individual_id: str) -> DecideRequest:
    return DecideRequest(
        placements=[batch.placement_id],
        individual_id=individual_id,
        count=batch.count,
        context=batch.context,
        request_id=f"batch:{batch.batch_id}",
    )
