"""Options that several commands share."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from slr_tune.cli.completion import SpaceFile, offer
from slr_tune.cli.study_choice import one_study

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


class GuessingCommand(click.Command):
    """A command that says how a setting is given where somebody typed it as an option."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Reads the arguments; an unknown option that is a setting is answered with `--set`."""
        try:
            return super().parse_args(ctx, args)
        except click.NoSuchOption as error:
            raise click.UsageError(self._guess(error), ctx) from error

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
            return function(study=one_study(study, study_option, required=required), **given)

        return with_study

    return add


def set_option(text: str) -> Decorator:
    """`--set`, with its help: which settings it changes."""
    return click.option("--set", "overrides", multiple=True, metavar="KEY=VALUE", help=text)


def tell(text: str) -> None:
    """A line on stderr: what is being done, while stdout has what was asked for."""
    click.echo(text, err=True)


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
