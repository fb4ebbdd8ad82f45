"""`eachwise demo` as a person runs it: a process, its page, its visitors, and its end."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from eachwise.adapters.remote import RemoteEngine
from eachwise.cli import main

pytestmark = pytest.mark.slow

COMMAND = [
    sys.executable,
    "-c",
    "import sys; from eachwise.cli import main; sys.exit(main())",
    "demo",
]
CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)
BROWSER_ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
SHOPPER = "shopper-0123456789abcdef00"
WAIT_S = 60.0


@dataclass
class Demo:
    """A running demo: its process, its address, what it printed, and when it was started."""

    process: subprocess.Popen[str]
    url: str
    started_at_s: float

    def get(self, path: str) -> Any:
        with urllib.request.urlopen(self.url + path, timeout=10) as answer:
            return json.load(answer)

    def post(self, path: str, body: Any, key: str) -> Any:
        request = urllib.request.Request(
            self.url + path,
            json.dumps(body).encode(),
            {"Authorization": f"Bearer {key}", "Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=10) as answer:
            return json.load(answer)

    def wait(self, holds: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """The first state in which something holds."""
        end_s = time.monotonic() + WAIT_S
        while True:
            state: dict[str, Any] = self.get("/demo/state")
            if holds(state):
                return state
            assert time.monotonic() < end_s, state
            time.sleep(0.1)

    def stop(self, signum: int = signal.SIGINT) -> int:
        self.process.send_signal(signum)
        return self.process.wait(20)


def start(folder: Path, *more: str) -> Demo:
    """Start a small demo whose temporary files go under a folder of the test's."""
    started_at_s = time.monotonic()
    process = subprocess.Popen(
        [*COMMAND, "--port", "0", "--people", "200", "--days", "5", *more],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=os.environ | {"TMPDIR": str(folder)},
        start_new_session=True,
    )
    assert process.stdout is not None
    for line in process.stdout:
        if line.strip().startswith("Open http"):
            return Demo(process, line.strip().removeprefix("Open ").rstrip("/"), started_at_s)
    raise AssertionError(f"the demo ended with {process.wait()} before it served")


def end(demo: Demo) -> None:
    if demo.process.poll() is None:
        demo.stop(signal.SIGKILL)
    assert demo.process.stdout is not None
    demo.process.stdout.close()


def children(pid: int) -> list[int]:
    """The processes that a process has started, and theirs."""
    listed = subprocess.run(
        ["ps", "-A", "-o", "pid=,ppid="], capture_output=True, text=True, check=True
    )
    pairs = [tuple(map(int, line.split())) for line in listed.stdout.splitlines()]
    found = [child for child, parent in pairs if parent == pid]
    return found + [each for child in found for each in children(child)]


def alive(pid: int) -> bool:
    """Whether a process still runs; one that ended and waits for its parent to notice does not."""
    try:
        os.kill(pid, 0)
        status = Path(f"/proc/{pid}/stat").read_text()
    except (ProcessLookupError, FileNotFoundError):
        return False
    except OSError:
        return True
    return status.rpartition(")")[2].split()[0] != "Z"


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    running = start(tmp_path_factory.mktemp("demo"))
    yield running
    end(running)


def test_the_page_is_up_before_the_past_is_in(demo: Demo) -> None:
    with urllib.request.urlopen(demo.url, timeout=10) as answer:
        page = answer.read().decode()
        assert "default-src 'self'" in answer.headers["Content-Security-Policy"]
    assert "Polar Pantry" in page
    assert time.monotonic() - demo.started_at_s < 30
    seen = demo.wait(lambda state: state["phase"] != "starting")
    assert seen["phase"] in ("backfill", "live")
    assert seen["backfill"]["days"] == 5
    assert 0.0 <= seen["backfill"]["share"] <= 1.0


def test_visitors_stream_and_the_score_is_well_formed(demo: Demo) -> None:
    demo.wait(lambda state: state["score"] is not None and state["score"]["visits"] >= 5)
    # The driver's score is newer than the board's sample of the engine's counts, by a second at most.
    state = demo.wait(lambda state: state["engine"]["counts"]["decisions"] >= 1)
    assert state["phase"] == "live"
    assert state["backfill"]["share"] == 1.0
    assert state["backfill"]["events"] > 500
    assert state["backfill"]["rejected"] == 0
    assert state["engine"]["counts"]["decisions"] >= 1
    assert state["score"]["verdict"]["state"] == "learning"
    arms = {arm["arm"]: arm for arm in state["score"]["arms"]}
    assert {"blanket", "segment:demographic-3", "individuals", "oracle"} <= set(arms)
    for arm in arms.values():
        rate = arm["click_rate"]
        assert arm["n"] == state["score"]["visits"]
        assert 0.0 <= rate["low"] <= rate["value"] <= rate["high"] <= 1.0
        assert arm["clicks"] <= arm["n"]
    tick = state["ticks"][0]
    assert 0.0 < tick["probability"] <= 1.0
    assert tick["who"].startswith(("user-", "anon-"))


