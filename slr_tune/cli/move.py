"""`slr-tune move`: a study from one database to another."""

from __future__ import annotations

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


@command_named(
    "move",
    "slr-tune move libras-distill --to postgresql://me@server/studies",
    "slr-tune move libras-distill --storage postgresql://me@server/studies "
    "--to sqlite:///studies/slr-tune.db",
)
@takes_study(required=True)
@click.option("--to", "target", metavar="URL", required=True, help="Database to move the study to.")
@storage_option
@json_option
@looks_only
def command(study: str, target: str, storage: str | None, as_json: bool) -> None:
    """Move STUDY to another database, with all trials, attributes and values.

    The copy is read back and compared before the original is deleted. The study's folder stays.
    """
    from dataclasses import asdict

    from slr_tune.study.moving import move_study
    from slr_tune.study.storage import opened_storage, shown_url, storage_errors, storage_url
    from slr_tune.study.view import load_study

    load_study(study, storage)  # says what is near where there is none of that name
    with (
        storage_errors(storage_url(storage)),
        opened_storage(storage) as old,
        storage_errors(target),
        opened_storage(target, create=True) as new,
    ):
        moved = move_study(study, old, new, tell)
        place = shown_url(new.engine.url)
    if as_json:
        echo_json({**asdict(moved), "storage": place})
        return
    echo(
        f"Moved study {moved.study!r} to {place}. Both sides were compared and agree: "
        f"{moved.trials} trials with numbers, states, times, parameters and values, "
        f"{moved.intermediate_values} values per epoch, {moved.attributes} attributes."
    )
    tell("Name the new database with --storage, or in SLR_TUNE_STORAGE.")
