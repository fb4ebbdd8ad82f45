"""Learning: which outcome belongs to which decision, and what a model makes of it."""

from eachwise.learn.attribution import Answer, Outcome, answer_in, concerns
from eachwise.learn.learner import MODEL, Learner, restore
from eachwise.learn.priors import disconnect_prior, takeup_prior

__all__ = [
    "MODEL",
    "Answer",
    "Learner",
    "Outcome",
    "answer_in",
    "concerns",
    "disconnect_prior",
    "restore",
    "takeup_prior",
]
