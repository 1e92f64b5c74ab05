"""The `search:` and `prior:` sections: the strategy, and how far the baseline is believed in.

A strategy is a sampler, which says what to try, with a scheduler, which says who trains on.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, ClassVar, Literal

from pydantic import ConfigDict, Field

from slr_tune.errors import nearest_or_all
from slr_tune.space import validation
from slr_tune.space.problems import FileSection
from slr_tune.space.values import show
from slr_tune.space.yaml_tree import key_text, kind_of

SchedulerName = Literal["promotion", "stopping", "none"]
Confidence = Literal["high", "medium", "low"]

_FORBID = ConfigDict(extra="forbid")
_Count = Annotated[int, Field(ge=1)]
_Share = Annotated[float, Field(ge=0, le=1)]


@dataclass(frozen=True)
class NoSettings:
    """A strategy or a sampler that has nothing to set."""

    __pydantic_config__: ClassVar[ConfigDict] = _FORBID


@dataclass(frozen=True)
class PriorAshaSettings:
    """Of `prior-asha`.

    Attributes:
        candidates: Proposals among which the model chooses.
        uniform_share: Trials that are drawn uniformly whatever the model says.
        startup: Trials with a value at the first rung before the model is asked.
        incumbent_share: Share of the candidates near trials that did well.
        incumbents: How many such trials.
    """

    __pydantic_config__: ClassVar[ConfigDict] = _FORBID
    candidates: _Count = 150
    uniform_share: _Share = 0.1
    startup: _Count = 8
    incumbent_share: Annotated[float, Field(ge=0, le=0.5)] = 0.45
    incumbents: _Count = 3


@dataclass(frozen=True)
class TpeSettings:
    """Of `tpe-asha` and of Optuna's TPESampler.

    Attributes:
        n_startup_trials: Finished trials before the model is asked.
        n_ei_candidates: Candidates of each suggestion.
        multivariate: Whether parameters are modelled together.
        group: Whether they are, group by group of those that occur together.
        constant_liar: Whether running trials count as bad ones.
    """

    __pydantic_config__: ClassVar[ConfigDict] = _FORBID
    n_startup_trials: Annotated[int, Field(ge=0)] = 10
    n_ei_candidates: _Count = 24
    multivariate: bool = False
    group: bool = False
    constant_liar: bool = False


@dataclass(frozen=True)
class GridSettings:
    """Of `grid`.

    Attributes:
        points: Values of a number, from one end of its range to the other.
    """

    __pydantic_config__: ClassVar[ConfigDict] = _FORBID
    points: Annotated[int, Field(ge=2)] = 3


@dataclass(frozen=True)
class GPSettings:
    """Of Optuna's GPSampler.

    Attributes:
        n_startup_trials: Finished trials before the model is asked.
        deterministic_objective: Whether a value has no noise.
    """

    __pydantic_config__: ClassVar[ConfigDict] = _FORBID
    n_startup_trials: Annotated[int, Field(ge=0)] = 10
    deterministic_objective: bool = False


@dataclass(frozen=True)
class QMCSettings:
    """Of Optuna's QMCSampler.

    Attributes:
        qmc_type: The sequence.
        scramble: Whether it is scrambled by the seed.
    """

    __pydantic_config__: ClassVar[ConfigDict] = _FORBID
    qmc_type: Literal["sobol", "halton"] = "sobol"
    scramble: bool = True


@dataclass(frozen=True)
class NSGAIISettings:
    """Of Optuna's NSGAIISampler.

    Attributes:
        population_size: Of a generation.
        mutation_prob: Of a parameter; None for 1 / number of parameters.
        crossover_prob: Of a child.
        swapping_prob: Of a parameter in a crossover.
    """

    __pydantic_config__: ClassVar[ConfigDict] = _FORBID
    population_size: Annotated[int, Field(ge=2)] = 50
    mutation_prob: _Share | None = None
    crossover_prob: _Share = 0.9
    swapping_prob: _Share = 0.5


STRATEGIES: dict[str, tuple[type, SchedulerName]] = {
    "prior-asha": (PriorAshaSettings, "promotion"),
    "tpe-asha": (TpeSettings, "stopping"),
    "random-asha": (NoSettings, "promotion"),
    "random": (NoSettings, "none"),
    "grid": (GridSettings, "none"),
}
"""Each strategy by name with the class of its settings and its scheduler; `optuna` has its own."""

OPTUNA_SAMPLERS: dict[str, type] = {
    "TPESampler": TpeSettings,
    "GPSampler": GPSettings,
    "QMCSampler": QMCSettings,
    "NSGAIISampler": NSGAIISettings,
    "RandomSampler": NoSettings,
}
"""Samplers of Optuna that `optuna` takes, with the classes of their settings."""

DEFAULT = "prior-asha"
BEFORE = "tpe-asha"
"""The strategy of all studies that were made before there was a choice."""

_SCHEDULERS: tuple[SchedulerName, ...] = ("promotion", "stopping", "none")
_HINT = "For example search: {strategy: prior-asha}."


@dataclass(frozen=True)
class SearchSpec:
    """How a study is searched.

    Attributes:
        strategy: One of `STRATEGIES`, or "optuna".
        settings: Every setting of the strategy; of "optuna" the sampler's name too.
        scheduler: Who decides which trials train on.
        explicit: Whether the file names the strategy.
    """

    strategy: str
    settings: dict[str, Any]
    scheduler: SchedulerName
    explicit: bool = field(default=True, compare=False)

    def to_json(self) -> dict[str, Any]:
        """As an identity has it."""
        return {
            "strategy": self.strategy,
            "settings": dict(self.settings),
            "scheduler": self.scheduler,
        }


@dataclass(frozen=True)
class PriorSpec:
    """How far the baseline, and the priors of parameters, are believed in.

    Attributes:
        confidence: "high" stays near them, "low" hardly looks at them.
    """

    __pydantic_config__: ClassVar[ConfigDict] = _FORBID
    confidence: Confidence = "medium"


def named_strategy(name: str, *, explicit: bool = True) -> SearchSpec:
    """A strategy with its default settings."""
    kind, scheduler = STRATEGIES[name]
    return SearchSpec(name, dataclasses.asdict(kind()), scheduler, explicit)


def search_of(identity: Mapping[str, Any]) -> SearchSpec:
    """The strategy that an identity names; that of before where it names none."""
    stored = identity.get("search")
    return named_strategy(BEFORE) if stored is None else SearchSpec(**stored)


def read_search(root: FileSection) -> SearchSpec | None:
    """The strategy of a file, the default where it names none; None where one is wrong."""
    search = root.child("search")
    if search is None:
        return named_strategy(DEFAULT, explicit=False)
    if not isinstance(search.node.value, dict):
        search.refuse(f"must be a mapping, not {kind_of(search.node)}", _HINT)
        return None
    if "optuna" in search.node.entries:
        return _read_optuna(search)
    names = [*STRATEGIES, "optuna"]
    node = search.node.child("strategy")
    name = DEFAULT if node is None else node.value
    if name == "optuna":
        message = "needs the sampler's name"
        search.refuse(message, "For example search: {optuna: {sampler: GPSampler}}.", at=node)
        return None
    if not isinstance(name, str) or name not in STRATEGIES:
        hint = nearest_or_all(str(name), names)
        search.refuse(f"{show(name)} is not a strategy", hint, path=("strategy",))
        return None
    kind, scheduler = STRATEGIES[name]
    settings = _settings(search, kind, skip=("strategy",), owner=name)
    return None if settings is None else SearchSpec(name, settings, scheduler)


def _read_optuna(search: FileSection) -> SearchSpec | None:
    """`{optuna: {sampler: GPSampler, ...}}`: the settings are the sampler's own."""
    good = True
    for key, entry in search.node.entries.items():
        if key != "optuna" and not (key == "strategy" and entry.node.value == "optuna"):
            hint = "Remove it: settings of an Optuna sampler belong under optuna."
            search.refuse(
                "cannot be combined with optuna", hint, path=(key_text(key),), at=entry.place
            )
            good = False
    section = search.child("optuna")
    if section is None or not isinstance(section.node.value, dict):
        hint = "For example search: {optuna: {sampler: GPSampler}}."
        search.refuse("must be a mapping with a sampler", hint, path=("optuna",))
        return None
    node, scheduled = section.node.child("sampler"), section.node.child("scheduler")
    name = None if node is None else node.value
    if not isinstance(name, str) or name not in OPTUNA_SAMPLERS:
        message = (
            "is missing"
            if node is None
            else f"{show(name)} is not one of the supported Optuna samplers"
        )
        section.refuse(message, nearest_or_all(str(name), [*OPTUNA_SAMPLERS]), path=("sampler",))
        return None
    scheduler = "stopping" if scheduled is None else scheduled.value
    if scheduler not in _SCHEDULERS:
        message = f"{show(scheduler)} is not a scheduler"
        section.refuse(message, nearest_or_all(str(scheduler), _SCHEDULERS), path=("scheduler",))
        return None
    skip = ("sampler", "scheduler")
    settings = _settings(section, OPTUNA_SAMPLERS[name], skip=skip, owner=name)
    if settings is None or not good:
        return None
    return SearchSpec("optuna", {"sampler": name, **settings}, scheduler)


