"""Options that several commands share."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import click

storage_option = click.option(
    "--storage",
    metavar="URL",
    help="Database of the studies, any SQLAlchemy URL. "
    "[default: $SLR_TUNE_STORAGE, or sqlite in the studies folder]",
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON, for a script.")


def set_option(text: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """`--set KEY=VALUE`, as `overrides`, with a help text."""
    return click.option("--set", "overrides", multiple=True, metavar="KEY=VALUE", help=text)


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
    if isinstance(content, float) and content in (float("inf"), float("-inf")):
        return None
    return None if isinstance(content, float) and content != content else content
