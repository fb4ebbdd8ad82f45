"""Every benchmark runs small, with the same code and real processes."""

import json
import tempfile
from pathlib import Path

import pytest

from eachwise.bench import run
from eachwise.bench.effort import SCALE_VARIABLE, Effort, scale_from_environment
from eachwise.bench.machine import machine_info
from eachwise.bench.registry import BENCHES
from eachwise.cli.arguments import build_parser
from eachwise.contracts.errors import InvalidInput

FIGURES = {
    "ingest": {"events_per_s", "events_per_s_gzip", "batch_p50", "batch_gzip_p99", "cpu_per_event"},
    "decide": {
        *("http_p50", "http_p99", "http_without_fsync_p50", "decisions_per_s"),
        *("compute_p50", "commit_p50", "fsync_p50", "loaded_p50", "loaded_p99", "loaded_imported"),
        *("affinity_10", "filters_40", "features_200", "scores_1000", "draws_10000", "policy_10"),
        *("recommend_40", "items_200", "record_1000", "whole_10000", "commit_10000"),
    },
    "start": {"first_decision"},
    "memory": {
        "person_p50",
        "person_p99",
        "people",
        "rss_started",
        "rss_touched",
        "cold_events_per_s",
    },
    "recommend": {
        *("recommend_p50_1e3", "recommend_p99_1e5", "event_p50_1e4", "event_p99_1e5"),
        *("untrained_p50_1e3", "recommend_cpu_1e5", "event_cpu_1e4", "rss_server_1e5"),
    },
    "train": {"train_1e4", "train_1e5", "train_cpu_1e4", "model_1e5"},
    "audience": {"people", "audience", "rss_asked", "start"},
    "policies": {"thompson_40", "softmax_10000", "top_two_fit"},
    "learn": {"exposures_per_s_100", "exposures_per_s_2000", "publish_500"},
    "batch": {"decisions_per_s_1", "decisions_per_s_2", "cpu_per_decision"},
    "journeys": {
        *("begin_events_per_s", "move_events_per_s", "move_beside_sqlite", "timers_per_s"),
        *("waiting_disk", "waiting_memory", "event_to_outbox_p50", "event_to_outbox_p99"),
        *("month", "month_people", "month_events", "month_instances", "month_mails"),
    },
    "search": {"search_p50_1e3", "search_p99_1e5", "suggest_p50_1e4", "build_1e5"},
}


def test_the_command_line_knows_every_benchmark() -> None:
    for name in (*BENCHES, "all"):
        assert build_parser().parse_args(["bench", name, "--json"]).name == name


@pytest.mark.parametrize("name", sorted(BENCHES))
def test_a_tiny_run_prints_one_line_and_leaves_nothing(
    name: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    monkeypatch.setenv(SCALE_VARIABLE, "0.001")
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    run(name, as_json=True)
    out, progress = capsys.readouterr()
    assert out.count("\n") == 1
    report = json.loads(out)
    assert report.keys() == {"bench", "machine", "figures"}
    assert report["bench"] == name
    assert report["machine"].keys() == {"cpus", "python", "platform", "filesystem"}
    assert report["figures"].keys() >= FIGURES[name]
    for figure in report["figures"].values():
        assert figure.keys() == {"value", "unit", "yardstick", "ratio"}
        assert figure["value"] >= 0.0
    assert progress
    assert list(tmp_path.iterdir()) == []


def test_an_unknown_name_is_refused_with_the_known_ones() -> None:
    with pytest.raises(
        InvalidInput,
        match="known: ingest, decide, start, memory, recommend, train, audience, search, policies, "
        "learn, batch, journeys, all",
    ):
        run("speed", as_json=True)


@pytest.mark.parametrize("scale", ["0", "fast", "100", "nan"])
def test_a_scale_out_of_range_is_refused(scale: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(SCALE_VARIABLE, scale)
    with pytest.raises(InvalidInput, match="EACHWISE_BENCH_SCALE"):
        scale_from_environment()


def test_effort_scales_counts_and_never_to_nothing(tmp_path: Path) -> None:
    tiny = Effort(scale=0.001, folder=tmp_path, say=print)
    assert (tiny.count(100), tiny.count(100, least=7), tiny.rounds(5)) == (1, 7, 1)
    full = Effort(scale=1.0, folder=tmp_path, say=print)
    assert (full.count(100), full.seconds(3.0), full.rounds(5)) == (100, 3.0, 5)


def test_the_machine_is_described_and_not_named(tmp_path: Path) -> None:
    import platform

    info = machine_info(tmp_path)
    assert info["filesystem"] != ""
    assert platform.node() not in map(str, info.values())
