"""One ablation from what is asked to what was found."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from slr_tune.ablation.analysis import check_comparable
from slr_tune.ablation.bench import Bench, Interrupted
from slr_tune.ablation.build_result import Measured, Part, build_result
from slr_tune.ablation.design import TUNING_SEED, Design
from slr_tune.ablation.path import walk
from slr_tune.ablation.result import (
    FORWARD,
    MAIN,
    PUT_BACK,
    RETUNED,
    AblationResult,
    PathStep,
)
from slr_tune.ablation.result_files import read_result, write_result
from slr_tune.ablation.retune import retuned
from slr_tune.errors import StudyLocked
from slr_tune.space import Resources, StudySpec
from slr_tune.study.folders import cache_root, study_folder
from slr_tune.study.test_split_log import LOOKING, log_test_opening, opening_line
from slr_tune.training.execute import Place
from slr_tune.training.pool import Pool, RayPool
from slr_tune.training.session import workers_session
from slr_tune.training.teacher import Teacher, find_teacher
from trainables.registry import UNTAUGHT

_STAGES = ".stages"
"""Below the study's ablations: what is trained is shared by all of them."""


@dataclass(frozen=True)
class Talk:
    """How a long work speaks with a person.

    Attributes:
        tell: Takes a line for them.
        stopped: Whether they asked to end.
    """

    tell: Callable[[str], None]
    stopped: Callable[[], bool]


def ablation_folder(study: str, name: str) -> Path:
    """Where the files of an ablation lie."""
    return study_folder(study) / "ablations" / name


def run_ablation(design: Design, talk: Talk) -> tuple[AblationResult, Path]:
    """Trains what is missing, compares, and writes `result.json` and `runs.csv`.

    Returns:
        What the files say, and their folder.

    Raises:
        Interrupted: Somebody asked to end; what is trained is kept and found next time.
        StudyLocked: Another ablation of this study is at work.
        SlrTuneError: The teacher cannot be had, or a run cannot be trained as it is configured.
    """
    from trainables.data import prepare

    spec = design.spec
    folder = ablation_folder(spec.study, design.name)
    mark = folder / LOOKING
    with _locked(spec.study):
        data = prepare(spec.data, cache_root()) if spec.data else None
        if data is not None and design.measure.scored:
            check_comparable(data, ["dev", "test"] if design.with_test else ["dev"])
        needs = design.resources
        with workers_session(needs, address=design.address) as workers, ExitStack() as stack:
            # Before the workers start: they hold the cores that its training would need.
            teacher = _teacher(design, data, talk)
            pool = stack.enter_context(_trainers(needs, workers))
            bench = Bench(
                _place(spec, data, teacher),
                pool,
                data=data,
                teacher_hash=None if teacher is None else teacher.hash,
                share=design.share,
                tell=talk.tell,
                stopped=talk.stopped,
                measure=design.measure,
            )
            parts, steps = _train(design, bench)
            measured = [_measure(part, bench) for part in parts]
            if design.with_test:
                # All that can be refused has been, and all is trained: what is logged is a look.
                times = log_test_opening(study_folder(spec.study), design.command, mark=mark)
                talk.tell(opening_line(times))
                measured = [_with_test(found, bench) for found in measured]
    result = build_result(design, measured, bench=bench, steps=steps, teacher=teacher)
    write_result(folder, result)
    mark.unlink(missing_ok=True)
    return read_result(folder), folder


def _train(design: Design, bench: Bench) -> tuple[list[Part], tuple[PathStep, ...]]:
    """All runs that the design asks for."""
    trainable, seeds = design.spec.trainable, design.seeds
    if design.goal is not None:
        path = walk(bench, design.baseline.config, design.goal, trainable=trainable, seeds=seeds)
        forward = Part(FORWARD, design.title, path.forward)
        back = Part(PUT_BACK, "From the best trial, one parameter put back", path.back)
        return [forward, back, Part("tried", "", path.tried)], path.steps
    parts = [Part(MAIN, design.title, bench.train(design.arms, seeds))]
    if design.retune is not None:
        tuned = retuned(bench, design.arms, design.retune, budget=design.budget, seed=TUNING_SEED)
        title = f"{design.title}, each arm with a {design.retune} of its own"
        parts.append(Part(RETUNED, title, bench.train(tuned.arms, seeds)))
        parts.append(Part("tuning", "", tuned.tried))
    return parts, ()


def _measure(part: Part, bench: Bench) -> Measured:
    """Errors of a part's runs on dev."""
    return Measured(part, {"dev": bench.counts(part.cells, "dev")} if bench.measure.scored else {})


def _with_test(measured: Measured, bench: Bench) -> Measured:
    """The same with the errors on test, of what is concluded from."""
    part = measured.part
    if part.role not in (MAIN, FORWARD):
        return measured
    return Measured(part, {**measured.counts, "test": bench.counts(part.cells, "test")})


def _teacher(design: Design, data: Any, talk: Talk) -> Teacher | None:
    spec = design.spec
    if spec.teacher is None or spec.trainable in UNTAUGHT:
        return None
    teacher = find_teacher(
        spec,
        data,
        storage=design.storage,
        tell=talk.tell,
        stopped=talk.stopped,
        allow_weak=True,
    )
    if teacher is None and data is not None:
        raise Interrupted
    return teacher


def _place(spec: StudySpec, data: Any, teacher: Teacher | None) -> Place:
    return Place(
        stages=study_folder(spec.study) / "ablations" / _STAGES,
        data=None if data is None else data.folder,
        teacher=None if teacher is None else teacher.checkpoint,
        cache=cache_root(),
    )


@contextmanager
def _trainers(needs: Resources, workers: int) -> Iterator[Pool]:
    """Warm workers in the Ray session that is open."""
    pool = RayPool(
        workers=workers,
        cpus=needs.cpus_per_trial,
        gpus=needs.gpus_per_trial,
        modules=os.getcwd(),
    )
    try:
        yield pool
    finally:
        pool.close()


@contextmanager
def _locked(study: str) -> Iterator[None]:
    """One ablation of a study at a time; the system frees the lock of one that dies."""
    path = study_folder(study) / "ablations" / ".lock"
    path.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(path, timeout=0)
    try:
        lock.acquire()
    except Timeout:
        raise StudyLocked(
            f"another ablation of study {study!r} is at work",
            hint="Wait until it is done. What it trains is found by this one.",
        ) from None
    try:
        yield
    finally:
        lock.release()
