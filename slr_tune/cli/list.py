"""`slr-tune list`: the studies of a database."""

from __future__ import annotations

import click

from slr_tune.cli.options import echo_json, examples, json_option, storage_option


@click.command(
    name="list",
    epilog=examples(
        "slr-tune list",
        "slr-tune list --json",
    ),
)
@storage_option
@json_option
def command(storage: str | None, as_json: bool) -> None:
    """Lists the studies, the one written last first."""
    from dataclasses import asdict

    from rich.table import Table

    from slr_tune.cli.tables import print_table
    from slr_tune.study.view import list_studies

    studies = list_studies(storage)
    if as_json:
        echo_json([asdict(study) for study in studies])
        return
    if not studies:
        click.echo("No study yet. slr-tune run search_spaces/distill.yaml makes one.", err=True)
        return
    table = Table(box=None, padding=(0, 2, 0, 0))
    for heading in ("study", "trials", "complete", "pruned", "failed", "open", "best", "written"):
        table.add_column(heading, justify="left" if heading == "study" else "right")
    for study in studies:
        counts = study.trials
        table.add_row(
            study.name + (" (running)" if study.running else ""),
            str(sum(counts.values())),
            str(counts.get("COMPLETE", 0)),
            str(counts.get("PRUNED", 0)),
            str(counts.get("FAIL", 0)),
            str(counts.get("RUNNING", 0) + counts.get("WAITING", 0)),
            "-" if study.best is None else _figure(study.best),
            "-" if study.last_written is None else f"{study.last_written:%Y-%m-%d %H:%M}",
        )
    print_table(table)


def _figure(value: float) -> str:
    """A list holds studies of all metrics: two decimals of a WER, more of a small loss."""
    return f"{value:.2f}" if abs(value) >= 1 else f"{value:.4g}"
