"""What is asked of an ablation, checked, before anything is trained."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from slr_tune.ablation.arms import make_arms
from slr_tune.ablation.baseline import best_config, find_baseline, find_study
from slr_tune.ablation.budget import Budget
from slr_tune.ablation.factors import (
    ALIASES,
    Factor,
    find_factor,
    full_name,
    known_factors,
    overlap,
)
from slr_tune.ablation.plan_options import DEFAULT_SEEDS, check_plan_options, check_teachers
from slr_tune.ablation.result import Baseline
from slr_tune.ablation.retune import candidates
from slr_tune.ablation.until_decided import most_seeds
from slr_tune.errors import SlrTuneError
from slr_tune.space import Resources, StudySpec, look_up
from slr_tune.statistics.sequential import MOST
from slr_tune.study.commands import command_line
from slr_tune.study.record import record_of
from slr_tune.study.storage import shown_url
from slr_tune.study.view import StudyView
from slr_tune.training.runs import Arm, Measure, fresh_seeds, measure_of
from slr_tune.training.shipping import Shipping
from trainables.registry import is_recogniser, run_title

TUNING_SEED = 900
"""Of the runs by which `--retune` chooses; not among the seeds that arms are compared with."""


@dataclass(frozen=True)
class Design:
    """What is compared, and how it is trained.

    Attributes:
        spec: The search.
        view: Its stored study, None where it was not run yet.
        baseline: What arms are compared with.
        goal: Configuration of the best trial, for a path; else None.
        factors: Factors with their levels.
        arms: Arms, the baseline first; for a path the baseline alone.
        seeds: Seeds in their order.
        crossed: Whether two factors are crossed.
        controls: Whether there are control arms.
        retune: Setting that each level may tune for itself.
        budget: Values that it may try.
        measure: What runs are judged by.
        with_test: Whether to open the test split.
        share: Whether runs share what they agree in.
        storage: Database URL, None for the default.
        address: Ray cluster, None for this machine.
        shipping: What is sent to its nodes, None for nothing.
        resources: Needs of a training, and how many go side by side.
        command: Command that reproduces the result.
        notes: Sentences that a reader must know.
        margin: Points within which arms count as the same; None not to ask.
        until_decided: Whether seeds are added until every arm is decided; `seeds` is then the most.
        spend: Runs or time that may be spent until then; None for no limit.
        teachers: Teachers that are crossed with the arms; each has its own part of `seeds`.
        one_budget: Whether all ablations of the study share one error budget.
    """

    spec: StudySpec
    view: StudyView | None
    baseline: Baseline
    goal: Mapping[str, Any] | None
    factors: tuple[Factor, ...]
    arms: tuple[Arm, ...]
    seeds: tuple[int, ...]
    crossed: bool
    controls: bool
    retune: str | None
    budget: int
    measure: Measure
    with_test: bool
    share: bool
    storage: str | None
    address: str | None
    resources: Resources
    command: str
    notes: tuple[str, ...]
    margin: float | None = None
    until_decided: bool = False
    spend: Budget | None = None
    teachers: int = 1
    one_budget: bool = False
    shipping: Shipping | None = None

    @property
    def name(self) -> str:
        """Name of the ablation's folder."""
        if self.goal is not None:
            return "path"
        factors = ("-x-" if self.crossed else "+").join(factor.name for factor in self.factors)
        name = "+".join(filter(None, (factors, "controls" if self.controls else "")))
        if self.teachers > 1:
            name += f"-{self.teachers}-teachers"
        if self.until_decided:
            name += "-until-decided"
        return name if self.retune is None else f"{name}-retune-{self.retune}"

    @property
    def title(self) -> str:
        """Heading for a person."""
        if self.goal is not None:
            return "From the baseline to the best trial, one parameter at a time"
        names = [factor.name for factor in self.factors] + ["controls"] * self.controls
        return f"Ablation of {(' x ' if self.crossed else ', ').join(names)}"