def _settings(
    section: FileSection, kind: type, *, skip: tuple[str, ...], owner: str
) -> dict[str, Any] | None:
    """Every setting of a strategy or a sampler, None where one is wrong."""
    plain = {key: value for key, value in section.node.plain().items() if key not in skip}
    names, good = [item.name for item in dataclasses.fields(kind)], True
    for key in [key for key in plain if key not in names]:
        del plain[key]
        hint = nearest_or_all(str(key), names) if names else "It has none; remove it."
        at = section.node.entries[key].place
        section.refuse(f"is not a setting of {owner}", hint, path=(key_text(key),), at=at)
        good = False
    if faults := validation.faults_of(kind, plain):
        section.refuse_faults(faults)
        return None
    return dataclasses.asdict(validation.validated(kind, plain)) if good else None


def read_prior(root: FileSection, *, believed: bool) -> PriorSpec | None:
    """The prior section; it needs something that is believed in.

    Args:
        root: The file.
        believed: Whether there is a baseline, or a parameter with a prior.
    """
    prior: PriorSpec | None = root.read("prior", PriorSpec, default=PriorSpec())
    if prior is not None and root.child("prior") is not None and not believed:
        message = "there is neither a baseline nor a parameter with a prior"
        hint = "Add a baseline, or a prior to a parameter: {float: [0.0, 0.5], prior: 0.2}."
        root.refuse(message, hint, path=("prior",))
    return prior
