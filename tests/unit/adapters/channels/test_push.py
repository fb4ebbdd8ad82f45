"""Web push: RFC 8291's own example, VAPID's signature, and what push services answer."""

from __future__ import annotations

import struct
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from eachwise import Engine
from eachwise.adapters.channels.push import (
    CONTENT_BYTES_MAX,
    WebPush,
    encrypted,
    new_key,
    public_point,
    read_key,
)
from eachwise.adapters.clocks import SettableClock
from eachwise.contracts.delivery import Letter
from eachwise.contracts.errors import InvalidInput
from eachwise.flow.drive import run
from eachwise.settings import DeliverySettings, Settings, VapidSettings
from tests.flow.shop import START_US
from tests.support.sending import Taken, furnish, put, receiving, state_of, subscribe

# RFC 8291, appendix A.
PLAINTEXT = b"When I grow up, I want to be a watermelon"
AS_PRIVATE = "yfWPiYE-n46HLnH0KqZOF1fJJU3MYrct3AELtAQ-oRw"
UA_PUBLIC = (
    "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4"
)
UA_PRIVATE = "q1dXpw3UpT5VOmu_cf_v6ih07Aems3njxI-JWgLcM94"
AUTH = "BTBZMqHH6r4Tts7J_aSIgg"
SALT = "DGv6ra1nlYgDCS1FRnbzlw"
BODY = (
    "DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3jl7A_"
    "yl95bQpu6cVPTpK4Mqgkf1CXztLVBSt2Ks3oZwbuwXPXLWyouBWLVWGNWQexSgSxsj_Qulcy4a-fN"
)


def decoded(text: str) -> bytes:
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))


def private(text: str) -> ec.EllipticCurvePrivateKey:
    return ec.derive_private_key(int.from_bytes(decoded(text), "big"), ec.SECP256R1())


def test_the_example_of_rfc_8291_comes_out_byte_for_byte() -> None:
    body = encrypted(
        PLAINTEXT,
        decoded(UA_PUBLIC),
        decoded(AUTH),
        salt=decoded(SALT),
        own=private(AS_PRIVATE),
    )
    assert urlsafe_b64encode(body).rstrip(b"=").decode() == BODY


def opened(body: bytes, key: ec.EllipticCurvePrivateKey, auth: bytes) -> bytes:
    """What a browser makes of a push: RFC 8291 read from the other side."""
    salt, (size, length) = body[:16], struct.unpack(">IB", body[16:21])
    assert (size, length) == (4096, 65)
    sender = body[21 : 21 + length]
    shared = key.exchange(
        ec.ECDH(), ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), sender)
    )

    def derived(length: int, salt: bytes, secret: bytes, info: bytes) -> bytes:
        return HKDF(algorithm=hashes.SHA256(), length=length, salt=salt, info=info).derive(secret)

    material = derived(32, auth, shared, b"WebPush: info\0" + public_point(key) + sender)
    nonce = derived(12, salt, material, b"Content-Encoding: nonce\0")
    aes = AESGCM(derived(16, salt, material, b"Content-Encoding: aes128gcm\0"))
    plain = aes.decrypt(nonce, body[21 + length :], None)
    assert plain.endswith(b"\x02")
    return plain[:-1]


def test_no_two_messages_are_encrypted_alike_and_each_can_be_opened() -> None:
    key, auth = private(UA_PRIVATE), decoded(AUTH)
    bodies = [encrypted(PLAINTEXT, public_point(key), auth) for _ in range(2)]
    assert bodies[0][:16] != bodies[1][:16]
    assert [opened(body, key, auth) for body in bodies] == [PLAINTEXT] * 2


@pytest.mark.parametrize(
    ("point", "auth"), [(b"x", b"y"), (b"\x04" + b"\1" * 64, b"a" * 16), (b"\x04" * 65, b"a")]
)
def test_a_key_that_is_none_is_a_value_error(point: bytes, auth: bytes) -> None:
    with pytest.raises(ValueError, match=r".+"):
        encrypted(b"x", point, auth)


@pytest.fixture
def service(tmp_path: Path) -> Iterator[tuple[Taken, str, DeliverySettings]]:
    """A push service that answers 201 by itself, and settings that may use it."""
    new_key(tmp_path / "vapid.pem")
    vapid = VapidSettings(
        private_key_file=str(tmp_path / "vapid.pem"),
        subject="mailto:ops@shop.example",
        services=("127.0.0.1",),
    )
    with receiving(lambda _number, _key: (201, {})) as (taken, url):
        yield taken, url, DeliverySettings(public_url="https://x.example", vapid=vapid)


def subscription(url: str) -> dict[str, object]:
    return {"endpoint": url, "keys": {"p256dh": UA_PUBLIC, "auth": AUTH}}


