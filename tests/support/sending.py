"""Messages for tests of the outbox: put in as a journey would, and receivers that behave as told."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP as Server
from aiosmtpd.smtp import Envelope, Session

from eachwise import Engine
from eachwise.contracts.decision import DecideRequest, DecisionRecord
from eachwise.contracts.delivery import Letter, Message, Receipt
from eachwise.contracts.ports import Commit
from eachwise.flow.core import Core
from eachwise.flow.drive import run
from eachwise.settings import DeliverySettings, Settings, SmtpSettings

PUBLIC = "https://shop.example/e"

DEFINITIONS: dict[str, Any] = {
    "placements": [
        {"placement_id": "mail", "channel": "email", "purpose": "marketing"},
        {"placement_id": "hook", "channel": "webhook", "purpose": "marketing"},
        {"placement_id": "text", "channel": "sms", "purpose": "marketing"},
        {"placement_id": "push", "channel": "push", "purpose": "marketing"},
        {"placement_id": "receipt", "channel": "email", "transactional": True},
        {"placement_id": "hero", "channel": "web"},
    ],
    "experiences": [
        {
            "experience_id": "hello",
            "title": "Hello",
            "placements": ["mail", "hook", "text", "push", "receipt", "hero"],
            "content": {
                "subject": "Für {{ person.traits.first_name | default('you') }}",
                "text": "Hi!\n{% for item in items %}{{ item.title }}\n{% endfor %}"
                "{{ link('https://shop.example/sale?a=1&b=2') }}\n{{ unsubscribe_url }}",
                "payload": {"order": "{{ event.order_id | default('none') }}"},
                "body": "Look",
                "url": "{{ link('https://shop.example/sale') }}",
            },
            "items": {"count": 2},
        }
    ],
}
ITEMS = [
    {"item_id": f"i{number}", "title": f"Item {number}", "url": f"https://shop.example/{number}"}
    for number in range(3)
]


def mailing(port: int, **delivery: Any) -> Settings:
    """Settings for mail through a relay on this machine."""
    smtp = SmtpSettings(host="127.0.0.1", port=port, security="none", timeout_s=5.0)
    given: dict[str, Any] = {
        "public_url": PUBLIC,
        "sender": "Shöp <shop@shop.example>",
        "smtp": smtp,
    } | delivery
    return Settings(delivery=DeliverySettings(**given))


def furnish(engine: Engine) -> None:
    """Items and definitions."""
    assert engine.put_items(ITEMS).success
    engine.define(DEFINITIONS)


def subscribe(engine: Engine, user: str, **traits: Any) -> None:
    """Somebody with an address who takes marketing."""
    given = {"email": f"{user}@example.com", "phone": "+49123", "marketing_opt_in": True}
    engine.identify(user, given | traits)


def contact(core: Core, individual_id: str, placement: str, *only: str) -> DecisionRecord:
    """What a journey's wish for a contact comes to, its place held, as a slot decides it."""
    request = DecideRequest(placements=[placement], individual_id=individual_id)
    wanted = {placement: list(only) or None}
    records, _ = core.deciding.pages.decide(request, individual_id, only=wanted)
    return records[0]


def put(core: Core, user: str, placement: str = "mail", **fields: Any) -> Message:
    """A contact in the outbox with the decision behind it, as a journey puts it there."""
    record = contact(core, f"user:{user}", placement, "hello")
    assert record.experience_id == "hello", (record.filters, record.filtered)
    now_us = core.now_us()
    made = {
        "message_id": f"m-{record.decision_id}",
        "individual_id": record.individual_id,
        "channel": core.catalogue.channel_of(placement),
        "created_at_us": now_us,
        "due_at_us": now_us,
        "placement_id": placement,
        "experience_id": "hello",
        "decision_id": record.decision_id,
        "journey_id": "j",
    }
    return post(core, Message(**{**made, **fields}), record)


def post(core: Core, message: Message, *records: Any) -> Message:
    """A message in the outbox."""
    commit = Commit(messages=[message])
    if records:
        run(core.deciding.log(list(records), commit))
    else:
        core._store.commit(commit).result()
    core.delivery.expect([message])
    return message


def state_of(engine: Engine, message: Message) -> str:
    """Where a message stands."""
    return engine.core.delivery.outbox.show(message.message_id).state


