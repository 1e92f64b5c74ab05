"""`slr-tune delete`: a trial, or a whole study, asked twice."""

from __future__ import annotations

import click

from slr_tune.cli.options import command_named, storage_option

_MIB = 2**20


@command_named(
    "delete",
    "slr-tune delete libras-distill --trial 7",
    "slr-tune delete libras-distill",
    "slr-tune delete libras-distill --yes --yes",
)
@click.argument("study")
@click.option("--trial", type=click.IntRange(min=0), help="Only this trial, with its files.")
@click.option("--yes", count=True, help="Answers a question; given twice, both.")
@storage_option
def command(study: str, trial: int | None, yes: int, storage: str | None) -> None:
    """Deletes STUDY from its database, with its folder; or one trial, whose number stays taken.

    It is asked twice, for there is no way back. A study that is being run is not deleted.
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
            hint=f"slr-tune stop {study} ends that.",
        )
    found = deletion_of(view, trial)
    trials = f"{counted(found.trials, 'trial')} and " if trial is None else ""
    click.echo(f"Delete {what}: {trials}{found.size / _MIB:.1f} MiB in {view.folder}.", err=True)
    for question in ("Delete it?", f"There is no way back. Really delete {what}?")[yes:]:
        _ask(question)
    with storage_errors(storage_url(storage)), opened_storage(storage) as database:
        delete(database, view, trial)
    click.echo(f"Deleted {what}.")


def _ask(question: str) -> None:
    try:
        click.confirm(question, abort=True, err=True)
    except click.Abort:
        click.echo("Nothing was deleted. Without a terminal, give --yes twice.", err=True)
        raise
