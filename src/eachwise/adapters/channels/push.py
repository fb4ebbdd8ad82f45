"""Web push: content encrypted for the browser (RFC 8291, RFC 8188 ``aes128gcm``), signed with VAPID (RFC 8292).

``cryptography`` is imported where it is used: who pushes nothing need not install it.
"""

from __future__ import annotations

import os
import struct
from base64 import urlsafe_b64decode, urlsafe_b64encode
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import msgspec
from msgspec.structs import replace

from eachwise.adapters.channels.posting import post
from eachwise.contracts.delivery import Letter, Receipt
from eachwise.contracts.errors import InvalidInput, MissingExtra
from eachwise.maths.hashing import stable_hash
from eachwise.settings import DeliverySettings

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey

# RFC 8291, 4: one record; push services take at most 4,096 bytes.
RECORD_BYTES = 4096
# Its header (86 bytes), the delimiter and the tag (17) go off.
CONTENT_BYTES_MAX = RECORD_BYTES - 86 - 17
SALT_BYTES = 16
POINT_BYTES = 65
# RFC 8292, 2: at most 24 hours.
TOKEN_S = 12 * 3600
_GONE = frozenset({404, 410})
_MICROSECONDS = 1_000_000


class _Keys(msgspec.Struct, frozen=True):
    p256dh: str
    auth: str


class _Subscription(msgspec.Struct, frozen=True):
    endpoint: str
    keys: _Keys
    id: str = ""


class WebPush:
    """The channel ``push``. A push service keeps no key of ours: what a crash cut off may have gone out."""

    name = "push"
    deduplicates = False

    def __init__(self, settings: DeliverySettings) -> None:
        """Raises ``MissingExtra`` without ``cryptography``, ``InvalidInput`` where key or subject are at fault."""
        vapid = settings.vapid
        if not vapid.subject.startswith(("mailto:", "https://")):
            raise InvalidInput(
                "settings: delivery.vapid.subject: must be mailto:you@example.com, or an https address",
                field="delivery.vapid.subject",
            )
        self._settings = vapid
        self._timeout_s = settings.webhook.timeout_s
        self._key = read_key(Path(vapid.private_key_file))

    def send(self, letter: Letter) -> Receipt:
        """Encrypt and post one message to each of the person's browsers, one after the other.

        ``sent`` where any push service took it, ``retry`` where none did and one may later.
        """
        try:
            browsers = msgspec.json.decode(letter.address, type=list[msgspec.Raw])
        except msgspec.DecodeError as error:
            return Receipt(outcome="refused", reason=f"no push subscriptions: {error}")
        content = msgspec.json.encode(
            {**letter.parts, "tag": letter.message_id, "message_id": letter.message_id}
        )
        if len(content) > CONTENT_BYTES_MAX:
            words = f"the content has {len(content)} bytes; a push takes {CONTENT_BYTES_MAX}"
            return Receipt(outcome="refused", reason=words)
        return together([self._push(browser, content, letter) for browser in browsers])

    def _push(self, browser: msgspec.Raw, content: bytes, letter: Letter) -> tuple[str, Receipt]:
        """The id of a subscription, and what its push service answers."""
        named = ""
        try:
            told = msgspec.json.decode(browser, type=_Subscription)
            named = told.id
            if fault := self._not_allowed(told.endpoint):
                return named, Receipt(outcome="refused", reason=fault)
            body = encrypted(content, _bytes(told.keys.p256dh), _bytes(told.keys.auth))
        except (msgspec.DecodeError, ValueError) as error:
            return named, Receipt(outcome="refused", reason=f"no push subscription: {error}")
        headers = {
            "Content-Encoding": "aes128gcm",
            "Content-Type": "application/octet-stream",
            "TTL": str(self._settings.ttl_s),
            # A push that still waits at the service is replaced by the same one, and not doubled (RFC 8030, 5.4).
            "Topic": f"{stable_hash(letter.message_id):x}",
            "Authorization": self._authorization(told.endpoint, letter.made_at_us),
        }
        return named, post(told.endpoint, body, headers, self._timeout_s, gone=_GONE)

    def _not_allowed(self, endpoint: str) -> str:
        """Why nothing is posted there, "" for nothing: endpoints come from browsers, and may name any machine."""
        parts = urlsplit(endpoint)
        host = parts.hostname or ""
        known = self._settings.services
        if parts.scheme != "https" and host not in ("127.0.0.1", "localhost"):
            return f"a push service speaks https, not {parts.scheme[:20]!r}"
        if not any(host == each or host.endswith(f".{each}") for each in known):
            return f"{host[:100]!r} is none of the push services in delivery.vapid.services"
        return ""

    def _authorization(self, endpoint: str, now_us: int) -> str:
        parts = urlsplit(endpoint)
        claims = {
            "aud": f"{parts.scheme}://{parts.netloc}",
            "exp": now_us // _MICROSECONDS + TOKEN_S,
            "sub": self._settings.subject,
        }
        token = signed_token(claims, self._key)
        return f"vapid t={token}, k={_text(public_point(self._key))}"

    def close(self) -> None:
        """Nothing is kept open."""


def together(answers: list[tuple[str, Receipt]]) -> Receipt:
    """What the push services of one person's browsers answered, as one: the best for the message, and who is gone."""
    gone = {named: each.reason for named, each in answers if named and each.outcome == "gone"}
    for outcome in ("sent", "retry", "refused", "gone"):
        found = [each for _, each in answers if each.outcome == outcome]
        if found:
            wait_s = max(each.retry_after_s for each in found)
            return replace(found[0], gone=gone, retry_after_s=wait_s)
    return Receipt(outcome="refused", reason="no push subscription")


