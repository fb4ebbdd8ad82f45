"""The picture of regret: one line for each method, names that do not hide one another."""

import importlib.util
import json
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from xml.etree import ElementTree

import pytest

SCRIPT = Path(__file__).resolve().parents[3] / "docs" / "pictures" / "draw_regret.py"
CURVES = {
    "decisions": [0.0, 1000.0, 2000.0],
    "blanket": [0.0, 30.0, 60.0],
    "segment:a": [0.0, 30.0, 59.0],
    "individual:x": [0.0, 10.0, 12.0],
}
SPACE = "{http://www.w3.org/2000/svg}"


@pytest.fixture
def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("draw_regret", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_each_method_has_its_line_and_its_name(script: ModuleType) -> None:
    drawn = ElementTree.fromstring(script.picture(CURVES))
    lines = drawn.findall(f"{SPACE}polyline")
    assert len(lines) == 3
    ends = [line.attrib["points"].split()[-1].split(",") for line in lines]
    heights = [float(height) for _, height in ends]
    # More regret is drawn higher; all end at the last decision.
    assert heights[0] < heights[1] < heights[2]
    assert len({x for x, _ in ends}) == 1
    named = {
        text.text.split()[0]: float(text.attrib["y"])
        for text in drawn.findall(f"{SPACE}text")
        if text.text and text.text.split()[0] in CURVES
    }
    assert set(named) == {"blanket", "segment:a", "individual:x", "decisions"}
    assert abs(named["blanket"] - named["segment:a"]) >= 12


def test_it_reads_what_the_proof_prints(tmp_path: Path) -> None:
    (tmp_path / "world.json").write_text(json.dumps({"curves": CURVES}))
    command = [sys.executable, str(SCRIPT), str(tmp_path / "world.json"), "--svg"]
    subprocess.run([*command, str(tmp_path / "a.svg")], check=True)
    assert (tmp_path / "a.svg").read_text().startswith("<svg")
