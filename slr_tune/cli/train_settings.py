"""What `slr-tune train` is to train: a flat YAML file with options over it, all errors at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from slr_tune.space.overrides import apply_options, apply_overrides
from slr_tune.space.problems import FileSection, ProblemList
from slr_tune.space.yaml_reader import parse_value, read_yaml
from slr_tune.space.yaml_tree import Node, SourcePlace, kind_of
from trainables.data.config import as_written, check_data_spec
from trainables.registry import config_class

_BESIDE = ("data", "teacher", "seed")
"""Keys of the file that are not settings of the run."""

_LAST = 1_000_000
"""Sorts a problem of no file behind those of files."""


@dataclass(frozen=True)
class TrainSettings:
    """A training, ready to begin.

    Attributes:
        trainable: "teacher", "student" or "distill".
        config: Every setting of the run.
        data: The `data:` mapping with its defaults.
        teacher: The teacher's checkpoint; None where there is none.
        seed: Of the run.
    """

    trainable: str
    config: Mapping[str, Any]
    data: Mapping[str, Any]
    teacher: Path | None
    seed: int


def read_train_settings(
    trainable: str,
    path: Path | None,
    *,
    overrides: Sequence[str],
    data: str | None,
    teacher: Path | None,
    seed: int | None,
    resume: Path | None = None,
) -> TrainSettings:
    """Reads a file of settings and puts the options over it.

    Args:
        trainable: What to train.
        path: Flat YAML of the run's settings, with `data`, `teacher` and `seed` next to them.
        overrides: `key=value` over the file.
        data: Name of a data set, or its mapping as YAML, over the file's.
        teacher: Checkpoint, over the file's.
        seed: Over the file's.
        resume: Checkpoint whose settings apply where neither file nor override has one.

    Raises:
        SpecError: Anything is wrong; all of it is listed.
        CheckpointError: There is no such checkpoint.
    """
    problems = ProblemList()
    root = Node(SourcePlace(0, 0, 0, ""), {}) if path is None else read_yaml(path)
    if not isinstance(root.value, dict):
        problems.add(root, "", f"must be a mapping of settings, not {kind_of(root)}")
    problems.raise_any()
    options: dict[tuple[str, ...], tuple[str, Any]] = {
        ("teacher",): ("--teacher", None if teacher is None else str(teacher)),
        ("seed",): ("--seed", seed),
        ("data",): ("--data", _parsed_data(data, problems)),
    }
    root = apply_options(apply_overrides(root, overrides, problems, short_names=True), options)
    entries = {key: entry for key, entry in root.entries.items() if key not in _BESIDE}
    model = config_class(trainable)
    start = {} if resume is None else _settings_of(resume, model)
    config = FileSection(Node(root.place, entries), "", problems).settings(model, start=start)
    whole = FileSection(root, "", problems)
    found = TrainSettings(
        trainable=trainable,
        config=config or {},
        data=_data(whole),
        teacher=_teacher(trainable, whole.child("teacher")),
        seed=_seed(whole.child("seed")),
    )
    problems.raise_any()
    return found


def _settings_of(checkpoint: Path, model: type[BaseModel]) -> dict[str, Any]:
    """A checkpoint's settings as far as the run has them too."""
    from trainables.files.checkpoint import load_checkpoint

    stored = load_checkpoint(checkpoint).get("config")
    known = stored if isinstance(stored, Mapping) else {}
    return {key: value for key, value in known.items() if key in model.model_fields}


def _parsed_data(text: str | None, problems: ProblemList) -> Node | None:
    """The option's value: a name, or a mapping as YAML."""
    if text is None:
        return None
    place = SourcePlace(_LAST, 0, 0, f"--data {text}")
    node, found = parse_value(text, place)
    problems.extend(place, found)
    return node


def _data(whole: FileSection) -> dict[str, Any]:
    """The data set with its defaults; Libras where none is named."""
    data = whole.child("data")
    plain: Any = "libras" if data is None else data.node.plain()
    plain = {"name": plain} if isinstance(plain, str) else plain
    spec, found = check_data_spec(as_written(plain) if isinstance(plain, dict) else plain)
    for problem in found:
        path = ("data", problem.key) if problem.key else ("data",)
        whole.refuse(problem.message, problem.hint, path=path, at=whole.node.place_of(path[:1]))
    return {} if spec is None else spec.model_dump(mode="json")


def _teacher(trainable: str, teacher: FileSection | None) -> Path | None:
    """The teacher's file; whether it is needed is for the run to say."""
    if teacher is None:
        return None
    plain = teacher.node.plain()
    if isinstance(plain, dict) and set(plain) == {"checkpoint"}:
        plain = plain["checkpoint"]
    if trainable != "distill":
        teacher.refuse(f"a {trainable} has no teacher", "Remove it.")
    elif isinstance(plain, str) and plain:
        return Path(plain).expanduser()
    else:
        hint = "For example teacher: studies/train/teacher/checkpoints/checkpoint_best.pt."
        teacher.refuse("must be the path of a checkpoint", hint)
    return None


def _seed(seed: FileSection | None) -> int:
    """The seed, 0 where none is given."""
    if seed is None:
        return 0
    value = seed.node.value
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return value
    seed.refuse(f"must be a whole number from 0, not {kind_of(seed.node)}")
    return 0
