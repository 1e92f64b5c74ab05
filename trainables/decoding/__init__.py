"""From frame scores to gloss sequences."""

from trainables.decoding.arpa import NgramModel, read_arpa, write_arpa
from trainables.decoding.beam import beam_decoder, fast_decoder_installed
from trainables.decoding.confidence import confident_decode
from trainables.decoding.greedy import greedy_decode
from trainables.decoding.kneser_ney import train_kneser_ney
from trainables.decoding.settings import BeamDecoder, BeamSettings, Hypothesis

__all__ = [
    "BeamDecoder",
    "BeamSettings",
    "Hypothesis",
    "NgramModel",
    "beam_decoder",
    "confident_decode",
    "fast_decoder_installed",
    "greedy_decode",
    "read_arpa",
    "train_kneser_ney",
    "write_arpa",
]
