"""`slr-tune import`: results that exist, into a study."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from slr_tune.cli.completion import SpaceFile
from slr_tune.cli.options import (
    command_named,
    echo,
    echo_json,
    json_option,
    set_option,
    storage_option,
    tell,
)

if TYPE_CHECKING:
    from slr_tune.importing.plan import ImportPlan
    from slr_tune.importing.take_in import Imported
    from slr_tune.space import StudySpec


@command_named(
    "import",
    "slr-tune import runs.csv --space search_spaces/distill.yaml --dry-run",
    "slr-tune import runs.csv --study libras-distill --map lr=learning_rate",
    "slr-tune import sqlite:///old.db#sweep --space search_spaces/distill.yaml",
    "slr-tune import ~/ray_results/sweep --study libras-distill --assume kd_blank=keep",
    "slr-tune import wandb_export.csv --curves wandb_chart.csv --study libras-distill",
)
@click.argument("sources", nargs=-1, required=True, metavar="RUNS...")
@click.option(
    "--space",
    type=SpaceFile(),
    help="Search space for the study; the study is created if it does not exist.",
)
@click.option(
    "--study", help="Name of the study. [default: from the space, or the most recent one]"
)
@set_option("Override a value of the space, as in slr-tune run.")
@click.option(
    "--metric",
    metavar="NAME",
    help="Name of the objective in the imported runs. [default: detected]",
)
@click.option(
    "--map",
    "pairs",
    multiple=True,
    metavar="THEIRS=OURS",
    help="Map a name in the imported runs to a name in the space.",
)
@click.option(
    "--assume",
    multiple=True,
    metavar="KEY=VALUE",
    help="A setting that all runs had but do not record.",
)
@click.option(
    "--ignore",
    multiple=True,
    metavar="NAME",
    help="Ignore a column, or a fixed setting in which the runs may differ.",
)
@click.option(
    "--scale",
    type=float,
    help="Factor to apply to the values, such as 100 for a WER given as a fraction.",
)
@click.option(
    "--steps-per-epoch", type=float, help="Steps per epoch in the curves. [default: detected]"
)
@click.option(
    "--curves",
    type=click.Path(path_type=Path),
    help="W&B chart export with the curves for an exported W&B table.",
)
@click.option(
    "--dry-run", is_flag=True, help="Print what would be mapped and what would be left out."
)
@storage_option
@json_option
def command(
    sources: tuple[str, ...],
    space: Path | None,
    study: str | None,
    overrides: tuple[str, ...],
    metric: str | None,
    pairs: tuple[str, ...],
    assume: tuple[str, ...],
    ignore: tuple[str, ...],
    scale: float | None,
    steps_per_epoch: float | None,
    curves: Path | None,
    dry_run: bool,
    storage: str | None,
    as_json: bool,
) -> None:
    """Import finished runs into a study, with their values and curves.

    RUNS is a CSV or JSON-lines file of runs, a CSV export of W&B, a training_results.json, a folder
    of TensorBoard logs or Ray Tune results, an Optuna study (URL#STUDY, FILE#STUDY), or the name of
    a study.

    Imported runs inform the sampler, importance and the report. ASHA does not compare trials with
    them, and they do not count towards the number of trials. Running the same command again adds
    only new runs.
    """
    from slr_tune.importing.open_source import open_source
    from slr_tune.importing.plan import (
        ImportOptions,
        parse_names,
        parse_settings,
        plan_import,
    )
    from slr_tune.importing.plan_text import plan_lines
    from slr_tune.importing.tables import with_wandb_curves

    spec = _spec(space, study, overrides, storage)
    options = ImportOptions(
        metric, parse_names(pairs), parse_settings(assume), ignore, scale, steps_per_epoch
    )
    plans = []
    for place in sources:
        source = open_source(place, storage)
        if curves is not None:
            source = with_wandb_curves(source, curves)
        plans.append(plan_import(spec, source, options))
    if not as_json:
        for plan in plans:
            for line in [plan.summary(), *plan_lines(plan)]:
                echo(line) if dry_run else tell(line)
    if not dry_run:
        for plan in plans:
            plan.check()
    done = [] if dry_run else _take_in(spec, plans, storage)
    if as_json:
        echo_json(_as_json(spec, plans, done, dry_run=dry_run))
    elif dry_run:
        tell("Nothing was written; without --dry-run the runs that fit are imported.")
    else:
        _say(spec, done)


def _spec(
    space: Path | None, study: str | None, overrides: tuple[str, ...], storage: str | None
) -> StudySpec:
    from slr_tune.errors import SlrTuneError
    from slr_tune.space import load_spec
    from slr_tune.study.view import load_study

    if space is not None:
        return load_spec(space, overrides=overrides, study=study)
    if overrides:
        raise SlrTuneError("--set changes a space file: name it with --space")
    return load_study(study, storage).spec


def _take_in(spec: StudySpec, plans: list[ImportPlan], storage: str | None) -> list[Imported]:
    from slr_tune.importing.take_in import take_in
    from slr_tune.study.folders import study_folder
    from slr_tune.study.lock import StudyLock, locked_folder
    from slr_tune.study.open_study import open_store
    from slr_tune.study.storage import opened_storage, storage_errors, storage_url

    with (
        storage_errors(storage_url(storage)),
        opened_storage(storage, create=True) as database,
        StudyLock(database.engine, spec.study),
        locked_folder(study_folder(spec.study)),
    ):
        store = open_store(spec, database, tell=tell)
        return [take_in(store, plan) for plan in plans]


def _say(spec: StudySpec, done: list[Imported]) -> None:
    from slr_tune.study.commands import command_line
    from slr_tune.text import counted

    new = [number for one in done for number in one.numbers]
    known = sum(one.known for one in done)
    span = f" ({new[0]} to {new[-1]})" if len(new) > 1 else ""
    had = f"; {counted(known, 'trial')} from before stay" if known else ""
    echo(f"Imported {counted(len(new), 'trial')} into study {spec.study!r}{span}{had}.")
    for one in done:
        for name, reason in one.refused:
            echo(f"  {name} is refused: {reason}")
    echo(f"See them: {command_line('show', spec.study)}")


def _as_json(
    spec: StudySpec, plans: list[ImportPlan], done: list[Imported], *, dry_run: bool
) -> dict[str, Any]:
    return {
        "study": spec.study,
        "dry_run": dry_run,
        "imported": [number for one in done for number in one.numbers],
        "known": sum(one.known for one in done),
        "sources": [
            {
                "kind": plan.source.kind,
                "place": plan.source.place,
                "runs": len(plan.source.runs),
                "fit": len(plan.taken),
                "moved": plan.moved,
                "names": {} if plan.matched is None else dict(plan.matched.taken),
                "left_out_names": {} if plan.matched is None else dict(plan.matched.left),
                "left_out": [{"run": name, "reason": why} for name, why in plan.left],
                "notes": [*plan.source.notes, *plan.measures.notes],
            }
            for plan in plans
        ],
    }
