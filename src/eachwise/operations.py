"""What operators ask of an engine in this process: models, budgets, audiences, batches, its state."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

import msgspec

from eachwise.contracts.audience import Audience, AudienceRequest, Occasion
from eachwise.contracts.batch import Batch, BatchPage, BatchRequest
from eachwise.contracts.catalog import Item, Repeats
from eachwise.contracts.consent import ConsentView
from eachwise.contracts.decision import BudgetView
from eachwise.contracts.delivery import MessageState, MessageView, Preview, PreviewRequest
from eachwise.contracts.journey import EnterRequest, InstanceView, JourneyView, Status
from eachwise.contracts.measurement import Estimate, EstimateRequest, LifetimeView
from eachwise.contracts.ports import Clock
from eachwise.contracts.relations import JourneyEffect, StageHistory, StageReport
from eachwise.contracts.training import (
    PAGE_EVENTS_MAX,
    InteractionPage,
    ModelView,
    Sender,
    Tenure,
)
from eachwise.flow.core import Core
from eachwise.flow.drive import Flow, run
from eachwise.maths.decay import MICROSECONDS

R = TypeVar("R")
# The in-process engine has no timer: housekeeping rides on calls, at most this often.
TICK_INTERVAL_US = MICROSECONDS // 4


class Operations:
    """Calls are serialised by a lock, so threads may share an engine; what is due is done between them."""

    def __init__(self, core: Core, clock: Clock) -> None:
        self.core = core
        self.clock = clock
        self._lock = threading.RLock()
        self._ticked_at_us = clock.now_us()

    def _run(self, flow: Flow[R]) -> R:
        with self._lock:
            result = run(flow)
            now_us = self.clock.now_us()
            if now_us - self._ticked_at_us >= TICK_INTERVAL_US:
                self._ticked_at_us = now_us
                run(self.core.tick())
            return result

    def tick(self) -> None:
        """Do what is due now: close decisions, publish models, checkpoint. Calls do this by themselves too."""
        with self._lock:
            run(self.core.tick())

    def interactions(self, after: int = 0, limit: int = PAGE_EVENTS_MAX) -> InteractionPage:
        """The engagements among the next events of the log after a sequence, for training."""
        return self._run(self.core.extracting.page(after, limit))

    def owners(self, senders: Sequence[Sender]) -> list[list[Tenure]]:
        """Whose the events of these senders are, and from when on."""
        return self._run(self.core.extracting.owners(senders))

    def outbox(
        self,
        state: MessageState | None = None,
        *,
        individual_id: str = "",
        after: str = "",
        limit: int = 100,
    ) -> list[MessageView]:
        """Messages on their way by id, after one; of a person the newest first."""
        with self._lock:
            return self.core.delivery.outbox.list(state, individual_id, after, limit)

    def message(self, message_id: str) -> MessageView:
        """One message of the outbox."""
        with self._lock:
            return self.core.delivery.outbox.show(message_id)

    def resend(self, message_id: str) -> MessageView:
        """Have a message sent after all: what is held, dead, discarded, or unknown."""
        return self._run(self.core.delivery.outbox.resend(message_id))

    def discard(self, message_id: str) -> MessageView:
        """Take a message out that is not in a channel's hands."""
        return self._run(self.core.delivery.outbox.discard(message_id))

    def preview(self, experience_id: str, placement_id: str, individual: str) -> Preview:
        """What a real person would get of an experience now; nothing is sent."""
        request = PreviewRequest(
            experience_id=experience_id, placement_id=placement_id, individual=individual
        )
        with self._lock:
            return self.core.delivery.letters.preview(request)

    def audience(
        self,
        item_id: str,
        reason: Occasion = "new",
        *,
        limit: int = 100,
        min_score: float = 0.0,
        purpose: str | None = None,
        channel: str | None = None,
        repeats: Repeats = "learnt",
    ) -> Audience:
        """The individuals for whom an item that is new, back or cheaper matters, best first, all accounted for."""
        request = AudienceRequest(
            item_id=item_id,
            reason=reason,
            limit=limit,
            min_score=min_score,
            purpose=purpose,
            channel=channel,
            repeats=repeats,
        )
        return self._run(self.core.audiences.find(request))

    def items(self, after: str = "", limit: int = 100) -> list[Item]:
        """Items of the catalogue in order of their ids, after one."""
        with self._lock:
            return self.core.catalogue.items(after, limit)

    def models(self, limit: int = 20) -> list[ModelView]:
        """The newest versions of every model."""
        with self._lock:
            return self.core.trained.views(limit)

    def model(self, name: str, version: int) -> ModelView:
        """One version with its report."""
        with self._lock:
            return self.core.trained.view(name, version)

    def trained_body(self, version: int) -> bytes:
        """A version of the trained model as it was published."""
        return self._run(self.core.trained.read(version))

    def publish_trained(self, body: bytes) -> int:
        """Use a trained model from now on; returns its version."""
        return self._run(self.core.trained.publish(body))

    def rollback(self, name: str, to: int) -> ModelView:
        """Publish an older version of the trained model once more, as the newest; 0: nothing trained."""
        return self._run(self.core.rollback(name, to))

    def begin_batch(self, request: BatchRequest) -> Batch:
        """Begin decisions for everybody, or find them begun."""
        return self._run(self.core.batching.begin(request))

    def batch_page(self, batch_id: str, after: int = 0, limit: int = 100) -> BatchPage:
        """Decide for the next people of a batch; asked again, it answers the same."""
        return self._run(self.core.batching.page(batch_id, after, limit))

    def budgets(self) -> list[BudgetView]:
        """What is used of every budget, and what one more unit would be worth now."""
        with self._lock:
            return self.core.budgets.report()

    def lifetime(self) -> LifetimeView:
        """What stages are worth and what experiences change in lifetime value, or why it cannot be said."""
        with self._lock:
            return self.core.lifetime.view()

    def work_out_lifetime(self) -> LifetimeView:
        """Work it out now, and publish it."""
        return self._run(self.core.lifetime.work_out())

    def estimate(self, policy: str, **asked: Any) -> Estimate:
        """What another policy would have earned, from the stored decisions.

        ``asked`` are the other fields of ``EstimateRequest``: ``settings``, ``placement_id``, ``since_days``,
        ``limit``, ``reward``.
        """
        return self._run(self.core.estimating.estimate(EstimateRequest(policy=policy, **asked)))

    def consent(self, individual_id: str) -> ConsentView:
        """What a person said about being reached, when, and what follows for each channel and purpose."""
        return self._run(self.core.consents.of(individual_id))

    def stages_of(self, individual_id: str) -> StageHistory:
        """A person's stages from the first event to now."""
        return self._run(self.core.relations.stages_of(individual_id))

    def stages(
        self, since: str | None = None, until: str | None = None, period: str = "week"
    ) -> StageReport:
        """Everybody's stages, period by period (``day``, ``week``, ``30days``): who stood where, who went where."""
        return self._run(self.core.relations.stages(since, until, period))

    def journey_effect(self, journey_id: str) -> JourneyEffect:
        """What a journey changed against its holdout, or why that cannot be said."""
        return self._run(self.core.relations.journey_effect(journey_id))

    def put_journeys(self, document: str | bytes | Mapping[str, Any]) -> list[JourneyView]:
        """Take journeys in, as YAML or JSON text or as a dict; those that changed get their next version.

        Raises ``InvalidInput`` naming line, place and fix: then nothing is taken.
        """
        text = document if isinstance(document, str | bytes) else msgspec.json.encode(document)
        return self._run(self.core.programme.put(text))

    def journeys(self) -> list[JourneyView]:
        """Every journey with how many people stand where."""
        with self._lock:
            return self.core.programme.journeys.views()

    def journey(self, journey_id: str) -> JourneyView:
        """One journey with how many people stand where."""
        with self._lock:
            return self.core.programme.journeys.view(journey_id)

    def journey_people(
        self,
        journey_id: str,
        *,
        step: str | None = None,
        status: Status | None = None,
        after: str = "",
        limit: int = 100,
    ) -> list[InstanceView]:
        """Who stands where in a journey, by instance id after one."""
        with self._lock:
            return self.core.programme.journeys.people(
                journey_id, step=step, status=status, after=after, limit=limit
            )

    def enter_journey(
        self,
        journey_id: str,
        user_id: str | None = None,
        *,
        anonymous_id: str | None = None,
        individual_id: str | None = None,
        key: str = "",
        properties: Mapping[str, Any] | None = None,
        request_id: str | None = None,
    ) -> InstanceView:
        """Begin a journey for one person; the same ``request_id`` again answers the same instance."""
        request = EnterRequest(
            user_id=user_id,
            anonymous_id=anonymous_id,
            individual_id=individual_id,
            key=key,
            properties=dict(properties or {}),
            request_id=request_id,
        )
        return self._run(self.core.programme.begin(journey_id, request))

    def journeys_of(self, individual_id: str) -> list[InstanceView]:
        """Where one person stands in journeys, in the order of entry."""
        with self._lock:
            return self.core.programme.of_person(individual_id)

    def status(self) -> dict[str, Any]:
        """Counts and versions."""
        with self._lock:
            return self.core.status()
