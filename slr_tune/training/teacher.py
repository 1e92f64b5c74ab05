"""The teacher of a search: trained once, found again next time, and checked before it teaches."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from slr_tune.errors import RunFailed, SlrTuneError
from slr_tune.space import StudySpec, TeacherSpec
from slr_tune.statistics import Difference
from slr_tune.statistics.counts import IntArray
from slr_tune.statistics.wer_interval import drawn_units, paired_difference, percent
from slr_tune.study.folders import cache_root
from slr_tune.study.record import record_of
from slr_tune.training.interrupt import Interrupted, Talk
from slr_tune.training.pool import Pool
from slr_tune.training.run_store import RunStore
from slr_tune.training.runs import FIRST_TEACHER_SEED, Arm, fresh_seeds, planned_runs
from trainables.data import Dataset
from trainables.registry import config_class

_TEACHER, _STUDENT = "teacher", "student without teacher"


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
    data: Dataset | None,
    *,
    pool: Pool,
    storage: str | None,
    talk: Talk,
    allow_weak: bool,
) -> Teacher | None:
    """Finds or trains the teacher, and alongside the student that it has to beat.

    Both are kept under everything that shapes them, so a second search finds them. They train side
    by side, and continue from their last epochs after a stop.

    Args:
        spec: The search.
        data: The prepared data set, None without.
        pool: Who trains and measures.
        storage: Database in which `{study: NAME}` is looked up.
        talk: How to speak with a person.
        allow_weak: Continue with a teacher that is worse than the student.

    Returns:
        The teacher; None where the space needs none, or when stopped: the training then ends at
        its last epoch.

    Raises:
        SlrTuneError: The teacher cannot be had, or is worse than the student beyond chance.
    """
    if spec.teacher is None or data is None:
        return None
    from trainables.files.stored_model import load_model

    store = _store(data, pool, talk)
    given = _given_teacher(spec.teacher, storage)
    soft = spec.teacher.kind == "soft_targets"
    model = None if given is None or soft else load_model(given)
    try:
        runs = store.train(_arms(spec), [spec.seed])
        weights = {run.arm.name: run.weights for run in runs}
        counts = {name: seeds[0] for name, seeds in store.counts(runs, "dev").items()}
        if model is not None:
            counts[_TEACHER] = store.count_given(model, spec.objective.scoring)
    except Interrupted:
        return None
    student = counts.get(_STUDENT)
    reference = None if student is None else percent(student)
    if given is not None and soft:
        return _soft_teacher(given, reference, tell=talk.tell)
    model, found = model or load_model(weights[_TEACHER]), counts[_TEACHER]
    talk.tell(f"Teacher loaded: dev WER {percent(found):.2f}, {model.parameters:,} parameters")
    if student is not None:
        _gate(found, student, data.dev.signers, tell=talk.tell, allow_weak=allow_weak)
    return Teacher(model.path, model.content_hash, percent(found), model.parameters, reference)


def other_teachers(
    spec: StudySpec, data: Dataset, number: int, *, pool: Pool | None, talk: Talk
) -> list[Teacher]:
    """So many more teachers, trained as the study's own but with other seeds, and kept like it.

    Args:
        spec: The search.
        data: The prepared data set.
        number: How many.
        pool: Who trains and measures.
        talk: How to speak with a person.

    Raises:
        Interrupted: Before they were trained.
        ConfigError: One never had weights.
    """
    from trainables.files.stored_model import load_model

    assert spec.teacher is not None
    store = _store(data, pool, talk)
    arm = _arm(_TEACHER, spec.teacher.value, spec.teacher.settings)
    seeds = fresh_seeds(number, search_seed=spec.seed, first=FIRST_TEACHER_SEED)
    runs = store.train([arm], seeds)
    found = []
    for run, counts in zip(runs, store.counts(runs, "dev")[_TEACHER], strict=True):
        model = load_model(run.weights)
        wer = percent(counts)
        talk.tell(f"Teacher of seed {run.seed}: dev WER {wer:.2f}")
        found.append(Teacher(model.path, model.content_hash, wer, model.parameters, None))
    return found


def known_trainings(
    spec: StudySpec, data: Dataset, *, storage: str | None
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
    store = _store(data, None, Talk(lambda text: None, lambda: False))
    found = store.find(planned_runs(_arms(spec), [spec.seed])).values()
    paths = {run.arm.name: run.weights for run in found if run.best_epoch is not None}
    given = None if spec.teacher is None else _given_teacher(spec.teacher, storage)
    return paths.get(_TEACHER) if given is None else given, paths.get(_STUDENT)


def untrained(spec: StudySpec, data: Dataset) -> dict[str, Arm]:
    """What `run` trains before the first trial, by "teacher" and "reference student"."""
    store = _store(data, None, Talk(lambda text: None, lambda: False))
    arms = _arms(spec)
    found = {run.arm.name for run in store.find(planned_runs(arms, [spec.seed])).values()}
    names = {_TEACHER: "teacher", _STUDENT: "reference student"}
    return {names[arm.name]: arm for arm in arms if arm.name not in found}


def _store(data: Dataset, pool: Pool | None, talk: Talk) -> RunStore:
    """Where teachers and their reference students are kept, for all studies."""
    folder = cache_root() / "trained"
    return RunStore(folder, pool, data=data, talk=talk, share=False, label=lambda run: run.arm.name)


def _arms(spec: StudySpec) -> list[Arm]:
    """What is to be trained: the teacher, and the baseline student, on the glosses alone.

    Both are measured greedily, whatever their own settings say: a teacher teaches by its outputs,
    and a beam search on one side would hide which are better. Errors are counted as the search
    counts them.
    """
    arms = []
    scoring = {"scoring": spec.objective.scoring}
    if spec.teacher is not None and spec.teacher.kind == "train":
        arms.append(_arm(_TEACHER, spec.teacher.value, {**spec.teacher.settings, **scoring}))
    baseline = spec.baseline_config()
    if baseline is not None and spec.trainable == "distill":
        known = config_class("student").model_fields
        kept = {name: value for name, value in baseline.items() if name in known}
        arms.append(_arm(_STUDENT, "student", kept))
    return arms


def _arm(name: str, trainable: str, settings: Mapping[str, Any]) -> Arm:
    config = config_class(trainable).model_validate(settings).model_dump(mode="json")
    return Arm(name, config, trainable, decoding={})


def _given_teacher(teacher: TeacherSpec, storage: str | None) -> Path | None:
    """The file of a teacher that is there, or the folder of its soft targets; else None."""
    if teacher.kind == "train":
        return None
    if teacher.kind in ("checkpoint", "soft_targets"):
        return Path(teacher.value).expanduser().absolute()
    from slr_tune.study.view import load_study

    view = load_study(teacher.value, storage)
    best = view.best()
    record = None if best is None else record_of(best)
    if best is not None and record is not None and record.imported is not None:
        raise SlrTuneError(
            f"the best of study {teacher.value!r}, which should provide the teacher, is trial "
            f"{best.number}, imported from {record.imported}: its weights are not here",
            hint="Import its checkpoint with slr-tune adopt, then use teacher: {checkpoint: PATH}.",
        )
    if best is None or record is None or record.checkpoint is None:
        raise SlrTuneError(
            f"study {teacher.value!r}, which should provide the teacher, has no finished trial",
            hint="Run it first, or use teacher: {train: teacher}.",
        )
    return view.own_folder(best.number) / "checkpoints" / Path(record.checkpoint).name


def _soft_teacher(folder: Path, reference: float | None, *, tell: Callable[[str], None]) -> Teacher:
    """A teacher of which only the soft targets are there, and the WER that they report."""
    from trainables.teaching.soft_targets import SoftTargets

    facts = SoftTargets(folder).facts()
    wer = math.nan if facts["teacher_wer"] is None else float(facts["teacher_wer"])
    known = "not known" if math.isnan(wer) else f"{wer:.2f}"
    tell(f"Soft targets loaded: their teacher's dev WER is {known}")
    if reference is not None and wer > reference:
        tell(
            f"Warning: the baseline student reaches {reference:.2f} without a teacher; without "
            f"the teacher itself it is not known whether the difference is chance"
        )
    return Teacher(folder, facts["teacher_hash"], wer, facts["teacher_parameters"], reference)


def _gate(
    teacher: IntArray,
    student: IntArray,
    signers: Sequence[str] | None,
    *,
    tell: Callable[[str], None],
    allow_weak: bool,
) -> None:
    """Notices a teacher that is worse than the student it is to teach, by their errors on dev."""
    wer, reference = percent(teacher), percent(student)
    tell(f"Student without teacher: dev WER {reference:.2f}")
    if wer <= reference:
        return
    difference = paired_difference(teacher, student, signers)
    text = (
        f"the teacher's dev WER {wer:.2f} is worse than {reference:.2f}, which the baseline "
        f"student reaches without a teacher: {teacher_minus_student(difference, signers)}"
    )
    if difference is None or difference.low <= 0 or allow_weak:
        tell(f"Warning: {text}")
        return
    raise RunFailed(
        text,
        hint="Train the teacher longer or larger (teacher: {train: teacher, settings: ...}), "
        "take the student as teacher, or add --allow-weak-teacher.",
    )


def teacher_minus_student(difference: Difference | None, signers: Sequence[str] | None) -> str:
    """The difference of the two dev WERs with its interval, and over what it was drawn."""
    if difference is None:
        return "one utterance of dev cannot show whether this is chance"
    return (
        f"{difference.points:+.2f} [{difference.low:+.2f}, {difference.high:+.2f}] points, a 95 % "
        f"interval over other {drawn_units(signers)}"
    )
