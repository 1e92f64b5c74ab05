"""`slr-tune init`: a search-space file to begin with."""

from __future__ import annotations

from pathlib import Path

import click

from slr_tune.cli.completion import ShippedName
from slr_tune.cli.options import command_named


@command_named(
    "init",
    "slr-tune init distill",
    "slr-tune init phoenix/distill --out my-space.yaml",
)
@click.argument("space", metavar="NAME", required=False, type=ShippedName())
@click.option("--out", type=click.Path(path_type=Path), help="The file. [default: NAME.yaml]")
@click.option("--force", is_flag=True, help="Replace a file that is there.")
def command(space: str | None, out: Path | None, force: bool) -> int:
    """Writes the shipped search space NAME into this folder, to be changed and run.

    Without NAME it lists what is shipped. `slr-tune run NAME` takes a shipped space as it is.
    """
    from slr_tune.cli.shipped_spaces import list_shipped, write_shipped

    if space is None:
        list_shipped()
    else:
        write_shipped(space, out, force=force)
    return 0
