"""What parameters do, as plain values: along one, over two, around one configuration."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from slr_tune.importance.parameter_columns import Ints, Variable


@dataclass(frozen=True)
class Marginal:
    """A parameter's own effect, all others averaged over the space.

    Attributes:
        name: Dotted name.
        at: Values, in the parameter's own units; numbers of options for a choice.
        labels: Options of a choice, else empty.
        mean: Value expected there, in the metric's unit.
        low: Lower end of its 90 % band.
        high: Upper end.
        log: Whether the axis is logarithmic.
        swing_band: 90 % band of `swing`.
    """

    name: str
    at: tuple[float, ...]
    labels: tuple[str, ...]
    mean: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]
    log: bool
    swing_band: tuple[float, float]

    @property
    def swing(self) -> float:
        """Largest minus smallest mean, in the metric's unit."""
        return max(self.mean) - min(self.mean)


@dataclass(frozen=True)
class Pair:
    """What two parameters do together beyond what each does alone.

    Attributes:
        one: Dotted name.
        other: Dotted name.
        units: The units that they belong to.
        share: Of all variance over the space, 0..1.
        low: Lower end of its 90 % band.
        high: Upper end.
        points: Standard deviation of the joint part, in the metric's unit.
        named: Whether its share is surely above 5 %.
        one_at: (G,) grid of the first, own units or numbers of options.
        other_at: (H,) grid of the second.
        values: (G, H) value expected, in the metric's unit.
        one_labels: Options where the first is a choice, else empty.
        other_labels: Options where the second is one.
    """

    one: str
    other: str
    units: tuple[str, str]
    share: float
    low: float
    high: float
    points: float
    named: bool
    one_at: tuple[float, ...]
    other_at: tuple[float, ...]
    values: tuple[tuple[float, ...], ...]
    one_labels: tuple[str, ...] = ()
    other_labels: tuple[str, ...] = ()


@dataclass(frozen=True)
class LocalEffect:
    """What one parameter does around one configuration, all else as it is there.

    Attributes:
        around: "best" or "baseline".
        trial: Its number.
        name: Dotted name.
        unit: The unit that it belongs to.
        at: (G,) places, own units or numbers of options.
        labels: Options of a choice, else empty.
        change: (G,) difference to the configuration, metric's unit.
        low: (G,) lower end of its 90 % band.
        high: (G,) upper end.
        gain: By how much the best place is better than the configuration's own, with its band.
        loss: By how much the worst is worse, with its band.
        best_at: The best place: a number, or an option.
        log: Whether the axis is logarithmic.
    """

    around: str
    trial: int
    name: str
    unit: str
    at: tuple[float, ...]
    labels: tuple[str, ...]
    change: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]
    gain: tuple[float, float, float]
    loss: tuple[float, float, float]
    best_at: float | str
    log: bool


@dataclass(frozen=True)
class EdgeReading:
    """A number whose values keep getting better at an end of its range, around the best trial.

    Attributes:
        name: Name of the parameter in the study.
        upper: Whether it is the upper end.
        gain: By how much the outer tenth is better than the inner 80 %, median, metric's unit.
        sure: Share of the draws whose lowest place is in the outer tenth.
    """

    name: str
    upper: bool
    gain: float
    sure: float


@dataclass(frozen=True)
class Region:
    """Where the best trials are.

    Attributes:
        name: Dotted name.
        low: Lower end of the middle 80 % of them (of all, below ten), own units; None for a choice.
        high: Upper end.
        best: Of the best trial: a number, or an option.
        shares: Of a choice: share of the best trials by option.
        trials: Best trials that have it.
    """

    name: str
    low: float | None
    high: float | None
    best: float | str | None
    shares: Mapping[str, float]
    trials: int


def best_region(variables: Sequence[Variable], best: Ints) -> list[Region]:
    """Where the best trials are, parameter by parameter.

    Args:
        variables: Columns of N trials.
        best: Places of the best trials, the best first.
    """
    return [_region(variable, best) for variable in variables]


def _region(variable: Variable, order: Ints) -> Region:
    values = variable.values[order]
    present = values[variable.active[order]]
    best = values[0] if len(order) and variable.active[order[0]] else None
    if variable.options:
        counts = np.bincount(present.astype(int), minlength=len(variable.options))
        shares = {
            option: float(count / max(1, len(present)))
            for option, count in zip(variable.options, counts, strict=True)
        }
        named = None if best is None else variable.options[int(best)]
        return Region(variable.name, None, None, named, shares, len(present))
    low = high = None
    if len(present):
        cut = 0.1 if len(present) >= 10 else 0.0
        low, high = map(float, np.quantile(present, [cut, 1 - cut], method="nearest"))
    return Region(variable.name, low, high, None if best is None else float(best), {}, len(present))
