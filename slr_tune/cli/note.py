"""`slr-tune note`: what a person thinks of a study or a trial."""

from __future__ import annotations

import click

from slr_tune.cli.options import command_named, storage_option


@command_named(
    "note",
    "slr-tune note libras-distill 'dev set of March, before the relabelling'",
    "slr-tune note libras-distill 'loss spikes at epoch 12' --trial 7",
)
@click.argument("study")
@click.argument("text")
@click.option("--trial", type=click.IntRange(min=0), help="The trial that it is of.")
@storage_option
def command(study: str, text: str, trial: int | None, storage: str | None) -> None:
    """Writes TEXT down with STUDY; show, report and export have it.

    A search may be running meanwhile.
    """
    from slr_tune.errors import SlrTuneError
    from slr_tune.study.notes import add_note
    from slr_tune.study.storage import opened_storage, storage_errors, storage_url
    from slr_tune.study.view import load_study
    from slr_tune.text import printable

    if not text.strip():
        raise SlrTuneError("the note is empty")
    view = load_study(study, storage)
    if trial is not None:
        view.trial(trial)
    with storage_errors(storage_url(storage)), opened_storage(storage) as database:
        add_note(database, study, printable(text.strip()), trial=trial)
    click.echo(f"Noted on {f'trial {trial} of ' if trial is not None else ''}study {study!r}.")
