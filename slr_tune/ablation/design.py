"""What is asked of an ablation, checked, before anything is trained."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from slr_tune.ablation.arms import make_arms
from slr_tune.ablation.baseline import best_config, find_baseline, find_study
from slr_tune.ablation.budget import Budget
from slr_tune.ablation.data_orders import check_orders
from slr_tune.ablation.factors import (
    ALIASES,
    Factor,
    find_factor,
    full_name,
    known_factors,
    overlap,
)
from slr_tune.ablation.options import AblationOptions
from slr_tune.ablation.plan_options import DEFAULT_SEEDS, check_plan_options, check_teachers
from slr_tune.ablation.result import Baseline
from slr_tune.ablation.retune import candidates
from slr_tune.ablation.until_decided import most_seeds
from slr_tune.errors import SlrTuneError
from slr_tune.space import Resources, StudySpec, look_up
from slr_tune.statistics.sequential import MOST
from slr_tune.study.commands import command_line
from slr_tune.study.data_notes import data_notes
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
        orders: Orders of the training data for each seed; `seeds` names a seed once for each.
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
    orders: int = 1
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
        if self.orders > 1:
            name += f"-{self.orders}-orders"
        if self.until_decided:
            name += "-until-decided"
        return name if self.retune is None else f"{name}-retune-{self.retune}"

    @property
    def distinct_seeds(self) -> tuple[int, ...]:
        """Seeds in their order, each once."""
        return tuple(dict.fromkeys(self.seeds))

    @property
    def title(self) -> str:
        """Heading for a person."""
        if self.goal is not None:
            return "From the baseline to the best trial, one parameter at a time"
        names = [factor.name for factor in self.factors] + ["controls"] * self.controls
        return f"Ablation of {(' x ' if self.crossed else ', ').join(names)}"


def make_design(space: Path | None, options: AblationOptions) -> Design:
    """Finds the study, the baseline and the arms.

    Args:
        space: Search-space file, None to take the stored study's.
        options: What is asked.

    Raises:
        SlrTuneError: Something that was requested is not there, or contradicts something else.
    """
    _check_options(options)
    check_plan_options(options)
    spec, view = find_study(space, options.study, options.storage)
    if options.teachers > 1:
        check_teachers(spec)
    start = find_baseline(options.baseline, spec, view)
    if options.orders > 1:
        check_orders(options.orders, spec, start.config)
    found = tuple(find_factor(name, start.config, spec) for name in options.factors)
    goal = best_config(spec, view)[1] if options.path else None
    arms = make_arms(
        start.config,
        found,
        trainable=spec.trainable,
        crossed=options.factorial,
        controls=options.controls,
    )
    tuned = None
    if options.retune is not None:
        tuned = _retuned_setting(options.retune, start.config, spec.trainable)
    workers = options.workers
    typed = options.seeds or (None if options.until_decided else DEFAULT_SEEDS)
    return Design(
        spec=spec,
        view=view,
        baseline=start,
        goal=goal,
        factors=found,
        arms=tuple(arms),
        seeds=tuple(
            seed
            for seed in fresh_seeds(_seeds(options, arms, view), search_seed=spec.seed)
            for _ in range(options.orders)
        ),
        crossed=options.factorial,
        controls=options.controls,
        retune=tuned,
        budget=options.retuned_values,
        measure=_measure(spec, with_test=options.with_test),
        with_test=options.with_test,
        share=options.share,
        storage=options.storage,
        address=options.address,
        resources=spec.resources if workers is None else replace(spec.resources, workers=workers),
        command=_command(
            _file(space, spec, view),
            options.typed(spec.study, typed),
            options.storage,
            searched=view is not None,
        ),
        notes=(*data_notes(spec), *_notes(found, arms, options, tuned)),
        margin=options.margin,
        until_decided=options.until_decided,
        spend=options.spend,
        teachers=options.teachers,
        orders=options.orders,
        one_budget=options.one_budget,
        shipping=options.shipping,
    )


def _seeds(options: AblationOptions, arms: Sequence[Arm], view: StudyView | None) -> int:
    """How many, of all teachers together; the most where they are added until decided."""
    seeds = options.seeds
    if seeds is None:
        seeds = MOST if options.until_decided else DEFAULT_SEEDS
    if options.until_decided:
        seeds = most_seeds(seeds, len(arms), options.spend, _seconds_per_seed(arms, view))
    return seeds * options.teachers


def _seconds_per_seed(arms: Sequence[Arm], view: StudyView | None) -> float | None:
    """Of training all arms with one seed, by what the study's trials took; None without any."""
    records = [] if view is None else [record_of(trial) for trial in view.trials]
    done = [record for record in records if record is not None and record.epochs]
    epochs = sum(record.epochs for record in done)
    if not epochs:
        return None
    each = sum(record.seconds for record in done) / epochs
    return each * sum(int(arm.config["max_epochs"]) for arm in arms)


