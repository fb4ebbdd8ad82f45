"""Whole histories recorded through the engine: played again they must give the same people, steps and messages.

``python -m tests.property.test_journeys_recorded`` draws and records them anew.
"""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest

from tests.property.journeys_world import HEARD, ZONES, World
from tests.property.test_journeys_laws import PEOPLE, Deed, check_laws, played

FILE = Path(__file__).parents[1] / "golden" / "journeys_played.json"
HISTORIES, DEEDS = 5, 80
Line = list[Any]


def lines_of(world: World) -> dict[str, list[Line]]:
    """What came of a history, a line each; decisions' ids aside."""
    instances: list[Line] = [
        [
            *(each.journey_id, each.version, each.individual_id, each.key, each.arm, each.status),
            *(each.step, each.path, each.contacts, each.entered_at_us, each.ended_at_us),
            each.reason,
        ]
        for each in world.instances()
    ]
    messages: list[Line] = [
        [
            *(each.journey_id, each.step, each.individual_id, each.channel, each.experience_id),
            *(each.state, each.reason, each.created_at_us, each.sent_at_us),
        ]
        for each in world.messages()
    ]
    return {"instances": sorted(instances), "messages": sorted(messages)}


@pytest.mark.parametrize("kind", ["memory", "sqlite"])
@pytest.mark.parametrize("number", range(HISTORIES))
def test_a_recorded_history_gives_what_it_gave(number: int, kind: str) -> None:
    recorded = json.loads(FILE.read_text())[number]
    script = [_deed(each) for each in recorded["script"]]
    with played(script, kind, exploring=False) as world:
        found = lines_of(world)
        check_laws(world)
    assert found["instances"] == recorded["instances"]
    assert found["messages"] == recorded["messages"]


def test_the_recorded_histories_have_everything_in_them() -> None:
    recorded = json.loads(FILE.read_text())
    assert len(recorded) == HISTORIES
    instances = [line for each in recorded for line in each["instances"]]
    messages = [line for each in recorded for line in each["messages"]]
    assert {"completed", "goal", "merged"} <= {line[5] for line in instances}
    assert len({line[1] for line in instances}) > 1, "no edit"
    assert {"email", "webhook", "call", "event"} == {line[3] for line in messages}
    assert {"sent", "held"} <= {line[5] for line in messages}
    assert len(messages) > 40


def _deed(raw: list[Any]) -> Deed:
    # Whose it is came out of JSON as a list.
    return tuple(tuple(each) if _is_person(each) else each for each in raw)


def _is_person(value: object) -> bool:
    return isinstance(value, list) and len(value) == 2 and isinstance(value[0], int)


def _drawn(draw: random.Random) -> list[Deed]:
    def one() -> Deed:
        who = (draw.randrange(PEOPLE), draw.choice(["user", "anon"]))
        late_s = draw.choice([0, 0, 0, 60, 7_200])
        purposes = draw.choice([["news"], ["offers"], ["news", "offers"]])
        return draw.choice(
            [
                *[("event", who, draw.choice(HEARD), draw.choice("AB"), late_s)] * 5,
                *[("time", draw.choice([1, 600, 3_600, 18_000, 40_000, 86_400]))] * 4,
                ("consent", who, draw.choice(["Given", "Withdrawn"]), purposes, late_s),
                ("link", who[0], draw.choice(ZONES)),
                ("again", draw.randrange(30)),
                ("edit", draw.randrange(3)),
                ("time", draw.choice([-60, -3_600])),
                ("crash",),
                ("fault", draw.randrange(5), draw.choice(["lost", "kept"])),
            ]
        )

    # Of one person as a device and as a user, in the same journey for the same order, before they are known as one.
    both = [("event", (0, kind), "Checkout Started", "A", 0) for kind in ("user", "anon")]
    return [*both, ("tick",), ("link", 0, "UTC"), *(one() for _ in range(DEEDS))]


def record() -> None:
    """Draw histories and write what they give."""
    found = []
    for number in range(HISTORIES):
        script = _drawn(random.Random(number))
        with played(script, "memory", exploring=False) as world:
            found.append({"script": script, **lines_of(world)})
    lines = (",\n".join(f"  {json.dumps(each)}" for each in found)).replace("]], ", "]],\n   ")
    FILE.write_text(f"[\n{lines}\n]\n")


if __name__ == "__main__":
    record()
