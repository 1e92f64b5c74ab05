"""Whole trainings outside of a search, such as its teacher's, run side by side on Ray."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from slr_tune.errors import RunFailed
from slr_tune.study.folders import cache_root
from trainables.errors import TrainablesError
from trainables.files.curve import CurveFile

_POLL_SECONDS = 0.5
_EPOCHS_BETWEEN_LINES = 5


@dataclass(frozen=True)
class Job:
    """A checkpoint to measure, to be trained before where it does not exist.

    Attributes:
        data: Folder of the prepared data.
        checkpoint: The checkpoint, for one that is there already.
        trainable: Run to train.
        config: Its configuration.
        seed: Its seed.
        teacher: Its teacher's checkpoint, None without.
        folder: Where it trains; a training that was cut off goes on there.
        splits: On which to measure it.
        greedy: Recognise greedily, whatever its own settings say.
    """

    data: Path
    checkpoint: Path | None = None
    trainable: str = ""
    config: Mapping[str, Any] = field(default_factory=dict)
    seed: int = 0
    teacher: Path | None = None
    folder: Path = Path()
    splits: tuple[str, ...] = ("dev",)
    greedy: bool = False


@dataclass(frozen=True)
class JobResult:
    """A checkpoint and how it does.

    Attributes:
        checkpoint: Its file, of the epoch with the best dev WER.
        parameters: Numbers in the model.
        counts: By split, int64 (N, 4): substitutions, deletions, insertions, reference words.
    """

    checkpoint: Path
    parameters: int
    counts: Mapping[str, NDArray[np.int64]]

    def wer(self, split: str = "dev") -> float:
        """Corpus WER on a split, percent."""
        counts = self.counts[split]
        return float(100 * counts[:, :3].sum() / counts[:, 3].sum())


def run_jobs(
    jobs: Mapping[str, Job],
    *,
    cpus: float,
    gpus: float,
    tell: Callable[[str], None],
    stopped: Callable[[], bool],
) -> dict[str, JobResult] | None:
    """Runs jobs on Ray and waits for them; None when stopped before they ended.

    Args:
        jobs: By name, for the lines that are told.
        cpus: Cores of a job.
        gpus: GPUs of a job.
        tell: Takes a line for a person.
        stopped: Whether to end early.

    Raises:
        RunFailed: A worker died.
        TrainablesError: What a job raised because of its input.
    """
    import ray

    remote = ray.remote(num_cpus=cpus, num_gpus=gpus, max_retries=2)(work)
    running = {
        remote.remote(job, str(cache_root()), os.getcwd()): name for name, job in jobs.items()
    }
    told: dict[str, int] = {}
    results: dict[str, JobResult] = {}
    try:
        while running:
            done, _ = ray.wait(list(running), num_returns=1, timeout=_POLL_SECONDS)
            for reference in done:
                results[running.pop(reference)] = _result(reference)
            if stopped():
                return None
            for name in running.values():
                _tell_epoch(name, jobs[name], told, tell)
    finally:
        for reference in running:
            ray.cancel(reference, force=True)
    return results


def work(job: Job, cache: str, modules: str) -> JobResult:
    """Trains where needed, then measures. Runs in a worker."""
    if modules not in sys.path:
        sys.path.append(modules)
    import torch

    from trainables.data import open_dataset
    from trainables.decoding.build import build_decoder
    from trainables.protocol import RunInputs
    from trainables.registry import run_class
    from trainables.runs.evaluation import evaluate
    from trainables.runs.training import train_to_end
    from trainables.scoring.wer import utterance_errors
    from trainables.teaching.frozen_teacher import FrozenTeacher

    torch.set_num_threads(max(1, int(os.environ.get("OMP_NUM_THREADS", "1"))))
    data = open_dataset(job.data)
    checkpoint = job.checkpoint
    if checkpoint is None:
        cls = run_class(job.trainable)
        inputs = RunInputs(data=data, seed=job.seed, teacher=job.teacher, cache=Path(cache))
        config = cls.config_class.model_validate(job.config)
        checkpoint = train_to_end(cls, config, inputs, job.folder)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    model = FrozenTeacher(checkpoint, device=device, half=False)
    model.check_fits(
        vocabulary=data.vocabulary,
        feature_size=data.feature_size,
        subsampling=model.stored.config.subsampling,
    )
    decoder = None if job.greedy else build_decoder(model.stored.config.decoding, data)
    network = model.stored.model.to(device)
    counts = {}
    for name in job.splits:
        split = getattr(data, name)
        found = evaluate(network, split, data.vocabulary, device=device, decoder=decoder)
        counts[name] = utterance_errors(found.hypotheses, split.references)
    return JobResult(checkpoint, model.stored.parameters, counts)


def _result(reference: Any) -> JobResult:
    import ray
    from ray.exceptions import RayError, RayTaskError

    try:
        result: JobResult = ray.get(reference)
    except RayTaskError as error:
        if isinstance(error.cause, TrainablesError):
            raise error.cause from None
        raise RunFailed(f"a training failed: {error.cause!r}") from error
    except RayError as error:
        raise RunFailed(
            f"the worker of a training died: {str(error).splitlines()[0]}",
            hint="Give the same command again; it goes on from its last epoch.",
        ) from error
    return result


def _tell_epoch(name: str, job: Job, told: dict[str, int], tell: Callable[[str], None]) -> None:
    rows = CurveFile(job.folder / "curve.csv").rows() if job.checkpoint is None else []
    epoch = len(rows)
    if epoch and epoch >= told.get(name, 0) + _EPOCHS_BETWEEN_LINES:
        told[name] = epoch
        tell(
            f"{name}: epoch {epoch} of {job.config.get('max_epochs')}, "
            f"dev WER {rows[-1]['val/wer_best']:.2f}"
        )
