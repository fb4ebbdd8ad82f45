"""The command line. ``eachwise --help`` lists the commands; each imports what it needs only when it runs."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

from eachwise.cli.arguments import build_parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command. Returns the exit status: 0 done, 1 failed (one line on stderr says why), 2 wrong usage."""
    # One BLAS thread a process: numpy's products here are small, and a second thread only steals from requests.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    parsed = build_parser().parse_args(arguments)
    from eachwise.contracts.errors import EachwiseError

    try:
        return int(parsed.run(parsed) or 0)
    except EachwiseError as error:
        print(f"eachwise: {error.message}", file=sys.stderr)
        return 1
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except KeyboardInterrupt:
        print("eachwise: stopped", file=sys.stderr)
        return 130
