"""Web push: RFC 8291's own example, VAPID's signature, and what push services answer."""

from __future__ import annotations

import struct
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from msgspec.structs import replace

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
from eachwise.contracts.delivery import Letter, MessageView, Receipt
from eachwise.contracts.errors import InvalidInput
from eachwise.flow.drive import run
from eachwise.flow.letters import shown_address
from eachwise.maths.hashing import short_hash
from eachwise.settings import DeliverySettings, Settings, VapidSettings
from tests.flow.shop import START_US
from tests.support.sending import (
    DEFINITIONS,
    Taken,
    contact,
    furnish,
    post,
    put,
    receiving,
    state_of,
    subscribe,
)

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


def subscription(url: str) -> dict[str, Any]:
    return {"endpoint": url, "keys": {"p256dh": UA_PUBLIC, "auth": AUTH}}


def address(*urls: str) -> str:
    """Several browsers of one person, as ``flow.letters`` writes them."""
    found = [{"id": f"id{place}", **subscription(url)} for place, url in enumerate(urls)]
    return msgspec.json.encode(found).decode()


def pushed(settings: DeliverySettings, *urls: str, **parts: str) -> Receipt:
    """What the channel answers of one message to these."""
    letter = Letter(
        message_id="m-1", channel="push", address=address(*urls), parts=parts, made_at_us=START_US
    )
    return WebPush(settings).send(letter)


def test_the_request_is_encrypted_and_signed(
    service: tuple[Taken, str, DeliverySettings],
) -> None:
    taken, url, settings = service
    assert pushed(settings, url, title="Hé", body="B").outcome == "sent"
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
        "https://[",
    ],
)
def test_only_known_push_services_are_posted_to(
    service: tuple[Taken, str, DeliverySettings], endpoint: str
) -> None:
    taken, url, settings = service
    assert pushed(settings, endpoint).outcome == "refused"
    # Nor does one such keep the others from theirs.
    assert pushed(settings, endpoint, url).outcome == "sent"
    assert len(taken.requests) == 1


def test_what_is_too_long_or_no_subscription_is_refused(
    service: tuple[Taken, str, DeliverySettings],
) -> None:
    taken, url, settings = service
    long = {"title": "x" * CONTENT_BYTES_MAX}
    none = ("{}", "nonsense", "", "[]", "[{}]", '[{"endpoint":"x","keys":{}}]')
    for each, parts in ((address(url), long), *((each, {}) for each in none)):
        letter = Letter(message_id="m", channel="push", address=each, parts=parts, made_at_us=1)
        assert WebPush(settings).send(letter).outcome == "refused"
    assert taken.requests == []


@pytest.mark.parametrize(
    ("answers", "outcome", "gone", "wait_s"),
    [
        ((201, 201, 201), "sent", [], 0.0),
        ((410, 503, 201), "sent", ["id0"], 0.0),
        ((410, 503, 429), "retry", ["id0"], 30.0),
        ((404, 400, 410), "refused", ["id0", "id2"], 0.0),
        ((410, 410, 404), "gone", ["id0", "id1", "id2"], 0.0),
    ],
)
def test_the_best_answer_is_the_messages_and_each_that_is_gone_is_named(
    service: tuple[Taken, str, DeliverySettings],
    answers: tuple[int, ...],
    outcome: str,
    gone: list[str],
    wait_s: float,
) -> None:
    taken, url, settings = service
    taken.behave = lambda number, _key: (answers[number - 1], {"Retry-After": "30"})
    receipt = pushed(settings, *(f"{url}/{place}" for place in range(3)))
    assert [path for path, _, _ in taken.requests] == ["/in/0", "/in/1", "/in/2"]
    assert (receipt.outcome, list(receipt.gone)) == (outcome, gone)
    assert receipt.retry_after_s == wait_s
    assert all("answered 4" in reason for reason in receipt.gone.values())
    # Encrypted anew for each.
    assert len({body for _, _, body in taken.requests}) == 3


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


@pytest.mark.parametrize(
    ("channel", "kept", "shown"),
    [
        # What was sent when a person had one subscription, and when it may have several.
        ("push", '{"endpoint":"https://push.example/secret"}', "push.example"),
        ("push", address("https://a.example/x", "https://b.example/y"), "a.example, b.example"),
        ("push", address("https://a.example/x", "https://a.example/y"), "a.example"),
        ("push", address("https://[/x"), ""),
        ("push", '[{"endpoint":', ""),
        ("push", "a.example, b.example", "a.example, b.example"),
        ("email", "{ann}@example.com", "{ann}@example.com"),
    ],
)
def test_of_an_address_only_the_services_are_shown(channel: str, kept: str, shown: str) -> None:
    assert shown_address(channel, kept) == shown


def told_to(taken: Taken) -> list[str]:
    """The paths that were pushed to since this was asked last."""
    paths = [path for path, _, _ in taken.requests]
    taken.requests.clear()
    return paths


