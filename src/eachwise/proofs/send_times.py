"""``eachwise prove send-time``: what a moment of one's own is worth, among people whose hours are known.

Each person has an hour at which they read (mornings, lunch, evenings, late; at the weekend an hour and a half later),
and is the likelier to answer the nearer to it a contact comes: rate · (¼ + ¾ e^(−d²/2·2²)) at a distance of d hours.
Most of what they do by themselves is done around that hour, too. Every two days each gets a contact, which may be made
at any moment of the 24 hours after a random one. Told is the true answer rate at the moments that were chosen.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, timedelta
from typing import Final, NamedTuple

import msgspec
import numpy as np

from eachwise.contracts.arrays import Floats
from eachwise.contracts.individual import Contact, Individual
from eachwise.individual import PopulationHours, bin_of, local_moment, send_time
from eachwise.individual.hours import ANSWER_ACTS, hour_of_week
from eachwise.maths.hashing import stable_hash
from eachwise.settings import SendTimeSettings

_HOUR_US = 3_600_000_000
_DAY_US = 24 * _HOUR_US
# A Monday, 00:00 UTC.
_START_US = 1_767_571_200_000_000
_EVERY_US = 2 * _DAY_US
# Share of people, and the hour around which they read; each differs from it with this standard deviation.
_KINDS: Final = ((0.25, 8.0), (0.20, 12.5), (0.40, 20.0), (0.15, 22.5))
_SD_HOURS, _WEEKEND_HOURS, _WIDTH_HOURS = 1.5, 1.5, 2.0
_RATE_MEAN, _RATE_SIZE = 0.3, 12.0
# Of what a person does, this share lies around the hour; the rest anywhere from 8 to 23.
_AROUND = 0.7
_FIXED_HOUR = 10
CONTACTS = 20
SPANS: Final = ((1, 5), (6, 10), (11, 20))
PUBLIC = 500
ARMS: Final = ("random", "fixed 10:00", "best of all", "learnt, no acts", "learnt", "own best")


class Reader(NamedTuple):
    """One person: the hour on working days, and the answer rate at it."""

    hour: float
    rate: float

    def answers(self, at_us: int) -> float:
        """The true probability of an answer to a contact at this moment."""
        moment = local_moment(at_us, UTC)
        own = self.hour + (_WEEKEND_HOURS if moment.weekday() >= 5 else 0.0)
        apart = abs(moment.hour + moment.minute / 60.0 - own) % 24.0
        distance = min(apart, 24.0 - apart)
        return self.rate * (0.25 + 0.75 * float(np.exp(-0.5 * (distance / _WIDTH_HOURS) ** 2)))


class Figure(msgspec.Struct, frozen=True, kw_only=True):
    """One arm's answer rate over some contacts, with a 95 % interval over people."""

    arm: str
    acts: int
    contacts: str
    value: float
    low: float
    high: float


Choose = Callable[[Reader, Individual, int, int], int]


