"""`slr-tune compare`: several trained systems in one table."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from slr_tune.cli.checkpoint_options import (
    DecoderOptions,
    beam_options,
    data_option,
    log_opening,
    options_as,
)
from slr_tune.cli.options import command_named, echo_json, json_option, storage_option, tell
from slr_tune.cli.printing import print_page
from slr_tune.errors import SlrTuneError

if TYPE_CHECKING:
    from slr_tune.comparison.measure import SystemComparison
    from slr_tune.comparison.systems import System
    from trainables.data import Dataset
    from trainables.decoding.arpa import NgramModel
    from trainables.decoding.settings import BeamSettings


@command_named(
    "compare",
    "slr-tune compare libras-teacher libras-student libras-distill",
    "slr-tune compare baseline=student/checkpoints/checkpoint_best.pt distilled=libras-distill",
    "slr-tune compare libras-student libras-distill --tune-beam --test --latex > table.tex",
    "slr-tune compare libras-student libras-distill --html comparison.html",
)
@click.argument("systems", nargs=-1, required=True, metavar="[NAME=]CHECKPOINT_OR_STUDY...")
@click.option(
    "--test", "with_test", is_flag=True, help="Also evaluate on the test split; this is logged."
)
@data_option
@options_as("decoder", DecoderOptions, *beam_options)
@click.option(
    "--tune-beam",
    is_flag=True,
    help="Tune the beam search of each system on dev first, like tune-decoder.",
)
@click.option("--latex", is_flag=True, help="Print LaTeX.")
@click.option(
    "--html",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Also write an HTML page with a chart to this file.",
)
@click.option("--csv", "as_csv", is_flag=True, help="Print CSV, one row per system.")
@json_option
@storage_option
def command(
    systems: Sequence[str],
    with_test: bool,
    data: str | None,
    decoder: DecoderOptions,
    tune_beam: bool,
    latex: bool,
    as_csv: bool,
    as_json: bool,
    storage: str | None,
    html: Path | None,
) -> int:
    """Compare trained systems with the first one: parameters, size, speed, cost and WER.

    A system is a checkpoint, the folder of a run, or a study (its best trial). Each is evaluated on
    the dev split of its own data (with --test also on test), greedily and by beam search. Prints a
    table; into a file or a pipe, in Markdown.
    """
    if latex + as_csv + as_json > 1:
        raise SlrTuneError("--latex, --csv and --json exclude each other")
    if tune_beam:
        _check_nothing_set(decoder)
    found = _measured(systems, data, storage, decoder, tune_beam=tune_beam, with_test=with_test)
    if as_json:
        _echo_json(found)
    elif as_csv:
        from slr_tune.report.comparison import csv_text

        click.echo(csv_text(found), nl=False)
    else:
        _echo_tables(found, latex=latex)
    if html is not None:
        _write_page(found, html)
    return 0


def _write_page(found: SystemComparison, path: Path) -> None:
    from slr_tune.report.comparison_page import comparison_report
    from slr_tune.report.page.html import render_html
    from trainables.files.atomic import replace_file

    replace_file(path, render_html(comparison_report(found)).encode("utf-8", "backslashreplace"))
    tell(f"wrote {path}")


def _check_nothing_set(decoder: DecoderOptions) -> None:
    """Refuses settings that the tuning would override."""
    given = [
        f"--{name.replace('_', '-')}"
        for name in ("beam_width", "lm_weight", "gloss_bonus")
        if getattr(decoder, name) is not None
    ]
    if given:
        raise SlrTuneError(
            f"--tune-beam chooses {' and '.join(given)} itself: give one or the other"
        )


def _measured(
    given: Sequence[str],
    data_text: str | None,
    storage: str | None,
    decoder: DecoderOptions,
    *,
    tune_beam: bool,
    with_test: bool,
) -> SystemComparison:
    from slr_tune.comparison.measure import measure
    from slr_tune.comparison.systems import common_data, find_systems, trained_elsewhere
    from trainables.runs.optimisation import choose_device

    systems = find_systems(given, storage=storage)
    data = common_data(systems, data_text)
    if others := trained_elsewhere(systems, data):
        tell(
            f"Warning: {', '.join(others)}: trained on other data. Utterances of this dev or "
            f"test split may have been in its training data, which would make its WER meaningless."
        )
    model = decoder.language_model(data)
    beams = [
        _tuned(system, data, model)
        if tune_beam
        else decoder.settings(system.stored.config.decoding, has_language_model=model is not None)
        for system in systems
    ]
    if with_test:
        _log_openings(systems)
    return measure(
        systems,
        beams,
        data,
        splits=("dev", "test") if with_test else ("dev",),
        language_model=model,
        device=choose_device("auto"),
        tuned=tune_beam,
    )


def _tuned(system: System, data: Dataset, model: NgramModel | None) -> BeamSettings:
    from slr_tune.evaluation.decode import scored_split
    from slr_tune.evaluation.tuning import tune

    found = tune(scored_split(system.stored, data, "dev"), language_model=model)
    tell(
        f"{system.name}: beam chosen on dev, WER {found.best.decoded.wer:.2f}; chosen on one half "
        f"of dev and measured on the other {found.held_out_wer:.2f}"
    )
    return found.best.settings


def _log_openings(systems: Sequence[System]) -> None:
    """One line for each study or run folder that has a system in the comparison."""
    folders = {system.named.record_folder: system.named for system in systems}
    for named in folders.values():
        log_opening(named, "test", "compare")


def _echo_json(found: SystemComparison) -> None:
    from slr_tune.report.comparison import json_rows

    facts = {"data": found.data, "splits": list(found.splits), "device": found.device}
    echo_json({**facts, "limits": list(found.limits), "systems": json_rows(found)})


def _echo_tables(found: SystemComparison, *, latex: bool) -> None:
    from slr_tune.report.comparison import comparison_page
    from slr_tune.report.page.latex import render_latex
    from slr_tune.report.page.markdown import render_markdown

    page = comparison_page(found)
    if sys.stdout.isatty() and not latex:
        print_page(page)
    else:
        click.echo(render_latex(page) if latex else render_markdown(page, head=()), nl=False)
