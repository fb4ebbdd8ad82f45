"""Where the inhabitants' mail arrives: a receiver of SMTP on this machine, and what a mail says once it is opened."""

from __future__ import annotations

import re
import socket
import socketserver
import threading
from collections import deque
from dataclasses import dataclass
from email import message_from_bytes, policy
from email.message import EmailMessage

MAILS_MAX = 2_000
MAIL_BYTES_MAX = 1 << 20
LINE_BYTES_MAX = 2_000
IDLE_S = 300.0
_TRACKED = re.compile(r"https?://\S+/t/c/[\w.-]+")
_PIXEL = re.compile(r'src="([^"]+/t/o/[^"]+)"')
_ANGLE = re.compile(r"<(https?://[^>]+)>")


@dataclass(frozen=True, slots=True, kw_only=True)
class Mail:
    """A mail as its reader sees it: the lines of its text, and the addresses that it may call."""

    to: str
    subject: str
    lines: tuple[str, ...]
    click: str
    pixel: str
    unsubscribe: str


class Mailbox:
    """Takes mail on a socket that listens already, in threads of its own, until the process ends."""

    def __init__(self, listening: socket.socket) -> None:
        self.mails: deque[Mail] = deque(maxlen=MAILS_MAX)
        self._server = _Receiver(listening, self.mails)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        """Take no more."""
        self._server.shutdown()
        self._server.server_close()


def listen() -> socket.socket:
    """A socket on this machine's own address, on a free port."""
    listening = socket.create_server(("127.0.0.1", 0))
    listening.set_inheritable(True)
    return listening


def opened(content: bytes) -> Mail:
    """A mail's parts: its text, the first link in it, its picture, and where it is unsubscribed from."""
    mail = message_from_bytes(content, policy=policy.default)
    assert isinstance(mail, EmailMessage)
    text, html = _part(mail, "plain"), _part(mail, "html")
    click, pixel = _TRACKED.search(text), _PIXEL.search(html)
    leave = _ANGLE.search(str(mail.get("List-Unsubscribe", "")))
    return Mail(
        to=str(mail.get("To", "")),
        subject=str(mail.get("Subject", "")),
        lines=tuple(line.strip() for line in text.splitlines() if line.strip()),
        click=click.group() if click else "",
        pixel=pixel.group(1) if pixel else "",
        unsubscribe=leave.group(1) if leave else "",
    )


def _part(mail: EmailMessage, kind: str) -> str:
    part = mail.get_body((kind,))
    return "" if part is None else str(part.get_content())


class _Receiver(socketserver.ThreadingTCPServer):
    daemon_threads = True

    def __init__(self, listening: socket.socket, mails: deque[Mail]) -> None:
        super().__init__(listening.getsockname(), _Session, bind_and_activate=False)
        self.socket.close()
        self.socket = listening
        self.mails = mails


class _Session(socketserver.StreamRequestHandler):
    """One connection: the part of RFC 5321 that a relay on the same machine speaks."""

    timeout = IDLE_S
    server: _Receiver

    def handle(self) -> None:
        """Answer commands until the other side has gone."""
        self._say("220 inhabitants of Polar Pantry")
        while line := self.rfile.readline(LINE_BYTES_MAX):
            match line[:4].upper():
                case b"DATA":
                    self._say("354 go on")
                    if not self._take():
                        return
                case b"QUIT":
                    self._say("221 bye")
                    return
                case b"EHLO" | b"HELO" | b"MAIL" | b"RCPT" | b"RSET" | b"NOOP":
                    self._say("250 ok")
                case _:
                    self._say("502 not known here")

    def _take(self) -> bool:
        """Read one mail to its lone dot; False where it is too long or breaks off."""
        content = bytearray()
        while line := self.rfile.readline(MAIL_BYTES_MAX):
            if line == b".\r\n":
                self.server.mails.append(opened(bytes(content)))
                self._say("250 in the box")
                return True
            content += line.removeprefix(b".") if line.startswith(b"..") else line
            if len(content) > MAIL_BYTES_MAX:
                self._say("552 too long")
                return False
        return False

    def _say(self, words: str) -> None:
        self.wfile.write(f"{words}\r\n".encode())
