"""A run from its name: what every process does that trains one."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import torch

from trainables.cards import limit_memory, take_share
from trainables.data import Dataset, open_dataset
from trainables.protocol import Run, RunInputs
from trainables.registry import run_class
from trainables.script.spec import is_script


def set_up_process(modules: str | None, gpus: float | None = None) -> None:
    """Works in the folder of the command, with as many threads as the environment says.

    Relative paths of a custom run mean the same in every process then. One thread is the default.
    The process hears SIGTERM and SIGHUP, whatever the one that started it does.

    Args:
        modules: Folder in which the command was given; a custom run may lie there.
        gpus: GPUs that its trials have: 0 hides them all, a fraction is a share of one; None to
            leave that as it is.
    """
    take_share(gpus)
    if modules is not None and modules not in sys.path:
        sys.path.append(modules)
    if modules is not None and os.path.isdir(modules):  # another machine may not have it
        os.chdir(modules)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM, signal.SIGHUP})
    torch.set_num_threads(max(1, int(os.environ.get("OMP_NUM_THREADS", "1"))))


@lru_cache(maxsize=1)
def warm_dataset(folder: Path) -> Dataset:
    """The data set in a folder; the last one stays open, as the next run mostly has the same."""
    return open_dataset(folder)


def build_run(
    trainable: str,
    config: Mapping[str, Any],
    *,
    data: Dataset | Path | None,
    seed: int,
    cache: Path,
    teacher: Path | None = None,
    folder: Path | None = None,
    metric: str = "val/wer",
    data_shares: Sequence[tuple[int, float]] = (),
) -> Run:
    """Builds a run at epoch 0.

    Args:
        trainable: Its name, as `registry.run_class` takes it.
        config: Its settings.
        data: The data set, or its folder; None for a custom run without.
        seed: Of its randomness.
        cache: Folder for what runs derive and share.
        teacher: The teacher's checkpoint, None without.
        folder: The run's own folder.
        metric: Column of the curve that it is judged by.
        data_shares: As `RunInputs` has them.

    Raises:
        TrainablesError: Configuration, data and teacher do not fit together.
    """
    cls = run_class(trainable)
    if not is_script(trainable):  # which is a process of its own
        limit_memory()
    opened = warm_dataset(data) if isinstance(data, Path) else data
    inputs = RunInputs(
        data=opened,
        seed=seed,
        teacher=teacher,
        cache=cache,
        folder=folder,
        metric=metric,
        data_shares=tuple((int(last), float(share)) for last, share in data_shares),
    )
    return cls(cls.config_class.model_validate(config), inputs)
