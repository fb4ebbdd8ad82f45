"""Commits until files may grow no further, then lets them grow again: prints what became of it.

Argument: the store's directory. The limit is the process's own, hence a process of its own.
"""

import resource
import signal
import sys
from pathlib import Path

from eachwise.adapters.sqlite import SqliteStore
from eachwise.contracts.errors import StoreError
from eachwise.contracts.ports import Commit
from tests.contract.makers import some_events

FILE_BYTES_MAX = 2_000_000


def main() -> None:
    """Fill, fail, recover."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    store = SqliteStore(Path(sys.argv[1]))
    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (FILE_BYTES_MAX, hard))
    written = failed = number = 0
    while failed < 3:
        events = some_events(100, f"n{number}", properties={"text": "x" * 500})
        try:
            written += len(store.commit(Commit(events=events)).result().sequences)
        except StoreError:
            failed += 1
        number += 1
    assert store.counts()["events"] == written
    assert store.pending() == 0
    resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
    written += len(store.commit(Commit(events=some_events(100, "after"))).result().sequences)
    store.close()
    sys.stdout.write(f"{written}\n")


if __name__ == "__main__":
    main()
