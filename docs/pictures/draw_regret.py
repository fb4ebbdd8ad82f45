"""Draws the regret of every method in ``eachwise prove world``: what the oracle has more, EUR a world.

    eachwise prove world --json > world.json
    python docs/pictures/draw_regret.py world.json

The file holds one line as ``--json`` prints it. The picture is replaced; only the standard library is used.
"""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Callable
from pathlib import Path
from xml.sax.saxutils import escape

PICTURE = Path(__file__).resolve().parent / "regret.svg"
INK, QUIET, FAINT, PAPER = "#0f172a", "#64748b", "#e2e8f0", "#ffffff"
# What an arm is called decides its colour; the engine itself, the last individual arm, is drawn bold.
COLOURS = {
    "individual": "#0f766e",
    "segment": "#b45309",
    "blanket": "#dc2626",
    "reference": "#6366f1",
}
WIDTH, HEIGHT = 920, 560
LEFT, RIGHT, TOP, BOTTOM = 64, 250, 56, 44
LABEL_GAP = 15


def main() -> None:
    """Read the file, write the picture."""
    parser = argparse.ArgumentParser(description="Draw regret to the oracle.")
    parser.add_argument("file", type=Path, metavar="FILE", help="what --json printed")
    parser.add_argument("--svg", type=Path, default=PICTURE)
    parsed = parser.parse_args()
    curves = json.loads(parsed.file.read_text(encoding="utf-8"))["curves"]
    parsed.svg.write_text(picture(curves), encoding="utf-8")


def picture(curves: dict[str, list[float]]) -> str:
    """The SVG: a line for each method, its name at the line's end."""
    after = curves["decisions"]
    lines = {name: curve for name, curve in curves.items() if name != "decisions"}
    engine = [name for name in lines if name.startswith("individual:")][-1]
    top = max(max(curve) for curve in lines.values()) or 1.0
    wide, high = WIDTH - LEFT - RIGHT, HEIGHT - TOP - BOTTOM

    def at(decisions: float, lost: float) -> tuple[float, float]:
        return LEFT + wide * decisions / after[-1], TOP + high * (1.0 - lost / top)

    parts = [
        _text(LEFT - 40, 24, "Regret to the oracle, EUR a world", 16, INK, bold=True),
        _text(
            LEFT - 40,
            42,
            "what decisions made with the true tastes would have earned more",
            12,
            QUIET,
        ),
        *_axes(after[-1], top, at),
    ]
    ends = _spread({name: at(after[-1], curve[-1])[1] for name, curve in lines.items()})
    for name, curve in lines.items():
        colour, bold = COLOURS[name.partition(":")[0]], name == engine
        points = " ".join(
            "{:.1f},{:.1f}".format(*at(*each)) for each in zip(after, curve, strict=True)
        )
        parts.append(
            f'<polyline points="{points}" fill="none" stroke="{colour}" '
            f'stroke-width="{3 if bold else 1.2}"/>'
        )
        words = f"{name}  {curve[-1]:,.0f}"
        parts.append(_text(LEFT + wide + 8, ends[name] + 4, words, 12, colour, bold=bold))
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}" '
        'role="img" aria-label="Regret of each method to the oracle" '
        'font-family="system-ui, -apple-system, Segoe UI, Helvetica, Arial, sans-serif">'
    )
    paper = f'<rect width="{WIDTH}" height="{HEIGHT}" rx="8" fill="{PAPER}"/>'
    return "\n".join([head, paper, *parts, "</svg>"]) + "\n"


def _axes(
    decisions: float, top: float, at: Callable[[float, float], tuple[float, float]]
) -> list[str]:
    """Thin lines at round figures of money, and the number of decisions below."""
    parts = []
    for lost in _round_figures(top):
        x, y = at(0.0, lost)
        end, _ = at(decisions, lost)
        parts.append(f'<path d="M{x:.1f} {y:.1f}H{end:.1f}" stroke="{FAINT}" stroke-width="1"/>')
        parts.append(_text(x - 6, y + 4, f"{lost:,.0f}", 11, QUIET, anchor="end"))
    for done in _round_figures(decisions):
        x, y = at(done, 0.0)
        parts.append(_text(x, y + 18, f"{done:,.0f}", 11, QUIET, anchor="middle"))
    x, y = at(decisions / 2.0, 0.0)
    parts.append(_text(x, y + 36, "decisions", 12, QUIET, anchor="middle"))
    return parts


def _round_figures(top: float) -> list[float]:
    """0 and four to ten multiples of 1, 2 or 5 times a power of ten."""
    power = 10.0 ** math.floor(math.log10(top / 4.0))
    step = next(power * each for each in (10, 5, 2, 1) if power * each <= top / 4.0)
    return [step * each for each in range(int(top / step) + 1)]


def _spread(ends: dict[str, float]) -> dict[str, float]:
    """Heights of the names, moved apart so that none hides another."""
    found: dict[str, float] = {}
    floor = HEIGHT - BOTTOM
    for name in sorted(ends, key=lambda each: -ends[each]):
        floor = found[name] = min(ends[name], floor)
        floor -= LABEL_GAP
    return found


def _text(
    x: float, y: float, words: str, size: int, colour: str, *, bold: bool = False, anchor: str = ""
) -> str:
    more = ' font-weight="600"' if bold else ""
    more += f' text-anchor="{anchor}"' if anchor else ""
    return f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" fill="{colour}"{more}>{escape(words)}</text>'


if __name__ == "__main__":
    main()
