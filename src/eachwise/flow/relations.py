"""Stages over time: a person's, and everybody's period by period; and what journeys changed against their holdouts.

All of it is read from the log by today's identities. Everybody is read one after another on the executor.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Executor
from typing import get_args

from eachwise.contracts.errors import InvalidInput, NotFound
from eachwise.contracts.events import LoggedEvent
from eachwise.contracts.experience import STAGES
from eachwise.contracts.ports import Clock, Store
from eachwise.contracts.relations import (
    JourneyEffect,
    PeriodName,
    RungTime,
    StageHistory,
    StageMove,
    StagePeriod,
    StageReport,
    StageTransition,
)
from eachwise.flow.catalogue import Catalogue
from eachwise.flow.drive import Flow
from eachwise.flow.effects import Effects
from eachwise.flow.histories import Histories
from eachwise.flow.ingest import Ingest
from eachwise.flow.people import People
from eachwise.flow.standings import DAY_US, RUNG, Standing, path_of, standings
from eachwise.flow.taste import Tasting
from eachwise.identity import Directory
from eachwise.maths.times import day_words, iso, parse_time_us
from eachwise.measure import (
    Path,
    TransitionStatistic,
    all_transitions,
    count_transitions,
    merge_transitions,
    no_transitions,
    period_transitions,
    rung_times,
)
from eachwise.settings import Settings

PERIODS: dict[PeriodName, int] = dict(zip(get_args(PeriodName), (1, 7, 30), strict=True))
PERIODS_DEFAULT, PERIODS_MAX = 12, 400
LEVEL = 0.95
# People counted at a time, so that their paths need not all be kept.
_COUNTED = 500


class Relations:
    """Answers how relationships move."""

    def __init__(
        self,
        *,
        store: Store,
        clock: Clock,
        settings: Settings,
        people: People,
        directory: Directory,
        catalogue: Catalogue,
        tasting: Tasting,
        ingest: Ingest,
        executor: Executor,
    ) -> None:
        self._clock = clock
        self._settings = settings
        self._ingest = ingest
        self._executor = executor
        self._histories = Histories(
            store=store, people=people, directory=directory, executor=executor
        )
        self._effects = Effects(
            store=store,
            clock=clock,
            settings=settings,
            catalogue=catalogue,
            tasting=tasting,
            histories=self._histories,
            executor=executor,
        )

    def journey_effect(self, journey_id: str) -> Flow[JourneyEffect]:
        """What a journey changed against its holdout; see ``flow.effects``. Raises ``NotFound``."""
        return self._effects.effect(journey_id)

    def stages_of(self, individual_id: str) -> Flow[StageHistory]:
        """A person's stages from the first event to now. Raises ``NotFound``."""
        person = self._histories.resolve(individual_id)
        now_us = self._clock.now_us()

        def told(_: str, logged: list[LoggedEvent]) -> tuple[int, list[Standing]]:
            return len(logged), standings(logged, now_us, self._settings)

        ((events, found),) = yield from self._histories.each([person], told)
        if not found:
            raise NotFound(f"no event of {person!r} has happened yet")
        return _history(person, events, found, now_us)

    def stages(
        self, since: str | None = None, until: str | None = None, period: str = "week"
    ) -> Flow[StageReport]:
        """Everybody's stages, period by period, from ``since`` to ``until`` (ISO 8601; days of UTC).

        Whole periods only, from ``since`` on; none given: the last twelve. What is not over is left out. Raises
        ``InvalidInput`` naming the parameter that is wrong.
        """
        boundaries = _boundaries(since, until, period, self._clock.now_us())
        until_us = boundaries[-1]

        def told(_: str, logged: list[LoggedEvent]) -> Path | None:
            return path_of(standings(logged, until_us, self._settings), boundaries, until_us)

        # Who is in memory only would not be met.
        yield from self._ingest.checkpoint()
        total, chosen = yield from self._histories.everybody(self._settings.relations.people_max)
        statistic = no_transitions(STAGES, len(boundaries) - 1)
        for start in range(0, len(chosen), _COUNTED):
            some = yield from self._histories.each(chosen[start : start + _COUNTED], told)
            paths = [each for each in some if each is not None]
            statistic = yield self._executor.submit(_more, statistic, paths)
        report: StageReport = yield self._executor.submit(
            _report, statistic, boundaries, total, len(chosen)
        )
        return report


def _more(statistic: TransitionStatistic, paths: Sequence[Path]) -> TransitionStatistic:
    counted = count_transitions(STAGES, len(statistic.counts), paths)
    return merge_transitions(statistic, counted)


# -- one person --------------------------------------------------------------------------------------------


