"""What a person is likely to want of the catalogue: several sources, one blended score. Pure."""

from eachwise.recommend.blend import Ranking, rank, reasons, top
from eachwise.recommend.model import decode_model, encode_model, solve
from eachwise.recommend.registry import SOURCES, Source
from eachwise.recommend.statistics import WINDOW, TasteStatistics
from eachwise.recommend.views import Alignment, PersonTaste, align

__all__ = [
    "SOURCES",
    "WINDOW",
    "Alignment",
    "PersonTaste",
    "Ranking",
    "Source",
    "TasteStatistics",
    "align",
    "decode_model",
    "encode_model",
    "rank",
    "reasons",
    "solve",
    "top",
]
