"""Raw JSON in the Segment spec's shape → an `Event` or a reasoned rejection; and its meaning."""

from eachwise.events.meaning import check_names, meaning_of
from eachwise.events.parse import Parsed, parse_batch, parse_call, parse_event
from eachwise.events.sent import SentBatch, SentEvent

__all__ = [
    "Parsed",
    "SentBatch",
    "SentEvent",
    "check_names",
    "meaning_of",
    "parse_batch",
    "parse_call",
    "parse_event",
]