def new_key(path: Path) -> str:
    """Make a key pair: the private key into a file for its owner only; returns the public key, as browsers take it.

    Raises ``InvalidInput`` where the file is there already or cannot be written, ``MissingExtra``.
    """
    modules = _cryptography()
    key = modules.ec.generate_private_key(modules.ec.SECP256R1())
    pem = key.private_bytes(
        modules.serialization.Encoding.PEM,
        modules.serialization.PrivateFormat.PKCS8,
        modules.serialization.NoEncryption(),
    )
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        raise InvalidInput(f"file: cannot make {path}: {error.strerror}", field="file") from None
    with os.fdopen(descriptor, "wb") as stream:
        stream.write(pem)
    return _text(public_point(key))


def read_key(path: Path) -> EllipticCurvePrivateKey:
    """The private key in a PEM file. Raises ``InvalidInput`` where there is none, or none of P-256."""
    modules = _cryptography()
    field = "delivery.vapid.private_key_file"
    try:
        key = modules.serialization.load_pem_private_key(path.read_bytes(), password=None)
    except (OSError, ValueError, TypeError) as error:
        raise InvalidInput(f"settings: {field}: cannot read {path}: {error}", field=field) from None
    if not isinstance(key, modules.ec.EllipticCurvePrivateKey) or key.curve.name != "secp256r1":
        raise InvalidInput(
            f"settings: {field}: {path} holds no key of P-256; make one: eachwise keys vapid FILE",
            field=field,
        )
    found: EllipticCurvePrivateKey = key
    return found


def public_point(key: EllipticCurvePrivateKey) -> bytes:
    """The public key as an uncompressed point: 65 bytes."""
    serialization = _cryptography().serialization
    return key.public_key().public_bytes(
        serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint
    )


def signed_token(claims: dict[str, Any], key: EllipticCurvePrivateKey) -> str:
    """A JSON Web Token signed with ES256 (RFC 7519, RFC 7518 3.4: r and s, 32 bytes each)."""
    modules = _cryptography()
    head = _text(msgspec.json.encode({"typ": "JWT", "alg": "ES256"}))
    unsigned = f"{head}.{_text(msgspec.json.encode(claims))}"
    found = key.sign(unsigned.encode(), modules.ec.ECDSA(modules.hashes.SHA256()))
    r, s = modules.decode_dss_signature(found)
    return f"{unsigned}.{_text(r.to_bytes(32, 'big') + s.to_bytes(32, 'big'))}"


def encrypted(
    content: bytes,
    point: bytes,
    auth: bytes,
    *,
    salt: bytes | None = None,
    own: EllipticCurvePrivateKey | None = None,
) -> bytes:
    """Content for a browser whose public ``point`` (65 bytes) and ``auth`` secret (16) it gave us (RFC 8291, 3.4).

    IKM = HKDF(auth, ECDH(own, point), "WebPush: info" 0 point own); key and nonce = HKDF(salt, IKM, …) of RFC 8188.
    ``salt`` and ``own``, a key pair for this message alone, are drawn where not given. Raises ``ValueError`` for a
    point that is not on the curve, or a secret of another length.
    """
    modules = _cryptography()
    if len(point) != POINT_BYTES or len(auth) != SALT_BYTES:
        raise ValueError("p256dh must have 65 bytes and auth 16")
    curve = modules.ec.SECP256R1()
    own = own or modules.ec.generate_private_key(curve)
    salt = salt or os.urandom(SALT_BYTES)
    theirs = modules.ec.EllipticCurvePublicKey.from_encoded_point(curve, point)
    shared = own.exchange(modules.ec.ECDH(), theirs)
    ours = public_point(own)

    def derived(length: int, salt: bytes, secret: bytes, info: bytes) -> bytes:
        hkdf = modules.HKDF(algorithm=modules.hashes.SHA256(), length=length, salt=salt, info=info)
        return bytes(hkdf.derive(secret))

    material = derived(32, auth, shared, b"WebPush: info\0" + point + ours)
    key = derived(16, salt, material, b"Content-Encoding: aes128gcm\0")
    nonce = derived(12, salt, material, b"Content-Encoding: nonce\0")
    # 2: the delimiter of the last record.
    sealed = modules.AESGCM(key).encrypt(nonce, content + b"\x02", None)
    return salt + struct.pack(">IB", RECORD_BYTES, len(ours)) + ours + sealed


class _Cryptography:
    """The parts of ``cryptography`` that are used here."""

    def __init__(self) -> None:
        from cryptography.hazmat.primitives import (  # noqa: PLC0415 (an optional dependency)
            hashes,
            serialization,
        )
        from cryptography.hazmat.primitives.asymmetric import ec  # noqa: PLC0415
        from cryptography.hazmat.primitives.asymmetric.utils import (  # noqa: PLC0415
            decode_dss_signature,
        )
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # noqa: PLC0415
        from cryptography.hazmat.primitives.kdf.hkdf import HKDF  # noqa: PLC0415

        self.hashes = hashes
        self.serialization = serialization
        self.ec = ec
        self.decode_dss_signature = decode_dss_signature
        self.AESGCM = AESGCM
        self.HKDF = HKDF


def _cryptography() -> _Cryptography:
    """Raises ``MissingExtra`` with the line that installs it."""
    try:
        return _Cryptography()
    except ImportError:
        raise MissingExtra('web push needs cryptography: pip install "eachwise[push]"') from None


def _text(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode()


def _bytes(text: str) -> bytes:
    return urlsafe_b64decode(text.rstrip("=").encode() + b"=" * (-len(text.rstrip("=")) % 4))