def make_design(
    space: Path | None = None,
    *,
    study: str | None = None,
    factors: Sequence[str] = (),
    baseline: str | None = None,
    seeds: int | None = None,
    factorial: bool = False,
    controls: bool = False,
    path: bool = False,
    retune: str | None = None,
    budget: int = 3,
    share: bool = True,
    with_test: bool = False,
    storage: str | None = None,
    address: str | None = None,
    workers: int | None = None,
    margin: float | None = None,
    until_decided: bool = False,
    spend: Budget | None = None,
    teachers: int = 1,
    one_budget: bool = False,
    shipping: Shipping | None = None,
) -> Design:
    """Finds the study, the baseline and the arms.

    Args:
        space: Search-space file, None to take the stored study's.
        study: Name of the study, None for the file's, or the one written last.
        factors: Names of factors as typed.
        baseline: `best`, `space`, a file, or None.
        seeds: How many; of each teacher where there are several; the most where they are added
            until decided. None for 5, or 12 where they are added.
        factorial: Cross two factors.
        controls: Add control arms.
        path: Walk from the baseline to the best trial.
        retune: Setting that each level may tune for itself, None for none.
        budget: Values that it may try.
        share: Whether runs share what they agree in.
        with_test: Open the test split.
        storage: Database URL, None for the default.
        address: Ray cluster, None for this machine.
        workers: Trainings side by side, None for the study's.
        margin: Points within which arms count as the same; None not to ask.
        until_decided: Add seeds until every arm is decided.
        spend: Runs or time until then, None for no limit.
        teachers: Teachers to cross with the arms.
        one_budget: Whether all ablations of the study share one error budget.
        shipping: What is sent to the nodes of a cluster, None for nothing.

    Raises:
        SlrTuneError: Something that was asked for is not there, or contradicts something else.
    """
    _check_options(factors, factorial=factorial, controls=controls, path=path, retune=retune)
    check_plan_options(
        crossed=factorial,
        path=path,
        retune=retune,
        with_test=with_test,
        margin=margin,
        until_decided=until_decided,
        spend=spend,
        teachers=teachers,
    )
    spec, view = find_study(space, study, storage)
    if teachers > 1:
        check_teachers(spec)
    start = find_baseline(baseline, spec, view)
    found = tuple(find_factor(name, start.config, spec) for name in factors)
    goal = best_config(spec, view)[1] if path else None
    arms = make_arms(
        start.config, found, trainable=spec.trainable, crossed=factorial, controls=controls
    )
    tuned = None if retune is None else _retuned_setting(retune, start.config, spec.trainable)
    notes = _notes(found, arms, path=path, retune=tuned, budget=budget)
    options: dict[str, object] = {
        "study": spec.study,
        "factor": factors,
        "baseline": baseline,
        "seeds": seeds or (None if until_decided else DEFAULT_SEEDS),
        "factorial": factorial,
        "controls": controls,
        "path": path,
        "test": with_test,
        "no-share": not share,
        "retune": retune,
        "budget": budget if retune else spend,
        "margin": None if margin is None else f"{margin:g}",
        "until-decided": until_decided,
        "teachers": teachers if teachers > 1 else None,
        "family": "study" if one_budget else None,
    }
    if seeds is None:
        seeds = MOST if until_decided else DEFAULT_SEEDS
    if until_decided:
        seeds = most_seeds(seeds, len(arms), spend, _seconds_per_seed(arms, view))
    return Design(
        spec=spec,
        view=view,
        baseline=start,
        goal=goal,
        factors=found,
        arms=tuple(arms),
        seeds=fresh_seeds(seeds * teachers, search_seed=spec.seed),
        crossed=factorial,
        controls=controls,
        retune=tuned,
        budget=budget,
        measure=_measure(spec, with_test=with_test),
        with_test=with_test,
        share=share,
        storage=storage,
        address=address,
        resources=spec.resources if workers is None else replace(spec.resources, workers=workers),
        command=_command(space, options, storage),
        notes=tuple(notes),
        margin=margin,
        until_decided=until_decided,
        spend=spend,
        teachers=teachers,
        one_budget=one_budget,
        shipping=shipping,
    )


def _seconds_per_seed(arms: Sequence[Arm], view: StudyView | None) -> float | None:
    """Of training all arms with one seed, by what the study's trials took; None without any."""
    records = [] if view is None else [record_of(trial) for trial in view.trials]
    done = [record for record in records if record is not None and record.epochs]
    epochs = sum(record.epochs for record in done)
    if not epochs:
        return None
    each = sum(record.seconds for record in done) / epochs
    return each * sum(int(arm.config["max_epochs"]) for arm in arms)


