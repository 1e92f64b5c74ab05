"""`slr-tune stop`: end a search, or one of its trials, from another terminal or machine."""

from __future__ import annotations

import click

from slr_tune.cli.options import (
    command_named,
    echo,
    echo_json,
    json_option,
    storage_option,
    takes_study,
    tell,
)


@command_named("stop", "slr-tune stop libras-distill", "slr-tune stop libras-distill --trial 7")
@takes_study()
@click.option(
    "--trial", type=click.IntRange(min=0), help="Stop only this trial; the search continues."
)
@storage_option
@json_option
def command(study: str | None, trial: int | None, storage: str | None, as_json: bool) -> None:
    """Stop a running search, from any terminal or machine.

    The search saves its work and ends within seconds, as after Ctrl-C: unfinished trials resume at
    the next start. With --trial, that trial ends as failed ("aborted").
    """
    from slr_tune.errors import StudyError
    from slr_tune.study.editing import stop_trial
    from slr_tune.study.lock import ask_to_stop
    from slr_tune.study.storage import opened_storage, storage_errors, storage_url
    from slr_tune.study.view import load_study

    view = load_study(study, storage)
    name = view.spec.study
    if study is None:
        tell(f"Study {name!r}, the most recent one.")
    with storage_errors(storage_url(storage)), opened_storage(storage) as database:
        if trial is not None:
            stop_trial(database, view, trial)
            message = f"Trial {trial} of study {name!r} is stopped."
        else:
            driver = ask_to_stop(database.engine, name)
            if driver is None:
                raise StudyError(f"study {name!r} is not running", hint="slr-tune list says which.")
            message = (
                f"Asked {driver.description}, to stop study {name!r}; it saves its state and ends."
            )
    if as_json:
        echo_json({"study": name, "trial": trial, "stopped": True})
    else:
        echo(message)
