"""The individual: affinity, engagement, stage, value; the fold that learns them and the merge that adds them."""

from eachwise.individual.affinity import Reference, affinities, affinity_vectors, reference_of
from eachwise.individual.browsers import public_traits, subscriptions, without_subscriptions
from eachwise.individual.consent import (
    CHANNEL,
    EVERY_CHANNEL,
    address_of,
    bounced,
    consent_allows,
    parts_of_key,
    stated_by,
)
from eachwise.individual.crowd import Crowd, crowd_affinity
from eachwise.individual.engagement import engagement_score
from eachwise.individual.facets import facets_of, multiples
from eachwise.individual.fold import ENGAGED, contact_of, fold
from eachwise.individual.hours import PopulationHours, bin_of, local_moment, outbound_answers
from eachwise.individual.kinship import Kinship, kinship_of
from eachwise.individual.merge import merge
from eachwise.individual.population import Population
from eachwise.individual.profile import profile, viewed_items
from eachwise.individual.sendtime import SendTime, send_time
from eachwise.individual.stage import stage_of
from eachwise.individual.value import order_summary
from eachwise.individual.words import affinity_words

__all__ = [
    "CHANNEL",
    "ENGAGED",
    "EVERY_CHANNEL",
    "Crowd",
    "Kinship",
    "Population",
    "PopulationHours",
    "Reference",
    "SendTime",
    "address_of",
    "affinities",
    "affinity_vectors",
    "affinity_words",
    "bin_of",
    "bounced",
    "consent_allows",
    "contact_of",
    "crowd_affinity",
    "engagement_score",
    "facets_of",
    "fold",
    "kinship_of",
    "local_moment",
    "merge",
    "multiples",
    "order_summary",
    "outbound_answers",
    "parts_of_key",
    "profile",
    "public_traits",
    "reference_of",
    "send_time",
    "stage_of",
    "stated_by",
    "subscriptions",
    "viewed_items",
    "without_subscriptions",
]
