"""`StudySpec`: everything that a search-space file says, checked."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from slr_tune.errors import Problem, SpecError
from slr_tune.space.identity import SCHEMA
from slr_tune.space.parameters import from_json
from slr_tune.space.sections import Budget, ObjectiveSpec, Resources, TeacherSpec
from slr_tune.space.space import Space
from slr_tune.space.validation import as_json, faults_of
from slr_tune.space.values import merge
from trainables.registry import config_class


@dataclass(frozen=True)
class StudySpec:
    """A search, ready to run: `load_spec` makes it from a file, `from_identity` from a study.

    Attributes:
        study: Name of the study, also of its folder.
        trainable: "teacher", "student", "distill", or a user's "package.module:Class".
        data: The `data:` mapping with its defaults, empty for a user's run without data.
        teacher: Where the teacher comes from, None where there is none.
        objective: What to make better.
        budget: How much to spend.
        resources: What runs side by side.
        fixed: Every setting that a trial does not bring, the trainable's defaults included; not
            `max_epochs`, which the budget has.
        space: What is searched.
        baseline: Values of the space that are tried first, its fixed ones included; or None.
        factors: Levels of an ablation by parameter or group: `{"temperature": [...]}`.
        seed: Of the sampler and of the runs.
        path: File it was read from; empty for one made from an identity.
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

    def config_for(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """The whole configuration of a run: what is fixed, then the values, then `max_epochs`.

        Args:
            values: Nested values, from `Space.suggest` or `Space.decode`. They may go beyond the
                space, as an ablation's levels do, and may bring their own `max_epochs`.

        Raises:
            SpecError: The trainable refuses the configuration.
        """
        model = config_class(self.trainable)
        config = merge({**self.fixed, "max_epochs": self.budget.max_epochs}, values)
        if faults := faults_of(model, config):
            raise SpecError([Problem(".".join(f.path), f.message) for f in faults])
        return as_json(model, config)

    def baseline_config(self) -> dict[str, Any] | None:
        """The whole configuration of the baseline, None without one."""
        return None if self.baseline is None else self.config_for(self.baseline)

    def identity(self) -> dict[str, Any]:
        """What must not change under one study name, as JSON. `from_identity` takes it back.

        Everything but trials, audit, the file's path and what `latest` gives: more trials may be
        asked for, on another machine, and other ablations; which trial was audited its own record
        says.
        """
        budget = dataclasses.asdict(self.budget)
        del budget["trials"], budget["audit"]
        return copy.deepcopy(
            {
                "schema": SCHEMA,
                "study": self.study,
                "trainable": self.trainable,
                "data": self.data,
                "teacher": None if self.teacher is None else dataclasses.asdict(self.teacher),
                "objective": dataclasses.asdict(self.objective),
                "budget": budget,
                "fixed": self.fixed,
                "space": [parameter.to_json() for parameter in self.space.parameters],
                "baseline": self.baseline,
                "seed": self.seed,
            }
        )

    def latest(self) -> dict[str, Any]:
        """What may change under one study name and is needed without its file, as JSON."""
        return copy.deepcopy(
            {"resources": dataclasses.asdict(self.resources), "factors": self.factors}
        )

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
            trials: Trials asked for; the identity does not say.
            latest: What `latest` gave in the study's last run; None where that is not known.

        Raises:
            SpecError: The identity is of another schema, or damaged.
        """
        if identity.get("schema") != SCHEMA:
            said = f"this version reads studies of schema {SCHEMA}, not {identity.get('schema')}"
            hint = "Use the version of slr-tune that made the study, or another study name."
            raise SpecError([Problem("", said, hint)])
        given, recent = copy.deepcopy((dict(identity), dict(latest or {})))
        try:
            teacher = given["teacher"]
            return cls(
                study=given["study"],
                trainable=given["trainable"],
                data=given["data"],
                teacher=None if teacher is None else TeacherSpec(**teacher),
                objective=ObjectiveSpec(**given["objective"]),
                budget=Budget(trials=trials, **given["budget"]),
                resources=Resources(**recent.get("resources", {})),
                fixed=given["fixed"],
                space=Space(tuple(map(from_json, given["space"]))),
                baseline=given["baseline"],
                factors=recent.get("factors", {}),
                seed=given["seed"],
                path=Path(),
            )
        except (KeyError, TypeError, AttributeError) as error:
            said = f"the study's record of its space is damaged: {error!r}"
            raise SpecError([Problem("", said)]) from error
