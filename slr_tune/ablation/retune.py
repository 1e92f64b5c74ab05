"""Does the factor still matter when each level may tune a setting of its own?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from slr_tune.ablation.arms import resolve
from slr_tune.errors import SpecError
from slr_tune.space import look_up, with_level
from slr_tune.text import number
from slr_tune.training.run_store import RunStore
from slr_tune.training.runs import Arm, ArmRun


def retuned(
    store: RunStore, arms: Sequence[Arm], setting: str, *, budget: int, seed: int
) -> tuple[list[Arm], list[ArmRun]]:
    """Every arm with the value that does best for it on dev, by the decoder that it is compared by.

    All arms, the baseline too, may try as many values: their own, double, half, four times ...

    Args:
        store: Trains.
        arms: The baseline first.
        setting: Dotted name of a setting with a number.
        budget: Values that each arm may try.
        seed: Of the runs that it is chosen by, none of those that are compared.

    Returns:
        The arms as they chose, of the names and in the order of those that were given; and
        everything that was trained to choose.

    Raises:
        Interrupted: Before it was done.
    """
    offered = {arm.name: candidates(arm, setting, budget) for arm in arms}
    tried = store.train([one for found in offered.values() for one in found], [seed])
    ranks = _ranks(store, tried)
    chosen = []
    for arm in arms:
        best = min(offered[arm.name], key=lambda candidate: ranks[candidate.name])
        value = look_up(best.config, setting.split("."))
        chosen.append(replace(best, name=arm.name, note=f"{setting} {number(value, 4)}"))
    return chosen, tried


def _ranks(store: RunStore, tried: Sequence[ArmRun]) -> dict[str, float]:
    """What each arm shows on dev, the smaller the better."""
    if not store.measure.counted:
        return {run.arm.name: store.measure.rank(run.value) for run in tried}
    counts = store.counts(tried, "dev")
    return {name: float(runs[0][:, :3].sum()) for name, runs in counts.items()}


def candidates(arm: Arm, setting: str, budget: int) -> list[Arm]:
    """An arm at its own value and at those around it, as many as the budget and the run allow."""
    value = look_up(arm.config, setting.split("."))
    found: dict[Any, Arm] = {}
    for place in range(2 * budget + 2):
        if len(found) == budget:
            break
        power = (place + 1) // 2 * (1 if place % 2 else -1)
        other = _scaled(value, 2.0**power)
        name = f"{arm.name}, {setting} {number(other, 4)}"
        if other in found:
            continue
        try:
            config = resolve(arm.trainable, with_level(arm.config, setting, other), what=name)
        except SpecError:
            continue  # the doubled value is out of the setting's range
        found[other] = replace(arm, name=name, config=config)
    return list(found.values())


def _scaled(value: float, factor: float) -> float:
    """A whole number stays whole, and at least 1 but where it was below."""
    if factor == 1.0:
        return value
    return max(1, round(value * factor)) if isinstance(value, int) else value * factor
