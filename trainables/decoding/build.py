"""The decoder that a run's settings name."""

from __future__ import annotations

from trainables.config import Decoding
from trainables.data import Dataset
from trainables.decoding.arpa import NgramModel
from trainables.decoding.beam import BeamDecoder
from trainables.decoding.kneser_ney import train_kneser_ney
from trainables.decoding.settings import BeamSettings

LM_ORDER = 3
"""Order of the language model that a run's beam search uses."""


def training_language_model(data: Dataset, *, order: int = LM_ORDER) -> NgramModel:
    """An n-gram model of the training glosses that knows every gloss of the vocabulary."""
    return train_kneser_ney(data.train.references, order=order, vocabulary=data.vocabulary[1:])


def build_decoder(decoding: Decoding, data: Dataset) -> BeamDecoder | None:
    """The beam search of a run; None for greedy decoding.

    Args:
        decoding: Settings of the run.
        data: Its training glosses are what the language model is estimated from.
    """
    settings = beam_settings(decoding)
    return None if settings is None else beam_decoder(settings, data)


def beam_decoder(settings: BeamSettings, data: Dataset) -> BeamDecoder:
    """A beam search with the language model that a run recognises dev by while it trains."""
    model = training_language_model(data) if settings.lm_weight > 0 else None
    return BeamDecoder(data.vocabulary, settings, language_model=model)


def beam_settings(decoding: Decoding) -> BeamSettings | None:
    """Settings of a run's beam search; None for greedy decoding."""
    if decoding.method == "greedy":
        return None
    # The configuration fills in what a beam search needs.
    return BeamSettings(**decoding.model_dump(exclude={"method"}))
