"""What the parts cost, each figure beside its yardstick from the same run; benchmarks/README.md says how to read it."""

from __future__ import annotations

from importlib import import_module

__all__ = ["run"]


def run(name: str, *, as_json: bool) -> None:
    """Run one benchmark, or ``all``: one table on stdout, or one line of JSON for each; progress goes to stderr.

    ``EACHWISE_BENCH_SCALE`` makes them smaller or larger. Only 127.0.0.1 is used; files and processes are gone
    afterwards, also after Ctrl-C. Raises ``InvalidInput`` for an unknown name or scale.
    """
    # The processes that send and answer are modules of this package too, and must start at once.
    import_module("eachwise.bench.runner").run(name, as_json=as_json)
