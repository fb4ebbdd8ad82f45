"""OpenAPI 3.1 of the table of routes."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import msgspec

import eachwise
from eachwise.service.answers import Problem
from eachwise.service.route import JSON, Route

_PART = re.compile(r"{(\w+)(?::\w+)?}")
_SECURITY: dict[str, list[dict[str, list[str]]]] = {
    "open": [],
    "write": [{"basic": []}, {"bearer": []}],
    "secret": [{"basic": []}, {"bearer": []}],
}
_KEY_WORDS = {
    "open": "No key is needed.",
    "write": "The write key or the secret key; `writeKey` in the body will do.",
    "secret": "The secret key.",
}
_ERRORS = {
    "400": "The request cannot be read; `field` names what to change",
    "401": "The key is missing, unknown, or does not open this route",
    "404": "Nothing has this id",
    "409": "What this needs is no longer kept",
    "413": "The body is larger than the limit",
    "429": "Too many requests with this key; come back after `Retry-After` seconds",
    "503": "The engine cannot serve now; come back after `Retry-After` seconds",
}
_LATER = {"Retry-After": {"schema": {"type": "integer"}, "description": "Seconds to wait"}}


def openapi(routes: Sequence[Route]) -> dict[str, Any]:
    """The document that describes these routes."""
    types = [Problem]
    for route in routes:
        sent = (route.request, route.response, route.other_response)
        types += [one for one in sent if one is not None]
    schemas, components = msgspec.json.schema_components(
        types, ref_template="#/components/schemas/{name}"
    )
    # By position: lists and dicts of types cannot be looked up by value.
    following = iter(schemas[1:])
    paths: dict[str, dict[str, Any]] = {}
    for route in routes:
        request = next(following) if route.request is not None else None
        response = next(following) if route.response is not None else {}
        if route.other_response is not None:
            response = {"anyOf": [response, next(following)]}
        operation = _operation(route, request, response, schemas[0])
        paths.setdefault(_PART.sub(r"{\1}", route.path), {})[route.method.lower()] = operation
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Eachwise",
            "version": eachwise.__version__,
            "summary": "Decides the next best experience for each individual.",
        },
        "paths": paths,
        "components": {
            "schemas": components,
            "securitySchemes": {
                "basic": {"type": "http", "scheme": "basic", "description": "Key as user name"},
                "bearer": {"type": "http", "scheme": "bearer", "description": "Key as token"},
            },
        },
    }


def _operation(
    route: Route, request: dict[str, Any] | None, response: dict[str, Any], error: dict[str, Any]
) -> dict[str, Any]:
    parameters = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
        for name in _PART.findall(route.path)
    ]
    parameters += [
        {"name": one.name, "in": "query", "schema": one.schema, "description": one.words}
        for one in route.query
    ]
    operation: dict[str, Any] = {
        "operationId": _name(route),
        "summary": route.summary,
        "description": _KEY_WORDS[route.key],
        "security": _SECURITY[route.key],
        "responses": {
            "200": {"description": "Done", "content": {JSON: {"schema": response}}},
            **{status: _problem(status, error) for status in _statuses(route)},
        },
    }
    if parameters:
        operation["parameters"] = parameters
    if request is not None:
        content = {
            media: {"schema": request if media == JSON else {"type": "string"}}
            for media in route.media
        }
        operation["requestBody"] = {"required": True, "content": content}
    return operation


def _statuses(route: Route) -> list[str]:
    if route.key == "open":
        return []
    statuses = ["400", "401", "429", "503"]
    if route.request is not None:
        statuses.append("413")
    if _PART.search(route.path):
        statuses.append("404")
    if route.path.endswith("/replay"):
        statuses.append("409")
    return sorted(statuses)


def _problem(status: str, error: dict[str, Any]) -> dict[str, Any]:
    described: dict[str, Any] = {
        "description": _ERRORS[status],
        "content": {JSON: {"schema": error}},
    }
    if status in ("429", "503"):
        described["headers"] = _LATER
    return described


def _name(route: Route) -> str:
    words = [word for word in re.split(r"\W+", _PART.sub(r"\1", route.path)) if word != "v1"]
    return "_".join([route.method.lower(), *(word for word in words if word)])
