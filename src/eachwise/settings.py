"""One frozen object of settings, read from a TOML file; unknown keys are refused with their place."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal, get_args, get_type_hints
from zoneinfo import ZoneInfo

import msgspec

from eachwise.contracts.errors import InvalidInput

# Finite, and far beyond what means anything: TOML can say ``inf``.
_MOST = 1e12
_DAYS_MOST = 1e6

Probability = Annotated[float, msgspec.Meta(ge=0.0, le=1.0)]
Amount = Annotated[float, msgspec.Meta(ge=0.0, le=_MOST)]
Signed = Annotated[float, msgspec.Meta(ge=-1000.0, le=1000.0)]
HalfLife = Annotated[float, msgspec.Meta(gt=0.0, le=_MOST)]
Mass = Annotated[float, msgspec.Meta(gt=0.0, le=_MOST)]
Interval = Annotated[float, msgspec.Meta(ge=0.0, le=_MOST)]
Days = Annotated[float, msgspec.Meta(gt=0.0, le=_DAYS_MOST)]
Count = Annotated[int, msgspec.Meta(ge=1, le=int(_MOST))]
CountOrNone = Annotated[int, msgspec.Meta(ge=0, le=int(_MOST))]


class _Section(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A part of the settings: immutable, keyword-only, no unknown keys."""


class ApiSettings(_Section, frozen=True):
    """Limits at the network's edge. Bytes are counted after gunzip."""

    body_bytes_max: Count = 4 * 1024 * 1024
    event_bytes_max: Count = 32 * 1024
    pending_events_max: Count = (
        100_000  # back-pressure: more than this waiting for the disk answers 503
    )
    requests_per_second_max: CountOrNone = 0  # per key; 0 = no limit; above it 429
    decide_timeout_s: Interval = 5.0  # a decision not durable by then is answered with silence


class EventSettings(_Section, frozen=True):
    """How events are understood. ``names`` maps a track name to [action, weight]; ``weights`` scale actions."""

    future_tolerance_s: CountOrNone = 24 * 3600
    names: dict[str, tuple[str, Amount]] = {}
    weights: dict[str, Amount] = {}


class IdentitySettings(_Section, frozen=True):
    """Guards against merging the world (compare Segment's identifier limits)."""

    blocked_values: tuple[str, ...] = (
        "",
        "0",
        "-1",
        "null",
        "none",
        "nil",
        "undefined",
        "nan",
        "anonymous",
        "guest",
        "unknown",
        "00000000-0000-0000-0000-000000000000",
    )  # compared without case and surrounding blanks
    users_per_individual_max: Count = 1  # without an explicit alias
    emails_per_individual_max: Count = 5
    devices_per_individual_max: Count = 100
    merges_per_individual_max: Count = 100


class AffinitySettings(_Section, frozen=True):
    """Affinity's horizons and priors (docs/discussions/measured.md)."""

    moment_half_life_s: HalfLife = 1800.0
    general_half_life_s: HalfLife = 90 * 86400.0
    prior_mass: Mass = 30.0
    exposure_prior_mass: Mass = 60.0
    declared_mass: Amount = 20.0
    hide_mass: Amount = 10.0  # "not for me": items turned against, of each value of what was hidden
    context_mass: Amount = 2.0  # items of this moment that a landing page, campaign or query counts


class ConsentSettings(_Section, frozen=True):
    """What holds for a purpose while a person is silent. Unlisted means unknown: on-site allowed, outbound not."""

    defaults: dict[str, bool] = {}


class StageSettings(_Section, frozen=True):
    """Where the relationship's stages begin."""

    engaged_score_min: Annotated[float, msgspec.Meta(ge=0.0, le=100.0)] = 30.0
    lapsed_after_days: Days = 90.0


class RecommendSettings(_Section, frozen=True):
    """The blend before the first training, what actions are worth, and how often a taste model is published.

    It is published more often while it doubles. Every version that a retained decision refers to is kept: a shorter
    interval costs disk.
    """

    transition_weight: Amount = 1.0
    affinity_weight: Amount = 0.5
    trend_weight: Amount = 0.35
    action_weights: dict[str, Signed] = {}  # action → what it is worth, below 0 speaks against
    score_all_max: Count = 5_000  # items; above it only candidates are scored
    publish_interval_s: Interval = 300.0
    neighbours_max: CountOrNone = 200  # transitions kept for each item in a published model
    calibration: Probability = 0.3  # λ: how much a person's own mix counts against the scores
    mix_attributes: tuple[str, ...] = ()  # whose mix is kept; none named: those that describe taste
    diversity: Probability = 0.1
    run_attributes: tuple[str, ...] = ("brand",)
    run_max: CountOrNone = 3  # items in a row with the same value of a run attribute; 0: no limit
    trial_share: Probability = 0.1  # of lists in which one slot is given to a new item


class SearchSettings(_Section, frozen=True):
    """How far taste moves search results, and when a past query is suggested to others."""

    taste_weight_max: Probability = 0.2  # in units of relevance, which runs from 0 to 1
    suggest_people_min: Annotated[int, msgspec.Meta(ge=1, le=8)] = 3


