"""What of a placement's decisions only changes with a version, prepared once and kept while it is asked for."""

from __future__ import annotations

from collections import OrderedDict

from eachwise.contracts.decision import Inputs
from eachwise.decide import Layout, Plan, by_value, layout, with_model
from eachwise.flow.catalogue import kept
from eachwise.flow.compose import Versions
from eachwise.learn import MODEL as PROPENSITY
from eachwise.learn import PRIORS

# The model under which the settings are published.
SETTINGS = "settings"


class Plans:
    """Layouts by placement, catalogue and definitions; plans by the versions of propensity model and settings too."""

    def __init__(self) -> None:
        self._layouts: OrderedDict[tuple[str, int, int], Layout] = OrderedDict()
        self._plans: OrderedDict[tuple[str, int, int, int, int], Plan] = OrderedDict()

    def plan(self, inputs: Inputs, versions: Versions) -> Plan:
        """The plan for these versions, which are those that ``inputs`` names."""
        shelf, offers = versions.shelf, versions.offers
        at = (inputs.placement_id, inputs.catalog_version, inputs.definitions_version)

        def lay_out(_: object) -> Layout:
            placement = offers.placement(inputs.placement_id)
            experiences = offers.experiences(inputs.placement_id)
            turned = shelf.once("by_value", by_value)
            return layout(
                placement,
                experiences,
                shelf.index,
                shelf.select,
                turned,
                offers.groups,
                offers.definitions.contact,
                offers.transactional,
            )

        def prepare(_: object) -> Plan:
            draws = versions.settings.decide.thompson_draws
            return with_model(kept(self._layouts, at, lay_out), versions.propensity, PRIORS, draws)

        return kept(self._plans, (*at, inputs.models[PROPENSITY], inputs.models[SETTINGS]), prepare)
