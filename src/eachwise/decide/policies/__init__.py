"""Policies: what turns scored candidates into a probability for each. One file and one registry line adds one."""

from eachwise.decide.policies.base import Policy, Scored
from eachwise.decide.policies.bounds import bounded
from eachwise.decide.policies.registry import POLICIES, SAMPLING, policy_named

__all__ = ["POLICIES", "SAMPLING", "Policy", "Scored", "bounded", "policy_named"]