class DecideSettings(_Section, frozen=True):
    """Arbitration, conflicts and exploration."""

    policy: Literal[
        "epsilon_greedy",
        "inverse_gap_weighting",
        "pairwise_matching",
        "softmax",
        "thompson",
        "top_two",
    ] = "thompson"
    explorations_per_day: CountOrNone = 20  # per person; then the best by expectation; 0: never
    epsilon: Probability = 0.05
    thompson_scale: Amount = 0.3  # α: scales the posterior's spread
    thompson_draws: Annotated[int, msgspec.Meta(ge=1, le=64)] = 16
    probability_floor: Probability = (
        0.02  # shared by the candidates whose expected gain covers their expected harm
    )
    softmax_temperature: Amount = 0.0  # money; 0: a twentieth of the mean gap behind the best
    gap_weight: Amount = 6.0  # γ of inverse gap weighting after the first exposure learnt from
    top_two_leader: Probability = 0.8  # β
    kappa: Amount = 3.0  # what one disconnect costs, in units of the candidates' mean value
    dismiss_share: Probability = 0.02  # what a dismissal counts for of a disconnect
    fatigue_cost: Amount = 0.0
    ignored_cost: Amount = (
        0.0  # what each ignored outbound contact costs, in units of the mean value
    )
    conflict_upper_bound: Annotated[
        float, msgspec.Meta(ge=-_MOST, le=0.0)
    ] = -0.5  # log-odds: an affinity whose upper 95 % bound lies below is a conflict
    lead_count: Count = 10
    # What an exposure changes in lifetime value: left out, counted where its interval excludes 0, or counted.
    use_lifetime_value: Literal["never", "certain", "always"] = "certain"
    timezone: str = "UTC"  # of people whose own is not known: quiet hours, rules about the hour


class SendTimeSettings(_Section, frozen=True):
    """When a person is written to (docs/discussions/send-time.md)."""

    exploration: Probability = 0.05  # spread over all hours alike
    spread: Amount = 0.25  # scales the posterior's spread
    draws: Annotated[int, msgspec.Meta(ge=1, le=512)] = 64
    activity_prior: Mass = 2.0  # what people's hours count beside the person's own, in logs of acts
    contacts_prior: Mass = (
        12.0  # contacts that the expectation counts for before the person's own answers
    )


class LearnSettings(_Section, frozen=True):
    """The learner's pace. A version is published at most once in ``publish_interval_s``."""

    publish_interval_s: Interval = 1.0
    snapshot_every_versions: Count = 200
    forgetting_half_life_updates: Amount = 200_000.0
    answer_window_s: CountOrNone = 1800  # an answer without a decision id: after an exposure
    settle_s: CountOrNone = 6 * 3600  # an outbound contact is learnt so long after it was seen
    harm_window_s: CountOrNone = 7 * 86_400  # hides, unsubscriptions, complaints: after it was seen
    purchase_window_s: CountOrNone = 7 * 86_400  # orders: after the click
    refund_window_s: CountOrNone = 30 * 86_400  # refunds: after the order


class LifetimeSettings(_Section, frozen=True):
    """What stages are worth and what exposures change in them, worked out from the stored decisions."""

    interval_s: Interval = 86_400.0  # at most this often; 0: never by itself
    period_days: Days = 30.0
    discount: Annotated[float, msgspec.Meta(ge=0.0, le=0.999)] = 0.95  # of a period
    margin_share: Probability = 0.3  # of an order's money; a shop that knows its own sets it
    people_max: Count = 10_000  # whose lives are read


class RelationSettings(_Section, frozen=True):
    """Stages over time and journeys' effects, read from the log when they are asked for."""

    people_max: Count = 10_000  # who is read; of more a fixed sample


class SmtpSettings(_Section, frozen=True):
    """The relay that takes mail. The password is read from a file or a variable of the environment, and never kept."""

    host: str = ""  # empty: no mail is sent
    port: Annotated[int, msgspec.Meta(ge=1, le=65535)] = 587
    security: Literal["starttls", "tls", "none"] = "starttls"
    username: str = ""
    password_file: str = ""
    password_env: str = ""
    timeout_s: HalfLife = 30.0


class WebhookSettings(_Section, frozen=True):
    """Where messages of the channels ``webhook`` and ``sms`` are posted, and what signs these posts and journeys'."""

    url: str = ""
    sms_url: str = ""
    secret_file: str = ""
    secret_env: str = ""
    timeout_s: HalfLife = 10.0


class VapidSettings(_Section, frozen=True):
    """The key pair that web push is signed with (``eachwise keys vapid``)."""

    private_key_file: str = ""
    subject: str = ""  # mailto:you@example.com, or an https address
    ttl_s: CountOrNone = 86_400  # how long a push service keeps what it cannot hand over yet
    # Endpoints come from browsers: only these hosts, and those below them, are posted to.
    services: tuple[str, ...] = (
        "fcm.googleapis.com",
        "push.services.mozilla.com",
        "notify.windows.com",
        "push.apple.com",
    )


