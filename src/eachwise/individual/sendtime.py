"""When to send: the moment of the person's own clock at which a contact is likeliest to be answered.

For the bins b of the clock (``individual.hours``), with K(b, c) = exp(−d²/2σ²) over their distance d in hours and half
of it between a working day and the weekend:

    p(b)  people's activity, smoothed, its mean 1              q(b)  the person's: (A p + Σ_c K log(1 + own_c)) / …
    r(b)  the share of contacts that people answer, shrunk to its mean
    m(b)  = r(b) · q(b) / p(b)                                  what is expected before the person's own answers
    α(b)  = S m(b) + Σ_c K answered_c                           β(b) = S (1 − m(b)) + Σ_c K ignored_c

The posterior of the answer rate in each bin is Beta(α, β). Thompson sampling: the rates are drawn M times together
(a logit-normal with the Beta's mean and spread; neighbouring bins vary together, as the counts do), the probability of
a bin is the share of draws in which it is the best, and a small part goes to all bins alike. One bin is drawn from
that. All of it is a pure function of its arguments and of the seed.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, tzinfo
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from eachwise.contracts.arrays import Floats
from eachwise.contracts.individual import Individual
from eachwise.individual.hours import (
    BINS,
    DAY_HOURS,
    PopulationHours,
    bin_of,
    in_bins,
    local_hours,
    local_moment,
    outbound_answers,
)
from eachwise.maths.draws import normals, sample, uniform
from eachwise.maths.zones import Quiet
from eachwise.settings import SendTimeSettings

# What a seed is used for; two uses never share a number. Permanent: a change alters every replay.
_DRAWS_STREAM, _CHOICE_STREAM, _MINUTE_STREAM = 1, 2, 3
# Moments are looked at half an hour apart, at most a week ahead: then the bins come again.
_STEP_US = 1_800_000_000
_AHEAD_US = 7 * 86_400_000_000
# Neighbouring hours are alike: σ of the kernel; a weekend's hour says half of what a working day's does.
_SIGMA_HOURS, _ACROSS = 1.5, 0.5
# An answer may come for a day; a contact younger than that is not yet known to be ignored.
_ANSWERED_WITHIN_US = 86_400_000_000
# Before anything is known: the share of contacts that are answered, and for how many contacts that counts.
_RATE, _RATE_CONTACTS = 0.1, 20.0
_RATE_MIN, _RATE_MAX = 0.002, 0.9


class SendTime(NamedTuple):
    """When to send. ``probability``: with which this hour was drawn; ``hour``: of the person's clock, 0–23."""

    at_us: int
    probability: float
    hour: int
    reason: str


class Posterior(NamedTuple):
    """Beta(α, β) of the answer rate in each of the 48 bins, and how many own acts and contacts they rest on."""

    alpha: Floats
    beta: Floats
    acts: int
    contacts: int


def send_time(
    own: Individual,
    population: PopulationHours,
    now_us: int,
    until_us: int,
    zone: tzinfo,
    quiet: Sequence[Quiet],
    seed: int,
    settings: SendTimeSettings,
) -> SendTime:
    """The moment from now until a time, outside of quiet hours on the person's clock, at which to send.

    Now, with probability 1, where there is nothing to choose: no time, or quiet hours throughout.
    """
    slots = _slots(now_us, min(until_us, now_us + _AHEAD_US), zone, quiet)
    if not slots:
        hour = local_moment(now_us, zone).hour
        reason = "there is no time until then" if until_us <= now_us else "quiet hours throughout"
        return SendTime(now_us, 1.0, hour, reason)
    found = posterior(own, population, now_us, zone, settings)
    bins = list(slots)
    probabilities = chances(found, bins, seed, settings)
    drawn = sample(probabilities, seed, _CHOICE_STREAM)
    moments = slots[bins[drawn]]
    # People are not all to be written to on the stroke of the hour.
    at_us = moments[int(uniform(seed, _MINUTE_STREAM) * len(moments))]
    at_us = _within(at_us, moments, until_us, zone, quiet, seed)
    hour = bins[drawn] % DAY_HOURS
    means = found.alpha / (found.alpha + found.beta)
    best = bins[int(np.argmax(means[bins]))]
    why = "the best by expectation" if bins[drawn] == best else "to learn more of it"
    reason = (
        f"{hour}:00–{hour + 1}:00 on the person's clock, {why}: "
        f"from {found.acts} own acts and {found.contacts} contacts"
    )
    return SendTime(at_us, float(probabilities[drawn] / probabilities.sum()), hour, reason)


