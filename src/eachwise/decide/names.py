"""The named features of a candidate. A feature that is 0 is left out; names are permanent, since models keep them.

fixed, known from the definitions:
    bias                      1
    placement:ID              1
    channel:CHANNEL:KIND      1
    attribute:NAME=VALUE      1 for each value it declares, or else asks of its items
    experience:ID             1
moving, known at the moment (D of them):
    match:NAME                mean affinity for the experience's values of this facet, log-odds clipped to ±3
    moment                    mean affinity of this moment over its values, clipped to ±3
    aversion                  worst firm aversion: min over its values of min(affinity + 1 sd, 0), clipped to −3
    fatigue:experience        ln(1 + exposures of this experience, half-life 3 days)
    fatigue:all               ln(1 + exposures of anything, half-life 1 day)
    engagement                engagement score / 50 − 1, in [−1, 1]
    items                     1 − ln(rank) / ln(n): its best item among all n showable ones; 1 = the best of all
    hour_sin:KIND, hour_cos:KIND   the time of day (UTC) on the circle

The stage is no feature: it may trigger and value, content is never chosen by it.
"""

from __future__ import annotations

from collections.abc import Iterable


def moving_names(facets: Iterable[str], kinds: Iterable[str]) -> tuple[str, ...]:
    """The names of the moving features in the order of their columns."""
    hours = [f"hour_{part}:{kind}" for kind in kinds for part in ("sin", "cos")]
    plain = ["moment", "aversion", "fatigue:experience", "fatigue:all", "engagement", "items"]
    return tuple([f"match:{facet}" for facet in facets] + plain + hours)


def fixed_features(
    experience_id: str, kind: str, placement_id: str, channel: str, about: Iterable[str]
) -> dict[str, float]:
    """The features that a candidate always has; ``about`` are the values it is about."""
    attributes = {f"attribute:{value}": 1.0 for value in about}
    return {
        "bias": 1.0,
        f"placement:{placement_id}": 1.0,
        f"channel:{channel}:{kind}": 1.0,
        **attributes,
        f"experience:{experience_id}": 1.0,
    }
