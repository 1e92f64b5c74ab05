"""Numbers in a range: whole or not, on a linear, logarithmic or stepped scale."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from slr_tune.space.parameter import Parameter, TrialLike, number_misfit, show, tidy

STEP_TOLERANCE = 1e-8
"""How far from a whole number of steps a value may lie, in steps; the same as Optuna's."""


@dataclass(frozen=True, kw_only=True)
class FloatParameter(Parameter):
    """A number in [low, high]; `log` searches its logarithm, `step` a grid from low."""

    kind: ClassVar[str] = "float"
    low: float
    high: float
    log: bool = False
    step: float | None = None

    @property
    def keys(self) -> tuple[str, ...]:
        """Its name."""
        return (self.name,)

    def suggest(self, trial: TrialLike) -> float:
        """Asks for a float."""
        suggested = trial.suggest_float(
            self.name, self.low, self.high, step=self.step, log=self.log
        )
        return self._on_step(suggested)

    def encode(self, value: Any) -> dict[str, Any]:
        """The value itself."""
        return {self.name: self._on_step(float(value))}

    def decode(self, params: Mapping[str, Any]) -> float:
        """The value itself."""
        return self._on_step(float(params[self.name]))

    def misfit(self, value: Any) -> str:
        """Type, bounds, step."""
        return number_misfit(value, self.low, self.high) or _step_misfit(value, self.low, self.step)

    def probes(self) -> tuple[tuple[str, Any], ...]:
        """Both bounds."""
        return ("low", self.low), ("high", self.high)

    def ranges(self) -> dict[str, Any]:
        """Bounds, scale and step."""
        return {"low": self.low, "high": self.high, "log": self.log, "step": self.step}

    def _on_step(self, value: float) -> float:
        if self.step is None:
            return value
        return tidy(self.low + round((value - self.low) / self.step) * self.step)


@dataclass(frozen=True, kw_only=True)
class IntParameter(Parameter):
    """A whole number in [low, high]; `log` searches its logarithm, `step` a grid from low."""

    kind: ClassVar[str] = "int"
    low: int
    high: int
    log: bool = False
    step: int = 1

    @property
    def keys(self) -> tuple[str, ...]:
        """Its name."""
        return (self.name,)

    def suggest(self, trial: TrialLike) -> int:
        """Asks for an int."""
        return trial.suggest_int(self.name, self.low, self.high, step=self.step, log=self.log)

    def encode(self, value: Any) -> dict[str, Any]:
        """The value itself."""
        return {self.name: int(value)}

    def decode(self, params: Mapping[str, Any]) -> int:
        """The value itself."""
        return int(params[self.name])

    def misfit(self, value: Any) -> str:
        """Type, bounds, step."""
        if isinstance(value, bool) or not isinstance(value, int):
            return f"must be a whole number from {self.low} to {self.high}, not {show(value)}"
        return number_misfit(value, self.low, self.high) or _step_misfit(
            value, self.low, self.step if self.step > 1 else None
        )

    def probes(self) -> tuple[tuple[str, Any], ...]:
        """Both bounds."""
        return ("low", self.low), ("high", self.high)

    def ranges(self) -> dict[str, Any]:
        """Bounds, scale and step."""
        return {"low": self.low, "high": self.high, "log": self.log, "step": self.step}


def _step_misfit(value: float, low: float, step: float | None) -> str:
    """Says why a value is not low plus a whole number of steps, empty where it is."""
    if step is None:
        return ""
    steps = (value - low) / step
    if abs(steps - round(steps)) < STEP_TOLERANCE:
        return ""
    below, above = (tidy(low + math.floor(steps + i) * step) for i in (0, 1))
    return f"{value} is not on a step; its neighbours are {below} and {above}"