class Relay:
    """What a mail server does with mails. ``answer`` may refuse a recipient; ``after`` what was sent; ``ready`` DATA.

    ``hang_ups``: where it next closes the connection without an answer, once each: at ``MAIL``, ``RCPT`` or ``DATA``,
    ``after RCPT``'s answer, or at the ``mail``, which it has then.
    """

    def __init__(self) -> None:
        self.mails: list[Envelope] = []
        self.recipients: list[str] = []
        self.answer: Callable[[str], str] = lambda _: "250 OK"
        self.after: Callable[[Envelope], str] = lambda _: "250 taken as q1"
        self.ready: Callable[[Envelope], str] = lambda _: ""
        self.hang_ups: list[str] = []

    def hangs_up(self, server: Server, where: str) -> bool:
        """Close the connection, if it is to be closed here."""
        if where not in self.hang_ups:
            return False
        self.hang_ups.remove(where)
        assert server.transport is not None
        server.transport.close()
        return True

    async def handle_MAIL(
        self, server: Server, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        """A mail's sender."""
        if not self.hangs_up(server, "MAIL"):
            envelope.mail_from = address
        return "250 OK"

    async def handle_RCPT(
        self, server: Server, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        """One recipient."""
        if self.hangs_up(server, "RCPT"):
            return "250 OK"
        self.recipients.append(address)
        answer = self.answer(address)
        # Once the answer is written.
        asyncio.get_running_loop().call_soon(self.hangs_up, server, "after RCPT")
        if answer.startswith("250"):
            envelope.rcpt_tos.append(address)
        return answer

    async def handle_DATA(self, server: Server, session: Session, envelope: Envelope) -> str:
        """One mail."""
        answer = self.after(envelope)
        if answer.startswith("250"):
            self.mails.append(envelope)
        self.hangs_up(server, "mail")
        return answer


class _Server(Server):
    """Asks the relay at DATA too."""

    async def smtp_DATA(self, arg: str) -> None:
        """The mail is to come."""
        relay: Relay = self.event_handler
        if relay.hangs_up(self, "DATA"):
            return
        refusal = relay.ready(self.envelope) if self.envelope else ""
        # As real ones do: the mail's sender and recipient stand until RSET.
        await (self.push(refusal) if refusal else super().smtp_DATA(arg))


class _Controller(Controller):
    def factory(self) -> Server:
        """A server for one connection."""
        return _Server(self.handler, **self.SMTP_kwargs)


@contextmanager
def relaying() -> Iterator[tuple[Relay, int]]:
    """A mail server on a free port."""
    relay = Relay()
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    controller = _Controller(relay, hostname="127.0.0.1", port=port, ready_timeout=20)
    controller.start()
    try:
        yield relay, port
    finally:
        controller.stop()


class Taken:
    """What a receiver of webhooks got: every request, and each key's bodies."""

    def __init__(self, behave: Callable[[int, str], tuple[int, dict[str, str]] | None]) -> None:
        self.behave = behave
        self.requests: list[tuple[str, dict[str, str], bytes]] = []
        self.kept: dict[str, bytes] = {}
        self.lock = threading.Lock()

    def take(
        self, path: str, headers: dict[str, str], body: bytes
    ) -> tuple[int, dict[str, str]] | None:
        """Status and headers of the answer; None hangs up. What is answered 2xx is kept by its key, once."""
        with self.lock:
            self.requests.append((path, headers, body))
            answer = self.behave(len(self.requests), headers.get("Idempotency-Key", ""))
            if answer is None or 200 <= answer[0] < 300:
                # One that hangs up has taken it and lost the answer: the worst case.
                self.kept.setdefault(headers.get("Idempotency-Key", ""), body)
            return answer


@contextmanager
def receiving(
    behave: Callable[[int, str], tuple[int, dict[str, str]] | None],
) -> Iterator[tuple[Taken, str]]:
    """A receiver on a free port; ``behave`` (number of the request, key) says what it answers."""
    taken = Taken(behave)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            length = int(self.headers["Content-Length"])
            body = self.rfile.read(length)
            if len(body) < length:
                # The sender was killed in the middle: that is no request.
                self.close_connection = True
                return
            answer = taken.take(self.path, dict(self.headers), body)
            if answer is None:
                self.connection.close()
                return
            self.send_response(answer[0])
            for name, value in answer[1].items():
                self.send_header(name, value)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            """Silent."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield taken, f"http://127.0.0.1:{server.server_address[1]}/in"
    finally:
        server.shutdown()
        server.server_close()
        thread.join(timeout=5)


class Scripted:
    """A channel that answers as told, and notes what it got."""

    def __init__(self, name: str, *answers: Receipt, deduplicates: bool = False) -> None:
        self.name = name
        self.deduplicates = deduplicates
        self.answers = list(answers)
        self.letters: list[Letter] = []

    def send(self, letter: Letter) -> Receipt:
        """The next answer; after the last, sent."""
        self.letters.append(letter)
        return self.answers.pop(0) if self.answers else Receipt(outcome="sent")

    def close(self) -> None:
        """Nothing is open."""
