"""One round of the journeys' work: what was read, what changed, and the commit that writes it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from eachwise.contracts.decision import DecisionRecord
from eachwise.contracts.delivery import CALL, EVENT, Message
from eachwise.contracts.journey import Command, Instance, Log, Moved
from eachwise.contracts.ports import Commit, Store


class Mark(NamedTuple):
    """How far a round was: so many decisions, messages and puts."""

    records: int
    messages: int
    puts: int


@dataclass(slots=True)
class Round:
    """Instances as they stand within a round, read once, and everything that the round will write.

    ``now_us`` is the moment at which the round is made; ``statistics`` ride along with its commit.
    """

    store: Store
    now_us: int
    instances: dict[str, Instance] = field(default_factory=dict)
    messages: list[Message] = field(default_factory=list)
    records: list[DecisionRecord] = field(default_factory=list)
    statistics: dict[str, bytes | None] = field(default_factory=dict)
    _of: dict[str, dict[str, Instance]] = field(default_factory=dict)
    # Each put instance, with what stood in its place among all and among the person's.
    _puts: list[tuple[Instance, Instance | None, Instance | None]] = field(default_factory=list)

    def of(self, individual_id: str) -> list[Instance]:
        """A person's live instances as they stand now, in the order of their entries; what this round ended, too."""
        if individual_id not in self._of:
            stored = self.store.instances_of(individual_id, live=True)
            self._of[individual_id] = {
                each.instance_id: self.instances.get(each.instance_id, each) for each in stored
            }
        mine = (self.current(each) for each in self._of[individual_id].values())
        return [each for each in mine if each.individual_id == individual_id]

    def ever(self, individual_id: str, journey_id: str | None = None) -> list[Instance]:
        """All of a person's instances as they stand now, or those of one journey: ended ones are read for this only."""
        found = {each.instance_id: each for each in self.of(individual_id)}
        for each in self.store.instances_of(individual_id, journey_id=journey_id):
            found.setdefault(each.instance_id, self.current(each))
        return [
            each
            for each in found.values()
            if each.individual_id == individual_id and journey_id in (None, each.journey_id)
        ]

    def find(self, instance_id: str) -> Instance | None:
        """One instance as it stands now, or None."""
        found = self.instances.get(instance_id)
        return self.store.instance(instance_id) if found is None else found

    def put(self, instance: Instance) -> None:
        """An instance stands so from now on."""
        self.of(instance.individual_id)
        name, mine = instance.instance_id, self._of[instance.individual_id]
        self._puts.append((instance, self.instances.get(name), mine.get(name)))
        self.instances[name] = mine[name] = instance

    def current(self, instance: Instance) -> Instance:
        """The instance as this round has left it."""
        return self.instances.get(instance.instance_id, instance)

    def moved(self, moved: Moved) -> None:
        """Take in what a step did."""
        self.put(moved.instance)
        self.messages += [
            message_of(command, moved.instance, self.now_us) for command in moved.commands
        ]

    def mark(self) -> Mark:
        """How far the round is: to come back to after a fault, or to see whether anything was done since."""
        return Mark(len(self.records), len(self.messages), len(self._puts))

    def back_to(self, mark: Mark) -> list[DecisionRecord]:
        """Forget what was done since; returns the decisions among it, which are not written after all."""
        undone = self.records[mark.records :]
        for instance, before, mine in reversed(self._puts[mark.puts :]):
            _put_back(self.instances, instance.instance_id, before)
            _put_back(self._of[instance.individual_id], instance.instance_id, mine)
        del self.records[mark.records :], self.messages[mark.messages :], self._puts[mark.puts :]
        return undone

    def commit(self) -> Commit:
        """What is to be written, decision records aside."""
        return Commit(
            instances=dict(self.instances),
            messages=self.messages,
            statistics=self.statistics,
        )

    @property
    def empty(self) -> bool:
        """Whether there is nothing to write."""
        return not (self.instances or self.messages or self.records or self.statistics)


def _put_back(where: dict[str, Instance], name: str, before: Instance | None) -> None:
    if before is None:
        del where[name]
    else:
        where[name] = before


def message_of(command: Command, instance: Instance, now_us: int) -> Message:
    """A step's command as an entry of the outbox; computed again it is the same entry."""
    if isinstance(command, Log):
        channel = EVENT
        body = {
            "event": command.event,
            "properties": command.properties,
            "traits": command.traits,
        }
    else:
        channel, body = CALL, {"url": command.url, "body": command.body}
    return Message(
        message_id=command.effect_id,
        individual_id=instance.individual_id,
        channel=channel,
        created_at_us=now_us,
        due_at_us=now_us,
        journey_id=instance.journey_id,
        instance_id=instance.instance_id,
        step=command.step,
        body=body,
    )
