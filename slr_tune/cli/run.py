"""`slr-tune run`: search a space, or resume a search."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from slr_tune.cli.completion import SpaceFile
from slr_tune.cli.options import (
    Seconds,
    address_option,
    command_named,
    echo,
    echo_json,
    json_option,
    runtime_env_option,
    set_option,
    ship_option,
    storage_option,
    tell,
    tell_interrupted,
)
from slr_tune.cli.study_choice import chosen_space, from_study_option

if TYPE_CHECKING:
    from slr_tune.search.run_options import RunOptions
    from slr_tune.space import StudySpec
    from slr_tune.study.view import StudyView


@command_named(
    "run",
    "slr-tune run search_spaces/distill.yaml",
    "slr-tune run distill --trials 60",
    "slr-tune run search_spaces/distill.yaml --set fixed.batch_size=8 --study batch8",
    "slr-tune run search_spaces/distill.yaml --study wider --from libras-distill",
    "slr-tune run --from-study libras-distill --trials 60",
)
@click.argument("space", type=SpaceFile(), required=False)
@from_study_option
@click.option(
    "--trials",
    type=int,
    help="Total number of trials to reach, earlier ones included. [default: from SPACE]",
)
@click.option("--max-epochs", type=int, help="Epochs of a full trial. [default: from SPACE]")
@click.option("--study", help="Name of the study. [default: from SPACE]")
@storage_option
@click.option(
    "--workers", type=int, help="Trials that train at the same time. [default: from SPACE]"
)
@click.option(
    "--seed", type=int, help="Random seed for the sampler and for training. [default: from SPACE]"
)
@set_option("Override a value of SPACE, such as --set budget.trials=5 or --set fixed.batch_size=8.")
@address_option
@ship_option
@runtime_env_option
@click.option(
    "--allow-weak-teacher",
    is_flag=True,
    help="Continue even if the teacher is worse than the baseline student.",
)
@click.option(
    "--verify/--no-verify",
    default=True,
    help="Run the quick checks of slr-tune verify first. [default: verify]",
)
@click.option("--retry-failed", is_flag=True, help="Retry failed trials first.")
@click.option(
    "--on-end",
    metavar="COMMAND|URL",
    help="Command to run at the end, such as 'notify-send {study} {best}', or a URL to POST JSON "
    "to. Also {status} (done, stopped, failed), {trial}, {trials}, {metric}, {folder}, {error}.",
)
@click.option(
    "--from",
    "history",
    multiple=True,
    metavar="RUNS",
    help="Start from earlier results: a study, or any file that slr-tune import reads.",
)
@click.option(
    "--dry-run",
    is_flag=True,
    help="Check SPACE and print the plan and its cost, without running anything.",
)
@click.option(
    "--wait-for-database",
    type=Seconds(),
    default="10m",
    metavar="TIME",
    show_default=True,
    help="How long a running search waits for a database that is away, such as 90s, 30m or 2h. "
    "Trials keep training meanwhile.",
)
@json_option
def command(
    space: Path | None,
    from_study: str | None,
    trials: int | None,
    max_epochs: int | None,
    study: str | None,
    storage: str | None,
    workers: int | None,
    seed: int | None,
    overrides: tuple[str, ...],
    address: str | None,
    ship: bool,
    runtime_env: Path | None,
    allow_weak_teacher: bool,
    verify: bool,
    retry_failed: bool,
    on_end: str | None,
    history: tuple[str, ...],
    wait_for_database: float,
    dry_run: bool,
    as_json: bool,
) -> int:
    """Search SPACE until its study has the requested number of trials.

    SPACE is a YAML file, or the name of a shipped space (slr-tune init lists them). --from-study
    takes it from a study instead, with the options of its last run: this works from any folder and
    for a copied study. Without --study, it resumes that study.

    To resume after a stop, a crash or a power cut, run the same command again. Ctrl-C, SIGTERM and
    SIGHUP save all finished work and stop; press Ctrl-C twice to stop at once.
    """
    started = time.monotonic()
    from slr_tune.space import load_spec
    from slr_tune.training.shipping import read_shipping

    shipping = read_shipping(ship=ship, file=runtime_env, address=address)
    chosen = chosen_space(space, from_study, storage)
    spec = load_spec(
        chosen.path,
        overrides=chosen.sets(overrides),
        study=study or from_study,
        trials=trials,
        max_epochs=max_epochs,
        workers=workers,
        seed=seed,
    )
    if dry_run:
        from slr_tune.checks.verify import estimate_report
        from slr_tune.importing.history import history_lines
        from slr_tune.study.storage import check_storage

        check_storage(storage)
        earlier = history_lines(spec, history, storage)
        text, figures = estimate_report(spec, storage=storage, cluster=address is not None)
        if as_json:
            echo_json({**_plan(spec), "estimate": figures, "history": earlier})
        else:
            indented = text.replace("\n", "\n  ")
            echo("\n".join([_plan_text(spec), f"estimate: {indented}", *earlier]))
        return 0
    from slr_tune.api.running import run_options

    options = run_options(
        storage=storage,
        address=address,
        shipping=shipping,
        allow_weak_teacher=allow_weak_teacher,
        verify=verify,
        retry_failed=retry_failed,
        typed=chosen.all_options(_typed()),
        history=history,
        started=started,
        wait_for_database=wait_for_database,
    )
    return _search(spec, options, as_json=as_json, on_end=on_end)


_NOT_KEPT = (
    "space",
    "from_study",
    "study",
    "storage",
    "as_json",
    "dry_run",
    "retry_failed",
    "on_end",
)


def _typed() -> dict[str, Any]:
    """The options that were typed and say what is run and how, as `LastRun` takes them."""
    context = click.get_current_context()
    typed: dict[str, Any] = {}
    for option in context.command.params:
        name = str(option.name)
        given = context.get_parameter_source(name) is ParameterSource.COMMANDLINE
        if not given or name in _NOT_KEPT:
            continue
        value = context.params[name]
        if value is False:
            typed[option.secondary_opts[0]] = True
        else:
            value = str(value) if isinstance(value, Path) else value
            typed[option.opts[0]] = list(value) if isinstance(value, tuple) else value
    return typed


def _plan(spec: StudySpec) -> dict[str, Any]:
    """What would be run: identity, budget, rungs, resources, the baseline's configuration."""
    from slr_tune.study.forecast import audit_epochs, forecast_epochs
    from slr_tune.study.rungs import rung_epochs

    budget, planned = spec.budget, forecast_epochs(spec)
    rungs = rung_epochs(
        grace_epochs=budget.grace_epochs,
        reduction_factor=budget.reduction_factor,
        max_epochs=budget.max_epochs,
    )
    return {
        **spec.identity(),
        "trials": budget.trials,
        "hours": budget.hours,
        "rungs": [] if spec.search.scheduler == "none" else list(rungs),
        "epochs_planned": planned,
        "epochs_of_audit": audit_epochs(spec),
        "epochs_at_most": None if budget.trials is None else budget.trials * budget.max_epochs,
        "parameters": _searched(spec),
        "baseline_config": spec.baseline_config(),
    }


