"""From a search-space file to a `StudySpec`, with every problem found on the way."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, Field

from slr_tune.errors import SpecError
from slr_tune.space import settings
from slr_tune.space.check_space import SpaceCheck
from slr_tune.space.factor_levels import read_baseline, read_factors
from slr_tune.space.known_settings import known_space, read_fixed, resolve_fixed
from slr_tune.space.nearest import nearest_or_all
from slr_tune.space.overrides import apply_options, apply_overrides
from slr_tune.space.parse_space import ParsedSpace, parse_space
from slr_tune.space.points import RunSettings
from slr_tune.space.problems import Problems
from slr_tune.space.reader import parse_yaml, read_text
from slr_tune.space.report import read_section
from slr_tune.space.sections import (
    Resources,
    StudyName,
    read_budget,
    read_data,
    read_objective,
    read_trainable,
)
from slr_tune.space.space import Space
from slr_tune.space.spec import StudySpec
from slr_tune.space.teacher_section import read_teacher
from slr_tune.space.tree import Node, key_text, kind_of

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
    root, problems = _read_root(path, overrides)
    options = {
        ("study",): ("--study", study),
        ("budget", "trials"): ("--trials", trials),
        ("budget", "max_epochs"): ("--max-epochs", max_epochs),
        ("resources", "workers"): ("--workers", workers),
        ("seed",): ("--seed", seed),
    }
    spec = _Loader(apply_options(root, options), problems).spec(path)
    if spec is None or problems:
        raise SpecError(problems.sorted())
    return spec


def _read_root(path: Path, overrides: Sequence[str]) -> tuple[Node, Problems]:
    """The tree of a file under its overrides.

    Raises:
        SpecError: There is no tree: the file cannot be read, or is no mapping.
    """
    root, found = parse_yaml(read_text(path), str(path))
    problems = Problems(found)
    if root is not None and not isinstance(root.value, dict):
        problems.add(root, "", f"the file must be a mapping, not {kind_of(root)}")
    if root is None or not isinstance(root.value, dict):
        raise SpecError(problems.sorted())
    return apply_overrides(root, overrides, problems), problems


@dataclass
class _Loader:
    """Reads the sections one by one; what is wrong in one does not hide what is in the next."""

    root: Node
    problems: Problems

    def spec(self, path: Path) -> StudySpec | None:
        """The spec, None where a section could not be read."""
        root, problems = self.root, self.problems
        self._check_names()
        study = read_section(root, "study", StudyName, problems)
        trainable, model = read_trainable(root, problems)
        data = read_data(root, trainable, problems)
        teacher = read_teacher(root, trainable, problems)
        objective = read_objective(root, trainable, problems)
        budget = read_budget(root, problems)
        resources = read_section(root, "resources", Resources, problems, default=Resources())
        seed = read_section(root, "seed", Seed, problems, default=0)
        searched = self._searched(model, budget.max_epochs if budget else 1)
        if study is None or trainable is None or objective is None or budget is None:
            return None
        if resources is None or seed is None or searched is None:
            return None
        space, fixed, baseline, factors = searched
        return StudySpec(
            study, trainable, data, teacher, objective, budget, resources,
            fixed, space, baseline, factors, seed, path,
        )  # fmt: skip

    def _check_names(self) -> None:
        for key, entry in self.root.entries.items():
            if key not in SECTIONS:
                hint = nearest_or_all(key_text(key), SECTIONS)
                self.problems.add(entry.place, key_text(key), "is no section of the file", hint)
            elif key in _MAPPINGS and not isinstance(entry.node.value, dict | None):
                said = f"must be a mapping, not {kind_of(entry.node)}"
                self.problems.add(entry.node, key_text(key), said)

    def _searched(
        self, model: type[BaseModel] | None, max_epochs: int
    ) -> tuple[Space, dict[str, Any], dict[str, Any] | None, dict[str, list[Any]]] | None:
        """Space, fixed settings, baseline and factors, tried on the trainable."""
        node = self.root.child("space")
        if node is None:
            self.problems.add(self.root, "space", "is missing")
            return None

        def is_group(path: tuple[str, ...]) -> bool:
            return model is None or settings.is_group(model, path)

        parsed = parse_space(node, is_group, self.problems)
        if parsed.space.parameters and not parsed.space.names:
            said = "has nothing to search: every parameter in it is fixed"
            self.problems.add(node, "space", said, "Move them to fixed, and search another.")
        known = parsed.space if model is None else known_space(parsed, model, self.problems)
        baseline = read_baseline(self.root, parsed, known, self.problems)
        if model is None:
            return None
        fixed = read_fixed(self.root, parsed, model, self.problems)
        resolved = resolve_fixed(fixed, parsed.space, model)
        check = self._check(parsed, known, RunSettings(model, resolved, max_epochs), baseline)
        check.check()
        return parsed.space, resolved, baseline, read_factors(self.root, check, self.problems)

    def _check(
        self,
        parsed: ParsedSpace,
        known: Space,
        run: RunSettings,
        baseline: dict[str, Any] | None,
    ) -> SpaceCheck:
        start = {} if baseline is None else parsed.space.encode(baseline)
        return SpaceCheck(self.root, parsed, known, run, start, self.problems)
