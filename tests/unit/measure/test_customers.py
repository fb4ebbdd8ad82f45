"""BG/NBD and Gamma-Gamma: golden values of the papers, known answers, and fits that do not fail."""

from __future__ import annotations

import os
from datetime import date
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from eachwise.contracts.arrays import Floats
from eachwise.contracts.errors import InvalidInput
from eachwise.measure import (
    BgNbd,
    GammaGamma,
    expected_orders,
    expected_value,
    fit_bg_nbd,
    fit_gamma_gamma,
    probability_alive,
    residual_value,
)

DATA = Path(os.environ.get("EACHWISE_DATA", "")) / "cdnow" / "CDNOW_sample.txt"
RETAIL = (
    Path(os.environ.get("EACHWISE_DATA", ""))
    / "online-retail"
    / "online_retail_to_2011-08-31.parquet"
)
CALIBRATED = date(1997, 9, 30)
# Fader, Hardie & Lee (2005), table 2; Fader & Hardie (2013).
PAPER = BgNbd(r=0.243, alpha=4.414, a=0.793, b=2.426)
SPEND = GammaGamma(p=6.25, q=3.74, gamma=15.44)


def one(value: float) -> Floats:
    return np.array([value])


def test_the_papers_example() -> None:
    """x = 2, t_x = 30.43, T = 38.86 weeks: 1.226 orders in the next 39."""
    found = expected_orders(PAPER, one(2.0), one(30.43), one(38.86), 39.0)
    assert found == pytest.approx([1.226], abs=2e-3)


def test_who_never_came_back_is_alive_and_worth_the_population() -> None:
    assert probability_alive(PAPER, one(0.0), one(0.0), one(50.0)) == pytest.approx([1.0])
    mean = SPEND.p * SPEND.gamma / (SPEND.q - 1.0)
    assert expected_value(SPEND, one(0.0), one(0.0)) == pytest.approx([mean])


def test_expectations_are_those_of_simulated_customers() -> None:
    """Brute force: simulate lives, keep those that look like the customer, count what they do next."""
    model = BgNbd(r=1.2, alpha=5.0, a=0.9, b=3.0)
    generator = np.random.default_rng(5)
    count, age, ahead = 400_000, 10.0, 8.0
    rate = generator.gamma(model.r, 1.0 / model.alpha, count)
    leave = generator.beta(model.a, model.b, count)
    x, then = np.zeros(count), np.zeros(count)
    clock, here = np.zeros(count), np.ones(count, dtype=bool)
    while here.any():
        clock[here] += generator.exponential(1.0, int(here.sum())) / rate[here]
        here &= clock < age + ahead
        x += here & (clock < age)
        then += here & (clock >= age)
        here &= generator.random(count) > leave
    # Averaged over the time of the last order, the model's own expectation of those with x orders is the mean.
    never = x == 0
    told = expected_orders(model, one(0.0), one(0.0), one(age), ahead)
    assert told == pytest.approx([then[never].mean()], rel=0.02)


@given(
    st.floats(0.05, 5.0), st.floats(0.1, 50.0), st.floats(1e-4, 20.0), st.floats(0.05, 2e4),
    st.integers(0, 40), st.floats(0.0, 1.0), st.floats(0.5, 200.0), st.floats(0.0, 100.0),
)  # fmt: skip
def test_expectations_are_sane_everywhere(
    r: float, alpha: float, a: float, b: float, x: int, last: float, age: float, ahead: float
) -> None:
    model = BgNbd(r=r, alpha=alpha, a=a, b=b)
    t_x = last * age if x else 0.0
    alive = probability_alive(model, one(x), one(t_x), one(age))
    assert 0.0 <= alive[0] <= 1.0
    near = expected_orders(model, one(x), one(t_x), one(age), ahead)
    far = expected_orders(model, one(x), one(t_x), one(age), 2.0 * ahead)
    assert 0.0 <= near[0] <= far[0] + 1e-9
    # Nobody orders more than at the posterior mean rate while alive.
    assert near[0] <= alive[0] * (r + x) / (alpha + age) * ahead * (1.0 + 1e-6) + 1e-9


