"""What every candidate source must keep. A new one is found here by itself through the registry."""

from pathlib import Path

import numpy as np
import pytest

import eachwise.recommend.sources as sources_package
from eachwise.catalog import build_index
from eachwise.contracts.arrays import AffinityVectors, CatalogIndex, Floats, TasteModel
from eachwise.contracts.catalog import Item
from eachwise.recommend import SOURCES, PersonTaste, Source, TasteStatistics, align, solve
from eachwise.settings import RecommendSettings

NOW_S = 1_000 * 86400.0
SIZE = 12
SOURCE_NAMES = sorted(SOURCES)


def catalogue(size: int = SIZE, prefix: str = "i") -> CatalogIndex:
    items = [
        Item(
            item_id=f"{prefix}{number:02d}",
            attributes={"parity": "odd" if number % 2 else "even", "third": str(number % 3)},
        )
        for number in range(size)
    ]
    new = Item(item_id="new", published_at="1972-09-26")  # a day before now, and without attributes
    return build_index([*items, new] if size else [], version=1)


def cyclic_model(item_ids: tuple[str, ...]) -> TasteModel:
    """Everyone goes from item i to item i + 1, and the first one is the most popular."""
    statistics = TasteStatistics()
    cycle = sorted(one for one in item_ids if one.startswith("i"))
    for place, item_id in enumerate(cycle):
        for _ in range(3):
            statistics.observe([cycle[place - 1]], item_id, NOW_S)
    for _ in range(20):
        statistics.observe([], "i00", NOW_S)
    return solve(
        statistics, version=1, item_ids=item_ids, expected={}, neighbours_max=0, now_s=NOW_S
    )


def person(catalog: CatalogIndex, *recents: str, seed: int | None = None) -> PersonTaste:
    """Someone with these recents; without a seed nothing is known of the tastes."""
    size = len(catalog.values)
    zero, wide = np.zeros(size), np.full(size, 0.7)
    drawn = (
        np.zeros((2, size)) if seed is None else np.random.default_rng(seed).normal(size=(2, size))
    )
    affinity = AffinityVectors(
        general=drawn[0],
        general_sd=wide,
        moment=drawn[1],
        moment_sd=wide,
        evidence=zero,
        declared=zero,
    )
    return PersonTaste(recents=recents, affinity=affinity, now_us=int(NOW_S * 1e6))


def scored(name: str, who: PersonTaste, model: TasteModel, catalog: CatalogIndex) -> Floats:
    return SOURCES[name].score(who, model, catalog, align(model, catalog))


@pytest.fixture(params=SOURCE_NAMES)
def name(request: pytest.FixtureRequest) -> str:
    found: str = request.param
    return found


CATALOG = catalogue()
MODEL = cyclic_model(CATALOG.item_ids)
SHUFFLED = cyclic_model(("gone", *reversed(CATALOG.item_ids[2:])))  # one more, two fewer
EMPTY = solve(TasteStatistics(), version=0, item_ids=(), expected={}, neighbours_max=0, now_s=0.0)
PEOPLE = {
    "nobody": person(CATALOG),
    "a stranger to the catalogue": person(CATALOG, "x", "y"),
    "someone": person(CATALOG, "i03", "x", "i07", "i03", seed=1),
    "a heavy user": person(CATALOG, *(f"i{number % SIZE:02d}" for number in range(50)), seed=2),
}


@pytest.mark.parametrize("who", PEOPLE.values(), ids=PEOPLE)
@pytest.mark.parametrize("model", [MODEL, SHUFFLED, EMPTY], ids=["same", "other", "empty"])
def test_scores_are_finite_one_for_each_item_and_repeatable(
    name: str, who: PersonTaste, model: TasteModel
) -> None:
    scores = scored(name, who, model, CATALOG)
    assert scores.shape == (len(CATALOG.items),)
    assert scores.dtype == np.float64
    assert np.isfinite(scores).all()
    np.testing.assert_array_equal(scores, scored(name, who, model, CATALOG))


