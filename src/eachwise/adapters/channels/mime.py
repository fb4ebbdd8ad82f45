"""A rendered mail as a MIME message (RFC 5322, 2045–2047; one-click unsubscribing: RFC 2369, RFC 8058)."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
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


class _Policy(EmailPolicy):
    """Headers are structured, folded and encoded by the policy: a line break in a value is refused, never written."""

    def fold_binary(self, name: str, value: Any) -> bytes:
        """One header as it goes over the wire."""
        if name.lower() in _WHOLE:
            return f"{name}: {value}\r\n".encode("ascii")
        return super().fold_binary(name, value)


POLICY = _Policy(linesep="\r\n", max_line_length=78, cte_type="7bit", raise_on_defect=True)


def mailbox(text: str) -> Address:
    """An address with or without a name: ``Shop <shop@example.com>``. Raises ``ValueError`` for anything else."""
    found = _MAILBOX.fullmatch(text.strip())
    if found is None or not text.isprintable():
        raise ValueError(f"{text!r} is not an address like Shop <shop@example.com>")
    name, local, domain = found["name"] or "", found["local"], found["domain"]
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
