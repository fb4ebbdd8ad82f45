"""The person's mix: what it is made of, the miss it leaves, and that the bookkeeping agrees with the formula."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from eachwise.contracts.arrays import Floats, Ints
from eachwise.contracts.individual import ANY_VALUE, Individual, Written
from eachwise.recommend import Mix, counted, divergence, entries_of, facets_of, tastes_of
from eachwise.recommend.calibration import ALPHA, MOMENT_ITEMS, Calibrator, Tastes, mix_of
from eachwise.settings import AffinitySettings
from tests.unit.recommend.shelf import catalog_of, genres, mix, stock_of

DAY_US = 86_400_000_000
NOW_US = 1_790_000_000_000_000
SETTINGS = AffinitySettings()


def test_an_attribute_describes_taste_where_most_items_carry_it_and_its_values_recur() -> None:
    items = [
        {
            "genre": ["metal", "pop", "jazz"][number % 3],
            "title": f"song {number}",
            "medium": "record",
            **({"mood": ["low", "high"][number % 2]} if number % 3 == 0 else {}),
        }
        for number in range(60)
    ]
    facets = facets_of(catalog_of(*items))
    assert facets.names == ("genre",)
    assert facets.weight.tolist() == [1.0]
    named = facets_of(catalog_of(*items), ("mood", "genre"))
    assert named.names == ("genre", "mood")
    assert named.weight.tolist() == pytest.approx([0.75, 0.25])  # 60 and 20 items


def test_facets_of_a_catalogue_without_attributes_are_none() -> None:
    facets = facets_of(catalog_of({}, {}))
    assert facets.names == ()
    assert len(facets.weight) == len(facets.columns) == 0
    assert facets_of(catalog_of()).names == ()


def person(at_us: int, **masses: tuple[float, float, float]) -> Individual:
    """A person with (moment, general, shown) of each genre, all read at one time."""
    at_s = at_us / 1e6
    state = Individual()
    for name, (moment, general, shown) in masses.items():
        key = ANY_VALUE if name == "any" else f"genre={name}"
        state.affinity[key] = [moment, general, shown, 0.0, at_s]
    return state


def read(state: Individual, now_us: int = NOW_US) -> Tastes:
    catalog = genres(("jazz", 5), ("metal", 5), ("pop", 5))
    facets = facets_of(catalog)
    return tastes_of(state, facets, now_us, SETTINGS)


def test_masses_decay_to_now() -> None:
    state = person(NOW_US - 90 * DAY_US, any=(4.0, 10.0, 8.0), metal=(4.0, 8.0, 2.0))
    tastes = read(state)
    assert tastes.general.tolist() == pytest.approx([0.0, 4.0, 0.0])
    assert tastes.shown.tolist() == pytest.approx([0.0, 1.0, 0.0])
    assert tastes.moment.tolist() == pytest.approx([0.0, 0.0, 0.0])
    assert (tastes.any_general, tastes.any_shown) == pytest.approx((5.0, 4.0))
    # A clock that lags behind the last event does not blow masses up.
    assert read(state, NOW_US - 100 * DAY_US).general.tolist() == pytest.approx([0.0, 8.0, 0.0])


def test_what_is_declared_counts_and_what_is_declared_against_is_in_no_mix() -> None:
    state = person(NOW_US, any=(4.0, 10.0, 0.0), pop=(4.0, 10.0, 0.0))
    state.declared["genre=jazz"] = Written(1, 1, 1)
    state.declared["genre=pop"] = Written(1, 1, -1)
    tastes = read(state)
    assert tastes.general.tolist() == [SETTINGS.declared_mass, 0.0, 0.0]
    assert tastes.moment.tolist() == [0.0, 0.0, 0.0]
    assert tastes.any_general == 10.0 + SETTINGS.declared_mass


def target(general: list[float], moment: list[float]) -> list[float]:
    """The mix of a person with these masses of jazz, metal and pop."""
    none = np.zeros(3)
    tastes = Tastes(
        general=np.array(general, dtype=np.float64),
        moment=np.array(moment, dtype=np.float64),
        shown=none,
        any_general=float(sum(general)),
        any_moment=float(sum(moment)),
        any_shown=0.0,
    )
    facets = facets_of(genres(("jazz", 5), ("metal", 5), ("pop", 5)))
    return [float(share) for share in mix_of(facets, tastes, none, 0.0).target]


def test_the_mix_is_the_persons_own_and_nobody_elses() -> None:
    assert target([0, 0, 0], [0, 0, 0]) == [0.0, 0.0, 0.0]  # nothing is known, nothing is held to
    assert target([0, 1, 0], [0, 0, 0]) == [0.0, 1.0, 0.0]
    assert target([10, 80, 10], [0, 0, 0]) == pytest.approx([0.1, 0.8, 0.1])


def test_a_moment_as_usual_moves_the_mix_by_its_items() -> None:
    share = 3.0 / (3.0 + MOMENT_ITEMS)
    for moment in ([1, 1, 1], [2, 1, 0]):
        expected = [(1 - share) / 3 + share * mass / 3 for mass in moment]
        assert target([30, 30, 30], [float(mass) for mass in moment]) == pytest.approx(expected)


def test_a_mood_is_told_from_a_sample_of_the_usual_mix() -> None:
    # The Bayes factor by hand: three of pop in a row where a third is usual, a = 1.
    factor = (1 / 3) * (4 / 3) * (7 / 3) / (1 * 2 * 3) * 3**3
    weight = 3.0 * factor
    share = weight / (weight + MOMENT_ITEMS)
    found = target([30, 30, 30], [0, 0, 3])
    assert found == pytest.approx([(1 - share) / 3, (1 - share) / 3, (1 - share) / 3 + share])
    # Six of what is hardly ever taken: the mix is theirs, for now.
    found = target([90, 6, 0], [0, 6, 0])
    assert found[1] > 0.99
    # Of a lover of it they tell nothing new.
    assert target([0, 96, 0], [0, 6, 0]) == [0.0, 1.0, 0.0]


@given(
    st.lists(st.floats(0, 50), min_size=3, max_size=3),
    st.lists(st.floats(0, 1), min_size=3, max_size=3),
    st.floats(0.01, 300),
)
def test_a_mix_is_shares_between_the_usual_and_the_moments(
    general: list[float], parts: list[float], items: float
) -> None:
    moment = [items * part for part in parts]
    # Whatever this moment holds, the general horizon holds too.
    usual = [mass + now for mass, now in zip(general, moment, strict=True)]
    found = target(usual, moment)
    assert sum(found) == pytest.approx(1.0 if sum(usual) > 0.0 else 0.0)
    if sum(moment) > 0.0:
        for share, of_usual, of_moment in zip(found, usual, moment, strict=True):
            ends = sorted([of_usual / sum(usual), of_moment / sum(moment)])
            assert ends[0] - 1e-9 <= share <= ends[1] + 1e-9


def test_trust_grows_with_evidence_and_what_was_shown_is_bounded() -> None:
    stock = stock_of(genres(("jazz", 5), ("metal", 5)))
    assert mix(stock, {}).trust == 0.0
    assert mix(stock, {"genre=metal": 10.0}).trust == pytest.approx(0.5)
    shown = mix(stock, {"genre=metal": 10.0}, {"genre=metal": 900.0, "genre=jazz": 100.0})
    assert shown.items == pytest.approx(20.0)
    assert shown.counts.tolist() == pytest.approx([2.0, 18.0])


def test_divergence_is_stecks() -> None:
    stock = stock_of(genres(("jazz", 5), ("metal", 5)))
    eight_two = mix(stock, {"genre=metal": 80.0, "genre=jazz": 20.0})
    assert divergence(eight_two, np.array([2.0, 8.0])) == pytest.approx(0.0, abs=1e-12)
    only_metal = 0.2 * math.log(0.2 / (ALPHA * 0.2)) + 0.8 * math.log(
        0.8 / ((1 - ALPHA) + ALPHA * 0.8)
    )
    assert divergence(eight_two, np.array([0.0, 10.0])) == pytest.approx(only_metal)
    assert divergence(eight_two, np.zeros(2)) == 0.0


def missed(held: Mix, counts: Floats, beta: Floats) -> float:
    """The module's KL, by the formula."""
    facets = held.facets
    total = 0.0
    for facet in range(len(facets.names)):
        here = facets.facet == facet
        p, c = held.target[here], counts[here]
        if p.sum() == 0.0:
            continue
        q = (c + beta[facet] * p) / (c.sum() + beta[facet])
        told = p > 0
        total += facets.weight[facet] * float((p[told] * np.log(p[told] / q[told])).sum())
    return total


