"""Product feeds of other systems → items. Pure: pieces of files in, fields and items out."""

from eachwise.catalog.feeds.merchant import Unusable, raw_item
from eachwise.catalog.feeds.tsv import tsv_entries
from eachwise.catalog.feeds.xml import Entry, FeedReader

__all__ = ["Entry", "FeedReader", "Unusable", "raw_item", "tsv_entries"]