def _check_options(
    factors: Sequence[str], *, factorial: bool, controls: bool, path: bool, retune: str | None
) -> None:
    """Refuses options that contradict each other."""
    names = [ALIASES.get(name, name) for name in factors]
    tuned = ALIASES.get(retune, retune) if retune is not None else ""
    twice = [name for name in names if names.count(name) > 1]
    changed = [name for name in names if tuned and overlap(name, tuned)]
    faults = (
        (
            path and (factors or factorial or controls),
            "--path walks by itself and takes no factors",
            "Give --path alone, or --factor without it.",
        ),
        (
            not (path or factors or controls),
            "nothing to ablate",
            "Give --factor temperature, for example, or --path.",
        ),
        (twice, f"--factor {''.join(twice[:1])} is given twice", "Leave out one of the two."),
        (
            factorial and len(names) != 2,
            f"--factorial crosses two factors, not {len(names)}",
            "For example --factor temperature --factor kd_blank --factorial.",
        ),
        (
            factorial and len(names) == 2 and overlap(*names),
            f"--factorial: {' and '.join(names)} change the same setting",
            "Cross factors that have none in common.",
        ),
        (
            retune is not None and (path or not names),
            "--retune needs a --factor",
            "--factor kd_blank --retune lr.",
        ),
        (
            changed,
            f"--retune {tuned}: it would change the levels of the factor {''.join(changed[:1])}",
            "Retune a setting that is no part of a factor.",
        ),
    )
    for wrong, message, hint in faults:
        if wrong:
            raise SlrTuneError(message, hint=hint)


def _retuned_setting(name: str, config: Mapping[str, Any], trainable: str) -> str:
    """Full name of the setting that each arm tunes; one without a number is refused."""
    name = full_name(name, known_factors(config, trainable))
    value = look_up(config, name.split("."))
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise SlrTuneError(
            f"--retune {name}: not a setting with a number",
            hint="For example --retune learning_rate, or lr for short.",
        )
    return name


def _measure(spec: StudySpec, *, with_test: bool) -> Measure:
    """Errors of utterances where the run can tell them, else the objective's metric."""
    objective = spec.objective
    if with_test and not is_recogniser(spec.trainable):
        raise SlrTuneError(
            f"--test: the run {run_title(spec.trainable)} tells no errors on a test split",
            hint="Leave out --test.",
        )
    minimize = objective.direction == "minimize"
    return measure_of(spec.trainable, objective.metric, minimize=minimize)


def _command(space: Path | None, options: Mapping[str, object], storage: str | None) -> str:
    """The command with those options that are given, the password of the database left out."""
    given = {f"--{name}": value for name, value in options.items()}
    given["--storage"] = shown_url(storage) if storage else None
    return command_line("ablate", *filter(None, [space]), options=given)


def _notes(
    factors: Sequence[Factor], arms: Sequence[Arm], *, path: bool, retune: str | None, budget: int
) -> list[str]:
    """What the figures alone do not say.

    Raises:
        SlrTuneError: There is nothing to retune.
    """
    notes = []
    standard = [factor.name for factor in factors if not factor.given]
    if standard:
        notes.append(
            f"The levels of {', '.join(standard)} are slr-tune's own; "
            "a section factors in the search-space file replaces them."
        )
    if path:
        notes.append(
            "The order of the steps was chosen on the runs that measure it, so a single step "
            "flatters a little; the whole way does not."
        )
    if retune is not None:
        notes.append(
            f"Each arm, the baseline too, chose its {retune} among "
            f"{_choices(arms, retune, budget)} values with seed {TUNING_SEED}, which is "
            "not among those that are compared."
        )
    return notes


def _choices(arms: Sequence[Arm], retune: str, budget: int) -> str:
    """How many values an arm has to choose from: fewer than the budget where the run takes fewer.

    Raises:
        SlrTuneError: No arm has a choice.
    """
    counts = [len(candidates(arm, retune, budget)) for arm in arms]
    least, most = min(counts), max(counts)
    if most == 1:
        value = look_up(arms[0].config, retune.split("."))
        raise SlrTuneError(
            f"--retune {retune}: there is no other value around {value:g}",
            hint="Double and half are tried; take a baseline with a value above 0.",
        )
    return str(most) if least == most else f"{least} to {most}"
