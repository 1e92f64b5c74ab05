"""`slr-tune score`: the word error rate of a file of hypotheses."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from slr_tune.cli.options import command_named, echo_json, json_option, tell
from slr_tune.cli.printing import print_table

if TYPE_CHECKING:
    from trainables.scoring.score import Score


@command_named(
    "score",
    "slr-tune score dev.hyp.txt dev.ref.txt",
    "slr-tune score dev.hyp.csv dev.ref.csv --alignment",
    "slr-tune score dev.ctm phoenix2014-groundtruth-dev.stm --phoenix",
)
@click.argument("hyp", type=click.Path(path_type=Path))
@click.argument("ref", type=click.Path(path_type=Path))
@click.option(
    "--phoenix", is_flag=True, help="Clean as the official evaluation of RWTH-PHOENIX-2014 does."
)
@click.option("--alignment", is_flag=True, help="Print every sentence under its reference.")
@json_option
def command(hyp: Path, ref: Path, phoenix: bool, alignment: bool, as_json: bool) -> int:
    """Scores the glosses in HYP against those in REF.

    The suffix tells the format: .csv (id,text), .ctm, .stm; any other is plain text, a sentence a
    line. An utterance in which nothing was recognised counts as deletions.

    Against STM and with --phoenix the errors are counted as sclite counts them, else as few as
    turn REF into HYP. The two seldom differ; where they do, both are said.
    """
    from trainables.scoring.pairing import counted_like_sclite, read_pairs
    from trainables.scoring.score import score

    pairs = read_pairs(hyp, ref, phoenix=phoenix)
    like_sclite = counted_like_sclite(ref, phoenix=phoenix)
    result = score(pairs, like_sclite=like_sclite)
    if as_json:
        counted_by = "sclite" if like_sclite else "least errors"
        echo_json(
            {"hyp": str(hyp), "ref": str(ref), "phoenix": phoenix, "counted_by": counted_by}
            | _facts(result)
            | (_alignments(result) if alignment else {})
        )
        return 0
    if alignment:
        from slr_tune.cli.alignment import alignment_text

        for utterance, edits in zip(result.utterances, result.alignments, strict=True):
            click.echo(alignment_text(utterance.id, edits) + "\n")
    _print(result)
    return 0


def _facts(result: Score) -> dict[str, Any]:
    counts = ("wer_percent", "errors", "substitutions", "deletions", "insertions", "words")
    return {
        **{name: getattr(result.total, name) for name in counts},
        "sentences": len(result.utterances),
        "sentences_with_errors": result.sentences_with_errors,
        "empty_hypotheses": result.empty_hypotheses,
        "least_errors": result.least.errors,
    }


def _alignments(result: Score) -> dict[str, Any]:
    from dataclasses import asdict

    pairs = zip(result.utterances, result.alignments, strict=True)
    return {
        "alignments": [
            {"id": utterance.id, "edits": [asdict(edit) for edit in edits]}
            for utterance, edits in pairs
        ]
    }


def _print(result: Score) -> None:
    from slr_tune.report.page import Table, numbers

    total, least = result.total, result.least
    kinds = ("substitutions", "deletions", "insertions")
    counts = [getattr(total, kind) for kind in kinds]
    row = (
        f"{total.wer_percent:.2f} %",
        *(f"{count} ({100.0 * count / total.words:.2f} %)" for count in counts),
        str(total.words),
        f"{len(result.utterances)} ({result.sentences_with_errors} with errors)",
    )
    print_table(Table(numbers("WER", *kinds, "words", "sentences"), [row]))
    if result.empty_hypotheses:
        tell(f"Empty hypotheses: {result.empty_hypotheses}.")
    if total.errors != least.errors:
        tell(
            f"{total.errors} errors as sclite counts; it takes {least.errors} at least to turn "
            f"the references into the hypotheses ({least.wer_percent:.2f} %)."
        )
