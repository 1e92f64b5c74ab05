"""The `teacher:` section: where the teacher of a distillation comes from."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from slr_tune.space.nearest import nearest_or_all
from slr_tune.space.problems import Problems
from slr_tune.space.report import check_settings, place_of, read_section
from slr_tune.space.sections import StudyName, Text
from slr_tune.space.tree import Node, key_text, kind_of
from trainables.errors import TrainablesError
from trainables.registry import BUILT_IN_NAMES, config_class

NEEDS_TEACHER = "distill"
"""The built-in run that learns from a teacher; the other two take none."""

_KINDS = ("train", "study", "checkpoint", "soft_targets")
_EXAMPLE = "{train: teacher}, {study: NAME}, {checkpoint: PATH} or {soft_targets: FOLDER}"


@dataclass(frozen=True)
class TeacherSpec:
    """Where the teacher of a distillation comes from.

    Attributes:
        kind: "train" it, take a "study"'s best, load a "checkpoint", or read its "soft_targets".
        value: The trainable to train, the study's name, the file, or the folder.
        settings: For "train": every setting of that run, its defaults included; else empty.
    """

    kind: Literal["train", "study", "checkpoint", "soft_targets"]
    value: str
    settings: dict[str, Any]


def read_teacher(root: Node, trainable: str | None, problems: Problems) -> TeacherSpec | None:
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
        if key not in (*_KINDS, "settings"):
            hint = nearest_or_all(key_text(key), (*_KINDS, "settings"))
            problems.add(entry.place, f"teacher.{key_text(key)}", "is not known", hint)
    kinds = [kind for kind in _KINDS if kind in node.entries]
    if len(kinds) != 1:
        problems.add(node, "teacher", f"must be exactly one of {_EXAMPLE}")
        return None
    if kinds == ["train"]:
        return _trained(node, problems)
    if (entry_of_settings := node.entries.get("settings")) is not None:
        hint = "Remove it: this teacher is trained already."
        problems.add(entry_of_settings.place, "teacher.settings", "goes only with train", hint)
    if kinds == ["study"]:
        return _of_study(node, root, problems)
    return _of_file(node, problems) if kinds == ["checkpoint"] else _of_folder(node, problems)


def _trained(node: Node, problems: Problems) -> TeacherSpec | None:
    name: str | None = read_section(node, "train", Text, problems, label="teacher.train")
    if name is None:
        return None
    place = place_of(node, ("train",))
    if name == NEEDS_TEACHER:
        hint = "Train a teacher or a student, or name the study that distilled it."
        problems.add(place, "teacher.train", f"{name} needs a teacher itself", hint)
        return None
    try:
        model = config_class(name)
    except TrainablesError as error:
        problems.add(place, "teacher.train", error.message, error.hint)
        return None
    given = node.child("settings")
    if given is not None and not isinstance(given.value, dict | None):
        problems.add(given, "teacher.settings", f"must be a mapping, not {kind_of(given)}")
        return None
    settings = check_settings(model, given, "teacher.settings", problems)
    return None if settings is None else TeacherSpec("train", name, settings)


def _of_study(node: Node, root: Node, problems: Problems) -> TeacherSpec | None:
    name: str | None = read_section(node, "study", StudyName, problems, label="teacher.study")
    own = root.child("study")
    if name is not None and own is not None and own.value == name:
        said = f"{name} is the study that the teacher is for"
        problems.add(place_of(node, ("study",)), "teacher.study", said)
    return None if name is None else TeacherSpec("study", name, {})


def _of_file(node: Node, problems: Problems) -> TeacherSpec | None:
    name: str | None = read_section(node, "checkpoint", Text, problems, label="teacher.checkpoint")
    if name is None:
        return None
    if not Path(name).expanduser().is_file():
        hint = f"A relative path starts at the working directory, {Path.cwd()}."
        place = place_of(node, ("checkpoint",))
        problems.add(place, "teacher.checkpoint", f"there is no file {name}", hint)
    return TeacherSpec("checkpoint", name, {})


def _of_folder(node: Node, problems: Problems) -> TeacherSpec | None:
    key = "soft_targets"
    name: str | None = read_section(node, key, Text, problems, label=f"teacher.{key}")
    if name is None:
        return None
    if not (Path(name).expanduser() / "train.json").is_file():
        hint = f"slr-tune soft-targets CHECKPOINT --temperature 4 --out {name} writes them."
        said = f"there are no soft targets of train in {name}"
        problems.add(place_of(node, (key,)), f"teacher.{key}", said, hint)
    return TeacherSpec("soft_targets", name, {})
