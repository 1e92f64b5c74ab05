"""`slr-tune delete`: a trial, or a whole study, asked twice."""

from __future__ import annotations

import click

from slr_tune.cli.options import (
    command_named,
    echo,
    storage_option,
    takes_study,
    tell,
)

_MIB = 2**20


@command_named(
    "delete",
    "slr-tune delete libras-distill --trial 7",
    "slr-tune delete libras-distill",
    "slr-tune delete libras-distill --yes --yes",
)
@takes_study(required=True)
@click.option("--trial", type=click.IntRange(min=0), help="Delete only this trial and its files.")
@click.option("--yes", count=True, help="Answer one question with yes; use it twice for both.")
@storage_option
def command(study: str, trial: int | None, yes: int, storage: str | None) -> None:
    """Delete STUDY with its folder, or one of its trials. Trial numbers are not reused.

    Asks twice, because this cannot be undone. A running study is not deleted.
    """
    from slr_tune.errors import StudyError
    from slr_tune.study.editing import delete, deletion_of
    from slr_tune.study.storage import opened_storage, storage_errors, storage_url
    from slr_tune.study.view import load_study
    from slr_tune.text import counted

    view = load_study(study, storage)
    what = f"study {study!r}" if trial is None else f"trial {trial} of study {study!r}"
    if view.running and view.driver is not None:
        raise StudyError(
            f"study {study!r} is being run by {view.driver.description}",
            hint=f"slr-tune stop {study} stops it.",
        )
    found = deletion_of(view, trial)
    trials = f"{counted(found.trials, 'trial')} and " if trial is None else ""
    tell(f"Delete {what}: {trials}{found.size / _MIB:.1f} MiB in {view.folder}.")
    for question in ("Delete it?", f"This cannot be undone. Really delete {what}?")[yes:]:
        _ask(question)
    with storage_errors(storage_url(storage)), opened_storage(storage) as database:
        delete(database, view, trial)
    echo(f"Deleted {what}.")


def _ask(question: str) -> None:
    try:
        click.confirm(question, abort=True, err=True)
    except click.Abort:
        tell("Nothing was deleted. Without a terminal, give --yes twice.")
        raise
