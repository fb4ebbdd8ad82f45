"""Why did this not show? Asked of the log, through the engine, over HTTP, and from the command line."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest

from eachwise import Engine
from eachwise.adapters.clocks import SettableClock
from eachwise.cli.arguments import build_parser
from eachwise.contracts.decision import DecisionPage, DecisionView
from eachwise.contracts.errors import InvalidInput, NotFound
from eachwise.contracts.keys import Keys
from eachwise.maths.times import iso, parse_time_us
from eachwise.service import create_app
from eachwise.settings import Settings, parse_settings
from tests.flow.shop import DEFINITIONS, START_US, answer, furnish, view


def asked(engine: Engine, user: str, experience: str, **more: Any) -> DecisionView:
    """The newest decision."""
    return engine.why(user, experience, **more).decisions[0]


def defined(engine: Engine, name: str, **changes: Any) -> None:
    """One experience declared otherwise."""
    experiences = [
        {**each, **changes} if each["experience_id"] == name else each
        for each in DEFINITIONS["experiences"]
    ]
    engine.define({**DEFINITIONS, "experiences": experiences})


def redefined(view: DecisionView, kind: str) -> Any:
    assert view.asked
    (found,) = [each for each in view.asked.counterfactuals if each.kind == kind]
    return found


def test_decisions_are_listed_newest_first_and_paged(engine: Engine, clock: SettableClock) -> None:
    made = []
    for number in range(7):
        clock.advance(seconds=number % 2)
        answered = engine.decide("u", placements=["hero", "rail"]).decisions
        made += [each.decision_id for each in answered]
    page = engine.why("u", limit=4)
    assert page.individual_id == "user:u"
    seen = [each.decision_id for each in page.decisions]
    while page.before is not None:
        page = engine.why("u", limit=4, before=page.before)
        seen += [each.decision_id for each in page.decisions]
    assert sorted(seen) == sorted(made)
    times = [engine.decision(each).inputs.now_us for each in seen]
    assert times == sorted(times, reverse=True)
    rails = engine.why("u", placement_id="rail", limit=100).decisions
    assert {each.placement_id for each in rails} == {"rail"}
    assert len(rails) == 7
    first = page.decisions[-1]
    record = engine.decision(first.decision_id)
    assert first.at == iso(record.inputs.now_us)
    assert (first.experience_id, first.filters) == (record.experience_id, record.filters)
    assert first.asked is None


def test_every_candidate_has_its_place_and_its_figure(engine: Engine) -> None:
    view(engine, "u", "fish-0", "fish-1")
    (decided,) = engine.decide("u", placements=["hero"]).decisions
    record = engine.decision(decided.decision_id)
    known = {each.experience_id: each for each in record.leading}
    best = max(record.leading, key=lambda each: each.priority)
    for name, candidate in known.items():
        found = asked(engine, "u", name).asked
        assert found
        assert found.fate == ("chosen" if name == record.experience_id else "candidate")
        assert (found.probability, found.priority) == (candidate.probability, candidate.priority)
        assert found.best == best.experience_id
        assert found.gap == pytest.approx(best.priority - candidate.priority)
        assert found.recomputed
        wanted = {"value", "lever"} if found.gap and name != "silence" else set()
        assert {each.kind for each in found.counterfactuals} == wanted


def test_a_value_that_would_have_won_wins_when_it_is_declared(engine: Engine) -> None:
    settled = parse_settings({"decide": {"explorations_per_day": 0}})
    with Engine.open(settings=settled, clock=SettableClock(START_US)) as firm:
        furnish(firm)
        defined(firm, "cake-offer", value=0.5)
        firm.decide("u", placements=["hero"])
        told = redefined(asked(firm, "u", "cake-offer"), "value")
        assert told.verified
        for value, wins in ((told.value * 1.0001, True), (told.value * 0.999, False)):
            defined(firm, "cake-offer", value=value)
            (decided,) = firm.decide("u", placements=["hero"]).decisions
            assert (decided.experience_id == "cake-offer") == wins


def test_a_cap_says_when_it_is_free_and_then_it_is(engine: Engine, clock: SettableClock) -> None:
    defined(engine, "fish-offer", caps=[{"count": 1, "window_s": 3600}])
    user, decided = next(
        (user, decided)
        for user in (f"u{number}" for number in range(200))
        for decided in engine.decide(user, placements=["hero"]).decisions
        if decided.experience_id == "fish-offer"
    )
    answer(engine, user, decided.decision_id, "Viewed")
    shown_us = clock.now_us()
    clock.advance(seconds=100)
    engine.decide(user, placements=["hero"])
    found = asked(engine, user, "fish-offer")
    assert found.asked
    assert (found.asked.fate, found.asked.filter) == ("filtered", "frequency")
    assert "shown 1 times within 1 hour, cap 1" in found.asked.words
    told = redefined(found, "frequency")
    assert told.verified
    assert parse_time_us(told.at) - shown_us == 3_600_000_000
    clock.set(parse_time_us(told.at) - 1_000)
    engine.decide(user, placements=["hero"])
    assert fate(engine, user, "fish-offer") == "filtered"
    clock.set(parse_time_us(told.at))
    engine.decide(user, placements=["hero"])
    assert fate(engine, user, "fish-offer") in ("candidate", "chosen")


def fate(engine: Engine, user: str, experience: str) -> str:
    found = asked(engine, user, experience).asked
    assert found
    return found.fate


def test_what_was_never_there_is_told_apart(engine: Engine) -> None:
    engine.decide("u", placements=["hero"])
    assert fate(engine, "u", "for-you") == "elsewhere"
    assert fate(engine, "u", "no-such") == "unknown"
    assert fate(engine, "u", "silence") in ("candidate", "chosen")


def test_a_mail_without_consent_names_the_consent(engine: Engine) -> None:
    engine.decide("u", placements=["mail"])
    found = asked(engine, "u", "fish-offer")
    assert found.experience_id == "silence"
    told = redefined(found, "consent")
    assert told.verified
    assert found.asked
    assert "consented to marketing on email" in told.words
    figures = [each for each in found.asked.counterfactuals if each.kind != "consent"]
    assert figures
    assert all(each.unless_filtered for each in figures)


def test_who_was_anonymous_keeps_the_decisions_made_then(
    engine: Engine, clock: SettableClock
) -> None:
    engine.decide(anonymous_id="a", placements=["hero"])
    assert engine.why("anon:a").individual_id == "anon:a"
    clock.advance(seconds=1)
    engine.identify("nina", anonymousId="a")
    engine.decide("nina", placements=["hero"])
    page = engine.why("nina", "fish-offer")
    assert page.individual_id == "user:nina"
    assert len(page.decisions) == 2
    assert engine.why("anon:a", "fish-offer") == page
    first = engine.why("nina", limit=1)
    (second,) = engine.why("nina", before=first.before).decisions
    assert second.decision_id == page.decisions[1].decision_id


def test_wrong_questions_say_what_is_wrong(engine: Engine) -> None:
    with pytest.raises(NotFound, match="no individual 'nobody'"):
        engine.why("nobody")
    engine.decide("u", placements=["hero"])
    for wrong in ({"limit": 0}, {"limit": 101}, {"before": "d-0"}):
        with pytest.raises(InvalidInput):
            engine.why("u", **wrong)


def test_without_its_inputs_the_record_answers(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    (decided,) = engine.decide("u", placements=["hero"]).decisions
    named = engine.decision(decided.decision_id).leading
    store = engine.core._store
    monkeypatch.setattr(store, "model", lambda *_: None)
    found = asked(engine, "u", named[0].experience_id).asked
    assert found
    assert not found.recomputed
    assert found.probability == named[0].probability
    assert found.counterfactuals == []
    assert "no longer kept" in found.words


# -- the other doors -----------------------------------------------------------------------------


def over_http(engine: Engine) -> Callable[..., httpx.Response]:
    app = create_app(engine.core, Keys(write="wk", secret="sk"), Settings())

    def get(path: str, key: str = "sk", **query: str) -> httpx.Response:
        async def sent() -> httpx.Response:
            transport = httpx.ASGITransport(app)
            headers = {"Authorization": f"Bearer {key}"}
            async with httpx.AsyncClient(transport=transport, base_url="http://shop") as client:
                return await client.get(path, params=query, headers=headers)

        return asyncio.run(sent())

    return get


def test_http_answers_what_the_engine_does(engine: Engine, clock: SettableClock) -> None:
    view(engine, "u", "fish-0")
    for _ in range(3):
        clock.advance(seconds=1)
        engine.decide("u", placements=["hero"])
    get = over_http(engine)
    query = {"individual": "u", "experience": "beef-offer", "limit": "2"}
    sent = get("/v1/decisions", **query)
    assert sent.status_code == 200
    same = engine.why("u", "beef-offer", limit=2)
    assert msgspec.json.decode(sent.content, type=DecisionPage) == same
    older = get("/v1/decisions", **query, before=str(same.before), placement="hero").json()
    assert len(older["decisions"]) == 1
    assert older["before"] is None
    newest = same.decisions[0].decision_id
    path = f"/v1/decisions/{newest}/explain"
    assert get(path).json()["lines"] == engine.explain(newest).lines
    personal = engine.explain_to_person(newest)
    assert get(path, **{"for": "person"}).json() == msgspec.to_builtins(personal)


@pytest.mark.parametrize(
    ("query", "status", "field"),
    [
        ({}, 400, "individual"),
        ({"individual": "nobody"}, 404, None),
        ({"individual": "u", "limit": "101"}, 400, "limit"),
        ({"individual": "u", "before": "d-0"}, 400, "before"),
    ],
)
def test_http_says_what_is_wrong(
    engine: Engine, query: dict[str, str], status: int, field: str | None
) -> None:
    engine.decide("u", placements=["hero"])
    get = over_http(engine)
    found = get("/v1/decisions", **query)
    assert (found.status_code, found.json().get("field")) == (status, field)
    assert get("/v1/decisions", key="wk", individual="u").status_code == 401


def test_http_knows_two_readers(engine: Engine) -> None:
    (decided,) = engine.decide("u", placements=["hero"]).decisions
    found = over_http(engine)(f"/v1/decisions/{decided.decision_id}/explain", **{"for": "nobody"})
    assert (found.status_code, found.json()["field"]) == (400, "for")


def test_the_command_line_answers_in_words_and_as_json(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "store"
    with Engine.open(path, clock=SettableClock(START_US)) as engine:
        furnish(engine)
        engine.decide("u", placements=["hero", "mail"])
        expected = engine.why("u", "fish-offer", placement_id="mail")

    def ran(*words: str) -> str:
        parsed = build_parser().parse_args([*words, "--store", str(path)])
        parsed.run(parsed)
        return capsys.readouterr().out

    out = ran("why", "u", "fish-offer")
    assert "hero: " in out
    assert "mail: silence" in out
    assert "fish-offer was taken out by consent: said nothing of marketing" in out
    assert "consent would let it through if the person consented to marketing" in out
    told = json.loads(ran("why", "user:u", "fish-offer", "--placement", "mail", "--json"))
    assert told == msgspec.to_builtins(expected)
    assert "--before d-" in ran("why", "u", "--limit", "1")
    (decision,) = expected.decisions
    words = ran("explain", decision.decision_id, "--for", "person")
    assert "you were shown nothing" in words
