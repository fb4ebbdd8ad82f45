"""What each candidate is worth now (docs/discussions/decisions.md): priority in money, every factor kept apart.

priority = (p_takeup · (value + p_purchase · margin) + clv) · lever − κ · p_disconnect − fatigue − cost − price
silence: 0
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from eachwise.contracts.arrays import Bools, Floats
from eachwise.contracts.decision import Factors


@dataclass(frozen=True, slots=True, kw_only=True)
class Worth:
    """The factors of K candidates, (K,) each in money unless a probability; ``kappa`` is one for the decision."""

    p_takeup: Floats
    p_purchase: Floats
    value: Floats
    margin: Floats
    clv: Floats
    lever: Floats
    p_disconnect: Floats
    kappa: float
    fatigue: Floats
    cost: Floats
    price: Floats

    @property
    def of_takeup(self) -> Floats:
        """(K,): the money that one take-up is expected to bring, before the lever."""
        return self.value + self.p_purchase * self.margin

    def gain(self, takeup: Floats) -> Floats:
        """(…, K): the levered money of take-ups with these probabilities, lifetime value included."""
        found = takeup * (self.of_takeup * self.lever)
        found += self.clv * self.lever
        return np.asarray(found)

    def factors(self, row: int) -> Factors:
        """The factors of one candidate, as the record keeps them."""
        return Factors(
            p_takeup=self.p_takeup.item(row),
            p_purchase=self.p_purchase.item(row),
            margin=self.margin.item(row),
            clv=self.clv.item(row),
            value=self.value.item(row),
            lever=self.lever.item(row),
            p_disconnect=self.p_disconnect.item(row),
            kappa=self.kappa,
            fatigue=self.fatigue.item(row),
            cost=self.cost.item(row),
            price=self.price.item(row),
        )


def kappa_money(kappa: float, of_takeup: Floats) -> float:
    """What one disconnect costs: κ, in units of a take-up, times what a take-up of the candidates brings on average."""
    return kappa * float(of_takeup.sum()) / len(of_takeup) if len(of_takeup) else 0.0


def disconnect(hide: Floats, unsubscribe: Floats, dismiss: Floats, dismiss_share: float) -> Floats:
    """P(disconnect) = 1 − (1 − hide)(1 − unsubscribe), and a dismissal counts as this share of one; (K,), at most 1."""
    found = 1.0 - (1.0 - hide) * (1.0 - unsubscribe) + dismiss_share * dismiss
    return np.minimum(found, 1.0)


def priorities(worth: Worth, takeup: Floats, out: Floats | None = None) -> Floats:
    """Priorities, with silence's 0 as one more at the end: takeup (…, K) → (…, K + 1).

    ``takeup`` is the expected P(take-up) of each candidate, or M draws of it. P(disconnect) always enters with its
    expectation: being uncertain about a harm is no reason to try it. ``out``: where to write; ``takeup`` may lie there.
    """
    found = np.empty((*takeup.shape[:-1], takeup.shape[-1] + 1)) if out is None else out
    found[..., -1] = 0.0
    gain = np.multiply(takeup, worth.of_takeup * worth.lever, out=found[..., :-1])
    gain -= (
        worth.kappa * worth.p_disconnect
        + worth.fatigue
        + worth.cost
        + worth.price
        - worth.clv * worth.lever
    )
    return found


def explorable(worth: Worth) -> Bools:
    """(K + 1,), silence last: where the expected gain covers the expected harm, κ · p_disconnect.

    The exploration floor goes to these and to silence only: nobody is shown something for the sake of learning that
    is expected to run against the person.
    """
    found = np.ones(len(worth.value) + 1, dtype=bool)
    np.greater_equal(worth.gain(worth.p_takeup), worth.kappa * worth.p_disconnect, out=found[:-1])
    return found
