"""Which weights serve, which models earn their place, and what each feature adds."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from eachwise.contracts.arrays import Bools, Floats
from eachwise.recommend.registry import MODELS
from eachwise.recommend.training.features import Examples
from eachwise.recommend.training.weights import (
    Regression,
    focus,
    focused,
    gains,
    quality,
    ranks_of,
    regress,
    spread,
)

# A model goes where the targets become less likely without it by no more than so many nats each, among the best 50:
# what it takes in time and memory is worth more. Measured from .001 to .02 on three data sets.
LOSS_MAX = 0.003
# Recall is reported this deep.
DEPTH = 20
REGRESSION, HALFWAY, BEST = "regression", "halfway", "among the best"


def choose_weights(
    fits: Examples, checks: Examples, start: Floats
) -> tuple[str, Floats, dict[str, float]]:
    """The way of weighing that does best for the people who check, its weights, and the quality of each way."""
    among = focus(fits, start)
    ways = {BEST: among, HALFWAY: (start + among) / 2.0, REGRESSION: start}
    found = {way: quality(checks, weights) for way, weights in ways.items()}
    way = max(found, key=lambda name: found[name])
    return way, ways[way], found


def weigh(examples: Examples, start: Floats, way: str) -> Floats:
    """The weights by one way, of these examples."""
    if way == REGRESSION:
        return start
    among = focus(examples, start)
    return (start + among) / 2.0 if way == HALFWAY else among


def eliminate(
    examples: Examples, weights: Floats, models: Sequence[str], say: Callable[[str], None]
) -> list[str]:
    """Backward: the model without which the targets lose least likelihood goes, while that is next to nothing.

    Next to nothing is .003 nats a target, or what chance would give: as many nats in all as the model has features
    (Akaike's criterion). One always stays, and so does a model that is renewed, unless it has come to speak against
    what it finds: it knows of new items, of the last minutes and of declared tastes, which validation does not see.
    """
    kept, columns = list(models), columns_of(models)
    near = focused(examples, weights)
    counted = int((near.target >= 0).sum())
    stays = np.ones(len(columns), dtype=np.bool_)
    while len(kept) > 1 and counted:
        found = regress(near.narrow(stays), 0.0, weights[stays])
        own = columns[stays]
        losses = {name: loss_without(found, own == name) for name in kept}
        bars = {name: max(LOSS_MAX, len(MODELS[name].features) / counted) for name in kept}
        pulls = {name: float(found.weights[own == name].sum()) for name in kept}
        going = [
            name
            for name in kept
            if losses[name] <= bars[name] and (MODELS[name].renew is None or pulls[name] <= 0.0)
        ]
        if not going:
            break
        name = min(going, key=lambda one: (MODELS[one].renew is not None, losses[one]))
        say(f"blend: {name} is left out: {max(losses[name], 0.0):.4f} nats a target are lost")
        kept.remove(name)
        stays &= columns != name
        weights = np.zeros(len(columns))
        weights[stays] = found.weights[own != name]
    return kept


def loss_without(found: Regression, gone: Bools) -> float:
    """How much the loss rises once these features are gone and the others have settled, to the second order.

    ½ w_g' ([H⁻¹]_gg)⁻¹ w_g, H the curvature (Hassibi & Stork, "Optimal Brain Surgeon", 1993).
    """
    inverse = np.linalg.inv(found.curvature)[np.ix_(gone, gone)]
    own = found.weights[gone]
    return 0.5 * float(own @ np.linalg.solve(inverse, own))


def columns_of(models: Sequence[str]) -> Any:
    """The model that each feature belongs to; (F,) of text."""
    return np.array([name for name in models for _ in MODELS[name].features])


def ablation(examples: Examples, weights: Floats, features: Sequence[str]) -> dict[str, Any]:
    """Of each feature: weight, weight in standard deviations, what NDCG@10 and Recall@20 lose where it is 0."""
    scale = spread(examples)
    scores = examples.features @ weights.astype(np.float32)
    whole = _figures(scores, examples)
    found: dict[str, Any] = {}
    for place, name in enumerate(features):
        without = scores - examples.features[:, :, place] * np.float32(weights[place])
        rest = _figures(without, examples)
        found[name] = {
            "weight": float(weights[place]),
            "standardised": float(weights[place] * scale[place]),
            **{f"{metric} lost": whole[metric] - rest[metric] for metric in whole},
        }
    return found


def _figures(scores: Any, examples: Examples) -> dict[str, float]:
    ranks = ranks_of(scores, examples)
    return {
        "ndcg@10": float(gains(ranks).mean()),
        f"recall@{DEPTH}": float((ranks < DEPTH).mean()),
    }


def figures(examples: Examples, weights: Floats) -> dict[str, float]:
    """NDCG@10 and Recall@20 of a blend."""
    return _figures(examples.features @ weights.astype(np.float32), examples)
