"""Weights that sum to 1."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from slr_tune.space.parameter import Parameter, TrialLike, number_misfit, show, tidy

SIMPLEX_DECIMALS = 12
"""Weights are multiples of 1e-12, so that 0.7 comes back as 0.7 and not as 0.7000000000000001."""

SIMPLEX_TOLERANCE = 2e-6
"""How far from 1 the sum of weights written by a person may lie: thirds with six decimals do."""


@dataclass(frozen=True, kw_only=True)
class SimplexParameter(Parameter):
    """Weights that are not negative and sum to 1, uniform over all such weights.

    K weights have K - 1 free numbers u_1..u_(K-1) in [0, 1]. With s_i = w_1 + .. + w_i and
    s_K = 1, u_i = (s_i / s_(i+1))^i: for uniform u, s_i / s_(i+1) is Beta(i, 1) as it is under
    Dirichlet(1, .., 1). For three weights u1 is the first's share of the first two, and u2 the
    square of what the third leaves.

    Source: Devroye 1986, Non-Uniform Random Variate Generation, chapter V, theorem 2.1 (uniform
    spacings), and chapter XI, section 4 (Dirichlet from products of betas).
    """

    kind: ClassVar[str] = "simplex"
    weights: tuple[str, ...]

    @property
    def keys(self) -> tuple[str, ...]:
        """Names of the free numbers."""
        return tuple(f"{self.name}.u{i}" for i in range(1, len(self.weights)))

    def suggest(self, trial: TrialLike) -> dict[str, float]:
        """Asks for the free numbers."""
        return self.decode({key: trial.suggest_float(key, 0.0, 1.0) for key in self.keys})

    def encode(self, value: Any) -> dict[str, Any]:
        """The free numbers; where the first i + 1 weights are 0, u_i is of no effect and 0.5."""
        weights = [float(value[name]) for name in self.weights]
        total = math.fsum(weights)
        sums = [math.fsum(weights[: i + 1]) for i in range(len(weights) - 1)] + [total]
        return {
            key: (sums[i - 1] / sums[i]) ** i if sums[i] > 0 else 0.5
            for i, key in enumerate(self.keys, start=1)
        }

    def decode(self, params: Mapping[str, Any]) -> dict[str, float]:
        """The weights, multiples of 1e-12 whose sum is 1 to the last digit."""
        sums = [1.0]
        for i, key in reversed(list(enumerate(self.keys, start=1))):
            sums.append(sums[-1] * float(params[key]) ** (1 / i))
        sums = sums[::-1]
        steps = zip(sums, sums[1:], strict=False)
        weights = [sums[0]] + [after - before for before, after in steps]
        return dict(zip(self.weights, _rounded(weights), strict=True))

    def misfit(self, value: Any) -> str:
        """Names, signs and sum."""
        if not isinstance(value, Mapping) or set(value) != set(self.weights):
            return f"must give {', '.join(self.weights)} and nothing else, not {show(value)}"
        for name, weight in value.items():
            if wrong := number_misfit(weight, 0.0, 1.0):
                return f"{name}: {wrong}"
        total = math.fsum(value.values())
        if abs(total - 1) > SIMPLEX_TOLERANCE:
            return f"the weights sum to {tidy(total)} and must sum to 1"
        return ""

    def probes(self) -> tuple[tuple[str, Any], ...]:
        """Every corner."""
        return tuple(
            (f"corner {corner}=1", {name: float(name == corner) for name in self.weights})
            for corner in self.weights
        )

    def ranges(self) -> dict[str, Any]:
        """The names of the weights."""
        return {"weights": list(self.weights)}


def _rounded(weights: list[float]) -> list[float]:
    """Weights on the 1e-12 grid; the largest takes up what rounding left over."""
    rounded = [round(weight, SIMPLEX_DECIMALS) for weight in weights]
    largest = rounded.index(max(rounded))
    rest = math.fsum(rounded[:largest] + rounded[largest + 1 :])
    rounded[largest] = round(1.0 - rest, SIMPLEX_DECIMALS)
    return rounded
