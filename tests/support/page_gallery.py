"""Every kind of page, small: for the test that looks at all of them, and for a person who does.

`python tests/support/page_gallery.py FOLDER` writes the pages there, and a picture of each first
screen on a desk and on a phone, in light and in dark.
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
from ablation_results import example_result
from generated_study import generate_study

from slr_tune.comparison.measure import DECODERS, MeasuredSystem, SystemComparison
from slr_tune.comparison.systems import System
from slr_tune.dashboard.start_page import start_page
from slr_tune.diagnosis.diagnosis import diagnose
from slr_tune.report.ablation import ablation_page
from slr_tune.report.comparison_page import comparison_report
from slr_tune.report.diagnosis import diagnosis_page
from slr_tune.report.importance.page import importance_page
from slr_tune.report.page import Page
from slr_tune.report.page.html import render_html
from slr_tune.report.study.page import study_page
from slr_tune.report.study.study_data import collect
from slr_tune.statistics import compare
from slr_tune.statistics.wer_interval import wer_with_interval
from slr_tune.study.storage import open_storage
from slr_tune.study.view import load_study
from trainables.decoding.settings import BeamSettings

SCREENS = ((1280, 800), (390, 844))
"""A desk's and a phone's, CSS pixels."""


def every_page(*, trials: int = 24) -> Mapping[str, Page]:
    """The pages by their names; the studies' database is made where none is."""
    spec = generate_study(trials, name="libras-distill")
    view = load_study(spec.study)
    data = collect(view)
    assert data.importance is not None
    storage = open_storage()
    try:
        start = start_page(storage)
    finally:
        storage.engine.dispose()
    return {
        "report": study_page(data),
        "ablation": ablation_page(example_result()),
        "importance": importance_page(data.importance),
        "diagnosis": diagnosis_page(_diagnosis()),
        "comparison": comparison_report(compared_systems()),
        "dashboard": start,
    }


def write_pages(folder: Path) -> dict[str, Path]:
    """The pages as files."""
    paths = {}
    for name, page in every_page().items():
        paths[name] = folder / f"{name}.html"
        paths[name].write_text(render_html(page), encoding="utf-8")
    return paths


def _diagnosis() -> Any:
    """A run whose training loss falls while its dev WER rises again."""
    rows = [
        {
            "epoch": epoch,
            "train/loss": 6.0 * 0.8**epoch + 0.02,
            "train/loss_components/hard_ctc_loss": 5.5 * 0.8**epoch,
            "val/loss": 2.0 * 0.8**epoch + 0.05 * epoch,
            "val/wer": 100 * 0.8**epoch + 1.2 * epoch,
            "val/blank_rate": 0.9 - 0.005 * epoch,
        }
        for epoch in range(1, 25)
    ]
    return diagnose("libras-distill/10", diagnostics=(), rows=rows, config={"max_epochs": 24})


def compared_systems() -> SystemComparison:
    """Three systems on 150 made-up utterances; the last is the best."""
    rng, words = np.random.default_rng(0), np.full(150, 6)
    names, cells = ("baseline", "second", "best"), [("dev", decoder) for decoder in DECODERS]
    rates = {"baseline": 0.17, "second": 0.14, "best": 0.10}
    measured = []
    counts = {
        (name, cell): rng.binomial(words, rates[name] - 0.02 * place)
        for name in names
        for place, cell in enumerate(cells)
    }
    families = {
        cell: compare(
            {name: counts[name, cell][None, :] for name in names}, words, baseline=names[0]
        )
        for cell in cells
    }
    for name in names:
        stored = SimpleNamespace(parameters=76_976)
        made = SimpleNamespace(
            name=name,
            stored=stored,
            weight_bytes=307_904,
            training=lambda: (73.0, 24),
            named=SimpleNamespace(study=None),
        )
        table = {cell: _counts(counts[name, cell], words) for cell in cells}
        entry = MeasuredSystem(
            cast(System, made),
            BeamSettings(),
            {"greedy": 0.6, "beam": 0.9},
            {cell: wer_with_interval(table[cell], None) for cell in cells},
            {cell: families[cell][name].difference for cell in cells if name != names[0]},
        )
        measured.append(entry)
    signers = {"dev": False}
    return SystemComparison(
        "libras", ("dev",), tuple(measured), signers, (), 40, "2 processor cores"
    )


def _counts(errors: Any, words: Any) -> Any:
    none = np.zeros_like(errors)
    return np.stack([errors, none, none, words], axis=1)


if __name__ == "__main__":
    from browser import start_browser

    target = Path(sys.argv[1]).absolute()
    target.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as studies, start_browser() as browser:
        os.environ["SLR_TUNE_STUDIES"] = studies
        pages = write_pages(target)
        for page_name, path in pages.items():
            for width, height in SCREENS:
                for dark in (False, True):
                    opened = browser.open(path, width=width, height=height, dark=dark)
                    scheme = "dark" if dark else "light"
                    print(opened.screenshot(target / f"{page_name}-{width}-{scheme}.png"))
