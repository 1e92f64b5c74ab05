"""`slr-tune diagnose`: what is wrong with a run, why, and which setting fixes it."""

from __future__ import annotations

from pathlib import Path

import click

from slr_tune.cli.checkpoint_options import ChosenCheckpoint, checkpoint_options
from slr_tune.cli.options import (
    command_named,
    echo_json,
    json_option,
    looks_only,
    storage_option,
    tell,
)
from slr_tune.cli.printing import print_page

_FILE = "diagnosis.html"


@command_named(
    "diagnose",
    "slr-tune diagnose --study libras-student --trial 7",
    "slr-tune diagnose studies/train/student-1a2b/checkpoints/checkpoint_best.pt",
    "slr-tune diagnose libras-student --json",
)
@checkpoint_options
@click.option(
    "--out",
    type=click.Path(path_type=Path, dir_okay=False),
    help=f"HTML file to write. [default: {_FILE} in the run's folder]",
)
@storage_option
@json_option
@looks_only
def command(chosen: ChosenCheckpoint, out: Path | None, as_json: bool) -> int:
    """Find out why CHECKPOINT is bad: a file, the folder of a run, or a study (its best trial).

    Runs six diagnostics of the model, looks for warning signs in its curve, and prints the likely
    cause and what to change. Without a checkpoint only the curve is used. Test is not opened.
    """
    from slr_tune.diagnosis.find_run import examine, find_run
    from slr_tune.report.diagnosis import diagnosis_json, diagnosis_page
    from slr_tune.report.page.html import render_html
    from trainables.files.atomic import replace_file

    run = find_run(
        chosen.checkpoint, study=chosen.study, trial=chosen.trial, storage=chosen.storage
    )
    found = examine(run, data=chosen.data)
    path = out or run.folder / _FILE
    page = diagnosis_page(found)
    replace_file(path, render_html(page).encode())
    if as_json:
        echo_json(diagnosis_json(found))
    else:
        print_page(page, lead=f"{found.name}: ")
    tell(f"Page: {path}")
    return 0
