"""`slr-tune ablate`: is that difference real?"""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from slr_tune.cli.ablation_options import LEAST_SEEDS, SEEDS, BudgetType, SeedCount
from slr_tune.cli.completion import SpaceFile
from slr_tune.cli.options import command_named, echo_json, json_option, storage_option, tell
from slr_tune.cli.printing import print_page

if TYPE_CHECKING:
    from slr_tune.ablation.budget import Budget
    from slr_tune.ablation.design import Design


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
@click.argument("space", required=False, type=SpaceFile())
@click.option(
    "--factor",
    "factors",
    multiple=True,
    metavar="NAME",
    help="A setting or a group of them; may be given again. "
    "Its levels are the file's, or the standard ones.",
)
@click.option("--study", help="[default: the file's, or the one written last]")
@click.option(
    "--baseline",
    metavar="best|space|FILE",
    help="What arms are compared with. [default: the space's baseline, else the best trial]",
)
@click.option(
    "--seeds",
    type=SeedCount(),
    help=f"How many, from {LEAST_SEEDS}; with --until-decided the most. "
    f"[default: {SEEDS}; with --until-decided 12]",
)
@click.option(
    "--until-decided",
    is_flag=True,
    help="Add seeds until every arm is shown, shown to be the same, or hopeless.",
)
@click.option(
    "--margin",
    type=float,
    metavar="POINTS",
    help="Ask too which arms are the same within so many points of WER.",
)
@click.option(
    "--teachers",
    type=click.IntRange(min=1),
    default=1,
    show_default=True,
    help="Cross so many teachers, trained with other seeds, with the arms.",
)
@click.option(
    "--family",
    type=click.Choice(["ablation", "study"]),
    default="ablation",
    show_default=True,
    help="Give all ablations of the study one error budget.",
)
@click.option("--factorial", is_flag=True, help="Cross two factors: every level with every other.")
@click.option(
    "--controls",
    is_flag=True,
    help="Add arms that a doubter asks for: no distillation, label smoothing, a shuffled teacher.",
)
@click.option(
    "--path",
    is_flag=True,
    help="Walk from the baseline to the best trial, one parameter at a time, and back.",
)
@click.option("--retune", metavar="SETTING", help="Let each arm tune this setting for itself too.")
@click.option(
    "--budget",
    type=BudgetType(),
    metavar="VALUES|RUNS|TIME",
    help="Values that each arm may try with --retune [default: 3]; or what --until-decided may "
    "spend, as 40runs or 6h.",
)
@click.option("--no-share", is_flag=True, help="Train every run by itself, to check the sharing.")
@click.option(
    "--test", "with_test", is_flag=True, help="Open the test split too; logged in the study."
)
@click.option("--workers", type=click.IntRange(min=1), help="Side by side. [default: the study's]")
@click.option("--address", metavar="RAY", help="A running Ray cluster. [default: this machine]")
@storage_option
@click.option("--dry-run", "dry", is_flag=True, help="Say what would be trained, train nothing.")
@json_option
def command(
    space: Path | None,
    factors: tuple[str, ...],
    study: str | None,
    baseline: str | None,
    seeds: int | None,
    until_decided: bool,
    margin: float | None,
    teachers: int,
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
    storage: str | None,
    dry: bool,
    as_json: bool,
) -> int:
    """Changes one factor at a time, with paired seeds, and says which differences are real.

    SPACE is the search-space file; without it the stored study is taken. Given again after a stop
    or a crash, the same command goes on where it was.
    """
    from slr_tune.ablation.design import make_design
    from slr_tune.ablation.options import AblationOptions

    options = AblationOptions(
        study=study,
        factors=factors,
        baseline=baseline,
        seeds=seeds,
        until_decided=until_decided,
        margin=margin,
        teachers=teachers,
        one_budget=family == "study",
        factorial=factorial,
        controls=controls,
        path=path,
        retune=retune,
        budget=budget,
        share=not no_share,
        with_test=with_test,
        workers=workers,
        address=address,
        storage=storage,
    )
    design = make_design(space, options)
    if dry:
        from slr_tune.ablation.dry_run import dry_run, dry_text

        plan = dry_run(design)
        echo_json(asdict(plan)) if as_json else click.echo(dry_text(plan, design))
        return 0
    return _ablate(design, as_json=as_json)


def _ablate(design: Design, *, as_json: bool) -> int:
    from slr_tune.api.ablating import conduct
    from slr_tune.api.running import Stopped
    from slr_tune.report.ablation import ablation_page

    try:
        found, paths = conduct(design, tell)
    except Stopped as stopped:
        return stopped.exit_code
    result, folder = found.result, found.folder
    if as_json:
        files = [folder / "result.json", folder / "runs.csv", *paths]
        echo_json({**asdict(result), "folder": str(folder), "files": [str(path) for path in files]})
    else:
        print_page(ablation_page(result))
        click.echo(f"Report: {paths[0]}")
    return 0
