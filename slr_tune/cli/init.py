"""`slr-tune init`: a first search-space file."""

from __future__ import annotations

from pathlib import Path

import click

from slr_tune.cli.options import command_named, tell
from slr_tune.errors import SlrTuneError


@command_named(
    "init",
    "slr-tune init --from train_teacher.py",
    "slr-tune init --from 'python train.py --config configs/base.yaml' --out base.yaml",
    "slr-tune init --from train.py --seconds 0     without running it",
)
@click.option(
    "--from",
    "script",
    metavar="SCRIPT",
    help="A training script, or its command line: the file is written from its --help.",
)
@click.option(
    "--seconds",
    type=click.FloatRange(min=0),
    default=120.0,
    show_default=True,
    help="How long SCRIPT may run, for two epochs, to show where it tells its figures.",
)
@click.option("--out", type=click.Path(path_type=Path), help="The file. [default: NAME.yaml]")
def command(script: str | None, seconds: float, out: Path | None) -> int:
    """Writes a first search-space file.

    Ranges come from the names of the options: a rate is searched on a log scale around its default,
    dropout from 0 to 0.6. The defaults are the baseline.
    """
    if script is None:
        raise click.UsageError("give --from SCRIPT")
    from slr_tune.checks.first_space import first_space

    if seconds:
        tell(f"Running {script} for two epochs, at most {seconds:g} s")
    found = first_space(script, seconds=seconds)
    path = out or Path(f"{found.name}.yaml")
    if path.exists():
        raise SlrTuneError(f"{path} is there already", hint="Give another name with --out.")
    path.write_text(found.text, encoding="utf-8")
    for note in found.notes:
        tell(f"Note: {note}")
    tell(f"wrote {path}")
    tell(f"Next: slr-tune verify {path}")
    return 0
