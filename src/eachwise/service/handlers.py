"""What each route does: read the request, ask the core, return what it says."""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Awaitable, Callable
from typing import TypeVar

import msgspec

from eachwise.contracts.catalog import CatalogReceipt, Item
from eachwise.contracts.decision import (
    BudgetView,
    DecideRequest,
    DecideResponse,
    DecisionRecord,
    Replay,
)
from eachwise.contracts.errors import InvalidInput, NotFound
from eachwise.contracts.events import BatchResult, EventKind, StoredRejection
from eachwise.contracts.experience import Definitions, Experience, Placement
from eachwise.contracts.individual import Profile
from eachwise.contracts.ports import ImportKind, ImportProgress
from eachwise.documents import read_document
from eachwise.events import parse_batch, parse_call
from eachwise.flow.asked import silence_for
from eachwise.flow.disown import NotMe
from eachwise.flow.drive import arun
from eachwise.flow.templates import read_definitions
from eachwise.service.call import Call

T = TypeVar("T", bound=msgspec.Struct)
Handler = Callable[[Call], Awaitable[object]]

REJECTIONS_MAX = 1000
_ROW_MAX = 10**15
_DIGEST = re.compile(r"[0-9a-f]{64}")
_SOURCE_LENGTH_MAX = 200
_IMPORT_KINDS: tuple[ImportKind, ...] = ("events", "items", "exposures")


class UnmergeRequest(msgspec.Struct, frozen=True, kw_only=True):
    """Two typed identifiers (``user:42``, ``anon:abc``) that are two people."""

    left: str
    right: str


