"""Draws the README's picture and table of segments against individuals from what the proofs printed.

    eachwise prove world --json > world.json
    eachwise prove movielens ml-1m --json > movielens.json
    python docs/pictures/draw.py world.json movielens.json

Each file holds one line as ``--json`` prints it. Both outputs are replaced; only the standard library is used.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

ROOT = Path(__file__).resolve().parents[2]
PICTURE = ROOT / "docs" / "pictures" / "segments-vs-individuals.svg"
README = ROOT / "README.md"
BEGIN, END = "<!-- figures:begin -->", "<!-- figures:end -->"

# Proof → its command, its title, and the metrics shown: name, words, unit, factor, decimals.
SHOWN: dict[str, tuple[str, str, list[tuple[str, str, str, float, int]]]] = {
    "world": (
        "eachwise prove world --json",
        "A simulated shop whose truth is known",
        [
            ("click_rate", "clicks a decision", " %", 100.0, 2),
            ("value", "value a decision", " EUR", 1.0, 3),
            ("disconnect_rate", "sends against the person", " %", 100.0, 1),
        ],
    ),
    "movielens": (
        "eachwise prove movielens ml-1m --json",
        "MovieLens-1M: the next film among all films",
        [("recall@10", "Recall@10", " %", 100.0, 1), ("ndcg@10", "NDCG@10", "", 1.0, 4)],
    ),
}
COLOURS = {
    "individual": "#0f766e",
    "segment": "#94a3b8",
    "blanket": "#cbd5e1",
    "oracle": "#475569",
    "reference": "#e2e8f0",
}
INK, QUIET, PAPER = "#0f172a", "#64748b", "#ffffff"
# Models that matter inside the blend only, and the engine played from its recording; the proof prints them all.
PARTS = {
    "individual:around",
    "individual:content",
    "individual:late",
    "individual:presence",
    "individual:recent",
    "individual:recorded",
    "individual:repeats",
    "individual:sessions",
    "individual:spectral",
    "individual:trend",
    "individual:twohop",
    "individual:wide",
}
WIDTH, MARGIN, LABEL, ROW, GAP = 920, 24, 200, 22, 24

Proof = dict[str, Any]


def main() -> None:
    """Read the files, write the picture and the table."""
    parser = argparse.ArgumentParser(description="Draw segments against individuals.")
    parser.add_argument("files", type=Path, nargs="*", metavar="FILE", help="what --json printed")
    parser.add_argument("--svg", type=Path, default=PICTURE)
    parser.add_argument("--readme", type=Path, default=README)
    parsed = parser.parse_args()
    proofs = [json.loads(file.read_text(encoding="utf-8")) for file in parsed.files]
    for proof in proofs:
        proof["arms"] = {arm: one for arm, one in proof["arms"].items() if arm not in PARTS}
    parsed.svg.write_text(picture(proofs), encoding="utf-8")
    parsed.readme.write_text(
        with_table(parsed.readme.read_text(encoding="utf-8"), table(proofs)), encoding="utf-8"
    )


def with_table(text: str, lines: list[str]) -> str:
    """The text with these lines between the markers."""
    before, rest = text.split(BEGIN)
    _, after = rest.split(END)
    return "\n".join([before + BEGIN, *lines, END]) + after


# -- the table -----------------------------------------------------------------------------------


def table(proofs: list[Proof]) -> list[str]:
    """Markdown lines: for each proof its command, its figures with their intervals, its verdict."""
    if not proofs:
        return [
            "*No figures yet: they are filled in by `python docs/pictures/draw.py world.json movielens.json`,*",
            "*from what `eachwise prove … --json` printed.*",
        ]
    lines: list[str] = []
    for proof in proofs:
        command, title, metrics = SHOWN[proof["proof"]]
        lines += [f"**{title}** (`{command}`)", ""]
        lines.append("| who decides | " + " | ".join(words for _, words, *_ in metrics) + " |")
        lines.append("| --- |" + " ---: |" * len(metrics))
        for arm, figures in proof["arms"].items():
            cells = [_cell(figures.get(name), *how) for name, _, *how in metrics]
            name = f"**{arm}**" if arm.startswith("individual") else arm
            lines.append(f"| {name} | " + " | ".join(cells) + " |")
        lines += ["", f"{proof['verdict']}", ""]
    return lines[:-1]


def _cell(figure: dict[str, float] | None, unit: str, factor: float, decimals: int) -> str:
    if figure is None:
        return "–"
    value, low, high = (f"{factor * figure[end]:.{decimals}f}" for end in ("value", "low", "high"))
    return f"{value}{unit} [{low}, {high}]"


# -- the picture ---------------------------------------------------------------------------------


def picture(proofs: list[Proof]) -> str:
    """The SVG: a block for each proof, a column for each metric, a bar with its interval for each arm."""
    parts: list[str] = []
    y = MARGIN
    if not proofs:
        y += 20
        parts.append(
            _text(MARGIN, y, "Segments against individuals: no figures yet", 16, INK, bold=True)
        )
        y += 24
        parts.append(
            _text(
                MARGIN,
                y,
                "drawn by docs/pictures/draw.py from what eachwise prove --json prints",
                13,
                QUIET,
            )
        )
        y += MARGIN
    for proof in proofs:
        block, y = _block(proof, y)
        parts += block
    if proofs:
        parts.append(_text(MARGIN, y - 4, "Bars carry 95 % intervals.", 12, QUIET))
        y += 12
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {y}" width="{WIDTH}" height="{y}" '
        'role="img" aria-label="Segments against individuals" '
        'font-family="system-ui, -apple-system, Segoe UI, Helvetica, Arial, sans-serif">'
    )
    paper = f'<rect width="{WIDTH}" height="{y}" rx="8" fill="{PAPER}"/>'
    return "\n".join([head, paper, *parts, "</svg>"]) + "\n"


def _block(proof: Proof, y: int) -> tuple[list[str], int]:
    command, title, metrics = SHOWN[proof["proof"]]
    parts = [_text(MARGIN, y + 16, title, 16, INK, bold=True)]
    parts.append(_text(WIDTH - MARGIN, y + 16, command, 12, QUIET, anchor="end", mono=True))
    y += 44
    width = (WIDTH - 2 * MARGIN - LABEL - GAP * (len(metrics) - 1)) / len(metrics)
    arms = proof["arms"]
    for row, arm in enumerate(arms):
        bold = arm.startswith("individual")
        parts.append(_text(MARGIN, y + 20 + row * ROW + 14, arm, 13, INK, bold=bold))
    for column, (name, words, *how) in enumerate(metrics):
        x = MARGIN + LABEL + column * (width + GAP)
        parts.append(_text(x, y + 8, words, 12, QUIET))
        figures = {arm: each[name] for arm, each in arms.items() if name in each}
        top = max((figure["high"] for figure in figures.values()), default=0.0) or 1.0
        for row, arm in enumerate(arms):
            if arm in figures:
                parts += _bar(arm, figures[arm], x, y + 20 + row * ROW, width, top, *how)
    return parts, y + 20 + len(arms) * ROW + MARGIN


def _bar(
    arm: str, figure: dict[str, float], x: float, y: float, width: float, top: float,
    unit: str, factor: float, decimals: int,
) -> list[str]:  # fmt: skip
    scale = (width - 64) / top  # room for the figure itself
    length, low, high = (max(0.0, figure[end]) * scale for end in ("value", "low", "high"))
    middle = y + 9
    colour = COLOURS[arm.partition(":")[0]]
    value = f"{factor * figure['value']:.{decimals}f}{unit}"
    whisker = (
        f"M{x + low:.1f} {middle}H{x + high:.1f}"
        f"M{x + low:.1f} {middle - 3}v6M{x + high:.1f} {middle - 3}v6"
    )
    return [
        f'<rect x="{x:.1f}" y="{y + 2}" width="{length:.1f}" height="14" rx="2" fill="{colour}"/>',
        f'<path d="{whisker}" stroke="{INK}" stroke-width="1" fill="none"/>',
        _text(x + high + 6, y + 14, value, 12, INK, bold=arm.startswith("individual")),
    ]


def _text(
    x: float, y: float, words: str, size: int, colour: str, *, bold: bool = False, anchor: str = "",
    mono: bool = False,
) -> str:  # fmt: skip
    more = ' font-weight="600"' if bold else ""
    more += f' text-anchor="{anchor}"' if anchor else ""
    more += ' font-family="ui-monospace, Menlo, Consolas, monospace"' if mono else ""
    return f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" fill="{colour}"{more}>{escape(words)}</text>'


if __name__ == "__main__":
    main()
