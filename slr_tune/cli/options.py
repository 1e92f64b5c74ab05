"""Options that several commands share."""

from __future__ import annotations

import json
import math
import re
import shlex
import sys
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from slr_tune.cli.completion import SpaceFile, offer
from slr_tune.cli.guessing import GuessingCommand
from slr_tune.cli.study_choice import one_study
from slr_tune.wrapping import fitted

if TYPE_CHECKING:
    from slr_tune.study.view import StudyView

storage_option = click.option(
    "--storage",
    metavar="URL",
    help="Database of the studies, an SQLAlchemy URL. "
    "[default: $SLR_TUNE_STORAGE, or SQLite in the studies folder]",
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON instead of text.")
space_argument = click.argument("space", type=SpaceFile())
"""SPACE: a search-space file, or the name of a shipped space."""


address_option = click.option(
    "--address", metavar="RAY", help="Address of a running Ray cluster. [default: this machine]"
)
test_option = click.option(
    "--test",
    "with_test",
    is_flag=True,
    help="Also evaluate on the test split; this is logged in the study.",
)
runs_option = click.option(
    "--workers",
    type=click.IntRange(min=1),
    help="Runs that train at the same time. [default: from the study]",
)
ship_option = click.option(
    "--ship", is_flag=True, help="Send slr-tune and your own code to the nodes of the cluster."
)
runtime_env_option = click.option(
    "--runtime-env",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="YAML file with Ray's runtime_env for the nodes: pip, env_vars, ...",
)

Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]


def command_named(name: str, *lines: str) -> Callable[[Callable[..., Any]], click.Command]:
    """A command whose help ends with worked examples.

    Args:
        name: As it is typed.
        lines: The examples.
    """

    def named(function: Callable[..., Any]) -> click.Command:
        made = click.command(name=name, epilog=examples(*lines), cls=GuessingCommand)(function)
        made.example = lines[0].partition("  ")[0] if lines else ""
        return offer(made)

    return named


def looks_only(function: Callable[..., Any]) -> Callable[..., Any]:
    """A command that looks at a study: it imports no module of a user, whatever the study says."""

    @wraps(function)
    def looking(*arguments: Any, **options: Any) -> Any:
        from trainables.registry import custom_code_refused

        with custom_code_refused():
            return function(*arguments, **options)

    return looking


class Seconds(click.ParamType[float]):
    """A time: 90, 90s, 30m or 2h."""

    name = "time"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """Seconds."""
        found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([smh]?)", str(value).strip())
        if found is None:
            self.fail(f"{value!r} is not a duration such as 90s, 30m or 2h", param, ctx)
        return float(found[1]) * {"": 1, "s": 1, "m": 60, "h": 3600}[found[2]]


def takes_study(text: str = "", *, required: bool = False) -> Decorator:
    """STUDY as an argument, and as `--study`: the command gets one `study`.

    Args:
        text: Help of `--study`.
        required: Refuse a call that names none; else None means the most recent study.
    """
    default = "" if required else "[default: the most recent one]"

    def add(function: Callable[..., Any]) -> Callable[..., Any]:
        @click.argument("study", required=False, metavar="STUDY" if required else None)
        @click.option("--study", "study_option", metavar="STUDY", help=f"{text} {default}".strip())
        @wraps(function)
        def with_study(study: str | None, study_option: str | None, **given: Any) -> Any:
            if study is not None and "=" in study and "overrides" in given:
                way_out = f"Give a setting with --set {study}"
                raise click.UsageError(f"{study!r} is not a study. {way_out}")
            return function(study=one_study(study, study_option, required=required), **given)

        return with_study

    return add


def set_option(text: str) -> Decorator:
    """`--set`, with its help: which settings it changes."""
    return click.option("--set", "overrides", multiple=True, metavar="KEY=VALUE", help=text)


TYPED = "slr_tune.typed"
"""Key of a click context: the arguments of the whole command."""


def typed_command() -> str:
    """The command as it was typed, quoted for a shell: what resumes it."""
    words = click.get_current_context().meta.get(TYPED, [])
    return shlex.join(["slr-tune", *map(str, words)])


def tell_interrupted() -> None:
    """That a command was asked to end, and what resumes it."""
    tell(f"Interrupted; all finished work is stored.\nTo resume:\n  {typed_command()}")


def tell(text: str) -> None:
    """A line on stderr: what is being done, while stdout has what was requested."""
    click.echo(fitted(text, sys.stderr), err=True)


def echo(text: str) -> None:
    """Text on stdout; at a terminal, no line is longer than it is wide."""
    click.echo(fitted(text, sys.stdout))


def echo_study(view: StudyView, *, named: bool) -> None:
    """Which study it is about; `named` is whether the user has named it."""
    message = "" if named else ", the most recent one"
    running = " is still running; this is its state so far" if view.running else ""
    tell(f"Study {view.spec.study!r}{message}{running}.")


def examples(*lines: str) -> str:
    """An epilog of worked examples that click does not wrap."""
    return "\n".join(("\b", "Examples:", *(f"  {line}" for line in lines)))


JSON_SCHEMA = 1
"""Version of what `--json` prints: docs/json.md. A name that changes or goes makes it larger."""


def echo_json(content: Any, *, versioned: bool = True) -> None:
    """JSON on stdout; NaN has no place in JSON and is written as null.

    Args:
        content: An object, or a list.
        versioned: Whether an object says the version of its schema.
    """
    if versioned and isinstance(content, dict):
        content = {"schema_version": JSON_SCHEMA, **content}
    click.echo(json.dumps(_finite(content), indent=2, ensure_ascii=False, default=str))


def _finite(content: Any) -> Any:
    if isinstance(content, dict):
        return {key: _finite(value) for key, value in content.items()}
    if isinstance(content, list | tuple):
        return [_finite(value) for value in content]
    return None if isinstance(content, float) and not math.isfinite(content) else content