class DecideBody(DecideRequest, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A decision's request as a body holds it: beside the key, no field that nobody would read."""

    write_key: object = msgspec.field(default=None, name="writeKey")


class Health(msgspec.Struct, frozen=True, kw_only=True):
    """The answer of a service that answers."""

    status: str = "ok"


# -- events in -----------------------------------------------------------------------------------


async def batch(call: Call) -> BatchResult:
    """Take a batch of events."""
    core = call.core
    parsed = parse_batch(
        await call.body(),
        received_at_us=core.now_us(),
        settings=call.settings,
        new_id=core.new_id,
    )
    return await arun(core.ingest(parsed.events, parsed.rejections))


def single(kind: EventKind) -> Handler:
    """Take one event of this kind."""

    async def take(call: Call) -> BatchResult:
        core = call.core
        parsed = parse_call(
            await call.body(),
            kind=kind,
            received_at_us=core.now_us(),
            settings=call.settings,
            new_id=core.new_id,
        )
        return await arun(core.ingest(parsed.events, parsed.rejections))

    return take


async def put_import(call: Call) -> ImportProgress:
    """Take consecutive rows of a file; every row ends with a newline, the last one may lack it."""
    rows = (await call.body()).split(b"\n")
    if not rows[-1]:
        rows.pop()
    digest = _digest(call)
    return await arun(
        call.core.import_rows(
            digest,
            call.text("source", digest[:12])[:_SOURCE_LENGTH_MAX],
            call.integer("first_row", 0, low=0, high=_ROW_MAX),
            rows,
            call.flag("finished"),
            _import_kind(call),
        )
    )


async def get_import(call: Call) -> ImportProgress:
    """How far a file was taken."""
    return call.core.import_progress(_digest(call))


async def rejections(call: Call) -> list[StoredRejection]:
    """Rejected events after a number, in order of receipt."""
    return call.core.rejections(
        call.integer("after", 0, low=0, high=_ROW_MAX),
        call.integer("limit", 100, low=1, high=REJECTIONS_MAX),
    )


# -- decisions and people ------------------------------------------------------------------------


async def decide(call: Call) -> DecideResponse:
    """The next best experience for one individual; silence where that is not known in time.

    A decision that comes too late is logged all the same. Nobody saw it: its places and budgets are given back.
    """
    request = decoded(await call.body(), _decide_request)
    deciding = asyncio.ensure_future(arun(call.core.decide(request)))
    try:
        timeout_s = call.settings.api.decide_timeout_s
        return await asyncio.wait_for(asyncio.shield(deciding), timeout_s)
    except TimeoutError:
        deciding.add_done_callback(_heard)
        return silence_for(request)


def _heard(late: asyncio.Future[DecideResponse]) -> None:
    """Nobody waits for it any more; an error is told to the log."""
    if not late.cancelled() and (error := late.exception()) is not None:
        _log.warning("a decision that was answered with silence failed: %s", error)


async def decision(call: Call) -> DecisionRecord:
    """One decision's record."""
    return call.core.decision(call.path("id"))


async def replay(call: Call) -> Replay:
    """One decision recomputed."""
    return call.core.replay(call.path("id"))


async def individual(call: Call) -> Profile:
    """One individual in words and figures."""
    return call.core.profile(call.path("id"))


async def not_me(call: Call) -> Profile:
    """Take events that were somebody else's out of a person's taste."""
    sent = decoded(await call.body(), _not_me)
    return await arun(call.core.not_me(call.path("id"), sent))


async def unmerge(call: Call) -> dict[str, str]:
    """Declare two identifiers to be two people."""
    sent = decoded(await call.body(), _unmerge_request)
    return await arun(call.core.unmerge(sent.left, sent.right))


# -- the catalogue and the definitions -----------------------------------------------------------


async def post_items(call: Call) -> CatalogReceipt:
    """Add or replace items: JSON Lines, or one JSON list."""
    return await arun(call.core.put_items(await call.body()))


async def get_item(call: Call) -> Item:
    """One item."""
    return call.core.item(call.path("id"))


async def delete_item(call: Call) -> CatalogReceipt:
    """Remove one item."""
    item_id = call.path("id")
    receipt = await arun(call.core.remove_items([item_id]))
    if not receipt.accepted:
        raise NotFound(f"no item {item_id!r} in the catalogue")
    return receipt


async def get_experiences(call: Call) -> list[Experience]:
    """The experiences in use, as they can be put back."""
    return list(call.core.definitions().experiences.values())


async def get_placements(call: Call) -> list[Placement]:
    """The placements in use, as they can be put back."""
    return list(call.core.definitions().placements.values())


async def get_definitions(call: Call) -> Definitions:
    """The experiences and placements in use, with their version."""
    return call.core.definitions()


async def put_experiences(call: Call) -> Definitions:
    """Replace all experiences."""
    known = call.core.definitions()
    return await arun(call.core.put_experiences(_document(await call.body(), "experiences", known)))


async def put_placements(call: Call) -> Definitions:
    """Replace all placements."""
    return await arun(
        call.core.put_placements(_document(await call.body(), "placements", Definitions()))
    )


async def put_definitions(call: Call) -> Definitions:
    """Replace experiences and placements together."""
    sent = read_definitions(await call.body())
    return await arun(call.core.put_definitions(sent))


# -- the service itself --------------------------------------------------------------------------


async def budgets(call: Call) -> list[BudgetView]:
    """What is used of every budget, and what one more unit would be worth now."""
    return call.core.budgets.report()


async def status(call: Call) -> dict[str, object]:
    """Counts and versions."""
    return call.core.status()


async def health(_: Call) -> Health:
    """That the service answers."""
    return Health()


_log = logging.getLogger("eachwise.service")
_decide_request = msgspec.json.Decoder(DecideBody)
_not_me = msgspec.json.Decoder(NotMe)
_unmerge_request = msgspec.json.Decoder(UnmergeRequest)


def decoded(body: bytes, decoder: msgspec.json.Decoder[T]) -> T:
    """A body as its type. Raises ``InvalidInput`` naming the field at fault."""
    try:
        return decoder.decode(body)
    except msgspec.ValidationError as error:
        reason, _, path = str(error).partition(" - at ")
        field = path.strip("`").removeprefix("$").removeprefix(".")
        if not field and "required field" in reason:
            field = reason.rpartition("required field ")[2].strip("`")
        if not field and "unknown field" in reason:
            field = reason.rpartition("unknown field ")[2].strip("`")
            reason = _no_field(field, decoder.type)
        raise InvalidInput(f"{field or 'body'}: {reason}", field=field) from None
    except (msgspec.DecodeError, ValueError, RecursionError) as error:
        raise InvalidInput(f"the body is not JSON: {error}", code="invalid_json") from None


def _no_field(sent: str, shape: type[msgspec.Struct]) -> str:
    """What to write instead of a field that is not there; ``user_id`` is close to ``userId``."""
    known = {_folded(each.encode_name): each.encode_name for each in msgspec.structs.fields(shape)}
    meant = known.get(_folded(sent))
    fix = f"write {meant}" if meant else f"known: {', '.join(known.values())}"
    return f"there is no such field; {fix}"


def _folded(name: str) -> str:
    return name.replace("_", "").replace("-", "").lower()


def _document(body: bytes, name: str, known: Definitions) -> object:
    """Decoded YAML or JSON: a list, or an object with the list under ``name``; faults name the line."""
    document = read_document(body)
    if isinstance(document.data, dict) and set(document.data) == {name}:
        read_definitions(body, known_placements=known.placements, known_templates=known.templates)
    return document.data


def _import_kind(call: Call) -> ImportKind:
    sent = call.text("kind", "events")
    for kind in _IMPORT_KINDS:
        if sent == kind:
            return kind
    raise InvalidInput(
        f"kind must be {' or '.join(_IMPORT_KINDS)}, not {sent[:30]!r}", field="kind"
    )


def _digest(call: Call) -> str:
    digest = call.path("digest")
    if not _DIGEST.fullmatch(digest):
        raise InvalidInput(
            "digest must be the file's SHA-256, 64 lower-case hex digits", field="digest"
        )
    return digest
