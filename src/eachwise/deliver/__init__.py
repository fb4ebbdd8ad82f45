"""Messages made ready to go: templates checked and rendered, links signed. Pure; Jinja2 is imported on first use."""

from eachwise.deliver.content import Fault, content_parts, is_template, template_faults
from eachwise.deliver.render import Rendered, RenderFailed, render
from eachwise.deliver.retry import after, backoff_s
from eachwise.deliver.tokens import TOKEN_CHARS_MAX, Token, TokenKind, read_token, sign_token

__all__ = [
    "TOKEN_CHARS_MAX",
    "Fault",
    "RenderFailed",
    "Rendered",
    "Token",
    "TokenKind",
    "after",
    "backoff_s",
    "content_parts",
    "is_template",
    "read_token",
    "render",
    "sign_token",
    "template_faults",
]