def _searched(spec: StudySpec) -> list[str]:
    """What is searched, by the names of the space file and not by the sampler's."""
    flat = spec.space.names
    return list(
        dict.fromkeys(
            ".".join(one.path)
            for one in spec.space.parameters
            if any(name == one.name or name.startswith(f"{one.name}.") for name in flat)
        )
    )


def _plan_text(spec: StudySpec) -> str:
    """The same for a person."""
    from slr_tune.search.sampler import repeats_note
    from trainables.registry import run_title

    plan, budget = _plan(spec), spec.budget
    lines = [
        f"{spec.study}: {run_title(spec.trainable)} on {spec.data.get('name', 'no data')}, "
        f"{spec.objective.direction} {spec.objective.metric}",
        f"{_trials_text(spec)} of at most {budget.max_epochs} epochs; "
        f"{_scheduler_text(spec, plan)}",
        f"strategy: {spec.search.strategy}",
        f"searched: {', '.join(plan['parameters'])}",
        "first trial: " + ("the baseline" if spec.baseline is not None else "suggested"),
    ]
    lines += filter(None, [repeats_note(spec)])
    if _ends_nowhere(spec, plan):
        needed = budget.reduction_factor ** len(plan["rungs"])
        lines.append(
            f"no trial is promoted to its last epoch: that takes {needed} trials, a larger "
            "grace_epochs, or a baseline, which always gets there"
        )
    if spec.teacher is not None:
        lines.append(f"teacher: {spec.teacher.kind} {spec.teacher.value}")
    return "\n".join(lines)


