"""`slr-tune evaluate` of a custom run: what it recognised itself is scored."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from slr_tune.cli.options import (
    echo,
    echo_json,
)
from slr_tune.errors import SlrTuneError

if TYPE_CHECKING:
    from slr_tune.evaluation.checkpoints import Named


def evaluate_predictions(named: Named, split: str, *, most: int, as_json: bool) -> int | None:
    """Prints the WER of a trial that reported its predictions.

    Args:
        named: The trial.
        split: Only "dev" is available.
        most: Utterances to show with their alignment.
        as_json: Whether a script reads it.

    Returns:
        Exit code; None where the trial reported nothing.

    Raises:
        SlrTuneError: The split has no predictions.
    """
    from slr_tune.cli.alignment import alignment_text
    from slr_tune.evaluation.mistakes import find_mistakes
    from slr_tune.statistics.wer_interval import drawn_units, wer_with_interval
    from trainables.script.stored_predictions import prediction_counts, read_predictions, signers_of

    recognised = read_predictions(named.run_folder)
    if recognised is None:
        return None
    if split != "dev":
        raise SlrTuneError(f"{named.name} stored its predictions for dev, not for {split}")
    signers = signers_of(recognised)
    wer = wer_with_interval(prediction_counts(recognised), signers)
    if as_json:
        echo_json({"run": named.name, "split": split, "utterances": len(recognised), **asdict(wer)})
        return 0
    echo(f"{named.name}: its own predictions for {len(recognised)} utterances of {split}")
    echo(
        f"WER % [95 %]: {wer.text()}; {wer.substitutions} substitutions, {wer.deletions} "
        f"deletions, {wer.insertions} insertions of {wer.words} words"
    )
    echo(f"The interval covers other {drawn_units(signers)}.")
    spoken = [one.reference for one in recognised]
    mistakes = find_mistakes([one.hypothesis for one in recognised], spoken, most=max(most, 1))
    for number, edits in mistakes.worst[:most]:
        click.echo("\n" + alignment_text(recognised[number].id, edits))
    return 0
