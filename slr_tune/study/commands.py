"""Command lines for a person to paste: what reproduces a result, or goes on with it."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from typing import Any


def command_line(name: str, *words: object, options: Mapping[str, Any] | None = None) -> str:
    """A call of `slr-tune`, quoted for a shell.

    Args:
        name: Of the subcommand, such as `run`.
        words: Its arguments.
        options: Each with its value, a sequence of values, or True for a flag; what is None,
            False or empty is left out.
    """
    line = ["slr-tune", name, *map(str, words)]
    for option, value in (options or {}).items():
        if value is True:
            line.append(option)
        elif value is not None and value is not False:
            for one in value if isinstance(value, list | tuple) else [value]:
                line += [option, str(one)]
    return shlex.join(line)
