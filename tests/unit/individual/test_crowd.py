"""Many people at once: each one's figures are those of the one alone."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from eachwise.contracts.individual import ANY_VALUE, Individual, Written
from eachwise.individual import Crowd, affinity_vectors, crowd_affinity
from eachwise.settings import AffinitySettings

VALUES = ("a=1", "a=2", "b=1")
NOW_S = 1_790_000_000.0
MASS = st.one_of(st.just(0.0), st.floats(0.0, 200.0))
ENTRY = st.tuples(MASS, MASS, MASS, MASS, st.floats(NOW_S - 4e7, NOW_S + 3600.0))
SETTINGS = AffinitySettings()


@st.composite
def a_person(draw: st.DrawFn) -> Individual:
    """Entries and declared preferences at random; the whole is never less than a part."""
    values = draw(st.sets(st.sampled_from(VALUES)))
    held: dict[str, list[float]] = {value: list(draw(ENTRY)) for value in sorted(values)}
    whole = draw(st.booleans())
    if held or whole:
        held[ANY_VALUE] = [x + y for x, y in zip([200.0] * 4, draw(ENTRY)[:4], strict=True)]
        held[ANY_VALUE].append(
            max([entry[4] for entry in held.values() if len(entry) == 5] or [NOW_S])
        )
    said = draw(st.dictionaries(st.sampled_from(VALUES), st.sampled_from([-1, 0, 1])))
    return Individual(
        affinity=held, declared={value: Written(0, 0, sign) for value, sign in said.items()}
    )


@given(st.lists(a_person(), max_size=5), st.lists(st.floats(0.0, 1.0), min_size=3, max_size=3))
def test_many_are_each_as_alone(people: list[Individual], shares: list[float]) -> None:
    expected = np.array(shares)
    crowd = Crowd.of(len(people), len(VALUES))
    for place, person in enumerate(people):
        crowd.whole[place] = person.affinity.get(ANY_VALUE, [0.0] * 5)
        for column, value in enumerate(VALUES):
            crowd.entries[place, column] = person.affinity.get(value, [0.0] * 5)
            said: Any = person.declared.get(value)
            crowd.declared[place, column] = said.value if said else 0
    now_us = int(NOW_S * 1e6)
    found = crowd_affinity(crowd, expected, now_us, SETTINGS)
    columns = {value: column for column, value in enumerate(VALUES)}
    for place, person in enumerate(people):
        alone = affinity_vectors(person, columns, len(VALUES), expected, now_us, SETTINGS)
        for name in ("general", "general_sd", "moment", "moment_sd", "evidence", "declared"):
            np.testing.assert_allclose(
                getattr(found, name)[place], getattr(alone, name), rtol=1e-9, atol=1e-12
            )
