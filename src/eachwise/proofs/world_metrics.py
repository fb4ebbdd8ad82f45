"""Figures of what methods led to, with intervals that respect who is behind the numbers, and what they prove.

Every figure is a ratio of sums R = Σa / Σb. With a_c and b_c the sums of cluster c, of C clusters, linearised (Cochran
1977, 6.4; Liang & Zeger 1986 for the clusters):

    e_c = a_c − R·b_c        se² = C/(C − 1) · Σ e_c² / (Σb)²        R ± t(C − 1)·se

A cluster is a world: what a method learnt there, by its luck, is shared by all people of that world, so people are no
independent witnesses (Ibragimov & Müller 2010 for t with few clusters). Of a single world nothing can be said of that
luck; then a cluster is a person, since a person's visits are alike, and the interval is for that world only. Where a
ratio is of two methods (``lift``, ``oracle_share``) both sums come from the same people, visits and luck, which cancel.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
from numpy.typing import ArrayLike

from eachwise.contracts.arrays import Floats, Ints
from eachwise.contracts.errors import InvalidInput
from eachwise.maths.intervals import paired_difference, t_quantile, wilson
from eachwise.proofs.report import Estimate
from eachwise.proofs.world_stream import Outcomes

BLANKET: Final = "blanket"
ORACLE: Final = "oracle"
KNOWN: Final = "reference:known_model"
RIVAL: Final = "reference:vw_"
# A curve has so many points.
POINTS: Final = 50
# Metric → whether more is better: what an individual method must win against every segment.
JUDGED: Final = {"click_rate": True, "value": True, "disconnect_rate": False}
WORDS: Final = {"click_rate": "clicks", "value": "value", "disconnect_rate": "disconnects"}
# How one method may stand beside another.
APART: Final = "intervals that do not touch"
PAIRED: Final = "better world by world (paired), though intervals touch"
OPEN: Final = "not shown to be better"
WORSE: Final = "worse"
_UPPER = 0.975


def ratio(above: ArrayLike, below: ArrayLike, cluster: Ints) -> Estimate:
    """Σ above / Σ below over observations (n,) that belong to clusters (n,), with its 95 % interval.

    Raises ``InvalidInput`` with fewer than two clusters or nothing below: no interval can be given.
    """
    _, own = np.unique(cluster, return_inverse=True)
    sums_above = np.bincount(own, weights=np.asarray(above, dtype=np.float64))
    sums_below = np.bincount(own, weights=np.asarray(below, dtype=np.float64))
    count, total = len(sums_below), float(sums_below.sum())
    if count < 2 or total == 0.0:
        raise InvalidInput("a ratio needs two clusters and something below", field="cluster")
    middle = float(sums_above.sum()) / total
    errors = sums_above - middle * sums_below
    variance = count / (count - 1) * float(errors @ errors) / total**2
    half = t_quantile(_UPPER, count - 1) * math.sqrt(variance)
    return Estimate(middle, middle - half, middle + half)


def rate(happened: ArrayLike, of: ArrayLike, cluster: Ints, person: Ints) -> Estimate:
    """The same for a share in [0, 1]; one that never happened gets Wilson's interval for 0 of so many people.

    A share of nothing at all (no sends) is 0 of no people: anything, [0, 1].
    """
    base = np.asarray(of, dtype=np.float64)
    if not np.asarray(happened).any():
        bound = wilson(0, len(np.unique(person[base > 0.0])))
        return Estimate(0.0, 0.0, bound.high if bound else 1.0)
    found = ratio(happened, base, cluster)
    return Estimate(found.value, max(found.low, 0.0), min(found.high, 1.0))


def figures(arm: Outcomes, of: Mapping[str, Outcomes]) -> dict[str, Estimate]:
    """Every metric of one method; ``of`` names the others at the same visits, the blanket and the oracle among them.

    click_rate, conversion_rate, silence_rate: a decision; disconnect_rate, believed_disconnect_rate, hide_rate: a send;
    value: EUR a decision; lift: clicks over the blanket's, less 1; oracle_share: value over the oracle's; known_share:
    clicks over those of whoever knows the click model, and expected_known_share the same of the clicks that the truth
    expects, without their luck.
    """
    each, person = np.ones(len(arm.sent)), arm.person
    cluster = arm.seed if len(np.unique(arm.seed)) > 1 else person
    found = {
        "click_rate": rate(arm.clicked, each, cluster, person),
        "value": ratio(arm.value, each, cluster),
        "disconnect_rate": rate(arm.conflicting, arm.sent, cluster, person),
        "hide_rate": rate(arm.hidden, arm.sent, cluster, person),
        "conversion_rate": rate(arm.purchased, each, cluster, person),
        "silence_rate": rate(~arm.sent, each, cluster, person),
    }
    if arm.sent.any() and not np.isnan(arm.believed).any():
        found["believed_disconnect_rate"] = ratio(arm.believed, arm.sent, cluster)
    if of[BLANKET].clicked.any():
        clicks = ratio(arm.clicked, of[BLANKET].clicked, cluster)
        found["lift"] = Estimate(clicks.value - 1.0, clicks.low - 1.0, clicks.high - 1.0)
    if KNOWN in of and of[KNOWN].clicked.any():
        found["known_share"] = ratio(arm.clicked, of[KNOWN].clicked, cluster)
        found["expected_known_share"] = ratio(arm.expected, of[KNOWN].expected, cluster)
    if float(of[ORACLE].value.sum()) > 0.0:
        found["oracle_share"] = ratio(arm.value, of[ORACLE].value, cluster)
    return found


def all_figures(arms: Mapping[str, Outcomes]) -> dict[str, dict[str, Estimate]]:
    """Every metric of every method; the blanket and the oracle must be among them."""
    return {name: figures(arm, arms) for name, arm in arms.items()}


def regret(arms: Mapping[str, Outcomes]) -> dict[str, list[float]]:
    """Each method's regret in EUR after 0, 2 … 100 % of a world's decisions: what the oracle has more, mean of worlds.

    ``decisions`` says after how many. The oracle's own, 0, is left out.
    """
    oracle = arms[ORACLE]
    _, first, count = np.unique(oracle.seed, return_index=True, return_counts=True)
    after = np.linspace(0, int(count.min()), POINTS + 1).astype(np.int64)
    curves = {"decisions": [float(each) for each in after]}
    for name, arm in arms.items():
        if name != ORACLE:
            lost = np.concatenate(([0.0], np.cumsum(oracle.value - arm.value)))
            worlds = lost[first[:, None] + after] - lost[first][:, None]
            curves[name] = [round(each, 2) for each in worlds.mean(axis=0).tolist()]
    return curves


def verdict(arms: Mapping[str, Outcomes], individual: str, twin: str = "") -> str:
    """Whether a method for individuals beats the blanket and every segment, how surely, and the marks it is held to.

    Beyond doubt where their intervals do not touch; world by world where the paired differences of the worlds have an
    interval without 0, which is the sharper comparison; else it is said that nothing is shown.
    """
    found = all_figures(arms)
    rivals = [name for name in arms if name == BLANKET or name.startswith("segment:")]
    standings = {
        rival: {
            metric: _standing(
                metric, found[individual], found[rival], arms[individual], arms[rival]
            )
            for metric in JUDGED
        }
        for rival in rivals
    }
    beaten = [rival for rival in rivals if set(standings[rival].values()) == {APART}]
    said = []
    if beaten:
        whom = "the blanket and every segment" if beaten == rivals else _listed(beaten)
        said.append(f"beat {whom} in {_listed(list(WORDS.values()))}, with {APART}")
    for rival in rivals:
        if rival not in beaten:
            said.append(f"beside {rival}: {_by_standing(standings[rival])}")
    share = found[individual].get("oracle_share")
    reached = (
        f" They reach {share.value:.0%} [{share.low:.0%}, {share.high:.0%}] of the oracle's value."
        if share
        else ""
    )
    marks = _marks(arms, found, individual, twin)
    return f"Individuals ({individual}) {'; '.join(said)}.{reached}{marks}"


def _marks(
    arms: Mapping[str, Outcomes],
    found: Mapping[str, Mapping[str, Estimate]],
    individual: str,
    twin: str,
) -> str:
    """What remains to be learnt, the best of Vowpal Wabbit, sends against the person, and the twin's agreement."""
    own, said = found[individual], ""
    known, expected = own.get("known_share"), own.get("expected_known_share")
    if known and expected:
        said += (
            f" They get {_shared(known)} of the clicks of {KNOWN}, which has nothing to learn "
            f"({_shared(expected)} of those that the truth expects)."
        )
    rivals = [name for name in arms if name.startswith(RIVAL)]
    if rivals:
        best = max(rivals, key=lambda name: found[name]["click_rate"].value)
        standing = _standing("click_rate", own, found[best], arms[individual], arms[best])
        said += (
            f" The best of Vowpal Wabbit is {best} with {found[best]['click_rate'].value:.2%} clicks a decision "
            f"(the engine: {own['click_rate'].value:.2%}, {standing})."
        )
    against, believed = own["disconnect_rate"], own.get("believed_disconnect_rate")
    said += f" {against.value:.2%} of their sends run against the person"
    said += f"; by the engine's own estimate {believed.value:.2%}." if believed else "."
    if twin in arms:
        off = found[twin]["click_rate"].value - own["click_rate"].value
        paired = paired_difference(
            by_world("click_rate", arms[twin]), by_world("click_rate", arms[individual])
        )
        within = f" [{100 * paired.low:+.2f}, {100 * paired.high:+.2f}]" if paired else ""
        said += f" Replayed from the recording the same policy has {100 * off:+.2f}{within} points of clicks."
    return said


