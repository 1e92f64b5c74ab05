"""A winner that is worse than a trial that was stopped is reported with it."""

from __future__ import annotations

import pytest
from report_studies import StoredTrial, tell_study

from slr_tune.report.page.markdown import render_markdown
from slr_tune.report.study.page import study_page
from slr_tune.report.study.study_data import collect
from slr_tune.study.stopped_better import stopped_better, stopped_note
from slr_tune.study.summary import summary_text
from slr_tune.study.view import StudyView


def view_of(*overrides: str, stopped: float = 37.4) -> StudyView:
    trials = [
        StoredTrial([60.0] * 3 + [52.0] * 6, params={"dropout": 0.1}, spared=3),
        StoredTrial([70.0, 60.0, stopped], "asha", {"dropout": 0.2}),
        StoredTrial([80.0], "asha", {"dropout": 0.3}),
    ]
    return tell_study(trials, baseline=False, overrides=overrides)


@pytest.mark.usefixtures("database")
def test_a_better_one_that_was_stopped_is_named() -> None:
    """Of six trials the audit's alone ran to its end: 52 won, and 37.4 after three epochs lost."""
    view = view_of()
    found = stopped_better(view)
    assert found is not None and found.number == 1
    line = "Trial 1 was better when it was stopped: 37.40 after 3 epochs. With more trials it may"
    assert line in summary_text(view)
    assert line in render_markdown(study_page(collect(view)))


@pytest.mark.usefixtures("database")
@pytest.mark.parametrize(
    ("overrides", "stopped"),
    [((), 53.0), (("search.strategy=tpe-asha", "prior=null"), 37.4)],
    ids=["the best is better", "stopped for good"],
)
def test_what_needs_no_word(overrides: tuple[str, ...], stopped: float) -> None:
    """A stopping scheduler never takes a trial up again."""
    assert stopped_note(view_of(*overrides, stopped=stopped)) == ""
