"""What a proof says, as a table for people and as one JSON line for machines.

Arms are named ``blanket``, ``segment:<name>``, ``individual:<name>``, ``reference:<name>``, ``oracle``; metrics
``recall@10``, ``ndcg@10``, ``click_rate``, ``value``, ``disconnect_rate``, ``conversion_rate``, ``return_rate``,
``lift``. Rates are fractions.
"""

from __future__ import annotations

import math
import re
import sys
from typing import Final

import msgspec
import numpy as np
from numpy.typing import ArrayLike

from eachwise.contracts.arrays import Floats, Ints
from eachwise.contracts.errors import InvalidInput

ARM: Final = re.compile(r"blanket|oracle|(segment|individual|reference):[a-z0-9_]+")
METRICS: Final = (
    "recall@10",
    "ndcg@10",
    "recall@20",
    "mrr@20",
    "click_rate",
    "value",
    "disconnect_rate",
    "believed_disconnect_rate",
    "known_share",
    "expected_known_share",
    "conversion_rate",
    "return_rate",
    "lift",
    "kl@10",
    "spearman@3",
    "spearman@10",
    "spearman@40",
    "spearman@200",
    "auc_vegan@3",
    "auc_vegan@10",
    "auc_vegan@40",
    "auc_vegan@200",
    "truth",
    "ess",
    "coverage",
    "coverage_snips",
    "refused",
)
COSTS: Final = ("fit_s", "bytes_person", "score_us")
_NORMAL_95 = 1.959963984540054  # 97.5 % quantile of the standard normal
_RESAMPLES = 1000


class Estimate(msgspec.Struct, frozen=True):
    """A figure with its 95 % interval."""

    value: float
    low: float
    high: float


class Bin(msgspec.Struct, frozen=True, kw_only=True):
    """So many predictions, their mean, and the share of them that came true."""

    count: int
    predicted: float
    observed: Estimate


class Calibration(msgspec.Struct, frozen=True, kw_only=True):
    """Predictions of one outcome beside what happened: on the whole, the expected calibration error with what luck
    alone would make of it, and by bins of ascending predictions.
    """

    count: int
    predicted: float
    observed: float
    ece: float
    ece_by_chance: float
    bins: list[Bin]


