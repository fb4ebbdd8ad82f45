"""The demo's first words come before anything heavy is imported."""

import subprocess
import sys

SCRIPT = """
import sys
from eachwise.cli import main

class Said(Exception): pass

def first(text):
    heavy = {"eachwise.bootstrap", "eachwise.service", "numpy", "uvicorn"} & set(sys.modules)
    assert not heavy, heavy
    assert "Eachwise demo" in text
    raise Said

sys.stdout.write = first
try:
    main(["demo"])
except Said:
    sys.exit(7)
"""


def test_the_first_words_wait_for_no_import() -> None:
    ran = subprocess.run(
        [sys.executable, "-c", SCRIPT], capture_output=True, text=True, timeout=60, check=False
    )
    assert ran.returncode == 7, ran.stderr
