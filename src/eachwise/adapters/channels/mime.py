"""A rendered mail as a MIME message (RFC 5322, 2045–2047; one-click unsubscribing: RFC 2369, RFC 8058)."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from email.header import Header
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import EmailPolicy
from email.utils import format_datetime
from typing import Any

from eachwise.contracts.delivery import Letter
from eachwise.contracts.errors import InvalidInput
from eachwise.maths.hashing import stable_hash

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# No quoted local parts, comments or address literals: who has such an address is not written to by shops.
_ATOM = r"[^\s@<>(),;:\"\[\]\\]+"
_MAILBOX = re.compile(rf"(?:(?P<name>[^<>]*)<)?(?P<local>{_ATOM})@(?P<domain>{_ATOM})(?(name)>)")
# An address in angle brackets is not to be folded: not every program that reads it unfolds first (RFC 8058, 3.1).
_WHOLE = frozenset({"list-unsubscribe", "list-unsubscribe-post"})
# How an encoded word begins (RFC 2047, 2). The parser of `email` decodes what follows, line breaks too.
_ENCODED = "=?"
# A word that does not fit into the first line would leave it empty.
_LONG = re.compile(r"\S{60}")
_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_ONE_HEADER = re.compile(rb"[^\r\n]+(?:\r\n[ \t][^\r\n]*)*\r\n")


class _Policy(EmailPolicy):
    """Headers are structured, folded and encoded by the policy: a line break in a value is refused, never written."""

    def header_store_parse(self, name: str, value: Any) -> tuple[str, Any]:
        """A subject, which has words of the person's in it, is kept as it is; other headers are parsed.

        Raises ``ValueError`` for a control character.
        """
        if name.lower() != "subject":
            return super().header_store_parse(name, value)
        if _CONTROLS.search(value):
            raise ValueError("a subject must have no line breaks and no control characters")
        return name, value

    def fold_binary(self, name: str, value: Any) -> bytes:
        """One header as it goes over the wire. Raises ``ValueError`` where it would be more than one.

        Python's own generator of bytes does not look (CVE-2024-6923 was closed for texts only).
        """
        if name.lower() in _WHOLE:
            folded = f"{name}: {value}\r\n".encode("ascii")
        elif name.lower() == "subject":
            plain = value.isascii() and _ENCODED not in value and not _LONG.search(value)
            made = Header(value, "us-ascii" if plain else "utf-8", header_name=name)
            folded = f"{name}: ".encode() + made.encode(linesep="\r\n").encode() + b"\r\n"
        else:
            folded = super().fold_binary(name, value)
        if not _ONE_HEADER.fullmatch(folded):
            raise ValueError(f"{name}: a line break in a header")
        return folded


POLICY = _Policy(linesep="\r\n", max_line_length=78, cte_type="7bit", raise_on_defect=True)


def mailbox(text: str) -> Address:
    """An address with or without a name: ``Shop <shop@example.com>``. Raises ``ValueError`` for anything else.

    So for letters outside ASCII before the @ (RFC 6531): not every server on the way takes them.
    """
    found = _MAILBOX.fullmatch(text.strip())
    if found is None or not text.isprintable() or _ENCODED in text:
        raise ValueError(f"{text!r} is not an address like Shop <shop@example.com>")
    name, local, domain = found["name"] or "", found["local"], found["domain"]
    if not local.isascii():
        raise ValueError(f"{text!r} has letters before the @ that not every mail server takes")
    return Address(
        display_name=name.strip().strip('"'),
        username=local,
        domain=domain.encode("idna").decode(),
    )


def check_sender(text: str, field: str) -> Address:
    """The sender's address. Raises ``InvalidInput`` naming the setting."""
    try:
        return mailbox(text)
    except Exception as error:  # the parsers of `email` raise what they please
        raise InvalidInput(f"settings: {field}: {error}", field=field) from None


def mail_of(letter: Letter, sender: Address, reply_to: str = "") -> EmailMessage:
    """The mail: multipart/alternative of text and HTML.

    Message-ID comes from the message's id, so that a mail sent twice is one to whoever looks. Raises ``ValueError``
    for an address that is none or a header with a line break.
    """
    mail = EmailMessage(policy=POLICY)
    mail["From"] = sender
    mail["To"] = mailbox(letter.address)
    if reply_to:
        mail["Reply-To"] = mailbox(reply_to)
    mail["Subject"] = letter.parts["subject"]
    mail["Date"] = format_datetime(
        (_EPOCH + timedelta(microseconds=letter.made_at_us)).replace(microsecond=0)
    )
    mail["Message-ID"] = message_id_of(letter.message_id, sender.domain)
    mail["X-Eachwise-Message"] = _token(letter.message_id)
    for name, value in letter.headers.items():
        mail[name] = value
    mail.set_content(letter.parts["text"], charset="utf-8", cte="quoted-printable")
    mail.add_alternative(
        letter.parts["html"], subtype="html", charset="utf-8", cte="quoted-printable"
    )
    return mail


def message_id_of(message_id: str, domain: str) -> str:
    """``<…@domain>`` of letters that every mail program takes, the same for the same message."""
    return f"<{_token(message_id)}@{domain}>"


def _token(message_id: str) -> str:
    kept = "".join(
        char if char.isascii() and (char.isalnum() or char in "-_") else "-" for char in message_id
    )
    return f"{kept[:80]}.{stable_hash(message_id):x}"