def test_an_empty_catalogue_has_no_scores(name: str) -> None:
    nothing = catalogue(0)
    assert scored(name, person(nothing, "i01"), EMPTY, nothing).shape == (0,)
    assert scored(name, person(nothing, "i01"), MODEL, nothing).shape == (0,)


def test_what_is_not_known_changes_nothing(name: str) -> None:
    """Items that nobody knows are passed over: they take no place among the recents either."""
    plain = scored(name, person(CATALOG, "i03", "i07", seed=1), MODEL, CATALOG)
    mixed = person(CATALOG, "x", "i03", "", "i07", "y", seed=1)
    np.testing.assert_array_equal(plain, scored(name, mixed, MODEL, CATALOG))


def test_inputs_are_left_as_they_were(name: str) -> None:
    who = person(CATALOG, "i03", seed=1)
    arrays = [
        *(getattr(who.affinity, one) for one in AffinityVectors.__dataclass_fields__),
        *(getattr(MODEL, one) for one in ("indptr", "indices", "weights", "popularity", "recent")),
        *(getattr(CATALOG, one) for one in ("indptr", "indices", "published_us")),
    ]
    before = [one.copy() for one in arrays]
    scored(name, who, MODEL, CATALOG)
    for one, copy in zip(arrays, before, strict=True):
        np.testing.assert_array_equal(one, copy)


def test_the_order_of_the_models_items_does_not_matter(name: str) -> None:
    who = person(CATALOG, "i03", "i05", seed=3)
    other = cyclic_model(tuple(reversed(CATALOG.item_ids)))
    np.testing.assert_allclose(
        scored(name, who, MODEL, CATALOG), scored(name, who, other, CATALOG), atol=1e-9
    )


@pytest.mark.parametrize("who", PEOPLE.values(), ids=PEOPLE)
@pytest.mark.parametrize("model", [MODEL, SHUFFLED, EMPTY], ids=["same", "other", "empty"])
def test_every_item_has_a_reason_in_words_or_none(
    name: str, who: PersonTaste, model: TasteModel
) -> None:
    alignment = align(model, CATALOG)
    for row in range(len(CATALOG.items)):
        words = SOURCES[name].explain(who, model, CATALOG, alignment, row)
        assert words is None or (words and words == words.strip())


def test_a_weight_is_a_setting(name: str) -> None:
    assert SOURCES[name].weight(RecommendSettings()) >= 0.0


# Known answers: the item that must stand first, for the person who must see it there.


def first(name: str, who: PersonTaste) -> str:
    return CATALOG.item_ids[int(scored(name, who, MODEL, CATALOG).argmax())]


def odd_reader() -> PersonTaste:
    who = person(CATALOG)
    who.affinity.general[CATALOG.value_of["parity=odd"]] = 1.0
    who.affinity.general[CATALOG.value_of["third=2"]] = 0.5
    return who


KNOWN = {
    "transitions": [(person(CATALOG, f"i{k:02d}"), f"i{(k + 1) % SIZE:02d}") for k in range(SIZE)],
    "affinity": [(odd_reader(), "i05")],
    "trend": [(PEOPLE["nobody"], "i00"), (PEOPLE["someone"], "i00")],
    "fresh": [(PEOPLE["nobody"], "new")],
}


def test_the_known_answer_comes_first(name: str) -> None:
    assert name in KNOWN, f"add a world whose answer is certain for {name}"
    for who, item_id in KNOWN[name]:
        assert first(name, who) == item_id


@pytest.mark.parametrize("source", ["transitions", "affinity"])
def test_a_newcomer_gives_personal_sources_nothing_to_say(source: str) -> None:
    np.testing.assert_allclose(scored(source, PEOPLE["nobody"], MODEL, CATALOG), 0.0)


def test_every_file_is_registered() -> None:
    files = {path.stem for path in Path(sources_package.__file__).parent.glob("*.py")}
    assert files - {"__init__"} == set(SOURCES)
    assert all(isinstance(source, Source) for source in SOURCES.values())
