"""Mails as bytes: whatever is put into them comes out of a strict parser again, and nothing gets into the headers."""

from __future__ import annotations

import email.policy
from email import message_from_bytes
from email.message import EmailMessage

import pytest
from hypothesis import given
from hypothesis import settings as rounds
from hypothesis import strategies as st

from eachwise.adapters.channels.mime import mail_of, mailbox, message_id_of
from eachwise.contracts.delivery import Letter

SENDER = mailbox("The Shop, Ltd. <shop@shop.example>")
STRICT = email.policy.strict.clone(linesep="\r\n")
LEAVE = "<https://shop.example/u/" + "x" * 300 + ">"
# What a mail can say: no surrogates, and no control characters but line ends.
words = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=200)
lines = st.text(
    st.characters(exclude_categories=["Cs", "Cc"], include_characters="\n\t"), max_size=500
)


def made(**parts: str) -> EmailMessage:
    letter = Letter(
        message_id="m/1 ü",
        channel="email",
        address="Ann@example.com",
        parts={"subject": "s", "text": "t", "html": "<p>t</p>", **parts},
        headers={
            "List-Unsubscribe": LEAVE,
            "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
        },
        made_at_us=1_790_000_000_123_456,
    )
    raw = mail_of(letter, SENDER).as_bytes()
    assert raw.isascii()
    assert max(map(len, raw.split(b"\r\n"))) <= 998
    assert b"\n" not in raw.replace(b"\r\n", b"")
    parsed = message_from_bytes(raw, policy=STRICT)
    assert isinstance(parsed, EmailMessage)
    for part in parsed.walk():
        assert part.defects == []
    return parsed


def content(mail: EmailMessage, kind: str) -> str:
    part = mail.get_body((kind,))
    assert part is not None
    return str(part.get_content()).replace("\r\n", "\n")


@rounds(max_examples=60, deadline=None)
@given(subject=words, text=lines, html=lines)
def test_whatever_is_said_comes_out_again(subject: str, text: str, html: str) -> None:
    subject = " ".join(subject.split()) or "s"
    mail = made(subject=subject, text=text, html=html)
    assert set(mail.keys()) == {
        *("From", "To", "Subject", "Date", "Message-ID", "X-Eachwise-Message"),
        *("List-Unsubscribe", "List-Unsubscribe-Post", "MIME-Version", "Content-Type"),
    }
    assert " ".join(str(mail["Subject"]).split()) == subject
    assert content(mail, "plain").rstrip("\n") == text.rstrip("\n")
    assert content(mail, "html").rstrip("\n") == html.rstrip("\n")


def test_the_headers_for_leaving_are_not_folded() -> None:
    raw = mail_of(
        Letter(
            message_id="m",
            channel="email",
            address="a@example.com",
            parts={"subject": "s", "text": "t", "html": "h"},
            headers={"List-Unsubscribe": LEAVE},
        ),
        SENDER,
    ).as_bytes()
    assert b"List-Unsubscribe: " + LEAVE.encode() + b"\r\n" in raw


@pytest.mark.parametrize(
    "subject",
    [
        "Hi =?utf-8?q?x=0D=0ABcc:_victim@example.com?= there",
        "=?utf-8?q?x=0D=0A=0D=0A<p>Another_body</p>?=",
        "=?utf-8?b?eA0KQmNjOiB2QGV4YW1wbGUuY29t?=",
        "Für =?iso-8859-1?q?=E4?= und =?=",
        "=?utf-8?q?",
        "İ👩‍👧 " * 30 + "x",
        "word " * 50 + "x",
        "w" * 255,
    ],
)
def test_a_subject_is_shown_as_it_is_written_and_is_one_header(subject: str) -> None:
    # Decoding what looks like an encoded word let a person's first name write headers and bodies.
    mail = made(subject=subject)
    assert len(mail.keys()) == 10
    assert str(mail["Subject"]) == subject
    assert content(mail, "plain") == "t\n"


def test_no_header_is_more_than_one_whatever_makes_it() -> None:
    # As Python's own generator of bytes would write a word that it decoded.
    for word in ("=?utf-8?q?x=0D=0ABcc:_v?=", "=?utf-8?q?x=0Dy?=", "=?utf-8?q?x=0Ay?="):
        letter = Letter(
            message_id="m",
            channel="email",
            address="a@example.com",
            parts={"subject": "s", "text": "t", "html": "h"},
            headers={"X-Any": word},
        )
        mail = mail_of(letter, SENDER)
        with pytest.raises(ValueError, match="X-Any: a line break in a header"):
            mail.as_bytes()


@pytest.mark.parametrize("name", ["Subject", "List-Unsubscribe"])
def test_a_line_break_in_a_header_is_refused(name: str) -> None:
    parts = {"subject": "s", "text": "t", "html": "h"}
    headers = {"List-Unsubscribe": "<https://x.example>"}
    if name == "Subject":
        parts["subject"] = "a\r\nBcc: victim@example.com"
    else:
        headers[name] = "<https://x.example>\r\nBcc: victim@example.com"
    letter = Letter(
        message_id="m", channel="email", address="a@example.com", parts=parts, headers=headers
    )
    with pytest.raises(ValueError, match=r".+"):
        mail_of(letter, SENDER)


@pytest.mark.parametrize("control", ["\0", "\x1b", "\x7f", "\x85", "\u2028"])
def test_a_control_character_in_a_subject_is_refused(control: str) -> None:
    with pytest.raises(ValueError, match="control characters"):
        made(subject=f"a{control}b")


@pytest.mark.parametrize(
    ("text", "spec"),
    [
        ("a@example.com", "a@example.com"),
        ("Ann <a@example.com>", "a@example.com"),
        ('"Ann, B." <a@example.com>', "a@example.com"),
        ("a@bücher.example", "a@xn--bcher-kva.example"),
    ],
)
def test_addresses(text: str, spec: str) -> None:
    assert mailbox(text).addr_spec == spec


@pytest.mark.parametrize(
    "text",
    [
        *("", "a", "@x.example", "a@", "a@b@c", "a b@x.example", "a@x.example\r\nb: c", "a@x\0"),
        *("jürgen@example.com", "Ann <ü@example.com>"),
        # Header lines as encoded words: traits come from browsers.
        "=?utf-8?q?x=0d=0abcc=3a_v=40example=2ecom?=@example.com",
        "=?utf-8?q?x=0d=0abcc:_v?= <a@example.com>",
    ],
)
def test_no_addresses(text: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        mailbox(text)


def test_a_message_id_is_the_same_again_and_differs_from_others() -> None:
    assert message_id_of("m-1", "x.example") == message_id_of("m-1", "x.example")
    assert message_id_of("m 1", "x.example") != message_id_of("m-1", "x.example")
