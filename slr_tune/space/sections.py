"""The plain sections of a search-space file: what they hold and how they are read."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from slr_tune.space import settings
from slr_tune.space.nearest import nearest_or_all
from slr_tune.space.parameter import show
from slr_tune.space.problems import Problems
from slr_tune.space.report import dotted, place_of, read_section
from slr_tune.space.tree import Node
from trainables.data.config import check_data_spec
from trainables.errors import TrainablesError
from trainables.files.curve import COLUMNS
from trainables.registry import BUILT_IN_NAMES, config_class

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
class Objective:
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


def read_trainable(root: Node, problems: Problems) -> tuple[str | None, type[BaseModel] | None]:
    """The trainable's name and the class of its settings, None where there is none such."""
    name: str | None = read_section(root, "trainable", Text, problems)
    if name is None:
        return None, None
    place = place_of(root, ("trainable",))
    try:
        model = config_class(name)
        settings.defaults_of(model)
        return name, model
    except TrainablesError as error:
        problems.add(place, "trainable", error.message, error.hint)
    except Exception as error:  # a user's class may fail in any way
        said = f"{name}: its default settings cannot be written as JSON: {error}"
        problems.add(place, "trainable", said)
    return name, None


def read_data(root: Node, trainable: str | None, problems: Problems) -> dict[str, Any]:
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
        place = place_of(node, path, of_key="is not a setting" in problem.message)
        problems.add(place, dotted("data", path), problem.message, problem.hint)
    return {} if spec is None else spec.model_dump(mode="json")


def read_objective(root: Node, trainable: str | None, problems: Problems) -> Objective | None:
    """The objective; the metric of a built-in run must be one of its columns."""
    objective: Objective | None = read_section(
        root, "objective", Objective, problems, default=Objective()
    )
    columns = COLUMNS[1:]  # all but the epoch
    if objective and trainable in BUILT_IN_NAMES and objective.metric not in columns:
        place = place_of(root, ("objective", "metric"))
        said = f"{show(objective.metric)} is no column of the curve"
        hint = nearest_or_all(objective.metric, columns)
        problems.add(place, "objective.metric", said, hint)
    return objective


def read_budget(root: Node, problems: Problems) -> Budget | None:
    """The budget; the first rung must not lie beyond the last epoch."""
    budget: Budget | None = read_section(root, "budget", Budget, problems)
    if budget and budget.grace_epochs > budget.max_epochs:
        said = f"{budget.grace_epochs} must not be above max_epochs, {budget.max_epochs}"
        hint = (
            f"For example --set budget.grace_epochs={budget.max_epochs}; "
            "where the two are equal, no trial is pruned."
        )
        place = place_of(root, ("budget", "grace_epochs"))
        problems.add(place, "budget.grace_epochs", said, hint)
    return budget