def _ends_nowhere(spec: StudySpec, plan: dict[str, Any]) -> bool:
    """Whether the quota promotes no trial from the last rung, so that at most audited ones end."""
    from slr_tune.study.quota import arrivals_at

    budget, rungs = spec.budget, plan["rungs"]
    if spec.search.scheduler != "promotion" or spec.baseline is not None or not rungs:
        return False
    if budget.trials is None:
        return False
    factor = budget.reduction_factor
    return arrivals_at(rungs, trials=budget.trials, reduction_factor=factor)[-1] < factor


def _trials_text(spec: StudySpec) -> str:
    """How many trials, or how long."""
    from slr_tune.text import counted, duration

    budget = spec.budget
    limit = duration(3600 * (budget.hours or 0))
    if budget.trials is None:
        return f"as many trials as {limit} allow,"
    message = counted(budget.trials, "trial")
    return message if budget.hours is None else f"{message} in {limit} at most,"


def _scheduler_text(spec: StudySpec, plan: dict[str, Any]) -> str:
    rungs, share = ", ".join(map(str, plan["rungs"])), f"1/{spec.budget.reduction_factor}"
    planned, audit = plan["epochs_planned"], plan["epochs_of_audit"]
    if not rungs:
        return "no trial is stopped early"
    if spec.search.scheduler == "stopping":
        return f"ASHA stops trials at epochs {rungs} and lets the best {share} continue"
    if planned is None:
        return f"they pause at epochs {rungs}, and the best {share} continue"
    more = f", and at most {audit} more for the pruning audit" if audit else ""
    return (
        f"they pause at epochs {rungs}, and the best {share} continue: {planned} epochs in "
        f"all{more}"
    )


def _search(spec: StudySpec, options: RunOptions, *, as_json: bool, on_end: str | None) -> int:
    from slr_tune.api.running import search
    from slr_tune.cli.main import EXIT_RUN_FAILED
    from slr_tune.search.progress import Progress
    from slr_tune.study.summary import json_summary, summary_text
    from slr_tune.text import counted

    found, outcome = search(spec, options, Progress(), on_end=on_end)
    view = found.view
    if outcome.started == 0 and not outcome.interrupted and not outcome.time_is_up:
        tell(
            f"Study {spec.study!r} has its {len(view.run_here)} trials already; nothing to do. "
            f"For more: --trials {len(view.run_here) + 6}"
        )
        failed = sum(trial.state.name == "FAIL" for trial in view.run_here)
        if failed:
            tell(f"{counted(failed, 'trial')} failed; to retry: --retry-failed")
    if as_json:
        echo_json({**json_summary(view), "started": outcome.started, "folder": str(view.folder)})
    else:
        wer = None if outcome.teacher is None else outcome.teacher.wer
        echo(summary_text(view, teacher_wer=wer))
    if outcome.time_is_up:
        _tell_time(spec, found.view)
        return 0
    if outcome.stop is not None:
        tell_interrupted()
        return outcome.stop.exit_code
    return 0 if view.best() is not None else EXIT_RUN_FAILED


def _tell_time(spec: StudySpec, view: StudyView) -> None:
    """Says that the time is up, what waits, and which command continues."""
    from dataclasses import replace

    from slr_tune.study.manifest import last_run
    from slr_tune.study.record import is_paused
    from slr_tune.text import counted, duration

    hours = spec.budget.hours or 0.0
    waiting = sum(t.state.name == "WAITING" for t in view.run_here)
    paused = sum(map(is_paused, view.run_here))
    tell(
        f"The time is up: {duration(3600 * hours)}. {counted(paused, 'trial')} paused at a rung, "
        f"{waiting - paused} not finished; nothing is lost. For twice the time:"
    )
    last = last_run(view.folder)
    known = last if last.options or last.from_study else replace(last, space_file=str(spec.path))
    tell("  " + known.with_hours(spec.study, 2 * hours))
