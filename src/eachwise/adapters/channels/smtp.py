"""E-mail through an SMTP relay. SMTP keeps no idempotency key: what broke in the hand-over is ``unknown``.

DKIM signing, SPF and DMARC are the relay's.
"""

from __future__ import annotations

import re
import smtplib
import ssl
import threading

from eachwise.adapters.channels.mime import check_sender, mail_of
from eachwise.adapters.channels.secret import read_secret
from eachwise.contracts.delivery import Letter, Receipt
from eachwise.contracts.errors import InvalidInput
from eachwise.settings import DeliverySettings

# RFC 3463, 3.2 and 3.3, and RFC 7505: no such mailbox or domain, its name is none, it moved, takes no mail, or is
# disabled. A 550 without one of these may as well be of us: a log-in is missing, the sender, or a list of spammers.
_GONE = re.compile(r"5\.(?:1\.(?:1|2|3|6|10)|2\.1)\b")
_REFUSED_MIN = 500
# RFC 5321, 4.2.3. Of the connection and not of the mail: the relay closes it, or a command came out of order.
_DONE, _FORWARDED, _GO_ON = 250, 251, 354
_OF_CONNECTION = frozenset({421, 503})
_TAKEN, _REFUSALS_MIN = range(200, 300), 400
_POINT = re.compile(rb"^\.", re.MULTILINE)
# A relay may close a connection after so many mails.
MAILS_PER_CONNECTION = 100
_ERRORS = (OSError, smtplib.SMTPException)


