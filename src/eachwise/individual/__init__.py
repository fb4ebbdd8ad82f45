"""The individual: affinity, engagement, stage, value; the fold that learns them and the merge that adds them."""

from eachwise.individual.affinity import affinities, affinity_vectors
from eachwise.individual.consent import CHANNEL, EVERY_CHANNEL, consent_allows
from eachwise.individual.engagement import engagement_score
from eachwise.individual.fold import ENGAGED, fold
from eachwise.individual.merge import merge
from eachwise.individual.population import Population
from eachwise.individual.profile import profile, viewed_items
from eachwise.individual.stage import stage_of
from eachwise.individual.value import order_summary
from eachwise.individual.words import affinity_words

__all__ = [
    "CHANNEL",
    "ENGAGED",
    "EVERY_CHANNEL",
    "Population",
    "affinities",
    "affinity_vectors",
    "affinity_words",
    "consent_allows",
    "engagement_score",
    "fold",
    "merge",
    "order_summary",
    "profile",
    "stage_of",
    "viewed_items",
]
