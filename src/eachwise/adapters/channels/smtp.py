"""E-mail through an SMTP relay. SMTP keeps no idempotency key: what broke in the hand-over is ``unknown``.

DKIM signing, SPF and DMARC are the relay's.
"""

from __future__ import annotations

import smtplib
import ssl
import threading

from eachwise.adapters.channels.mime import check_sender, mail_of
from eachwise.adapters.channels.secret import read_secret
from eachwise.contracts.delivery import Letter, Receipt
from eachwise.contracts.errors import InvalidInput
from eachwise.settings import DeliverySettings

# RFC 5321, 4.2.3, and RFC 3463: the mailbox is not there, is somewhere else, or its name is not allowed.
GONE = frozenset({550, 551, 553})
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
        refused: Receipt | None = None
        recipient = mail["To"].addresses[0].addr_spec
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
                refused = self._addressed(connection, recipient)
                break
            except _ERRORS as error:
                # The relay closed it while it was idle: no sign that a new one would fail.
                self._drop(connection)
                if not reused:
                    words = f"the connection broke: {_words(error)}"
                    return Receipt(outcome="retry", reason=words)
        return refused or self._hand_over(connection, body)

    def _addressed(self, connection: smtplib.SMTP, recipient: str) -> Receipt | None:
        """Say from whom and to whom; None where the relay takes both."""
        code, answer = connection.mail(self._sender.addr_spec)
        of_address = False
        if code == 250:
            code, answer = connection.rcpt(recipient)
            # 5.7: not taken for a policy's sake, which says nothing of the mailbox.
            of_address = code in GONE and not _text(answer).startswith("5.7.")
        if code in (250, 251):
            return None
        connection.rset()
        return _refusal(code, answer, of_address=of_address)

    def _hand_over(self, connection: smtplib.SMTP, body: bytes) -> Receipt:
        try:
            code, answer = connection.data(body)
        except smtplib.SMTPDataError as error:  # DATA itself was refused: nothing was handed over
            return _refusal(error.smtp_code, error.smtp_error, of_address=False)
        except _ERRORS as error:
            self._drop(connection)
            return Receipt(outcome="unknown", reason=f"the connection broke: {_words(error)}")
        if code != 250:
            return _refusal(code, answer, of_address=False)
        self._local.sent += 1
        if self._local.sent >= MAILS_PER_CONNECTION:
            self._drop(connection)
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
    return Receipt(outcome="refused" if code >= 500 else "retry", reason=words)


def _words(error: Exception) -> str:
    return (str(error) or type(error).__name__)[:300]


def _text(answer: bytes | str) -> str:
    text = answer.decode("utf-8", "replace") if isinstance(answer, bytes) else answer
    return " ".join(text.split())
