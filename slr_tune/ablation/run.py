"""One ablation from what is asked to what was found."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from filelock import FileLock, Timeout

from slr_tune.ablation.analysis import check_comparable
from slr_tune.ablation.build_result import build_result
from slr_tune.ablation.data_orders import by_arm, ordered_runs
from slr_tune.ablation.design import TUNING_SEED, Design
from slr_tune.ablation.interim import AblationInterrupted, interim_of
from slr_tune.ablation.margins import check_margin, stored_results
from slr_tune.ablation.path import walk
from slr_tune.ablation.result import FORWARD, MAIN, RETUNED, AblationResult, PathStep
from slr_tune.ablation.result_files import read_result, write_result
from slr_tune.ablation.retune import retuned
from slr_tune.ablation.study_family import Earlier
from slr_tune.ablation.until_decided import Decided, SequentialPlan, decide, keep_plan
from slr_tune.errors import SlrTuneError, StudyLocked
from slr_tune.space import Resources, StudySpec
from slr_tune.study.folders import cache_root, study_folder
from slr_tune.study.manifest import keep_space
from slr_tune.study.split_openings import LOOKING, log_test_opening, opening_line
from slr_tune.study.unfinished import LOCK, mark_finished, mark_unfinished
from slr_tune.training.interrupt import Interrupted, Talk
from slr_tune.training.node_checks import TEACHER, node_needs
from slr_tune.training.pool import training_pool
from slr_tune.training.run_store import RunStore
from slr_tune.training.runs import WER, ArmRun, Measure
from slr_tune.training.shipping import Shipping
from slr_tune.training.teacher import Teacher, find_teacher, other_teachers
from slr_tune.training.workers import workers_here
from trainables.registry import UNTAUGHT, run_title

if TYPE_CHECKING:
    from trainables.data import Dataset

_STAGES = ".stages"
"""Below the study's ablations: what is trained is shared by all of them, and by `confirm`."""


def run_ablation(design: Design, talk: Talk) -> tuple[AblationResult, Path]:
    """Trains what is missing, compares, and writes `result.json` and `runs.csv`.

    Returns:
        What the files say, and their folder.

    Raises:
        AblationInterrupted: Somebody asked to end; what is trained is kept and found next time.
        StudyLocked: Another ablation of this study is running.
        SlrTuneError: The teacher cannot be had, or a run cannot be trained as it is configured.
    """
    spec, splits = design.spec, ["dev"] if design.measure.counted else []
    folder = study_folder(spec.study) / "ablations" / design.name
    mark = folder / LOOKING
    if design.view is None:  # else its search keeps it
        keep_space(spec, study_folder(spec.study))
    earlier = stored_results(folder.parent)
    with opened_store(
        spec,
        talk,
        measure=design.measure,
        resources=design.resources,
        storage=design.storage,
        address=design.address,
        shipping=design.shipping,
        share=design.share,
        with_test=design.with_test,
        before=lambda data: _check_margin(design, data, earlier),
    ) as (store, teacher):
        mark_unfinished(folder, design.command)
        try:
            teachers = _teachers(design, store, teacher, talk)
            decided = _until_decided(design, store, folder) if design.until_decided else None
            runs, steps = _train(design, store, teachers, decided)
            counts = {role: {s: store.counts(f, s) for s in splits} for role, f in runs.items()}
        except Interrupted as interrupted:
            raise AblationInterrupted(interim_of(design, store)) from interrupted
        if design.with_test:
            # All that can be refused has been, and all is trained: what is logged is a look.
            look_at_test(study_folder(spec.study), design.command, mark, talk)
            for role in (MAIN, FORWARD):
                if role in runs:
                    counts[role]["test"] = store.counts(runs[role], "test")
    result = build_result(
        design,
        runs,
        counts,
        store=store,
        steps=steps,
        teachers=teachers,
        decided=decided,
        earlier=Earlier.of(earlier, but=design.name),
    )
    write_result(folder, result)
    mark_finished(folder)
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
    shipping: Shipping | None = None,
    share: bool = True,
    with_test: bool = False,
    by_epoch: bool = False,
    before: Callable[[Dataset | None], None] | None = None,
) -> Iterator[tuple[RunStore, Teacher | None]]:
    """The trained runs of a study, with workers for those that are missing, and its teacher.

    Args:
        spec: The search.
        talk: How to speak with a person.
        resources: Needs of a training, and how many go side by side.
        measure: What runs are judged by.
        storage: Database in which a `{study: NAME}` teacher is looked up.
        address: Ray cluster, None for this machine.
        shipping: What is sent to its nodes, None for nothing.
        share: Whether runs share what they agree in.
        with_test: Whether the test split will be looked at.
        by_epoch: Whether to report each run's epochs instead of stages.
        before: Refuses data before anything is trained on them.

    Raises:
        Interrupted: Before the teacher was trained.
        StudyLocked: Another ablation of this study is running.
        SlrTuneError: The teacher cannot be had, or the data cannot be compared on.
    """
    from trainables.data import prepare

    with _locked(spec.study):
        data = prepare(spec.data, cache_root()) if spec.data else None
        if data is not None and measure.scored:
            check_comparable(data, ["dev", "test"] if with_test else ["dev"])
        if before is not None:
            before(data)
        log = study_folder(spec.study) / "ray.log"
        with (
            training_pool(
                resources,
                address=address,
                data=data,
                needs=node_needs(spec.trainable, data),
                tell=talk.tell,
                shipping=shipping,
                log=log,
            ) as pool,
        ):
            teacher = None
            if spec.trainable not in UNTAUGHT:
                teacher = find_teacher(
                    spec, data, pool=pool, storage=storage, talk=talk, allow_weak=True
                )
            if talk.stopped():
                raise Interrupted
            if teacher is not None:
                pool.need(TEACHER, teacher.checkpoint)
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


