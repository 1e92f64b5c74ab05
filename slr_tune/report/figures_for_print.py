"""All figures of a study for a thesis, in the widths of its columns."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

from slr_tune.ablation.result_files import RESULT_FILE, read_result
from slr_tune.errors import SlrTuneError
from slr_tune.report.ablation.print_figure import print_differences
from slr_tune.report.importance.print_figures import print_bars, print_marginals
from slr_tune.report.print_style import COLUMN, FULL
from slr_tune.report.study.print_figures import print_figures
from slr_tune.report.study.study_data import StudyData

WIDTHS = (COLUMN, FULL)
"""Of a column and of a page, cm."""

_log = logging.getLogger(__name__)


def write_figures(study: StudyData, folder: Path, widths: Sequence[float] = WIDTHS) -> list[Path]:
    """Writes every figure that the study has something for, as PDF with its fonts and as PNG.

    Args:
        study: All that a report shows.
        folder: Is made where it does not exist.
        widths: Of the figures, cm.

    Returns:
        The files: search, weights, patience, importance, marginals, and `ablation-NAME` for each
        ablation in the study's folder.
    """
    folder.mkdir(parents=True, exist_ok=True)
    paths: list[Path] = []
    for width in widths:
        paths += print_figures(study, folder, width)
        if study.importance is not None and study.importance.main.units:
            paths += print_bars(study.importance, folder, width)
        if study.importance is not None and study.importance.marginals:
            paths += print_marginals(study.importance, folder, width)
        for place in sorted(study.view.folder.glob(f"ablations/*/{RESULT_FILE}")):
            paths += _ablation(place.parent, folder, width)
    return paths


def _ablation(place: Path, folder: Path, width: float) -> list[Path]:
    """None of an ablation that cannot be read: the others are wanted all the same."""
    try:
        main = read_result(place).main
    except SlrTuneError as error:
        _log.warning("%s: left out: %s", place, error)
        return []
    return print_differences(main, folder, width, f"ablation-{place.name}")
