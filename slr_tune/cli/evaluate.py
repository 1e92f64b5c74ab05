"""`slr-tune evaluate`: greedy and beam search side by side on one checkpoint."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from slr_tune.cli.checkpoint_options import (
    ChosenCheckpoint,
    DecoderOptions,
    beam_options,
    checkpoint_options,
    log_opening,
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
    from slr_tune.evaluation.decode import Decoded
    from slr_tune.evaluation.mistakes import Mistakes
    from slr_tune.statistics import Difference
    from trainables.data import Dataset, Split
    from trainables.decoding.beam import BeamDecoder
    from trainables.files.stored_model import StoredModel


@command_named(
    "evaluate",
    "slr-tune evaluate libras-student",
    "slr-tune evaluate checkpoint_best.pt --beam-width 20 --lm train --lm-weight 0.6",
    "slr-tune evaluate checkpoint_best.pt --split test --lm phoenix.arpa",
    "slr-tune evaluate --study libras-student --trial 3 --confidence -8",
)
@checkpoint_options
@click.option("--split", type=click.Choice(["dev", "test"]), default="dev", show_default=True)
@options_as("decoder", DecoderOptions, *beam_options)
@click.option(
    "--confidence",
    type=click.FloatRange(max=0),
    help="Also decode with a threshold on log-probabilities, such as -8 or -12.",
)
@click.option(
    "--worst",
    "most",
    type=click.IntRange(min=0),
    default=5,
    show_default=True,
    help="Number of worst utterances to print with their alignment.",
)
@storage_option
@json_option
def command(
    chosen: ChosenCheckpoint,
    split: str,
    decoder: DecoderOptions,
    confidence: float | None,
    most: int,
    as_json: bool,
) -> int:
    """Decode a split with CHECKPOINT: a file, the folder of a run, or a study (its best trial).

    Prints the WER of greedy decoding and of a prefix beam search with a language model. The 95 %
    intervals cover new utterances, or new signers where signers are known. For a custom training
    run, its own hypotheses are scored.
    """
    from slr_tune.cli.evaluate_predictions import evaluate_predictions
    from slr_tune.evaluation.decode import scored_split
    from slr_tune.evaluation.mistakes import find_mistakes
    from slr_tune.statistics.wer_interval import drawn_units

    if (
        result := evaluate_predictions(chosen.named(), split, most=most, as_json=as_json)
    ) is not None:
        return result
    named, stored, dataset = chosen.opened()
    beam, name = _beam(stored, dataset, decoder)
    # All that can be refused has been: what is logged is a look.
    log_opening(named, split, "evaluate")
    scored = scored_split(stored, dataset, split)
    systems = [scored.greedy()]
    if confidence is not None:
        systems.append(scored.confident(confidence))
    systems.append(scored.beam(beam, name))
    utterances = scored.split
    rows = _rows(systems, utterances)
    mistakes = find_mistakes(systems[-1].hypotheses, utterances.references, most=max(most, 5))
    model_seconds = scored.scores.seconds / len(utterances)
    if as_json:
        facts: dict[str, Any] = {"checkpoint": str(named.path), "data": dataset.name}
        facts |= {"split": split, "epoch": stored.epoch, "parameters": stored.parameters}
        facts |= {"utterances": len(utterances), "model_seconds_per_utterance": model_seconds}
        echo_json({**facts, "systems": rows, **_listed(mistakes, utterances, most=most)})
        return 0
    echo(
        f"{named.path}\n{stored.parameters:,} parameters, epoch {stored.epoch}; {dataset.name} "
        f"{split}, {len(utterances)} utterances; "
        f"model {1000 * model_seconds:.1f} ms per utterance\n"
    )
    _print_systems(rows)
    echo(f"\nIntervals cover new {drawn_units(utterances.signers)}, not new training seeds.")
    _print_mistakes(systems[-1].name, mistakes, utterances, most=most)
    return 0


def _beam(
    stored: StoredModel, dataset: Dataset, decoder: DecoderOptions
) -> tuple[BeamDecoder, str]:
    """The beam search that the options ask for, and its name."""
    from trainables.decoding.beam import BeamDecoder
    from trainables.decoding.log_probs import check_fits

    check_fits(stored, dataset)
    model = decoder.language_model(dataset)
    settings = decoder.settings(stored.config.decoding, has_language_model=model is not None)
    name = f"beam {settings.width}"
    if model is not None:
        name += f", LM {settings.lm_weight:g}"
    if settings.gloss_bonus:
        name += f", bonus {settings.gloss_bonus:g}"
    return BeamDecoder(stored.vocabulary, settings, language_model=model), name


def _rows(systems: list[Decoded], split: Split) -> list[dict[str, Any]]:
    """One row per decoder, as JSON."""
    from dataclasses import asdict

    from slr_tune.statistics.wer_interval import paired_difference, wer_with_interval

    rows = []
    for system in systems:
        row = {"decoder": system.name, **asdict(wer_with_interval(system.counts, split.signers))}
        row["utterances_per_second"] = system.utterances_per_second
        if system is not systems[0]:
            difference = paired_difference(system.counts, systems[0].counts, split.signers)
            row["minus_greedy"] = None if difference is None else _difference_row(difference)
        rows.append(row)
    return rows


def _difference_row(difference: Difference) -> dict[str, Any]:
    names = ("points", "low", "high", "p_value")
    return {
        **{name: getattr(difference, name) for name in names},
        "mapsswe_p": difference.mapsswe[0].p_value,
        "probability_of_improvement": difference.probability_of_improvement,
    }


def _listed(mistakes: Mistakes, split: Split, *, most: int) -> dict[str, Any]:
    """Mistakes of the beam search, as JSON."""
    from trainables.scoring.alignment import count_errors

    worst = [
        {
            "id": split.ids[number],
            "errors": count_errors(edits).errors,
            "reference": [edit.reference for edit in edits if edit.reference is not None],
            "hypothesis": [edit.hypothesis for edit in edits if edit.hypothesis is not None],
        }
        for number, edits in mistakes.worst[:most]
    ]
    kinds = ("confusions", "deleted", "inserted")
    return {**{kind: getattr(mistakes, kind) for kind in kinds}, "worst": worst}


def _print_systems(rows: list[dict[str, Any]]) -> None:
    from slr_tune.report.page import Table, numbers, texts
    from slr_tune.statistics import p_text

    cells = []
    for row in rows:
        compared = ["", ""]
        if less := row.get("minus_greedy"):
            ends = f"[{less['low']:+.2f}, {less['high']:+.2f}]"
            compared = [f"{less['points']:+.2f} {ends}", p_text(less["p_value"]).removeprefix("= ")]
        wer = f"{row['percent']:.2f} [{row['low']:.2f}, {row['high']:.2f}]"
        counts = (str(row[kind]) for kind in ("substitutions", "deletions", "insertions"))
        speed = f"{row['utterances_per_second']:.0f}"
        cells.append((row["decoder"], wer, *counts, *compared, speed))
    heads = ("WER % [95 %]", "S", "D", "I", "minus greedy [95 %]", "p", "utterances/s")
    columns = texts("decoder", essential=True) + numbers(heads[0], essential=True)
    print_table(Table(columns + numbers(*heads[1:]), cells))


def _print_mistakes(name: str, mistakes: Mistakes, split: Split, *, most: int) -> None:
    from slr_tune.cli.alignment import alignment_text

    echo(f"\nMost frequent errors of {name}:")
    for heading, items in (
        ("substitutions", [f"{a} for {b} ({times})" for b, a, times in mistakes.confusions[:5]]),
        ("deletions", [f"{gloss} ({times})" for gloss, times in mistakes.deleted[:5]]),
        ("insertions", [f"{gloss} ({times})" for gloss, times in mistakes.inserted[:5]]),
    ):
        echo(f"  {heading:<9} {', '.join(items) or 'none'}")
    for number, edits in mistakes.worst[:most]:
        click.echo("\n" + alignment_text(split.ids[number], edits))
