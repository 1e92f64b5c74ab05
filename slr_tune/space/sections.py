"""The plain sections of a search-space file: what they hold and how they are read."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from slr_tune.errors import nearest_or_all
from slr_tune.space import validation
from slr_tune.space.problems import FileSection
from slr_tune.space.script_section import read_script
from slr_tune.space.values import look_up, show
from slr_tune.space.yaml_tree import Node, SourcePlace, key_text, kind_of
from trainables.config import Scoring
from trainables.data.config import as_written, check_data_spec
from trainables.errors import TrainablesError
from trainables.files.curve import COLUMNS
from trainables.files.remote import check_url
from trainables.registry import BUILT_IN_NAMES, config_class, run_title

NEEDS_TEACHER = "distill"
"""The built-in run that learns from a teacher; the other two take none."""

TeacherKind = Literal["train", "study", "checkpoint", "soft_targets"]
_TEACHERS: tuple[TeacherKind, ...] = ("train", "study", "checkpoint", "soft_targets")
_EXAMPLE = "{train: teacher}, {study: NAME}, {checkpoint: PATH} or {soft_targets: FOLDER}"

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


def _study_name(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise ValueError(
            f"{show(name)} cannot be the name of a folder everywhere: use letters, digits, '.', "
            f"'_' and '-', at most 100 of them, a letter or digit first"
        )
    return name


_SIZE = re.compile(r"([0-9]+(?:\.[0-9]+)?) ?(k|M|G|T)(i?)B")


def _bytes(size: object) -> object:
    """A size as people write it, in bytes."""
    if size is None or (isinstance(size, int) and not isinstance(size, bool) and size > 0):
        return size
    found = _SIZE.fullmatch(size) if isinstance(size, str) else None
    if found is None or not float(found[1]):
        raise ValueError(f"{show(size)} is not a size such as 20GB or 500MB")
    return round(float(found[1]) * (1024 if found[3] else 1000) ** ("kMGT".index(found[2]) + 1))


FIRST_SHARE = 0.25
"""Of the training utterances, at the first rung, where `fidelity: subset` says no other."""


def _share(fidelity: object) -> object:
    """The first rung's share of the training utterances."""
    share = fidelity
    if fidelity == "subset":
        return FIRST_SHARE
    if isinstance(fidelity, dict) and set(fidelity) == {"subset"}:
        share = fidelity["subset"]
    if share is None:
        return None
    if isinstance(share, bool) or not isinstance(share, int | float) or not 0 < share < 1:
        raise ValueError(
            f"{show(fidelity)} must be subset, or {{subset: SHARE}} with the share of the training "
            "utterances at the first rung, above 0 and below 1"
        )
    return float(share)


Text = Annotated[str, Field(min_length=1)]
StudyName = Annotated[str, AfterValidator(_study_name)]
_FORBID = ConfigDict(extra="forbid")


@dataclass(frozen=True)
class ObjectiveSpec:
    """What a search optimises.

    Attributes:
        metric: Column of the curve, such as "val/wer".
        direction: Which way is better.
        scoring: Text on which WERs are counted: glosses as they are, or "phoenix", after the
            cleaning of PHOENIX-2014's official evaluation.
    """

    __pydantic_config__: ClassVar[ConfigDict] = _FORBID
    metric: Text = "val/wer"
    direction: Literal["minimize", "maximize"] = "minimize"
    scoring: Scoring = "plain"


@dataclass(frozen=True)
class Budget:
    """How much a search may spend.

    Attributes:
        trials: Total number of trials, including the baseline; None for as many as the hours allow.
        max_epochs: Epochs of a trial that nothing stops.
        grace_epochs: Epochs that every trial gets before it may be pruned: the first rung.
        reduction_factor: One in so many trials at a rung continues, and each rung is so many times
            later than the one before.
        audit: Share of the trials that continue instead of being pruned, to show what pruning
            costs.
        disk: Bytes that the checkpoints of all trials may take together; "20GB" in a file, None
            for no limit.
        hours: Hours that the study may take, all its runs together; None for no limit.
        fidelity: Share of the training utterances that trials see until the first rung; it doubles
            from rung to rung, and after the last rung trials see all. None: always all.
    """

    __pydantic_config__: ClassVar[ConfigDict] = _FORBID
    max_epochs: Annotated[int, Field(ge=1)]
    trials: Annotated[int, Field(ge=1)] | None = None
    grace_epochs: Annotated[int, Field(ge=1)] = 1
    reduction_factor: Annotated[int, Field(ge=2)] = 3
    audit: Annotated[float, Field(ge=0, le=1)] = 0.05
    disk: Annotated[int | None, BeforeValidator(_bytes)] = None
    hours: Annotated[float, Field(gt=0)] | None = None
    fidelity: Annotated[float | None, BeforeValidator(_share)] = None


