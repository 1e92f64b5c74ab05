"""From which epoch on a parameter can have had an effect, in one configuration.

A patience does nothing before that many epochs have passed, the end of a step schedule nothing
before its first milestone, a temperature nothing where the soft targets weigh 0, and what is
above `max_epochs` nothing at all. Importance, curves, edges and advice ask here.

What a setting of a built-in run does when is known from `training.epoch_keys`, which sharing of
prefixes relies on; of a run that is only derived from one, its patience; of any other run, nothing.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from optuna.trial import FrozenTrial

from slr_tune.space import FixedParameter, Parameter, SimplexParameter, StudySpec
from slr_tune.space.values import MISSING, look_up
from slr_tune.study.record import record_of
from slr_tune.training.epoch_keys import epoch_key
from slr_tune.training.kinds import stopping_settings
from trainables.registry import BUILT_IN_NAMES, known_recogniser
from trainables.runs.early_stopping import StoppingRule

NEVER = math.inf


class Acting:
    """When the parameters of a study act.

    Attributes:
        ceilings: By dotted name, the value above which a number changes nothing.
    """

    def __init__(self, spec: StudySpec) -> None:
        """Looks at the space.

        Args:
            spec: Of the study.
        """
        self._spec = spec
        self._recogniser = known_recogniser(spec.trainable)
        self._keys: dict[tuple[int, int], str] = {}
        self._parameters: dict[str, list[Parameter]] = {}
        for parameter in spec.space.parameters:
            if not isinstance(parameter, FixedParameter):
                self._parameters.setdefault(".".join(parameter.path), []).append(parameter)
        self.ceilings = {
            name: float(spec.budget.max_epochs - 1)
            for name in self._parameters
            if self._recogniser and _is_patience(name)
        }

    def acts_from(self, trial: FrozenTrial, name: str) -> float:
        """First epoch whose value may depend on a parameter; infinite for never.

        Args:
            trial: A trial of the study; one without a record has no configuration to ask.
            name: Dotted place of the parameter, or of a simplex, in the configuration.
        """
        record = record_of(trial)
        if record is None or not record.config or not self._recogniser:
            return 1.0
        if name.partition(".")[0] in stopping_settings():
            return self._stops_from(record.config)
        if self._spec.trainable not in BUILT_IN_NAMES:
            return 1.0
        try:
            return self._differs_from(record.config, trial.number, name)
        except (KeyError, TypeError, ValueError):
            return 1.0  # a configuration of another version: nothing is left out

    def _stops_from(self, config: Mapping[str, Any]) -> float:
        """A run that has not got better since epoch 1 ends after `patience` more.

        At the last epoch every patience has acted: one that is longer let the run continue.
        """
        own = config.get("early_stopping") or config
        if not isinstance(own.get("patience"), int):
            return 1.0
        limit = self._spec.budget.max_epochs
        rule = StoppingRule.of({"max_epochs": limit, **config})
        return float(min(rule.patience + 2, limit))

    def _differs_from(self, config: Mapping[str, Any], number: int, name: str) -> float:
        parameters = self._parameters.get(name, [])
        for epoch in range(1, self._spec.budget.max_epochs + 1):
            here = self._key(config, number, epoch)
            for parameter in parameters:
                for other in _others(parameter, look_up(config, parameter.path)):
                    changed = _replaced(config, parameter.path, other)
                    try:
                        key = epoch_key(self._spec.trainable, changed, epoch)
                    except (KeyError, TypeError, ValueError):
                        return float(epoch)  # the other option needs settings that are not there
                    if key != here:
                        return float(epoch)
        return NEVER

    def _key(self, config: Mapping[str, Any], number: int, epoch: int) -> str:
        if (number, epoch) not in self._keys:
            self._keys[number, epoch] = epoch_key(self._spec.trainable, config, epoch)
        return self._keys[number, epoch]


def _is_patience(name: str) -> bool:
    head, _, last = name.rpartition(".")
    return last == "patience" and head in ("", "early_stopping")


def _others(parameter: Parameter, value: Any) -> list[Any]:
    if value is MISSING:
        return []
    if isinstance(parameter, SimplexParameter):
        return [probe for _, probe in parameter.probes()]
    return [probe for _, probe in parameter.probes() if probe != value]


def _replaced(config: Mapping[str, Any], path: tuple[str, ...], value: Any) -> dict[str, Any]:
    found = dict(config)
    if len(path) == 1:
        found[path[0]] = value
    else:
        found[path[0]] = _replaced(found[path[0]], path[1:], value)
    return found
