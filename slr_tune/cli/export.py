"""`slr-tune export`: the trials of a study for other programs."""

from __future__ import annotations

from pathlib import Path

import click

from slr_tune.cli.options import command_named, storage_option, takes_study, tell


@command_named(
    "export",
    "slr-tune export libras-distill --csv > trials.csv",
    "slr-tune export libras-distill --jsonl --out trials.jsonl",
    "slr-tune export libras-distill --parquet --out trials.parquet",
)
@takes_study()
@click.option("--csv", "form", flag_value="csv", default="csv", help="CSV table. [default]")
@click.option(
    "--jsonl", "form", flag_value="jsonl", help="JSON lines with whole configurations and curves."
)
@click.option(
    "--parquet", "form", flag_value="parquet", help="Parquet table, for pandas and others."
)
@click.option(
    "--out",
    type=click.Path(path_type=Path, dir_okay=False),
    help="File to write. [default: stdout]",
)
@storage_option
def command(study: str | None, form: str, out: Path | None, storage: str | None) -> None:
    """Export the trials of a study, one row per trial.

    Columns are named as in the space file. slr-tune import reads the CSV and the JSON lines.
    """
    from slr_tune.errors import SlrTuneError
    from slr_tune.study.exporting import csv_text, export_rows, jsonl_text, write_parquet
    from slr_tune.study.view import load_study
    from trainables.files.atomic import partial_file

    view = load_study(study, storage)
    rows = export_rows(view)
    if form == "parquet" and out is None:
        raise SlrTuneError(
            "Parquet is not text and cannot go to stdout", hint="Name a file: --out trials.parquet."
        )
    if out is None:
        click.echo(csv_text(rows) if form == "csv" else jsonl_text(view, rows), nl=False)
        return
    out.parent.mkdir(parents=True, exist_ok=True)
    with partial_file(out) as partial:
        if form == "parquet":
            write_parquet(rows, partial)
        else:
            text = csv_text(rows) if form == "csv" else jsonl_text(view, rows)
            partial.write_text(text, encoding="utf-8")
    tell(f"Wrote {len(rows)} trials of study {view.spec.study!r} to {out}")
