"""A message of the outbox made into a letter at the moment of sending: the address, the person's items, the links."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

import msgspec

from eachwise.contracts.decision import ShownItem
from eachwise.contracts.delivery import CALL, Letter, Message, Preview, PreviewRequest
from eachwise.contracts.errors import EachwiseError, InvalidInput, NotFound
from eachwise.contracts.experience import Experience
from eachwise.contracts.individual import Individual
from eachwise.contracts.ports import Clock
from eachwise.contracts.recommendation import RecommendRequest
from eachwise.deliver import (
    TOKEN_CHARS_MAX,
    Rendered,
    RenderFailed,
    Token,
    TokenKind,
    render,
    sign_token,
)
from eachwise.flow.catalogue import Catalogue
from eachwise.flow.people import People
from eachwise.flow.read import Reading
from eachwise.flow.recommend import Recommending
from eachwise.individual import engagement_score, public_traits, stage_of, subscriptions
from eachwise.individual.consent import ADDRESS_TRAITS, address_of
from eachwise.settings import Settings

PREVIEW = "preview"
# One push goes to so many of a person's browsers: a phone, a tablet, the computers of home and work and one more. Each
# holds a worker for its own answer.
BROWSERS_MAX = 5


class Unreachable(Exception):
    """There is no address to send to; the text says which is missing."""


class Letters:
    """Composes what goes out. ``key`` signs the links."""

    def __init__(
        self,
        *,
        clock: Clock,
        settings: Settings,
        people: People,
        catalogue: Catalogue,
        recommending: Recommending,
        reading: Reading,
        key: bytes,
    ) -> None:
        self._clock = clock
        self._settings = settings
        self._people = people
        self._catalogue = catalogue
        self._recommending = recommending
        self._reading = reading
        self._key = key

    def letter(self, message: Message, individual_id: str) -> Letter:
        """The letter. Raises ``Unreachable`` without an address, ``RenderFailed`` where it cannot be rendered."""
        now_us = self._clock.now_us()
        if message.channel == CALL:
            return Letter(
                message_id=message.message_id,
                channel=CALL,
                address=str(message.body.get("url", "")),
                payload=_call_payload(message, individual_id),
                made_at_us=now_us,
            )
        state = self._people.find(individual_id) or Individual()
        address = reached_at(state, message.channel, individual_id)
        links = self._links(message)
        made = self._rendered(message, individual_id, state, links)
        return Letter(
            message_id=message.message_id,
            channel=message.channel,
            address=address,
            parts=made.parts,
            headers=self._headers(message, links),
            payload=made.payload,
            made_at_us=now_us,
        )

    def preview(self, request: PreviewRequest) -> Preview:
        """What a real person would get now; its links count nothing.

        Raises ``NotFound`` for what is not defined, ``InvalidInput`` where it cannot be rendered.
        """
        placement = self._catalogue.offers.placement(request.placement_id)
        if request.experience_id not in self._catalogue.offers.definitions.experiences:
            raise NotFound(f"no experience {request.experience_id!r}")
        individual_id = self._reading.resolve(request.individual)
        message = Message(
            message_id=PREVIEW,
            individual_id=individual_id,
            channel=placement.channel,
            created_at_us=0,
            due_at_us=0,
            placement_id=request.placement_id,
            experience_id=request.experience_id,
            transactional=placement.transactional,
        )
        state = self._people.find(individual_id) or Individual()
        try:
            made = self._rendered(message, individual_id, state, _preview_links(self._public()))
        except RenderFailed as error:
            raise InvalidInput(f"experience_id: {error}", field="experience_id") from None
        address, unreachable = "", ""
        try:
            address = shown_address(
                placement.channel, reached_at(state, placement.channel, individual_id)
            )
        except Unreachable as error:
            unreachable = str(error)
        return Preview(
            individual_id=individual_id,
            channel=placement.channel,
            address=address,
            unreachable=unreachable,
            parts=made.parts,
            payload=made.payload,
        )

    # -- rendering -----------------------------------------------------------------------------------------

    def _rendered(
        self,
        message: Message,
        individual_id: str,
        state: Individual,
        links: Mapping[str, Any],
    ) -> Rendered:
        definitions = self._catalogue.offers.definitions
        experience = definitions.experiences.get(message.experience_id)
        if experience is None:
            raise RenderFailed(f"the experience {message.experience_id!r} is not defined any more")
        now_us = self._clock.now_us()
        engagement = engagement_score(state, now_us)
        stage, lapsed = stage_of(state, now_us, engagement, self._settings.stage)
        context = {
            "person": {
                "individual_id": individual_id,
                "stage": stage,
                "lapsed": lapsed,
                "engagement": engagement,
                "traits": public_traits(state.traits),
            },
            "items": [_item(shown) for shown in self._items(experience, individual_id)],
            "experience": {
                "experience_id": experience.experience_id,
                "title": experience.title or experience.experience_id,
                "kind": experience.kind,
            },
            "event": message.body.get("event", {}),
            "message_id": message.message_id,
            **{name: value for name, value in links.items() if name != "pixel_url"},
        }
        layout = definitions.templates.get(str(experience.content.get("layout", "")))
        return render(experience, message.channel, context, layout, links["pixel_url"])

    def _items(self, experience: Experience, individual_id: str) -> list[ShownItem]:
        """The person's items as they are recommended now."""
        query = experience.items
        if query is None:
            return []
        request = RecommendRequest(
            individual_id=individual_id,
            count=query.count,
            where=query.where,
            exclude=query.exclude,
            repeats=query.repeat_rule,
        )
        try:
            found = self._recommending.recommend(request).items
        except EachwiseError as error:
            raise RenderFailed(f"items: {error}") from None
        return [self._catalogue.dress(each) for each in found]

    # -- links ---------------------------------------------------------------------------------------------

    def _public(self) -> str:
        return self._settings.delivery.public_url.rstrip("/")

    def _links(self, message: Message) -> dict[str, Any]:
        """What a template may link to, signed for this message and its person, as they were when it was decided."""
        delivery, public = self._settings.delivery, self._public()
        placement = self._catalogue.offers.definitions.placements.get(message.placement_id)

        def token(kind: TokenKind, url: str = "") -> str:
            made = Token(
                kind=kind,
                individual_id=message.individual_id,
                message_id=message.message_id,
                channel=message.channel,
                purpose=placement.purpose if placement else "",
                decision_id=message.decision_id,
                experience_id=message.experience_id,
                placement_id=message.placement_id,
                url=url,
            )
            return sign_token(made, self._key)

        def tracked(url: str) -> str:
            if not (public and delivery.track_clicks):
                return url
            made = token("c", url)
            # Longer than a link of ours may be: it leads where it should, uncounted.
            return url if len(made) > TOKEN_CHARS_MAX else f"{public}/t/c/{made}"

        pixel = public and delivery.track_opens and message.channel == "email"
        leaving = token("u")
        return {
            "link": _linking(tracked),
            "pixel_url": f"{public}/t/o/{token('o')}.gif" if pixel else "",
            **_leaving_links(public, leaving),
        }

    def _headers(self, message: Message, links: Mapping[str, Any]) -> dict[str, str]:
        """A mail's headers for leaving with one click (RFC 2369, RFC 8058); what is transactional has none."""
        if message.channel != "email" or message.transactional:
            return {}
        url, mailto = links.get("unsubscribe_url"), self._settings.delivery.unsubscribe_mailto
        ways = [f"<{url}>"] if url else []
        if mailto:
            ways.append(f"<mailto:{mailto}>")
        headers = {"List-Unsubscribe": ", ".join(ways)} if ways else {}
        if url and url.startswith("https://"):
            # RFC 8058, 3.1: one click is for https alone.
            headers["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
        return headers


def reached_at(state: Individual, channel: str, individual_id: str) -> str:
    """Where a person is reached: e-mail address, phone, push subscriptions (JSON); a webhook takes the person's id.

    Raises ``Unreachable`` where that is not known.
    """
    if channel == "webhook":
        return individual_id
    if channel == "push":
        if found := subscriptions(state.traits)[:BROWSERS_MAX]:
            return msgspec.json.encode(found).decode()
        raise Unreachable("no push subscription is known")
    if channel not in ADDRESS_TRAITS:
        raise Unreachable(f"nothing is sent on {channel}")
    address = address_of(state, channel)
    if not address:
        raise Unreachable(f"no {ADDRESS_TRAITS[channel]} is known")
    return address


def shown_address(channel: str, address: str) -> str:
    """An address as it is kept and operators may see it: of push subscriptions only their services.

    What was sent when a person had but one subscription keeps it whole.
    """
    if channel != "push" or address[:1] not in ("{", "["):
        return address
    try:
        told = msgspec.json.decode(address, type=dict[str, Any] | list[dict[str, Any]])
        found = told if isinstance(told, list) else [told]
        hosts = [urlsplit(str(each.get("endpoint"))).hostname or "" for each in found]
    except (msgspec.DecodeError, ValueError):
        return ""
    return ", ".join(dict.fromkeys(host for host in hosts if host))


def _item(shown: ShownItem) -> dict[str, Any]:
    return {
        "item_id": shown.item_id,
        "title": shown.title or shown.item_id,
        "url": shown.url,
        "image_url": shown.image_url,
        "price": shown.price,
        "currency": shown.currency,
        "attributes": shown.attributes,
        "reasons": shown.reasons,
    }


def _call_payload(message: Message, individual_id: str) -> dict[str, Any]:
    """What the step declared, for whom it is by now, and the key by which a receiver has it once."""
    declared: dict[str, Any] = message.body.get("body", {})
    return {**declared, "message_id": message.message_id, "individual_id": individual_id}


def _linking(tracked: Callable[[str], str]) -> Callable[[str], str]:
    """The function ``link`` of templates: the address by which a click is counted."""

    def link(url: object) -> str:
        parts = urlsplit(str(url))
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError(f"link: {str(url)[:100]!r} must be a whole http or https address")
        return tracked(str(url))

    link.for_templates = True  # type: ignore[attr-defined]
    return link


def _preview_links(public: str) -> dict[str, Any]:
    return {
        "link": _linking(lambda url: url),
        "pixel_url": "",
        **_leaving_links(public, PREVIEW),
    }


def _leaving_links(public: str, token: str) -> dict[str, str]:
    """A person's own pages. Without an address of this service there are none, and a template that prints them fails:
    better no message than one that cannot be left.
    """
    if not public:
        return {}
    return {"unsubscribe_url": f"{public}/u/{token}", "preferences_url": f"{public}/p/{token}"}