class Smtp:
    """The channel ``email``. Each worker thread has its own connection, and uses it again while it holds."""

    name = "email"
    deduplicates = False

    def __init__(self, settings: DeliverySettings) -> None:
        """Raises ``InvalidInput`` where the sender is no address, or the password cannot be read."""
        if not settings.public_url.startswith(("http://", "https://")):
            raise InvalidInput(
                "settings: delivery.public_url: mail needs the address at which people reach this service, like "
                "https://shop.example/eachwise: unsubscribing leads there",
                field="delivery.public_url",
            )
        self._settings = settings.smtp
        self._sender = check_sender(settings.sender, "delivery.sender")
        self._reply_to = settings.reply_to
        if settings.reply_to:
            check_sender(settings.reply_to, "delivery.reply_to")
        self._password = read_secret(
            "delivery.smtp.password", settings.smtp.password_file, settings.smtp.password_env
        )
        self._local = threading.local()
        self._open: set[smtplib.SMTP] = set()
        self._lock = threading.Lock()

    def send(self, letter: Letter) -> Receipt:
        """Hand one mail over. 4xx and a refused connection: later; 5xx: never; lost while handing over: unknown."""
        try:
            mail = mail_of(letter, self._sender, self._reply_to)
            body = mail.as_bytes()
        except Exception as error:  # the parsers of `email` raise what they please
            return Receipt(outcome="refused", reason=f"no mail can be made of it: {error}")
        ready = self._ready(mail["To"].addresses[0].addr_spec)
        return ready if isinstance(ready, Receipt) else self._hand_over(ready, body)

    def _ready(self, recipient: str) -> smtplib.SMTP | Receipt:
        """A connection that waits for the mail itself; until then nothing is handed over, and all can be done again."""
        while True:
            reused = getattr(self._local, "connection", None) is not None
            try:
                connection = self._connection()
            except smtplib.SMTPAuthenticationError as error:
                words = f"the relay refused the log-in: {error.smtp_code}"
                return Receipt(outcome="retry", reason=words)
            except _ERRORS as error:
                return Receipt(
                    outcome="retry", reason=f"no connection to the relay: {_words(error)}"
                )
            try:
                return self._addressed(connection, recipient) or connection
            except ValueError as error:  # smtplib: an address that no command can hold
                self._drop(connection)
                words = f"the relay cannot be told the address: {_words(error)}"
                return Receipt(outcome="refused", reason=words)
            except _ERRORS as error:
                # The relay closed it while it was idle, or lost its place: no sign that a new one would fail.
                self._drop(connection)
                if not reused:
                    words = f"the connection broke: {_words(error)}"
                    return Receipt(outcome="retry", reason=words)

    def _addressed(self, connection: smtplib.SMTP, recipient: str) -> Receipt | None:
        """Say from whom, to whom, and that the mail comes; None where the relay waits for it."""
        code, answer = connection.mail(self._sender.addr_spec)
        of_address = False
        if code == _DONE:
            code, answer = connection.rcpt(recipient)
            of_address = code >= _REFUSED_MIN and _GONE.match(_text(answer)) is not None
            if code in (_DONE, _FORWARDED):
                of_address = False
                code, answer = connection.docmd("DATA")
        if code == _GO_ON:
            return None
        if code in _OF_CONNECTION:
            raise smtplib.SMTPResponseException(code, _text(answer))
        try:
            # Else the next mail's sender would come in the middle of this one.
            connection.rset()
        except _ERRORS:
            self._drop(connection)
        return _refusal(code, answer, of_address=of_address)

    def _hand_over(self, connection: smtplib.SMTP, body: bytes) -> Receipt:
        """The mail itself. Where it breaks, or the answer is none, nobody knows whether the relay has it."""
        # RFC 5321, 4.5.2: a point at the beginning of a line is doubled; one alone is the end.
        lines = _POINT.sub(b"..", body if body.endswith(b"\r\n") else body + b"\r\n")
        try:
            connection.send(lines + b".\r\n")
            code, answer = connection.getreply()
        except _ERRORS as error:
            self._drop(connection)
            return Receipt(outcome="unknown", reason=f"the connection broke: {_words(error)}")
        if code not in _TAKEN and code < _REFUSALS_MIN:
            self._drop(connection)
            words = f"the relay's answer is none: {_text(answer)}"[:500]
            return Receipt(outcome="unknown", reason=words)
        self._local.sent += 1
        if self._local.sent >= MAILS_PER_CONNECTION or code in _OF_CONNECTION:
            self._drop(connection)
        if code >= _REFUSALS_MIN:
            return _refusal(code, answer, of_address=False)
        return Receipt(outcome="sent", provider_id=_text(answer)[:200])

    def _connection(self) -> smtplib.SMTP:
        """This thread's connection; a new one where it has none."""
        connection: smtplib.SMTP | None = getattr(self._local, "connection", None)
        if connection is None:
            connection = self._connect()
            self._local.connection, self._local.sent = connection, 0
            with self._lock:
                self._open.add(connection)
        return connection

    def _connect(self) -> smtplib.SMTP:
        settings = self._settings
        if settings.security == "tls":
            connection: smtplib.SMTP = smtplib.SMTP_SSL(
                settings.host,
                settings.port,
                timeout=settings.timeout_s,
                context=ssl.create_default_context(),
            )
        else:
            connection = smtplib.SMTP(settings.host, settings.port, timeout=settings.timeout_s)
        try:
            if settings.security == "starttls":
                connection.starttls(context=ssl.create_default_context())
            connection.ehlo_or_helo_if_needed()
            if settings.username:
                connection.login(settings.username, self._password)
        except BaseException:
            connection.close()
            raise
        return connection

    def _drop(self, connection: smtplib.SMTP) -> None:
        self._local.connection = None
        with self._lock:
            self._open.discard(connection)
        connection.close()

    def close(self) -> None:
        """Close every thread's connection."""
        with self._lock:
            connections, self._open = self._open, set()
        for connection in connections:
            connection.close()


def _refusal(code: int, answer: bytes | str, *, of_address: bool) -> Receipt:
    words = f"the relay answered {code} {_text(answer)}"[:500]
    if of_address:
        return Receipt(outcome="gone", reason=words)
    return Receipt(outcome="refused" if code >= _REFUSED_MIN else "retry", reason=words)


def _words(error: Exception) -> str:
    return (str(error) or type(error).__name__)[:300]


def _text(answer: bytes | str) -> str:
    text = answer.decode("utf-8", "replace") if isinstance(answer, bytes) else answer
    return " ".join(text.split())
