"""Points of a space that are tried on a trainable's settings."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel

from slr_tune.space import settings
from slr_tune.space.settings import Fault
from slr_tune.space.space import merge


class Point:
    """A trial that answers with given parameters, and with the middle of a range otherwise."""

    def __init__(self, params: Mapping[str, Any]) -> None:
        """Keeps the parameters; names that no range asks for do no harm."""
        self.params = params

    def suggest_float(
        self, name: str, low: float, high: float, *, step: float | None = None, log: bool = False
    ) -> float:
        """Given, or the middle."""
        middle = math.sqrt(low) * math.sqrt(high) if log else low / 2 + high / 2
        if step is not None:
            middle = low + round((middle - low) / step) * step
        return float(self.params.get(name, middle))

    def suggest_int(
        self, name: str, low: int, high: int, *, step: int = 1, log: bool = False
    ) -> int:
        """Given, or near the middle."""
        return int(self.params.get(name, low + (high - low) // step // 2 * step))

    def suggest_categorical(self, name: str, choices: Sequence[Any]) -> Any:
        """Given, or the first."""
        return self.params.get(name, choices[0])


@dataclass(frozen=True)
class RunSettings:
    """What makes a configuration out of a trial's values, and judges it.

    Attributes:
        model: The trainable's class of settings.
        fixed: Every setting beside the values.
        max_epochs: From the budget.
    """

    model: type[BaseModel]
    fixed: Mapping[str, Any]
    max_epochs: int

    def config(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """The configuration, not checked."""
        return merge({**self.fixed, "max_epochs": self.max_epochs}, values)

    def faults(self, values: Mapping[str, Any]) -> list[Fault]:
        """What the trainable refuses in the configuration."""
        return settings.faults_of(self.model, self.config(values))

    def resolve(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """The checked configuration as JSON.

        Raises:
            pydantic.ValidationError: As listed by `faults`.
        """
        checked: BaseModel = settings.validated(self.model, self.config(values))
        return checked.model_dump(mode="json", warnings=False)
