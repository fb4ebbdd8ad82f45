"""Learning: which outcome belongs to which decision, and what a model makes of it."""

from eachwise.learn.attribution import Outcome, Unsettled, attribute
from eachwise.learn.learner import MODEL, Learner, restore
from eachwise.learn.priors import disconnect_prior, takeup_prior

__all__ = [
    "MODEL",
    "Learner",
    "Outcome",
    "Unsettled",
    "attribute",
    "disconnect_prior",
    "restore",
    "takeup_prior",
]
