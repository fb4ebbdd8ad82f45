"""HTML to the text that says the same, and text to simple HTML: so that every mail has both parts."""

from __future__ import annotations

import re
from html import escape
from html.parser import HTMLParser

_BLOCKS = frozenset(
    {
        *("address", "article", "blockquote", "div", "footer", "form", "h1", "h2", "h3", "h4"),
        *("h5", "h6", "header", "hr", "main", "nav", "ol", "p", "pre", "section", "table"),
        *("tbody", "tr", "ul"),
    }
)
# What may stand in a head, and the head itself not: neither of its tags need be written.
_UNSEEN = frozenset({"script", "style", "title", "template"})
_URL = re.compile(r"(https?://[^\s<>\"']+[^\s<>\"'.,;:!?)])")


class _Words(HTMLParser):
    """Collects what a reader would see."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.pieces: list[str] = []
        self._unseen = 0
        self._links: list[tuple[str, int]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Blocks begin a line; images say what they show; links are remembered."""
        given = dict(attrs)
        if tag in _UNSEEN:
            self._unseen += 1
        elif tag == "br":
            self.pieces.append("\n")
        elif tag == "li":
            self.pieces.append("\n- ")
        elif tag in ("td", "th"):
            self.pieces.append(" ")
        elif tag in _BLOCKS:
            self.pieces.append("\n\n")
        elif tag == "img" and given.get("alt"):
            self.pieces.append(str(given["alt"]))
        elif tag == "a":
            self._links.append((given.get("href") or "", len(self.pieces)))

    def handle_endtag(self, tag: str) -> None:
        """Blocks end their line; a link's address stands behind its words."""
        if tag in _UNSEEN:
            self._unseen = max(0, self._unseen - 1)
        elif tag in _BLOCKS:
            self.pieces.append("\n\n")
        elif tag == "a" and self._links:
            href, start = self._links.pop()
            words = "".join(self.pieces[start:]).strip()
            if href.startswith(("http://", "https://", "mailto:")) and href != words:
                self.pieces.append(f" ({href})" if words else href)

    def parse_marked_section(self, i: int, report: bool = True) -> int:
        """``<![…]>`` is a comment, as browsers have it; Python's parser raises for words that it does not know."""
        return self.parse_bogus_comment(i, report)

    def handle_data(self, data: str) -> None:
        """Text, with blanks as a browser shows them."""
        if not self._unseen:
            self.pieces.append(re.sub(r"\s+", " ", data))


def text_of(html: str) -> str:
    """What a reader of the HTML sees, as lines of text; links with their addresses in brackets."""
    words = _Words()
    words.feed(html)
    words.close()
    lines = [line.strip() for line in "".join(words.pieces).split("\n")]
    text = "\n".join(re.sub(r"[ \t]+", " ", line) for line in lines)
    return re.sub(r"\n{3,}", "\n\n", text).strip() + "\n"


def html_of(text: str) -> str:
    """Paragraphs and lines as they are, with links that can be followed."""
    found = []
    for paragraph in re.split(r"\n\s*\n", text.strip()):
        # Words and addresses in turn; escaped one by one, so that no `&gt;` gets into an address.
        pieces = [escape(piece) for piece in _URL.split(paragraph)]
        pieces[1::2] = [f'<a href="{url}">{url}</a>' for url in pieces[1::2]]
        found.append(f"<p>{''.join(pieces)}</p>".replace("\n", "<br>\n"))
    inner = "\n".join(found)
    return f'<!doctype html>\n<html><head><meta charset="utf-8"></head><body>\n{inner}\n</body></html>\n'
