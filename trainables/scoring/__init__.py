"""Hypotheses and references from files, and their errors: what `slr-tune score` is made of."""

from trainables.scoring.alignment import Edit, count_errors
from trainables.scoring.pairing import Utterance, counted_like_sclite, read_pairs
from trainables.scoring.score import Score, score

__all__ = [
    "Edit",
    "Score",
    "Utterance",
    "count_errors",
    "counted_like_sclite",
    "read_pairs",
    "score",
]
