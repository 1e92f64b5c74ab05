"""Factors: what an ablation may change, and to what: the file's levels, else standard ones."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, Literal, get_args, get_origin

from pydantic import BaseModel

from slr_tune.errors import SlrTuneError
from slr_tune.space import (
    ChoiceParameter,
    FloatParameter,
    IntParameter,
    StudySpec,
    faults_of,
    look_up,
    with_level,
)
from slr_tune.space.short_names import SHORT_NAMES
from slr_tune.training.kinds import DECODING_GROUP, Kind, decoding_settings, kind_of
from trainables.registry import config_class, is_recogniser

ALIASES = {
    **SHORT_NAMES,
    "lm": "lm_weight",
    "beam": "beam_width",
    "decoding.width": "beam_width",
    "decoding.lm_weight": "lm_weight",
    "decoding.gloss_bonus": "gloss_bonus",
}
"""Short names that people type, and the names of decoding settings in a configuration."""

_NO_FACTORS = {"device", "checkpoint_every", "teacher_cache"}
"""Settings that change no result."""
_SHOWN = 12

_FIXED: dict[str, list[Any]] = {
    "temperature": [
        {"schedule": "constant", "start": 1.0},
        {"schedule": "constant", "start": 3.0},
        {"schedule": "constant", "start": 4.0},
        {"schedule": "step", "start": 4.0, "end": 3.0, "milestones": [0.375, 0.875]},
        {"schedule": "linear", "start": 4.0, "end": 3.0},
        {"schedule": "cosine", "start": 4.0, "end": 3.0},
    ],
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


@dataclass(frozen=True)
class Factor:
    """What is changed, and to what.

    Attributes:
        name: Dotted name of a setting or a group of them.
        kind: How the runs of its levels are had.
        levels: Values, or mappings for a group.
        given: Whether the levels are in the search-space file.
    """

    name: str
    kind: Kind
    levels: tuple[Any, ...]
    given: bool = False


def find_factor(name: str, config: Mapping[str, Any], spec: StudySpec) -> Factor:
    """A factor with its levels: the file's where it gives some, else the standard ones.

    Args:
        name: Dotted name, as typed.
        config: The baseline's whole configuration.
        spec: The search.

    Raises:
        SlrTuneError: Nothing is called that, or nothing but the baseline is a level of it.
    """
    known, typed = known_factors(config, spec.trainable), name
    name = full_name(name, known)
    if name not in known:
        raise SlrTuneError(f"there is no factor {typed!r}", hint=_factor_hint(typed, known))
    listed = {full_name(key, known): levels for key, levels in spec.factors.items()}
    given = name in listed
    levels = listed[name] if given else _possible(name, config, spec)
    if not levels:
        raise SlrTuneError(
            f"factor {name} has no other level",
            hint=f"Give some in the search-space file: factors: {{{name}: [LEVEL, LEVEL]}}.",
        )
    return Factor(name, kind_of(name, spec.trainable), tuple(levels), given)


def full_name(name: str, known: Sequence[str]) -> str:
    """What a short name stands for; a run that has a setting of that name means it.

    Args:
        name: Name, as typed.
        known: All factors there are.
    """
    return name if name in known else ALIASES.get(name, name)


def _possible(name: str, config: Mapping[str, Any], spec: StudySpec) -> list[Any]:
    """The standard levels that the run takes: three times a share may be more than all."""
    levels = standard_levels(name, config, spec)
    if kind_of(name, spec.trainable) is Kind.DECODING:
        return levels
    model = config_class(spec.trainable)
    return [level for level in levels if not faults_of(model, with_level(config, name, level))]


def known_factors(config: Mapping[str, Any], trainable: str) -> list[str]:
    """Names of all factors of a configuration: settings, groups, what is inside, decoding."""
    names: list[str] = []
    for key, value in config.items():
        if key in _NO_FACTORS or key == DECODING_GROUP:
            continue
        names.append(key)
        if isinstance(value, Mapping):
            names += [f"{key}.{inner}" for inner in value]
    if not is_recogniser(trainable):
        return names
    return [*names, DECODING_GROUP, *decoding_settings()]


def _factor_hint(name: str, known: Sequence[str]) -> str:
    """What was meant: two factors in one word, a level next to its factor, or a misspelt one."""
    parts = [full_name(part.strip(), known) for part in name.split(",")]
    if len(parts) > 1 and all(part in known for part in parts):
        return f"One option for each: {' '.join(f'--factor {part}' for part in parts)}"
    key = full_name(name.partition("=")[0], known)
    if "=" in name and key in known:
        return f"Give the name alone: --factor {key}. Its levels stand under factors in the space."
    return _nearest_first(name, known)


def _nearest_first(name: str, known: Sequence[str]) -> str:
    ends = {f".{name}", f".{ALIASES.get(name, name)}"}
    inside = [other for other in known if any(map(other.endswith, ends))]
    close = get_close_matches(name, known, n=_SHOWN, cutoff=0.4)
    near = [*inside, *(other for other in close if other not in inside)]
    rest = [other for other in known if other not in near and "." not in other]
    return f"Known, nearest first: {', '.join([*near, *rest])}."


def overlap(one: str, other: str) -> bool:
    """Whether one of two factors is the other, or a group that it is in."""
    names = [
        f"{DECODING_GROUP}.{name}" if name in decoding_settings() else name for name in (one, other)
    ]
    shorter, longer = sorted(names, key=len)
    return longer == shorter or longer.startswith(f"{shorter}.")


def standard_levels(factor: str, config: Mapping[str, Any], spec: StudySpec) -> list[Any]:
    """Levels of a factor, the baseline's own among them or not; it is left out where it is.

    Args:
        factor: Dotted name.
        config: The baseline's whole configuration.
        spec: The search, for choices and for `max_epochs`.

    Returns:
        Values, or mappings for a group; none where no default makes sense. Of a custom run a
        setting may be called as a built-in one and mean something else: there its type and its
        value say what levels it has.
    """
    value = look_up(config, factor.split("."))
    if factor == "max_epochs":
        return sorted({max(1, round(int(value) * share)) for share in (1 / 2, 3 / 4, 1)})
    named = _by_name(factor, value, config) if is_recogniser(spec.trainable) else []
    found = named or _of_space(factor, spec) or _of_type(factor, value, spec)
    searched = _of_range(factor, spec)
    around = _around(value)
    return found or (searched if value == 0 else []) or around or searched


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
        rise = {"one_cycle": {"warmup_epochs": 0.0}}  # over its own share of the run
        return [{**value, "name": name, **rise.get(name, {})} for name in names]
    if factor == "augmentation":
        off = dict.fromkeys(value, 0.0)
        return [{**off, name: 0.1} for name in off]
    return []


def without_terms(weights: Mapping[str, float]) -> dict[str, dict[str, float]]:
    """The loss weights less one term each, the others scaled up to 1, by the term's name.

    Terms that are 0 already, and those without which nothing is left, are not levels.
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
    return list(get_args(annotation)) if get_origin(annotation) is Literal else []


def _annotation(factor: str, spec: StudySpec) -> Any:
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
        third, threefold = (float(f"{value * factor:.3g}") for factor in (1 / 3, 3))
        return [third, value, threefold]  # its own value unrounded: it is no other level
    return []
