"""The load: requests as they go over the wire, against the bare servers."""

import gzip
from collections.abc import Iterator
from pathlib import Path

import pytest

from eachwise.bench.load import pooled, send
from eachwise.bench.processes import Server, bare_serving
from eachwise.bench.wire import Plan, Result, request_bytes
from eachwise.contracts.errors import EachwiseError


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with bare_serving("parse", tmp_path_factory.mktemp("bare")) as server:
        yield server


def test_a_request_is_whole() -> None:
    head, _, body = request_bytes("/v1/batch", b'{"batch":[]}', gzipped=True).partition(b"\r\n\r\n")
    assert head.startswith(b"POST /v1/batch HTTP/1.1\r\n")
    assert b"Content-Encoding: gzip" in head
    assert b"Content-Length: %d" % len(body) in head
    assert gzip.decompress(body) == b'{"batch":[]}'


def test_every_request_is_sent_once_and_the_warm_up_is_not_timed(
    bare: Server, tmp_path: Path
) -> None:
    requests = [request_bytes("/", b'{"a":1}', gzipped=gzipped) for gzipped in (False, True)] * 20
    plan = Plan(port=bare.port, requests=requests, connections=3, seconds=20.0, warmup=5)
    result = send(bare, plan, tmp_path)
    assert result.sent == 40
    assert len(result.times_us) == 35
    assert min(result.times_us) > 0.0
    assert 0.0 < result.seconds < 20.0
    assert result.ms(50) <= result.ms(99)


def test_time_ends_a_load_that_starts_over(bare: Server, tmp_path: Path) -> None:
    plan = Plan(
        port=bare.port,
        requests=[request_bytes("/", b"{}")],
        connections=2,
        seconds=0.5,
        again=True,
    )
    result = send(bare, plan, tmp_path)
    assert result.sent > 2
    assert result.rate == pytest.approx(result.sent / result.seconds)


def test_a_large_body_goes_through_in_pieces(bare: Server, tmp_path: Path) -> None:
    body = b'"' + b"x" * 8_000_000 + b'"'
    plan = Plan(
        port=bare.port, requests=[request_bytes("/", body)] * 2, connections=2, seconds=20.0
    )
    assert send(bare, plan, tmp_path).sent == 2


def test_an_answer_other_than_200_fails_the_load(bare: Server, tmp_path: Path) -> None:
    plan = Plan(
        port=bare.port, requests=[request_bytes("/", b"not json")], connections=1, seconds=5.0
    )
    with pytest.raises(EachwiseError, match="not 200"):
        send(bare, plan, tmp_path)


def test_nothing_timed_fails_the_load(bare: Server, tmp_path: Path) -> None:
    plan = Plan(
        port=bare.port, requests=[request_bytes("/", b"{}")], connections=1, seconds=5.0, warmup=9
    )
    with pytest.raises(EachwiseError, match="no answer"):
        send(bare, plan, tmp_path)


def test_rounds_pool() -> None:
    one = Result(seconds=1.0, sent=3, times_us=[1000.0, 3000.0], outcomes=1)
    both = pooled([one, one])
    assert (both.seconds, both.sent, both.outcomes, both.rate) == (2.0, 6, 2, 2.0)
    assert both.ms(50) == 2.0
