"""What an exposure changes in lifetime value: worked out from the stored decisions, published, read by decisions.

Once in ``lifetime.interval_s`` people are read some at a time, a few with every tick, so that no decision waits for
it: of each the life that the log tells and the decisions made for the person. Both statistics (``measure.stages``,
``measure.changes``) add up over people; at the end they are solved, and what comes of it is an immutable version.

The stage before a decision is the one that it saw, in its record. What became of it is read by today's identities.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field

import msgspec

from eachwise.contracts.errors import Busy
from eachwise.contracts.experience import STAGES, Experience
from eachwise.contracts.learning import ModelVersion
from eachwise.contracts.measurement import (
    Change,
    LifetimeChange,
    LifetimeModel,
    LifetimeView,
    Refused,
)
from eachwise.contracts.ports import Clock, Commit, Store
from eachwise.flow.drive import Flow
from eachwise.flow.followed import counted, follow, read
from eachwise.flow.logged import Logged
from eachwise.identity import Directory
from eachwise.maths.decay import MICROSECONDS
from eachwise.maths.hashing import stable_hash
from eachwise.maths.times import iso
from eachwise.measure import (
    ChangeStatistic,
    StageStatistic,
    lifetime_model,
    merge_changes,
    merge_stages,
    no_changes,
    no_stages,
    solve_stages,
)
from eachwise.settings import Settings

MODEL = "lifetime"
# Under this name the store keeps when it was last worked out, and what came of it.
STATISTIC = "lifetime"
DAY_US = 86_400 * MICROSECONDS
# People read with one tick.
PEOPLE_A_TICK = 10
# Ids resolved between two requests.
_RESOLVED = 500
# It is worked out anew once the decisions have grown by a tenth, or after a week.
_GROWN, _STALE_US = 1.1, 7 * DAY_US

Made = list[tuple[str, list[str]]]


class _Last(msgspec.Struct, frozen=True):
    """The last time: when it began, of how many people and decisions, and why it said nothing (None: it did)."""

    at_us: int
    people: int = 0
    decisions: int = 0
    refused: Refused | None = None


@dataclass
class _Job:
    """People whose lives are still to be read, and the sums so far."""

    people: Made
    until_us: int
    decisions: int
    place: int = 0
    stages: StageStatistic = field(default_factory=lambda: no_stages(STAGES))
    changes: ChangeStatistic = field(default_factory=lambda: no_changes(STAGES))


class Lifetime:
    """``model`` is the version that decisions read (None: there is none, and nothing is added to any priority)."""

    def __init__(
        self,
        *,
        store: Store,
        clock: Clock,
        settings: Settings,
        directory: Directory,
        executor: Executor,
    ) -> None:
        self._store = store
        self._clock = clock
        self._settings = settings
        self._directory = directory
        self._executor = executor
        self._logged = Logged(store, settings, executor)
        self._job: _Job | None = None
        self._busy = False
        stored = store.statistic(STATISTIC)
        self._last = msgspec.msgpack.decode(stored, type=_Last) if stored else _Last(0)
        self._looked_at_us = self._last.at_us
        newest = store.model(MODEL)
        self._newest = newest.version if newest else 0
        self.model: LifetimeModel | None = None
        self._used: dict[str, tuple[dict[str, float], float]] = {}
        if newest is not None and self._last.refused is None:
            self._use(msgspec.msgpack.decode(newest.body, type=LifetimeModel))

    # -- what decisions read -------------------------------------------------------------------------------

    @property
    def version(self) -> int:
        """The version in use; 0 for none."""
        return self.model.version if self.model else 0

    def terms(self, experiences: Sequence[Experience], stage: str) -> dict[str, float]:
        """What an exposure adds for a person of this stage, money by experience id; what adds nothing is left out."""
        if self.model is None:
            return {}
        known, unseen = self._used[stage]
        found = {}
        for each in experiences:
            money = known.get(each.experience_id, unseen)
            if money:
                found[each.experience_id] = money
        return found

    def _use(self, model: LifetimeModel | None) -> None:
        self.model = model
        if model is None:
            return
        for stage in STAGES:
            known = {
                experience_id: self._money(by_stage[stage])
                for experience_id, by_stage in model.changes.items()
                if stage in by_stage
            }
            self._used[stage] = known, self._money(model.unseen[stage])

    def _money(self, change: Change) -> float:
        """What decisions add for a change, as ``decide.use_lifetime_value`` has it."""
        use, clv = self._settings.decide.use_lifetime_value, change.clv
        if use == "never" or (use == "certain" and clv.low <= 0.0 <= clv.high):
            return 0.0
        return clv.mean

    # -- working it out ------------------------------------------------------------------------------------

    def tick(self) -> Flow[None]:
        """Begin when it is time; while it is under way, read some more people."""
        if self._busy:
            return
        self._busy = True
        try:
            if self._job is None and self._due():
                self._job = yield from self._begin(grown=True)
            if self._job is not None:
                yield from self._go_on(self._job)
        except Exception:
            self._job = None
            raise
        finally:
            self._busy = False

    def work_out(self) -> Flow[LifetimeView]:
        """All of it now. Raises ``Busy`` while it is being worked out already."""
        if self._busy:
            raise Busy("lifetime value is being worked out at this moment; try once more")
        self._busy = True
        try:
            self._job = yield from self._begin(grown=False)
            while self._job is not None:
                yield from self._go_on(self._job)
        finally:
            self._job = None
            self._busy = False
        return self.view()

    def _due(self) -> bool:
        interval_us = self._settings.lifetime.interval_s * MICROSECONDS
        return 0.0 < interval_us <= self._clock.now_us() - self._looked_at_us

    @property
    def _period_us(self) -> int:
        return max(1, int(self._settings.lifetime.period_days * DAY_US))

    def _begin(self, *, grown: bool) -> Flow[_Job | None]:
        """Whose decisions there are; with ``grown`` None where there are none, or hardly any is new."""
        now_us = self._looked_at_us = self._clock.now_us()
        made = yield from self._logged.between(0, now_us - self._period_us)
        fresh = len(made) >= _GROWN * self._last.decisions
        stale = now_us - self._last.at_us >= _STALE_US
        if grown and not (made and (fresh or stale)):
            return None
        of_person: dict[str, list[str]] = {}
        for place, each in enumerate(made):
            if place % _RESOLVED == _RESOLVED - 1:
                yield self._executor.submit(int)
            # A device's decisions are those of whoever held it then.
            person = self._directory.resolve(each.individual_id, each.at_us)
            of_person.setdefault(person, []).append(each.decision_id)
        most = self._settings.lifetime.people_max
        people = sorted(of_person, key=lambda person: stable_hash(STATISTIC, person))[:most]
        return _Job([(person, of_person[person]) for person in people], now_us, len(made))

    def _go_on(self, job: _Job) -> Flow[None]:
        """The next people; after the last ones, what came of all."""
        some = job.people[job.place : job.place + PEOPLE_A_TICK]
        job.place += len(some)
        followed = []
        for person, decision_ids in some:
            sources = self._directory.sources_of(person)
            lived = yield self._executor.submit(read, self._store, person, sources, decision_ids)
            lived.events[:] = [
                each for each in lived.events if self._directory.person_of(each.event) == person
            ]
            each = yield self._executor.submit(
                follow, lived, self._logged, job.until_us, self._period_us, self._settings
            )
            followed += [] if each is None else [each]
        stages, changes = yield self._executor.submit(counted, followed)
        job.stages = merge_stages(job.stages, stages)
        job.changes = merge_changes(job.changes, changes)
        if job.place < len(job.people):
            return
        self._job = None
        found: LifetimeModel | Refused = yield self._executor.submit(
            _solved, job, self._newest + 1, self._settings
        )
        model = None if isinstance(found, Refused) else found
        refused = found if isinstance(found, Refused) else None
        yield from self._keep(model, refused, len(job.people), job.decisions)

    def _keep(
        self, model: LifetimeModel | None, refused: Refused | None, people: int, decisions: int
    ) -> Flow[None]:
        """Make it durable; then decisions read it, or nothing where it was refused."""
        now_us = self._clock.now_us()
        last = _Last(now_us, people, decisions, refused)
        commit = Commit(statistics={STATISTIC: msgspec.msgpack.encode(last)})
        if model is not None:
            body = msgspec.msgpack.encode(model)
            commit.models = [
                ModelVersion(
                    model=MODEL, version=model.version, base=0, created_at_us=now_us, body=body
                )
            ]
        yield self._store.commit(commit)
        self._last = last
        self._newest = model.version if model else self._newest
        self._use(model)

    # -- telling -------------------------------------------------------------------------------------------

    def view(self) -> LifetimeView:
        """What is known, or why nothing is."""
        settings, model = self._settings, self.model
        changes = _listed(model, self._money) if model else []
        return LifetimeView(
            version=self.version,
            at=iso(self._last.at_us) if self._last.at_us else None,
            period_days=model.period_s / 86_400.0 if model else settings.lifetime.period_days,
            discount=model.discount if model else settings.lifetime.discount,
            use=settings.decide.use_lifetime_value,
            stages=model.stages if model else [],
            changes=changes,
            unseen={stage: each.clv for stage, each in model.unseen.items()} if model else {},
            people=self._last.people,
            decisions=self._last.decisions,
            refused=self._last.refused,
            words=_words(self._last, changes, settings),
        )


def _solved(job: _Job, version: int, settings: Settings) -> LifetimeModel | Refused:
    wanted = settings.lifetime
    values = solve_stages(
        job.stages, discount=wanted.discount, seed=stable_hash(STATISTIC, version) % 2**32
    )
    return lifetime_model(
        values, job.changes, version=version, period_s=wanted.period_days * 86_400.0
    )


def _listed(model: LifetimeModel, money: Callable[[Change], float]) -> list[LifetimeChange]:
    return [
        LifetimeChange(
            experience_id=experience_id,
            stage=stage,
            clv=change.clv,
            moves=change.moves,
            earned=change.earned,
            ess=change.ess,
            used=money(change),
        )
        for experience_id, by_stage in sorted(model.changes.items())
        for stage, change in by_stage.items()
    ]


def _words(last: _Last, changes: Sequence[LifetimeChange], settings: Settings) -> list[str]:
    """What came of it, in sentences."""
    if not last.at_us:
        return ["nobody has looked yet: it is worked out once decisions are older than a period"]
    share = f"an order counts with {settings.lifetime.margin_share:.0%} of its money"
    if not last.decisions:
        return ["no decision is older than a period: what followed is not known yet"]
    if last.refused is not None:
        return [*(reason.words for reason in last.refused.reasons), share]
    sure = sum(not each.clv.low <= 0.0 <= each.clv.high for each in changes)
    used = sum(each.used != 0.0 for each in changes)
    return [
        f"from {last.decisions:,} decisions, of {last.people:,} people whose lives were read",
        f"{sure} of {len(changes)} changes are certain: their interval leaves 0 out",
        f"decisions count {used} of them ({settings.decide.use_lifetime_value}, by the setting)",
        share,
    ]
