"""Commands that bring data in: history, a catalogue, definitions."""

from eachwise.cli.importing.catalogs import import_catalog
from eachwise.cli.importing.defining import define
from eachwise.cli.importing.events import import_events, take_file
from eachwise.cli.importing.exposures import import_exposures

__all__ = ["define", "import_catalog", "import_events", "import_exposures", "take_file"]
