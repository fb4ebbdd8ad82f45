"""Every policy by name."""

from __future__ import annotations

from eachwise.contracts.errors import InvalidInput
from eachwise.decide.policies.base import Policy
from eachwise.decide.policies.epsilon_greedy import epsilon_greedy
from eachwise.decide.policies.inverse_gap_weighting import inverse_gap_weighting
from eachwise.decide.policies.pairwise_matching import pairwise_matching
from eachwise.decide.policies.softmax import softmax
from eachwise.decide.policies.thompson import thompson
from eachwise.decide.policies.top_two import top_two

POLICIES: dict[str, Policy] = {
    "epsilon_greedy": epsilon_greedy,
    "inverse_gap_weighting": inverse_gap_weighting,
    "pairwise_matching": pairwise_matching,
    "softmax": softmax,
    "thompson": thompson,
    "top_two": top_two,
}

# Those that look at draws of the model; the others are spared them.
SAMPLING = frozenset({"pairwise_matching", "thompson", "top_two"})


def policy_named(name: str) -> Policy:
    """The policy of this name. Raises ``InvalidInput`` that lists those there are."""
    policy = POLICIES.get(name)
    if policy is None:
        raise InvalidInput(
            f"no policy is called {name!r}; there are {', '.join(sorted(POLICIES))}", field="policy"
        )
    return policy
