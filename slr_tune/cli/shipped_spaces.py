"""The shipped spaces as `slr-tune init` shows and writes them."""

from __future__ import annotations

import shlex
from pathlib import Path

import click

from slr_tune.cli.options import tell


def write_shipped(name: str, out: Path | None, *, force: bool) -> None:
    """Writes a shipped space into a file, and says where.

    Args:
        name: Of the space.
        out: The file; None for the space's own name, in the working directory.
        force: Whether to replace a file that is there.

    Raises:
        SlrTuneError: No space is called that, the file is there, or it cannot be written.
    """
    from slr_tune.errors import SlrTuneError
    from slr_tune.space.shipped import space_text
    from trainables.files.atomic import replace_file

    path = out or Path(f"{Path(name).stem}.yaml")
    text = space_text(name, str(path))
    if path.exists() and not force:
        raise SlrTuneError(
            f"{path} already exists", hint="Name another file with --out, or replace it: --force."
        )
    try:
        replace_file(path, text.encode())
    except OSError as error:
        raise SlrTuneError(
            f"cannot write {path}: {error.strerror}", hint="Name another file with --out."
        ) from error
    click.echo(path)
    file = shlex.quote(str(path))
    tell(f"Next: slr-tune verify {file}, then slr-tune run {file}")


def list_shipped() -> None:
    """Prints the names of what is shipped, each with the first line of its file."""
    from slr_tune.cli.printing import print_table
    from slr_tune.report.page import Table, texts
    from slr_tune.space.shipped import shipped_file, shipped_names

    rows = []
    for name in shipped_names():
        path = shipped_file(name)
        first = "" if path is None else path.read_text(encoding="utf-8").partition("\n")[0]
        rows.append((name, first.removeprefix("#").strip()))
    print_table(Table(texts("space", "what it searches"), rows))
