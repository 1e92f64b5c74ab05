"""Factors: what an ablation may change, and to what."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from slr_tune.ablation.levels import standard_levels
from slr_tune.errors import SlrTuneError
from slr_tune.space import StudySpec, faults_of, with_level
from slr_tune.training.kinds import (
    DECODING_GROUP,
    Kind,
    decoding_settings,
    is_recogniser,
    kind_of,
)
from trainables.registry import config_class

ALIASES = {
    "lr": "learning_rate",
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


@dataclass(frozen=True)
class Factor:
    """What is changed, and to what.

    Attributes:
        name: Dotted name of a setting or a group of them.
        kind: How the runs of its levels are had.
        levels: Values, or mappings for a group.
        given: Whether the levels stand in the search-space file.
    """

    name: str
    kind: Kind
    levels: tuple[Any, ...]
    given: bool = False


def find_factor(name: str, config: Mapping[str, Any], spec: StudySpec) -> Factor:
    """A factor with its levels: the file's where it gives some, else the standard ones.

    Args:
        name: Dotted name as somebody typed it.
        config: The baseline's whole configuration.
        spec: The search.

    Raises:
        SlrTuneError: Nothing is called that, or nothing but the baseline is a level of it.
    """
    known = known_factors(config, spec.trainable)
    name = full_name(name, known)
    if name not in known:
        raise SlrTuneError(f"there is no factor {name!r}", hint=_nearest_first(name, known))
    listed = {full_name(key, known): levels for key, levels in spec.factors.items()}
    given = name in listed
    levels = listed[name] if given else _possible(name, config, spec)
    if not levels:
        raise SlrTuneError(
            f"factor {name} has no other level here",
            hint=f"Give some in the search-space file: factors: {{{name}: [LEVEL, LEVEL]}}.",
        )
    return Factor(name, kind_of(name, spec.trainable), tuple(levels), given)


def full_name(name: str, known: Sequence[str]) -> str:
    """What a short name stands for; a run that has a setting of that name means it.

    Args:
        name: As somebody typed it.
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


def _nearest_first(name: str, known: Sequence[str]) -> str:
    near = get_close_matches(name, known, n=_SHOWN, cutoff=0.4)
    rest = [other for other in known if other not in near and "." not in other]
    listed = [*near, *rest]
    return f"Known, nearest first: {', '.join(listed)}."
