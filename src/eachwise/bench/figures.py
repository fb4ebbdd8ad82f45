"""What a benchmark found: figures, each beside its yardstick, as a table for people and one JSON line for programs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

# Significant digits that are shown: no figure here is good to more.
DIGITS = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One measured number.

    ``yardstick`` was measured in the same run and stands in the same unit; ``beside`` says what it is, and ``aim``
    what the house wants. ``yardstick`` is None where there is nothing to compare with.
    """

    name: str
    value: float
    unit: str
    yardstick: float | None = None
    beside: str = ""
    aim: str = ""

    @property
    def ratio(self) -> float | None:
        """Value over yardstick; None without a yardstick, or where it is 0."""
        return self.value / self.yardstick if self.yardstick else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """One benchmark's figures, and the machine that they are of."""

    bench: str
    machine: dict[str, str | int]
    figures: Sequence[Figure]


def as_json(report: Report) -> str:
    """The report as one line: ``{"bench", "machine", "figures": {name: {"value", "unit", "yardstick", "ratio"}}}``."""
    figures = {
        figure.name: {
            "value": _rounded(figure.value),
            "unit": figure.unit,
            "yardstick": _rounded(figure.yardstick),
            "ratio": _rounded(figure.ratio),
        }
        for figure in report.figures
    }
    line = {"bench": report.bench, "machine": report.machine, "figures": figures}
    return msgspec.json.encode(line).decode()


def as_table(reports: Sequence[Report]) -> str:
    """All reports in one table; the machine stands above it once."""
    head = ("", "value", "unit", "yardstick", "ratio", "yardstick is", "aim")
    rows: list[Sequence[str]] = []
    for report in reports:
        rows.append((report.bench, *[""] * (len(head) - 1)))
        rows += [_row(figure) for figure in report.figures]
    widths = [max(len(row[column]) for row in [head, *rows]) for column in range(len(head))]
    lines = [_line(row, widths) for row in [head, *rows]]
    lines.insert(1, "-" * max(len(line) for line in lines))
    machine = ", ".join(f"{name} {value}" for name, value in reports[0].machine.items())
    return "\n".join([machine, "", *lines])


def median(values: Sequence[float]) -> float:
    """The median. Raises ``ValueError`` for nothing: what was not measured is not 0."""
    return percentile(values, 50.0)


def percentile(values: Sequence[float], percent: float) -> float:
    """The given percentile, 0…100, by linear interpolation. Raises ``ValueError`` for nothing."""
    if not len(values):
        raise ValueError("no values to take a percentile of")
    ordered = sorted(values)
    place = percent / 100.0 * (len(ordered) - 1)
    low = int(place)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (place - low) * (ordered[high] - ordered[low])


def _row(figure: Figure) -> Sequence[str]:
    return (
        f"  {figure.name}",
        _shown(figure.value),
        figure.unit,
        _shown(figure.yardstick),
        "" if figure.ratio is None else f"{figure.ratio:.3g}",
        figure.beside,
        figure.aim,
    )


def _line(row: Sequence[str], widths: Sequence[int]) -> str:
    # Numbers stand to the right, words to the left.
    right = {1, 3, 4}
    cells = [
        cell.rjust(width) if column in right else cell.ljust(width)
        for column, (cell, width) in enumerate(zip(row, widths, strict=True))
    ]
    return "  ".join(cells).rstrip()


def _shown(value: float | None) -> str:
    rounded = _rounded(value)
    return "" if rounded is None else f"{rounded:,.10g}"


def _rounded(value: float | None) -> float | None:
    return None if value is None else float(f"{value:.{DIGITS}g}")
