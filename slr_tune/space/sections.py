"""The plain sections of a search-space file: what they hold and how they are read."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from slr_tune.errors import nearest_or_all
from slr_tune.space import validation
from slr_tune.space.problems import ProblemList, check_settings, dotted, read_section
from slr_tune.space.values import show
from slr_tune.space.yaml_tree import Node, key_text, kind_of
from trainables.data.config import check_data_spec
from trainables.errors import TrainablesError
from trainables.files.curve import COLUMNS
from trainables.registry import BUILT_IN_NAMES, config_class

NEEDS_TEACHER = "distill"
"""The built-in run that learns from a teacher; the other two take none."""

TeacherKind = Literal["train", "study", "checkpoint", "soft_targets"]
_TEACHERS: tuple[TeacherKind, ...] = ("train", "study", "checkpoint", "soft_targets")
_EXAMPLE = "{train: teacher}, {study: NAME}, {checkpoint: PATH} or {soft_targets: FOLDER}"

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


def _study_name(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise ValueError(
            f"{show(name)} cannot name a folder everywhere: take letters, digits, '.', '_' and "
            "'-', at most 100 of them, a letter or digit first"
        )
    return name


Text = Annotated[str, Field(min_length=1)]
StudyName = Annotated[str, AfterValidator(_study_name)]
_FORBID = ConfigDict(extra="forbid")


@dataclass(frozen=True)
class ObjectiveSpec:
    """What a search makes better.

    Attributes:
        metric: Column of the curve, such as "val/wer".
        direction: Which way is better.
    """

    __pydantic_config__: ClassVar[ConfigDict] = _FORBID
    metric: Text = "val/wer"
    direction: Literal["minimize", "maximize"] = "minimize"


@dataclass(frozen=True)
class Budget:
    """How much a search may spend.

    Attributes:
        trials: Trials in the study at the end, the baseline among them.
        max_epochs: Epochs of a trial that nothing stops.
        grace_epochs: Epochs that every trial gets before it may be pruned: the first rung.
        reduction_factor: Of so many trials at a rung one goes on, and each rung is so many times
            as late as the one before.
        audit: Share of the trials that run on where they would be pruned, to show what pruning
            costs.
    """

    __pydantic_config__: ClassVar[ConfigDict] = _FORBID
    trials: Annotated[int, Field(ge=1)]
    max_epochs: Annotated[int, Field(ge=1)]
    grace_epochs: Annotated[int, Field(ge=1)] = 1
    reduction_factor: Annotated[int, Field(ge=2)] = 3
    audit: Annotated[float, Field(ge=0, le=1)] = 0.05


@dataclass(frozen=True)
class Resources:
    """What runs side by side.

    Attributes:
        workers: Trials at a time; "auto" for as many as the machine holds.
        cpus_per_trial: CPU cores of a trial.
        gpus_per_trial: GPUs of a trial; a fraction shares one.
    """

    __pydantic_config__: ClassVar[ConfigDict] = _FORBID
    workers: Annotated[int, Field(ge=1)] | Literal["auto"] = "auto"
    cpus_per_trial: Annotated[float, Field(gt=0)] = 1
    gpus_per_trial: Annotated[float, Field(ge=0)] = 0


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
    root: Node, problems: ProblemList, *, key: str = "trainable", label: str = "trainable"
) -> tuple[str | None, type[BaseModel] | None]:
    """The trainable's name and the class of its settings, None where there is none such."""
    name: str | None = read_section(root, key, Text, problems, label=label)
    if name is None:
        return None, None
    place = root.place_of((key,))
    try:
        model = config_class(name)
        validation.defaults_of(model)
        return name, model
    except TrainablesError as error:
        problems.add(place, label, error.message, error.hint)
    except Exception as error:  # a user's class may fail in any way
        said = f"{name}: its default settings cannot be written as JSON: {error}"
        problems.add(place, label, said)
    return name, None


def read_data(root: Node, trainable: str | None, problems: ProblemList) -> dict[str, Any]:
    """The data section with its defaults; only a user's own run may do without."""
    node = root.child("data")
    if node is None or node.value is None:
        if trainable in BUILT_IN_NAMES:
            hint = "Add for example data: {name: libras}."
            problems.add(root, "data", f"is missing; {trainable} needs data", hint)
        return {}
    if not isinstance(node.value, dict):
        return {}
    spec, found = check_data_spec(node.plain())
    for problem in found:
        path = (problem.key,) if problem.key else ()
        place = node.place_of(path, of_key="is not a setting" in problem.message)
        problems.add(place, dotted("data", path), problem.message, problem.hint)
    return {} if spec is None else spec.model_dump(mode="json")


