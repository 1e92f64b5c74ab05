"""The configuration as a function of the epoch: what shapes the state that epoch e leaves.

Two runs with the same seed, data and teacher whose keys agree in epochs 1..k have the same bits
after epoch k, on one machine. So a key may leave out what has no effect in an epoch, and nothing
else: sharing is exact or it is not done. Each case below names the code that it relies on.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from functools import cache
from typing import Any

from slr_tune.training.kinds import Config, stopping_settings
from trainables.registry import BUILT_IN_NAMES
from trainables.runs.schedules import temperature_at

_NO_EFFECT = frozenset({"checkpoint_every", "teacher_cache", "data_on_device"})
"""Settings that change what is stored, and nothing that is computed."""


def epoch_key(trainable: str, config: Config, epoch: int) -> str:
    """Names what a run's epoch does, as canonical JSON.

    Args:
        trainable: Name of the run. Only for the built-in ones it is known what a setting does
            when; of any other run the key is the whole configuration, whatever the epoch.
        config: Its whole configuration.
        epoch: From 1.
    """
    if trainable not in BUILT_IN_NAMES:
        return _canonical([trainable, dict(config)])
    reduced = {
        name: value
        for name, value in config.items()
        if name not in _NO_EFFECT and name not in stopping_settings()
    }
    reduced["learning_rate_schedule"] = _learning_rate_key(config, epoch)
    if trainable == "distill":
        _reduce_distillation(reduced, config, epoch)
    return _canonical([trainable, reduced])


def prefix_names(trainable: str, config: Config, *, start: str) -> Callable[[int], str]:
    """A function that names the state after an epoch, by everything that shaped it.

    Args:
        trainable: Name of the run.
        config: Its whole configuration.
        start: What else shapes it from the first epoch: seed, data, teacher.

    Returns:
        Function of the epoch, 0 for the state before the first.
    """
    names = [_digest(start)]
    keys = _keys(trainable, _canonical(dict(config)))

    def name(epoch: int) -> str:
        while len(names) <= epoch:
            names.append(_digest(names[-1] + keys(len(names))))
        return names[epoch]

    return name


@cache
def _keys(trainable: str, config: str) -> Callable[[int], str]:
    """The keys of a configuration given as JSON; the seeds of an arm share them."""
    plain = json.loads(config)
    return cache(lambda epoch: _digest(epoch_key(trainable, plain, epoch)))


def depends_on_length(trainable: str, config: Config) -> list[str]:
    """Settings through which `max_epochs` changes the epochs before it, in words; maybe none."""
    if trainable not in BUILT_IN_NAMES:
        return ["nothing is known of when this run uses its settings"]
    reasons = []
    schedule = config["learning_rate_schedule"]["name"]
    if schedule in ("cosine", "one_cycle"):
        reasons.append(f"learning_rate_schedule {schedule} ends at max_epochs")
    temperature = config.get("temperature")
    if temperature and config["loss_weights"]["alpha"] > 0:
        milestones = temperature.get("milestones") or ()
        relative = any(isinstance(milestone, float) for milestone in milestones)
        if temperature["schedule"] in ("linear", "cosine") or relative:
            reasons.append(f"temperature schedule {temperature['schedule']} is laid over the run")
    return reasons


def _learning_rate_key(config: Config, epoch: int) -> list[Any]:
    """What `schedules.learning_rate_factor` uses at the positions epoch-1 .. below epoch."""
    schedule = config["learning_rate_schedule"]
    name, warmup = schedule["name"], float(schedule["warmup_epochs"])
    least = schedule["min_learning_rate"]
    length = config["max_epochs"]
    if name == "one_cycle":
        return [name, warmup, least, length]
    key: list[Any] = []
    if epoch - 1 < warmup:
        key.append(["warmup", warmup])
    if epoch <= warmup:
        return key  # the shape after the warm-up is not reached in this epoch
    if name == "constant":
        return [*key, name]
    if name == "cosine":
        return [*key, name, warmup, least, length]
    first, growth = schedule["restart_epochs"], schedule["restart_factor"]
    return [*key, name, warmup, least, first, growth]


def _reduce_distillation(reduced: dict[str, Any], config: Config, epoch: int) -> None:
    """Leaves out what `DistillObjective` does not use: terms of weight 0 are not computed."""
    weights = config["loss_weights"]
    has_soft, has_features = weights["alpha"] > 0, weights["gamma"] > 0
    if has_soft:
        length, settings = config["max_epochs"], config["temperature"]
        reduced["temperature"] = temperature_at(epoch, max_epochs=length, **settings)
    else:
        del reduced["temperature"], reduced["kd_blank"]
    if not has_features:
        del reduced["feature_layers"]
    if not has_soft and not has_features:
        del reduced["teacher_fp16"]
    if weights["beta"] == 0:
        del reduced["label_smoothing"]


def _canonical(value: Any) -> str:
    return json.dumps(value, sort_keys=True)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:24]
