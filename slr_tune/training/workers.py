"""How many trainings go side by side: counted before Ray starts as Ray will grant them."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass

from slr_tune.errors import SlrTuneError
from slr_tune.space import Resources

_UNITS = 10_000
"""Ray counts in parts of this size: 0.1 + 0.2 is 0.3 to it."""


@dataclass(frozen=True)
class NodeOffer:
    """What a machine offers: CPU cores and whole GPUs."""

    cpus: float
    gpus: float


def gpus_of(resources: Resources) -> float:
    """GPUs of a trial; of "auto" one where this machine has one, until a trial was measured."""
    need = resources.gpus_per_trial
    return float(min(1, gpus_here())) if need == "auto" else need


def granted(resources: Resources, nodes: Sequence[NodeOffer]) -> int:
    """Trainings that machines hold at a time, by what each needs alone; 0 where none fits.

    A training is never spread over machines, and a fraction of a GPU never over two cards.
    """
    return sum(_on_node(resources, node) for node in nodes)


def _on_node(resources: Resources, node: NodeOffer) -> int:
    fits = _times(node.cpus, resources.cpus_per_trial)
    need = gpus_of(resources)
    if need == 0:
        return fits
    cards = int(node.gpus)
    return min(fits, cards * _times(1, need) if need <= 1 else _times(cards, need))


def _times(offered: float, need: float) -> int:
    return round(offered * _UNITS) // max(1, round(need * _UNITS))


def workers_here(resources: Resources) -> int:
    """Trainings side by side on this machine, as `run`, `verify` and the dry runs count them.

    A number that is requested may be more than there are cores, which they then share; GPUs are
    not shared but by fractions.

    Raises:
        SlrTuneError: Not even one fits: Ray would wait for ever without a word.
    """
    check_fraction(resources)
    cores, gpus = cores_here(), gpus_here() if gpus_of(resources) else 0
    offered = max(cores, resources.cpus_per_trial)
    if resources.workers != "auto":
        offered = max(offered, resources.workers * resources.cpus_per_trial)
    count = granted(resources, [NodeOffer(offered, gpus)])
    if count == 0:
        raise SlrTuneError(
            f"a trial needs {gpus_of(resources):g} GPU, this machine has {gpus}: none would "
            "ever start",
            hint="Set resources.gpus_per_trial to 0 to train on CPUs, or use a machine with more "
            "GPUs (--address for a Ray cluster).",
        )
    return count if resources.workers == "auto" else min(count, resources.workers)


def check_fraction(resources: Resources) -> None:
    """Refuses what Ray refuses at the first trial: one and a half GPUs.

    Raises:
        SlrTuneError: GPUs above one are not a whole number.
    """
    need = gpus_of(resources)
    if need > 1 and need != int(need):
        raise SlrTuneError(
            f"resources.gpus_per_trial is {need:g}: above 1 it must be a whole number",
            hint="A fraction shares one card; several cards are assigned as whole cards.",
        )


def trials_on_card(resources: Resources, workers: int) -> int:
    """Trials that share the memory of one GPU; where they ask for none, all use the first."""
    need = gpus_of(resources)
    return min(workers, _times(1, need)) if 0 < need <= 1 else 1 if need else workers


def workers_text(resources: Resources, workers: int) -> str:
    """How many, of what, and what holds them back where more were requested."""
    text = f"{workers} worker{'s' if workers > 1 else ''} of {resources.cpus_per_trial:g} CPU"
    if gpus_of(resources):
        text += f" and {gpus_of(resources):g} GPU"
    text += f", this machine has {cores_here()} CPU"
    if gpus_of(resources):
        text += f" and {gpus_here()} GPU"
    if resources.workers != "auto" and workers < resources.workers:
        text += f"; {resources.workers} were requested"
    return text


def cores_here() -> int:
    """CPU cores that this process may use."""
    count = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return count or 1


def gpus_here() -> int:
    """GPUs that this process may use."""
    import torch

    return torch.cuda.device_count()
