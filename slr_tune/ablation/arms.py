"""Arms: the baseline with one factor set to one level."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from slr_tune.ablation.factors import WEIGHT_NAMES, Factor, without_terms
from slr_tune.ablation.naming import beam_text, level_text
from slr_tune.errors import Problem, SlrTuneError, SpecError
from slr_tune.space import MISSING, faults_of, look_up, validated, with_level
from slr_tune.training.kinds import (
    DECODING_GROUP,
    Config,
    Kind,
    beam_of,
    configured_beam,
    decoding_settings,
)
from slr_tune.training.runs import Arm
from trainables.registry import config_class, is_recogniser

BASELINE = "baseline"
WHOLE_GROUPS = ("temperature", "loss_weights")
"""Groups whose levels are named as a whole."""
_NO_LANGUAGE_MODEL = {"lm_weight": 0.0, "gloss_bonus": 0.0}
"""The beam search that a decoding factor changes where the baseline has none."""


def resolve(trainable: str, plain: Config, *, what: str) -> dict[str, Any]:
    """A whole configuration, checked, as JSON.

    Args:
        trainable: Name of the run.
        plain: Settings by name.
        what: Whose they are, for the error.

    Raises:
        SpecError: The trainable refuses them.
    """
    model = config_class(trainable)
    faults = faults_of(model, plain)
    if faults:
        raise SpecError([Problem(f"{what}: {'.'.join(f.path)}", f.message) for f in faults])
    checked: dict[str, Any] = validated(model, plain).model_dump(mode="json")
    return checked


def make_arms(
    baseline: Config, factors: Sequence[Factor], *, trainable: str, crossed: bool, controls: bool
) -> list[Arm]:
    """The baseline and the arms of some factors, one at a time or crossed, and control arms.

    Raises:
        SlrTuneError: As the functions for each kind of arm.
    """
    arms = [Arm(BASELINE, baseline, trainable)]
    if factors:
        arms = (factorial if crossed else one_at_a_time)(baseline, factors, trainable=trainable)
    return arms + (control_arms(baseline, trainable=trainable) if controls else [])


def one_at_a_time(baseline: Config, factors: Sequence[Factor], *, trainable: str) -> list[Arm]:
    """The baseline, and an arm for every level of every factor that differs from it.

    With one factor the baseline bears the name of its level.

    Raises:
        SpecError: A level is refused by the trainable.
        SlrTuneError: No level differs from the baseline.
    """
    arms = [_baseline_arm(baseline, factors, trainable)]
    if len(factors) == 1:
        arms = [replace(arms[0], name=_baseline_level(factors[0], baseline))]
    for factor in factors:
        before = len(arms)
        for level in factor.levels:
            _add(arms, _arm(baseline, [(factor, level)], trainable=trainable))
        if len(arms) == before:
            raise SlrTuneError(
                f"factor {factor.name}: every level equals the baseline's",
                hint="Give other levels in the search-space file, section factors.",
            )
    return _unique_names(arms)


def factorial(baseline: Config, factors: Sequence[Factor], *, trainable: str) -> list[Arm]:
    """The baseline, and all combinations of all levels, the baseline's levels among them.

    Raises:
        SpecError: A combination is refused by the trainable.
    """
    choices = [[(factor, level) for level in (MISSING, *factor.levels)] for factor in factors]
    arms = [_baseline_arm(baseline, factors, trainable)]
    for chosen in itertools.product(*choices):
        _add(arms, _arm(baseline, chosen, trainable=trainable))
    return _unique_names(arms)


def _baseline_arm(baseline: Config, factors: Sequence[Factor], trainable: str) -> Arm:
    levels = {factor.name: _baseline_level(factor, baseline) for factor in factors}
    return Arm(BASELINE, baseline, trainable, levels)


def _add(arms: list[Arm], arm: Arm) -> None:
    """Adds an arm unless one of another name is the same."""
    same = (arm.config, arm.trainable, arm.beam)
    if all(same != (other.config, other.trainable, other.beam) for other in arms):
        arms.append(arm)


def control_arms(baseline: Config, *, trainable: str) -> list[Arm]:
    """Control arms for a reviewer: is it the teacher, or just longer training or smoothing?

    Raises:
        SlrTuneError: The run has no teacher, or the baseline no soft targets.
    """
    weights = baseline.get("loss_weights")
    if trainable != "distill" or not isinstance(weights, Mapping) or weights["alpha"] == 0:
        raise SlrTuneError(
            "control arms need a distillation whose baseline has soft targets",
            hint="Leave out --controls, or take a baseline with loss_weights.alpha above 0.",
        )
    alone = {"alpha": 0.0, "beta": 1.0, "gamma": 0.0}
    soft_less = without_terms(weights).get("alpha", alone)
    plain = with_level(baseline, "loss_weights", alone)
    plain["patience"] = baseline["max_epochs"]
    smoothed = with_level(baseline, "loss_weights", soft_less if soft_less["beta"] else alone)
    smoothed["label_smoothing"] = max(0.1, float(baseline["label_smoothing"]))
    shuffled = "slr_tune.ablation.shuffled_teacher:ShuffledTeacherRun"
    described = [
        ("no distillation", plain, trainable, "trained to max_epochs whatever its patience"),
        ("label smoothing instead of soft targets", smoothed, trainable, ""),
        ("shuffled teacher", dict(baseline), shuffled, "soft targets of another utterance"),
    ]
    return [
        Arm(name, resolve(run, config, what=name), run, {"control": name}, note=note)
        for name, config, run, note in described
    ]


def _arm(baseline: Config, chosen: Sequence[tuple[Factor, Any]], *, trainable: str) -> Arm:
    """The baseline at some levels; MISSING stands for what it has, as None may be a level."""
    config = dict(baseline)
    decoding: dict[str, float] | None = None
    changes = [(factor, level) for factor, level in chosen if level is not MISSING]
    kinds = {factor.kind for factor, _ in changes}
    for factor, level in changes:
        if factor.name == DECODING_GROUP:
            decoding = beam_of(level)
        elif factor.kind is Kind.DECODING:
            under = decoding or configured_beam(baseline) or beam_of(_NO_LANGUAGE_MODEL)
            decoding = {**under, decoding_settings()[factor.name]: level}
        else:
            config = with_level(config, factor.name, level)
    what = ", ".join(f"{factor.name}={level}" for factor, level in changes)
    checked = resolve(trainable, config, what=what)
    levels = {
        factor.name: _named(factor, level, checked, baseline, trainable) for factor, level in chosen
    }
    name = " + ".join(levels.values())
    kind = next((kind for kind in Kind if kind in kinds), Kind.TRAINED)
    return Arm(name, checked, trainable, levels, kind, decoding)


def _named(factor: Factor, level: Any, config: Config, baseline: Config, trainable: str) -> str:
    """A level's name, of a group only what differs from the baseline."""
    if level is MISSING:
        return _baseline_level(factor, baseline)
    if factor.name == DECODING_GROUP:
        return beam_text(beam_of(level))
    if factor.kind is Kind.DECODING:
        return level_text(factor.name, level)
    path = factor.name.split(".")
    new, old = look_up(config, path), look_up(baseline, path)
    if factor.name == "loss_weights" and is_recogniser(trainable):
        for term, weights in without_terms(old).items():
            # A file's decimals are rounded.
            if all(abs(weights[key] - new[key]) < 1e-3 for key in weights):
                return f"without {WEIGHT_NAMES.get(term, term)}"
    groups = isinstance(new, Mapping) and isinstance(old, Mapping)
    if groups and factor.name not in WHOLE_GROUPS:
        new = {key: value for key, value in new.items() if old.get(key) != value} or old
    return level_text(factor.name, new)


def _baseline_level(factor: Factor, baseline: Config) -> str:
    """The baseline's level, of a group only what some level changes."""
    if factor.kind is Kind.DECODING:
        beam = configured_beam(baseline)
        if factor.name == DECODING_GROUP or not beam:
            return beam_text(beam)
        return level_text(factor.name, beam[decoding_settings()[factor.name]])
    value = look_up(baseline, factor.name.split("."))
    if isinstance(value, Mapping) and factor.name not in WHOLE_GROUPS:
        levels = [level for level in factor.levels if isinstance(level, Mapping)]
        changed = {k: v for k, v in value.items() if any(lv.get(k, v) != v for lv in levels)}
        value = changed or value
    return level_text(factor.name, value)


def _unique_names(arms: Sequence[Arm]) -> list[Arm]:
    """Two arms of one name would be one row."""
    seen: Counter[str] = Counter()
    result = []
    for arm in arms:
        seen[arm.name] += 1
        count = seen[arm.name]
        result.append(arm if count == 1 else replace(arm, name=f"{arm.name} ({count})"))
    return result
