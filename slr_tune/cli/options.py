"""Options that several commands share."""

from __future__ import annotations

import json
import math
import re
import shlex
import shutil
import sys
from collections.abc import Callable, Sequence
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from slr_tune.cli.completion import SpaceFile, offer
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


class NarrowFormatter(click.HelpFormatter):
    """Help on a terminal of few columns: of them, the names of options take a third at most."""

    def write_dl(
        self, rows: Sequence[tuple[str, str]], col_max: int = 30, col_spacing: int = 2
    ) -> None:
        """Writes names and what they mean."""
        super().write_dl(rows, min(col_max, self.width // 3), col_spacing)


def help_text(command: click.Command, ctx: click.Context) -> str:
    """A command's help; at a terminal, no line is longer than it is wide."""
    columns = shutil.get_terminal_size().columns
    if not sys.stdout.isatty() or columns >= 80:
        formatter = ctx.make_formatter()
    else:
        formatter = NarrowFormatter(width=max(20, columns - 1))
    command.format_help(ctx, formatter)
    return fitted(formatter.getvalue().rstrip("\n"), sys.stdout)


class GuessingCommand(click.Command):
    """A command that says how a setting is given where somebody typed it as an option."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Reads the arguments; an unknown option that is a setting is answered with `--set`."""
        try:
            return super().parse_args(ctx, args)
        except click.NoSuchOption as error:
            raise click.UsageError(self._guess(error), ctx) from error

    def get_help(self, ctx: click.Context) -> str:
        """Help, no line of it longer than the terminal is wide."""
        return help_text(self, ctx)

    def _guess(self, error: click.NoSuchOption) -> str:
        name = error.option_name.lstrip("-").replace("-", "_")
        takes_settings = any(param.name == "overrides" for param in self.params)
        if not takes_settings or not name:
            return error.format_message()
        from slr_tune.space.short_names import set_advice

        return set_advice(name, flat=self.name != "run") or error.format_message()


def command_named(name: str, *lines: str) -> Callable[[Callable[..., Any]], click.Command]:
    """A command whose help ends with worked examples.

    Args:
        name: As it is typed.
        lines: The examples.
    """

    def named(function: Callable[..., Any]) -> click.Command:
        made = click.command(name=name, epilog=examples(*lines), cls=GuessingCommand)(function)
        return offer(made)

    return named


def looks_only(function: Callable[..., Any]) -> Callable[..., Any]:
    """A command that looks at a study: whatever stands in it, no module of a user's is imported."""

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
            self.fail(f"{value!r} is no time; such as 90s, 30m or 2h", param, ctx)
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
    """A line on stderr: what is being done, while stdout has what was asked for."""
    click.echo(fitted(text, sys.stderr), err=True)


def echo(text: str) -> None:
    """Text on stdout; at a terminal, no line is longer than it is wide."""
    click.echo(fitted(text, sys.stdout))


def echo_study(view: StudyView, *, named: bool) -> None:
    """Which study it is about; `named` is whether the user has named it."""
    said = "" if named else ", the most recent one"
    running = " is still running; this is its state so far" if view.running else ""
    tell(f"Study {view.spec.study!r}{said}{running}.")


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
