"""From frame scores to gloss sequences."""

from trainables.decoding.arpa import NgramModel, read_arpa, write_arpa
from trainables.decoding.beam import BeamDecoder
from trainables.decoding.best_path import confident_decode, greedy_decode
from trainables.decoding.kneser_ney import train_kneser_ney
from trainables.decoding.settings import BeamSettings, Hypothesis

__all__ = [
    "BeamDecoder",
    "BeamSettings",
    "Hypothesis",
    "NgramModel",
    "confident_decode",
    "greedy_decode",
    "read_arpa",
    "train_kneser_ney",
    "write_arpa",
]
