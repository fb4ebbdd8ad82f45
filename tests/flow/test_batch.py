"""Decisions for everybody: the decisions of one, once each, under budgets that bind all."""

from __future__ import annotations

from concurrent.futures import FIRST_COMPLETED, wait

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eachwise import Engine
from eachwise.adapters.clocks import SettableClock
from eachwise.contracts.batch import BatchDecision, BatchPage, BatchRequest
from eachwise.contracts.errors import InvalidInput, NotFound
from eachwise.flow.batch import clearing_prices
from eachwise.flow.drive import Flow
from tests.flow.shop import view

PEOPLE = 60
MAIL = BatchRequest(batch_id="spring", placement_id="mail")


@pytest.fixture
def crowd(engine: Engine) -> Engine:
    """Sixty people, of whom every third may be written to, who each look at one kind of food."""
    for number in range(PEOPLE):
        consent = {"consent": {"categoryPreferences": {"marketing": number % 3 == 0}}}
        view(engine, f"u{number}", f"{('fish', 'tofu')[number % 2]}-{number % 5}", context=consent)
    engine.tick()
    return engine


def whole(engine: Engine, request: BatchRequest, limit: int) -> list[BatchDecision]:
    """Every decision of a batch, page by page."""
    engine.begin_batch(request)
    found: list[BatchDecision] = []
    after: int | None = 0
    while after is not None:
        page = engine.batch_page(request.batch_id, after, limit)
        found += page.decisions
        assert page.looked_at <= limit
        after = page.next
    return found


def test_everybody_is_decided_once_as_alone(crowd: Engine) -> None:
    made = whole(crowd, MAIL, 7)
    people = [each.individual_id for each in made]
    assert len(set(people)) == len(people)
    assert {int(each.removeprefix("user:u")) % 3 for each in people} == {0}
    assert len(people) > PEOPLE // 3 * 0.8
    for each in made[:10]:
        assert crowd.replay(each.decided.decision_id).exact
        assert crowd.decision(each.decided.decision_id).request_id == "batch:spring"


def test_asked_again_it_answers_the_same(crowd: Engine) -> None:
    first = whole(crowd, MAIL, 50)
    stored = crowd.core._store.counts()["decisions"]
    assert whole(crowd, MAIL, 11) == first
    assert crowd.core._store.counts()["decisions"] == stored
    other = whole(crowd, BatchRequest(batch_id="other", placement_id="mail"), 50)
    assert {each.decided.decision_id for each in other}.isdisjoint(
        each.decided.decision_id for each in first
    )


def test_what_was_not_to_decide_is_counted_and_not_kept(crowd: Engine) -> None:
    crowd.begin_batch(MAIL)
    page = crowd.batch_page("spring", 0, 100)
    assert page.next is None
    assert page.barred == PEOPLE * 2 // 3
    assert page.filters["consent"] == 4 * page.barred
    assert page.looked_at == PEOPLE == len(page.decisions) + page.silent + page.barred
    kept = len(page.decisions) + page.silent
    assert crowd.core._store.counts()["decisions"] == kept


def test_a_budget_goes_to_those_for_whom_it_brings_most(
    engine: Engine, clock: SettableClock
) -> None:
    """Half look at fish; the fish offer may go to ten of sixty."""
    placement = {"placement_id": "mail", "channel": "web"}
    offer = {
        "experience_id": "fish-offer",
        "placements": ["mail"],
        "attributes": {"category": "fish"},
        "value": 5.0,
        "lever": 5.0,
        "budgets": [{"limit": 10}],
    }
    engine.define({"placements": [placement], "experiences": [offer]})
    for number in range(PEOPLE):
        kind = "fish" if number >= PEOPLE // 2 else "cake"
        view(engine, f"u{number:02d}", *[f"{kind}-{each}" for each in range(5)])
    clock.advance(seconds=60)
    engine.tick()
    begun = engine.begin_batch(BatchRequest(batch_id="b", placement_id="mail"))
    assert begun.people == PEOPLE
    assert begun.prices["fish-offer"] > 0.0
    made = whole(engine, BatchRequest(batch_id="b", placement_id="mail"), 25)
    numbers = [int(each.individual_id.removeprefix("user:u")) for each in made]
    assert 5 <= len(numbers) <= 10
    assert sum(number >= PEOPLE // 2 for number in numbers) >= 0.8 * len(numbers)
    (budget,) = engine.budgets()
    assert budget.used == len(numbers)


@pytest.fixture
def bounded(engine: Engine) -> Engine:
    """Forty people, and a batch over them of an offer with a budget and a cap."""
    offer = {
        "experience_id": "offer",
        "placements": ["banner"],
        "value": 100.0,
        "budgets": [{"limit": 1000}],
        "caps": [{"count": 1, "window_s": 86_400}],
    }
    engine.define({"placements": [{"placement_id": "banner"}], "experiences": [offer]})
    for number in range(40):
        view(engine, f"u{number:02d}", "fish-1")
    engine.tick()
    engine.begin_batch(BatchRequest(batch_id="b", placement_id="banner"))
    return engine


def test_a_page_that_is_given_up_holds_nothing(bounded: Engine) -> None:
    page = bounded.core.batching.page("b", 0, 40)
    waits = next(page)
    for _ in range(3):
        waits = page.send(waits.result())
    assert bounded.budgets()[0].used > 0
    page.close()
    assert bounded.budgets()[0].used == 0
    whole = bounded.batch_page("b", 0, 40)
    assert bounded.budgets()[0].used == len(whole.decisions) > 20


def test_a_page_asked_twice_at_once_is_decided_once(bounded: Engine) -> None:
    pages = [bounded.core.batching.page("b", 0, limit) for limit in (40, 40, 5)]
    waits = {page: next(page) for page in pages}
    found: dict[Flow[BatchPage], BatchPage] = {}
    while waits:
        wait(waits.values(), return_when=FIRST_COMPLETED)
        for page, future in [each for each in waits.items() if each[1].done()]:
            try:
                waits[page] = page.send(future.result())
            except StopIteration as stop:
                found[page] = stop.value
                del waits[page]
    first, again, part = (found[page].decisions for page in pages)
    assert first == again
    assert part == first[: len(part)] != []
    assert bounded.core._store.counts()["decisions"] == 40
    assert bounded.budgets()[0].used == len(first)


def test_what_cannot_be_is_refused_in_words(crowd: Engine) -> None:
    with pytest.raises(NotFound, match="begin it"):
        crowd.batch_page("unknown")
    with pytest.raises(NotFound, match="no placement 'cellar'"):
        crowd.begin_batch(BatchRequest(batch_id="x", placement_id="cellar"))
    crowd.begin_batch(MAIL)
    with pytest.raises(InvalidInput, match="begun for placement 'mail'"):
        crowd.begin_batch(BatchRequest(batch_id="spring", placement_id="hero"))
    with pytest.raises(InvalidInput, match="limit"):
        crowd.batch_page("spring", 0, 501)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000), st.floats(0.02, 0.9), st.floats(0.02, 0.9))
def test_clearing_prices_use_what_is_left_and_no_more(seed: int, one: float, two: float) -> None:
    people = 300
    generator = np.random.default_rng(seed)
    priorities = generator.lognormal(0.0, 1.0, (people, 3))
    priorities[:, 2] = 0.0
    left = np.array([one, two]) * people
    prices = clearing_prices(priorities, np.ones((people, 2)), left)
    chosen = (priorities - np.append(prices, 0.0)).argmax(axis=1)
    for place in range(2):
        used = float((chosen == place).sum())
        assert used <= left[place] + 6
        assert used >= left[place] - 3 or prices[place] == 0.0
