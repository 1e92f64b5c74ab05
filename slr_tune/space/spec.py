"""`StudySpec`: everything that a search-space file says, checked; from the file or from a study."""

from __future__ import annotations

import copy
import dataclasses
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import BaseModel, Field

from slr_tune.errors import Problem, SpecError
from slr_tune.space import sections, validation, value_sections
from slr_tune.space.check_space import SpaceCheck, known_space
from slr_tune.space.identity import SCHEMA
from slr_tune.space.overrides import apply_options, apply_overrides
from slr_tune.space.parameters import from_json
from slr_tune.space.parse_space import parse_space
from slr_tune.space.problems import FileSection, ProblemList
from slr_tune.space.script_section import check_placeholders
from slr_tune.space.sections import Budget, ObjectiveSpec, Resources, TeacherSpec
from slr_tune.space.short_names import section_hint, short_names_hold
from slr_tune.space.space import Space
from slr_tune.space.strategies import (
    DEFAULT,
    PriorSpec,
    SearchSpec,
    named_strategy,
    read_prior,
    read_search,
    search_of,
)
from slr_tune.space.values import merge
from slr_tune.space.yaml_reader import parse_yaml, read_text
from slr_tune.space.yaml_tree import key_text, kind_of
from trainables.registry import config_class
from trainables.script.spec import SCRIPT_SUFFIXES, is_script, script_from_json, script_of

_MAPPINGS = ("data", "fixed", "baseline", "factors")
"""Sections that must be mappings where they are there and that no reader of their own checks."""

_STORED_AS_THEY_ARE = ("study", "trainable", "data", "fixed", "baseline", "seed")
"""Sections that an identity has as the spec has them."""

Seed = Annotated[int, Field(ge=0, lt=2**32)]