def _history(person: str, events: int, found: Sequence[Standing], now_us: int) -> StageHistory:
    moves = []
    before: Standing | None = None
    for each in found:
        moves.append(
            StageMove(
                at=iso(each.at_us),
                stage=each.stage,
                lapsed=each.lapsed,
                before=before.stage if before else "",
                was_lapsed=before.lapsed if before else False,
            )
        )
        before = each
    last = found[-1]
    # The lapse may be younger than the stage.
    since = next(each for place, each in enumerate(found) if _stays(found[place:]))
    return StageHistory(
        individual_id=person,
        at=iso(now_us),
        stage=last.stage,
        lapsed=last.lapsed,
        since=iso(since.at_us),
        events=events,
        moves=moves,
        words=[_moved(move, each.at_us) for move, each in zip(moves, found, strict=True)],
    )


def _stays(rest: Sequence[Standing]) -> bool:
    return all(each.stage == rest[0].stage for each in rest)


def _moved(move: StageMove, at_us: int) -> str:
    when = day_words(at_us - at_us % 1_000_000)
    if not move.before:
        return f"{when}: first seen, {move.stage}"
    if move.stage == move.before:
        return f"{when}: {'lapsed' if move.lapsed else 'back'}, still {move.stage}"
    lapse = "" if move.lapsed == move.was_lapsed else ", lapsed" if move.lapsed else ", back"
    return f"{when}: from {move.before} to {move.stage}{lapse}"


# -- everybody ---------------------------------------------------------------------------------------------


def _boundaries(since: str | None, until: str | None, period: str, now_us: int) -> list[int]:
    """The ends of the periods, K + 1 midnights of UTC."""
    days = next((count for name, count in PERIODS.items() if name == period), 0)
    if not days:
        raise InvalidInput(f"period: must be {', '.join(PERIODS)}, not {period!r}", field="period")
    length = days * DAY_US
    last = min(_midnight("until", until) if until else now_us, now_us) // DAY_US * DAY_US
    if since is None:
        return [last - k * length for k in range(PERIODS_DEFAULT, -1, -1)]
    first = _midnight("since", since)
    count = (last - first) // length
    if not 1 <= count <= PERIODS_MAX:
        raise InvalidInput(
            f"since: from there to the last midnight before until must be 1 to {PERIODS_MAX} whole periods of "
            f"{days} days, not {max(count, 0)}",
            field="since",
        )
    return [first + k * length for k in range(count + 1)]


def _midnight(field: str, text: str) -> int:
    try:
        return parse_time_us(text) // DAY_US * DAY_US
    except ValueError as error:
        raise InvalidInput(f"{field}: {error}", field=field) from None


def _report(
    statistic: TransitionStatistic, boundaries: Sequence[int], total: int, read: int
) -> StageReport:
    transitions = all_transitions(statistic, LEVEL)
    rungs = rung_times(statistic, LEVEL)
    days = (boundaries[1] - boundaries[0]) // DAY_US
    return StageReport(
        since=iso(boundaries[0]),
        until=iso(boundaries[-1]),
        period_days=days,
        people=total,
        read=read,
        level=LEVEL,
        stood=_by_stage(statistic.stood[-1].tolist()),
        lapsed=int(statistic.lapsed[-1]),
        transitions=transitions,
        rungs=rungs,
        periods=[
            StagePeriod(
                since=iso(boundaries[k]),
                until=iso(boundaries[k + 1]),
                stood=_by_stage(statistic.stood[k].tolist()),
                lapsed=int(statistic.lapsed[k]),
                came=_by_stage(statistic.counts[k, -1].tolist()),
                transitions=period_transitions(statistic, k, LEVEL),
            )
            for k in range(len(boundaries) - 1)
        ],
        words=_words(transitions, rungs, days, total, read),
    )


def _by_stage(counts: Sequence[int]) -> dict[str, int]:
    return dict(zip(STAGES, counts, strict=True))


def _words(
    transitions: Sequence[StageTransition],
    rungs: Sequence[RungTime],
    days: int,
    total: int,
    read: int,
) -> list[str]:
    """What it tells, in sentences."""
    lines = [f"{read:,} people were read"]
    if read < total:
        lines = [
            f"of {total:,} people {read:,} were read, a fixed sample: counts are of these, rates of all"
        ]
    period = "a day" if days == 1 else f"{days} days"
    for each in transitions:
        if RUNG[each.after] > RUNG[each.before]:
            rate = each.rate
            lines.append(
                f"{each.before} → {each.after} in {period}: {rate.mean:.1%} ({rate.low:.1%} to {rate.high:.1%}), "
                f"{each.count:,} of {each.of:,}"
            )
    for rung in rungs:
        rose = f"{rung.rose:,} of {rung.people:,} who came to {rung.stage} were seen to rise"
        if rung.median_days is None:
            lines.append(f"{rose}, fewer than half so far")
        else:
            high = "?" if rung.high_days is None else f"{rung.high_days:.1f}"
            lines.append(
                f"{rose}, half of them within {rung.median_days:.1f} days "
                f"({rung.low_days:.1f} to {high})"
            )
    return lines
