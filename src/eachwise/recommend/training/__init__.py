"""Training: which models fit this shop, how much each weighs, and how good the whole is on what it did not see."""

from eachwise.recommend.trained import decode_trained, encode_trained
from eachwise.recommend.training.options import TrainingOptions
from eachwise.recommend.training.run import train
from eachwise.recommend.training.summary import summary_of, worse_than_in_use

__all__ = [
    "TrainingOptions",
    "decode_trained",
    "encode_trained",
    "summary_of",
    "train",
    "worse_than_in_use",
]
