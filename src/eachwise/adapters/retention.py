"""Versions of models: how they are listed, and which may go because no kept decision needs them, chains included; and
decisions in their order."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import takewhile

from eachwise.contracts.decision import DecisionRecord
from eachwise.contracts.learning import ModelVersion
from eachwise.contracts.ports import Commit, MadeDecision, StoredVersion

# How long a use lasts that no decision of its commit dates: for good.
FOREVER_US = 2**62


def uses_of(commit: Commit) -> dict[tuple[str, int], int]:
    """(model, version) → when a decision of the commit last used it.

    A decision's own inputs date the versions that it names; ``model_uses`` last as long as the
    newest decision of the commit.
    """
    newest = max((record.inputs.now_us for record in commit.decisions), default=FOREVER_US)
    uses = dict.fromkeys(commit.model_uses, newest)
    for record in commit.decisions:
        for use in record.inputs.models.items():
            uses[use] = max(uses.get(use, record.inputs.now_us), record.inputs.now_us)
    return uses


def droppable_versions(bases: Mapping[int, int], used: Iterable[int], newest: int = 1) -> list[int]:
    """Versions that are neither used, nor among the newest, nor part of the chain under one that is.

    ``bases`` maps every stored version to its base (0: a snapshot). A version is rebuilt from the
    snapshot at the root of its bases and every version between, so all of root … version is kept.
    Ascending.
    """
    versions = sorted(bases)
    needed = {version for version in used if version in bases}
    needed.update(versions[max(0, len(versions) - newest) :])
    kept_from: dict[int, int] = {}
    for version in needed:
        root = version
        # A base is below its version; anything else would be a circle.
        while 0 < bases.get(root, 0) < root:
            root = bases[root]
        kept_from[version] = root
    droppable = []
    root = versions[-1] + 1 if versions else 0
    for version in reversed(versions):
        root = min(root, kept_from.get(version, root))
        if version < root:
            droppable.append(version)
    return droppable[::-1]


def listed(version: ModelVersion) -> StoredVersion:
    """A version as it is listed, without its body."""
    return StoredVersion(
        model=version.model,
        version=version.version,
        base=version.base,
        created_at_us=version.created_at_us,
        size_bytes=len(version.body),
    )


def older(
    records: Sequence[DecisionRecord], all_made: Mapping[str, DecisionRecord], before: str | None
) -> list[DecisionRecord]:
    """Those of some records that are older than one (None: all), by time, then by the order of ``all_made``, by id."""
    if before is None:
        return list(records)
    if before not in all_made:
        return []
    at_us = all_made[before].inputs.now_us
    first = set(takewhile(lambda made: made != before, all_made))
    return [
        each
        for each in records
        if each.inputs.now_us < at_us or (each.inputs.now_us == at_us and each.decision_id in first)
    ]


def in_order(
    records: Iterable[DecisionRecord], since_us: int, until_us: int = FOREVER_US
) -> list[DecisionRecord]:
    """Those made in [since, until), oldest first, of the same time in the order in which they come."""
    wanted = [each for each in records if since_us <= each.inputs.now_us < until_us]
    return sorted(wanted, key=lambda each: each.inputs.now_us)


def made(record: DecisionRecord) -> MadeDecision:
    """That it was made."""
    return MadeDecision(record.decision_id, record.individual_id, record.inputs.now_us)
