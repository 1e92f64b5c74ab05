"""`slr-tune show`: a study, or one trial of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from slr_tune.cli.options import (
    command_named,
    echo,
    echo_json,
    json_option,
    looks_only,
    storage_option,
    takes_study,
    tell,
)
from slr_tune.cli.printing import print_table
from slr_tune.errors import StudyMissing
from slr_tune.text import metric_text, setting_cell

if TYPE_CHECKING:
    from slr_tune.study.view import StudyView


@command_named("show", "slr-tune show", "slr-tune show libras-distill --trial 7")
@takes_study()
@click.option(
    "--top",
    type=click.IntRange(min=1),
    default=50,
    show_default=True,
    help="Number of trials to print, best first; --json prints all.",
)
@click.option("--wide", is_flag=True, help="Print every column, however narrow the terminal is.")
@click.option("--trial", type=int, help="Show one trial with its whole configuration and curve.")
@storage_option
@json_option
@looks_only
def command(
    study: str | None, top: int, wide: bool, trial: int | None, storage: str | None, as_json: bool
) -> None:
    """Show a study: its trials, best first."""
    from slr_tune.api.studies import load

    try:
        view = load(study, storage=storage).view
    except StudyMissing as error:
        if study is None or not study.isdecimal():
            raise
        raise StudyMissing(
            f"there is no study {study!r}", hint=f"For trial {study}: slr-tune show --trial {study}"
        ) from error
    if study is None:
        tell(f"Study {view.spec.study!r}, the most recent one.")
    if trial is not None:
        _show_trial(view, trial, as_json=as_json)
    else:
        _show_study(view, top, wide=wide, as_json=as_json)


def _show_study(view: StudyView, top: int, *, wide: bool, as_json: bool) -> None:
    from slr_tune.report.page import Table, numbers, texts
    from slr_tune.study.budget_value import budget_text, budget_value
    from slr_tune.study.summary import (
        by_difference,
        json_summary,
        named_row,
        searched_values,
        short_names,
        summary_text,
    )
    from slr_tune.study.view import trial_row

    if as_json:
        rows = [named_row(view, trial_row(trial)) for trial in (*view.trials, *view.foreign)]
        notes = {"notes": view.notes}
        echo_json({**json_summary(view), "running": view.running, **notes, "rows": rows})
        return
    echo(summary_text(view))
    if view.spec.budget.fidelity is not None:
        from slr_tune.importance.fidelity import fidelity_rungs, fidelity_text

        echo(fidelity_text(fidelity_rungs(view.spec, view.run_here)))
    more = budget_value(view)
    if more is not None:
        echo(budget_text(view, more))
    if view.running and view.driver is not None:
        echo(f"Running: {view.driver.description}.")
    sign = 1 if view.minimizes else -1
    best = sorted(view.trials, key=lambda t: (not t.values, sign * t.values[0] if t.values else 0))
    rows = [trial_row(trial) for trial in (*best[:top], *view.foreign[:top])]
    names = by_difference(
        view, dict.fromkeys(name for row in rows for name in searched_values(view, row))
    )
    shown, metric = short_names(names), view.spec.objective.metric
    sourced = any(row["source"] for row in rows)
    cells = []
    for row in rows:
        values = searched_values(view, row)
        cells.append(
            (
                str(row["number"]),
                metric_text(row["value"], metric),
                _ending(row),
                str(row["epochs"]),
                *(setting_cell(values.get(name)) for name in names),
                *([row["source"] or "-"] if sourced else []),
            )
        )
    heads = [
        *numbers("trial", "value", essential=True),
        *texts("ended by", essential=True),
        *numbers("epochs", *shown.values()),
        *texts(*(["from"] if sourced else [])),
    ]
    print_table(Table(heads, cells), wide=wide, more="--wide")
    if len(best) > top:
        echo(f"{len(best) - top} more trials: --top {len(best)} shows all.")
    for key, written in view.notes.items():
        for text in written:
            echo(f"note{f' on trial {key}' if key else ''}: {text}")


def _ending(row: dict[str, Any]) -> str:
    if row["paused_at"] is not None:
        return f"paused at {row['paused_at']}"
    ending = str(row["ended_by"] or row["state"].lower())
    return ending + ", imported" * bool(row["imported"])


def _show_trial(view: StudyView, number: int, *, as_json: bool) -> None:
    import yaml

    from slr_tune.study.summary import named_row
    from slr_tune.study.view import trial_row

    row = named_row(view, trial_row(view.trial(number)))
    folder = view.own_folder(number)
    curve = view.curve(number)
    if as_json:
        notes = view.notes.get(str(number), [])
        echo_json({**row, "folder": str(folder), "notes": notes, "curve": curve})
        return
    error = row.pop("error")
    shown = {**row, "folder": str(folder)}
    click.echo(yaml.safe_dump(shown, sort_keys=False, allow_unicode=True).rstrip())
    metric = view.spec.objective.metric
    for point in curve:
        value = metric_text(point.get(metric, float("nan")), metric)
        click.echo(f"epoch {point['epoch']:3d}  {metric} {value}")
    for text in view.notes.get(str(number), ()):
        echo(f"note: {text}")
    if error:
        echo(f"error:\n{error}")
