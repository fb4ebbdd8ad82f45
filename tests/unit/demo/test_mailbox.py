"""The inhabitants' mailbox takes what the real channel sends, and a mail says what its reader needs."""

from __future__ import annotations

import smtplib
import time
from collections.abc import Iterator
from email.message import EmailMessage

import pytest

from eachwise.demo.mailbox import Mailbox, listen, opened

TOKEN = "http://127.0.0.1:8080/t/c/abc_-9.sig"


@pytest.fixture
def mailbox() -> Iterator[Mailbox]:
    made = Mailbox(listen())
    yield made
    made.close()


def mail(text: str = f"Picked for you:\n{TOKEN}\n.\n..two dots\n") -> EmailMessage:
    made = EmailMessage()
    made["From"], made["To"] = "shop@polar-pantry.example", "user-000007@frozen.example"
    made["Subject"] = "Königsberger Klopse, tiefgekühlt"
    made["List-Unsubscribe"] = "<http://127.0.0.1:8080/u/leave.sig>, <mailto:no@shop.example>"
    made.set_content(text)
    made.add_alternative('<p>Hi</p><img src="http://127.0.0.1:8080/t/o/pix.sig.gif">', "html")
    return made


def port_of(mailbox: Mailbox) -> int:
    port: int = mailbox._server.server_address[1]
    return port


def wait_for(mailbox: Mailbox, count: int) -> None:
    end_s = time.monotonic() + 5.0
    while len(mailbox.mails) < count:
        assert time.monotonic() < end_s
        time.sleep(0.005)


def test_a_mail_says_to_whom_about_what_and_where_it_leads() -> None:
    found = opened(mail().as_bytes())
    assert (found.to, found.subject) == (
        "user-000007@frozen.example",
        "Königsberger Klopse, tiefgekühlt",
    )
    assert (found.click, found.pixel) == (TOKEN, "http://127.0.0.1:8080/t/o/pix.sig.gif")
    assert found.unsubscribe == "http://127.0.0.1:8080/u/leave.sig"
    assert found.lines[0] == "Picked for you:"


def test_a_mail_without_links_has_none() -> None:
    plain = EmailMessage()
    plain["To"] = "a@b.example"
    plain.set_content("Hello")
    found = opened(plain.as_bytes())
    assert (found.click, found.pixel, found.unsubscribe) == ("", "", "")


def test_mails_come_through_smtp_dots_and_all(mailbox: Mailbox) -> None:
    with smtplib.SMTP("127.0.0.1", port_of(mailbox), timeout=5) as sender:
        sender.send_message(mail())
        sender.send_message(mail())
        assert sender.docmd("VRFY", "x")[0] == 502
    wait_for(mailbox, 2)
    assert mailbox.mails[0].lines == ("Picked for you:", TOKEN, ".", "..two dots")
    assert mailbox.mails[1] == mailbox.mails[0]
