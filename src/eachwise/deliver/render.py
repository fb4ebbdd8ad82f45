"""An experience's content rendered for one person and one channel."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from html import escape
from typing import Any

from eachwise.contracts.experience import Experience
from eachwise.contracts.experience import Template as Layout
from eachwise.deliver.content import PARTS, PAYLOADS, is_template
from eachwise.deliver.words import html_of, text_of

# RFC 5322 bids lines of at most 998 characters; what mail programs show of a subject is far shorter.
SUBJECT_CHARS_MAX = 255
_HEADERS = frozenset({"subject", "preheader", "title"})
_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f]+")
_BODY = re.compile(r"<body\b[^>]*>", re.ASCII | re.IGNORECASE)
_END = re.compile(r"</body\b", re.ASCII | re.IGNORECASE)


class RenderFailed(Exception):
    """A message cannot be rendered for this person; the text says which part and why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rendered:
    """What goes out: the parts by name, and a webhook's payload."""

    parts: dict[str, str] = field(default_factory=dict)
    payload: dict[str, Any] = field(default_factory=dict)


def render(
    experience: Experience,
    channel: str,
    context: Mapping[str, Any],
    layout: Layout | None = None,
    pixel_url: str = "",
) -> Rendered:
    """Fill in the parts of an experience for a channel. ``context``: what templates read (``checks.ALWAYS``).

    A mail has both text and HTML: what is not written is made of the other. ``pixel_url`` is put at the HTML's end.
    Raises ``RenderFailed`` where a value is missing that the template prints, or a part comes out too long.
    """
    content = experience.content
    values: dict[str, Any] = {}
    parts: dict[str, str] = {}
    for name in PARTS.get(channel, ()):
        if name in content:
            made = _filled(name, content[name], context, values, html=name == "html")
            parts[name] = _line(made) if name in _HEADERS else made
    if channel == "email":
        _mail(parts, experience, context, values, layout, pixel_url)
    elif channel == "push":
        parts.setdefault("title", experience.title)
        if not parts["title"]:
            raise RenderFailed("the experience has neither a title nor content.title to push")
    payload: dict[str, Any] = {}
    if channel in PAYLOADS:
        made_of = content.get("payload", {})
        payload = {
            str(name): _payload(f"payload.{name}", value, context, values)
            for name, value in made_of.items()
        }
        if channel == "sms" and not parts.get("text") and not payload:
            raise RenderFailed("the experience has neither content.text nor content.payload")
    return Rendered(parts=parts, payload=payload)


def _mail(
    parts: dict[str, str],
    experience: Experience,
    context: Mapping[str, Any],
    values: dict[str, Any],
    layout: Layout | None,
    pixel_url: str,
) -> None:
    """Subject, text and HTML, whatever of them was written."""
    parts.setdefault("subject", _line(experience.title))
    if not parts["subject"]:
        raise RenderFailed("the experience has neither a title nor content.subject")
    parts["subject"] = parts["subject"][:SUBJECT_CHARS_MAX]
    if "text" not in parts and "html" not in parts:
        raise RenderFailed("the experience has neither content.text nor content.html")
    inner_html = parts.get("html", "")
    inner_text = parts.get("text", "")
    text_written = bool(inner_text.strip())
    if not text_written:
        inner_text = text_of(inner_html)
    if not inner_text.strip():
        raise RenderFailed("the mail comes out empty")
    parts["text"] = inner_text
    if layout is not None and layout.text:
        parts["text"] = _framed("text", layout.text, context, inner_text)
    # Made of the text with its frame, which may hold the only link for leaving.
    parts["html"] = inner_html if inner_html.strip() else html_of(parts["text"])
    if layout is not None and layout.html:
        from markupsafe import Markup  # noqa: PLC0415 (comes with Jinja2, imported on first use)

        body = inner_html if inner_html.strip() else _body_of(html_of(inner_text))
        # Its values were escaped when it was rendered.
        parts["html"] = _framed("html", layout.html, context, Markup(body))
        if not text_written and not layout.text:
            parts["text"] = text_of(parts["html"])
    preheader = parts.pop("preheader", "")
    if preheader:
        parts["html"] = _after_body(parts["html"], _hidden(preheader))
    if pixel_url:
        image = f'<img src="{escape(pixel_url)}" width="1" height="1" alt="">'
        parts["html"] = _before_end(parts["html"], image)


def _framed(name: str, frame: str, context: Mapping[str, Any], content: str) -> str:
    """A layout around a part."""
    from eachwise.deliver.sandbox import plain  # noqa: PLC0415 (imports Jinja2)

    values = {key: plain(value) for key, value in context.items()} | {"content": content}
    return _filled(f"layout.{name}", frame, context, values, html=name == "html")


def _hidden(words: str) -> str:
    return f'<div style="display:none;max-height:0;overflow:hidden">{escape(words)}</div>'


def _line(text: str) -> str:
    """One line, without control characters."""
    return " ".join(_CONTROLS.sub(" ", text).split())


def _after_body(html: str, piece: str) -> str:
    found = _BODY.search(html)
    end = found.end() if found else 0
    return html[:end] + piece + html[end:]


def _before_end(html: str, piece: str) -> str:
    ends = [found.start() for found in _END.finditer(html)]
    end = ends[-1] if ends else len(html)
    return html[:end] + piece + html[end:]


def _body_of(page: str) -> str:
    start, end = page.find("<body>") + len("<body>"), page.rfind("</body>")
    return page[start:end]


def _payload(name: str, value: Any, context: Mapping[str, Any], values: dict[str, Any]) -> Any:
    if isinstance(value, str):
        return _filled(name, value, context, values, html=False)
    if isinstance(value, Mapping):
        return {
            str(key): _payload(f"{name}.{key}", each, context, values)
            for key, each in value.items()
        }
    if isinstance(value, list):
        return [_payload(name, each, context, values) for each in value]
    return value


def _filled(
    name: str,
    source: object,
    context: Mapping[str, Any],
    values: dict[str, Any],
    *,
    html: bool,
) -> str:
    """One template rendered. ``values`` keeps the context as templates see it, made by the first who needs it."""
    if not isinstance(source, str):
        raise RenderFailed(f"{name}: must be text")
    if not is_template(source):
        return source
    # Jinja2 takes 0.1 s to import: only where there is a template.
    from jinja2.exceptions import TemplateError  # noqa: PLC0415

    from eachwise.deliver.sandbox import OUTPUT_CHARS_MAX, compiled, plain  # noqa: PLC0415

    if not values:
        values.update({key: plain(value) for key, value in context.items()})
    pieces, size = [], 0
    try:
        for piece in compiled(source, html).generate(values):
            size += len(piece)
            if size > OUTPUT_CHARS_MAX:
                raise RenderFailed(f"{name}: comes out longer than {OUTPUT_CHARS_MAX} characters")
            pieces.append(piece)
    except TemplateError as error:
        raise RenderFailed(f"{name}: {error}") from None
    except RenderFailed:
        raise
    except Exception as error:  # a filter may raise anything for what it was not made for
        raise RenderFailed(f"{name}: {type(error).__name__}: {error}") from None
    return "".join(pieces)