def test_a_push_goes_to_every_browser_and_each_is_given_up_by_itself(
    service: tuple[Taken, str, DeliverySettings],
) -> None:
    taken, url, delivery = service
    clock = SettableClock(START_US)
    answers: dict[str, int] = {}

    def heard(_number: int, _key: str) -> tuple[int, dict[str, str]]:
        return answers.get(taken.requests[-1][0], 201), {}

    taken.behave = heard
    with Engine.open(settings=Settings(delivery=delivery), clock=clock) as engine:
        furnish(engine)
        subscribe(engine, "ann")
        # One decision is behind them all: what is learnt of those who leave is not looked at here.
        first = put(engine.core, "ann", "push", due_at_us=START_US + 10**12)

        def push() -> MessageView:
            clock.advance(seconds=1)
            made = replace(first, message_id=f"m-{clock.now_us()}", due_at_us=clock.now_us())
            post(engine.core, made)
            run(engine.core.delivery.dispatching.drain())
            return engine.message(made.message_id)

        for name in "abcdefg":
            clock.advance(seconds=1)
            engine.track("ann", "Push Subscribed", {"subscription": subscription(f"{url}/{name}")})
        assert (push().state, told_to(taken)) == ("sent", [f"/in/{name}" for name in "gfedc"])
        clock.advance(seconds=1)
        for name in "gfe":
            engine.track("ann", "Push Unsubscribed", {"endpoint": f"{url}/{name}"})
        assert (push().state, told_to(taken)) == ("sent", ["/in/d", "/in/c", "/in/b", "/in/a"])

        # One is gone, another is busy: whoever took it has had it.
        answers |= {"/in/d": 410, "/in/c": 503}
        view = push()
        assert (view.state, view.reason, view.address) == ("sent", "", "127.0.0.1")
        assert told_to(taken) == ["/in/d", "/in/c", "/in/b", "/in/a"]
        # Nobody took it: who is busy is asked again, who is gone is not.
        answers |= {"/in/b": 404, "/in/a": 503}
        view = push()
        assert (view.state, view.attempts) == ("pending", 1)
        assert told_to(taken) == ["/in/c", "/in/b", "/in/a"]
        answers.clear()
        clock.advance(seconds=3600)
        run(engine.core.delivery.dispatching.drain())
        assert engine.message(view.message_id).state == "sent"
        assert told_to(taken) == ["/in/c", "/in/a"]

        logged = [each.event for each in engine.core._store.events_after(0, 1000)]
        bounced = [each for each in logged if each.name == "Push Notification Bounced"]
        assert [each.properties["subscription_id"] for each in bounced] == [
            short_hash(f"{url}/d"),
            short_hash(f"{url}/b"),
        ]
        engine.track("ann", "Push Unsubscribed")
        assert not engine.individual("user:ann").traits.keys() - {
            "email",
            "phone",
            "marketing_opt_in",
        }
        engine.track("ann", "Consent Given", {"purpose": "marketing", "channel": "push"})
        assert (push().state, told_to(taken)) == ("held", [])


def test_nothing_of_a_subscription_is_shown_or_read_by_rules_and_templates(
    service: tuple[Taken, str, DeliverySettings],
) -> None:
    _, url, delivery = service
    cell = f"push_subscription:{short_hash(f'{url}/one')}"
    with Engine.open(settings=Settings(delivery=delivery), clock=SettableClock(START_US)) as engine:
        furnish(engine)
        # As a state of before holds it, and as one of now does.
        subscribe(engine, "ann", push_subscription=subscription(f"{url}/old"))
        engine.track("ann", "Push Subscribed", {"subscription": subscription(f"{url}/one")})
        reading = {
            "experience_id": "reading",
            "placements": ["push"],
            "content": {"title": "Hi", "body": "{{ person.traits }}"},
        }
        ruled = {
            "experience_id": "ruled",
            "placements": ["push"],
            "eligibility": {"traits": {cell: ["x"], "push_subscription": ["x"]}},
        }
        engine.define({**DEFINITIONS, "experiences": [*DEFINITIONS["experiences"], reading, ruled]})
        preview = engine.preview("reading", "push", "ann")
        assert preview.address == "127.0.0.1"
        record = contact(engine.core, "user:ann", "push", "ruled")
        assert "is unknown" in str(record)
        message = put(engine.core, "ann", "push")
        run(engine.core.delivery.dispatching.drain())
        [kept] = engine.core._store.messages("sent", after="", limit=10)
        view = engine.message(message.message_id)
        for shown in (preview, record, kept, view, engine.individual("user:ann")):
            assert AUTH not in str(shown)
            assert "/in/o" not in str(shown)


def test_people_who_become_one_are_reached_on_the_browsers_of_both(
    service: tuple[Taken, str, DeliverySettings],
) -> None:
    taken, url, delivery = service
    with Engine.open(settings=Settings(delivery=delivery), clock=SettableClock(START_US)) as engine:
        furnish(engine)
        subscribe(engine, "ann")
        engine.track("ann", "Push Subscribed", {"subscription": subscription(f"{url}/phone")})
        laptop = {"subscription": subscription(f"{url}/laptop")}
        engine.track(None, "Push Subscribed", laptop, anonymousId="a1")
        engine.identify("ann", anonymousId="a1")
        put(engine.core, "ann", "push")
        run(engine.core.delivery.dispatching.drain())
        assert sorted(told_to(taken)) == ["/in/laptop", "/in/phone"]


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
