"""The configuration of a space that needs the most memory."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import torch

from slr_tune.space import Point, StudySpec
from trainables.config import RunConfig
from trainables.data import Dataset
from trainables.models import build_model

_BYTES = 4
_COPIES_OF_WEIGHTS = 4
"""Weights, gradient, and Adam's two means."""
_COPIES_OF_ACTIVATIONS = 12
"""Of a layer's output, with gates and gradients: a rough upper figure for all architectures."""
_COPIES_OF_SCORES = 6
_ROUNDS = 2


def largest_config(spec: StudySpec, data: Dataset) -> dict[str, Any]:
    """Climbs from the middle of the space, one parameter at a time, by the estimated memory.

    Args:
        spec: The search.
        data: Its data: the longest utterances count.

    Returns:
        The whole configuration of the largest run that was found.
    """
    params: dict[str, Any] = {}
    best = _config(spec, params)
    most = estimated_bytes(best, data)
    for _ in range(_ROUNDS):
        before = most
        for option in _options(spec):
            config = _config(spec, {**params, **option})
            size = estimated_bytes(config, data)
            if size > most:
                best, most, params = config, size, {**params, **option}
        if most == before:
            break
    return best


def probed_configs(spec: StudySpec) -> Iterator[dict[str, Any]]:
    """The middle of the space, and each parameter's ends from there, one at a time."""
    yield _config(spec, {})
    for option in _options(spec):
        yield _config(spec, option)


def _options(spec: StudySpec) -> Iterator[dict[str, Any]]:
    """Each parameter at each of its ends."""
    for parameter in spec.space.parameters:
        for _, value in parameter.probes() if parameter.keys else ():
            yield parameter.encode(value)


def model_parameters(config: Mapping[str, Any], data: Dataset) -> tuple[int, tuple[int, ...]]:
    """Numbers in the model of a configuration, and the widths of its layers; none is allocated."""
    known = {key: value for key, value in config.items() if key in RunConfig.model_fields}
    with torch.device("meta"):
        model = build_model(
            RunConfig.model_validate(known),
            input_size=data.feature_size,
            classes=len(data.vocabulary),
        )
    return sum(parameter.numel() for parameter in model.parameters()), model.hidden_sizes


def _config(spec: StudySpec, params: Mapping[str, Any]) -> dict[str, Any]:
    return spec.config_for(spec.space.suggest(Point(params)))


def estimated_bytes(config: Mapping[str, Any], data: Dataset) -> int:
    """A rough figure for the memory of a training step, without the libraries' own."""
    parameters, widths = model_parameters(config, data)
    longest = max(split.longest for split in data.statistics[:2])
    if config["truncate_frames"] is not None:
        longest = min(longest, config["truncate_frames"])
    frames = config["batch_size"] * longest
    per_frame = data.feature_size * 2 + (
        _COPIES_OF_ACTIVATIONS * sum(widths) + _COPIES_OF_SCORES * len(data.vocabulary)
    ) // int(config["subsampling"])
    return int(_BYTES * (_COPIES_OF_WEIGHTS * parameters + frames * per_frame))
