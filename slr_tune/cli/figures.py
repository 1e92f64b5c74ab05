"""`slr-tune figures`: a study's figures for a thesis."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from slr_tune.cli.options import (
    command_named,
    echo_study,
    looks_only,
    storage_option,
    takes_study,
    tell,
)


@command_named(
    "figures",
    "slr-tune figures",
    "slr-tune figures libras-distill --width 8.5",
    "slr-tune figures libras-distill --width 7.6 --out thesis/figures",
)
@takes_study()
@click.option(
    "--width",
    "widths",
    type=click.FloatRange(min=5.0, max=40.0),
    multiple=True,
    metavar="CM",
    help="Width of the figures in cm; may be given several times. [default: 8.5 and 17.4]",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder to write to. [default: figures/ in the study's folder]",
)
@storage_option
@looks_only
def command(
    study: str | None, widths: Sequence[float], out: Path | None, storage: str | None
) -> None:
    """Write the figures of a study for a thesis, in the width of a column and of a page.

    Each is a PDF with embedded fonts and a PNG of 300 dots per inch: the search, the loss weights,
    patience, importance, marginal effects, and the differences of each ablation.
    """
    from slr_tune.api.studies import load

    stored = load(study, storage=storage)
    echo_study(stored.view, named=study is not None)
    for path in stored.figures(out, widths=tuple(widths) or None):
        tell(f"wrote {path}")
