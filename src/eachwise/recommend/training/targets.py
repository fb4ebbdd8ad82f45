"""Which engagements are predicted to choose the weights: the newest, each from all that came before it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from eachwise.contracts.arrays import Bools, Ints
from eachwise.contracts.errors import InvalidInput
from eachwise.contracts.taste import Interactions
from eachwise.recommend.training.options import TrainingOptions

# The newest engagements that become targets: 7 % of all, 8,000 at most; equal times go together.
SHARE_MAX = 0.07
COUNT_MAX = 8_000
# Items met before are left out of the ranking where fewer of the targets than this were met before.
REPEATS_MIN = 0.01
# Fewer targets than this tell nothing about weights.
TARGETS_MIN = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Targets:
    """The T engagements to predict.

    since_s: fits see only what came before; places: (T,) where each is among all engagements; begins: (T,) where its
    person's engagements begin; checks: (T,) those of people who check the weights; repeats: whether people come back to
    items; repeated_share: how many of the targets had been met before
    """

    since_s: float
    places: Ints
    begins: Ints
    checks: Bools
    repeats: bool
    repeated_share: float


def choose(data: Interactions, options: TrainingOptions) -> Targets:
    """The newest engagements that speak for an item and come later than another of the same person, sampled.

    Raises ``InvalidInput`` where there are fewer than 20.
    """
    since_s = _since(data)
    begins = np.repeat(data.indptr[:-1], np.diff(data.indptr))
    after = data.at_s > data.at_s[begins]  # what comes at once is one act
    places = np.flatnonzero((data.at_s >= since_s) & after & (data.weights > 0))
    # What was met before the fits began is what makes a target predictable at all.
    if len(places) < TARGETS_MIN:
        raise InvalidInput(
            f"training needs {TARGETS_MIN} engagements to predict, found {len(places)}: "
            "import more events first",
            field="interactions",
        )
    generator = np.random.default_rng(options.seed)
    if len(places) > options.targets_max:
        places = np.sort(generator.choice(places, options.targets_max, replace=False))
    starts = begins[places]
    repeated = np.array(
        [
            data.rows[place] in data.rows[start:place]
            for place, start in zip(places.tolist(), starts.tolist(), strict=True)
        ]
    )
    people = np.unique(starts)
    checking = generator.choice(people, round(len(people) * options.check_share), replace=False)
    share = float(repeated.mean())
    repeats = share >= REPEATS_MIN
    kept = np.ones(len(places), dtype=np.bool_) if repeats else ~repeated
    return Targets(
        since_s=since_s,
        places=places[kept],
        begins=starts[kept],
        checks=np.isin(starts, checking)[kept],
        repeats=repeats,
        repeated_share=share,
    )


def _since(data: Interactions) -> float:
    """The moment after which the newest 7 %, or 8,000, engagements lie; never so that nothing is left before."""
    count = len(data.at_s)
    if not count:
        return 0.0
    wanted = min(COUNT_MAX, int(np.ceil(SHARE_MAX * count)))
    ordered = np.sort(data.at_s)
    return float(ordered[count - wanted])
