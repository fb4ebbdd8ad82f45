"""Leave-last-out: the test is never seen, times are aligned, and what is measured is what serves."""

import numpy as np

from eachwise.catalog import build_index
from eachwise.contracts.arrays import TasteModel
from eachwise.contracts.catalog import Item
from eachwise.individual import affinity_vectors
from eachwise.proofs import lastout
from eachwise.proofs.lastout import People
from eachwise.proofs.ranking import Blends
from eachwise.proofs.served import folded, state_bytes
from eachwise.recommend import PersonTaste, TasteStatistics, rank, solve
from eachwise.recommend.training import TrainingOptions, train
from eachwise.settings import Settings

ITEMS, SPACING_S = 20, 600.0
MODELS = ("transitions", "trend", "ease", "ridge")


def people(seed: int = 0, count: int = 60) -> People:
    """Walks along a circle of items, with detours."""
    generator = np.random.default_rng(seed)
    histories = []
    for _ in range(count):
        steps = np.where(generator.random(9) < 0.8, 1, generator.integers(2, 7, 9))
        walk = (generator.integers(ITEMS) + np.cumsum(steps)) % ITEMS
        histories.append(np.array(list(dict.fromkeys(walk.tolist()))))
    items = [
        Item(item_id=f"i{number:02d}", attributes={"third": str(number % 3)})
        for number in range(ITEMS)
    ]
    return People(catalog=build_index(items, version=1), histories=tuple(histories))


def test_all_tests_come_at_one_moment_and_are_not_known() -> None:
    some = people()
    whole, known = lastout.interactions(some, SPACING_S)
    last = whole.indptr[1:] - 1
    assert set(whole.at_s[last].tolist()) == {whole.at_s.max()}
    assert len(known.rows) == len(whole.rows) - known.people
    for person, rows in enumerate(some.histories):
        span = slice(known.indptr[person], known.indptr[person + 1])
        assert known.rows[span].tolist() == rows[:-1].tolist()
        assert set(np.diff(known.at_s[span]).tolist()) <= {SPACING_S}
    asked = lastout.questions(whole)
    assert [int(one[0]) for one in asked.relevant] == [int(rows[-1]) for rows in some.histories]
    assert asked.seen(0).tolist() == some.histories[0][:-1].tolist()


def test_what_is_trained_is_the_same_whatever_the_test_is() -> None:
    some = people()
    swapped = tuple(np.concatenate([rows[:-1], rows[:1]]) for rows in some.histories)
    found = []
    for histories in (some.histories, swapped):
        one = People(catalog=some.catalog, histories=histories)
        _, known = lastout.interactions(one, SPACING_S)
        options = TrainingOptions(models=MODELS)
        found.append(train(known, one.catalog, options, version=1, say=lambda _: None))
    assert found[0].blend == found[1].blend
    for name, parts in found[0].parts.items():
        for part, array in parts.items():
            np.testing.assert_array_equal(array, found[1].parts[name][part])


def live(some: People) -> TasteModel:
    """Too little was counted live to know more than the training."""
    return solve(
        TasteStatistics(),
        version=0,
        item_ids=some.catalog.item_ids,
        expected={},
        neighbours_max=0,
        now_s=0.0,
    )


def test_a_proof_ranks_as_a_request_does() -> None:
    """The same person, folded event by event, gets the scores from ``rank`` that the proof measures."""
    some = people()
    whole, known = lastout.interactions(some, SPACING_S)
    options = TrainingOptions(models=MODELS)
    model = train(known, some.catalog, options, version=1, say=lambda _: None)
    asked = lastout.questions(whole)
    blends = Blends(questions=asked, parts=model.parts, weights={"individual:blend": model.blend})
    catalog, settings = some.catalog, Settings()
    now_us = round(float(whole.at_s.max()) * 1e6)
    for person in (0, 7, 31):
        state = folded(catalog, known, person)
        affinity = affinity_vectors(
            state,
            catalog.value_of,
            len(catalog.values),
            np.full(len(catalog.values), 1 / 3),
            now_us,
            settings.affinity,
        )
        taste = PersonTaste.of(state, affinity, now_us)
        served = rank(taste, live(some), catalog, settings.recommend, model).scores
        np.testing.assert_allclose(served, blends(person)["individual:blend"], atol=1e-9)


def test_people_with_too_few_items_are_left_out_and_a_sample_is_repeatable() -> None:
    lengths = np.array([2, 3, 9, 1, 4, 5])
    assert lastout.sampled(lengths, None, 0).tolist() == [1, 2, 4, 5]
    assert lastout.sampled(lengths, 99, 0).tolist() == [1, 2, 4, 5]
    some = lastout.sampled(lengths, 2, 1)
    assert len(some) == 2
    assert some.tolist() == lastout.sampled(lengths, 2, 1).tolist()


def test_a_state_has_a_size() -> None:
    some = people()
    _, known = lastout.interactions(some, SPACING_S)
    assert 200 < state_bytes(some.catalog, known, seed=0) < 5000


def test_the_net_is_left_out_where_that_is_asked() -> None:
    trainings = lastout.trainings(True)
    assert lastout.BLEND not in trainings
    assert "recurrent" not in (trainings[lastout.CLOSED] or ())
    assert trainings[lastout.AFFINITY] == ("affinity", "trend")