@dataclass(frozen=True)
class StudySpec:
    """A search, ready to run: `load_spec` makes it from a file, `from_identity` from a study.

    Attributes:
        study: Name of the study, also of its folder.
        trainable: "teacher", "student", "distill", a user's "package.module:Class" or
            "package.module:function", or the name of a script (`trainables.script.spec`).
        data: The `data:` mapping with its defaults, empty for a user's run without data.
        teacher: Where the teacher comes from, None where there is none.
        objective: What to make better.
        budget: How much to spend.
        resources: What runs at the same time.
        fixed: Every setting that a trial does not bring, the trainable's defaults included; not
            `max_epochs`, which the budget has.
        space: What is searched.
        baseline: Values of the space that are tried first, its fixed ones included; or None.
        factors: Levels of an ablation by parameter or group: `{"temperature": [...]}`.
        seed: Of the sampler and of the runs.
        path: File it was read from; empty for one made from an identity.
        search: The strategy.
        prior: How far the baseline is believed in.
        studies: URL of the place for checkpoints and curves; None for the studies folder.
    """

    study: str
    trainable: str
    data: dict[str, Any]
    teacher: TeacherSpec | None
    objective: ObjectiveSpec
    budget: Budget
    resources: Resources
    fixed: dict[str, Any]
    space: Space
    baseline: dict[str, Any] | None
    factors: dict[str, list[Any]]
    seed: int
    path: Path
    search: SearchSpec = field(default_factory=lambda: named_strategy(DEFAULT, explicit=False))
    prior: PriorSpec = PriorSpec()
    studies: str | None = None

    def config_for(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """The whole configuration of a run: what is fixed, then the values, then `max_epochs`.

        Args:
            values: Nested values, from `Space.suggest` or `Space.decode`. They may go beyond the
                space, as an ablation's levels do, and may bring their own `max_epochs`.

        Raises:
            SpecError: The trainable refuses the configuration.
        """
        model = config_class(self.trainable)
        plain = self.objective.scoring == "plain"
        scoring = {} if plain else {"scoring": self.objective.scoring}
        start = {**self.fixed, **scoring, "max_epochs": self.budget.max_epochs}
        config = merge(start, values)
        if faults := validation.faults_of(model, config):
            raise SpecError([Problem(".".join(f.path), f.message) for f in faults])
        return validation.as_json(model, config)

    def baseline_config(self) -> dict[str, Any] | None:
        """The whole configuration of the baseline, None without one."""
        return None if self.baseline is None else self.config_for(self.baseline)

    def identity(self) -> dict[str, Any]:
        """What must not change under one study name, as JSON. `from_identity` takes it back.

        Everything but trials, audit, disk, hours, studies, the file's path and what `latest` gives:
        more trials may be requested, on another machine, and other ablations; which trial was
        audited its own record says.
        """
        identity: dict[str, Any] = {"schema": SCHEMA, **dataclasses.asdict(self)}
        if is_script(self.trainable):
            identity["trainable"] = script_of(self.trainable).to_json()
        identity["space"] = [parameter.to_json() for parameter in self.space.parameters]
        del identity["resources"], identity["factors"], identity["path"], identity["studies"]
        identity["search"] = self.search.to_json()
        for name in ("trials", "audit", "disk", "hours"):
            del identity["budget"][name]
        if self.budget.fidelity is None:
            del identity["budget"]["fidelity"]  # as it was before there was any
        if self.objective.scoring == "plain":
            del identity["objective"]["scoring"]  # as it was before there was another
        return identity

    def latest(self) -> dict[str, Any]:
        """What may change under one study name and is needed without its file, as JSON."""
        resources = dataclasses.asdict(self.resources)
        return {"resources": resources, "factors": copy.deepcopy(self.factors)}

    @classmethod
    def from_identity(
        cls,
        identity: Mapping[str, Any],
        *,
        trials: int = 1,
        latest: Mapping[str, Any] | None = None,
    ) -> Self:
        """The spec that a study was made with, without its file.

        Args:
            identity: What `identity` gave, read back from JSON.
            trials: Trials requested; the identity does not say.
            latest: What `latest` gave in the study's last run; None where that is not known.

        Raises:
            SpecError: The identity is of another schema, or damaged.
        """
        if identity.get("schema") != SCHEMA:
            message = f"this version reads studies of schema {SCHEMA}, not {identity.get('schema')}"
            hint = "Use the version of slr-tune that made the study, or another study name."
            raise SpecError([Problem("", message, hint)])
        given, recent = copy.deepcopy((dict(identity), dict(latest or {})))
        try:
            if isinstance(given["trainable"], dict):
                given["trainable"] = script_from_json(given["trainable"]).name
            teacher = given["teacher"]
            return cls(
                **{section: given[section] for section in _STORED_AS_THEY_ARE},
                teacher=None if teacher is None else TeacherSpec(**teacher),
                objective=ObjectiveSpec(**given["objective"]),
                budget=Budget(trials=trials, **given["budget"]),
                resources=Resources(**recent.get("resources", {})),
                space=Space(tuple(map(from_json, given["space"]))),
                factors=recent.get("factors", {}),
                path=Path(),
                search=search_of(given),
                prior=PriorSpec(**given.get("prior", {})),
            )
        except (KeyError, TypeError, AttributeError, ValueError) as error:
            message = f"the study's record of its space is damaged: {error!r}"
            raise SpecError([Problem("", message)]) from error


SECTIONS = tuple(field.name for field in dataclasses.fields(StudySpec) if field.name != "path")
"""Names of the sections of a file."""


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
    if path.suffix in SCRIPT_SUFFIXES:
        hint = f"To write a first one: slr-tune init --from {shlex.quote(str(path))}"
        raise SpecError([Problem(str(path), "is a script, not a search-space file", hint)])
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
    root = apply_overrides(root, overrides, problems, short_names=short_names_hold(root))
    root = apply_options(root, options)
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
    study = root.read("study", sections.StudyName)
    trainable, model = sections.read_trainable(root)
    data = sections.read_data(root, trainable)
    teacher = sections.read_teacher(root, trainable)
    objective = sections.read_objective(root, trainable)
    budget = sections.read_budget(root, trainable)
    resources = root.read("resources", Resources, default=Resources())
    seed = root.read("seed", Seed, default=0)
    studies = sections.read_studies(root)
    search = read_search(root)
    searched = _read_searched(root, trainable, model, budget.max_epochs if budget else 1)
    if study is None or trainable is None or objective is None or budget is None:
        return None
    if resources is None or seed is None or searched is None:
        return None
    space, fixed, baseline, factors = searched
    if search is not None and search.scheduler == "none" and budget.fidelity is not None:
        message = f"strategy {search.strategy} has no rungs, so every epoch would see all data"
        root.refuse(message, "Remove it, or take another strategy.", path=("budget", "fidelity"))
    believed = baseline is not None or any(one.prior is not None for one in space.parameters)
    prior = read_prior(root, believed=believed)
    if search is None or prior is None:
        return None
    return StudySpec(
        study, trainable, data, teacher, objective, budget, resources,
        fixed, space, baseline, factors, seed, path, search, prior, studies,
    )  # fmt: skip


def _check_names(root: FileSection) -> None:
    for key, entry in root.node.entries.items():
        name = key_text(key)
        if key not in SECTIONS:
            hint = section_hint(name, root.node, SECTIONS)
            root.refuse("is not a section of the file", hint, path=(name,), at=entry.place)
        elif key in _MAPPINGS and not isinstance(entry.node.value, dict | None):
            root.refuse(f"must be a mapping, not {kind_of(entry.node)}", path=(name,))


def _read_searched(
    root: FileSection, trainable: str | None, model: type[BaseModel] | None, max_epochs: int
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
        message = "has nothing to search: every parameter in it is fixed"
        root.refuse(message, "Move them to fixed, and search another.", path=("space",))
    known = space if model is None else known_space(root, parsed, model)
    baseline = value_sections.read_baseline(root, parsed, known)
    if model is None:
        return None
    fixed = value_sections.resolve_fixed(
        value_sections.read_fixed(root, parsed, model), space, model
    )
    start = {} if baseline is None else space.encode(baseline)
    if trainable is not None and is_script(trainable):
        check_placeholders(root, space, trainable)
    whole = {**fixed, "max_epochs": max_epochs}
    check = SpaceCheck(root, parsed, known, model, whole, start)
    check.check()
    return space, fixed, baseline, value_sections.read_factors(root, check)
