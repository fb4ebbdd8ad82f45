"""A simulated frozen-food shop whose truth is known.

Read in this order: vocabulary, dishes, catalogue, experiences, tastes, people, browsing,
event_writer, response, campaigns, truth, shop.
"""

from eachwise.worlds.frozen.campaigns import CAMPAIGN_NAMES, Campaign
from eachwise.worlds.frozen.experiences import SILENCE
from eachwise.worlds.frozen.people import Group
from eachwise.worlds.frozen.response import Response, Responses
from eachwise.worlds.frozen.settings import FrozenFoodSettings
from eachwise.worlds.frozen.shop import FrozenFoodShop
from eachwise.worlds.frozen.truth import TruthReport

__all__ = [
    "CAMPAIGN_NAMES",
    "SILENCE",
    "Campaign",
    "FrozenFoodSettings",
    "FrozenFoodShop",
    "Group",
    "Response",
    "Responses",
    "TruthReport",
]