class DeliverySettings(_Section, frozen=True):
    """How messages go out. A message that failed is tried again after base · 2ⁿ seconds, at most the maximum."""

    public_url: str = ""  # where people reach this service: tracked links, unsubscribing
    sender: str = ""  # Shop <shop@example.com>
    reply_to: str = ""
    unsubscribe_mailto: str = ""
    smtp: SmtpSettings = SmtpSettings()
    webhook: WebhookSettings = WebhookSettings()
    vapid: VapidSettings = VapidSettings()
    track_opens: bool = True
    track_clicks: bool = True
    resend_unknown: bool = False
    attempts_max: Count = 8
    retry_base_s: HalfLife = 30.0
    retry_max_s: HalfLife = 3600.0
    lease_s: HalfLife = 120.0
    workers: Annotated[int, msgspec.Meta(ge=1, le=64)] = 4
    streams_max: CountOrNone = 1000  # open event streams; above it 503


class JourneySettings(_Section, frozen=True):
    """When journeys begin, and go on after the server was away."""

    # What came so much later than it happened begins nothing: imported history is no occasion.
    entry_late_s: Interval = 86_400.0
    # What fell due so long before a server started waits as long, for the events that senders kept meanwhile.
    catch_up_s: Interval = 120.0


class StoreSettings(_Section, frozen=True):
    """Durability and memory of the embedded store."""

    synchronous: Literal["FULL", "NORMAL", "OFF"] = "FULL"
    checkpoint_interval_s: Interval = 1.0
    individuals_in_memory_max: Count = 10_000
    retain_decisions_days: Days = 90.0


class Settings(_Section, frozen=True):
    """Everything an operator may set. Every default is documented in docs/reference/settings.md."""

    project_id: str = "default"
    api: ApiSettings = ApiSettings()
    events: EventSettings = EventSettings()
    identity: IdentitySettings = IdentitySettings()
    affinity: AffinitySettings = AffinitySettings()
    consent: ConsentSettings = ConsentSettings()
    stage: StageSettings = StageSettings()
    recommend: RecommendSettings = RecommendSettings()
    search: SearchSettings = SearchSettings()
    decide: DecideSettings = DecideSettings()
    send_time: SendTimeSettings = SendTimeSettings()
    learn: LearnSettings = LearnSettings()
    lifetime: LifetimeSettings = LifetimeSettings()
    relations: RelationSettings = RelationSettings()
    journeys: JourneySettings = JourneySettings()
    store: StoreSettings = StoreSettings()
    delivery: DeliverySettings = DeliverySettings()


def parse_settings(raw: dict[str, Any]) -> Settings:
    """Build settings from plain data. Raises ``InvalidInput`` naming the key, its fault and its range."""
    try:
        settings = msgspec.convert(raw, Settings)
    except msgspec.ValidationError as error:
        reason, _, at = str(error).partition(" - at ")
        path = at.strip("`").removeprefix("$").removeprefix(".")
        wanted = range_of(path) if path else ""
        words = f"{f'{path}: ' if path else ''}{reason}{f'; it must be {wanted}' if wanted else ''}"
        raise InvalidInput(f"settings: {words}", field=path or "settings") from None
    _check_timezone(settings.decide.timezone)
    return settings


def _check_timezone(name: str) -> None:
    """Raise ``InvalidInput`` for a zone that this system does not know; UTC needs no database."""
    if name == "UTC":
        return
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):  # unknown; no plain name; a folder of names
        raise InvalidInput(
            f"settings: decide.timezone: {name!r} is not in this system's time zone database; "
            'name one like "Europe/Berlin"',
            field="decide.timezone",
        ) from None


def range_of(path: str) -> str:
    """The range of a number by its key, like ``decide.epsilon``, in words; "" of any other setting."""
    kind: Any = Settings
    for name in path.split("."):
        kind = get_type_hints(kind, include_extras=True).get(name) if _is_section(kind) else None
    for meta in get_args(kind)[1:]:
        if isinstance(meta, msgspec.Meta):
            if meta.ge == -_MOST:
                return f"at most {meta.le:g}"
            if meta.le is not None and meta.le < _DAYS_MOST:
                return f"from {meta.ge:g} to {meta.le:g}"
            return f"at least {meta.ge:g}" if meta.ge is not None else f"above {meta.gt:g}"
    return ""


def _is_section(kind: object) -> bool:
    return isinstance(kind, type) and issubclass(kind, _Section)


def load_settings(path: Path | None) -> Settings:
    """Read a TOML file (None: the defaults). Raises ``InvalidInput`` when it cannot be read or has unknown keys."""
    if path is None:
        return Settings()
    try:
        raw = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InvalidInput(
            f"settings: cannot read {path}: {error.strerror}", field="settings"
        ) from None
    except tomllib.TOMLDecodeError as error:
        raise InvalidInput(
            f"settings: {path} is not valid TOML: {error}", field="settings"
        ) from None
    return parse_settings(raw)
