"""Several orders of the training data for each seed: how much of the noise is the order's?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from slr_tune.errors import SlrTuneError
from slr_tune.space import StudySpec
from slr_tune.training.runs import Arm, ArmRun, Measure
from trainables.registry import is_recogniser, run_title

MOST_ORDERS = 9
_FIRST_DATA_SEED = 4_000_000
"""Far from the seeds of runs, so that no order is another seed's own."""


def check_orders(orders: int, spec: StudySpec, config: Mapping[str, Any]) -> None:
    """Refuses several orders where the order is not known, or given.

    Args:
        orders: How many were asked for, from 2.
        spec: The search.
        config: The baseline's whole configuration.

    Raises:
        SlrTuneError: They cannot be had.
    """
    if orders > MOST_ORDERS:
        raise SlrTuneError(
            f"--orders {orders}: at most {MOST_ORDERS} for each seed",
            hint="More seeds say more than more orders: raise --seeds.",
        )
    if not is_recogniser(spec.trainable):
        raise SlrTuneError(
            f"--orders: the run {run_title(spec.trainable)} draws the order of its data itself",
            hint="Leave out --orders.",
        )
    given = config.get("data_seed")
    if given is not None:
        raise SlrTuneError(
            f"--orders: data_seed is {given} in the baseline, so all seeds have the same order",
            hint="Remove data_seed from the search-space file, or leave out --orders.",
        )


def ordered_runs(
    arms: Sequence[Arm], seeds: Sequence[int], orders: int, *, measure: Measure
) -> list[ArmRun]:
    """Every arm with every seed and each of its orders, seed by seed.

    The first order is the seed's own, so that this run is that of any other ablation. The others
    belong to one seed alone: their luck is drawn again with each seed.

    Args:
        arms: The arms.
        seeds: Each once.
        orders: For each seed.
        measure: What runs are judged by.
    """
    return [
        ArmRun(_with_order(arm, seed, order), seed, measure)
        for seed in seeds
        for order in range(orders)
        for arm in arms
    ]


def by_arm(runs: Sequence[ArmRun]) -> list[ArmRun]:
    """The same runs arm by arm, each arm's by seed and order as before."""
    grouped: dict[str, list[ArmRun]] = {}
    for run in runs:
        grouped.setdefault(run.arm.name, []).append(run)
    return [run for found in grouped.values() for run in found]


def _with_order(arm: Arm, seed: int, order: int) -> Arm:
    if order == 0:
        return arm
    data_seed = _FIRST_DATA_SEED + 10 * seed + order
    return replace(arm, config={**arm.config, "data_seed": data_seed})