def read_objective(
    root: Node, trainable: str | None, problems: ProblemList
) -> ObjectiveSpec | None:
    """The objective; the metric of a built-in run must be one of its columns."""
    objective: ObjectiveSpec | None = read_section(
        root, "objective", ObjectiveSpec, problems, default=ObjectiveSpec()
    )
    columns = COLUMNS[1:]  # all but the epoch
    if objective and trainable in BUILT_IN_NAMES and objective.metric not in columns:
        place = root.place_of(("objective", "metric"))
        said = f"{show(objective.metric)} is no column of the curve"
        hint = nearest_or_all(objective.metric, columns)
        problems.add(place, "objective.metric", said, hint)
    return objective


def read_budget(root: Node, problems: ProblemList) -> Budget | None:
    """The budget; the first rung must not lie beyond the last epoch."""
    budget: Budget | None = read_section(root, "budget", Budget, problems)
    if budget and budget.grace_epochs > budget.max_epochs:
        said = f"{budget.grace_epochs} must not be above max_epochs, {budget.max_epochs}"
        hint = (
            f"For example --set budget.grace_epochs={budget.max_epochs}; "
            "where the two are equal, no trial is pruned."
        )
        place = root.place_of(("budget", "grace_epochs"))
        problems.add(place, "budget.grace_epochs", said, hint)
    return budget


def read_teacher(root: Node, trainable: str | None, problems: ProblemList) -> TeacherSpec | None:
    """The teacher section, None where there is none or something is wrong with it."""
    node = root.child("teacher")
    if node is None or node.value is None:
        if trainable == NEEDS_TEACHER:
            hint = "Add for example teacher: {train: teacher}."
            problems.add(root, "teacher", f"is missing; {trainable} needs one", hint)
        return None
    if trainable in BUILT_IN_NAMES and trainable != NEEDS_TEACHER:
        hint = f"Remove it, or use trainable: {NEEDS_TEACHER}."
        problems.add(node, "teacher", f"{trainable} learns from no teacher", hint)
        return None
    if not isinstance(node.value, dict):
        problems.add(node, "teacher", f"must be {_EXAMPLE}, not {kind_of(node)}")
        return None
    for key, entry in node.entries.items():
        if key not in (*_TEACHERS, "settings"):
            hint = nearest_or_all(key_text(key), (*_TEACHERS, "settings"))
            problems.add(entry.place, f"teacher.{key_text(key)}", "is not known", hint)
    kinds = [kind for kind in _TEACHERS if kind in node.entries]
    if len(kinds) != 1:
        problems.add(node, "teacher", f"must be exactly one of {_EXAMPLE}")
        return None
    if kinds == ["train"]:
        return _trained_teacher(node, problems)
    if settings := node.entry("settings"):
        hint = "Remove it: this teacher is trained already."
        problems.add(settings.place, "teacher.settings", "goes only with train", hint)
    return _stored_teacher(node, kinds[0], root.child("study"), problems)


def _trained_teacher(node: Node, problems: ProblemList) -> TeacherSpec | None:
    label = "teacher.train"
    name, model = read_trainable(node, problems, key="train", label=label)
    if name == NEEDS_TEACHER:
        hint = "Train a teacher or a student, or name the study that distilled it."
        problems.add(node.place_of(("train",)), label, f"{name} needs a teacher itself", hint)
        return None
    given = node.child("settings")
    if name is None or model is None:
        return None
    if given is not None and not isinstance(given.value, dict | None):
        problems.add(given, "teacher.settings", f"must be a mapping, not {kind_of(given)}")
        return None
    settings = check_settings(model, given, "teacher.settings", problems)
    return None if settings is None else TeacherSpec("train", name, settings)


def _stored_teacher(
    node: Node, kind: TeacherKind, study: Node | None, problems: ProblemList
) -> TeacherSpec | None:
    """A teacher that is trained already; its study must be another, its files must be there."""
    label, of_kind = f"teacher.{kind}", StudyName if kind == "study" else Text
    name: str | None = read_section(node, kind, of_kind, problems, label=label)
    if name is None:
        return None
    path, said, hint = Path(name).expanduser(), "", ""
    if kind == "study" and study is not None and study.value == name:
        said = f"{name} is the study that the teacher is for"
    elif kind == "checkpoint" and not path.is_file():
        said = f"there is no file {name}"
        hint = f"A relative path starts at the working directory, {Path.cwd()}."
    elif kind == "soft_targets" and not (path / "train.json").is_file():
        said = f"there are no soft targets of train in {name}"
        hint = f"slr-tune soft-targets CHECKPOINT --temperature 4 --out {name} writes them."
    if said:
        problems.add(node.place_of((kind,)), label, said, hint)
    return TeacherSpec(kind, name, {})
