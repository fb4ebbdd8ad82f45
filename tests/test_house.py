"""The house's own files: pins that can be trusted, one version, a light serving path."""

import re
import subprocess
import sys
import tomllib
from importlib.util import find_spec
from pathlib import Path

import pytest

import eachwise

ROOT = Path(__file__).parents[1]
PIN_FILES = ("serve.txt", "dev.txt", "uv.txt")
PIN = re.compile(r"^(?P<name>[a-z0-9._-]+)==(?P<version>[^ ;]+)")
TRAINING_LIBRARIES = {"polars", "scipy", "sklearn", "torch", "jax"}


def _pins(name: str) -> list[str]:
    """Return each requirement of a pin file with its hashes, on one line."""
    text = (ROOT / "requirements" / name).read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("#")]
    return "\n".join(lines).replace("\\\n", " ").splitlines()


@pytest.mark.parametrize("name", PIN_FILES)
def test_every_pin_is_exact_and_hashed(name: str) -> None:
    pins = _pins(name)
    assert pins
    assert [pin for pin in pins if not PIN.match(pin) or "--hash=sha256:" not in pin] == []


@pytest.mark.parametrize("name", PIN_FILES)
def test_pins_name_no_index(name: str) -> None:
    text = (ROOT / "requirements" / name).read_text(encoding="utf-8")
    assert not re.search(r"://|--(extra-)?index-url|--find-links|--trusted-host", text)


def test_development_serves_with_the_pins_that_serve() -> None:
    exact = {name: {pin.split()[0] for pin in _pins(name)} for name in PIN_FILES}
    assert exact["serve.txt"] <= exact["dev.txt"]


def test_node_pins_are_hashed_and_name_no_registry() -> None:
    text = (ROOT / "tests/clients/node/package-lock.json").read_text(encoding="utf-8")
    assert '"integrity": "sha512-' in text
    assert '"resolved"' not in text


def test_the_version_is_said_once() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["version"] == eachwise.__version__


def test_pins_are_kept_in_one_form() -> None:
    assert not (ROOT / "uv.lock").exists()


@pytest.mark.parametrize("part", ["flow", "service", "console"])
def test_serving_loads_no_training_library(part: str) -> None:
    if find_spec(f"eachwise.{part}") is None:
        pytest.skip(f"eachwise.{part} is not there")
    look = f"import sys, eachwise.{part}; print(*sorted(sys.modules))"
    loaded = subprocess.run(
        [sys.executable, "-c", look], capture_output=True, text=True, check=True
    )
    assert set(loaded.stdout.split()) & TRAINING_LIBRARIES == set()
