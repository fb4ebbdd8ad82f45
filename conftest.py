"""The documentation runs: every Python example in README.md and under docs/ is a test."""

import os

from sybil import Sybil
from sybil.parsers.markdown import PythonCodeBlockParser, SkipParser

# The arrays of a test are small: threads of BLAS cost more than they give, several times as much where test processes
# share few processors. Set before numpy is loaded, and only where nobody chose otherwise.
for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(name, "1")

# `<!-- skip: next -->` above an example that cannot run leaves it out; other languages never run.
# A pattern is matched from its right end, so `*.md` reaches every depth of docs/.
readme = Sybil([PythonCodeBlockParser(), SkipParser()], patterns=["README.md"])
docs = Sybil([PythonCodeBlockParser(), SkipParser()], path="docs", patterns=["*.md"])

pytest_collect_file = (readme + docs).pytest()
