"""`slr-tune importance`: which parameters matter."""

from __future__ import annotations

from typing import Any

import click

from slr_tune.cli.options import echo_json, examples, json_option, storage_option


@click.command(
    name="importance",
    epilog=examples(
        "slr-tune importance",
        "slr-tune importance --study libras-distill --epoch 9",
        "slr-tune importance --evaluator fanova --json",
    ),
)
@click.option("--study", help="[default: the one written last]")
@click.option(
    "--evaluator",
    type=click.Choice(["ped-anova", "fanova", "mdi"]),
    default="ped-anova",
    show_default=True,
)
@click.option(
    "--epoch",
    type=click.IntRange(min=1),
    help="Compare all trials that reached this epoch, by their value there. "
    "[default: the rung that keeps the most information]",
)
@storage_option
@json_option
def command(
    study: str | None, evaluator: str, epoch: int | None, storage: str | None, as_json: bool
) -> int:
    """Says which parameters matter, with what certainty, and where the best trials lie.

    Writes importance.html, importance.md, and the figures as PNG and PDF into the study's folder.
    """
    from slr_tune.importance.study_analysis import study_importance
    from slr_tune.report.importance.files import write_importance
    from slr_tune.study.view import load_study

    view = load_study(study, storage)
    name = view.spec.study
    said = ", the one written last" if study is None else ""
    running = "; it is running, this is its state so far" if view.running else ""
    click.echo(f"Study {name!r}{said}{running}.", err=True)
    _check_epoch(epoch, view)
    found = study_importance(view, evaluator=evaluator, epoch=epoch)
    paths = write_importance(found, view.folder / "importance")
    if as_json:
        echo_json({**found.to_json(), "files": paths})
    else:
        _print(found)
    for path in paths:
        click.echo(f"wrote {path}", err=True)
    return 0


def _check_epoch(epoch: int | None, view: Any) -> None:
    from slr_tune.errors import SlrTuneError

    reached = [max(t.intermediate_values) for t in view.trials if t.intermediate_values]
    if not reached:
        raise SlrTuneError(
            f"study {view.spec.study!r} has no trial with an epoch yet",
            hint="slr-tune show tells how its trials ended.",
        )
    if epoch is not None and epoch > max(reached):
        raise SlrTuneError(
            f"no trial of study {view.spec.study!r} reached epoch {epoch}",
            hint=f"The longest ran {max(reached)} epochs.",
        )


def _print(found: Any) -> None:
    from rich.table import Table as Grid

    from slr_tune.cli.tables import print_table
    from slr_tune.report.importance import text

    click.echo(text.verdict(found))
    for warning in found.main.warnings:
        if warning != text.verdict(found):
            click.echo(warning)
    if not found.main.units:
        return
    tables = (text.share_table(found), text.effect_table(found), text.region_table(found))
    for table in tables:
        click.echo()
        grid = Grid(box=None, padding=(0, 2, 0, 0))
        for column in table.columns:
            grid.add_column(column.heading, justify="right" if column.numeric else "left")
        for row in table.rows:
            grid.add_row(*row)
        print_table(grid)
        click.echo(table.caption)
    click.echo()
    click.echo(text.interaction_text(found))
    click.echo("\n".join(text.method(found)))
