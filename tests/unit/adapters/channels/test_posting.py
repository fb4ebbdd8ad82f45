"""One POST: no receiver holds it longer than its time, and what can never be posted is not tried again."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import settings as rounds
from hypothesis import strategies as st

from eachwise.adapters.channels.posting import WAIT_S_MAX, post, retry_after_s
from eachwise.adapters.channels.webhook import Webhook
from eachwise.contracts.delivery import Letter
from eachwise.settings import DeliverySettings

TIMEOUT_S = 0.4
# More than the one it takes to connect, for a slow machine; dripping would take 20 times as long as TIMEOUT_S.
BOUND_S = 4.0


@contextmanager
def dripping(at_once: bytes, slowly: bytes) -> Iterator[str]:
    """A receiver whose answer comes byte after byte, each well within the time that is set."""
    over = threading.Event()

    def answer() -> None:
        connection, _ = server.accept()
        with connection:
            connection.recv(65536)
            connection.sendall(at_once)
            for place in range(len(slowly)):
                if over.wait(TIMEOUT_S / 4):
                    return
                try:
                    connection.sendall(slowly[place : place + 1])
                except OSError:
                    return

    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=answer, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}/in"
        over.set()
        thread.join(timeout=5)


@pytest.mark.parametrize("at_once", [b"", b"HTTP/1.1 ", b"HTTP/1.1 200 X\r\nX-A: "])
def test_a_receiver_that_drips_its_answer_is_cut_off(at_once: bytes) -> None:
    with dripping(at_once, b" " * 80) as url:
        began_s = time.monotonic()
        receipt = post(url, b"{}", {}, TIMEOUT_S)
        assert time.monotonic() - began_s < BOUND_S
    assert receipt.outcome == "retry"
    assert "timed out" in receipt.reason


@pytest.mark.parametrize("framing", [b"Content-Length: 90", b"Connection: close"])
@pytest.mark.parametrize(("status", "outcome"), [(b"200", "sent"), (b"400", "refused")])
def test_the_status_stands_though_the_body_drips(
    framing: bytes, status: bytes, outcome: str
) -> None:
    head = b"HTTP/1.1 " + status + b" X\r\n" + framing + b"\r\n\r\n"
    with dripping(head, b"y" * 80) as url:
        began_s = time.monotonic()
        receipt = post(url, b"{}", {}, TIMEOUT_S)
        assert time.monotonic() - began_s < BOUND_S
    assert receipt.outcome == outcome


@pytest.mark.parametrize(
    "url",
    [
        *("", "nonsense", "ftp://x.example/", "http://", "http://[", "http://x.example:99999/"),
        *("http://x..example/", "http://127.0.0.1:PORT/ü", "http://127.0.0.1:PORT/a b"),
    ],
)
def test_what_is_no_address_is_refused_for_good(url: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        receipt = post(url.replace("PORT", str(port)), b"{}", {}, TIMEOUT_S)
    assert receipt.outcome == "refused"
    assert receipt.reason


def test_what_is_no_header_and_no_json_is_refused_for_good() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"http://127.0.0.1:{server.getsockname()[1]}/in"
        assert post(url, b"{}", {"X-A": "a\r\nX-B: c"}, TIMEOUT_S).outcome == "refused"
    call = Webhook("call", "", DeliverySettings())
    half = Letter(message_id="m", channel="call", address=url, payload={"a": "\ud800"})
    assert call.send(half).outcome == "refused"


def test_the_provider_s_id_is_kept_and_cut() -> None:
    with dripping(b"HTTP/1.1 204 X\r\nX-Message-Id: " + b"y" * 5000 + b"\r\n\r\n", b"") as url:
        receipt = post(url, b"{}", {}, TIMEOUT_S)
    assert receipt.outcome == "sent"
    assert receipt.provider_id == "y" * 200


def test_a_wait_is_asked_for_30_days_at_most() -> None:
    assert retry_after_s("9" * 30, 0.0) == WAIT_S_MAX
    assert retry_after_s("Fri, 31 Dec 9999 23:59:59 GMT", 1_790_000_000.0) == WAIT_S_MAX
    soon = format_datetime(datetime.fromtimestamp(1_790_000_060, UTC))
    assert retry_after_s(soon, 1_790_000_000.0) == 60.0


@rounds(max_examples=200, deadline=None)
@given(
    st.one_of(
        st.text(max_size=40),
        st.from_regex(r"[A-Z][a-z]{2}, \d{1,3} (Jan|Dec) \d{1,6} \d\d:\d\d:\d\d ([+-]\d{4,6}|GMT)"),
    )
)
def test_whatever_a_receiver_asks_is_a_wait(header: str) -> None:
    assert 0.0 <= retry_after_s(header, 1_790_000_000.0) <= WAIT_S_MAX
