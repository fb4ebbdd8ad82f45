"""Commands that bring data in: history, a catalogue, definitions."""

from eachwise.cli.importing.catalogs import import_catalog
from eachwise.cli.importing.defining import define
from eachwise.cli.importing.events import import_events, take_file

__all__ = ["define", "import_catalog", "import_events", "take_file"]
