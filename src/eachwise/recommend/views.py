"""One person as a recommendation sees one, and that person's history in a model's rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np

from eachwise.contracts.arrays import AffinityVectors, Floats
from eachwise.contracts.errors import InvalidInput
from eachwise.contracts.events import Action
from eachwise.contracts.individual import Bought, Carried, Individual, Recent
from eachwise.contracts.taste import History, Purchases
from eachwise.maths.decay import MICROSECONDS
from eachwise.recommend.histories import history_of

# What an engagement is worth at serving by its action; every other action is worth 1. All alike, as measured
# (docs/discussions/measured.md); what speaks against an item subtracts.
ACTION_WEIGHTS: Final[Mapping[str, float]] = {"hide": -1.0, "refund": -1.0, "bounce": -0.5}
_HIDDEN_ITEM = "item:"
PURCHASE = "purchase"


def check_actions(action_weights: Mapping[str, float]) -> None:
    """Raise ``InvalidInput`` for a weight of an action that does not exist."""
    known = sorted(action.value for action in Action)
    for action in action_weights:
        if action not in known:
            raise InvalidInput(
                f"settings: recommend.action_weights: there is no action {action!r}; "
                f"known: {', '.join(known)}",
                field="recommend.action_weights",
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonTaste:
    """One person as the models see one.

    recents: items engaged with, newest first; regrets: items given back or left within moments, newest first;
    affinity: over the catalogue's values; hidden: item id → when it was last hidden (µs); carried: what the recurrent
    model remembers, or None; bought: items bought, newest first, more than the recents hold
    """

    recents: tuple[Recent, ...]
    affinity: AffinityVectors
    now_us: int
    hidden: Mapping[str, int] = field(default_factory=dict)
    carried: Carried | None = None
    regrets: tuple[Recent, ...] = ()
    bought: tuple[Bought, ...] = ()

    @classmethod
    def of(cls, state: Individual, affinity: AffinityVectors, now_us: int) -> PersonTaste:
        """What a state holds of it; ``affinity`` is read of the same state at ``now_us``."""
        hidden = {
            target.removeprefix(_HIDDEN_ITEM): at_us
            for target, at_us in state.hidden.items()
            if target.startswith(_HIDDEN_ITEM)
        }
        return cls(
            recents=tuple(reversed(state.recents)),
            affinity=affinity,
            now_us=now_us,
            hidden=hidden,
            carried=state.carried,
            regrets=tuple(reversed(state.regrets)),
            bought=tuple(reversed(state.bought)),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Read:
    """What a person did with items, oldest first: what is the same whatever the model's rows.

    purchases: newest first; none where a purchase speaks for nothing
    """

    item_ids: list[str]
    weights: Floats
    at_s: Floats
    bought: list[bool]
    now_s: float
    taste: Floats
    purchases: tuple[Bought, ...] = ()

    def history(self, row_of: Mapping[str, int], carried: Any = None) -> History:
        """The history in a model's rows; what it does not know is left out."""
        rows = np.array([row_of.get(item_id, -1) for item_id in self.item_ids], dtype=np.int64)
        known = rows >= 0
        return history_of(
            rows[known],
            self.weights[known],
            self.at_s[known],
            np.array(self.bought, dtype=np.bool_)[known],
            self.now_s,
            taste=self.taste,
            carried=carried,
            purchases=self._purchases(row_of),
            memo={},
        )

    def _purchases(self, row_of: Mapping[str, int]) -> Purchases | None:
        """The purchases in a model's rows; None where none were kept."""
        if not self.purchases:
            return None
        kept = [
            (row, one.at_s) for one in self.purchases if (row := row_of.get(one.item_id, -1)) >= 0
        ]
        rows = np.array([row for row, _ in kept], dtype=np.int64)
        at_s = np.array([at_s for _, at_s in kept], dtype=np.float64)
        return Purchases(rows=rows, ages_s=np.maximum(self.now_s - at_s, 0.0))


def read(person: PersonTaste, action_weights: Mapping[str, float], taste: Floats) -> Read:
    """Weigh the person's recents, regrets and hides; what weighs 0 is left out. ``taste``: (V,) of ``affinity``."""
    weigh = {**ACTION_WEIGHTS, **action_weights}
    entries = [
        (recent.occurred_at_us, recent.item_id, recent.action)
        for recent in reversed(person.recents)
    ]
    if person.hidden or person.regrets:
        entries += [
            (regret.occurred_at_us, regret.item_id, regret.action) for regret in person.regrets
        ]
        entries += [(at_us, item_id, "hide") for item_id, at_us in person.hidden.items()]
        entries.sort(key=lambda entry: entry[0])
    kept = [
        (at_us, item_id, weight, action == PURCHASE)
        for at_us, item_id, action in entries
        if (weight := weigh.get(action, 1.0))
    ]
    return Read(
        item_ids=[item_id for _, item_id, _, _ in kept],
        weights=np.array([weight for _, _, weight, _ in kept]),
        at_s=np.array([at_us for at_us, _, _, _ in kept], dtype=np.float64) / MICROSECONDS,
        bought=[bought for _, _, _, bought in kept],
        now_s=person.now_us / MICROSECONDS,
        taste=taste,
        purchases=person.bought if weigh.get(PURCHASE, 1.0) > 0.0 else (),
    )