def test_a_shopper_is_decided_for_with_the_write_key(demo: Demo) -> None:
    demo.wait(
        lambda state: state["engine"]["counts"].get("items", 0) >= 400 and state["phase"] == "live"
    )
    config = demo.get("/demo/config")
    items = demo.get("/demo/items")
    assert len(items) >= 400  # what is new comes on top
    assert demo.get(f"/demo/me?anonymousId={SHOPPER}")["profile"] is None
    viewed = {"product_id": items[0]["item_id"]}
    event = {
        "type": "track",
        "event": "Product Viewed",
        "properties": viewed,
        "anonymousId": SHOPPER,
    }
    answer = demo.post("/v1/batch", {"batch": [event]}, config["write_key"])
    assert answer["accepted"] == 1
    asked = {"anonymousId": SHOPPER, "placements": [config["hero"], config["rail"]]}
    decisions = demo.post("/v1/decide", asked, config["write_key"])["decisions"]
    me = demo.get(f"/demo/me?anonymousId={SHOPPER}&decision={decisions[0]['decision_id']}")
    assert me["profile"]["recent_items"] == [items[0]["item_id"]]
    why = me["why"][0]
    assert why["experience_id"] == decisions[0]["experience_id"]
    assert why["considered"] >= 39
    assert any(one["chosen"] for one in why["leading"])


def test_what_is_not_for_the_browser_is_closed(demo: Demo) -> None:
    key = demo.get("/demo/config")["write_key"]
    with pytest.raises(urllib.error.HTTPError) as refused:
        demo.post("/demo/report", {}, key)
    with refused.value as answer:
        assert answer.code == 401
    with pytest.raises(urllib.error.HTTPError) as refused:
        demo.get("/demo/me?anonymousId=anon-000001-phone")
    with refused.value as answer:
        assert answer.code == 400
    with pytest.raises(urllib.error.HTTPError) as refused:
        demo.get("/demo/static/..%2frun.py")
    with refused.value as answer:
        assert answer.code == 404


