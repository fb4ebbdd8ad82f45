"""``train``: fit every model on the past, weigh them on what came next, keep what earns its place, fit on all."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from eachwise.contracts.arrays import CatalogIndex
from eachwise.contracts.errors import InvalidInput, MissingExtra
from eachwise.contracts.taste import Interactions, Parts, TrainedModel
from eachwise.recommend.models.base import DoesNotApply, Fitting
from eachwise.recommend.registry import MODELS
from eachwise.recommend.training.features import Fitted, leading, sampled
from eachwise.recommend.training.keeping import Keeping, digest_of
from eachwise.recommend.training.options import TrainingOptions
from eachwise.recommend.training.rivals import compare
from eachwise.recommend.training.selection import (
    ablation,
    choose_weights,
    columns_of,
    eliminate,
    figures,
    weigh,
)
from eachwise.recommend.training.summary import summary_of
from eachwise.recommend.training.targets import Targets, choose
from eachwise.recommend.training.weights import focus, regress

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Blend:
    """The models that stay, the features' weights, and what is reported of them.

    ``checked`` are the weights without those who check.
    """

    models: tuple[str, ...]
    weights: dict[str, float]
    checked: dict[str, float]
    report: dict[str, Any]


class _Fitter:
    """Fits models on some engagements, or reads what an earlier run has fitted of the same."""

    def __init__(
        self, catalog: CatalogIndex, options: TrainingOptions, keeping: Keeping, say: Say
    ) -> None:
        self._catalog, self._options, self._keeping, self._say = catalog, options, keeping, say
        self.left_out: dict[str, str] = {}
        self.took_s: dict[str, float] = {}

    def fit(
        self, data: Interactions, names: Sequence[str], earlier: Mapping[str, Parts]
    ) -> dict[str, Parts]:
        """The parts of the models that apply; of the others the reason is kept in words."""
        options = self._options
        digest = digest_of(data, self._catalog, options.seed, options.memory_bytes_max)
        memo: dict[str, Any] = {}
        found: dict[str, Parts] = {}
        for name in names:
            began = time.perf_counter()
            kept = self._keeping.load(name, digest)
            if kept is not None:
                found[name] = kept
                self._say(f"{name}: fitted before")
                continue
            fitting = Fitting(
                catalog=self._catalog,
                memory_bytes_max=options.memory_bytes_max,
                seed=options.seed,
                say=self._say,
                earlier=earlier.get(name),
                work=self._keeping.folder,
                minutes_max=options.minutes_max,
                memo=memo,
            )
            try:
                found[name] = MODELS[name].fit(data, fitting)
            except (DoesNotApply, MissingExtra) as reason:
                self.left_out[name] = str(reason)
                self._say(f"{name}: left out: {reason}")
                continue
            self.took_s[name] = round(time.perf_counter() - began, 2)
            self._keeping.save(name, digest, found[name])
            self._say(f"{name}: fitted in {self.took_s[name]:.1f} s")
        return found


def train(
    interactions: Interactions,
    catalog: CatalogIndex,
    options: TrainingOptions,
    *,
    version: int,
    work: Path | None = None,
    say: Say,
    rival: TrainedModel | None = None,
) -> TrainedModel:
    """Choose and fit a blend for one shop; the same inputs give the same weights and parts.

    ``work`` keeps finished fits, so that a training that was stopped goes on. The report of the result says what was
    tried, kept and left out, how good the whole is for people whom it was not fitted on, and how it stands beside the
    model in use, ``rival``. Raises ``InvalidInput``
    where there is too little to learn from or an unknown model is asked for, ``MissingExtra`` without scipy.
    """
    _require_scipy()
    names = tuple(MODELS) if options.models is None else options.models
    unknown = [name for name in names if name not in MODELS]
    if unknown:
        raise InvalidInput(
            f"models: there is no {unknown[0]!r}; known: {', '.join(MODELS)}", field="models"
        )
    targets = choose(interactions, options)
    fitter = _Fitter(catalog, options, Keeping(work), say)
    past = interactions.before(targets.since_s)
    parts = fitter.fit(past, names, {})
    if not parts:
        raise InvalidInput(f"training: no model applies: {fitter.left_out}", field="models")
    fitted = Fitted(parts=parts)
    blend = _blend(fitted, interactions, targets, options, say)
    compared = compare(fitted, blend.checked, interactions, targets, rival, say)
    say(f"fitting {len(blend.models)} models on all {len(interactions.rows):,} engagements")
    final = fitter.fit(interactions, blend.models, parts)
    weights = {
        feature: weight
        for feature, weight in blend.weights.items()
        if feature.partition(".")[0] in final
    }
    report: dict[str, Any] = {
        **blend.report,
        "since_s": targets.since_s,
        "until_s": float(interactions.at_s.max()),
        "engagements": len(interactions.rows),
        "people": interactions.people,
        "items": len(interactions.item_ids),
        "left_out": fitter.left_out,
        "fit_s": fitter.took_s,
        "compared": compared,
    }
    report["summary"] = summary_of(report)
    return TrainedModel(
        version=version,
        item_ids=interactions.item_ids,
        row_of={item_id: row for row, item_id in enumerate(interactions.item_ids)},
        parts=final,
        blend=weights,
        report=report,
    )


def _require_scipy() -> None:
    try:
        import scipy  # noqa: F401, PLC0415 — an extra: serving never loads it
    except ModuleNotFoundError:
        raise MissingExtra("scipy is not installed: pip install 'eachwise[train]'") from None


def _blend(
    fitted: Fitted, data: Interactions, targets: Targets, options: TrainingOptions, say: Say
) -> _Blend:
    """Weigh the models' features on the targets; drop the models without which nothing is lost."""
    fits = np.flatnonzero(~targets.checks)[: options.regressed_max]
    some = sampled(fitted, data, targets, fits, options)
    drawn = max(some.valid.shape[1] - 1, 1)
    correction = float(np.log(max(len(data.item_ids) - 1, 1) / drawn))
    start = regress(some, correction).weights
    say(f"blend: regressed on {len(fits):,} targets")
    examples = leading(fitted, data, targets, start, options, say)
    fitting, models = examples.of(~targets.checks), tuple(fitted.parts)
    among = focus(fitting, start)
    whole = figures(examples.of(targets.checks), among)
    kept = eliminate(fitting, among, models, say)
    stays = np.isin(columns_of(models), kept)
    features = tuple(np.array(fitted.features)[stays].tolist())
    fewer, start = examples.narrow(stays), regress(some.narrow(stays), correction).weights
    checking = fewer.of(targets.checks)
    way, checked, ways = choose_weights(fewer.of(~targets.checks), checking, start)
    final = weigh(fewer, start, way)
    found = figures(checking, checked)
    say(f"blend: {len(kept)} models, NDCG@10 {found['ndcg@10']:.4f} for those who check")
    report: dict[str, Any] = {
        "repeats": targets.repeats,
        "repeated_share": targets.repeated_share,
        "targets": len(targets.places),
        "checking": int(targets.checks.sum()),
        "way": way,
        "ways": ways,
        "check": found,
        "check_all": whole,
        "kept": kept,
        "dropped": [name for name in models if name not in kept],
        "features": ablation(fewer, final, features),
    }
    weights_of = dict(zip(features, (float(weight) for weight in final), strict=True))
    checked_of = dict(zip(features, (float(weight) for weight in checked), strict=True))
    return _Blend(models=tuple(kept), weights=weights_of, checked=checked_of, report=report)
