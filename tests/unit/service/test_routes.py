"""The other routes, the errors' one shape, the table's description, and the application's life."""

import asyncio
import json
import re
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from eachwise.contracts.keys import Keys
from eachwise.service import create_app
from eachwise.service.openapi import openapi
from eachwise.service.routes import ROUTES
from eachwise.settings import Settings
from tests.unit.service.memory_core import MemoryCore

pytestmark = pytest.mark.anyio
Client = Callable[..., httpx.AsyncClient]

PLACEMENTS = """
placements:
  - placement_id: hero
    title: Home
"""
EXPERIENCES = """
experiences:
  - experience_id: fish
    placements: [hero]
"""


async def test_decide(client: Client) -> None:
    body = {"userId": "u", "placements": ["hero", "mail"]}
    async with client("wk_test") as http:
        answer = await http.post("/v1/decide", json=body)
    assert answer.status_code == 200
    assert [one["decision_id"] for one in answer.json()["decisions"]] == ["d-hero", "d-mail"]


@pytest.mark.parametrize(
    ("body", "code", "field"),
    [
        ("{", "invalid_json", None),
        ("[]", "invalid_input", None),
        ("{}", "invalid_input", "placements"),
        ('{"placements": "hero"}', "invalid_input", "placements"),
        ('{"placements": ["hero", 3]}', "invalid_input", "placements[1]"),
        ('{"placements": ["hero"]}', "invalid_input", "userId"),
    ],
)
async def test_a_fault_names_its_field(
    client: Client, body: str, code: str, field: str | None
) -> None:
    async with client() as http:
        answer = await http.post("/v1/decide", content=body)
    assert answer.status_code == 400
    assert answer.json()["code"] == code
    assert answer.json().get("field") == field


@pytest.mark.parametrize(
    ("sent", "words"),
    [
        ("user_id", "user_id: there is no such field; write userId"),
        ("anonymous_id", "anonymous_id: there is no such field; write anonymousId"),
        ("requestId", "requestId: there is no such field; write request_id"),
        ("colour", "colour: there is no such field; known: "),
    ],
)
async def test_a_field_that_nobody_reads_is_refused(client: Client, sent: str, words: str) -> None:
    async with client() as http:
        answer = await http.post(
            "/v1/decide", json={"placements": ["hero"], "userId": "u", sent: "x"}
        )
    assert answer.status_code == 400
    assert answer.json()["field"] == sent
    assert answer.json()["message"].startswith(words)


async def test_the_key_may_stand_in_a_decisions_body(client: Client) -> None:
    body = {"placements": ["hero"], "userId": "u", "writeKey": "wk_test"}
    async with client(None) as http:
        answer = await http.post("/v1/decide", json=body)
    assert answer.status_code == 200


async def test_items(client: Client, core: MemoryCore) -> None:
    async with client() as http:
        put = await http.post("/v1/items", content=b'{"item_id": "a"}\n{"item_id": "b"}\n')
        got = await http.get("/v1/items/i1")
        gone = await http.delete("/v1/items/i1")
        again = await http.delete("/v1/items/i1")
        missing = await http.get("/v1/items/i1")
    assert put.json()["accepted"] == 2
    assert got.json() == {"item_id": "i1"}
    assert gone.json()["accepted"] == 1
    assert [again.status_code, missing.status_code] == [404, 404]
    assert missing.json()["code"] == "not_found"


async def test_definitions_as_yaml_and_as_json(client: Client, core: MemoryCore) -> None:
    async with client() as http:
        assert (await http.put("/v1/placements", content=PLACEMENTS)).status_code == 200
        assert (await http.put("/v1/experiences", content=EXPERIENCES)).status_code == 200
        experiences = await http.get("/v1/experiences")
        placements = await http.get("/v1/placements")
        back = await http.put("/v1/experiences", content=experiences.content)
        both = await http.put("/v1/definitions", content=PLACEMENTS + EXPERIENCES)
        got = await http.get("/v1/definitions")
    assert [one["experience_id"] for one in experiences.json()] == ["fish"]
    assert [one["placement_id"] for one in placements.json()] == ["hero"]
    assert back.json()["version"] == 3
    assert both.json() == got.json()
    names = "contact", "experiences", "groups_gone", "placements", "templates", "version"
    assert sorted(got.json()) == list(names)


@pytest.mark.parametrize("path", ["/v1/experiences", "/v1/definitions"])
async def test_a_faulty_definition_names_the_line(
    client: Client, core: MemoryCore, path: str
) -> None:
    faulty = PLACEMENTS * (path == "/v1/definitions") + EXPERIENCES + "    lever: 99\n"
    async with client() as http:
        await http.put("/v1/placements", content=PLACEMENTS)
        answer = await http.put(path, content=faulty)
    assert answer.status_code == 400
    assert answer.json()["field"] == "experiences[0].lever"
    assert answer.json()["message"].startswith(f"line {faulty.count(chr(10))}: ")


async def test_imports(client: Client, core: MemoryCore) -> None:
    path = "/v1/imports/" + "0" * 64
    async with client() as http:
        first = await http.put(path + "?source=f&first_row=0", content=b"{}\n\n{}\n")
        last = await http.put(path + "?first_row=3&finished=true", content=b"{}")
        empty = await http.put(path + "?first_row=4&finished=true", content=b"")
        got = await http.get(path)
    assert core.rows == [b"{}", b"", b"{}", b"{}"]
    assert first.json()["next_row"] == 3
    assert (last.json()["next_row"], last.json()["finished"]) == (4, True)
    assert empty.json()["next_row"] == 4
    assert got.json()["next_row"] == 4


