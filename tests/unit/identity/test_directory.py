"""Who is who, told as stories. The laws are in tests/property."""

from __future__ import annotations

from typing import Any

from eachwise.contracts.events import UNMERGED, Event
from eachwise.contracts.ports import Login
from eachwise.identity import NOBODY, Change, Directory, logins_of
from eachwise.identity.cells import Cells, DeviceCell, StrongCell, admit
from eachwise.settings import IdentitySettings


class World:
    """A log and a directory over it."""

    def __init__(self, **settings: Any) -> None:
        self.settings = IdentitySettings(**settings)
        self.log: list[Event] = []
        self.directory = Directory(lambda _: None, self.settings)
        self.asked = 0

    def send(self, at_us: int, kind: Any = "track", **fields: Any) -> Change:
        """Log and observe one event."""
        event = Event(
            message_id=f"m{len(self.log)}",
            kind=kind,
            occurred_at_us=at_us,
            received_at_us=at_us,
            **fields,
        )
        self.log.append(event)
        return self.directory.observe(event, self._logins)

    def owner(self, number: int) -> str:
        """Whose one event of the log is."""
        return self.directory.person_of(self.log[number])

    def _logins(self, device: str) -> list[Login]:
        self.asked += 1
        return logins_of(self.log, device, self.settings)


def test_an_anonymous_visitor_who_logs_in_is_merged() -> None:
    world = World()
    assert world.send(1, anonymous_id="a") == Change()
    assert world.owner(0) == "anon:a"
    assert world.send(5, user_id="u", anonymous_id="a") == Change((("anon:a", "user:u"),))
    assert world.owner(0) == world.owner(1) == "user:u"
    assert world.directory.resolve("anon:a") == "user:u"
    assert world.send(6, user_id="u", anonymous_id="a") == Change()


def test_a_shared_device_does_not_fuse_two_people() -> None:
    world = World()
    world.send(1, anonymous_id="a")
    world.send(2, user_id="u", anonymous_id="a")
    world.send(3, anonymous_id="a")
    assert world.send(4, user_id="v", anonymous_id="a") == Change()
    world.send(5, anonymous_id="a")
    assert [world.owner(n) for n in range(5)] == ["user:u", "user:u", "user:u", "user:v", "user:v"]
    assert world.directory.resolve("anon:a") == "user:v"
    assert world.directory.resolve("anon:a", 3) == "user:u"
    assert world.asked == 0


def test_a_late_login_refolds_those_whose_events_it_moves() -> None:
    world = World()
    world.send(1, user_id="u", anonymous_id="a")
    world.send(9, anonymous_id="a")
    assert world.owner(1) == "user:u"
    assert world.send(5, user_id="v", anonymous_id="a").refold == {"user:u", "user:v"}
    assert world.owner(1) == "user:v"
    assert world.asked == 1


def test_a_late_login_is_known_as_late_after_a_restart() -> None:
    world = World()
    world.send(1, user_id="u", anonymous_id="a")
    world.send(9, anonymous_id="a")
    kept = world.directory.take_changes()
    world.directory = Directory(kept.get, world.settings)
    assert world.send(5, user_id="v", anonymous_id="a").refold == {"user:u", "user:v"}
    assert world.send(10, user_id="u", anonymous_id="a") == Change()


def test_a_log_that_runs_ahead_is_no_matter() -> None:
    world = World()
    world.send(1, user_id="u", anonymous_id="a")
    world.send(2, user_id="w", anonymous_id="a")
    world.send(6, anonymous_id="a")
    ahead = [
        Event(
            message_id=f"x{at_us}",
            kind="track",
            occurred_at_us=at_us,
            received_at_us=0,
            user_id=user_id,
            anonymous_id="a",
        )
        for at_us, user_id in ((4, "v"), (8, "u"), (9, "w"))
    ]
    world.log += ahead
    for event in ahead:
        world.directory.observe(event, world._logins)
    owners = [world.directory.resolve("anon:a", at_us) for at_us in (0, 1, 2, 4, 8, 9)]
    assert owners == ["user:u", "user:u", "user:w", "user:v", "user:u", "user:w"]