def posterior(
    own: Individual,
    population: PopulationHours,
    now_us: int,
    zone: tzinfo,
    settings: SendTimeSettings,
) -> Posterior:
    """What is believed of the answer rate in each bin, as the module says."""
    kernel, spread = _kernels()
    everyone = spread @ in_bins(population.activity)
    everyone = everyone + max(float(everyone.sum()), 1.0) / BINS * 0.1
    everyone = everyone / everyone.mean()
    counts = local_hours(own.hours, now_us, zone)
    mine = spread @ np.log1p(counts)
    prior = settings.activity_prior
    tilt = (prior * everyone / BINS + mine) / (prior + mine.sum()) * BINS / everyone
    sent, answered = in_bins(population.sent), in_bins(population.answered)
    rate = (answered.sum() + _RATE * _RATE_CONTACTS) / (sent.sum() + _RATE_CONTACTS)
    shared = (kernel @ answered + rate * _RATE_CONTACTS) / (kernel @ sent + _RATE_CONTACTS)
    mean = np.clip(shared * tilt, _RATE_MIN, _RATE_MAX)
    taken, ignored = np.zeros((2, BINS))
    contacts = outbound_answers(own.contacts, now_us)
    for at_us, was_answered in contacts:
        where = bin_of(local_moment(at_us, zone))
        if was_answered:
            taken[where] += 1.0
        elif at_us < now_us - _ANSWERED_WITHIN_US:
            ignored[where] += 1.0
    strength = settings.contacts_prior
    return Posterior(
        alpha=strength * mean + kernel @ taken,
        beta=strength * (1.0 - mean) + kernel @ ignored,
        acts=int(counts.sum()),
        contacts=len(contacts),
    )


def chances(found: Posterior, bins: Sequence[int], seed: int, settings: SendTimeSettings) -> Floats:
    """(len(bins),): the probability of each of these bins, summing to 1."""
    total = found.alpha + found.beta
    mean = found.alpha / total
    # The delta method: the variance of a Beta's logit is about 1 / (total · mean · (1 − mean)).
    sd = settings.spread / np.sqrt(total * mean * (1.0 - mean))
    independent = normals(seed + _DRAWS_STREAM, (settings.draws, BINS))
    drawn = np.log(mean / (1.0 - mean)) + sd * (independent @ _mixing())
    wins = np.bincount(np.argmax(drawn[:, bins], axis=1), minlength=len(bins))
    share = settings.exploration
    return np.asarray((1.0 - share) * wins / settings.draws + share / len(bins))


def _slots(
    now_us: int, until_us: int, zone: tzinfo, quiet: Sequence[Quiet]
) -> dict[int, list[int]]:
    """Bin → the moments of its next occurrence that quiet hours allow; now itself, then every half hour."""
    found: dict[int, list[int]] = {}
    hours: dict[int, int] = {}
    at_us = now_us
    while at_us < until_us:
        moment = local_moment(at_us, zone)
        if not any(each.holds(moment) for each in quiet):
            where, hour = bin_of(moment), _hour_number(moment)
            if hours.setdefault(where, hour) == hour:
                found.setdefault(where, []).append(at_us)
        at_us = (at_us // _STEP_US + 1) * _STEP_US
    return found


def _hour_number(moment: datetime) -> int:
    return moment.toordinal() * DAY_HOURS + moment.hour


def _within(
    at_us: int,
    moments: Sequence[int],
    until_us: int,
    zone: tzinfo,
    quiet: Sequence[Quiet],
    seed: int,
) -> int:
    """A moment in the half hour that begins here, where that is still in time and allowed; else its beginning."""
    end_us = min((at_us // _STEP_US + 1) * _STEP_US, until_us)
    later_us = at_us + int(uniform(seed, _MINUTE_STREAM, 1) * (end_us - at_us))
    moment = local_moment(later_us, zone)
    return at_us if any(each.holds(moment) for each in quiet) else later_us


@lru_cache(maxsize=1)
def _kernels() -> tuple[Floats, Floats]:
    """(48, 48) twice: K with 1 on its diagonal, and with columns that sum to 1."""
    hour = np.arange(BINS) % DAY_HOURS
    apart = np.abs(hour[:, None] - hour[None, :])
    distance = np.minimum(apart, DAY_HOURS - apart)
    weekend = np.arange(BINS) // DAY_HOURS
    across = np.where(weekend[:, None] == weekend[None, :], 1.0, _ACROSS)
    kernel = np.exp(-0.5 * (distance / _SIGMA_HOURS) ** 2) * across
    return kernel, kernel / kernel.sum(axis=0)


@lru_cache(maxsize=1)
def _mixing() -> Floats:
    """(48, 48): what makes independent draws vary together as the kernel does, each with variance 1."""
    kernel, _ = _kernels()
    return np.asarray(kernel / np.sqrt((kernel**2).sum(axis=0)))
