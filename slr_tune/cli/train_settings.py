"""What `slr-tune train` is to train: a flat YAML file with options over it, all errors at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from slr_tune.errors import SpecError
from slr_tune.space import (
    Node,
    ProblemList,
    SourcePlace,
    apply_options,
    apply_overrides,
    check_settings,
    kind_of,
    parse_value,
    read_yaml,
)
from trainables.data.config import check_data_spec
from trainables.registry import config_class

_BESIDE = ("data", "teacher", "seed")
"""Keys of the file that are no settings of the run."""

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
        path: Flat YAML of the run's settings, with `data`, `teacher` and `seed` beside them.
        overrides: `key=value` over the file.
        data: Name of a data set, or its mapping as YAML, over the file's.
        teacher: Checkpoint, over the file's.
        seed: Over the file's.
        resume: Checkpoint whose settings stand where neither file nor override has one.

    Raises:
        SpecError: Anything is wrong; all of it is listed.
        CheckpointError: There is no such checkpoint.
    """
    problems = ProblemList()
    root = Node(SourcePlace(0, 0, 0, ""), {}) if path is None else read_yaml(path)
    if not isinstance(root.value, dict):
        problems.add(root, "", f"must be a mapping of settings, not {kind_of(root)}")
        raise SpecError(problems.sorted())
    root = apply_overrides(root, overrides, problems)
    root = apply_options(
        root,
        {
            ("teacher",): ("--teacher", None if teacher is None else str(teacher)),
            ("seed",): ("--seed", seed),
        },
    )
    beside = {key: root.child(key) for key in _BESIDE}
    settings = Node(
        root.place, {key: entry for key, entry in root.entries.items() if key not in _BESIDE}
    )
    model = config_class(trainable)
    start = {} if resume is None else _settings_of(resume, model)
    config = check_settings(model, settings, "", problems, start=start)
    found = TrainSettings(
        trainable=trainable,
        config=config or {},
        data=_data(_data_node(data, problems) or beside["data"], problems),
        teacher=_teacher(trainable, beside["teacher"], problems),
        seed=_seed(beside["seed"], problems),
    )
    if problems:
        raise SpecError(problems.sorted())
    return found


def _settings_of(checkpoint: Path, model: type[BaseModel]) -> dict[str, Any]:
    """A checkpoint's settings as far as the run has them too."""
    from trainables.files.checkpoint import load_checkpoint

    stored = load_checkpoint(checkpoint).get("config")
    known = stored if isinstance(stored, Mapping) else {}
    return {key: value for key, value in known.items() if key in model.model_fields}


def _data_node(text: str | None, problems: ProblemList) -> Node | None:
    """The option's value: a name, or a mapping as YAML."""
    if text is None:
        return None
    place = SourcePlace(_LAST, 0, 0, f"--data {text}")
    node, found = parse_value(text, place)
    problems.extend(place, found)
    return node


def _data(node: Node | None, problems: ProblemList) -> dict[str, Any]:
    """The data set with its defaults; Libras where none is named."""
    plain: Any = {"name": "libras"} if node is None or node.value is None else node.plain()
    spec, found = check_data_spec({"name": plain} if isinstance(plain, str) else plain)
    for problem in found:
        at = node or SourcePlace(_LAST, 0, 0, "")
        label = f"data.{problem.key}" if problem.key else "data"
        problems.add(at, label, problem.message, problem.hint)
    return {} if spec is None else spec.model_dump(mode="json")


def _teacher(trainable: str, node: Node | None, problems: ProblemList) -> Path | None:
    """The teacher's file; whether it is needed is for the run to say."""
    if node is None or node.value is None:
        return None
    plain = node.plain()
    if isinstance(plain, dict) and set(plain) == {"checkpoint"}:
        plain = plain["checkpoint"]
    if trainable != "distill":
        problems.add(node, "teacher", f"a {trainable} learns from no teacher", "Remove it.")
    elif isinstance(plain, str) and plain:
        return Path(plain).expanduser()
    else:
        hint = "For example teacher: studies/train/teacher/checkpoints/checkpoint_best.pt."
        problems.add(node, "teacher", "must be the path of a checkpoint", hint)
    return None


def _seed(node: Node | None, problems: ProblemList) -> int:
    """The seed, 0 where none is given."""
    value = 0 if node is None or node.value is None else node.value
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return value
    assert node is not None
    problems.add(node, "seed", f"must be a whole number from 0, not {kind_of(node)}")
    return 0
