"""`slr-tune ablate`: is that difference real?"""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from slr_tune.cli.ablation_options import LEAST_SEEDS, SEEDS, BudgetType, SeedCount
from slr_tune.cli.completion import SpaceOrStudy
from slr_tune.cli.options import (
    address_option,
    command_named,
    echo,
    echo_json,
    json_option,
    runs_option,
    runtime_env_option,
    ship_option,
    storage_option,
    tell_interrupted,
    test_option,
)
from slr_tune.cli.printing import print_page, print_table
from slr_tune.cli.study_choice import ablated, from_study_option

if TYPE_CHECKING:
    from slr_tune.ablation.budget import Budget
    from slr_tune.ablation.design import Design
    from slr_tune.ablation.interim import Interim


@command_named(
    "ablate",
    "slr-tune ablate --factor temperature",
    "slr-tune ablate --factor loss_weights --factor dropout --seeds 5",
    "slr-tune ablate search_spaces/distill.yaml --factor kd_blank --dry-run",
    "slr-tune ablate --factor temperature --factor kd_blank --factorial",
    "slr-tune ablate --factor kd_blank --retune lr --budget 3",
    "slr-tune ablate --factor temperature --until-decided --budget 40runs",
    "slr-tune ablate --factor dropout --margin 2.5",
    "slr-tune ablate --factor kd_blank --teachers 3 --seeds 3",
    "slr-tune ablate --path",
)
@click.argument("subject", required=False, type=SpaceOrStudy(), metavar="[SPACE|STUDY]")
@from_study_option
@click.option(
    "--factor",
    "factors",
    multiple=True,
    metavar="NAME",
    help="Parameter or group to ablate; repeat the option for several. "
    "Levels come from the space file, else standard ones are used.",
)
@click.option("--study", help="Study to ablate. [default: from SPACE, or the most recent one]")
@click.option(
    "--baseline",
    metavar="best|space|FILE",
    help="Configuration that every arm is compared with. [default: the space's baseline, "
    "else the best trial]",
)
@click.option(
    "--seeds",
    type=SeedCount(),
    help=f"Seeds per arm, at least {LEAST_SEEDS}; with --until-decided, the maximum. "
    f"[default: {SEEDS}; with --until-decided 12]",
)
@click.option(
    "--until-decided",
    is_flag=True,
    help="Add seeds until every arm is decided: different, equivalent, or out of reach.",
)
@click.option(
    "--margin",
    type=float,
    metavar="POINTS",
    help="Also test which arms are equivalent within this many WER points.",
)
@click.option(
    "--teachers",
    type=click.IntRange(min=1),
    default=1,
    show_default=True,
    help="Train this many teachers with different seeds and run every arm with each.",
)
@click.option(
    "--orders",
    type=click.IntRange(min=1),
    default=1,
    show_default=True,
    help="Run every arm with each seed in this many orders of the training data, and print how "
    "much of the variance is due to the order.",
)
@click.option(
    "--family",
    type=click.Choice(["ablation", "study"]),
    default="ablation",
    show_default=True,
    help="What the error rate is controlled over: this ablation, or all ablations of the study.",
)
@click.option(
    "--factorial", is_flag=True, help="Cross two factors: every combination of their levels."
)
@click.option(
    "--controls",
    is_flag=True,
    help="Add control arms a reviewer would ask for: no distillation, label smoothing, a shuffled "
    "teacher.",
)
@click.option(
    "--path",
    is_flag=True,
    help="Go from the baseline to the best trial one parameter at a time, and back.",
)
@click.option(
    "--retune", metavar="SETTING", help="Re-tune this parameter separately for every arm."
)
@click.option(
    "--budget",
    type=BudgetType(),
    metavar="VALUES|RUNS|TIME",
    help="With --retune, values to try per arm [default: 3]; with --until-decided, the limit, "
    "such as 40runs or 6h.",
)
@click.option(
    "--no-share",
    is_flag=True,
    help="Train every run from scratch instead of sharing common epochs.",
)
@test_option
@runs_option
@address_option
@ship_option
@runtime_env_option
@storage_option
@click.option(
    "--dry-run", "dry", is_flag=True, help="Print what would be trained, without training."
)
@json_option
def command(
    subject: str | None,
    from_study: str | None,
    factors: tuple[str, ...],
    study: str | None,
    baseline: str | None,
    seeds: int | None,
    until_decided: bool,
    margin: float | None,
    teachers: int,
    orders: int,
    family: str,
    factorial: bool,
    controls: bool,
    path: bool,
    retune: str | None,
    budget: Budget | None,
    no_share: bool,
    with_test: bool,
    workers: int | None,
    address: str | None,
    ship: bool,
    runtime_env: Path | None,
    storage: str | None,
    dry: bool,
    as_json: bool,
) -> int:
    """Change one factor at a time, with paired seeds, and test which differences are real.

    SPACE is a search-space file or the name of a study; without it, the most recent study is used.
    To resume after a stop or a crash, run the same command again.
    """
    from slr_tune.ablation.design import make_design
    from slr_tune.ablation.options import AblationOptions
    from slr_tune.training.shipping import read_shipping

    space, study = ablated(subject, study, storage, from_study)
    options = AblationOptions(
        study=study,
        factors=factors,
        baseline=baseline,
        seeds=seeds,
        until_decided=until_decided,
        margin=margin,
        teachers=teachers,
        orders=orders,
        one_budget=family == "study",
        factorial=factorial,
        controls=controls,
        path=path,
        retune=retune,
        budget=budget,
        share=not no_share,
        with_test=with_test,
        workers=workers,
        shipping=read_shipping(ship=ship, file=runtime_env, address=address),
        address=address,
        storage=storage,
    )
    design = make_design(space, options)
    if dry:
        from slr_tune.ablation.dry_run import dry_run, dry_text

        plan = dry_run(design)
        echo_json(asdict(plan)) if as_json else echo(dry_text(plan, design))
        return 0
    return _ablate(design, as_json=as_json)


def _ablate(design: Design, *, as_json: bool) -> int:
    from slr_tune.api.ablating import conduct
    from slr_tune.api.running import Stopped
    from slr_tune.report.ablation import ablation_page
    from slr_tune.search.progress import Progress

    try:
        with Progress() as progress:
            found, paths = conduct(design, progress.message, progress.training)
    except Stopped as stopped:
        if stopped.interim is not None:
            _show_interim(stopped.interim, as_json=as_json)
        tell_interrupted()
        return stopped.exit_code
    result, folder = found.result, found.folder
    if as_json:
        files = [folder / "result.json", folder / "runs.csv", *paths]
        echo_json({**asdict(result), "folder": str(folder), "files": [str(path) for path in files]})
    else:
        print_page(ablation_page(result))
        echo(f"Report: {paths[0]}")
    return 0


def _show_interim(interim: Interim, *, as_json: bool) -> None:
    """What has finished of an ablation that was stopped."""
    from slr_tune.report.ablation.interim import interim_table, interim_text

    if as_json:
        echo_json({"interim": True, **asdict(interim)})
        return
    if (table := interim_table(interim)) is not None:
        print_table(table)
    echo(interim_text(interim))