def test_an_address_known_first_becomes_the_user() -> None:
    world = World()
    world.send(1, "identify", anonymous_id="a", traits={"email": "E@x"})
    assert world.owner(0) == "email:e@x"
    change = world.send(2, "identify", user_id="u", traits={"email": "e@X"})
    assert change == Change((("email:e@x", "user:u"),))
    assert world.owner(0) == "user:u"
    assert world.directory.resolve("email:E@x") == "user:u"


def test_one_address_of_two_users_joins_the_first_only() -> None:
    world = World()
    world.send(1, "identify", user_id="u", traits={"email": "e@x"})
    assert world.send(2, "identify", user_id="v", traits={"email": "e@x"}) == Change()
    assert world.owner(1) == "user:v"
    change = world.send(0, "identify", user_id="v", traits={"email": "e@x"})
    assert change.refold == {"user:u", "user:v"}
    assert world.directory.resolve("email:e@x") == "user:v"


def test_aliases_chain_to_the_newest_id() -> None:
    world = World()
    world.send(1, user_id="u1")
    assert ("user:u1", "user:u2") in world.send(2, "alias", user_id="u2", previous_id="u1").merges
    assert ("user:u2", "user:u3") in world.send(3, "alias", user_id="u3", previous_id="u2").merges
    assert {world.directory.resolve(f"user:u{n}") for n in (1, 2, 3)} == {"user:u3"}
    parts = world.directory.parts("user:u3")
    assert {part.reason for part in parts} == {"alias"}
    assert [part.left for part in parts if part.left.startswith("user:")] == ["user:u1", "user:u2"]
    assert world.directory.sources_of("user:u3").user_ids == ("u1", "u2", "u3")


def test_an_alias_of_an_anonymous_id_logs_it_in() -> None:
    world = World()
    world.send(1, anonymous_id="a")
    world.send(2, "alias", user_id="u", previous_id="a")
    assert world.owner(0) == "user:u"
    # The log of logins does not show the alias: it is remembered beside it.
    world.send(9, anonymous_id="a")
    world.send(8, user_id="v", anonymous_id="a")
    world.send(1, user_id="v", anonymous_id="a")
    assert [world.owner(n) for n in (0, 2)] == ["user:v", "user:v"]
    assert world.directory.resolve("anon:a", 5) == "user:u"


def test_an_app_without_a_login_follows_its_device() -> None:
    world = World()
    phone = {"device": {"id": "d"}}
    world.send(1, anonymous_id="old", context=phone)
    world.send(2, user_id="u", anonymous_id="old", context=phone)
    world.send(3, anonymous_id="new", context=phone)
    assert world.owner(2) == "user:u"
    world.send(4, anonymous_id="new")
    assert world.owner(3) == "anon:new"
    assert world.directory.resolve("anon:new") == "user:u"
    assert world.send(5, user_id="v", anonymous_id="new").refold == {"anon:new", "user:u", "user:v"}
    assert world.owner(2) == world.owner(3) == "user:v"


def test_a_device_alone_is_a_person_until_someone_logs_in() -> None:
    world = World()
    phone = {"device": {"id": "d"}}
    world.send(1, context=phone)
    assert world.owner(0) == "device:d"
    assert world.send(2, user_id="u", context=phone) == Change((("device:d", "user:u"),))
    assert world.directory.sources_of("user:u").device_ids == ("d",)


def test_unmerging_holds_for_good() -> None:
    world = World()
    world.send(1, user_id="u", anonymous_id="a")
    world.send(2, anonymous_id="a")
    void: dict[str, Any] = {"name": UNMERGED, "properties": {"left": "anon:a", "right": "user:u"}}
    assert world.send(3, **void).refold == {"anon:a", "user:u"}
    assert world.owner(1) == "anon:a"
    assert world.owner(2) == NOBODY
    assert world.send(4, user_id="u", anonymous_id="a") == Change()
    assert world.owner(1) == "anon:a"


