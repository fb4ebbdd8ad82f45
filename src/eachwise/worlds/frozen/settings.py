"""What can be chosen about the frozen-food shop."""

from dataclasses import dataclass

from eachwise.contracts.errors import InvalidInput

ITEMS_MIN = 300  # every dish twice: fewer, and some experiences could not fill themselves
ITEMS_MAX = 10_000  # about a fifth of the distinct titles that the dish table can form


@dataclass(frozen=True, kw_only=True)
class FrozenFoodSettings:
    """One frozen-food shop; equal settings give equal worlds, number for number.

    seed: any integer of 64 bits; every draw depends on it.
    people: how many individuals there are, at least 1.
    items: how many products and recipes there are.
    visits_per_day_mean: visits a person makes in a day, averaged over people; .1 gives about
        six visits and fifty events a person in 60 days.
    drift_sd: stationary standard deviation of the drifting part of a taste, in units of utility.
    known_share: share of people who sooner or later log in and so get a user id.
    opened_at_s: when the shop opened, Unix seconds (default 2026-01-01T00:00:00Z); people
        become known after it.
    """

    seed: int
    people: int = 5000
    items: int = 400
    visits_per_day_mean: float = 0.1
    drift_sd: float = 0.25
    known_share: float = 0.7
    opened_at_s: float = 1_767_225_600.0

    def __post_init__(self) -> None:
        """Refuse settings for which no world exists."""
        if not -(2**63) <= self.seed < 2**63:
            raise InvalidInput(f"seed must fit into 64 bits, not {self.seed}", field="seed")
        if self.people < 1:
            raise InvalidInput(f"people must be at least 1, not {self.people}", field="people")
        if not ITEMS_MIN <= self.items <= ITEMS_MAX:
            raise InvalidInput(
                f"items must be in {ITEMS_MIN}..{ITEMS_MAX}, not {self.items}", field="items"
            )
        if not 0.0 < self.visits_per_day_mean <= 1.0:
            raise InvalidInput(
                f"visits_per_day_mean must be in (0, 1], not {self.visits_per_day_mean}",
                field="visits_per_day_mean",
            )
        if self.drift_sd < 0.0:
            raise InvalidInput(
                f"drift_sd must not be negative, not {self.drift_sd}", field="drift_sd"
            )
        if not 0.0 <= self.known_share <= 1.0:
            raise InvalidInput(
                f"known_share must be in [0, 1], not {self.known_share}", field="known_share"
            )
