"""What every channel of the registry promises: a receipt for whatever happens, and an end that may come twice."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from eachwise.adapters.channels import CHANNELS, build_channels
from eachwise.contracts.delivery import Channel, Letter
from eachwise.contracts.errors import InvalidInput
from eachwise.settings import DeliverySettings, SmtpSettings, VapidSettings, WebhookSettings
from tests.support.sending import PUBLIC

# Nobody listens on the port of discard here.
NOWHERE = "http://127.0.0.1:9/in"


def settings() -> DeliverySettings:
    return DeliverySettings(
        public_url=PUBLIC,
        sender="shop@shop.example",
        smtp=SmtpSettings(host="127.0.0.1", port=9, security="none", timeout_s=1.0),
        webhook=WebhookSettings(url=NOWHERE, sms_url=NOWHERE, timeout_s=1.0),
        vapid=VapidSettings(),
    )


@pytest.fixture(params=sorted(set(CHANNELS) - {"push"}))
def channel(request: pytest.FixtureRequest) -> Iterator[Channel]:
    built = CHANNELS[request.param](settings())
    assert built is not None
    yield built
    built.close()


def letter(channel: Channel, address: str) -> Letter:
    parts = {"subject": "s", "text": "t", "html": "<p>t</p>", "title": "t", "body": "b"}
    return Letter(
        message_id="m-1", channel=channel.name, address=address, parts=parts, made_at_us=1
    )


def test_it_is_registered_under_its_name(channel: Channel) -> None:
    assert CHANNELS[channel.name] is not None
    assert channel.deduplicates in (True, False)


@pytest.mark.parametrize(
    "address", ["", "nonsense", "a@b@c", "ann@example.com", "a\r\nb@x.example", NOWHERE, "ü@ü.de"]
)
def test_it_answers_whatever_the_address_is(channel: Channel, address: str) -> None:
    receipt = channel.send(letter(channel, address))
    assert receipt.outcome in ("retry", "refused")
    assert receipt.reason


def test_it_may_be_closed_twice(channel: Channel) -> None:
    channel.close()
    channel.close()


def test_what_is_not_configured_is_not_built() -> None:
    assert set(build_channels(DeliverySettings())) == {"call"}
    assert set(build_channels(settings())) == {"call", "email", "sms", "webhook"}


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"public_url": ""}, "delivery.public_url"),
        ({"sender": "nobody"}, "delivery.sender"),
        ({"sender": "a\nb@x.example"}, "delivery.sender"),
        ({"reply_to": "nobody"}, "delivery.reply_to"),
    ],
)
def test_a_setting_at_fault_is_named(change: dict[str, str], field: str) -> None:
    import msgspec

    with pytest.raises(InvalidInput) as raised:
        build_channels(msgspec.structs.replace(settings(), **change))
    assert raised.value.field == field


def test_a_secret_that_is_not_there_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import msgspec

    smtp = msgspec.structs.replace(settings().smtp, password_file=str(tmp_path / "none"))
    with pytest.raises(InvalidInput, match=r"delivery\.smtp\.password_file"):
        build_channels(msgspec.structs.replace(settings(), smtp=smtp))
    hook = msgspec.structs.replace(settings().webhook, secret_env="EACHWISE_TEST_SECRET")
    monkeypatch.delenv("EACHWISE_TEST_SECRET", raising=False)
    with pytest.raises(InvalidInput, match=r"delivery\.webhook\.secret_env"):
        build_channels(msgspec.structs.replace(settings(), webhook=hook))
    monkeypatch.setenv("EACHWISE_TEST_SECRET", "x")
    build_channels(msgspec.structs.replace(settings(), webhook=hook))
