"""What training asks for and brings back, and what an operator asks of models: handlers of their routes."""

from __future__ import annotations

import re

import msgspec

from eachwise.contracts.catalog import Item
from eachwise.contracts.errors import InvalidInput
from eachwise.contracts.training import (
    PAGE_EVENTS_MAX,
    SENDERS_MAX,
    ModelView,
    OwnersRequest,
    RollbackRequest,
    Tenure,
    Upload,
)
from eachwise.flow.drive import arun
from eachwise.flow.trained import only_trained
from eachwise.service.answers import Answer
from eachwise.service.call import Call
from eachwise.service.handlers import decoded

_MOST = 10**15
_DIGEST = re.compile(r"[0-9a-f]{64}")
ITEMS_MAX = 2_000
VERSIONS_MAX = 1_000
PACKED = b"application/msgpack"
BYTES = b"application/octet-stream"

_owners_request = msgspec.json.Decoder(OwnersRequest)
_rollback_request = msgspec.json.Decoder(RollbackRequest)


# -- what training reads -------------------------------------------------------------------------


async def interactions(call: Call) -> Answer:
    """Engagements of the log after a sequence, packed."""
    after = call.integer("after", 0, low=0, high=_MOST)
    limit = call.integer("limit", PAGE_EVENTS_MAX, low=1, high=PAGE_EVENTS_MAX)
    page = await arun(call.core.extracting.page(after, limit))
    return Answer(body=msgspec.msgpack.encode(page), content_type=PACKED)


async def owners(call: Call) -> list[list[Tenure]]:
    """Whose the events of some senders are."""
    asked = decoded(await call.body(), _owners_request).senders
    if len(asked) > SENDERS_MAX:
        raise InvalidInput(f"senders: at most {SENDERS_MAX} at a time", field="senders")
    return await arun(call.core.extracting.owners(asked))


async def list_items(call: Call) -> list[Item]:
    """Items of the catalogue in order of their ids, after one."""
    limit = call.integer("limit", 100, low=1, high=ITEMS_MAX)
    return call.core.catalogue.items(call.text("after"), limit)


# -- versions ------------------------------------------------------------------------------------


async def list_models(call: Call) -> list[ModelView]:
    """The newest versions of every model."""
    return call.core.trained.views(call.integer("limit", 20, low=1, high=VERSIONS_MAX))


async def get_model(call: Call) -> ModelView:
    """One version with its report."""
    return call.core.trained.view(call.path("name"), _version(call))


async def get_body(call: Call) -> Answer:
    """One version of the trained model as it was published."""
    only_trained(call.path("name"))
    version = _version(call)
    return Answer(body=await arun(call.core.trained.read(version)), content_type=BYTES)


async def put_trained(call: Call) -> Upload:
    """Take a part of a trained model; the last part publishes it."""
    digest = call.text("digest")
    if not _DIGEST.fullmatch(digest):
        raise InvalidInput(
            "digest must be the model's SHA-256, 64 lower-case hex digits", field="digest"
        )
    offset = call.integer("offset", 0, low=0, high=_MOST)
    total = call.integer("total", 0, low=0, high=_MOST)
    part = await call.body()
    return await arun(call.core.trained.upload(digest, total, offset, part))


async def rollback(call: Call) -> ModelView:
    """Publish an older version once more."""
    sent = decoded(await call.body(), _rollback_request)
    return await arun(call.core.rollback(call.path("name"), sent.to))


def _version(call: Call) -> int:
    sent = call.path("version")
    if not (sent.isascii() and sent.isdigit() and len(sent) <= 18):
        raise InvalidInput(f"version: must be a whole number, not {sent[:30]!r}", field="version")
    return int(sent)
