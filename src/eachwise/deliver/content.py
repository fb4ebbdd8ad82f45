"""Which parts of an experience's content are templates on which channel, and what is wrong with them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from eachwise.contracts.experience import OUTBOUND_CHANNELS, Definitions, Experience

# Longer ones are no template that a person wrote.
SOURCE_CHARS_MAX = 200_000
PARTS: dict[str, tuple[str, ...]] = {
    "email": ("subject", "preheader", "text", "html"),
    "push": ("title", "body", "url", "icon"),
    "sms": ("text",),
    "webhook": ("text",),
}
# Channels whose content may hold a ``payload``: a mapping whose texts are templates.
PAYLOADS = frozenset({"sms", "webhook"})
LAYOUT = "layout"
HTML = "html"

Path = tuple[str | int, ...]


class Fault(NamedTuple):
    """What is wrong with a template: where in the definitions, in which line of the template, and the fix."""

    path: Path
    line: int
    reason: str


def is_template(text: str) -> bool:
    """Whether there is anything to fill in."""
    return "{{" in text or "{%" in text or "{#" in text


def content_parts(content: Mapping[str, Any], channel: str) -> Iterator[tuple[Path, str]]:
    """Each template of a content for a channel, with its path inside the content."""
    for name in PARTS.get(channel, ()):
        if name in content:
            yield (name,), content[name]
    if channel in PAYLOADS and "payload" in content:
        yield from _texts(("payload",), content["payload"])


def _texts(path: Path, value: Any) -> Iterator[tuple[Path, str]]:
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, Mapping):
        for name, each in value.items():
            yield from _texts((*path, str(name)), each)
    elif isinstance(value, list):
        for place, each in enumerate(value):
            yield from _texts((*path, place), each)


def template_faults(definitions: Definitions) -> Iterator[Fault]:
    """What is wrong with the templates of experiences that go out, and with the layouts; each as it is found.

    Paths begin with ``("experiences", ID)`` or ``("templates", ID)``.
    """
    for template in definitions.templates.values():
        for name in ("html", "text"):
            path: Path = ("templates", template.template_id, name)
            yield from _source_faults(path, getattr(template, name), name == HTML, layout=True)
    for experience in definitions.experiences.values():
        channels = sorted(
            {
                placement.channel
                for name in experience.placements
                if (placement := definitions.placements.get(name)) is not None
                and placement.channel in OUTBOUND_CHANNELS
            }
        )
        if channels:
            yield from _experience_faults(experience, channels, definitions)


def _experience_faults(
    experience: Experience, channels: Sequence[str], definitions: Definitions
) -> Iterator[Fault]:
    base: Path = ("experiences", experience.experience_id, "content")
    content = experience.content
    layout = content.get(LAYOUT)
    if "email" in channels and layout is not None and layout not in definitions.templates:
        known = ", ".join(sorted(definitions.templates)) or "none are declared under templates"
        yield Fault((*base, LAYOUT), 0, f"no template {layout!r}; known: {known}")
    seen: set[Path] = set()
    for channel in channels:
        for path, source in content_parts(content, channel):
            if path not in seen:
                seen.add(path)
                yield from _source_faults((*base, *path), source, path == (HTML,), layout=False)
        if channel in PAYLOADS and not isinstance(content.get("payload", {}), Mapping):
            yield Fault(
                (*base, "payload"), 0, "must be a mapping: it becomes the JSON that is posted"
            )


def _source_faults(path: Path, source: object, html: bool, *, layout: bool) -> Iterator[Fault]:
    if not isinstance(source, str):
        yield Fault(path, 0, "must be text")
    elif len(source) > SOURCE_CHARS_MAX:
        yield Fault(path, 0, f"has {len(source)} characters; at most {SOURCE_CHARS_MAX} are taken")
    elif is_template(source):
        # Jinja2 takes 0.1 s to import: only where there is a template.
        from eachwise.deliver.checks import faults_of  # noqa: PLC0415

        for line, reason in faults_of(source, html=html, layout=layout):
            yield Fault(path, line, reason)
