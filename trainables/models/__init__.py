"""Recognisers, and the table that names them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from trainables.errors import ConfigError
from trainables.models.base import ModelOutput, Recogniser
from trainables.models.bilstm import BiLSTM
from trainables.models.inception import Inception
from trainables.models.mobilenet import MobileNet

__all__ = [
    "ARCHITECTURES",
    "BiLSTM",
    "Inception",
    "MobileNet",
    "ModelConfig",
    "ModelOutput",
    "Recogniser",
    "build_model",
]


class ModelConfig(Protocol):
    """The settings that shape a model; `trainables.config.RunConfig` has them and more."""

    @property
    def architecture(self) -> str:
        """Name in `ARCHITECTURES`."""

    @property
    def layers(self) -> int:
        """Recurrent layers, or blocks."""

    @property
    def hidden(self) -> int:
        """Width of a layer per direction, or half the width of a block."""

    @property
    def projection(self) -> int:
        """Width that the features are first projected to."""

    @property
    def subsampling(self) -> int:
        """Input frames per output frame: 1, 2 or 4."""

    @property
    def dropout(self) -> float:
        """Share of activations dropped while training."""

    @property
    def blank_bias(self) -> float:
        """Added to the blank's output bias at the start."""


def build_model(config: ModelConfig, *, input_size: int, classes: int) -> Recogniser:
    """Builds the model that a configuration describes, from the global random state.

    Args:
        config: A run's configuration.
        input_size: Features per frame, D.
        classes: Glosses and the blank, C.

    Raises:
        trainables.errors.ConfigError: The architecture is not known, or cannot be of that size.
    """
    if config.architecture not in ARCHITECTURES:
        raise ConfigError(
            f"architecture: {config.architecture!r} is not known",
            hint=f"Known are: {', '.join(sorted(ARCHITECTURES))}.",
        )
    try:
        return ARCHITECTURES[config.architecture](
            input_size,
            classes,
            layers=config.layers,
            hidden=config.hidden,
            projection=config.projection,
            dropout=config.dropout,
            subsampling=config.subsampling,
            blank_bias=config.blank_bias,
        )
    except ValueError as error:
        raise ConfigError(f"{config.architecture}: {error}") from error


ARCHITECTURES: dict[str, Callable[..., Recogniser]] = {
    "bilstm": BiLSTM,
    "inception": Inception,
    "mobilenet": MobileNet,
}
