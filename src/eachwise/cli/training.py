"""The command that trains, outside the process that serves."""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

from eachwise.adapters.extract import Extract
from eachwise.adapters.lock import StoreLock
from eachwise.adapters.remote import RemoteEngine
from eachwise.adapters.snapshot import Snapshot
from eachwise.bootstrap import Engine
from eachwise.catalog import build_index
from eachwise.cli.where import engine_of
from eachwise.contracts.arrays import CatalogIndex
from eachwise.contracts.catalog import Item
from eachwise.contracts.errors import InvalidInput, MissingExtra
from eachwise.contracts.taste import Interactions, TrainedModel
from eachwise.contracts.training import SENDERS_MAX, Extracted, Tenure
from eachwise.flow.trained import MODEL
from eachwise.flow.training import interactions_of
from eachwise.maths.hashing import stable_hash
from eachwise.recommend import MODELS, decode_trained, encode_trained
from eachwise.recommend.training import TrainingOptions, worse_than_in_use
from eachwise.recommend.training import train as fit

Say = Callable[[str], None]
PROGRESS_INTERVAL_S = 2.0
ITEMS_A_REQUEST = 1000
MIB = 1 << 20
MEMORY_MB_MIN = 64
# Of the memory that is free, what one fit may take where nobody says; and where the system does not say what is free.
MEMORY_SHARE, MEMORY_USUAL_MB = 0.5, 2048
# A training that was stopped is gone on with for so long; then what came since is worth more than what was fitted.
RESUMED_MAX_S = 86_400.0
NET = "recurrent"
MINUTES_MAX = 7 * 24 * 60.0


def train(parsed: argparse.Namespace) -> int:
    """Train a model from everything the project knows, and publish it; exit status 1 where it was not published."""
    _check(parsed)
    work = parsed.work or _default_work(parsed)
    with StoreLock(work, command="eachwise train"):
        _say(f"what is read and fitted on the way is kept in {work}")
        snapshot = Snapshot(work / "fits")
        with engine_of(parsed) as project:
            data, items, version = _material(project, Extract(work / "extract"), snapshot)
            rival = _in_use(project)
        _say(
            f"{data.people:,} people, {len(data.rows):,} engagements, {len(data.item_ids):,} items"
        )
        model = _fitted(parsed, data, build_index(items, version), rival, snapshot.folder)
        body = encode_trained(model)
        print(
            "\n".join([*model.report["summary"], f"size: {len(body) / MIB:,.1f} MiB"]), flush=True
        )
        status = _published(parsed, model, body)
        if status == 0 and not parsed.dry_run:
            snapshot.clear()
        return status


def _check(parsed: argparse.Namespace) -> None:
    if find_spec("scipy") is None:
        raise MissingExtra("scipy is not installed: pip install 'eachwise[train]'")
    if parsed.minutes is not None and not 0 < parsed.minutes < MINUTES_MAX:
        raise InvalidInput("--minutes: must be above 0, and below a week", field="minutes")
    if parsed.memory_mb is not None and parsed.memory_mb < MEMORY_MB_MIN:
        raise InvalidInput(f"--memory-mb: must be at least {MEMORY_MB_MIN}", field="memory_mb")


# -- what is trained on ----------------------------------------------------------------------------


def _material(
    project: Engine | RemoteEngine, extract: Extract, snapshot: Snapshot
) -> tuple[Interactions, list[Item], int]:
    """Engagements, items and the catalogue's version: of the training that was stopped, or all that there is now."""
    if time.time() - snapshot.began_s() < RESUMED_MAX_S:
        kept = snapshot.load()
        if kept is not None:
            _say(
                f"going on with a training that was not published; to begin anew delete {snapshot.folder}"
            )
            return kept
    pull(project, extract, _say)
    extracted = extract.read()
    _say(f"{extract.rows:,} engagements up to event {extract.sequence:,}")
    tenures = owners_of(project, extracted)
    items, version = items_of(project)
    data = interactions_of(extracted, tenures, [item.item_id for item in items])
    snapshot.save(data, items, version)
    return data, items, version


