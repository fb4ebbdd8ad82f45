"""What a training may be told."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingOptions:
    """Every default was measured to do on all data sets alike (docs/discussions/measured.md).

    models:           which of the registry's models to try; None: all of them
    memory_bytes_max: what the fit of one model may take at its peak
    minutes_max:      how long the fit of one model that trains in rounds may take
    targets_max:      engagements that the weights are fitted and checked on
    check_share:      of the people, those who check and do not fit
    negatives:        items that each target is told apart from in the regression
    regressed_max:    targets that the regression reads
    leading:          best items of the regression among which the weights are fitted anew
    """

    models: tuple[str, ...] | None = None
    seed: int = 0
    memory_bytes_max: int = 2 * 1024**3
    minutes_max: float = 30.0
    targets_max: int = 5_000
    check_share: float = 1.0 / 3.0
    negatives: int = 200
    regressed_max: int = 1_000
    leading: int = 300
