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

from eachwise.contracts.arrays import Floats
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
    "conversion_rate",
    "return_rate",
    "lift",
)
_NORMAL_95 = 1.959963984540054  # 97.5 % quantile of the standard normal
_RESAMPLES = 1000


class Estimate(msgspec.Struct, frozen=True):
    """A figure with its 95 % interval."""

    value: float
    low: float
    high: float


class Proof(msgspec.Struct, frozen=True, kw_only=True):
    """The outcome of one proof: how it was done, each arm's figures, and what they say in words."""

    proof: str
    protocol: str
    arms: dict[str, dict[str, Estimate]]
    verdict: str

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
    """The proof as text: one row an arm, one column a metric, each figure with its interval."""
    metrics = [one for one in METRICS if any(one in arm for arm in proof.arms.values())]
    rows = [["arm", *metrics]]
    for arm, figures in proof.arms.items():
        rows.append([arm, *(_cell(figures.get(metric)) for metric in metrics)])
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        for row in rows
    ]
    lines.insert(1, "  ".join("-" * width for width in widths))
    title = f"{proof.proof}: {proof.protocol}"
    return "\n".join([title, "", *(line.rstrip() for line in lines), "", proof.verdict])


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