@given(
    st.lists(
        st.tuples(st.sets(st.sampled_from("abc")), st.sampled_from("xyz")),
        min_size=2,
        max_size=8,
    ),
    st.dictionaries(st.sampled_from(["g=a", "g=b", "g=c", "h=x"]), st.floats(0.5, 20)),
    st.dictionaries(st.sampled_from(["g=a", "h=y"]), st.floats(0.5, 20)),
    st.data(),
)
def test_the_bookkeeping_agrees_with_the_formula(
    items: list[tuple[set[str], str]],
    masses: dict[str, float],
    shown: dict[str, float],
    data: st.DataObject,
) -> None:
    described: list[dict[str, str | list[str]]] = [{"g": sorted(g), "h": h} for g, h in items]
    catalog = catalog_of(*described)
    stock = stock_of(catalog, "g", "h")
    held = mix(stock, masses, shown)
    rows = np.arange(len(items))
    indptr, columns = entries_of(catalog, rows)
    calibrator = Calibrator(held, indptr, columns, 3)
    counts = held.counts.copy()
    left = list(range(len(items)))
    for _ in range(min(3, len(items))):
        found = calibrator.miss()
        exact = []
        for row in range(len(items)):
            added = counts + counted(held.facets, _columns_of(indptr, columns, row))
            exact.append(missed(held, added, calibrator.beta))
        # What is the same for every candidate is left out.
        assert (found - found[0]).tolist() == pytest.approx(
            (np.array(exact) - exact[0]).tolist(), abs=1e-9
        )
        taken = data.draw(st.sampled_from(left))
        left.remove(taken)
        calibrator.take(taken)
        counts += counted(held.facets, _columns_of(indptr, columns, taken))


def _columns_of(indptr: Ints, columns: Ints, row: int) -> Ints:
    return columns[indptr[row] : indptr[row + 1]]
