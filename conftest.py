"""The documentation runs: every Python example in README.md and under docs/ is a test."""

from sybil import Sybil
from sybil.parsers.markdown import PythonCodeBlockParser, SkipParser

# `<!-- skip: next -->` above an example that cannot run leaves it out; other languages never run.
# A pattern is matched from its right end, so `*.md` reaches every depth of docs/.
readme = Sybil([PythonCodeBlockParser(), SkipParser()], patterns=["README.md"])
docs = Sybil([PythonCodeBlockParser(), SkipParser()], path="docs", patterns=["*.md"])

pytest_collect_file = (readme + docs).pytest()
