"""Which weights serve, which models earn their place, and what each feature adds."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from eachwise.contracts.arrays import Bools, Floats
from eachwise.recommend.registry import MODELS
from eachwise.recommend.training.features import Examples
from eachwise.recommend.training.weights import (
    focus,
    focused,
    gains,
    quality,
    ranks_of,
    regress,
    search,
    spread,
)

# A model goes where the whole loses less than this part of its NDCG@10 without it: it costs time and memory.
LOSS_MAX = 0.002
# Steps of the regression that settles the weights of the others after a model went.
_SETTLE_STEPS = 15
# Recall is reported this deep.
DEPTH = 20


def choose_weights(
    fits: Examples, checks: Examples, start: Floats
) -> tuple[str, Floats, dict[str, float]]:
    """The way of weighing that does best for the people who check, its weights, and NDCG@10 of each way."""
    among = focus(fits, start)
    ways = {"regression": start, "among the best": among, "search": search(fits, among)}
    found = {way: quality(checks, weights) for way, weights in ways.items()}
    way = max(found, key=lambda name: found[name])
    return way, ways[way], found


def weigh(examples: Examples, start: Floats, way: str) -> Floats:
    """The weights by one way, of these examples."""
    if way == "regression":
        return start
    among = focus(examples, start)
    return search(examples, among) if way == "search" else among


def eliminate(
    examples: Examples, weights: Floats, models: Sequence[str], say: Callable[[str], None]
) -> tuple[list[str], Floats]:
    """Backward: the model without which least is lost goes, while that is next to nothing; one always stays."""
    kept = list(models)
    columns = columns_of(models)
    best = quality(examples, weights)
    while len(kept) > 1:
        tried = [
            (_without(examples, weights, np.isin(columns, [*_gone(models, kept), name])), name)
            for name in kept
        ]
        (score, settled), name = max(tried, key=lambda one: one[0][0])
        if score < best * (1.0 - LOSS_MAX):
            break
        say(f"blend: {name} is left out, NDCG@10 {score:.4f} without it, {best:.4f} with it")
        kept.remove(name)
        weights, best = settled, max(best, score)
    return kept, weights


def _gone(models: Sequence[str], kept: Sequence[str]) -> list[str]:
    return [name for name in models if name not in kept]


def columns_of(models: Sequence[str]) -> Any:
    """The model that each feature belongs to; (F,) of text."""
    return np.array([name for name in models for _ in MODELS[name].features])


def _without(examples: Examples, weights: Floats, gone: Bools) -> tuple[float, Floats]:
    """NDCG@10 and weights once these features are gone and the others have settled."""
    left = np.where(gone, 0.0, weights)
    near = focused(examples, left)
    left[~gone] = regress(near.narrow(~gone), 0.0, left[~gone], _SETTLE_STEPS)
    return quality(examples, left), left


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
