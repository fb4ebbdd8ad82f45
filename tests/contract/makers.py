"""Values for the contract suites, with everything that a test does not care about filled in."""

from __future__ import annotations

from typing import Any

from eachwise.contracts.catalog import Item
from eachwise.contracts.decision import Candidate, DecisionRecord, Factors, Inputs, ShownItem
from eachwise.contracts.delivery import Message
from eachwise.contracts.events import Event, Rejection
from eachwise.contracts.journey import (
    Asking,
    Branch,
    Case,
    Entry,
    Exit,
    Goal,
    Instance,
    Journey,
    Send,
    Step,
    Wait,
    WaitFor,
)
from eachwise.contracts.learning import ModelVersion
from eachwise.contracts.ports import NewRejections


def an_event(message_id: str, at_us: int = 1_000, **fields: Any) -> Event:
    """A track event unless told otherwise."""
    usual: dict[str, Any] = {"kind": "track", "received_at_us": at_us, "name": "Product Viewed"}
    fields = usual | fields
    return Event(message_id=message_id, occurred_at_us=at_us, **fields)


def some_events(count: int, prefix: str = "m", **fields: Any) -> list[Event]:
    """Events a microsecond apart."""
    return [an_event(f"{prefix}-{number}", number, **fields) for number in range(count)]


def a_decision(
    decision_id: str,
    *,
    individual_id: str = "i-1",
    at_us: int = 1_000,
    request_id: str | None = None,
    models: dict[str, int] | None = None,
) -> DecisionRecord:
    """A record with one candidate and one item."""
    candidate = Candidate(
        experience_id="soup",
        priority=0.25,
        probability=0.75,
        factors=Factors(p_takeup=0.1, value=2.5),
    )
    return DecisionRecord(
        decision_id=decision_id,
        individual_id=individual_id,
        asked_as=[],
        request_id=request_id,
        inputs=Inputs(
            state=b"\x00state",
            reservations=[],
            context={"url": "/söup"},
            count=3,
            placement_id="hero",
            now_us=at_us,
            catalog_version=1,
            definitions_version=1,
            models=models or {},
            policy="thompson",
            seed=7,
        ),
        experience_id="soup",
        probability=0.75,
        items=[ShownItem(item_id="p1", position=0, score=1.5)],
        candidates=1,
        leading=[candidate],
        filters={"consent": 2},
        filtered=[],
        features={"hour": 0.5},
        reasons=["you like fish"],
    )


def a_version(version: int, base: int = 0, model: str = "taste", body: bytes = b"") -> ModelVersion:
    """A published model version."""
    body = body or f"{model}-{version}".encode()
    return ModelVersion(model=model, version=version, base=base, created_at_us=version, body=body)


def an_item(item_id: str, **fields: Any) -> Item:
    """An item with two attributes."""
    attributes: dict[str, str | list[str]] = {"category": "seafood", "diet": ["vegan", "halal"]}
    return Item(**({"item_id": item_id, "attributes": attributes} | fields))


def rejections(*reasons: str, source: str = "api") -> NewRejections:
    """One batch's rejections."""
    turned = [
        Rejection(index=index, code="bad", reason=reason, body=b'{"n":1}')
        for index, reason in enumerate(reasons)
    ]
    return NewRejections(source=source, received_at_us=5, rejections=turned)


def a_journey(journey_id: str = "basket", version: int = 1, **fields: Any) -> Journey:
    """A journey of four kinds of steps."""
    steps = (
        Step(step_id="hour", do=WaitFor(event="Order Completed", within_s=3600, key="order_id")),
        Step(step_id="which", do=Branch(cases=(Case(when="stage == 'new'", then="mail"),))),
        Step(step_id="mail", do=Send(placement="mail", experience="basket")),
        Step(step_id="rest", do=Wait(seconds=60), then="mail", otherwise="which"),
    )
    usual: dict[str, Any] = {
        "steps": steps,
        "entries": (Entry(event="Checkout Started", key="order_id"),),
        "goal": Goal(event="Order Completed"),
        "exits": (Exit(event="Unsubscribed", reason="left"),),
        "holdout": 0.1,
        "moves": {"old": "mail"},
    }
    return Journey(journey_id=journey_id, version=version, **(usual | fields))


def an_instance(instance_id: str, **fields: Any) -> Instance:
    """A live instance that waits for nothing, unless told otherwise."""
    usual: dict[str, Any] = {
        "journey_id": "basket",
        "version": 1,
        "individual_id": "i-1",
        "key": "",
        "arm": "treated",
        "status": "active",
        "step": "hour",
        "path": 1,
        "entered_at_us": 1_000,
        "moved_at_us": 2_000,
        "asking": Asking("mail", ("soup",), 9_000, 3_000, "best"),
        "facts": {"event": {"order_id": "o-1", "products": [{"price": 1.5}]}},
    }
    return Instance(instance_id=instance_id, **(usual | fields))


def a_message(message_id: str, **fields: Any) -> Message:
    """A pending mail that is due at 1,000."""
    usual: dict[str, Any] = {
        "individual_id": "i-1",
        "channel": "email",
        "created_at_us": 500,
        "due_at_us": 1_000,
        "body": {"name": "Zoë", "items": [1, None]},
    }
    return Message(message_id=message_id, **(usual | fields))
