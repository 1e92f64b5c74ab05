"""The levels that a factor has where the search-space file gives none."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Literal, get_args, get_origin

from pydantic import BaseModel

from slr_tune.space import ChoiceParameter, FloatParameter, IntParameter, StudySpec, look_up
from slr_tune.training.kinds import is_recogniser

_TEMPERATURES: list[dict[str, Any]] = [
    {"schedule": "constant", "start": 1.0},
    {"schedule": "constant", "start": 3.0},
    {"schedule": "constant", "start": 4.0},
    {"schedule": "step", "start": 4.0, "end": 3.0, "milestones": [0.375, 0.875]},
    {"schedule": "linear", "start": 4.0, "end": 3.0},
    {"schedule": "cosine", "start": 4.0, "end": 3.0},
]

_FIXED: dict[str, list[Any]] = {
    "temperature": _TEMPERATURES,
    "dropout": [0.0, 0.2, 0.4],
    "label_smoothing": [0.0, 0.1],
    "weight_decay": [0.0, 1.0e-4, 1.0e-2],
    "decoding": [{"method": "greedy"}, {"method": "beam"}],
    "beam_width": [1, 5, 10, 25],
    "lm_weight": [0.0, 0.3, 0.6, 0.9],
    "gloss_bonus": [0.0, 1.0],
    "token_min_log_prob": [-3.0, -5.0, -8.0],
}

WEIGHT_NAMES = {"alpha": "soft targets", "beta": "hard labels", "gamma": "features"}
"""What each loss weight stands for."""


def standard_levels(factor: str, config: Mapping[str, Any], spec: StudySpec) -> list[Any]:
    """Levels of a factor, the baseline's own among them or not; it is left out where it is.

    Args:
        factor: Dotted name.
        config: The baseline's whole configuration.
        spec: The search, for choices and for `max_epochs`.

    Returns:
        Values, or mappings for a group; none where no default makes sense. Of a user's own run a
        setting may be called as a built-in one and mean something else: there its type and its
        value say what levels it has.
    """
    value = look_up(config, factor.split("."))
    if factor == "max_epochs":
        return sorted({max(1, round(int(value) * share)) for share in (1 / 2, 3 / 4, 1)})
    named = _by_name(factor, value, config) if is_recogniser(spec.trainable) else []
    found = named or _of_space(factor, spec) or _of_type(factor, value, spec) or _around(value)
    return found or _of_range(factor, spec)


def _by_name(factor: str, value: Any, config: Mapping[str, Any]) -> list[Any]:
    """Levels of a built-in run's setting; none where its name says none."""
    if factor in _FIXED:
        return list(_FIXED[factor])
    if factor == "loss_weights":
        return list(without_terms(value).values())
    if factor == "patience":
        whole = int(config["max_epochs"])
        return sorted({max(1, round(whole * share)) for share in (1 / 6, 1 / 3, 1 / 2, 1)})
    if factor == "learning_rate_schedule":
        names = ("constant", "cosine", "cosine_restarts", "one_cycle")
        return [{**value, "name": name} for name in names]
    if factor == "augmentation":
        off = dict.fromkeys(value, 0.0)
        return [{**off, name: 0.1} for name in off]
    return []


def without_terms(weights: Mapping[str, float]) -> dict[str, dict[str, float]]:
    """The loss weights less one term each, the others scaled up to 1, by the term's name.

    Terms that are 0 already, and those without which nothing is left, are no levels.
    """
    levels = {}
    for name in weights:
        rest = {key: value for key, value in weights.items() if key != name}
        total = sum(rest.values())
        if weights[name] > 0 and total > 0:
            scaled = {key: 0.0 if key == name else weights[key] / total for key in weights}
            levels[name] = scaled
    return levels


def _of_space(factor: str, spec: StudySpec) -> list[Any]:
    """The options of a choice of the space."""
    for parameter in spec.space.parameters:
        if isinstance(parameter, ChoiceParameter) and parameter.name == factor:
            return list(parameter.options) if parameter.when is None else []
    return []


def _of_type(factor: str, value: Any, spec: StudySpec) -> list[Any]:
    """All values of a setting that has only a few."""
    if isinstance(value, bool):
        return [False, True]
    annotation = _annotation(factor, spec)
    if get_origin(annotation) is Literal:
        return list(get_args(annotation))
    return []


def _annotation(factor: str, spec: StudySpec) -> Any:
    from trainables.registry import config_class

    model: Any = config_class(spec.trainable)
    for key in factor.split("."):
        if not (isinstance(model, type) and issubclass(model, BaseModel)):
            return None
        field = model.model_fields.get(key)
        model = None if field is None else field.annotation
    return model


def _of_range(factor: str, spec: StudySpec) -> list[Any]:
    """Both ends of what the space searches and the middle, for a number around which is nothing."""
    for parameter in spec.space.parameters:
        if isinstance(parameter, FloatParameter | IntParameter) and parameter.name == factor:
            low, high = parameter.low, parameter.high
            middle = math.sqrt(low * high) if parameter.log else (low + high) / 2
            if isinstance(parameter, IntParameter):
                return sorted({low, round(middle), high})
            return [low, float(f"{middle:.3g}"), high]
    return []


def _around(value: Any) -> list[Any]:
    """Three values around a number: half and double of a whole one, a third and three times."""
    if isinstance(value, int):
        return sorted({max(1, value // 2), value, value * 2})
    if isinstance(value, float) and value > 0:
        return [float(f"{value * factor:.3g}") for factor in (1 / 3, 1, 3)]
    return []
