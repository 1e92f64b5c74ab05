"""The beam search that an arm is measured by."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from trainables.data import Dataset
from trainables.decoding import BeamDecoder, BeamSettings
from trainables.decoding.build import training_language_model


def beam_decoder(settings: Mapping[str, Any], data: Dataset) -> BeamDecoder:
    """Makes it ready.

    Args:
        settings: By the names of `BeamSettings`.
        data: Its training glosses are what the language model is estimated from, as for a run that
            recognises dev by beam while it trains.

    Raises:
        ConfigError: A setting is out of range.
    """
    beam = BeamSettings(**settings)
    model = training_language_model(data) if beam.lm_weight > 0 else None
    return BeamDecoder(data.vocabulary, beam, language_model=model)
