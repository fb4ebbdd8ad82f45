"""Budgets at work: what is used, what is used up, and what one more unit is worth now.

What decisions use is written with them; what comes back later (take-ups, what nobody saw) with the learner's version
that has seen it: after a crash both are as they were, and the log's tail tells the rest once.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from eachwise.contracts.decision import BudgetView, DecisionRecord
from eachwise.contracts.errors import CannotReplay
from eachwise.contracts.experience import SILENCE, Budget, Experience
from eachwise.contracts.ports import Clock, Store
from eachwise.decide.budgets import Spent, charge, exhausted, price_of, used
from eachwise.flow.catalogue import Catalogue
from eachwise.maths.times import parse_time_us

# The statistics under which the two ledgers are kept.
DECIDED, RETURNED = "budgets.decided", "budgets.returned"
# Of an experience's exposures that were taken up, so much weight has each new one.
_RATE_SHARE = 0.02

_Ledger = dict[str, Spent]
_decode = msgspec.msgpack.Decoder(_Ledger).decode
_encode = msgspec.msgpack.Encoder().encode


class Budgets:
    """The books of every budget there is. ``used`` is the sum of two ledgers; prices stand in the one it is used in."""

    def __init__(self, store: Store, clock: Clock, catalogue: Catalogue) -> None:
        self._store = store
        self._clock = clock
        self._catalogue = catalogue
        self._decided = self._stored(DECIDED)
        self._returned = self._stored(RETURNED)
        self._rates: dict[str, float] = {}

    def _stored(self, name: str) -> _Ledger:
        body = self._store.statistic(name)
        return _decode(body) if body else {}

    def restore(self) -> None:
        """Go back to what is durable of take-ups and of what nobody saw: the learner tells the rest again."""
        self._returned = self._stored(RETURNED)

    # -- what a decision needs -----------------------------------------------------------------------------

    def terms(
        self, experiences: Iterable[Experience], now_us: int
    ) -> tuple[dict[str, float], dict[str, str]]:
        """Experience → the shadow price of one exposure, money; and → why its budget is used up. Both where so."""
        prices, over = {}, {}
        for experience in experiences:
            if not experience.budgets:
                continue
            spent = {
                place: self._used(experience, budget, now_us)
                for place, budget in enumerate(experience.budgets)
            }
            reason = exhausted(spent, experience)
            if reason:
                over[experience.experience_id] = reason
            price = self._price_of_exposure(experience, now_us)
            if price > 0.0:
                prices[experience.experience_id] = price
        return prices, over

    def _price_of_exposure(self, experience: Experience, now_us: int) -> float:
        ends_us = _ends_us(experience)
        total = 0.0
        for budget in experience.budgets:
            price = price_of(self._spent(experience, budget), budget, ends_us, now_us)
            if budget.unit == "cost":
                price *= experience.cost
            elif budget.unit == "takeups":
                price *= self._rates.get(experience.experience_id, 0.0)
            total += price
        return total

    def tightest(self, experience: Experience) -> tuple[Budget, float]:
        """The budget of which the smallest share is left, and what is left of it, in units."""
        now_us = self._clock.now_us()
        left = [
            (budget, max(budget.limit - self._used(experience, budget, now_us), 0.0))
            for budget in experience.budgets
        ]
        return min(left, key=lambda each: each[1] / each[0].limit)

    # -- what becomes of it --------------------------------------------------------------------------------

    def charge(self, record: DecisionRecord) -> None:
        """Use what a decision uses, at once: the next one finds that much less."""
        experience = self._budgeted(record)
        if experience is None:
            return
        chosen = next(each for each in record.leading if each.experience_id == record.experience_id)
        factors = chosen.factors
        rate = self._rates.get(experience.experience_id, factors.p_takeup)
        self._rates[experience.experience_id] = rate + _RATE_SHARE * (factors.p_takeup - rate)
        worth = chosen.priority + factors.price
        self._charge_exposure(self._decided, experience, record, 1.0, worth)

    def decided(self, records: Iterable[DecisionRecord]) -> dict[str, bytes | None]:
        """The statistic that must be written with these decisions, if they use a budget."""
        if all(self._budgeted(record) is None for record in records):
            return {}
        return {DECIDED: _encode(self._decided)}

    def refused(self, records: Iterable[DecisionRecord]) -> None:
        """Decisions that could not be written use nothing."""
        for record in records:
            experience = self._budgeted(record)
            if experience is not None:
                self._charge_exposure(self._decided, experience, record, -1.0, 0.0)

    def unseen(self, record: DecisionRecord, *, seen: bool = False) -> None:
        """Nobody saw what was decided: its exposure is free again. ``seen``: it was, after all."""
        experience = self._budgeted(record)
        if experience is not None:
            units = 1.0 if seen else -1.0
            self._charge_exposure(self._returned, experience, record, units, 0.0)

    def taken_up(self, record: DecisionRecord, change: int) -> None:
        """A decision was taken up (+1), or turns out not to have been (−1)."""
        experience = self._budgeted(record)
        for budget in experience.budgets if experience is not None else ():
            if experience is not None and budget.unit == "takeups":
                spent = self._returned.setdefault(_key(experience, budget), Spent())
                worth = experience.value
                charge(spent, budget, change, worth, _ends_us(experience), self._clock.now_us())

    def returned(self) -> dict[str, bytes | None]:
        """The statistic that must be written with the learner's version, if any."""
        return {RETURNED: _encode(self._returned)} if self._returned else {}

    def report(self) -> list[BudgetView]:
        """Every budget by experience: what is used, and what one more unit would be worth now."""
        now_us = self._clock.now_us()
        found = []
        experiences = self._catalogue.offers.definitions.experiences
        for experience_id, experience in sorted(experiences.items()):
            for budget in experience.budgets:
                spent = self._spent(experience, budget)
                price = price_of(spent, budget, _ends_us(experience), now_us)
                amount = max(self._used(experience, budget, now_us), 0.0)
                found.append(
                    BudgetView(
                        experience_id=experience_id,
                        unit=budget.unit,
                        window_s=budget.window_s,
                        limit=budget.limit,
                        used=amount,
                        price=price,
                        words=_words(budget, amount, price),
                    )
                )
        return found

    # -- the books -----------------------------------------------------------------------------------------

    def _charge_exposure(
        self,
        ledger: _Ledger,
        experience: Experience,
        record: DecisionRecord,
        units: float,
        worth: float,
    ) -> None:
        """Use (or give back) one exposure of the budgets that exposures use."""
        for budget in experience.budgets:
            if budget.unit == "takeups":
                continue
            each = experience.cost if budget.unit == "cost" else 1.0
            spent = ledger.setdefault(_key(experience, budget), Spent())
            worth_unit = worth / each if each else 0.0
            at_us = record.inputs.now_us
            charge(spent, budget, units * each, worth_unit, _ends_us(experience), at_us)

    def _spent(self, experience: Experience, budget: Budget) -> Spent:
        """Where a budget's price stands: in the ledger in which it is used."""
        ledger = self._returned if budget.unit == "takeups" else self._decided
        return ledger.get(_key(experience, budget)) or Spent()

    def _used(self, experience: Experience, budget: Budget, now_us: int) -> float:
        key = _key(experience, budget)
        parts = (ledger.get(key) for ledger in (self._decided, self._returned))
        return sum(used(spent, budget, now_us) for spent in parts if spent is not None)

    def _budgeted(self, record: DecisionRecord) -> Experience | None:
        """What a record chose, as it was declared then, where that had budgets: what is given back is what was used.

        None where the definitions of then are no longer kept: what cannot be told stays used.
        """
        if record.experience_id == SILENCE:
            return None
        try:
            offers = self._catalogue.offers_at(record.inputs.definitions_version)
        except CannotReplay:
            return None
        experience = offers.definitions.experiences[record.experience_id]
        return experience if experience.budgets else None


def _key(experience: Experience, budget: Budget) -> str:
    """The same while a budget's unit and window are; its limit may be changed."""
    return f"{experience.experience_id}|{budget.unit}|{budget.window_s}"


def _ends_us(experience: Experience) -> int | None:
    return parse_time_us(experience.ends_at) if experience.ends_at else None


def _words(budget: Budget, amount: float, price: float) -> str:
    unit = {"exposures": "exposure", "takeups": "take-up", "cost": "unit of cost"}[budget.unit]
    days = budget.window_s / 86_400
    within = f" within {days:g} days" if budget.window_s else ""
    share = f"{amount:g} of {budget.limit:g} {budget.unit} used{within}"
    return f"{share}; one more {unit} is worth {price:.4g} now"
