"""`slr-tune enqueue`: a configuration added by hand."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

from slr_tune.cli.options import (
    command_named,
    echo,
    echo_json,
    json_option,
    set_option,
    storage_option,
    takes_study,
    tell,
)

if TYPE_CHECKING:
    from slr_tune.study.view import StudyView


@command_named(
    "enqueue",
    "slr-tune enqueue libras-distill --set dropout=0.3",
    "slr-tune enqueue libras-distill --like best --set learning_rate=0.005 --set kd_blank=drop",
    "slr-tune enqueue libras-distill --like 7 --set "
    "'temperature={schedule: linear, start: 4, end: 2}'",
)
@takes_study()
@click.option(
    "--like",
    metavar="TRIAL",
    help="Trial to start from: best, or a trial number. [default: the baseline]",
)
@set_option("Change a value of the search space; a group in braces is replaced as a whole.")
@storage_option
@json_option
def command(
    study: str | None,
    like: str | None,
    overrides: tuple[str, ...],
    storage: str | None,
    as_json: bool,
) -> None:
    """Add a configuration to a study.

    It runs before any new suggestion, even in a search that is already running.
    """
    from slr_tune.study.commands import command_line
    from slr_tune.study.editing import enqueue
    from slr_tune.study.manifest import last_run
    from slr_tune.study.storage import opened_storage, storage_errors, storage_url
    from slr_tune.study.view import load_study
    from trainables.registry import BUILT_IN_NAMES

    view = load_study(study, storage)
    name = view.spec.study
    if study is None:
        tell(f"Study {name!r}, the most recent one.")
    values = _changed(
        _start(view, like), overrides, short_names=view.spec.trainable in BUILT_IN_NAMES
    )
    with storage_errors(storage_url(storage)), opened_storage(storage) as database:
        number = enqueue(database, view, values)
    if as_json:
        echo_json({"study": name, "number": number, "values": values, "running": view.running})
        return
    echo(f"Trial {number} of study {name!r} waits: {json.dumps(values)}")
    if view.running:
        tell("The running search tries it next.")
    else:
        run = last_run(view.folder).command(name)
        tell(f"To run it: {run}" if view.folder.is_dir() else command_line("run", "SPACE"))


def _start(view: StudyView, like: str | None) -> dict[str, Any]:
    from slr_tune.errors import StudyError

    if like is None:
        return dict(view.spec.baseline or {})
    if like == "best":
        trial = view.best()
        if trial is None:
            raise StudyError(f"study {view.spec.study!r} has no finished trial yet")
    elif like.isdecimal():
        trial = view.trial(int(like))
    else:
        raise StudyError(f"--like {like}: must be best, or the number of a trial")
    return view.spec.space.decode(trial.params)


def _changed(
    values: dict[str, Any], overrides: tuple[str, ...], *, short_names: bool
) -> dict[str, Any]:
    from slr_tune.space.overrides import apply_overrides
    from slr_tune.space.problems import ProblemList
    from slr_tune.space.yaml_reader import parse_value
    from slr_tune.space.yaml_tree import SourcePlace

    problems = ProblemList()
    root, _ = parse_value(json.dumps(values), SourcePlace(0, 0, 0, "the values"))
    assert root is not None  # JSON is YAML
    root = apply_overrides(root, overrides, problems, short_names=short_names)
    problems.raise_any()
    changed: dict[str, Any] = root.plain()
    return changed
