"""The teacher of a search: trained once, found again next time, and checked before it teaches."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from slr_tune.errors import RunFailed, SlrTuneError
from slr_tune.space import StudySpec, TeacherSpec
from slr_tune.study.folders import cache_root
from slr_tune.study.record import record_of
from slr_tune.training.jobs import Job, JobResult, run_jobs
from trainables.errors import ConfigError
from trainables.registry import config_class

_BOOTSTRAP_SAMPLES = 2000
_KEY_LENGTH = 16
_TRAINING_VERSION = 1
"""Raised when a change of the training code gives other weights for the same settings."""


@dataclass(frozen=True)
class Teacher:
    """A teacher that is ready.

    Attributes:
        checkpoint: Its file, or the folder of its soft targets.
        hash: SHA-256 of the file, or of the folder's index.
        wer: WER on dev, percent.
        parameters: Numbers in the model.
        reference_wer: Dev WER of the baseline student trained without any teacher, percent; None
            where the space has no baseline.
    """

    checkpoint: Path
    hash: str
    wer: float
    parameters: int
    reference_wer: float | None

    def stored(self) -> dict[str, Any]:
        """What `study.yaml` says of it."""
        return {"checkpoint": str(self.checkpoint), "sha256": self.hash, "wer": self.wer}


def find_teacher(
    spec: StudySpec,
    data: Any,
    *,
    storage: str | None,
    tell: Callable[[str], None],
    stopped: Callable[[], bool],
    allow_weak: bool,
) -> Teacher | None:
    """Finds or trains the teacher, and beside it the student that it has to beat.

    Both are keyed by a hash of everything that shapes them, so a second search finds them. They
    train side by side, and go on from their checkpoints after a stop.

    Args:
        spec: The search.
        data: The prepared data set.
        storage: Database in which `{study: NAME}` is looked up.
        tell: Takes a line for a person.
        stopped: Whether somebody asked to end; then the training ends at its last epoch.
        allow_weak: Go on with a teacher that is worse than the student.

    Returns:
        The teacher; None where the space needs none, or when stopped.

    Raises:
        SlrTuneError: The teacher cannot be had, or is worse than the student beyond chance.
    """
    if spec.teacher is None or data is None:
        return None
    jobs = {}
    if spec.teacher.kind != "soft_targets":
        jobs["teacher"] = _teacher_job(spec, spec.teacher, data, storage)
    reference = _reference_job(spec, data)
    if reference is not None:
        jobs["student without teacher"] = reference
    # A teacher teaches by its outputs: a beam search on one side would hide which are better.
    jobs = {name: replace(job, greedy=True) for name, job in jobs.items()}
    results = run_jobs(
        jobs,
        cpus=spec.resources.cpus_per_trial,
        gpus=spec.resources.gpus_per_trial,
        tell=tell,
        stopped=stopped,
    )
    if results is None:
        return None
    student = results.get("student without teacher")
    if spec.teacher.kind == "soft_targets":
        return _soft_teacher(Path(spec.teacher.value), student, tell=tell)
    found = results["teacher"]
    tell(f"Teacher loaded: dev WER {found.wer():.2f}, {found.parameters:,} parameters")
    if student is not None:
        _gate(found, student, tell=tell, allow_weak=allow_weak)
    digest = hashlib.sha256(found.checkpoint.read_bytes()).hexdigest()
    reference_wer = None if student is None else student.wer()
    return Teacher(found.checkpoint, digest, found.wer(), found.parameters, reference_wer)


def _soft_teacher(
    folder: Path, student: JobResult | None, *, tell: Callable[[str], None]
) -> Teacher:
    """A teacher of which only the soft targets are there, and the WER that they tell of."""
    from trainables.teaching.soft_targets import SoftTargets

    folder = folder.expanduser().absolute()
    facts = SoftTargets(folder).facts()
    wer = math.nan if facts["teacher_wer"] is None else float(facts["teacher_wer"])
    tell(f"Soft targets loaded: their teacher's dev WER is {wer:.2f}")
    reference = None if student is None else student.wer()
    if reference is not None and wer > reference:
        tell(
            f"Warning: the baseline student reaches {reference:.2f} without a teacher; whether "
            "the difference is chance cannot be told without the teacher itself"
        )
    return Teacher(folder, facts["teacher_hash"], wer, facts["teacher_parameters"], reference)


def training_key(
    trainable: str,
    config: Mapping[str, Any],
    *,
    seed: int,
    data_hash: str,
    teacher_hash: str | None = None,
) -> str:
    """Names a training by everything that shapes its result."""
    parts = [_TRAINING_VERSION, trainable, config, seed, data_hash, teacher_hash]
    content = json.dumps(parts, sort_keys=True, default=str)
    return hashlib.sha256(content.encode()).hexdigest()[:_KEY_LENGTH]


def known_trainings(
    spec: StudySpec, data: Any, *, storage: str | None
) -> tuple[Path | None, Path | None]:
    """Best checkpoints of the teacher and of the student it has to beat, where they are trained.

    Of a teacher that is there as soft targets, their folder.

    Args:
        spec: The search.
        data: The prepared data set.
        storage: Database in which `{study: NAME}` is looked up.

    Raises:
        SlrTuneError: The study that is to give the teacher has none.
    """
    teacher = None if spec.teacher is None else _teacher_job(spec, spec.teacher, data, storage)
    jobs = (teacher, _reference_job(spec, data))
    found = []
    for job in jobs:
        path = None if job is None else job.checkpoint
        if job is not None and path is None:
            path = job.folder / "checkpoints" / "checkpoint_best.pt"
        given = job is not None and job.checkpoint is not None
        found.append(path if path is not None and (given or path.is_file()) else None)
    return found[0], found[1]


def _teacher_job(spec: StudySpec, teacher: TeacherSpec, data: Any, storage: str | None) -> Job:
    if teacher.kind == "train":
        config = (
            config_class(teacher.value).model_validate(teacher.settings).model_dump(mode="json")
        )
        return training_job(teacher.value, config, seed=spec.seed, data=data)
    if teacher.kind in ("checkpoint", "soft_targets"):
        return Job(data=data.folder, checkpoint=Path(teacher.value).expanduser())
    return Job(data=data.folder, checkpoint=_best_checkpoint(teacher.value, storage))


def _best_checkpoint(study: str, storage: str | None) -> Path:
    from slr_tune.study.view import load_study

    view = load_study(study, storage)
    best = view.best()
    record = None if best is None else record_of(best)
    if record is None or record.checkpoint is None:
        raise SlrTuneError(
            f"study {study!r}, which is to give the teacher, has no finished trial",
            hint="Run it first, or use teacher: {train: teacher}.",
        )
    return view.folder / record.checkpoint


def _reference_job(spec: StudySpec, data: Any) -> Job | None:
    """The baseline student, trained on the glosses alone."""
    baseline = spec.baseline_config()
    if baseline is None or spec.trainable != "distill":
        return None
    student = config_class("student")
    kept = {name: value for name, value in baseline.items() if name in student.model_fields}
    config = student.model_validate(kept).model_dump(mode="json")
    return training_job("student", config, seed=spec.seed, data=data)


def training_job(
    trainable: str,
    config: dict[str, Any],
    *,
    seed: int,
    data: Any,
    teacher: Teacher | None = None,
    splits: tuple[str, ...] = ("dev",),
) -> Job:
    """A training kept under the name of everything that shapes it, so it is done once."""
    taught_by = None if teacher is None else teacher.hash
    key = training_key(trainable, config, seed=seed, data_hash=data.hash, teacher_hash=taught_by)
    return Job(
        data.folder,
        trainable=trainable,
        config=config,
        seed=seed,
        teacher=None if teacher is None else teacher.checkpoint,
        folder=cache_root() / "trained" / f"{trainable}-{key}",
        splits=splits,
    )


def _gate(
    teacher: JobResult, student: JobResult, *, tell: Callable[[str], None], allow_weak: bool
) -> None:
    """Notices a teacher that is worse than the student it is to teach."""
    tell(f"Student without teacher: dev WER {student.wer():.2f}")
    if teacher.wer() <= student.wer():
        return
    low, high = wer_difference_interval(
        teacher.counts["dev"][:, :3].sum(axis=1),
        student.counts["dev"][:, :3].sum(axis=1),
        student.counts["dev"][:, 3],
    )
    text = (
        f"the teacher's dev WER {teacher.wer():.2f} is worse than {student.wer():.2f}, which the "
        f"baseline student reaches without a teacher: {teacher.wer() - student.wer():+.2f} points, "
        f"95 % interval [{low:+.2f}, {high:+.2f}]"
    )
    if low <= 0 or allow_weak:
        tell(f"Warning: {text}")
        return
    raise RunFailed(
        text,
        hint="Train the teacher longer or larger (teacher: {train: teacher, settings: ...}), "
        "take the student as teacher, or add --allow-weak-teacher.",
    )


def wer_difference_interval(
    errors_a: NDArray[np.int64], errors_b: NDArray[np.int64], words: NDArray[np.int64]
) -> tuple[float, float]:
    """95 % interval of WER a minus WER b, percent, by a paired bootstrap over utterances.

    Args:
        errors_a: Errors by utterance, (N,).
        errors_b: Errors of the other system on the same utterances, (N,).
        words: Reference words by utterance, (N,).

    Raises:
        ConfigError: The three do not have the same length.

    Source: Bisani and Ney 2004, "Bootstrap estimates for confidence intervals in ASR performance
    evaluation", ICASSP.
    """
    if not len(errors_a) == len(errors_b) == len(words):
        raise ConfigError("errors and words must be of the same utterances")
    rng = np.random.default_rng(0)
    drawn = rng.integers(0, len(words), size=(_BOOTSTRAP_SAMPLES, len(words)))
    differences = (errors_a - errors_b)[drawn].sum(axis=1) / words[drawn].sum(axis=1) * 100
    low, high = np.percentile(differences, [2.5, 97.5])
    return float(low), float(high)