def test_a_of_one_is_its_limit() -> None:
    about = [
        float(
            expected_orders(
                BgNbd(r=0.5, alpha=4.0, a=a, b=2.0), one(3.0), one(9.0), one(12.0), 10.0
            )[0]
        )
        for a in (0.999, 1.0, 1.001)
    ]
    assert about[0] > about[1] > about[2]
    assert about[1] == pytest.approx((about[0] + about[2]) / 2.0, rel=1e-4)


def test_residual_value_discounts() -> None:
    customer = (one(2.0), one(30.43), one(38.86), one(35.0))
    plain = residual_value(PAPER, SPEND, *customer, periods=9, period=39 / 9, discount=1.0)
    orders = expected_orders(PAPER, *customer[:3], 39.0)
    assert plain == pytest.approx(orders * expected_value(SPEND, customer[0], customer[3]))
    less = residual_value(
        PAPER, SPEND, *customer, periods=9, period=39 / 9, discount=0.95, margin=0.5
    )
    assert 0.3 * plain[0] < less[0] < 0.5 * plain[0]


def test_parameters_are_found_again() -> None:
    pytest.importorskip("scipy")
    x, t_x, age = simulated(BgNbd(r=0.8, alpha=6.0, a=0.7, b=2.5), 6000)
    found = fit_bg_nbd(x, t_x, age)
    assert found.r == pytest.approx(0.8, rel=0.15)
    assert found.alpha == pytest.approx(6.0, rel=0.15)
    assert found.a / (found.a + found.b) == pytest.approx(0.7 / 3.2, rel=0.15)
    generator = np.random.default_rng(8)
    orders = generator.integers(1, 8, 5000).astype(np.float64)
    rate = generator.gamma(SPEND.q, 1.0 / SPEND.gamma, 5000)
    value = generator.gamma(SPEND.p * orders, 1.0 / (orders * rate))
    spend = fit_gamma_gamma(orders, value)
    assert spend.p * spend.gamma / (spend.q - 1.0) == pytest.approx(35.2, rel=0.05)


def simulated(model: BgNbd, count: int) -> tuple[Floats, Floats, Floats]:
    """Customers over 40 to 60 units of time."""
    generator = np.random.default_rng(2)
    rate = generator.gamma(model.r, 1.0 / model.alpha, count)
    leave = generator.beta(model.a, model.b, count)
    age = generator.uniform(40.0, 60.0, count)
    x, last, clock = np.zeros(count), np.zeros(count), np.zeros(count)
    here = np.ones(count, dtype=bool)
    while here.any():
        clock[here] += generator.exponential(1.0, int(here.sum())) / rate[here]
        here &= clock < age
        x += here
        last = np.where(here, clock, last)
        here &= generator.random(count) > leave
    return x, last, age


@pytest.mark.parametrize("unit", [1.0, 7.0, 86_400.0])
def test_a_fit_does_not_depend_on_the_unit_of_time(unit: float) -> None:
    pytest.importorskip("scipy")
    x, t_x, age = simulated(PAPER, 800)
    found = fit_bg_nbd(x, t_x * unit, age * unit)
    known = fit_bg_nbd(x, t_x, age)
    assert (found.r, found.alpha / unit) == pytest.approx((known.r, known.alpha), rel=1e-2)


def test_customers_without_a_pattern_still_have_a_fit() -> None:
    """Clockwork customers of whom none leaves: the likelihood rises toward the parameters' limits."""
    pytest.importorskip("scipy")
    found = fit_bg_nbd(np.full(40, 12.0), np.full(40, 360.0), np.full(40, 365.0))
    ahead = expected_orders(found, one(12.0), one(360.0), one(365.0), 365.0)
    assert ahead == pytest.approx([12.0], rel=0.2)


