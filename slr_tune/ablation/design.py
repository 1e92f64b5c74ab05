"""What is asked of an ablation, checked, before anything is trained."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from slr_tune.ablation.arms import Arm, control_arms, factorial, one_at_a_time
from slr_tune.ablation.baseline import Baseline, best_config, find_baseline
from slr_tune.ablation.factors import Factor, find_factor, full_name, known_factors
from slr_tune.ablation.request import Request, check_request, check_retune
from slr_tune.ablation.retune import candidates
from slr_tune.errors import SlrTuneError, StorageMissing, StudyChanged, StudyMissing
from slr_tune.space import StudySpec, difference, load_spec
from slr_tune.space.space import look_up
from slr_tune.study.commands import command_line
from slr_tune.study.storage import shown_url
from slr_tune.study.view import StudyView, load_study
from slr_tune.training.fresh_seeds import fresh_seeds
from slr_tune.training.kinds import is_recogniser
from slr_tune.training.stages import WER, Measure

TUNING_SEED = 900
"""Of the runs by which `--retune` chooses; not among the seeds that arms are compared with."""


@dataclass(frozen=True)
class Design:
    """What is compared.

    Attributes:
        spec: The search.
        baseline: What arms are compared with.
        goal: Configuration of the best trial, for a path; else None.
        factors: With their levels.
        arms: The baseline first; for a path the baseline alone.
        seeds: In their order.
        retune: Setting that each level may tune for itself.
        crossed: Whether two factors are crossed.
        measure: What runs are judged by.
        name: Of the ablation's folder.
        title: For a person.
        command: That reproduces it.
        notes: What a reader must know.
    """

    spec: StudySpec
    baseline: Baseline
    goal: Mapping[str, Any] | None
    factors: tuple[Factor, ...]
    arms: tuple[Arm, ...]
    seeds: tuple[int, ...]
    retune: str | None
    crossed: bool
    measure: Measure
    name: str
    title: str
    command: str
    notes: tuple[str, ...]


def make_design(request: Request) -> tuple[Design, StudyView | None]:
    """Finds the study, the baseline and the arms.

    Raises:
        SlrTuneError: Something that was asked for is not there, or contradicts something else.
    """
    check_request(request)
    spec, view = _find_study(request)
    baseline = find_baseline(request.baseline, spec, view)
    factors = tuple(find_factor(name, baseline.config, spec) for name in request.factors)
    goal = best_config(spec, view)[1] if request.path else None
    arms = tuple(_arms(request, spec, baseline, factors))
    retune = request.retune
    if retune is not None:
        retune = full_name(retune, known_factors(baseline.config, spec.trainable))
        check_retune(retune, baseline.config)
    notes = _notes(request, factors, retune=retune, arms=arms)
    design = Design(
        spec=spec,
        baseline=baseline,
        goal=goal,
        factors=factors,
        arms=arms,
        seeds=fresh_seeds(request.seeds, search_seed=spec.seed),
        retune=retune,
        crossed=request.factorial,
        measure=_measure(spec, request),
        name=_name(request, factors, retune),
        title=_title(request, factors),
        command=_command(request, spec),
        notes=tuple(notes),
    )
    return design, view


def _measure(spec: StudySpec, request: Request) -> Measure:
    """Errors of utterances where the run can tell them, else the objective's metric."""
    if is_recogniser(spec.trainable):
        return WER
    if request.with_test:
        raise SlrTuneError(
            f"--test: the run {spec.trainable} tells no errors on a test split",
            hint="Leave out --test.",
        )
    objective = spec.objective
    return Measure(objective.metric, minimize=objective.direction == "minimize", scored=False)


def _find_study(request: Request) -> tuple[StudySpec, StudyView | None]:
    if request.space is None:
        view = load_study(request.study, request.storage)
        return view.spec, view
    spec = load_spec(request.space, study=request.study)
    try:
        stored = load_study(spec.study, request.storage)
    except (StudyMissing, StorageMissing):
        return spec, None  # there was no search yet
    changes = difference(stored.spec.identity(), spec.identity())
    if changes:
        raise StudyChanged(
            f"study {spec.study!r} was made with another space:\n  " + "\n  ".join(changes),
            hint="Choose another name with --study, or undo the change.",
        )
    return spec, stored


def _arms(
    request: Request, spec: StudySpec, baseline: Baseline, factors: Sequence[Factor]
) -> list[Arm]:
    config, trainable = baseline.config, spec.trainable
    if request.factorial:
        arms = factorial(config, factors, trainable=trainable)
    elif factors:
        arms = one_at_a_time(config, factors, trainable=trainable)
    else:
        arms = [Arm("baseline", config, trainable)]
    if request.controls:
        arms += control_arms(config, trainable=trainable)
    return arms


def _name(request: Request, factors: Sequence[Factor], retune: str | None) -> str:
    if request.path:
        return "path"
    glue = "-x-" if request.factorial else "+"
    parts = [glue.join(factor.name for factor in factors)] if factors else []
    parts += ["controls"] if request.controls else []
    name = "+".join(parts)
    return name if retune is None else f"{name}-retune-{retune}"


def _title(request: Request, factors: Sequence[Factor]) -> str:
    if request.path:
        return "From the baseline to the best trial, one parameter at a time"
    names = [factor.name for factor in factors] + (["controls"] if request.controls else [])
    return f"Ablation of {(' x ' if request.factorial else ', ').join(names)}"


def _command(request: Request, spec: StudySpec) -> str:
    words = ["ablate"]
    words += [str(request.space)] if request.space is not None else []
    words += ["--study", spec.study]
    for name in request.factors:
        words += ["--factor", name]
    words += ["--baseline", request.baseline] if request.baseline else []
    words += ["--seeds", str(request.seeds)]
    flags = {"--factorial": request.factorial, "--controls": request.controls}
    flags |= {"--path": request.path, "--test": request.with_test, "--no-share": not request.share}
    words += [flag for flag, on in flags.items() if on]
    if request.retune:
        words += ["--retune", request.retune, "--budget", str(request.budget)]
    if request.storage:
        words += ["--storage", shown_url(request.storage)]
    return command_line(*words)


def _notes(
    request: Request, factors: Sequence[Factor], *, retune: str | None, arms: Sequence[Arm]
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
    if request.path:
        notes.append(
            "The order of the steps was chosen on the runs that measure it, so a single step "
            "flatters a little; the whole way does not."
        )
    if retune is not None:
        notes.append(
            f"Each arm, the baseline too, chose its {retune} among "
            f"{_choices(arms, retune, request.budget)} values with seed {TUNING_SEED}, which is "
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
