"""Figures: ratios, the JSON line, the table."""

import json

import pytest

from eachwise.bench.figures import Figure, Report, as_json, as_table, median, percentile

MACHINE: dict[str, str | int] = {"cpus": 2, "python": "3.11.7"}


def _report(*figures: Figure) -> Report:
    return Report(bench="ingest", machine=MACHINE, figures=figures)


def test_the_ratio_is_value_over_yardstick() -> None:
    assert Figure(name="a", value=3.0, unit="ms", yardstick=2.0).ratio == 1.5


@pytest.mark.parametrize("yardstick", [None, 0.0])
def test_nothing_to_compare_with_is_no_ratio(yardstick: float | None) -> None:
    assert Figure(name="a", value=3.0, unit="ms", yardstick=yardstick).ratio is None


def test_json_is_one_line_in_the_agreed_shape() -> None:
    line = as_json(
        _report(
            Figure(name="rate", value=12345.678, unit="events/s", yardstick=50000.0, beside="bare"),
            Figure(name="people", value=7.0, unit="people"),
        )
    )
    assert "\n" not in line
    assert json.loads(line) == {
        "bench": "ingest",
        "machine": MACHINE,
        "figures": {
            "rate": {"value": 12350.0, "unit": "events/s", "yardstick": 50000.0, "ratio": 0.2469},
            "people": {"value": 7.0, "unit": "people", "yardstick": None, "ratio": None},
        },
    }


def test_the_table_has_a_row_a_figure_with_its_yardstick_and_aim() -> None:
    figure = Figure(
        name="rate", value=12345.678, unit="1/s", yardstick=50000.0, beside="bare", aim="≥ 1"
    )
    lines = as_table([_report(figure), _report(figure)]).splitlines()
    assert lines[0] == "cpus 2, python 3.11.7"
    rows = [line.split() for line in lines if "rate" in line]
    assert rows == [["rate", "12,350", "1/s", "50,000", "0.247", "bare", "≥", "1"]] * 2


def test_percentiles_interpolate() -> None:
    assert percentile([1.0, 2.0], 50) == median([2.0, 1.0]) == 1.5


def test_nothing_measured_is_not_zero() -> None:
    with pytest.raises(ValueError, match="no values"):
        median([])