@pytest.mark.parametrize(
    ("method", "path", "field"),
    [
        ("GET", "/v1/imports/abc", "digest"),
        ("PUT", f"/v1/imports/{'0' * 64}?first_row=-1", "first_row"),
        ("PUT", f"/v1/imports/{'0' * 64}?finished=maybe", "finished"),
        ("GET", "/v1/rejections?after=x", "after"),
        ("GET", "/v1/rejections?limit=0", "limit"),
        ("GET", "/v1/rejections?limit=1001", "limit"),
    ],
)
async def test_a_wrong_parameter_is_named(
    client: Client, method: str, path: str, field: str
) -> None:
    async with client() as http:
        answer = await http.request(method, path)
    assert (answer.status_code, answer.json()["field"]) == (400, field)


async def test_rejections_in_pages(client: Client, core: MemoryCore) -> None:
    body = {"batch": [{"type": "page"}, {"type": "x", "userId": "u"}, 3]}
    async with client() as http:
        await http.post("/v1/batch", json=body)
        first = await http.get("/v1/rejections?limit=2")
        rest = await http.get("/v1/rejections?after=2")
    assert [one["code"] for one in first.json()] == ["missing_identity", "unknown_type"]
    assert [one["code"] for one in rest.json()] == ["not_an_object"]


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/nowhere", 404, "not_found"),
        ("GET", "/v1/batch/", 404, "not_found"),
        ("GET", "/v1/individuals/user:a/b", 404, "not_found"),
        ("GET", "/v1/decisions/d", 404, "not_found"),
        ("GET", "/v1/decisions/d/explain", 404, "not_found"),
        ("GET", "/v1/decisions/d/replay", 409, "cannot_replay"),
        ("GET", "/v1/batch", 405, "method_not_allowed"),
        ("POST", "/v1/experiences", 405, "method_not_allowed"),
        ("PATCH", "/healthz", 405, "method_not_allowed"),
    ],
)
async def test_errors_have_one_shape(
    client: Client, method: str, path: str, status: int, code: str
) -> None:
    async with client() as http:
        answer = await http.request(method, path)
    assert answer.status_code == status
    assert answer.json()["code"] == code
    assert answer.json()["message"]
    assert answer.headers["content-type"] == "application/json"
    if status == 405:
        assert method not in answer.headers["allow"].split(", ")


async def test_allow_lists_every_method_of_the_path(client: Client) -> None:
    async with client() as http:
        answer = await http.post("/v1/experiences")
        head = await http.head("/healthz")
        status = await http.get("/v1/status")
        unmerged = await http.post(
            "/v1/individuals/unmerge", json={"left": "user:a", "right": "anon:b"}
        )
    assert answer.headers["allow"] == "GET, OPTIONS, PUT"
    assert head.status_code == 200
    assert status.json()["counts"] == {"events": 0}
    assert unmerged.json() == {"left": "user:a", "right": "anon:b"}


# -- the description -----------------------------------------------------------------------------


def references(part: Any) -> set[str]:
    """Every $ref inside."""
    if isinstance(part, dict):
        own = {part["$ref"]} if "$ref" in part else set()
        return own.union(*map(references, part.values()))
    return set().union(*map(references, part)) if isinstance(part, list) else set()


def test_every_route_is_described() -> None:
    document = json.loads(json.dumps(openapi(ROUTES)))
    assert document["openapi"] == "3.1.0"
    names = set()
    for route in ROUTES:
        path = re.sub(r":\w+}", "}", route.path)
        operation = document["paths"][path][route.method.lower()]
        assert operation["summary"] == route.summary
        assert 10 < len(route.summary) < 100
        assert not route.summary.endswith(".")
        assert operation["responses"]["200"]["content"]["application/json"]["schema"] is not None
        in_path = {one["name"] for one in operation.get("parameters", []) if one["in"] == "path"}
        assert in_path == set(re.findall(r"{(\w+)}", path))
        assert ("requestBody" in operation) == (route.request is not None)
        if route.key != "open":
            assert operation["security"]
            assert {"400", "401", "429", "503"} <= set(operation["responses"])
            assert "Retry-After" in operation["responses"]["503"]["headers"]
        names.add(operation["operationId"])
    assert len(names) == len(ROUTES)
    schemas = document["components"]["schemas"]
    assert references(document) <= {f"#/components/schemas/{name}" for name in schemas}


async def test_the_description_is_served_without_a_key(client: Client) -> None:
    async with client(None) as http:
        answer = await http.get("/openapi.json")
        health = await http.get("/healthz")
    assert answer.json()["info"]["title"] == "Eachwise"
    assert health.json() == {"status": "ok"}


# -- the application's life ----------------------------------------------------------------------


async def test_ticks_go_on_after_one_fails(
    core: MemoryCore, caplog: pytest.LogCaptureFixture
) -> None:
    seen: list[str] = []

    async def note(words: str) -> None:
        seen.append(f"{words} after {core.ticks > 0}")

    app = create_app(
        core,
        Keys(write="wk", secret="sk"),
        Settings(),
        on_startup=[lambda: note("start")],
        on_shutdown=[lambda: note("stop")],
        tick_interval_s=0.001,
    )
    async with app.router.lifespan_context(app):
        core.failure = RuntimeError("a bad tick")
        await core.ticked(2)
        core.failure = None
        await core.ticked(3)
    stopped = core.ticks
    await asyncio.sleep(0.01)
    assert core.ticks == stopped
    assert seen == ["start after False", "stop after True"]
    assert "a bad tick" in caplog.text