def pull(project: Engine | RemoteEngine, extract: Extract, say: Say) -> None:
    """Read what the log has and the extract has not, a page at a time; each page is kept at once."""
    shown = time.monotonic()
    while True:
        page = project.interactions(extract.sequence)
        if not extract.fits(page):
            say("the log, or how events are read, is not what it was: reading everything anew")
            extract.clear()
            continue
        extract.append(page)
        if page.sequence >= page.newest:
            return
        if time.monotonic() - shown >= PROGRESS_INTERVAL_S:
            shown = time.monotonic()
            share = 100.0 * page.sequence / page.newest
            say(f"read {page.sequence:,} of {page.newest:,} events ({share:.0f} %)")


def owners_of(project: Engine | RemoteEngine, extracted: Extracted) -> list[list[Tenure]]:
    """Whose the events of every sender are, by all that is known now."""
    senders = extracted.senders
    return [
        tenure
        for start in range(0, len(senders), SENDERS_MAX)
        for tenure in project.owners(senders[start : start + SENDERS_MAX])
    ]


def items_of(project: Engine | RemoteEngine) -> tuple[list[Item], int]:
    """The whole catalogue, and its version when the reading began."""
    version: int = project.status()["catalog_version"]
    items: list[Item] = []
    while page := project.items(items[-1].item_id if items else "", ITEMS_A_REQUEST):
        items += page
    return items, version


def _in_use(project: Engine | RemoteEngine) -> TrainedModel | None:
    """The trained model in use, to be compared with; None where there is none."""
    views = [view for view in project.models() if view.name == MODEL and view.in_use]
    body = project.trained_body(views[0].version) if views else b""
    return replace(decode_trained(body), version=views[0].version) if body else None


# -- fitting and publishing ------------------------------------------------------------------------


def _fitted(
    parsed: argparse.Namespace,
    data: Interactions,
    catalog: CatalogIndex,
    rival: TrainedModel | None,
    work: Path,
) -> TrainedModel:
    left_out = NET if parsed.no_net else ""
    if not parsed.no_net and find_spec("jax") is None:
        _say(f"{NET}: left out: jax is not installed: pip install 'eachwise[train]'")
        left_out = NET
    usual = TrainingOptions()
    options = replace(
        usual,
        models=tuple(name for name in MODELS if name != left_out),
        memory_bytes_max=(parsed.memory_mb or _memory_mb()) * MIB,
        minutes_max=parsed.minutes or usual.minutes_max,
    )
    return fit(data, catalog, options, version=0, work=work, say=_say, rival=rival)


def _memory_mb() -> int:
    """Half of what is free, where the system says so."""
    try:
        lines = Path("/proc/meminfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return MEMORY_USUAL_MB
    free = [int(line.split()[1]) for line in lines if line.startswith("MemAvailable:")]
    return max(MEMORY_MB_MIN, int(MEMORY_SHARE * free[0] / 1024)) if free else MEMORY_USUAL_MB


def _published(parsed: argparse.Namespace, model: TrainedModel, body: bytes) -> int:
    """Publish unless told otherwise, or the one in use is better; the exit status."""
    worse = worse_than_in_use(model.report)
    if worse and not parsed.force:
        print(f"not published: {worse}; --force publishes it all the same")
        return 1
    if parsed.dry_run:
        print("not published: --dry-run")
        return 0
    # The store was free while the models were fitted: a server may have it by now.
    with engine_of(parsed) as project:
        version = project.publish_trained(body)
    print(f"published as version {version}")
    return 0


def _default_work(parsed: argparse.Namespace) -> Path:
    """Beside the store, or under the user's cache for a server."""
    if parsed.store is not None:
        store: Path = parsed.store
        return store / "training"
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return cache / "eachwise" / f"training-{stable_hash(str(parsed.url)):016x}"


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