def _train(
    design: Design, store: RunStore, teachers: Sequence[Teacher], decided: Decided | None
) -> tuple[dict[str, list[ArmRun]], tuple[PathStep, ...]]:
    """All runs that the design asks for, by what they are for, the baseline's first."""
    trainable, seeds = design.spec.trainable, design.seeds
    if decided is not None:
        return {MAIN: decided.runs}, ()
    if design.goal is not None:
        return walk(store, design.baseline.config, design.goal, trainable=trainable, seeds=seeds)
    if design.orders > 1:
        wanted = ordered_runs(
            design.arms, design.distinct_seeds, design.orders, measure=store.measure
        )
        return {MAIN: by_arm(store.train_runs(wanted))}, ()
    if len(teachers) > 1:
        return {MAIN: _taught(design, store, teachers)}, ()
    runs = {MAIN: store.train(design.arms, seeds)}
    if design.retune is not None:
        arms, tried = retuned(
            store, design.arms, design.retune, budget=design.budget, seed=TUNING_SEED
        )
        runs |= {RETUNED: store.train(arms, seeds), "tuning": tried}
    return runs, ()


def _teachers(
    design: Design, store: RunStore, teacher: Teacher | None, talk: Talk
) -> list[Teacher]:
    """The study's own teacher, and those that are crossed with the arms."""
    if teacher is None:
        return []
    if design.teachers < 2 or store.data is None:
        return [teacher]
    more = design.teachers - 1
    return [teacher, *other_teachers(design.spec, store.data, more, pool=store.pool, talk=talk)]


def _taught(design: Design, store: RunStore, teachers: Sequence[Teacher]) -> list[ArmRun]:
    """Every arm with every teacher, each teacher with seeds of its own; arm by arm."""
    each = len(design.seeds) // len(teachers)
    by_arm: dict[str, list[ArmRun]] = {arm.name: [] for arm in design.arms}
    for place, teacher in enumerate(teachers):
        with store.taught_by(teacher.checkpoint, teacher.hash):
            seeds = design.seeds[place * each : (place + 1) * each]
            for run in store.train(design.arms, seeds):
                by_arm[run.arm.name].append(run)
    return [run for runs in by_arm.values() for run in runs]


def _until_decided(design: Design, store: RunStore, folder: Path) -> Decided:
    """Keeps the plan, and follows it."""
    plan = SequentialPlan.of(design.arms, design.seeds, design.margin, design.spend)
    limit = None if design.spend is None else design.spend.seconds
    workers = workers_here(design.resources) if limit else 1
    return decide(store, design.arms, keep_plan(folder, plan), limit=limit, workers=workers)


def _check_margin(design: Design, data: Dataset | None, earlier: Sequence[AblationResult]) -> None:
    """Refuses a margin that cannot be reached, or that a metric without points has."""
    if design.margin is None:
        return
    if data is None or not design.measure.scored:
        raise SlrTuneError(
            f"--margin is in points of WER, and the run {run_title(design.spec.trainable)} reports "
            "no errors",
            hint="Leave out --margin.",
        )
    signers = set(data.dev.signers or ())
    units = len(data.dev)
    if len(signers) < 2:  # a spread between signers is not known before
        check_margin(design.margin, earlier, units)


def _locked(study: str) -> AbstractContextManager[object]:
    """One ablation of a study at a time; the system frees the lock of one that dies."""
    path = study_folder(study) / "ablations" / LOCK
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        return FileLock(path, timeout=0).acquire()
    except Timeout:
        raise StudyLocked(
            f"another ablation of study {study!r} is running",
            hint="Wait until it is done. This ablation reuses what it trains.",
        ) from None
