"""Files of all kinds as rows of JSON, one after another: what an import sends."""

from eachwise.cli.feeds.items import MerchantItems, items_source
from eachwise.cli.feeds.lines import JsonLines
from eachwise.cli.feeds.mapping import Mapping, read_mapping
from eachwise.cli.feeds.rows import Read, Source, digest_of
from eachwise.cli.feeds.tables import TableEvents, table_of

__all__ = [
    "JsonLines",
    "Mapping",
    "MerchantItems",
    "Read",
    "Source",
    "TableEvents",
    "digest_of",
    "items_source",
    "read_mapping",
    "table_of",
]
