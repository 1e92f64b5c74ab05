"""Options that several commands share."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable
from functools import wraps
from typing import TYPE_CHECKING, Any

import click

from slr_tune.cli.completion import SpaceFile, offer

if TYPE_CHECKING:
    from slr_tune.study.view import StudyView

storage_option = click.option(
    "--storage",
    metavar="URL",
    help="Database of the studies, any SQLAlchemy URL. "
    "[default: $SLR_TUNE_STORAGE, or sqlite in the studies folder]",
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON, for a script.")
space_argument = click.argument("space", type=SpaceFile())
"""SPACE: a search-space file, or the name of a shipped space."""


Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]


def command_named(name: str, *lines: str) -> Callable[[Callable[..., Any]], click.Command]:
    """A command whose help ends with worked examples.

    Args:
        name: As it is typed.
        lines: The examples.
    """

    def named(function: Callable[..., Any]) -> click.Command:
        return offer(click.command(name=name, epilog=examples(*lines))(function))

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


def set_option(text: str) -> Decorator:
    """`--set`, with its help: which settings it changes."""
    return click.option("--set", "overrides", multiple=True, metavar="KEY=VALUE", help=text)


def tell(text: str) -> None:
    """A line on stderr: what is being done, while stdout has what was asked for."""
    click.echo(text, err=True)


def echo_study(view: StudyView, *, named: bool) -> None:
    """Which study it is about; `named` is whether the user has named it."""
    said = "" if named else ", the one written last"
    running = "; it is running, this is its state so far" if view.running else ""
    tell(f"Study {view.spec.study!r}{said}{running}.")


def examples(*lines: str) -> str:
    """An epilog of worked examples that click does not wrap."""
    return "\n".join(("\b", "Examples:", *(f"  {line}" for line in lines)))


def echo_json(content: Any) -> None:
    """JSON on stdout; NaN has no place in JSON and is written as null."""
    click.echo(json.dumps(_finite(content), indent=2, ensure_ascii=False, default=str))


def _finite(content: Any) -> Any:
    if isinstance(content, dict):
        return {key: _finite(value) for key, value in content.items()}
    if isinstance(content, list | tuple):
        return [_finite(value) for value in content]
    return None if isinstance(content, float) and not math.isfinite(content) else content
