"""`slr-tune report`: one page that says what a study found."""

from __future__ import annotations

import click

from slr_tune.cli.options import examples, storage_option


@click.command(
    name="report",
    epilog=examples(
        "slr-tune report",
        "slr-tune report --study libras-distill",
    ),
)
@click.option("--study", help="[default: the one written last]")
@storage_option
def command(study: str | None, storage: str | None) -> None:
    """Writes the report of a study: what won, how the search went, what to do next.

    report.html (one file, opens from disk) and report.md go into the study's folder, the figures
    as PNG and PDF into report/ there. A study that is running can be reported too.
    """
    from slr_tune.report.study.facts import collect
    from slr_tune.report.study.files import write_report
    from slr_tune.report.study.overview import verdict
    from slr_tune.report.study.page import build_report
    from slr_tune.study.view import load_study

    view = load_study(study, storage)
    said = ", the one written last" if study is None else ""
    running = "; it is running, this is its state so far" if view.running else ""
    click.echo(f"Study {view.spec.study!r}{said}{running}.", err=True)
    report = build_report(collect(view))
    paths = write_report(report)
    click.echo(verdict(report.facts))
    if report.steps:
        click.echo("What to do next:")
    for step in report.steps:
        click.echo(f"- {step.text}")
        if step.command:
            click.echo(f"    {step.command}")
    for path in paths:
        click.echo(f"wrote {path}", err=True)
