"""Hypotheses and references from files, and their errors: what `slr-tune score` is made of."""

from trainables.score_files.alignment import Edit, count_errors
from trainables.score_files.pairing import Utterance, counted_like_sclite, read_pairs
from trainables.score_files.score import Score, score

__all__ = [
    "Edit",
    "Score",
    "Utterance",
    "count_errors",
    "counted_like_sclite",
    "read_pairs",
    "score",
]
