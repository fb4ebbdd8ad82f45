"""A store in memory, for simulations and unit tests: no thread, no file, futures done at once.

It keeps the port's promises but one: what it holds is gone with the process.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import Future

from eachwise.adapters.memory.journeys import MemoryJourneys
from eachwise.adapters.memory.outbox import MemoryOutbox
from eachwise.adapters.projection import decision_of, device_of, email_of, login_of
from eachwise.adapters.retention import droppable_versions, in_order, listed, made, older, uses_of
from eachwise.adapters.states import NumberedStates
from eachwise.contracts.catalog import Item
from eachwise.contracts.decision import DecisionRecord
from eachwise.contracts.errors import StoreError
from eachwise.contracts.events import EARLIEST_US, LATEST_US, LoggedEvent, StoredRejection
from eachwise.contracts.experience import Definitions
from eachwise.contracts.learning import ModelVersion
from eachwise.contracts.ports import (
    Commit,
    Committed,
    ImportProgress,
    Login,
    MadeDecision,
    StoredIndividual,
    StoredVersion,
)


class MemoryStore(MemoryJourneys, MemoryOutbox):
    """:class:`eachwise.contracts.ports.Store` in dictionaries. Safe from any thread."""

    def __init__(self) -> None:
        super().__init__()
        self._log: list[LoggedEvent] = []
        self._sequences: dict[str, int] = {}
        self._by_user: defaultdict[str, list[int]] = defaultdict(list)
        self._by_anonymous: defaultdict[str, list[int]] = defaultdict(list)
        self._by_device: defaultdict[str, list[int]] = defaultdict(list)
        self._by_decision: defaultdict[str, list[int]] = defaultdict(list)
        self._rejections: list[StoredRejection] = []
        self._individuals = NumberedStates()
        self._identities: dict[str, bytes] = {}
        self._statistics: dict[str, bytes] = {}
        self._watermark = 0
        self._decisions: dict[str, DecisionRecord] = {}
        self._by_individual: defaultdict[str, list[DecisionRecord]] = defaultdict(list)
        self._unlearnt: dict[str, DecisionRecord] = {}
        self._models: defaultdict[str, dict[int, ModelVersion]] = defaultdict(dict)
        self._last_used_us: dict[tuple[str, int], int] = {}
        self._items: defaultdict[str, list[tuple[int, Item | None]]] = defaultdict(list)
        self._catalogs: list[int] = [0]
        self._definitions: dict[int, Definitions] = {}
        self._imports: dict[str, ImportProgress] = {}

    # -- writing ---------------------------------------------------------------------------

    def commit(self, commit: Commit) -> Future[Committed]:
        """Apply one unit of work; the future is done when this returns."""
        future: Future[Committed] = Future()
        with self._lock:
            self._refuse_if_closed()
            try:
                self._refuse(commit)
            except StoreError as error:
                future.set_exception(error)
                return future
            future.set_result(self._apply(commit))
        return future

    def _refuse(self, commit: Commit) -> None:
        """Raise ``StoreError`` for what cannot be taken, before anything is."""
        made = [record.decision_id for record in commit.decisions]
        if len(set(made)) < len(made) or not self._decisions.keys().isdisjoint(made):
            raise StoreError("a decision with this id is in the store already")
        versions = [(model.model, model.version) for model in commit.models]
        known = any(version in self._models[model] for model, version in versions)
        if known or len(set(versions)) < len(versions):
            raise StoreError("this version of the model is published already")
        if commit.definitions is not None and commit.definitions.version in self._definitions:
            raise StoreError("this version of the definitions is there already")
        if commit.catalog_version is None:
            if commit.items or commit.removed_items:
                raise StoreError("items change only under a catalog_version")
        elif commit.catalog_version < self._catalogs[-1]:
            raise StoreError(
                f"catalogue version {commit.catalog_version} is before the newest, "
                f"{self._catalogs[-1]}"
            )

    def _apply(self, commit: Commit) -> Committed:
        sequences = self._append_events(commit)
        for batch in commit.rejections:
            for turned in batch.rejections:
                self._rejections.append(
                    StoredRejection(
                        number=len(self._rejections) + 1,
                        received_at_us=batch.received_at_us,
                        source=batch.source,
                        index=turned.index,
                        code=turned.code,
                        reason=turned.reason,
                        body=turned.body.decode(errors="replace"),
                    )
                )
        self._individuals.put(commit.individuals)
        _put(self._identities, commit.identities)
        _put(self._statistics, commit.statistics)
        if commit.watermark is not None:
            self._watermark = commit.watermark
        for record in commit.decisions:
            self._decisions[record.decision_id] = record
            self._unlearnt[record.decision_id] = record
            self._by_individual[record.individual_id].append(record)
        for decision_id in commit.learnt:
            self._unlearnt.pop(decision_id, None)
        for model in commit.models:
            self._models[model.model][model.version] = model
        for use, at_us in uses_of(commit).items():
            self._last_used_us[use] = max(self._last_used_us.get(use, at_us), at_us)
        self._put_items(commit)
        if commit.definitions is not None:
            self._definitions[commit.definitions.version] = commit.definitions
        self._imports.update({progress.digest: progress for progress in commit.imports})
        self._put_journeys(commit)
        return Committed(sequences, self._put_messages(commit))

    def _append_events(self, commit: Commit) -> list[int | None]:
        sequences: list[int | None] = []
        for event in commit.events:
            if event.message_id in self._sequences:
                sequences.append(None)
                continue
            sequence = len(self._log) + 1
            self._log.append(LoggedEvent(sequence, event))
            self._sequences[event.message_id] = sequence
            sequences.append(sequence)
            if event.user_id is not None:
                self._by_user[event.user_id].append(sequence)
            if event.anonymous_id is not None:
                self._by_anonymous[event.anonymous_id].append(sequence)
            if device := device_of(event):
                self._by_device[device].append(sequence)
            if decision := decision_of(event):
                self._by_decision[decision].append(sequence)
        return sequences

    def _put_items(self, commit: Commit) -> None:
        version = commit.catalog_version
        if version is None:
            return
        if version > self._catalogs[-1]:
            self._catalogs.append(version)
        last_word: dict[str, Item | None] = {item.item_id: item for item in commit.items}
        last_word.update(dict.fromkeys(commit.removed_items))
        for item_id, item in last_word.items():
            history = self._items[item_id]
            if history and history[-1][0] == version:
                history.pop()
            history.append((version, item))

    def pending(self) -> int:
        """Nothing ever waits."""
        return 0

    def prune(self, *, decided_before_us: int, spare: Mapping[str, int] | None = None) -> int:
        """Drop decisions older than that, model versions no kept decision needs, and old instances and messages."""
        with self._lock:
            self._refuse_if_closed()
            old = [r for r in self._decisions.values() if r.inputs.now_us < decided_before_us]
            for record in old:
                del self._decisions[record.decision_id]
                self._unlearnt.pop(record.decision_id, None)
                self._by_individual[record.individual_id].remove(record)
            self._last_used_us = {
                use: at_us
                for use, at_us in self._last_used_us.items()
                if at_us >= decided_before_us
            }
            for model, versions in self._models.items():
                bases = {version: published.base for version, published in versions.items()}
                mine = [version for name, version in self._last_used_us if name == model]
                for version in droppable_versions(bases, mine, (spare or {}).get(model, 1)):
                    del versions[version]
            self._prune_instances(decided_before_us)
            self._prune_messages(decided_before_us)
            return len(old)

    # -- reading ---------------------------------------------------------------------------

    def watermark(self) -> int:
        """The last sequence folded into the stored individuals (0 at first)."""
        self._refuse_if_closed()
        return self._watermark

    def individual(self, individual_id: str) -> bytes | None:
        """The stored state, or None."""
        self._refuse_if_closed()
        return self._individuals.get(individual_id)

    def individual_ids(self, after: str = "", limit: int = 1000) -> list[str]:
        """Stored individuals' ids in ascending order, after the given one."""
        with self._lock:
            self._refuse_if_closed()
            return self._individuals.ids(after, limit)

    def individuals(self, after: int = 0, limit: int = 1000) -> list[StoredIndividual]:
        """Stored individuals by their numbers, ascending, after one."""
        with self._lock:
            self._refuse_if_closed()
            return self._individuals.scan(after, limit)

    def identity(self, identifier: str) -> bytes | None:
        """What is stored of an identifier, or None."""
        self._refuse_if_closed()
        return self._identities.get(identifier)

    def statistic(self, name: str) -> bytes | None:
        """A stored mergeable statistic, or None."""
        self._refuse_if_closed()
        return self._statistics.get(name)

    def events_after(self, sequence: int, limit: int) -> list[LoggedEvent]:
        """The log in sequence order, after ``sequence``."""
        self._refuse_if_closed()
        return self._log[max(sequence, 0) : max(sequence, 0) + limit]

    def events_of(
        self,
        *,
        user_ids: Iterable[str] = (),
        anonymous_ids: Iterable[str] = (),
        device_ids: Iterable[str] = (),
        after_us: int = EARLIEST_US,
        until_us: int = LATEST_US,
    ) -> Iterator[LoggedEvent]:
        """Events sent with any of these ids, each once, ordered by (occurred_at, message_id)."""
        with self._lock:
            self._refuse_if_closed()
            sequences: set[int] = set()
            for index, ids in (
                (self._by_user, user_ids),
                (self._by_anonymous, anonymous_ids),
                (self._by_device, device_ids),
            ):
                for key in ids:
                    sequences.update(index.get(key, ()))
            found = self._in_time_order(sequences)
        return (each for each in found if after_us < each.event.occurred_at_us <= until_us)

    def logins_on(
        self, *, anonymous_id: str | None = None, device_id: str | None = None
    ) -> list[Login]:
        """Every event with this anonymous (or device) id and a known identifier, in time order."""
        with self._lock:
            self._refuse_if_closed()
            sequences = {
                *self._by_anonymous.get(anonymous_id or "", ()),
                *self._by_device.get(device_id or "", ()),
            }
            events = [self._log[sequence - 1].event for sequence in sequences]
        logins = (
            login_of(event.occurred_at_us, event.message_id, event.user_id, email_of(event))
            for event in events
        )
        return sorted(login for login in logins if login is not None)

    def event(self, message_id: str) -> LoggedEvent | None:
        """The version of a message that came first, or None."""
        self._refuse_if_closed()
        sequence = self._sequences.get(message_id)
        return None if sequence is None else self._log[sequence - 1]

    def outcomes_of(self, decision_id: str) -> list[LoggedEvent]:
        """Events that name this decision, in time order."""
        with self._lock:
            self._refuse_if_closed()
            return self._in_time_order(self._by_decision.get(decision_id, ()))

    def decision(self, decision_id: str) -> DecisionRecord | None:
        """The record of one decision, or None."""
        self._refuse_if_closed()
        return self._decisions.get(decision_id)

    def decisions_of_request(self, individual_id: str, request_id: str) -> list[DecisionRecord]:
        """The decisions already made for this request id, in the order they were made."""
        with self._lock:
            self._refuse_if_closed()
            mine = self._by_individual.get(individual_id, ())
            return [record for record in mine if record.request_id == request_id]

    def decisions_of(
        self, individual_id: str, limit: int = 50, before: str | None = None
    ) -> list[DecisionRecord]:
        """An individual's newest decisions, newest first; with ``before`` only those older than that decision."""
        with self._lock:
            self._refuse_if_closed()
            newest = self._by_individual.get(individual_id, [])[::-1]
            mine = older(newest, self._decisions, before)
            return sorted(mine, key=lambda r: r.inputs.now_us, reverse=True)[:limit]

    def unlearnt_decisions(self, since_us: int) -> Iterator[DecisionRecord]:
        """Decisions made since then and not learnt from, oldest first."""
        with self._lock:
            self._refuse_if_closed()
            return iter(in_order(self._unlearnt.values(), since_us))

    def decisions_between(self, since_us: int, until_us: int) -> Iterator[MadeDecision]:
        """Which decisions were made in [since, until), oldest first."""
        with self._lock:
            self._refuse_if_closed()
            return map(made, in_order(self._decisions.values(), since_us, until_us))

    def model(self, model: str, version: int | None = None) -> ModelVersion | None:
        """One version of a model (None: the newest), or None."""
        with self._lock:
            self._refuse_if_closed()
            versions = self._models.get(model, {})
            return versions.get(max(versions, default=0) if version is None else version)

    def model_versions(self, model: str, limit: int = 1000) -> list[StoredVersion]:
        """The newest versions of a model without their bodies, newest first."""
        with self._lock:
            self._refuse_if_closed()
            versions = self._models.get(model, {})
            return [listed(versions[one]) for one in sorted(versions, reverse=True)[:limit]]

    def models_since(self, model: str, base: int, version: int) -> list[ModelVersion]:
        """Versions of a model with base < version number ≤ ``version``, ascending."""
        with self._lock:
            self._refuse_if_closed()
            versions = self._models.get(model, {})
            return [versions[number] for number in sorted(versions) if base < number <= version]

    def catalog(self, version: int | None = None) -> tuple[int, list[Item]]:
        """The catalogue at the newest version (at or before the one given), and that version."""
        with self._lock:
            self._refuse_if_closed()
            place = None if version is None else bisect_right(self._catalogs, version)
            at = self._catalogs[:place][-1] if place != 0 else 0
            return at, self._items_at(at)

    def _items_at(self, version: int) -> list[Item]:
        items = []
        for item_id in sorted(self._items):
            history = self._items[item_id]
            place = bisect_right(history, version, key=lambda entry: entry[0])
            item = history[place - 1][1] if place else None
            if item is not None:
                items.append(item)
        return items

    def definitions(self, version: int | None = None) -> Definitions | None:
        """Experiences and placements at a version (None: the newest), or None."""
        with self._lock:
            self._refuse_if_closed()
            newest = max(self._definitions, default=0)
            return self._definitions.get(newest if version is None else version)

    def rejections(self, after: int = 0, limit: int = 100) -> list[StoredRejection]:
        """Rejected events in order of receipt."""
        self._refuse_if_closed()
        return self._rejections[max(after, 0) : max(after, 0) + limit]

    def import_progress(self, digest: str) -> ImportProgress | None:
        """How far a file was taken, or None."""
        self._refuse_if_closed()
        return self._imports.get(digest)

    def counts(self) -> dict[str, int]:
        """How many of each the store holds; of instances the live ones, of messages the open ones."""
        with self._lock:
            self._refuse_if_closed()
            return {
                "events": len(self._log),
                "rejections": len(self._rejections),
                "individuals": len(self._individuals),
                "decisions": len(self._decisions),
                "items": len(self._items_at(self._catalogs[-1])),
                "journey_instances": self._live_instances(),
                "messages_open": len(self._open),
            }

    def _in_time_order(self, sequences: Iterable[int]) -> list[LoggedEvent]:
        logged = [self._log[sequence - 1] for sequence in sequences]
        return sorted(logged, key=lambda one: (one.event.occurred_at_us, one.event.message_id))


def _put(table: dict[str, bytes], changes: dict[str, bytes | None]) -> None:
    for key, value in changes.items():
        if value is None:
            table.pop(key, None)
        else:
            table[key] = value
