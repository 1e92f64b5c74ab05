"""`slr-tune tune-decoder`: search the language model's weight, the gloss bonus and the beam."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from slr_tune.cli.checkpoint_options import (
    ChosenCheckpoint,
    DecoderOptions,
    checkpoint_options,
    lm_options,
    options_as,
)
from slr_tune.cli.options import (
    command_named,
    echo,
    echo_json,
    json_option,
    storage_option,
)
from slr_tune.cli.printing import print_table

if TYPE_CHECKING:
    from slr_tune.evaluation.checkpoints import Named
    from slr_tune.evaluation.tuning import Tried, Tuning
    from trainables.decoding.settings import BeamSettings


@command_named(
    "tune-decoder",
    "slr-tune tune-decoder libras-student",
    "slr-tune tune-decoder checkpoint_best.pt --lm phoenix.arpa --json",
)
@checkpoint_options
@options_as("decoder", DecoderOptions, *lm_options)
@storage_option
@json_option
def command(chosen: ChosenCheckpoint, decoder: DecoderOptions, as_json: bool) -> int:
    """Tune the beam search for CHECKPOINT on dev. Nothing is trained."""
    from slr_tune.evaluation.decode import scored_split
    from slr_tune.evaluation.tuning import tune

    named, stored, dataset = chosen.opened()
    model = decoder.language_model(dataset)
    scored = scored_split(stored, dataset, "dev")
    started = time.perf_counter()
    found = tune(scored, language_model=model)
    seconds = time.perf_counter() - started
    plain = scored.greedy()
    if as_json:
        echo_json(
            {
                "checkpoint": str(named.path),
                "split": "dev",
                "greedy_wer": plain.wer,
                "best": _row(found.best),
                "held_out_wer": found.held_out_wer,
                "seconds": seconds,
                "tried": [_row(tried) for tried in found.tried],
            }
        )
        return 0
    echo(f"{named.path}\n{dataset.name} dev, {len(dataset.dev)} utterances\n")
    _print(found, plain.wer, seconds)
    echo("\n" + _evaluate_command(named, found.best.settings, chosen, decoder))
    return 0


def _subject_options(named: Named, *, data: str | None, storage: str | None) -> list[str]:
    """What names the same checkpoint and data again."""
    from slr_tune.study.storage import shown_url

    if named.study is None:
        words = [str(named.path)]
    else:
        words = ["--study", named.study, "--trial", str(named.trial)]
        words += [] if storage is None else ["--storage", shown_url(storage)]
    return words + ([] if data is None else ["--data", data])


def _evaluate_command(
    named: Named, best: BeamSettings, chosen: ChosenCheckpoint, decoder: DecoderOptions
) -> str:
    """What evaluates the best."""
    from slr_tune.study.commands import command_line

    options = {
        "--lm": decoder.model,
        "--lm-order": decoder.lm_order if decoder.model == "train" else None,
        "--beam-width": best.width,
        "--lm-weight": None if decoder.model == "none" else f"{best.lm_weight:g}",
        "--gloss-bonus": f"{best.gloss_bonus:g}",
    }
    same = _subject_options(named, data=chosen.data, storage=chosen.storage)
    return command_line("evaluate", *same, options=options)


def _row(tried: Tried) -> dict[str, Any]:
    from dataclasses import asdict

    row = asdict(tried.settings)
    return {**row, "wer": tried.decoded.wer, "seconds": tried.decoded.seconds}


def _print(found: Tuning, greedy_wer: float, seconds: float) -> None:
    from slr_tune.report.page import Table, numbers

    rows = []
    for tried in found.tried[:10]:
        settings, speed = tried.settings, tried.decoded.utterances_per_second
        rows.append(
            (
                str(settings.width),
                f"{settings.lm_weight:g}",
                f"{settings.gloss_bonus:g}",
                f"{tried.decoded.wer:.2f}",
                "" if speed is None else f"{speed:.0f}",
            )
        )
    table = Table(numbers("beam", "LM weight", "gloss bonus", "dev WER", "utterances/s"), rows)
    print_table(table)
    echo(
        f"\n{len(found.tried)} settings in {seconds:.1f} s. Greedy: {greedy_wer:.2f}.\n"
        f"Dev chose these settings, so {found.best.decoded.wer:.2f} is optimistic. Chosen on one "
        f"half of dev and measured on the other: {found.held_out_wer:.2f}."
    )
