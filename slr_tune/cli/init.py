"""`slr-tune init`: a search space to begin with."""

from __future__ import annotations

from pathlib import Path

import click

from slr_tune.cli.completion import ShippedName
from slr_tune.cli.options import command_named, tell


@command_named(
    "init",
    "slr-tune init distill",
    "slr-tune init phoenix/distill --out my-space.yaml",
)
@click.argument("space", metavar="NAME", required=False, type=ShippedName())
@click.option(
    "--out",
    type=click.Path(path_type=Path, dir_okay=False),
    help="File to write. [default: NAME.yaml, without its folder, in this one]",
)
@click.option("--force", is_flag=True, help="Replace a file that is there.")
def command(space: str | None, out: Path | None, force: bool) -> None:
    """Writes the shipped search space NAME into this folder, to be changed and run.

    Without NAME it lists what is shipped. `slr-tune run NAME` takes a shipped space as it is.
    """
    if space is None:
        _list()
        return
    from slr_tune.space.shipped import space_text

    path = out or Path(f"{Path(space).stem}.yaml")
    write_space(path, space_text(space, str(path)), force=force)
    click.echo(path)
    tell(f"Next: slr-tune verify {path}, then slr-tune run {path}")


def write_space(path: Path, text: str, *, force: bool) -> None:
    """Writes a space file.

    Raises:
        SlrTuneError: The file is there and may not be replaced, or cannot be written.
    """
    from slr_tune.errors import SlrTuneError
    from trainables.files.atomic import replace_file

    if path.exists() and not force:
        raise SlrTuneError(
            f"{path} is there already", hint="Name another file with --out, or replace it: --force."
        )
    try:
        replace_file(path, text.encode())
    except OSError as error:
        raise SlrTuneError(
            f"cannot write {path}: {error.strerror}", hint="Name another file with --out."
        ) from error


def _list() -> None:
    """Names of what is shipped, each with the first line of its file."""
    from slr_tune.cli.printing import print_table
    from slr_tune.report.page import Table, texts
    from slr_tune.space.shipped import shipped_file, shipped_names

    rows = []
    for name in shipped_names():
        path = shipped_file(name)
        first = "" if path is None else path.read_text(encoding="utf-8").partition("\n")[0]
        rows.append((name, first.removeprefix("#").strip()))
    print_table(Table(texts("space", "what it searches"), rows))
