"""From a search-space file to a `StudySpec`, with every problem found on the way."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, Field

from slr_tune.errors import SpecError, nearest_or_all
from slr_tune.space import validation
from slr_tune.space.check_space import SpaceCheck, known_space
from slr_tune.space.overrides import apply_options, apply_overrides
from slr_tune.space.parse_space import parse_space
from slr_tune.space.problems import FileSection, ProblemList
from slr_tune.space.sections import (
    Resources,
    StudyName,
    read_budget,
    read_data,
    read_objective,
    read_teacher,
    read_trainable,
)
from slr_tune.space.space import Space
from slr_tune.space.spec import StudySpec
from slr_tune.space.value_sections import (
    read_baseline,
    read_factors,
    read_fixed,
    resolve_fixed,
)
from slr_tune.space.yaml_reader import parse_yaml, read_text
from slr_tune.space.yaml_tree import key_text, kind_of

SECTIONS = tuple(field.name for field in fields(StudySpec) if field.name != "path")
"""Names of the sections of a file."""

_MAPPINGS = ("data", "fixed", "baseline", "factors")
"""Sections that must be mappings where they are there and that no reader of their own checks."""

Seed = Annotated[int, Field(ge=0, lt=2**32)]


def load_spec(
    path: Path,
    *,
    overrides: Sequence[str] = (),
    study: str | None = None,
    trials: int | None = None,
    max_epochs: int | None = None,
    workers: int | None = None,
    seed: int | None = None,
) -> StudySpec:
    """Reads and checks a search-space file.

    Args:
        path: The YAML file.
        overrides: `key=value` with dotted keys, put over the file: `budget.trials=5`.
        study: Name of the study, over the file's.
        trials: Over `budget.trials`.
        max_epochs: Over `budget.max_epochs`.
        workers: Over `resources.workers`.
        seed: Over `seed`.

    Raises:
        SpecError: Anything is wrong; `problems` lists all of it, in the order of the file.
    """
    root, found = parse_yaml(read_text(path), str(path))
    problems = ProblemList(found)
    if root is not None and not isinstance(root.value, dict):
        problems.add(root, "", f"the file must be a mapping, not {kind_of(root)}")
    if root is None or not isinstance(root.value, dict):
        raise SpecError(problems.sorted())
    options = {
        ("study",): ("--study", study),
        ("budget", "trials"): ("--trials", trials),
        ("budget", "max_epochs"): ("--max-epochs", max_epochs),
        ("resources", "workers"): ("--workers", workers),
        ("seed",): ("--seed", seed),
    }
    root = apply_options(apply_overrides(root, overrides, problems), options)
    spec = _read_spec(FileSection(root, "", problems), path)
    if spec is None or problems:
        raise SpecError(problems.sorted())
    return spec


def _read_spec(root: FileSection, path: Path) -> StudySpec | None:
    """Reads section by section; what is wrong in one does not hide what is in the next.

    Returns:
        The spec, None where a section could not be read.
    """
    _check_names(root)
    study = root.read("study", StudyName)
    trainable, model = read_trainable(root)
    data = read_data(root, trainable)
    teacher = read_teacher(root, trainable)
    objective = read_objective(root, trainable)
    budget = read_budget(root)
    resources = root.read("resources", Resources, default=Resources())
    seed = root.read("seed", Seed, default=0)
    searched = _read_searched(root, model, budget.max_epochs if budget else 1)
    if study is None or trainable is None or objective is None or budget is None:
        return None
    if resources is None or seed is None or searched is None:
        return None
    space, fixed, baseline, factors = searched
    return StudySpec(
        study, trainable, data, teacher, objective, budget, resources,
        fixed, space, baseline, factors, seed, path,
    )  # fmt: skip


def _check_names(root: FileSection) -> None:
    for key, entry in root.node.entries.items():
        name = key_text(key)
        if key not in SECTIONS:
            hint = nearest_or_all(name, SECTIONS)
            root.refuse("is no section of the file", hint, path=(name,), at=entry.place)
        elif key in _MAPPINGS and not isinstance(entry.node.value, dict | None):
            root.refuse(f"must be a mapping, not {kind_of(entry.node)}", path=(name,))


def _read_searched(
    root: FileSection, model: type[BaseModel] | None, max_epochs: int
) -> tuple[Space, dict[str, Any], dict[str, Any] | None, dict[str, list[Any]]] | None:
    """Space, fixed settings, baseline and factors, tried on the trainable."""
    node = root.node.child("space")
    if node is None:
        root.refuse("is missing", path=("space",))
        return None

    def is_group(path: tuple[str, ...]) -> bool:
        return model is None or validation.is_group(model, path)

    parsed = parse_space(node, is_group, root.problems)
    space = parsed.space
    if space.parameters and not space.names:
        said = "has nothing to search: every parameter in it is fixed"
        root.refuse(said, "Move them to fixed, and search another.", path=("space",))
    known = space if model is None else known_space(root, parsed, model)
    baseline = read_baseline(root, parsed, known)
    if model is None:
        return None
    fixed = resolve_fixed(read_fixed(root, parsed, model), space, model)
    start = {} if baseline is None else space.encode(baseline)
    whole = {**fixed, "max_epochs": max_epochs}
    check = SpaceCheck(root, parsed, known, model, whole, start)
    check.check()
    return space, fixed, baseline, read_factors(root, check)
