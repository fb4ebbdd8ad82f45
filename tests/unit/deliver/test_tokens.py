"""Signed links: read back what was signed, and nothing else."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eachwise.deliver import Token, read_token, sign_token
from eachwise.deliver.tokens import TOKEN_CHARS_MAX

KEY = b"k" * 32
names = st.text(max_size=40)


@given(person=names, message=names, purpose=names, url=names, kind=st.sampled_from(["o", "c", "u"]))
def test_what_was_signed_is_read_back_for_its_own_use_only(
    person: str, message: str, purpose: str, url: str, kind: str
) -> None:
    token = Token(
        kind=kind,  # type: ignore[arg-type]
        individual_id=person,
        message_id=message,
        channel="email",
        purpose=purpose,
        url=url,
    )
    text = sign_token(token, KEY)
    assert text.isascii()
    assert "/" not in text
    assert read_token(text, token.kind, KEY) == token
    assert read_token(text, token.kind, b"x" * 32) is None
    for other in ("o", "c", "u"):
        if other != kind:
            assert read_token(text, other, KEY) is None


@given(place=st.integers(0, 10_000), char=st.sampled_from("AZaz09-_."))
def test_a_changed_sign_is_seen(place: int, char: str) -> None:
    token = Token(
        kind="c", individual_id="user:a", message_id="m", channel="email", url="https://a"
    )
    text = sign_token(token, KEY)
    place %= len(text)
    changed = text[:place] + char + text[place + 1 :]
    found = read_token(changed, "c", KEY)
    # The last sign of a base64 text may differ in bits that stand for nothing.
    assert found is None or found == token


@given(st.text(max_size=200))
def test_whatever_else_is_no_token(text: str) -> None:
    assert read_token(text, "u", KEY) is None


@pytest.mark.parametrize("text", ["", ".", "a.b", "ü.ü", "A" * (TOKEN_CHARS_MAX + 1), "====.===="])
def test_odd_texts_are_no_tokens(text: str) -> None:
    assert read_token(text, "o", KEY) is None