class Proof(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The outcome of one proof: how it was done, each arm's figures, and what they say in words.

    anchors:  what others published or measured on the same data and protocol, by name and source; metric → value
    costs:    arm → ``fit_s`` (processor seconds), ``bytes_person`` (a person's whole state) and ``score_us``
              (median of scoring all items for one person), of this machine in this run
    ablation: what was chosen on validation data → figures, in the order of the training's report
    curves:   arm → regret to the oracle after so many ``decisions`` of a world
    calibration: outcome → the engine's predictions at its decisions beside what happened
    The last five are absent from the JSON where a proof has none.
    """

    proof: str
    protocol: str
    arms: dict[str, dict[str, Estimate]]
    verdict: str
    anchors: dict[str, dict[str, float]] = {}
    costs: dict[str, dict[str, float]] = {}
    ablation: dict[str, dict[str, float]] = {}
    curves: dict[str, list[float]] = {}
    calibration: dict[str, Calibration] = {}

    def __post_init__(self) -> None:
        """Refuse an arm or a metric that no reader of proofs knows."""
        for arm, figures in self.arms.items():
            if not ARM.fullmatch(arm):
                raise InvalidInput(f"no arm may be called {arm!r}", field="arms")
            for metric in figures:
                if metric not in METRICS:
                    raise InvalidInput(f"no metric is called {metric!r}", field=f"arms.{arm}")


def mean(samples: ArrayLike) -> Estimate:
    """Mean of independent samples (n,) with its normal interval: x̄ ± 1.96·s/√n.

    Raises ``InvalidInput`` below two samples: no interval can be given.
    """
    values = np.asarray(samples, dtype=np.float64)
    if len(values) < 2:
        raise InvalidInput("an interval needs at least two samples", field="samples")
    middle = float(values.mean())
    half = _NORMAL_95 * float(values.std(ddof=1)) / math.sqrt(len(values))
    return Estimate(middle, middle - half, middle + half)


def clustered(samples: Floats, cluster: Ints) -> Estimate:
    """Mean of samples (n,) that are alike in a cluster (n,), with the normal interval over G clusters.

    x̄ = Σ x / n; its variance is G/(G − 1) · Σ_g (Σ_{i in g} (x_i − x̄))² / n² (Liang & Zeger 1986). Raises
    ``InvalidInput`` below two clusters.
    """
    _, number = np.unique(cluster, return_inverse=True)
    count = int(number.max(initial=-1)) + 1
    if count < 2:
        raise InvalidInput("an interval needs at least two clusters", field="cluster")
    middle = float(samples.mean())
    off = np.bincount(number, weights=samples - middle)
    half = _NORMAL_95 * math.sqrt(count / (count - 1) * float(off @ off)) / len(samples)
    return Estimate(middle, middle - half, middle + half)


def ratio(above: Floats, below: Floats, *, seed: int) -> Estimate:
    """Σ above / Σ below over the same people (n,), with the percentile interval of a paired bootstrap.

    1,000 resamples of people from a generator with this seed. Infinite where nothing is below.
    """
    generator = np.random.default_rng(seed)
    n = len(above)
    draws = []
    for _ in range(_RESAMPLES):
        people = generator.integers(0, n, n)
        draws.append(_ratio(float(above[people].sum()), float(below[people].sum())))
    low, high = np.percentile(draws, [2.5, 97.5], method="nearest")
    return Estimate(_ratio(float(above.sum()), float(below.sum())), float(low), float(high))


def _ratio(above: float, below: float) -> float:
    return above / below if below else math.inf


def as_line(proof: Proof) -> str:
    """The proof as one line of JSON."""
    return msgspec.json.encode(proof).decode()


def as_table(proof: Proof) -> str:
    """The proof as text: one row an arm, one column a metric, each figure with its interval.

    Below the arms the anchors, marked as such; beside them what each arm costs; at the end the ablation.
    """
    metrics = [one for one in METRICS if any(one in arm for arm in proof.arms.values())]
    costs = [one for one in COSTS if any(one in arm for arm in proof.costs.values())]
    rows = [["arm", *metrics, *costs]]
    for arm, figures in proof.arms.items():
        spent = proof.costs.get(arm, {})
        cells = [f"{spent[one]:,.4g}" if one in spent else "" for one in costs]
        rows.append([arm, *(_cell(figures.get(metric)) for metric in metrics), *cells])
    for name, known in proof.anchors.items():
        cells = [f"{known[one]:.4f}" if one in known else "" for one in metrics]
        rows.append([f"anchor: {name}", *cells, *("" for _ in costs)])
    text = [f"{proof.proof}: {proof.protocol}", "", *_columns(rows), ""]
    if proof.ablation:
        names = list(dict.fromkeys(name for row in proof.ablation.values() for name in row))
        lines = [["on validation data", *names]]
        for what, row in proof.ablation.items():
            lines.append([what, *(f"{row[one]:,.4g}" if one in row else "" for one in names)])
        text += [*_columns(lines), ""]
    for outcome, held in proof.calibration.items():
        text += [*_calibration(outcome, held), ""]
    return "\n".join([*text, proof.verdict])


def _calibration(outcome: str, held: Calibration) -> list[str]:
    """A reliability table: one row a bin, and the whole."""
    lines = [[outcome, "predicted", "observed"]]
    for number, each in enumerate(held.bins, start=1):
        lines.append([f"{number}. {each.count:,}", f"{each.predicted:.4f}", _cell(each.observed)])
    whole = f"{held.observed:.4f}, calibration error {held.ece:.4f} (by chance {held.ece_by_chance:.4f})"
    lines.append([f"all {held.count:,}", f"{held.predicted:.4f}", whole])
    return _columns(lines)


def _columns(rows: list[list[str]]) -> list[str]:
    """Rows of cells as lines, the first one underlined."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        for row in rows
    ]
    lines.insert(1, "  ".join("-" * width for width in widths))
    return [line.rstrip() for line in lines]


def _cell(estimate: Estimate | None) -> str:
    if estimate is None:
        return ""
    return f"{estimate.value:.4f} [{estimate.low:.4f}, {estimate.high:.4f}]"


def publish(proof: Proof, *, as_json: bool) -> None:
    """Print the proof to stdout: exactly one line of JSON, or the table."""
    print(as_line(proof) if as_json else as_table(proof), flush=True)


def progress(text: str) -> None:
    """Say on stderr what is being done."""
    print(text, file=sys.stderr, flush=True)
