"""`slr-tune score`: the word error rate of a file of hypotheses."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from slr_tune.cli.options import command_named, echo_json, json_option, tell
from slr_tune.cli.printing import print_table

if TYPE_CHECKING:
    from trainables.scoring.formats import Format
    from trainables.scoring.score import Score

_NAMES: dict[Format, str] = {
    "text": "plain text, line against line",
    "kaldi": "Kaldi's text, the first word of a line its id",
    "trn": "trn, the id in brackets",
    "csv": "a table of ids and glosses",
    "json": "JSON",
    "ctm": "CTM",
    "stm": "STM",
}
"""Options that give the formats where the suffix says another."""


@command_named(
    "score",
    "slr-tune score dev.hyp.txt dev.ref.txt",
    "slr-tune score dev.hyp.csv dev.ref.csv --alignment",
    "slr-tune score dev.ctm phoenix2014-groundtruth-dev.stm --phoenix",
    "slr-tune score hyp.trn ref.json",
    "slr-tune score hyp ref --format kaldi",
)
@click.argument("hyp", type=click.Path(path_type=Path))
@click.argument("ref", type=click.Path(path_type=Path))
@click.option(
    "--phoenix",
    is_flag=True,
    help="Clean the text as the official RWTH-PHOENIX-2014 evaluation does.",
)
@click.option(
    "--format",
    "form",
    metavar="FORMAT",
    help="Format of the files, if it is ambiguous: text, kaldi, trn, csv, json, ctm or stm; "
    "of two formats as HYP,REF, such as ctm,stm.",
)
@click.option("--alignment", is_flag=True, help="Print every sentence aligned with its reference.")
@json_option
def command(
    hyp: Path, ref: Path, phoenix: bool, form: str | None, alignment: bool, as_json: bool
) -> int:
    """Score the glosses in HYP against those in REF.

    The format is detected from the content: plain text (one sentence per line), trn (sentence and
    id in brackets), Kaldi (id and sentence), CSV and TSV, JSON, CTM, STM. Utterances are paired by
    id, in any order; an empty hypothesis counts as deletions.

    With --phoenix, and against STM or trn, errors are counted as sclite does; otherwise they are
    the fewest edits that turn REF into HYP. The two rarely differ; if they do, both are printed.
    """
    from trainables.scoring.pairing import read_pairs
    from trainables.scoring.score import score

    pairs = read_pairs(hyp, ref, phoenix=phoenix, formats=_formats(form))
    like_sclite = pairs.counted_like_sclite(phoenix=phoenix)
    result = score(pairs.utterances, like_sclite=like_sclite)
    read_as = [pairs.hypothesis_format, pairs.reference_format]
    if pairs.surprising and form is None:
        tell(f"Read as {' and '.join(_NAMES[name] for name in dict.fromkeys(read_as))}.")
    if as_json:
        counted_by = "sclite" if like_sclite else "least errors"
        echo_json(
            {"hyp": str(hyp), "ref": str(ref), "formats": read_as}
            | {"phoenix": phoenix, "counted_by": counted_by}
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


def _formats(form: str | None) -> tuple[Format | None, Format | None]:
    """The formats that `--format` names, one for both files or one for each."""
    from trainables.scoring.formats import FORMATS

    if form is None:
        return None, None
    names = [name.strip().lower() for name in form.split(",")]
    found = [known for name in names for known in FORMATS if known == name]
    if len(found) != len(names) or len(names) > 2:
        raise click.UsageError(
            f"--format {form!r} must be one of {', '.join(FORMATS)}, or two of them as HYP,REF"
        )
    return found[0], found[-1]


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