def prove(*, people: int = 400, acts: Sequence[int] = (0, 10, 40), seed: int = 1) -> list[Figure]:
    """The answer rate of each arm for newcomers of whom so many acts are known before the first contact."""
    population, best_hour = _public(seed)
    settings = SendTimeSettings()

    def learnt(_: Reader, state: Individual, now_us: int, draw: int) -> int:
        return send_time(state, population, now_us, now_us + _DAY_US, UTC, (), draw, settings).at_us

    def blind(reader: Reader, state: Individual, now_us: int, draw: int) -> int:
        return learnt(reader, Individual(contacts=state.contacts), now_us, draw)

    arms: Mapping[str, Choose] = {
        "random": lambda _, state, now_us, draw: now_us + draw % _DAY_US,
        "fixed 10:00": lambda _, state, now_us, draw: _next(now_us, _FIXED_HOUR),
        "best of all": lambda _, state, now_us, draw: _next(now_us, best_hour),
        "learnt, no acts": blind,
        "learnt": learnt,
        "own best": lambda reader, state, now_us, draw: max(
            range(now_us, now_us + _DAY_US, _HOUR_US // 4), key=reader.answers
        ),
    }
    found = []
    for known in acts:
        for arm in ARMS:
            rates = np.array(
                [_lived(number, known, arms[arm], seed, arm) for number in range(people)]
            )
            found += [_figure(arm, known, span, rates) for span in SPANS]
    return found


def table(figures: Sequence[Figure]) -> list[str]:
    """The figures, a row for each arm and number of acts."""
    names = [f"{first}–{last}" for first, last in SPANS]
    lines = [f"{'acts':>5}  {'arm':16}" + "".join(f"  {'contacts ' + name:>22}" for name in names)]
    rows: dict[tuple[int, str], list[Figure]] = {}
    for each in figures:
        rows.setdefault((each.acts, each.arm), []).append(each)
    for (acts, arm), row in rows.items():
        cells = [f"{each.value:.3f} ({each.low:.3f}–{each.high:.3f})" for each in row]
        lines.append(f"{acts:5}  {arm:16}" + "".join(f"  {cell:>22}" for cell in cells))
    return lines


def _reader(number: int, seed: int) -> Reader:
    rng = np.random.default_rng(stable_hash("send-time reader", seed, number))
    shares = [share for share, _ in _KINDS]
    _, around = _KINDS[int(rng.choice(len(_KINDS), p=shares))]
    size = _RATE_SIZE
    rate = float(rng.beta(_RATE_MEAN * size, (1.0 - _RATE_MEAN) * size))
    return Reader(float(around + _SD_HOURS * rng.standard_normal()) % 24.0, rate)


def _public(seed: int) -> tuple[PopulationHours, int]:
    """What other people did and answered, written to at random; and the hour that is truly the best for them all."""
    hours = PopulationHours()
    rng = np.random.default_rng(stable_hash("send-time public", seed))
    readers = [_reader(-1 - number, seed) for number in range(PUBLIC)]
    for reader in readers:
        for at_us in _acts(reader, 20, rng):
            hours.act(bin_of(local_moment(at_us, UTC)))
        for _ in range(10):
            at_us = _START_US - int(rng.integers(60 * _DAY_US))
            where = bin_of(local_moment(at_us, UTC))
            hours.send(where)
            if rng.random() < reader.answers(at_us):
                hours.answer(where)
    means = [
        sum(reader.answers(_START_US + hour * _HOUR_US) for reader in readers) for hour in range(24)
    ]
    return hours, int(np.argmax(means))


def _acts(reader: Reader, count: int, rng: np.random.Generator) -> list[int]:
    """When a person acted in the sixty days before."""
    found = []
    for _ in range(count):
        day_us = _START_US - int(rng.integers(1, 61)) * _DAY_US
        own = reader.hour
        if local_moment(day_us, UTC).weekday() >= 5:
            own += _WEEKEND_HOURS
        around = rng.random() < _AROUND
        hour = rng.normal(own, _WIDTH_HOURS) if around else rng.uniform(8.0, 23.0)
        found.append(day_us + int(hour % 24.0 * _HOUR_US))
    return found


def _lived(number: int, known: int, choose: Choose, seed: int, arm: str) -> Floats:
    """(CONTACTS,): the true answer rates at the moments chosen for one newcomer."""
    reader = _reader(number, seed)
    rng = np.random.default_rng(stable_hash("send-time newcomer", seed, number))
    state = Individual()
    for at_us in _acts(reader, known, rng):
        _count(state, at_us, 1)
    rates = np.zeros(CONTACTS)
    for turn in range(CONTACTS):
        now_us = _START_US + turn * _EVERY_US + int(rng.integers(_DAY_US))
        answered = rng.random()
        at_us = choose(reader, state, now_us, stable_hash("send-time", seed, number, turn, arm))
        rates[turn] = reader.answers(at_us)
        state.contacts.append(_contact(at_us, turn, "expose"))
        if answered < rates[turn]:
            opened_us = at_us + timedelta(minutes=10) // timedelta(microseconds=1)
            state.contacts.append(_contact(opened_us, turn, "view"))
            _count(state, opened_us, ANSWER_ACTS)
    return rates


def _contact(at_us: int, turn: int, action: str) -> Contact:
    return Contact(at_us, turn, action, "offer", "mail", "email", f"d{turn}")


def _count(state: Individual, at_us: int, acts: int) -> None:
    hour = hour_of_week(at_us)
    state.hours[hour] = state.hours.get(hour, 0) + acts


def _next(now_us: int, hour: int) -> int:
    """The next full hour of this name."""
    at_us = now_us // _DAY_US * _DAY_US + hour * _HOUR_US
    return at_us if at_us >= now_us else at_us + _DAY_US


def _figure(arm: str, acts: int, span: tuple[int, int], rates: Floats) -> Figure:
    first, last = span
    means = rates[:, first - 1 : last].mean(axis=1)
    half = 1.96 * float(means.std(ddof=1)) / np.sqrt(len(means))
    value = float(means.mean())
    return Figure(
        arm=arm,
        acts=acts,
        contacts=f"{first}-{last}",
        value=value,
        low=value - half,
        high=value + half,
    )
