"""Learning: which outcome belongs to which decision, and what a model makes of it."""

from eachwise.learn.attribution import Answer, Returned, answer_in, concerns, credited
from eachwise.learn.guard import Closed, Monitor, Verdict, judge
from eachwise.learn.learner import MODEL, Draft, Learner, finished, restore
from eachwise.learn.priors import PRIORS

__all__ = [
    "MODEL",
    "PRIORS",
    "Answer",
    "Closed",
    "Draft",
    "Learner",
    "Monitor",
    "Returned",
    "Verdict",
    "answer_in",
    "concerns",
    "credited",
    "finished",
    "judge",
    "restore",
]
