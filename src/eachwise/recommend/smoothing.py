"""How transition counts become scores, for the live model and the trained one alike.

With K the distance-discounted transition counts, T_i = Σ_j K_ij, p the items' shares of all engagement and a Dirichlet
prior of a = 10 engagements, the chance to go from i to j is (K_ij + a·p_j) / (T_i + a). A person's newest items
x_1, x_2 … (weights w_k) score an item by

    S_j = Σ_k w_k γ^(k−1) √((K_{x_k j} + a p_j) / (T_{x_k} + a)) = √p_j · B + E_j
    B   = Σ_k w_k γ^(k−1) √(a / (T_{x_k} + a)),      E_j = Σ_k w_k γ^(k−1) excess(x_k, j)

and the feature is log(1 + E_j / (B √p_j)) = log S_j − log(B √p_j): what the transitions say beyond popularity, 0 where
they say nothing. The root beats plain shares (docs/discussions/measured.md); the prior keeps one lone transition in a
small shop from shouting, and where counts are large it changes nothing.
"""

from __future__ import annotations

import numpy as np

from eachwise.contracts.arrays import Floats

# Engagements of prior mass: measured from 1 to 1,000 on three data sets (docs/discussions/measured.md).
PRIOR = 10.0


def excess(counts: Floats, totals: Floats, shares: Floats) -> Floats:
    """√((K + a p) / (T + a)) − √(a p / (T + a)), elementwise; at least 0."""
    scale = 1.0 / (totals + PRIOR)
    prior = PRIOR * shares
    return np.asarray(np.sqrt((counts + prior) * scale) - np.sqrt(prior * scale))


def base(totals: Floats) -> Floats:
    """√(a / (T + a)): a row's part in B."""
    return np.asarray(np.sqrt(PRIOR / (totals + PRIOR)))
