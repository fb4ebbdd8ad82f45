"""Every policy by name."""

from __future__ import annotations

from eachwise.contracts.errors import InvalidInput
from eachwise.decide.policies.base import Policy
from eachwise.decide.policies.epsilon_greedy import epsilon_greedy
from eachwise.decide.policies.thompson import thompson

POLICIES: dict[str, Policy] = {
    "epsilon_greedy": epsilon_greedy,
    "thompson": thompson,
}


def policy_named(name: str) -> Policy:
    """The policy of this name. Raises ``InvalidInput`` that lists those there are."""
    policy = POLICIES.get(name)
    if policy is None:
        raise InvalidInput(
            f"no policy is called {name!r}; there are {', '.join(sorted(POLICIES))}", field="policy"
        )
    return policy
