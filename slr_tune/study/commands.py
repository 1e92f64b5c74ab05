"""Command lines for a person to paste: they reproduce a result or continue from it."""

from __future__ import annotations

import os
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sqlalchemy.engine import make_url

from slr_tune.study.folders import STUDIES_VARIABLE


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


def from_any_folder(line: str, storage: str | None = None) -> str:
    """A command as it is typed here, so that it means the same wherever it is pasted.

    Args:
        line: The command.
        storage: URL of the database that was named; None for the one of the studies' folder. One
            with a password is left out: it is the reader's to name.
    """
    found = f"cd {shlex.quote(str(Path.cwd()))} && "
    if studies := os.environ.get(STUDIES_VARIABLE):
        found += f"{STUDIES_VARIABLE}={shlex.quote(studies)} "
    found += line
    if storage is not None and make_url(storage).password is None:
        found += f" --storage {shlex.quote(storage)}"
    return found
