"""What a person is likely to want of the catalogue: several models, one blended score. Pure."""

from eachwise.recommend.blend import Ranking, rank, reasons, scores_at, top
from eachwise.recommend.bound import UNTRAINED
from eachwise.recommend.calibration import (
    Facets,
    Mix,
    Tastes,
    counted,
    divergence,
    facets_of,
    mix_of,
    tastes_of,
)
from eachwise.recommend.carry import carry_on
from eachwise.recommend.diversity import Likeness, alike, entries_of, likeness_of
from eachwise.recommend.histories import SESSION_GAP_S, history_before, history_of
from eachwise.recommend.increments import Live, apply, grow, nothing
from eachwise.recommend.model import solve
from eachwise.recommend.models.affinity import taste_of
from eachwise.recommend.registry import MODELS
from eachwise.recommend.repetition import mask_of, spent
from eachwise.recommend.slate import (
    Standing,
    Stock,
    Wishes,
    new_items,
    slate,
    standing,
    with_trial,
)
from eachwise.recommend.statistics import WINDOW, Counted, TasteStatistics
from eachwise.recommend.trained import decode_trained, encode_trained
from eachwise.recommend.views import ACTION_WEIGHTS, PURCHASE, PersonTaste, check_actions

__all__ = [
    "ACTION_WEIGHTS",
    "MODELS",
    "PURCHASE",
    "SESSION_GAP_S",
    "UNTRAINED",
    "WINDOW",
    "Counted",
    "Facets",
    "Likeness",
    "Live",
    "Mix",
    "PersonTaste",
    "Ranking",
    "Standing",
    "Stock",
    "TasteStatistics",
    "Tastes",
    "Wishes",
    "alike",
    "apply",
    "carry_on",
    "check_actions",
    "counted",
    "decode_trained",
    "divergence",
    "encode_trained",
    "entries_of",
    "facets_of",
    "grow",
    "history_before",
    "history_of",
    "likeness_of",
    "mask_of",
    "mix_of",
    "new_items",
    "nothing",
    "rank",
    "reasons",
    "scores_at",
    "slate",
    "solve",
    "spent",
    "standing",
    "taste_of",
    "tastes_of",
    "top",
    "with_trial",
]
