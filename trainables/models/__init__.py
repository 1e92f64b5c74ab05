"""Recognisers, and the table that names them."""

from __future__ import annotations

from trainables.config import RunConfig
from trainables.errors import ConfigError
from trainables.models.base import Recogniser
from trainables.models.bilstm import BiLSTM
from trainables.models.inception import Inception
from trainables.models.mobilenet import MobileNet


def build_model(config: RunConfig, *, input_size: int, classes: int) -> Recogniser:
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
    settings = {name: getattr(config, name) for name in _SETTINGS}
    try:
        return ARCHITECTURES[config.architecture](input_size, classes, **settings)
    except ValueError as error:
        raise ConfigError(f"{config.architecture}: {error}") from error


_SETTINGS = ("layers", "hidden", "projection", "dropout", "subsampling", "blank_bias")

ARCHITECTURES: dict[str, type[Recogniser]] = {
    "bilstm": BiLSTM,
    "inception": Inception,
    "mobilenet": MobileNet,
}