@dataclass(frozen=True)
class Resources:
    """What runs at the same time.

    Attributes:
        workers: Trials at a time; "auto" for as many as fit on the machine.
        cpus_per_trial: CPU cores of a trial.
        gpus_per_trial: GPUs of a trial, 0 for none; a fraction shares one. "auto": a search
            measures one trial and chooses how many share a card; otherwise one if there is one.
        trial_timeout: Seconds within which a trial has to finish its next epoch; None for 20 times
            the study's median epoch, at least ten minutes.
        node_timeout: Seconds to wait for a node of the cluster to join where none is left; then
            the command ends, and the same one resumes.
        trackers: Programs that get a copy of every trial.
    """

    __pydantic_config__: ClassVar[ConfigDict] = _FORBID
    workers: Annotated[int, Field(ge=1)] | Literal["auto"] = "auto"
    cpus_per_trial: Annotated[float, Field(gt=0)] = 1
    gpus_per_trial: Annotated[float, Field(ge=0)] | Literal["auto"] = 0
    trial_timeout: Annotated[float, Field(gt=0)] | None = None
    node_timeout: Annotated[float, Field(gt=0)] = 600.0
    trackers: tuple[Literal["mlflow", "wandb", "tensorboard"], ...] = ()

    def __post_init__(self) -> None:
        """Takes the list that a study has stored, and names each tracker once."""
        object.__setattr__(self, "trackers", tuple(dict.fromkeys(self.trackers)))


@dataclass(frozen=True)
class TeacherSpec:
    """Where the teacher of a distillation comes from.

    Attributes:
        kind: "train" it, take a "study"'s best, load a "checkpoint", or read its "soft_targets".
        value: The trainable to train, the study's name, the file, or the folder.
        settings: For "train": every setting of that run, its defaults included; else empty.
    """

    kind: TeacherKind
    value: str
    settings: dict[str, Any]


def read_trainable(
    root: FileSection, key: str = "trainable"
) -> tuple[str | None, type[BaseModel] | None]:
    """The trainable's name and the class of its settings, None where there is none such."""
    name: str | None
    given = root.child(key)
    if given is not None and isinstance(given.node.value, dict) and key == "trainable":
        named = look_up(root.node.plain(), ("objective", "metric"))
        metric = named if isinstance(named, str) else ObjectiveSpec().metric
        name = read_script(given, metric=metric)
    else:
        name = root.read(key, Text)
    if name is None:
        return None, None
    try:
        model = config_class(name)
        validation.defaults_of(model)
        return name, model
    except TrainablesError as error:
        root.refuse(error.message, error.hint, path=(key,))
    except Exception as error:  # a user's class may fail in any way
        text = f"{name}: its default settings cannot be written as JSON: {error}"
        root.refuse(text, path=(key,))
    return name, None


def read_data(root: FileSection, trainable: str | None) -> dict[str, Any]:
    """The data section with its defaults; only a user's own run may do without."""
    data = root.child("data")
    if data is None:
        if trainable in BUILT_IN_NAMES:
            text = f"is missing; {trainable} needs data"
            hint = "Add for example data: {name: libras}."
            root.refuse(text, hint, path=("data",), at=root.node)
        return {}
    if not isinstance(data.node.value, dict):
        return {}
    spec, found = check_data_spec(as_written(data.node.plain()))
    for problem in found:
        path = (problem.key,) if problem.key else ()
        at = data.node.place_of(path, of_key="is not a setting" in problem.message)
        data.refuse(problem.message, problem.hint, path=path, at=at)
    return {} if spec is None else spec.model_dump(mode="json")


def read_objective(root: FileSection, trainable: str | None) -> ObjectiveSpec | None:
    """The objective; the metric of a built-in run must be one of its columns."""
    objective: ObjectiveSpec | None = root.read("objective", ObjectiveSpec, default=ObjectiveSpec())
    columns = COLUMNS[1:]  # all but the epoch
    if objective and trainable in BUILT_IN_NAMES and objective.metric not in columns:
        message = f"{show(objective.metric)} is not a column of the curve"
        hint = nearest_or_all(objective.metric, columns)
        root.refuse(message, hint, path=("objective", "metric"))
    if objective and trainable not in BUILT_IN_NAMES and objective.scoring != "plain":
        message = f"{_title(trainable)} counts its own errors; scoring is for built-in runs"
        root.refuse(message, "Remove it.", path=("objective", "scoring"))
    return objective


def _title(trainable: str | None) -> str:
    """What a run is called: a script by its file."""
    return "your own run" if trainable is None else run_title(trainable)


def read_studies(root: FileSection) -> str | None:
    """The remote place for the study's files; None where the file names none."""
    section = root.child("studies")
    if section is None:
        return None
    place = section.node.plain()
    try:
        return check_url(place if isinstance(place, str) else show(place))
    except ValueError as error:
        hint = "A folder is named by SLR_TUNE_STUDIES."
        root.refuse(str(error), hint, path=("studies",))
        return None


