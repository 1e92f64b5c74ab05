"""`slr-tune overfit`: can the model learn five utterances by heart?"""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from slr_tune.cli.options import (
    command_named,
    echo,
    echo_json,
    json_option,
    set_option,
    space_argument,
    tell,
)
from slr_tune.text import counted

if TYPE_CHECKING:
    from slr_tune.checks.overfit import Overfit

_EPOCHS_BETWEEN_LINES = 50
_EXIT_NOT_LEARNT = 1


@command_named(
    "overfit",
    "slr-tune overfit search_spaces/student.yaml",
    "slr-tune overfit search_spaces/teacher.yaml --set baseline.hidden=96",
    "slr-tune overfit search_spaces/student.yaml --utterances 20 --learning-rate 5e-3",
)
@space_argument
@click.option("--utterances", type=click.IntRange(min=1), default=5, show_default=True)
@click.option(
    "--epochs", type=click.IntRange(min=1), default=2000, show_default=True, help="At most."
)
@click.option(
    "--learning-rate", type=click.FloatRange(min=0, min_open=True), default=1e-3, show_default=True
)
@set_option("Override a value of SPACE, such as --set fixed.subsampling=1.")
@json_option
def command(space: Path, overrides: tuple[str, ...], as_json: bool, **options: Any) -> int:
    """Train the model of SPACE on a few utterances until it gets every gloss right.

    Weight decay, augmentation and smoothing are off, and a distillation has no teacher. A model
    that cannot overfit five utterances has a bug that no search will fix. Exit code 0 if it can,
    else 1.
    """
    from slr_tune.space import load_spec

    spec = load_spec(space, overrides=overrides)
    from slr_tune.checks.overfit import overfit

    found = overfit(spec, report=_tell_epoch, **options)
    if as_json:
        echo_json({"learnt": found.learnt, **asdict(found)})
    else:
        echo(_text(found))
    return 0 if found.learnt else _EXIT_NOT_LEARNT


def _tell_epoch(row: dict[str, float]) -> None:
    if row["epoch"] % _EPOCHS_BETWEEN_LINES == 0:
        line = f"epoch {row['epoch']:.0f}: WER {row['val/wer']:.1f} %, loss {row['train/loss']:.3f}"
        tell(line)


def _text(found: Overfit) -> str:
    if found.learnt:
        return (
            f"Learnt: {counted(found.utterances, 'utterance')}, 0 % WER at epoch {found.epochs}, "
            f"loss {found.loss:.3f}, {found.seconds:.1f} s."
        )
    lines = [
        f"Not learnt: {counted(found.utterances, 'utterance')}, {found.wer:.1f} % WER after "
        f"{found.epochs} epochs, loss {found.loss:.3f}, {found.seconds:.1f} s.",
        *(f"  - {obstacle}" for obstacle in found.obstacles),
    ]
    for name, signed, given in found.wrong:
        lines += [f"{name}", f"  signed     {' '.join(signed)}", f"  recognised {' '.join(given)}"]
    return "\n".join(lines)
