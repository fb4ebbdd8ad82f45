"""What comes back through links: opened, clicked, unsubscribed, preferences; each logged in the person's name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from eachwise.contracts.errors import NotFound
from eachwise.contracts.experience import OUTBOUND_CHANNELS
from eachwise.contracts.individual import Individual
from eachwise.contracts.ports import Clock
from eachwise.deliver import Token, TokenKind, read_token
from eachwise.flow.catalogue import Catalogue
from eachwise.flow.drive import Flow
from eachwise.flow.people import People
from eachwise.flow.reports import Reports
from eachwise.identity import Directory
from eachwise.individual import consent_allows
from eachwise.maths.decay import MICROSECONDS
from eachwise.maths.hashing import stable_hash
from eachwise.settings import Settings

CLICKED = {
    "email": "Email Link Clicked",
    "push": "Push Notification Tapped",
    "sms": "SMS Link Clicked",
}
OTHER_CLICKED = "Experience Clicked"
# One unsubscription by a link in this time, of whom gets nothing any more: posted over and over it fills no log.
REPEAT_US = 10 * MICROSECONDS
# One purpose on one channel, and whether the person gets it now.
Choices = dict[tuple[str, str], bool]


class Returns:
    """Reads signed links and logs what they say. ``key`` is the one they were signed with."""

    def __init__(
        self,
        *,
        clock: Clock,
        settings: Settings,
        people: People,
        directory: Directory,
        catalogue: Catalogue,
        reports: Reports,
        key: bytes,
    ) -> None:
        self._clock = clock
        self._settings = settings
        self._people = people
        self._directory = directory
        self._catalogue = catalogue
        self._reports = reports
        self._key = key

    def opened(self, text: str) -> Flow[None]:
        """A mail's picture was fetched: counted once a message, however often programs fetch it.

        Raises ``NotFound`` for a token that was not signed here.
        """
        token = self._token(text, "o")
        yield from self._reports.log(
            token.individual_id,
            message_id=f"opened-{token.message_id}",
            name="Email Opened",
            properties=_about(token),
        )

    def clicked(self, text: str) -> Flow[str]:
        """A link was followed: counted once a message and address. Returns where it leads. Raises ``NotFound``."""
        token = self._token(text, "c")
        yield from self._reports.log(
            token.individual_id,
            message_id=f"clicked-{token.message_id}-{stable_hash(token.url):x}",
            name=CLICKED.get(token.channel, OTHER_CLICKED),
            properties={**_about(token), "link_url": token.url},
        )
        return token.url

    def unsubscribe(self, text: str) -> Flow[Token]:
        """The person leaves this purpose on this channel, from now on. Raises ``NotFound``."""
        token = self._token(text, "u")
        now_us = self._clock.now_us()
        state = self._people.find(self._directory.resolve(token.individual_id)) or Individual()
        consent = self._settings.consent
        allowed, _ = consent_allows(state, token.purpose, token.channel, consent)
        # Whoever gets it leaves, though they left a moment ago and came back.
        said = f"{now_us:x}" if allowed else str(now_us // REPEAT_US)
        yield from self._reports.log(
            token.individual_id,
            message_id=f"unsubscribed-{token.message_id}-{said}",
            name="Unsubscribed",
            properties={**_about(token), "purpose": token.purpose},
        )
        return token

    def token(self, text: str, kind: TokenKind = "u") -> Token:
        """What a link stands for; nothing is counted. Raises ``NotFound``."""
        return self._token(text, kind)

    def preferences(self, text: str) -> Choices:
        """What the link's person gets: every purpose on every outbound channel that is in use. Raises ``NotFound``."""
        token = self._token(text, "u")
        state = self._people.find(self._directory.resolve(token.individual_id)) or Individual()
        pairs = {
            (each.channel, each.purpose)
            for each in self._catalogue.offers.definitions.placements.values()
            if each.channel in OUTBOUND_CHANNELS and not each.transactional
        }
        return {
            (channel, purpose): consent_allows(state, purpose, channel, self._settings.consent)[0]
            for channel, purpose in sorted(pairs)
        }

    def prefer(self, text: str, wanted: Mapping[tuple[str, str], bool]) -> Flow[int]:
        """Log what the person changed; returns how much. What is not named stays. Raises ``NotFound``."""
        token = self._token(text, "u")
        changed = 0
        now_us = self._clock.now_us()
        for (channel, purpose), now in self.preferences(text).items():
            said = wanted.get((channel, purpose), now)
            if said == now:
                continue
            changed += 1
            yield from self._reports.log(
                token.individual_id,
                message_id=f"preferred-{token.message_id}-{channel}-{purpose}-{now_us:x}",
                name="Consent Given" if said else "Consent Withdrawn",
                properties={"channel": channel, "purpose": purpose},
            )
        return changed

    def _token(self, text: str, kind: TokenKind) -> Token:
        token = read_token(text, kind, self._key)
        if token is None:
            raise NotFound("this link is not one of ours, or was cut off on its way")
        return token


def _about(token: Token) -> dict[str, Any]:
    told = {
        "decision_id": token.decision_id,
        "experience_id": token.experience_id,
        "placement": token.placement_id,
        "channel": token.channel,
        "outbox_id": token.message_id,
    }
    return {name: value for name, value in told.items() if value}