def test_three_journeys_are_live_and_can_be_read_everywhere(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store = tmp_path / "store"
    running = start(tmp_path, "--store", str(store), "--days", "20")
    try:
        state = running.wait(lambda state: state["mail"]["received"] >= 1)
        names = ["abandoned-basket", "first-purchase", "something-new"]
        assert [journey["journey_id"] for journey in state["journeys"]] == names
        assert state["mail"]["opened"] <= state["mail"]["received"]
        state = running.wait(
            lambda state: any(step["here"] for each in state["journeys"] for step in each["steps"])
        )
        for journey in state["journeys"]:
            here = [step["here"] for step in journey["steps"]]
            assert sum(here) == journey["statuses"].get("active", 0)
            assert all(bool(step["people"]) <= bool(step["here"]) for step in journey["steps"])
        secret = json.loads((store / "keys.json").read_text())["secret"]
        engine = RemoteEngine(running.url, secret)
        assert [view.journey_id for view in engine.journeys()] == names
        # A mail may be received a moment before its answer is settled.
        until = time.monotonic() + 20
        while not (sent := engine.outbox("sent")) and time.monotonic() < until:
            time.sleep(0.1)
        message = sent[0]
        assert (message.channel, message.journey_id in names) == ("email", True)
        contacted = [one.contacts for one in engine.journeys_of(message.individual_id)]
        assert sum(contacted) >= 1
        engine.close()
        assert main(["journey", "list", "--url", running.url, "--key", secret]) == 0
        listed = capsys.readouterr().out
        assert all(f"{name} (" in listed for name in names)
    finally:
        end(running)


def look(page: Any, tile: Any) -> None:
    """Look at an item, and wait for the decision that follows."""
    decided = int(page.locator("body").get_attribute("data-decided") or 0)
    tile.get_by_role("button", name="Look at").click()
    page.locator(f"body[data-decided='{decided + 1}']").wait_for(timeout=10_000)


def vegan_tiles(page: Any) -> tuple[int, int]:
    """How many of the recommended items are vegan, of how many. One decision in a hundred is silence: look again."""
    while page.locator("#rail .rail-empty").count():
        look(page, page.locator("#shelf .tile").first)
    tags = page.locator("#rail .tile-tags").all_inner_texts()
    return sum("vegan" in each for each in tags), len(tags)


@pytest.mark.browser
@pytest.mark.skipif(CHROMIUM is None, reason="no chromium on this machine")
def test_the_page_follows_the_clicks(demo: Demo) -> None:
    sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    demo.wait(lambda state: state["phase"] == "live")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=BROWSER_ARGUMENTS)
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        troubles: list[str] = []
        asked: list[str] = []
        page.on("pageerror", lambda error: troubles.append(str(error)))
        page.on(
            "console", lambda said: troubles.append(said.text) if said.type == "error" else None
        )
        page.on("request", lambda request: asked.append(request.url))
        page.goto(demo.url)
        page.locator("#hero[aria-busy=false]").wait_for(timeout=30_000)
        assert page.locator("#belief").inner_text().find("Vegan") < 0
        assert vegan_tiles(page)[1] == 8
        before = page.locator("#rail .tile-title").all_inner_texts()

        page.get_by_role("group", name="Categories").get_by_role(
            "button", name="Vegetables"
        ).click()
        for place in range(12):
            look(page, page.locator("#shelf .tile", has_text="vegan").nth(place))

        belief = page.locator("#belief")
        belief.get_by_text("Vegan", exact=False).first.wait_for(timeout=10_000)
        assert "Vegetables" in belief.inner_text()
        # Whatever a cold list held: who looked at twelve vegan vegetables gets a list that is clearly vegan.
        vegan, shown = vegan_tiles(page)
        assert shown == 8
        assert vegan >= 5
        assert page.locator("#rail .tile-title").all_inner_texts() != before
        assert "drawn with probability" in page.locator("#why").inner_text()

        page.locator("#declare").get_by_role("button", name="Beef").click()
        page.locator("#belief .said").wait_for(timeout=10_000)
        page.get_by_text("Log in", exact=True).first.click()
        page.get_by_label("E-mail").fill("someone@shop.example")
        page.locator("#login button").click()
        page.locator("#who.known").wait_for(timeout=10_000)
        assert "Vegan" in belief.inner_text()

        page.get_by_role("button", name="Be someone new").click()
        page.locator("#who:not(.known)").wait_for(timeout=10_000)
        page.locator("#belief", has_not_text="Vegan").wait_for(timeout=10_000)

        page.set_viewport_size({"width": 390, "height": 844})
        assert page.evaluate("() => document.documentElement.scrollWidth") <= 390
        browser.close()
    assert not troubles
    assert all(url.startswith(demo.url) for url in asked)


def test_a_killed_driver_is_told_and_not_fatal(demo: Demo) -> None:
    demo.wait(lambda state: state["phase"] == "live")
    (driver,) = children(demo.process.pid)
    os.kill(driver, signal.SIGKILL)
    state = demo.wait(lambda state: state["phase"] == "stopped")
    assert "signal 9" in state["trouble"]
    config = demo.get("/demo/config")
    asked = {"anonymousId": "shopper-later", "placements": [config["hero"]]}
    assert demo.post("/v1/decide", asked, config["write_key"])["decisions"]


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM])
def test_it_stops_cleanly_even_while_it_imports(tmp_path: Path, signum: int) -> None:
    demo = start(tmp_path)
    try:
        demo.wait(lambda state: state["phase"] != "starting")
        started = children(demo.process.pid)
        assert started
        assert demo.stop(signum) in (0, 130)
        assert demo.process.stdout is not None
        assert "Traceback" not in demo.process.stdout.read()
        assert not [pid for pid in started if alive(pid)]
        assert not list(tmp_path.iterdir())
    finally:
        end(demo)


def test_a_driver_does_not_outlive_a_killed_server(tmp_path: Path) -> None:
    demo = start(tmp_path)
    try:
        demo.wait(lambda state: state["phase"] != "starting")
        started = children(demo.process.pid)
        demo.stop(signal.SIGKILL)
        end_s = time.monotonic() + 10
        while any(map(alive, started)):
            assert time.monotonic() < end_s
            time.sleep(0.1)
    finally:
        end(demo)


def test_a_port_in_use_names_the_way_out() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        ended = subprocess.run(
            [*COMMAND, "--port", str(port)], capture_output=True, text=True, timeout=60, check=False
        )
    assert ended.returncode == 1
    assert f"--port {port + 1}" in ended.stderr
    assert "Traceback" not in ended.stderr
