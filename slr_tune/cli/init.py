"""`slr-tune init`: a search-space file to begin with."""

from __future__ import annotations

import shlex
from pathlib import Path

import click

from slr_tune.cli.completion import ShippedName
from slr_tune.cli.options import command_named, tell
from slr_tune.errors import SlrTuneError


@command_named(
    "init",
    "slr-tune init distill",
    "slr-tune init phoenix/distill --out my-space.yaml",
    "slr-tune init --from train_teacher.py",
    "slr-tune init --from 'python train.py --config configs/base.yaml' --out base.yaml",
    "slr-tune init --from train.py --seconds 0     without running it",
)
@click.argument("space", metavar="NAME", required=False, type=ShippedName())
@click.option(
    "--from",
    "script",
    metavar="SCRIPT",
    help="Training script, or its command line; the space is written from its --help.",
)
@click.option(
    "--seconds",
    type=click.FloatRange(min=0),
    default=120.0,
    show_default=True,
    help="Time limit for a two-epoch trial run of SCRIPT that shows where it prints its metrics.",
)
@click.option("--out", type=click.Path(path_type=Path), help="File to write. [default: NAME.yaml]")
@click.option("--force", is_flag=True, help="Overwrite an existing file.")
def command(
    space: str | None, script: str | None, seconds: float, out: Path | None, force: bool
) -> int:
    """Copy the shipped search space NAME into this folder, or write one for your own script.

    Without arguments, lists the shipped spaces. `slr-tune run NAME` runs a shipped space unchanged.

    For a SCRIPT, ranges follow from the names of its options: a learning rate is searched on a log
    scale around its default, dropout from 0 to 0.6. The defaults become the baseline.
    """
    from slr_tune.cli.shipped_spaces import list_shipped, write_shipped

    if space is not None and script is not None:
        raise click.UsageError("give NAME or --from SCRIPT, not both")
    if script is not None:
        _from_script(script, seconds=seconds, out=out, force=force)
    elif space is None:
        list_shipped()
    else:
        write_shipped(space, out, force=force)
    return 0


def _from_script(script: str, *, seconds: float, out: Path | None, force: bool) -> None:
    from slr_tune.checks.first_space import first_space

    found = first_space(script, seconds=seconds, file=out, tell=tell)
    path = out or Path(f"{found.name}.yaml")
    if path.exists() and not force:
        raise SlrTuneError(
            f"{path} already exists", hint="Give another name with --out, or --force."
        )
    path.write_text(found.text, encoding="utf-8")
    for note in found.notes:
        tell(f"Note: {note}")
    tell(f"wrote {path}")
    tell(f"Next: slr-tune verify {shlex.quote(str(path))}")
