"""The dashboard's first page, over databases as they come."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import optuna
import pytest
from generated_study import generate_study
from optuna.storages import RDBStorage

from slr_tune.dashboard.own_pages import OwnPages
from slr_tune.dashboard.start_page import start_page
from slr_tune.report.page.html import render_html
from slr_tune.study.storage import open_storage


@pytest.fixture
def stored(database: Path) -> Iterator[RDBStorage]:
    storage = open_storage()
    yield storage
    storage.engine.dispose()


def test_an_empty_database_says_how_to_begin(stored: RDBStorage) -> None:
    """Who opens the dashboard first must not meet an empty frame."""
    page = start_page(stored)
    assert page.verdict == "No study yet." and page.chart is None
    assert "slr-tune" in render_html(page) and page.answers[0].command == "slr-tune run distill"


def test_each_study_leads_to_its_report_and_a_foreign_one_to_optuna(stored: RDBStorage) -> None:
    """A study of another program has no report; its trials are shown by Optuna Dashboard."""
    generate_study(6, curves=False)
    optuna.create_study(study_name="theirs", storage=stored).optimize(
        lambda trial: trial.suggest_float("x", 0, 1), n_trials=2
    )
    page = start_page(stored)
    assert page.verdict.startswith("2 studies. generated was written last: best dev WER ")
    (table,) = page.parts[0].tables
    names = [row[0] for row in table.rows]
    leads = {name: table.links[row] for row, name in enumerate(names)}
    assert leads == {"generated": "/studies/1", "theirs": "/dashboard/studies/2"}
    html = render_html(page)
    assert '<a href="/studies/1">generated</a>' in html and "finished trials only" in html


def test_addresses_of_optuna_dashboard_are_left_to_it(stored: RDBStorage) -> None:
    """And a study without a report sends the reader there; one in the making is loaded again."""
    reports = {1: b"<p>report</p>", 2: b""}
    pages = OwnPages(stored, reports.get)
    assert pages.answer("/dashboard/studies/1") is None and pages.answer("/api/studies") is None
    found = pages.answer("/studies/1")
    assert found is not None and found[2] == b"<p>report</p>"
    waiting = pages.answer("/studies/2")
    assert waiting is not None and b'http-equiv="refresh"' in waiting[2]
    assert pages.answer("/studies/3") == ("302 Found", "/dashboard/studies/3", b"")
