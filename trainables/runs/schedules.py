"""Learning rate and temperature as pure functions of the position in a run.

Nothing here remembers anything: a run that is resumed or forked at an epoch has the learning rate
and the temperature of a run that went straight there.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

LearningRateName = Literal["constant", "cosine", "cosine_restarts", "one_cycle"]
TemperatureName = Literal["constant", "step", "linear", "cosine"]

WARMUP_START = 0.01
"""Factor at which the warm-up begins: not 0, so that the first step moves the weights."""

ONE_CYCLE_START = 0.04
"""Factor at which one_cycle begins: 1/25 of the peak, as in Smith and Topin's experiments."""

ONE_CYCLE_RISE = 0.3
"""Share of the run that one_cycle rises for where no warm-up is given."""

_ROUNDING = 1e-9
"""Slack for products that a float misses by a bit: 0.57 * 100 is 56.99999999999999."""


def learning_rate_factor(
    position: float,
    *,
    name: LearningRateName,
    warmup_epochs: float,
    max_epochs: float,
    min_factor: float,
    restart_epochs: float,
    restart_factor: float,
) -> float:
    """Learning rate of a step, as a multiple of the peak.

    - `constant`: linear warm-up from 0.01, then 1.
    - `cosine`: the warm-up, then half a cosine from 1 to `min_factor` at the end of the run.
    - `cosine_restarts`: the warm-up, then cosines from 1 to `min_factor`, the first
      `restart_epochs` long and each next one `restart_factor` times as long.
    - `one_cycle`: half a cosine from 0.04 up to 1 over the warm-up (over 30 % of the run where
      there is none), then half a cosine down to `min_factor`.

    Args:
        position: Epochs done before the step, with fraction: 3.25 is a quarter into epoch 4.
        name: Shape of the schedule.
        warmup_epochs: Length of the linear rise, in epochs; 0 for none.
        max_epochs: Length of the run, in epochs. Positions beyond it count as its end.
        min_factor: Where the cosines end, in 0..1: `min_learning_rate / learning_rate`.
        restart_epochs: Length of the first cycle of cosine_restarts, in epochs.
        restart_factor: At least 1.

    Returns:
        A number in (0, 1]; 0 only at the end of a cosine to `min_factor=0`.

    Raises:
        ValueError: The name is unknown or a number is outside its range.

    Source: cosine and restarts, Loshchilov and Hutter 2017, arXiv:1608.03983, equation 5;
    one_cycle, Smith and Topin 2017, arXiv:1708.07120; warm-up, Goyal et al. 2017,
    arXiv:1706.02677, section 2.2.
    """
    _check_range("max_epochs", max_epochs, low=0, open_low=True)
    _check_range("warmup_epochs", warmup_epochs, low=0)
    _check_range("min_factor", min_factor, low=0, high=1)
    _check_range("position", position, low=0)
    position = min(position, max_epochs)
    if name == "one_cycle":
        rise = min(warmup_epochs, max_epochs) or ONE_CYCLE_RISE * max_epochs
        if position < rise:
            return _half_cosine(ONE_CYCLE_START, 1.0, position / rise)
        return _half_cosine(1.0, min_factor, _share(position - rise, max_epochs - rise))
    if position < warmup_epochs:
        return WARMUP_START + (1.0 - WARMUP_START) * position / warmup_epochs
    if name == "constant":
        return 1.0
    done = position - warmup_epochs
    if name == "cosine":
        return _half_cosine(1.0, min_factor, _share(done, max_epochs - warmup_epochs))
    if name == "cosine_restarts":
        within = _share_of_cycle(done, first=restart_epochs, growth=restart_factor)
        return _half_cosine(1.0, min_factor, within)
    raise ValueError(f"learning rate schedule {name!r} is not known")


def temperature_at(
    epoch: int,
    *,
    schedule: TemperatureName,
    start: float,
    end: float | None,
    milestones: Sequence[int | float],
    max_epochs: int,
) -> float:
    """Temperature of an epoch.

    - `constant`: `start`.
    - `step`: from `start` to `end` in as many equal steps as there are milestones. A change takes
      effect after its milestone's epoch: 4.0 to 3.0 with milestones 30 and 70 is 4.0 in epochs
      1..30, 3.5 in 31..70 and 3.0 from 71 on.
    - `linear`, `cosine`: `start` in epoch 1, `end` in epoch `max_epochs`, straight or half a
      cosine between.

    Args:
        epoch: Counted from 1.
        schedule: Shape of the schedule.
        start: Above 0.
        end: Above 0; None only for `constant`.
        milestones: For `step`: epochs (int), or fractions of the run (float between 0 and 1).
            A fraction that falls into an epoch takes effect with that epoch, so that one below 1
            always does; but not with the first of several, which has `start`.
        max_epochs: Length of the run. Epochs beyond it count as its last.

    Raises:
        ValueError: The schedule is unknown, lacks what it needs, or a number is outside its range.
    """
    _check_range("epoch", epoch, low=1)
    _check_range("start", start, low=0, open_low=True)
    if schedule == "constant":
        return start
    if schedule not in ("step", "linear", "cosine"):
        raise ValueError(f"temperature schedule {schedule!r} is not known")
    if end is None:
        raise ValueError(f"temperature schedule {schedule!r} needs an end")
    _check_range("end", end, low=0, open_low=True)
    if schedule == "step":
        if not milestones:
            raise ValueError("temperature schedule 'step' needs milestones")
        passed = sum(epoch > _milestone_epoch(milestone, max_epochs) for milestone in milestones)
        # The last value is `end` itself: a sum of steps could miss it by a rounding.
        if passed == len(milestones):
            return end
        return start + (end - start) * passed / len(milestones)
    share = _share(min(epoch, max_epochs) - 1, max_epochs - 1) if max_epochs > 1 else 0.0
    if schedule == "cosine":
        return _half_cosine(start, end, share)
    return end if share == 1.0 else start + (end - start) * share


def _milestone_epoch(milestone: int | float, max_epochs: int) -> int:
    """Last epoch before a milestone's change."""
    if isinstance(milestone, int):
        _check_range("milestone", milestone, low=1)
        return milestone
    _check_range("milestone", milestone, low=0, high=1, open_low=True)
    earliest = 1 if max_epochs > 1 else 0
    return max(earliest, math.floor(milestone * max_epochs + _ROUNDING))


def _half_cosine(start: float, end: float, share: float) -> float:
    """From start to end as share goes from 0 to 1; both ends are met exactly."""
    weight = (1.0 + math.cos(math.pi * share)) / 2.0
    return weight * start + (1.0 - weight) * end


def _share(done: float, total: float) -> float:
    """How much of a stretch is done, 0..1; a stretch of no length is all done."""
    return min(done / total, 1.0) if total > 0 else 1.0


def _share_of_cycle(done: float, *, first: float, growth: float) -> float:
    """How much of the present cycle is done, 0 included and 1 excluded."""
    _check_range("restart_epochs", first, low=0, open_low=True)
    _check_range("restart_factor", growth, low=1)
    length = first
    while done >= length - _ROUNDING:
        done -= length
        length *= growth
    return max(done, 0.0) / length


def _check_range(
    name: str, value: float, *, low: float, high: float = math.inf, open_low: bool = False
) -> None:
    """Refuses NaN and values outside."""
    if not (low < value if open_low else low <= value) or not value <= high:
        rule = f"above {low}" if open_low else f"at least {low}"
        rule += "" if math.isinf(high) else f" and at most {high}"
        raise ValueError(f"{name}={value} must be {rule}")