def _check_options(options: AblationOptions) -> None:
    """Refuses options that contradict each other."""
    factors, retune, path = options.factors, options.retune, options.path
    factorial, controls = options.factorial, options.controls
    names = [ALIASES.get(name, name) for name in factors]
    tuned = ALIASES.get(retune, retune) if retune is not None else ""
    twice = [name for name in names if names.count(name) > 1]
    changed = [name for name in names if tuned and overlap(name, tuned)]
    if retune in factors:  # as typed: a custom run may have a setting called `lr`
        tuned, changed = str(retune), [str(retune)]
    faults = (
        (
            path and (factors or factorial or controls),
            "--path takes no factors",
            "Give --path alone, or --factor without it.",
        ),
        (
            not (path or factors or controls),
            "nothing to ablate",
            "Give --factor temperature, for example, or --path.",
        ),
        (twice, f"--factor {''.join(twice[:1])} appears twice", "Leave out one of the two."),
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
            "Retune a setting that is not part of a factor.",
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
            f"--retune {name}: not a numeric setting",
            hint="For example --retune learning_rate, or lr for short.",
        )
    return name


def _measure(spec: StudySpec, *, with_test: bool) -> Measure:
    """Errors of utterances where the run reports them, else the objective's metric."""
    objective = spec.objective
    if with_test and not is_recogniser(spec.trainable):
        raise SlrTuneError(
            f"--test: the run {run_title(spec.trainable)} reports no errors on a test split",
            hint="Leave out --test.",
        )
    minimize = objective.direction == "minimize"
    return measure_of(spec.trainable, objective.metric, minimize=minimize)


def _file(space: Path | None, spec: StudySpec, view: StudyView | None) -> Path | None:
    """The file that the command has to name: what is stored with the study differs from it."""
    if space is None or view is None or view.spec.factors == spec.factors:
        return None
    return space.absolute()


def _command(
    space: Path | None, options: Mapping[str, object], storage: str | None, *, searched: bool = True
) -> str:
    """The command with those options that are given, the password of the database left out.

    Args:
        space: The search-space file; None where the study's own space is the same.
        options: By their names.
        storage: Database URL, None for the default.
        searched: Whether the database has the study; else only its folder has the space.
    """
    given = {f"--{name}": value for name, value in options.items()}
    if not searched:
        given = {"--from-study": given.pop("--study"), **given}
    given["--storage"] = shown_url(storage) if storage else None
    return command_line("ablate", *filter(None, [space]), options=given)


def _notes(
    factors: Sequence[Factor], arms: Sequence[Arm], options: AblationOptions, retune: str | None
) -> list[str]:
    """What the figures alone do not say.

    Args:
        factors: The factors that were found.
        arms: Of them.
        options: What is asked.
        retune: Full name of the setting that each arm tunes.

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
    if options.path:
        notes.append(
            "The order of the steps was chosen on the runs that measure them, so a single step "
            "is slightly optimistic; the total is not."
        )
    if retune is not None:
        count = _choices(arms, retune, options.retuned_values)
        notes.append(
            f"Each arm, including the baseline, chose its {retune} among {count} values with seed "
            f"{TUNING_SEED}, which is not one of the compared seeds."
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
            f"--retune {retune}: there is no other value to try near {value:g}",
            hint="Half and twice the baseline's value are tried, so choose a baseline with a "
            "value above 0.",
        )
    return str(most) if least == most else f"{least} to {most}"