def read_budget(root: FileSection, trainable: str | None) -> Budget | None:
    """The budget; it ends somewhere, and the first rung does not lie beyond the last epoch."""
    budget: Budget | None = root.read("budget", Budget)
    given = root.child("budget")
    if given is not None and isinstance(given.node.value, dict):
        if given.child("trials") is None and given.child("hours") is None:
            hint = "Give a number of trials, such as trials: 24, or a time, such as hours: 10."
            root.refuse("is missing", hint, path=("budget", "trials"), at=given.node)
    if budget and budget.grace_epochs > budget.max_epochs:
        message = f"{budget.grace_epochs} must not be above max_epochs, {budget.max_epochs}"
        hint = (
            f"For example --set budget.grace_epochs={budget.max_epochs}; if the two are equal, "
            f"no trial is pruned."
        )
        root.refuse(message, hint, path=("budget", "grace_epochs"))
    elif budget and budget.fidelity is not None:
        _check_fidelity(root, budget, trainable)
    return budget


def _check_fidelity(root: FileSection, budget: Budget, trainable: str | None) -> None:
    """Part of the data is for low rungs, of runs whose data are known."""
    path, message, hint = ("budget", "fidelity"), "", "Remove it."
    if trainable not in BUILT_IN_NAMES:
        message = f"{_title(trainable)} reads its own data; fidelity is for built-in runs"
    elif budget.grace_epochs == budget.max_epochs:
        message = "there is no rung below max_epochs, so every epoch would see all data"
        hint = "Lower budget.grace_epochs, or remove fidelity."
    if message:
        root.refuse(message, hint, path=path)


def read_teacher(root: FileSection, trainable: str | None) -> TeacherSpec | None:
    """The teacher section, None where there is none or something is wrong with it."""
    teacher = root.child("teacher")
    if teacher is None:
        if trainable == NEEDS_TEACHER:
            message = f"is missing; {trainable} needs one"
            hint = "Add for example teacher: {train: teacher}."
            root.refuse(message, hint, path=("teacher",), at=root.node)
        return None
    if trainable in BUILT_IN_NAMES and trainable != NEEDS_TEACHER:
        hint = f"Remove it, or use trainable: {NEEDS_TEACHER}."
        teacher.refuse(f"{trainable} has no teacher", hint)
        return None
    if not isinstance(teacher.node.value, dict):
        teacher.refuse(f"must be {_EXAMPLE}, not {kind_of(teacher.node)}")
        return None
    for key, entry in teacher.node.entries.items():
        if key not in (*_TEACHERS, "settings"):
            hint = nearest_or_all(key_text(key), (*_TEACHERS, "settings"))
            teacher.refuse("is not known", hint, path=(key_text(key),), at=entry.place)
    kinds = [kind for kind in _TEACHERS if kind in teacher.node.entries]
    if len(kinds) != 1:
        teacher.refuse(f"must be exactly one of {_EXAMPLE}")
        return None
    if kinds == ["train"]:
        return _trained_teacher(teacher)
    if settings := teacher.node.entry("settings"):
        hint = "Remove it: this teacher is trained already."
        teacher.refuse("is allowed only with train", hint, path=("settings",), at=settings.place)
    return _stored_teacher(teacher, kinds[0], root.node.child("study"))


def _trained_teacher(teacher: FileSection) -> TeacherSpec | None:
    name, model = read_trainable(teacher, "train")
    if name == NEEDS_TEACHER:
        hint = "Train a teacher or a student, or name the study that distilled it."
        teacher.refuse(f"{name} needs a teacher itself", hint, path=("train",))
        return None
    if name is None or model is None:
        return None
    label = "teacher.settings"
    given = teacher.node.child("settings") or Node(SourcePlace(0, 0, 0, label), {})
    section = FileSection(given, label, teacher.problems)
    if not isinstance(given.value, dict | None):
        section.refuse(f"must be a mapping, not {kind_of(given)}")
        return None
    settings = section.settings(model)
    return None if settings is None else TeacherSpec("train", name, settings)


def _stored_teacher(
    teacher: FileSection, kind: TeacherKind, study: Node | None
) -> TeacherSpec | None:
    """A teacher that is trained already; its study must be another, its files must be there."""
    name: str | None = teacher.read(kind, StudyName if kind == "study" else Text)
    if name is None:
        return None
    path, message, hint = Path(name).expanduser(), "", ""
    if kind == "study" and study is not None and study.value == name:
        message = f"{name} is the study that the teacher is for"
    elif kind == "checkpoint" and not path.is_file():
        message = f"there is no file {name}"
        hint = f"A relative path starts at the working directory, {Path.cwd()}."
    elif kind == "soft_targets" and not (path / "train.json").is_file():
        message = f"there are no soft targets of train in {name}"
        hint = f"slr-tune soft-targets CHECKPOINT --temperature 4 --out {name} writes them."
    if message:
        teacher.refuse(message, hint, path=(kind,))
    return TeacherSpec(kind, name, {})
