"""Random events of people, with their meanings: what the laws of individuals are tried on."""

from __future__ import annotations

from collections.abc import Sequence
from math import inf, isclose
from typing import Any

import msgspec
import numpy as np
from hypothesis import strategies as st

from eachwise.contracts.events import Action, Event, Line, Meaning
from eachwise.contracts.individual import Exclusion, Individual
from eachwise.individual import fold
from eachwise.settings import AffinitySettings

SETTINGS = AffinitySettings()
CATALOGUE = {
    "steak": ("category=meat", "diet=omnivore"),
    "cod": ("category=fish", "diet=omnivore"),
    "tofu": ("category=tofu", "diet=vegan"),
}
SECOND = 1_000_000
DECADES_US = 60 * 365 * 86_400 * SECOND
# Ties, moments, days and decades apart, all around the same few instants.
TIMES = st.one_of(
    st.integers(0, 3),
    st.integers(0, 5).map(lambda n: n * 700 * SECOND),
    st.integers(0, 300).map(lambda n: n * 86_400 * SECOND),
    st.integers(0, DECADES_US),
    st.just(-DECADES_US),
    st.just(200 * DECADES_US),
)
IDS = ("one", "two")


def values_of(item_id: str) -> Sequence[str]:
    """The catalogue."""
    return CATALOGUE.get(item_id, ())


def _deed(number: int, draw: np.random.Generator) -> tuple[Event, Meaning]:
    """One event, at no particular time yet, and its meaning."""

    def one(*choices: Any) -> Any:
        return choices[draw.integers(len(choices))]

    email = one(None, None, "A@x", "b@x", "nobody")
    event = Event(
        message_id="",
        kind=one("track", "identify", "group"),
        occurred_at_us=0,
        received_at_us=0,
        user_id=one(None, *IDS),
        anonymous_id=one(None, *IDS),
        traits={"email": email, "size": number % 3} if email else {},
    )
    items = draw.permutation([*CATALOGUE, "unknown"])[: one(0, 1, 1, 2, 3)]
    meaning = Meaning(
        action=list(Action)[number % len(Action)],
        weight=one(0.0, 1.0, 2.5),
        lines=tuple(Line(str(item_id)) for item_id in items),
        attributes=one((), ("brand=a",), ("brand=a", "diet=vegan")),
        decision_id=one("", "d1"),
        experience_id=one("", "x1"),
        channel=one("", "email", "web"),
        order_id=one("", "o1", "o2"),
        amount=one(0.0, 10.0, 33.3),
        consent=one({}, {}, {"marketing": True}, {"marketing": False, "ads": True}),
        preferences=one({}, {}, {"diet=vegan": 1}, {"diet=vegan": -1}),
    )
    return event, meaning


# Every action many times over, with everything else at random: an example draws from these, and when.
DEEDS = [_deed(number, np.random.default_rng(number)) for number in range(20 * len(Action))]


def lives(most: int = 25) -> st.SearchStrategy[list[tuple[Event, Meaning]]]:
    """Events of one person; message ids tell them apart, whatever else they share."""
    return st.lists(st.tuples(st.sampled_from(DEEDS), TIMES), max_size=most).map(
        lambda drawn: [
            (
                msgspec.structs.replace(event, message_id=f"m{number}", occurred_at_us=at_us),
                meaning,
            )
            for number, ((event, meaning), at_us) in enumerate(drawn)
        ]
    )


def folded(
    life: Sequence[tuple[Event, Meaning]],
    settings: AffinitySettings = SETTINGS,
    excluded: Sequence[Exclusion] = (),
) -> Individual:
    """The state after these events, in this order; exclusions are known before the first."""
    state = Individual(excluded=list(excluded))
    for event, meaning in life:
        fold(state, event, meaning, values_of, settings)
    return state


def assert_same(a: Individual, b: Individual) -> None:
    """Equal: exactly, but for decayed sums and money, which agree to 1e-9 relative."""
    assert a.affinity.keys() == b.affinity.keys()
    for value, entry in a.affinity.items():
        _close(entry, b.affinity[value])
    _close(a.activity, b.activity)
    assert a.refunds.keys() == b.refunds.keys()
    _close(list(a.refunds.values()), [b.refunds[key] for key in a.refunds])
    plain = [
        msgspec.structs.replace(state, affinity={}, activity=[], refunds={}) for state in (a, b)
    ]
    assert plain[0] == plain[1]


def _close(a: Sequence[float], b: Sequence[float]) -> None:
    # Masses under NEGLIGIBLE are nothing; two that straddle it are still the same nothing.
    pairs = list(zip(a, b, strict=True))
    assert all(isclose(x, y, rel_tol=1e-9, abs_tol=1e-250) for x, y in pairs), pairs
    assert all(x <= inf and x == x for x, _ in pairs)