def test_unmerging_two_strong_identifiers() -> None:
    world = World()
    world.send(1, "identify", user_id="u", anonymous_id="a", traits={"email": "e@x"})
    world.send(2, "identify", anonymous_id="b", traits={"email": "e@x"})
    void: dict[str, Any] = {
        "name": UNMERGED,
        "properties": {"left": "user:u", "right": "email:e@x"},
    }
    assert world.send(3, **void).refold == {"email:e@x", "user:u"}
    assert world.owner(1) == "email:e@x"
    assert world.send(4, **void) == Change()


def test_a_user_on_too_many_devices_keeps_the_earliest() -> None:
    world = World(devices_per_individual_max=2)
    for at_us, name in ((5, "a"), (6, "b"), (7, "c")):
        world.send(at_us, user_id="kiosk", anonymous_id=name)
    assert world.directory.resolve("anon:c") == "anon:c"
    assert world.directory.sources_of("user:kiosk").anonymous_ids == ("a", "b")
    change = world.send(4, user_id="kiosk", anonymous_id="c")
    assert change.refold == {"anon:b", "user:kiosk"}
    assert change.merges == (("anon:c", "user:kiosk"),)
    assert world.directory.resolve("anon:c") == "user:kiosk"
    assert world.directory.resolve("anon:b") == "anon:b"


def test_blocked_ids_are_nobody() -> None:
    world = World()
    world.send(1, user_id="NULL", anonymous_id="a")
    world.send(2, user_id="undefined")
    assert world.owner(0) == "anon:a"
    assert world.owner(1) == NOBODY


def test_what_is_no_person_has_no_sources_and_no_parts() -> None:
    world = World()
    world.send(1, "identify", user_id="u", anonymous_id="a", traits={"email": "e@x"})
    directory = world.directory
    assert directory.sources_of("email:e@x").user_ids == ()
    assert directory.parts("email:e@x") == directory.parts("anon:z") == []
    assert directory.sources_of("anon:z").anonymous_ids == ("z",)
    assert directory.resolve("anon:z") == "anon:z"
    assert directory.resolve("strange") == "strange"
    assert {(p.left, p.right) for p in directory.parts("user:u")} == {
        ("email:e@x", "user:u"),
        ("anon:a", "user:u"),
    }


def test_changes_are_handed_out_again_when_a_commit_fails() -> None:
    world = World()
    world.send(1, user_id="u", anonymous_id="a")
    taken = world.directory.take_changes()
    assert set(taken) == {"user:u", "anon:a", "~high"}
    assert world.directory.take_changes() == {}
    world.directory.settled(failed=True)
    assert world.directory.take_changes() == taken
    world.directory.settled()
    world.directory.settled(failed=True)
    assert set(world.directory.take_changes()) == {"~high"}


def test_cells_are_bounded_and_never_lose_what_is_not_durable() -> None:
    kept: dict[str, bytes] = {}
    cells = Cells(kept.get, 4)
    for n in range(20):
        cells.put(f"user:{n}", StrongCell(person=f"user:p{n}"))
        cells.put(f"anon:{n}", DeviceCell(voids={f"user:{n}"}))
        if n == 10:
            kept |= cells.take_changes()
    for n in range(20):
        strong, device = cells.strong(f"user:{n}"), cells.device(f"anon:{n}")
        assert strong is not None
        assert device is not None
        assert (strong.person, device.voids) == (f"user:p{n}", {f"user:{n}"})
    assert cells.strong("user:unknown") is None
    assert len(cells._young) <= 3


def test_the_earliest_names_are_kept_in_any_order() -> None:
    kept: dict[str, tuple[int, str]] = {}
    assert admit(kept, "a", (5, ""), 2) == (True, "")
    assert admit(kept, "b", (6, ""), 2) == (True, "")
    assert admit(kept, "c", (7, ""), 2) == (False, "")
    assert admit(kept, "c", (4, ""), 2) == (True, "b")
    assert admit(kept, "a", (9, ""), 2) == (False, "")
    assert admit(kept, "a", (1, ""), 2) == (True, "")
    assert kept == {"a": (1, ""), "c": (4, "")}
