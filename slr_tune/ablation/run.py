"""One ablation from what is asked to what was found."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from slr_tune.ablation.analysis import check_comparable
from slr_tune.ablation.build_result import build_result
from slr_tune.ablation.design import TUNING_SEED, Design
from slr_tune.ablation.path import walk
from slr_tune.ablation.result import FORWARD, MAIN, RETUNED, AblationResult, PathStep
from slr_tune.ablation.result_files import read_result, write_result
from slr_tune.ablation.retune import retuned
from slr_tune.errors import StudyLocked
from slr_tune.space import Resources, StudySpec
from slr_tune.study.folders import cache_root, study_folder
from slr_tune.study.split_openings import LOOKING, log_test_opening, opening_line
from slr_tune.training.interrupt import Interrupted, Talk
from slr_tune.training.pool import training_pool
from slr_tune.training.run_store import RunStore
from slr_tune.training.runs import WER, ArmRun, Measure
from slr_tune.training.session import ray_log
from slr_tune.training.teacher import Teacher, find_teacher
from trainables.registry import UNTAUGHT

_STAGES = ".stages"
"""Below the study's ablations: what is trained is shared by all of them, and by `confirm`."""


def run_ablation(design: Design, talk: Talk) -> tuple[AblationResult, Path]:
    """Trains what is missing, compares, and writes `result.json` and `runs.csv`.

    Returns:
        What the files say, and their folder.

    Raises:
        Interrupted: Somebody asked to end; what is trained is kept and found next time.
        StudyLocked: Another ablation of this study is at work.
        SlrTuneError: The teacher cannot be had, or a run cannot be trained as it is configured.
    """
    spec, splits = design.spec, ["dev"] if design.measure.counted else []
    folder = study_folder(spec.study) / "ablations" / design.name
    mark = folder / LOOKING
    with opened_store(
        spec,
        talk,
        measure=design.measure,
        resources=design.resources,
        storage=design.storage,
        address=design.address,
        share=design.share,
        with_test=design.with_test,
    ) as (store, teacher):
        runs, steps = _train(design, store)
        counts = {role: {s: store.counts(found, s) for s in splits} for role, found in runs.items()}
        if design.with_test:
            # All that can be refused has been, and all is trained: what is logged is a look.
            look_at_test(study_folder(spec.study), design.command, mark, talk)
            for role in (MAIN, FORWARD):
                if role in runs:
                    counts[role]["test"] = store.counts(runs[role], "test")
    result = build_result(design, runs, counts, store=store, steps=steps, teacher=teacher)
    write_result(folder, result)
    mark.unlink(missing_ok=True)
    return read_result(folder), folder


@contextmanager
def opened_store(
    spec: StudySpec,
    talk: Talk,
    *,
    resources: Resources,
    measure: Measure = WER,
    storage: str | None = None,
    address: str | None = None,
    share: bool = True,
    with_test: bool = False,
    by_epoch: bool = False,
) -> Iterator[tuple[RunStore, Teacher | None]]:
    """The trained runs of a study, with workers for those that are missing, and its teacher.

    Args:
        spec: The search.
        talk: How to speak with a person.
        resources: Needs of a training, and how many go side by side.
        measure: What runs are judged by.
        storage: Database in which a `{study: NAME}` teacher is looked up.
        address: Ray cluster, None for this machine.
        share: Whether runs share what they agree in.
        with_test: Whether the test split will be looked at.
        by_epoch: Whether to tell of each run's epochs, not of stages.

    Raises:
        Interrupted: Before the teacher was trained.
        StudyLocked: Another ablation of this study is at work.
        SlrTuneError: The teacher cannot be had, or the data cannot be compared on.
    """
    from trainables.data import prepare

    with _locked(spec.study):
        data = prepare(spec.data, cache_root()) if spec.data else None
        if data is not None and measure.scored:
            check_comparable(data, ["dev", "test"] if with_test else ["dev"])
        log = study_folder(spec.study) / "ray.log"
        with training_pool(resources, address=address, data=data) as pool, ray_log(log):
            teacher = None
            if spec.trainable not in UNTAUGHT:
                teacher = find_teacher(
                    spec, data, pool=pool, storage=storage, talk=talk, allow_weak=True
                )
            if talk.stopped():
                raise Interrupted
            store = RunStore(
                study_folder(spec.study) / "ablations" / _STAGES,
                pool,
                data=data,
                talk=talk,
                teacher=None if teacher is None else teacher.checkpoint,
                teacher_hash=None if teacher is None else teacher.hash,
                share=share,
                measure=measure,
                label=(lambda run: run.name) if by_epoch else None,
            )
            yield store, teacher


def look_at_test(folder: Path, reason: str, mark: Path, talk: Talk) -> None:
    """Logs a look at the test split, and says which one it is."""
    talk.tell(opening_line(log_test_opening(folder, reason, mark=mark)))


def _train(design: Design, store: RunStore) -> tuple[dict[str, list[ArmRun]], tuple[PathStep, ...]]:
    """All runs that the design asks for, by what they are for, the baseline's first."""
    trainable, seeds = design.spec.trainable, design.seeds
    if design.goal is not None:
        return walk(store, design.baseline.config, design.goal, trainable=trainable, seeds=seeds)
    runs = {MAIN: store.train(design.arms, seeds)}
    if design.retune is not None:
        arms, tried = retuned(
            store, design.arms, design.retune, budget=design.budget, seed=TUNING_SEED
        )
        runs |= {RETUNED: store.train(arms, seeds), "tuning": tried}
    return runs, ()


def _locked(study: str) -> AbstractContextManager[object]:
    """One ablation of a study at a time; the system frees the lock of one that dies."""
    path = study_folder(study) / "ablations" / ".lock"
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        return FileLock(path, timeout=0).acquire()
    except Timeout:
        raise StudyLocked(
            f"another ablation of study {study!r} is at work",
            hint="Wait until it is done. What it trains is found by this one.",
        ) from None
