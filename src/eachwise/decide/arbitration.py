"""What each candidate is worth now (docs/discussions/decisions.md): priority in money, every factor kept apart.

priority = p_takeup · value · lever − κ · p_disconnect − fatigue − cost          silence: 0
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
    value: Floats
    lever: Floats
    p_disconnect: Floats
    kappa: float
    fatigue: Floats
    cost: Floats

    def factors(self, row: int) -> Factors:
        """The factors of one candidate, as the record keeps them."""
        return Factors(
            p_takeup=float(self.p_takeup[row]),
            value=float(self.value[row]),
            lever=float(self.lever[row]),
            p_disconnect=float(self.p_disconnect[row]),
            kappa=self.kappa,
            fatigue=float(self.fatigue[row]),
            cost=float(self.cost[row]),
        )


def kappa_money(kappa: float, value: Floats) -> float:
    """What one disconnect costs: κ, in units of a take-up, times the candidates' mean declared value."""
    return kappa * float(value.sum()) / len(value) if len(value) else 0.0


def priorities(worth: Worth, takeup: Floats) -> Floats:
    """Priorities, with silence's 0 as one more at the end: takeup (…, K) → (…, K + 1).

    ``takeup`` is the expected P(take-up) of each candidate, or M draws of it. P(disconnect) always enters with its
    expectation: being uncertain about a harm is no reason to try it.
    """
    found = np.zeros((*takeup.shape[:-1], takeup.shape[-1] + 1))
    gain = np.multiply(takeup, worth.value * worth.lever, out=found[..., :-1])
    gain -= worth.kappa * worth.p_disconnect + worth.fatigue + worth.cost
    return found


def explorable(worth: Worth) -> Bools:
    """(K + 1,), silence last: where the expected gain covers the expected harm, p_takeup · value · lever ≥ κ ·
    p_disconnect.

    The exploration floor goes to these and to silence only: nobody is shown something for the sake of learning that
    is expected to run against the person.
    """
    found = np.ones(len(worth.value) + 1, dtype=bool)
    gain = worth.p_takeup * (worth.value * worth.lever)
    np.greater_equal(gain, worth.kappa * worth.p_disconnect, out=found[:-1])
    return found
