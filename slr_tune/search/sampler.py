"""Which configuration next: the sampler of each strategy, a new one for each trial."""

from __future__ import annotations

import hashlib
from typing import Any

import optuna
from optuna.samplers import BaseSampler, RandomSampler, TPESampler

from slr_tune.search.failed_as_worst import FailedAsWorst
from slr_tune.search.grid_sampler import GridPoints, grid_size
from slr_tune.search.prior_sampler import PriorSampler, PriorSettings
from slr_tune.search.surrogate import LastFit
from slr_tune.space import StudySpec
from slr_tune.study.rungs import budget_rungs
from slr_tune.text import counted

_NAMES = {"tpe-asha": "TPE", "grid": "grid"}
"""What a suggestion comes from; `uniform` of the other two."""


def sampler_for(spec: StudySpec, number: int, last_fit: LastFit | None = None) -> BaseSampler:
    """The sampler of the study's strategy, for one trial.

    Everything it knows of earlier trials is in the study, for a sampler keeps no state between
    trials but its random generator. Seeded by the trial's number, a driver that was started again
    continues where the last one was and repeats no suggestion.

    Args:
        spec: The search.
        number: Of the trial.
        last_fit: Saves a model that an earlier sampler has fitted; changes no suggestion.
    """
    strategy, settings = spec.search.strategy, spec.search.settings
    if strategy == "prior-asha":
        return PriorSampler(
            spec.space,
            (*budget_rungs(spec.budget), spec.budget.max_epochs),
            seed=spec.seed,
            number=number,
            prior=believed(spec),
            minimizes=spec.objective.direction == "minimize",
            settings=PriorSettings(confidence=spec.prior.confidence, **settings),
            last_fit=last_fit,
        )
    if strategy == "tpe-asha":
        return tpe(seed=spec.seed, number=number, **settings)
    if strategy == "grid":
        place = number - (spec.baseline is not None)
        return GridPoints(spec.space, place, seed=spec.seed, points=int(settings["points"]))
    if strategy == "optuna":
        return _of_optuna(seed=spec.seed, number=number, **settings)
    return RandomSampler(seed=_mixed(spec.seed, number))


def source_of(spec: StudySpec, sampler: BaseSampler) -> str:
    """Where a sampler's suggestion came from, in a word or two."""
    if isinstance(sampler, PriorSampler):
        return sampler.source or "given"
    if spec.search.strategy == "optuna":
        return str(spec.search.settings["sampler"])
    return _NAMES.get(spec.search.strategy, "uniform")


def trials_to_run(spec: StudySpec) -> int | None:
    """Trials that the study is to have: the requested ones, or as many as the grid has points.

    None where its time alone says how many.
    """
    if spec.search.strategy != "grid":
        return spec.budget.trials
    points = grid_size(spec.space, points=int(spec.search.settings["points"]))
    whole = points + (spec.baseline is not None)
    return whole if spec.budget.trials is None else min(spec.budget.trials, whole)


def repeats_note(spec: StudySpec) -> str:
    """Sentence for a search of more trials than its space has configurations; empty for others."""
    trials = spec.budget.trials
    if trials is None or spec.search.strategy == "grid":
        return ""
    size = grid_size(spec.space, points=trials + 1)
    if size >= trials:
        return ""
    return (
        f"the space has {counted(size, 'configuration')}, so some of {trials} trials are repeats; "
        "search: {strategy: grid} trains each once"
    )


def believed(spec: StudySpec) -> dict[str, Any]:
    """Flat parameters that a person believes in: the baseline's, and over them their own priors."""
    found = {} if spec.baseline is None else spec.space.encode(spec.baseline)
    for parameter in spec.space.parameters:
        if parameter.prior is not None:
            found |= parameter.encode(parameter.prior)
    return found


def tpe(
    *,
    seed: int,
    number: int,
    n_startup_trials: int = 10,
    n_ei_candidates: int = 24,
    multivariate: bool = False,
    group: bool = False,
    constant_liar: bool = False,
) -> BaseSampler:
    """Optuna's TPE for trial `number`, by default one parameter at a time and no constant liar.

    Optuna's multivariate TPE with constant liar lost to random sampling under ASHA at this size of
    search (70 to 100 trials) on tables of learning curves.
    """
    made = TPESampler(
        seed=_mixed(seed, number),
        n_startup_trials=n_startup_trials,
        n_ei_candidates=n_ei_candidates,
        multivariate=multivariate,
        group=group,
        constant_liar=constant_liar,
    )
    return made if constant_liar else FailedAsWorst(made)


def _of_optuna(*, sampler: str, seed: int, number: int, **settings: Any) -> BaseSampler:
    """A sampler of Optuna by its name, with its settings."""
    kind = getattr(optuna.samplers, sampler)
    # One sequence over all trials: the study counts how far it is.
    mixed = seed if sampler == "QMCSampler" else _mixed(seed, number)
    made: BaseSampler = kind(seed=mixed, **settings)
    return made


def _mixed(seed: int, number: int) -> int:
    """32 bits that differ for each pair, so that neighbouring seeds do not share a stream."""
    return int.from_bytes(hashlib.sha256(f"{seed} {number}".encode()).digest()[:4], "big")