def _shared(found: Estimate) -> str:
    return f"{found.value:.1%} [{found.low:.1%}, {found.high:.1%}]"


def _standing(
    metric: str,
    own: Mapping[str, Estimate],
    theirs: Mapping[str, Estimate],
    arm: Outcomes,
    rival: Outcomes,
) -> str:
    """How a method stands beside a rival in one metric, in words."""
    sign = 1.0 if JUDGED[metric] else -1.0
    one, other = own[metric], theirs[metric]
    better, worse = (one, other) if sign > 0 else (other, one)
    if better.low > worse.high:
        return APART
    if better.high < worse.low:
        return WORSE
    paired = paired_difference(by_world(metric, arm), by_world(metric, rival))
    if paired is not None and min(sign * paired.low, sign * paired.high) > 0.0:
        return PAIRED
    return OPEN


def by_world(metric: str, arm: Outcomes) -> Floats:
    """One of the judged metrics in each world, in the order of the seeds; (worlds,)."""
    above, below = {
        "click_rate": (arm.clicked, np.ones(len(arm.sent))),
        "value": (arm.value, np.ones(len(arm.sent))),
        "disconnect_rate": (arm.conflicting, arm.sent),
    }[metric]
    _, world = np.unique(arm.seed, return_inverse=True)
    sends = np.bincount(world, weights=below)
    return np.asarray(np.bincount(world, weights=above) / np.maximum(sends, 1.0))


def _by_standing(standing: Mapping[str, str]) -> str:
    """The metrics grouped by how they stand: ``clicks and value better …, disconnects not shown``."""
    return ", ".join(
        f"{_listed([WORDS[metric] for metric in JUDGED if standing[metric] == which])} {words}"
        for which, words in (
            (APART, f"better with {APART}"),
            (PAIRED, PAIRED),
            (OPEN, OPEN),
            (WORSE, WORSE),
        )
        if which in standing.values()
    )


def _listed(words: Sequence[str]) -> str:
    """``a``, ``a and b``, ``a, b and c``."""
    *first, last = words
    return f"{', '.join(first)} and {last}" if first else last


def later_half(arms: Mapping[str, Outcomes], halves: Floats) -> dict[str, Outcomes]:
    """The outcomes of the later decisions of each world: those where ``halves`` (D,) is at least 0.5."""
    return {name: arm.part(halves >= 0.5) for name, arm in arms.items()}
