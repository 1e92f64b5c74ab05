"""`slr-tune note`: what a person thinks of a study or a trial."""

from __future__ import annotations

import click

from slr_tune.cli.options import (
    command_named,
    echo,
    storage_option,
)
from slr_tune.cli.study_choice import one_study


@command_named(
    "note",
    "slr-tune note libras-distill 'dev set of March, before the relabelling'",
    "slr-tune note libras-distill 'loss spikes at epoch 12' --trial 7",
)
@click.argument("words", nargs=-1, required=True, metavar="[STUDY] TEXT")
@click.option("--study", help="Study to annotate. [default: the most recent one]")
@click.option("--trial", type=click.IntRange(min=0), help="Attach the note to this trial.")
@storage_option
def command(
    words: tuple[str, ...], study: str | None, trial: int | None, storage: str | None
) -> None:
    """Attach the note TEXT to a study or a trial. show, report and export print it.

    The search may be running.
    """
    from slr_tune.errors import SlrTuneError
    from slr_tune.study.notes import add_note
    from slr_tune.study.storage import opened_storage, storage_errors, storage_url
    from slr_tune.study.view import list_studies, load_study
    from slr_tune.text import printable

    if len(words) > 2:
        raise click.UsageError("expected [STUDY] TEXT; put the text in quotes.")
    *first, text = words
    study = one_study(first[0] if first else None, study)
    if not text.strip():
        raise SlrTuneError("the note is empty")
    if not first and study is None and text in {line.name for line in list_studies(storage)}:
        raise click.UsageError(f"{text!r} is a study. Add the text: slr-tune note {text} 'TEXT'")
    view = load_study(study, storage)
    study = view.spec.study
    if trial is not None:
        view.trial(trial)
    with storage_errors(storage_url(storage)), opened_storage(storage) as database:
        add_note(database, study, printable(text.strip()), trial=trial)
    echo(f"Noted on {f'trial {trial} of ' if trial is not None else ''}study {study!r}.")
