"""What a relay's refusal of a recipient says of the address, and what only of us."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from eachwise.adapters.channels.smtp import Smtp
from eachwise.contracts.delivery import Letter
from tests.support.sending import Relay, mailing, relaying


@pytest.fixture(scope="module")
def relay() -> Iterator[tuple[Relay, int]]:
    with relaying() as running:
        yield running


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        ("550 5.1.1 no such user", "gone"),
        ("554 5.1.1 <a@example.com>: user unknown", "gone"),
        ("550 5.1.10 the domain takes no mail", "gone"),
        ("550 5.2.1 the mailbox is disabled", "gone"),
        # Of the sender, of the relay, or of nobody in particular: the address may be as good as any.
        ("550 relay not permitted", "refused"),
        ("550 authentication required", "refused"),
        ("550 5.1.8 the sender's domain does not exist", "refused"),
        ("550 5.1.0 address rejected", "refused"),
        ("550 5.2.2 mailbox full", "refused"),
        ("550 5.4.1 recipient address rejected: access denied", "refused"),
        ("550 5.7.1 blocked", "refused"),
        ("550 listed at zen.spamhaus.org, see 5.1.1 of our terms", "refused"),
        ("553 that domain isn't in my list of allowed rcpthosts", "refused"),
        ("451 5.1.1 later", "retry"),
    ],
)
def test_only_what_is_said_of_the_mailbox_closes_it(
    relay: tuple[Relay, int], answer: str, outcome: str
) -> None:
    server, port = relay
    server.answer = lambda _: answer
    channel = Smtp(mailing(port).delivery)
    parts = {"subject": "s", "text": "t", "html": "<p>t</p>"}
    letter = Letter(message_id="m", channel="email", address="a@example.com", parts=parts)
    receipt = channel.send(letter)
    channel.close()
    assert receipt.outcome == outcome
    assert answer[:20] in receipt.reason
