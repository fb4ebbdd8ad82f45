"""What the recurrent net remembers of a person is carried along, and never more than a cache."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest

from eachwise.contracts.individual import RECENTS_MAX, Carried, Individual, Recent
from eachwise.contracts.taste import TrainedModel
from eachwise.individual import merge
from eachwise.maths.hashing import stable_hash
from eachwise.recommend.carry import UNREAD_MAX, carry_on, wanted
from eachwise.recommend.models import recurrent
from eachwise.settings import AffinitySettings
from tests.unit.recommend.nets import random_parts, trained_of

COUNT = 20
IDS = tuple(f"i{row}" for row in range(COUNT))
PARTS = random_parts(COUNT)
MODEL = trained_of(PARTS, IDS)
MINUTE_US = 60_000_000


def engage(
    state: Individual, minute: int, item_id: str, model: TrainedModel | None = MODEL
) -> None:
    """One view, as ingest takes it."""
    at_us = minute * MINUTE_US
    tie = stable_hash("m", minute, item_id)
    state.recents = sorted([*state.recents, Recent(at_us, tie, item_id, "view")])[-RECENTS_MAX:]
    state.events += 1
    carry_on(model, state, at_us, {})


def life(count: int, model: TrainedModel | None = MODEL) -> Individual:
    """So many views, one a minute."""
    state = Individual()
    for minute in range(count):
        engage(state, minute, IDS[minute * minute % COUNT], model)
    return state


def read_afresh(rows: list[int]) -> recurrent.Vector:
    return recurrent.read(PARTS, recurrent.begin(PARTS), np.array(rows))[1]


def ahead(state: Individual, model: TrainedModel = MODEL) -> recurrent.Vector | None:
    return wanted(model, state.recents, state.carried, {})


def test_a_memory_knows_more_than_the_recents_do() -> None:
    count = 3 * RECENTS_MAX
    state = life(count)
    found = ahead(state)
    assert found is not None
    whole = [minute * minute % COUNT for minute in range(count)]
    # The memory began with the recents at some point in the first 50, and kept everything since.
    assert np.abs(found - read_afresh(whole)).max() < 2e-2


def test_it_is_made_seldom_and_leaves_the_newest_unread() -> None:
    state, made = Individual(), []
    for minute in range(200):
        before = state.carried
        engage(state, minute, IDS[minute % COUNT])
        if state.carried is not before:
            made.append(minute)
            assert state.carried is not None
            assert state.carried.occurred_at_us == (minute - 1) * MINUTE_US
    assert made
    assert min(np.diff(made)) >= UNREAD_MAX - 1


def test_the_same_events_give_the_same_bytes() -> None:
    assert msgspec.msgpack.encode(life(120)) == msgspec.msgpack.encode(life(120))


def test_a_late_event_is_never_left_out_by_a_memory() -> None:
    state = life(100)
    assert state.carried is not None
    engage(state, 80, "i7")
    carried = state.carried
    at = [recent.occurred_at_us for recent in state.recents if recent.item_id == "i7"]
    assert 80 * MINUTE_US in at
    # Gone, or made again from the recents, the late one among them.
    rows = [MODEL.row_of[recent.item_id] for recent in state.recents]
    expected = read_afresh(rows)
    found = ahead(state)
    assert (found is None) == (carried is None)
    assert found is None or np.abs(found - expected).max() < 2e-2


def test_late_events_in_a_row_do_not_make_it_again_each_time() -> None:
    state, made = life(100), 0
    for late in range(64):
        before = state.carried
        engage(state, 60 + late // 8, f"i{late % COUNT}")
        made += state.carried is not None and state.carried is not before
    assert made <= 12


def test_another_version_does_not_read_it_and_makes_its_own() -> None:
    state = life(100)
    newer = trained_of(random_parts(COUNT, seed=1), IDS, version=2)
    assert ahead(state, newer) is None
    for minute in range(100, 180):
        engage(state, minute, IDS[minute % COUNT], newer)
    assert state.carried is not None
    assert state.carried.version == 2
    assert ahead(state, newer) is not None
    assert ahead(state) is None


@pytest.mark.parametrize("model", [None, trained_of({}, IDS)])
def test_nothing_is_remembered_where_no_net_serves(model: TrainedModel | None) -> None:
    if model is not None:
        model.parts.clear()
    assert life(100, model).carried is None


def test_unknown_items_and_actions_that_count_for_nothing_are_passed_over() -> None:
    state = life(100)
    plain = ahead(state)
    assert plain is not None
    engage(state, 100, "unheard-of")
    state.recents.append(Recent(101 * MINUTE_US, 1, "i3", "browse"))
    found = wanted(MODEL, state.recents, state.carried, {"browse": 0.0})
    assert found is not None
    np.testing.assert_allclose(found, plain, atol=2e-2)


def test_a_merge_keeps_it_only_where_the_other_is_nobody() -> None:
    state, settings = life(100), AffinitySettings()
    assert merge(state, Individual(), settings) == state == merge(Individual(), state, settings)
    assert merge(state, life(30), settings).carried is None


def test_states_from_before_there_was_one_are_read_and_it_survives_the_store() -> None:
    state = life(100)
    body = msgspec.msgpack.encode(state)
    assert msgspec.msgpack.decode(body, type=Individual) == state
    older = Individual.__struct_fields__.index("carried")
    before = msgspec.msgpack.encode(msgspec.msgpack.decode(body)[:older])
    assert msgspec.msgpack.decode(before, type=Individual) == msgspec.structs.replace(
        state, carried=None
    )


def test_its_size_is_that_of_two_bytes_a_number() -> None:
    carried = life(100).carried
    assert isinstance(carried, Carried)
    assert len(carried.state) == 2 * PARTS["retain"].size