def test_what_cannot_be_fitted_is_an_error() -> None:
    pytest.importorskip("scipy")
    with pytest.raises(InvalidInput):
        fit_bg_nbd(np.zeros(50), np.zeros(50), np.ones(50))
    with pytest.raises(InvalidInput):
        fit_bg_nbd(np.ones(50), np.full(50, 2.0), np.ones(50))
    with pytest.raises(InvalidInput):
        fit_gamma_gamma(np.zeros(50), np.ones(50))
    with pytest.raises(InvalidInput):
        expected_value(GammaGamma(p=1.0, q=0.9, gamma=1.0), one(0.0), one(0.0))
    with pytest.raises(InvalidInput):
        expected_orders(PAPER, one(1.0), one(2.0), one(1.0), 5.0)
    with pytest.raises(InvalidInput):
        expected_orders(PAPER, one(1.0), one(1.0), one(2.0), -1.0)


@pytest.mark.skipif(not DATA.is_file(), reason="EACHWISE_DATA names no folder that holds cdnow")
def test_cdnow_gives_the_published_parameters() -> None:
    pytest.importorskip("scipy")
    x, t_x, age, value = cdnow()
    orders = fit_bg_nbd(x, t_x, age)
    assert (orders.r, orders.a) == pytest.approx((0.243, 0.793), abs=1e-3)
    assert (orders.alpha, orders.b) == pytest.approx((4.414, 2.426), abs=5e-3)
    again = (x > 0.0) & (value > 0.0)
    spend = fit_gamma_gamma(x[again], value[again])
    assert (spend.p, spend.q, spend.gamma) == pytest.approx((6.25, 3.74, 15.44), abs=0.01)


def cdnow() -> tuple[Floats, Floats, Floats, Floats]:
    """(x, t_x, T in weeks, mean value of the repeat orders) of the sample at the end of the calibration."""
    days: dict[str, dict[date, float]] = {}
    for line in DATA.read_text("utf-8").splitlines():
        _, customer, day, _, amount = line.split()
        at = date.fromisoformat(f"{day[:4]}-{day[4:6]}-{day[6:]}")
        bought = days.setdefault(customer, {})
        if at <= CALIBRATED:
            bought[at] = bought.get(at, 0.0) + float(amount)
    rows = []
    for bought in days.values():
        first, *again = sorted(bought)
        last = again[-1] if again else first
        spent = [bought[day] for day in again]
        rows.append(
            (
                float(len(again)),
                (last - first).days / 7.0,
                (CALIBRATED - first).days / 7.0,
                sum(spent) / len(spent) if spent else 0.0,
            )
        )
    x, t_x, age, value = np.array(rows).T
    return x, t_x, age, value


@pytest.mark.skipif(not RETAIL.is_file(), reason="EACHWISE_DATA names no folder of online-retail")
def test_a_shop_on_which_others_fail_has_a_fit() -> None:
    """Online Retail, fitted to the end of May 2011: the orders of the next 92 days are foretold to a fifth."""
    pytest.importorskip("scipy")
    polars = pytest.importorskip("polars")
    rows = polars.read_parquet(RETAIL).filter(
        polars.col("CustomerID").is_not_null()
        & ~polars.col("InvoiceNo").str.starts_with("C")
        & (polars.col("Quantity") > 0)
    )
    bought = rows.select("CustomerID", polars.col("InvoiceDate").dt.date().alias("day")).unique()
    until, end = date(2011, 5, 31), date(2011, 8, 31)
    days: dict[int, list[date]] = {}
    for customer, day in bought.iter_rows():
        days.setdefault(customer, []).append(day)
    known = [sorted(each) for each in days.values() if min(each) < until]
    past = [[day for day in each if day <= until] for each in known]
    x = np.array([len(each) - 1.0 for each in past])
    t_x = np.array([float((each[-1] - each[0]).days) for each in past])
    age = np.array([float((until - each[0]).days) for each in past])
    found = fit_bg_nbd(x, t_x, age)
    told = expected_orders(found, x, t_x, age, float((end - until).days))
    came = sum(1 for each in known for day in each if until < day)
    assert np.isfinite(told).all()
    assert told.sum() == pytest.approx(came, rel=0.2)