def test_the_request_is_encrypted_and_signed(
    service: tuple[Taken, str, DeliverySettings],
) -> None:
    taken, url, settings = service
    channel = WebPush(settings)
    letter = Letter(
        message_id="m-1",
        channel="push",
        address=msgspec.json.encode(subscription(url)).decode(),
        parts={"title": "Hé", "body": "B"},
        made_at_us=START_US,
    )
    assert channel.send(letter).outcome == "sent"
    _, headers, body = taken.requests[0]
    told = msgspec.json.decode(opened(body, private(UA_PRIVATE), decoded(AUTH)))
    assert told == {"title": "Hé", "body": "B", "tag": "m-1", "message_id": "m-1"}
    assert (headers["Content-Encoding"], headers["TTL"]) == ("aes128gcm", "86400")
    scheme, _, rest = headers["Authorization"].partition(" ")
    token, _, shown = rest.partition(", k=")
    assert (scheme, token[:2]) == ("vapid", "t=")
    head, claims, signature = token[2:].split(".")
    assert msgspec.json.decode(decoded(head)) == {"typ": "JWT", "alg": "ES256"}
    at = START_US // 1_000_000
    origin = url.removesuffix("/in")
    assert msgspec.json.decode(decoded(claims)) == {
        "aud": origin,
        "exp": at + 12 * 3600,
        "sub": "mailto:ops@shop.example",
    }
    public = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), decoded(shown))
    r, s = decoded(signature)[:32], decoded(signature)[32:]
    found = encode_dss_signature(int.from_bytes(r, "big"), int.from_bytes(s, "big"))
    public.verify(found, f"{head}.{claims}".encode(), ec.ECDSA(hashes.SHA256()))


@pytest.mark.parametrize(
    "endpoint",
    [
        "http://push.services.mozilla.com/x",
        "https://169.254.169.254/latest",
        "https://evil.example/127.0.0.1",
        "https://127.0.0.1.evil.example/",
        "file:///etc/passwd",
        "nonsense",
    ],
)
def test_only_known_push_services_are_posted_to(
    service: tuple[Taken, str, DeliverySettings], endpoint: str
) -> None:
    letter = Letter(
        message_id="m",
        channel="push",
        address=msgspec.json.encode(subscription(endpoint)).decode(),
        made_at_us=1,
    )
    assert WebPush(service[2]).send(letter).outcome == "refused"


def test_what_is_too_long_or_no_subscription_is_refused(
    service: tuple[Taken, str, DeliverySettings],
) -> None:
    taken, url, settings = service
    address = msgspec.json.encode(subscription(url)).decode()
    long = {"title": "x" * CONTENT_BYTES_MAX}
    for each, parts in ((address, long), ("{}", {}), ("nonsense", {}), ("", {})):
        letter = Letter(message_id="m", channel="push", address=each, parts=parts, made_at_us=1)
        assert WebPush(settings).send(letter).outcome == "refused"
    assert taken.requests == []


def test_a_subscription_is_kept_used_and_forgotten_when_it_is_gone(
    service: tuple[Taken, str, DeliverySettings],
) -> None:
    taken, url, delivery = service
    clock = SettableClock(START_US)
    with Engine.open(settings=Settings(delivery=delivery), clock=clock) as engine:
        furnish(engine)
        subscribe(engine, "ann")
        nowhere = put(engine.core, "ann", "push")
        run(engine.core.delivery.dispatching.drain())
        assert engine.message(nowhere.message_id).reason == "no push subscription is known"
        engine.track("ann", "Push Subscribed", {"subscription": subscription(url)})
        assert "push_subscription" not in engine.individual("user:ann").traits
        message = put(engine.core, "ann", "push")
        run(engine.core.delivery.dispatching.drain())
        view = engine.message(message.message_id)
        assert (view.state, view.address) == ("sent", "127.0.0.1")
        told = msgspec.json.decode(opened(taken.requests[0][2], private(UA_PRIVATE), decoded(AUTH)))
        assert told["title"] == "Hello"
        assert told["url"].startswith("https://x.example/t/c/")

        clock.advance(seconds=1)
        taken.behave = lambda _number, _key: (410, {})
        gone = put(engine.core, "ann", "push")
        run(engine.core.delivery.dispatching.drain())
        assert state_of(engine, gone) == "dead"
        after = put(engine.core, "ann", "push")
        run(engine.core.delivery.dispatching.drain())
        assert (state_of(engine, after), len(taken.requests)) == ("held", 2)


def test_keys_are_made_once_for_their_owner_only_and_faults_are_named(tmp_path: Path) -> None:
    path = tmp_path / "vapid.pem"
    public = new_key(path)
    assert len(decoded(public)) == 65
    assert path.stat().st_mode & 0o777 == 0o600
    assert public_point(read_key(path)) == decoded(public)
    with pytest.raises(InvalidInput, match="cannot make"):
        new_key(path)
    (tmp_path / "junk").write_text("junk", encoding="utf-8")
    for file, subject, field in (
        (tmp_path / "junk", "mailto:a@b.example", "private_key_file"),
        (tmp_path / "none", "mailto:a@b.example", "private_key_file"),
        (path, "me", "subject"),
    ):
        vapid = VapidSettings(private_key_file=str(file), subject=subject)
        with pytest.raises(InvalidInput) as raised:
            WebPush(DeliverySettings(vapid=vapid))
        assert raised.value.field == f"delivery.vapid.{field}"
