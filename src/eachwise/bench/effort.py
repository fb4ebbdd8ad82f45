"""How much is measured: one number scales every benchmark, so that tests run the same code small."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from eachwise.contracts.errors import InvalidInput

SCALE_VARIABLE = "EACHWISE_BENCH_SCALE"
SCALE_MIN, SCALE_MAX = 0.001, 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Effort:
    """What a benchmark may spend: its size against the standard (1.0), and a folder that is removed afterwards."""

    scale: float
    folder: Path
    say: Callable[[str], None]

    def count(self, standard: int, *, least: int = 1) -> int:
        """So many of something."""
        return max(least, round(standard * self.scale))

    def seconds(self, standard: float, *, least: float = 0.5) -> float:
        """So long a round."""
        return max(least, standard * min(1.0, self.scale))

    def days(self, standard: float) -> float:
        """So many whole days of history; all of them from a tenth of the standard size on."""
        return max(2.0, round(standard * min(1.0, 10.0 * self.scale)))

    def rounds(self, standard: int) -> int:
        """So many rounds of which the median is taken; 1 in a tiny run."""
        return standard if self.scale >= 0.1 else 1


def scale_from_environment() -> float:
    """``EACHWISE_BENCH_SCALE``, 1.0 where it is not set. Raises ``InvalidInput`` outside 0.001 … 10."""
    raw = os.environ.get(SCALE_VARIABLE, "1")
    try:
        scale = float(raw)
    except ValueError:
        scale = 0.0
    if not SCALE_MIN <= scale <= SCALE_MAX:
        raise InvalidInput(
            f"{SCALE_VARIABLE}: must be a number from {SCALE_MIN} to {SCALE_MAX:g}, not {raw!r}",
            field=SCALE_VARIABLE,
        )
    return scale


def say(text: str) -> None:
    """Progress, on stderr: stdout is the result's."""
    print(text, file=sys.stderr, flush=True)
