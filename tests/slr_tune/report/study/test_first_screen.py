"""What the first screen of a report answers: what won, by how much, is it real, what next."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from reader_reports import READER_STUDIES, reader_study
from report_studies import StoredTrial, tell_study

from slr_tune.report.study.first_screen import _overlap, answers, headline
from slr_tune.report.study.page import study_page
from slr_tune.report.study.study_data import StudyData, collect
from slr_tune.report.style import unlearnt_range
from slr_tune.statistics import compare
from slr_tune.statistics.verdict import judge
from slr_tune.study.confirmed import ConfirmedTrial

pytestmark = pytest.mark.usefixtures("database")

TRIALS = [
    StoredTrial([60.0, 50.0, 40.0, 30.0, 30.0, 30.0, 30.0, 30.0, 30.0]),
    StoredTrial([70.0, 60.0, 50.0, 45.0, 20.0, 20.0, 20.0, 20.0, 19.0], params={"dropout": 0.1}),
    StoredTrial([80.0], "asha"),
]
WORDS = np.full(100, 10)


def confirmed(study: StudyData, best: float) -> StudyData:
    """With new seeds whose verdict is the one that `confirm` would store."""
    hard = np.random.default_rng(0).random((5, 100, 10))
    luck = np.array([1.0, -1.0, 1.5, -1.5, 0.2])[:, None, None]
    errors: dict[str, Any] = {
        name: (hard < rate / 100).sum(axis=2)
        for name, rate in (("baseline", np.full_like(luck, 30.0)), ("best", best + luck))
    }
    found = compare(errors, WORDS, baseline="baseline")["best"].difference
    assert found is not None
    verdict = judge("best", "baseline", found, family=1).sentence
    wer = {name: tuple(table.sum(axis=1) / 10) for name, table in errors.items()}
    rows = (
        ConfirmedTrial(0, "baseline", 30.0, {"dev": wer["baseline"]}),
        ConfirmedTrial(1, "best", 19.0, {"dev": wer["best"]}, verdicts={"dev": verdict}),
    )
    return replace(study, confirmed=rows)


def test_a_search_alone_is_told_to_be_optimistic() -> None:
    """Who stops reading here must not quote the figure."""
    won, much, real, following = answers(collect(tell_study(TRIALS)))
    assert won.text == "Trial 1. From baseline to winner:"
    assert any(line.startswith("dropout: 0.2 -> 0.1") for line in won.lines)
    assert much.value == "11.00 points better" and "baseline 30.00 %; one seed each" in much.text
    assert real.text.startswith("Not known yet.") and "in simulated searches by" in real.text
    assert following.command == "slr-tune confirm --study told"


def test_a_gain_on_new_seeds_is_a_yes_with_its_interval() -> None:
    study = confirmed(collect(tell_study(TRIALS)), 22.0)
    assert headline(study) == "Trial 1 is better than the baseline, on 5 new seeds of both."
    _, much, real, following = answers(study)
    assert much.value.endswith("points better") and "of 5 new seeds" in much.text
    assert real.text.startswith("Yes: the 95 % interval of the paired differences, -")
    assert "excludes zero (p < 0.001)." in real.text
    assert ("may overlap" in real.text) == _overlap(study.confirmed[1], study.confirmed[0])
    assert "one seed per trial, 19.00 % for trial 1" in much.text
    assert "--path, the ablation goes" in following.text
    assert following.command == "slr-tune ablate --study told --path"


def test_what_new_seeds_do_not_show_has_no_winner() -> None:
    """A best of the search that chance explains must not be read as the winner."""
    study = confirmed(collect(tell_study(TRIALS)), 30.0)
    assert headline(study).startswith("No gain is shown: on 5 new seeds")
    won, much, real, following = answers(study)
    assert won.text.startswith("Nothing for sure.") and much.value == "None shown"
    assert real.text.startswith("Not clear:") and "includes zero" in real.text
    assert following.text.startswith("Keep the baseline.") and "--trials 6" in following.command
    assert "3 more (6 in all)" in following.text


def test_where_the_baseline_is_best_there_is_nothing_to_confirm() -> None:
    won, much, real, following = answers(collect(tell_study([TRIALS[0], TRIALS[2]])))
    assert won.text.startswith("The baseline:") and much.value == "30.00 %"
    assert real.text.startswith("There is no gain to check")
    assert following.text.startswith("Keep the baseline.")


@pytest.mark.parametrize("name", READER_STUDIES)
def test_the_reports_for_a_reader_answer_the_four_questions(name: str) -> None:
    """`python tests/support/reader_reports.py` photographs them, with more trials."""
    asked = [answer.question for answer in answers(reader_study(name, trials=8))]
    assert asked == ["What won?", "By how much?", "Is it real?", "What next?"]


def test_noise_near_100_percent_does_not_look_like_progress() -> None:
    """Enlarged, a fall from 100 to 98.8 % fills the picture, and its line is called the best."""
    page = study_page(reader_study("never", trials=8))
    for figure in (page.chart, page.beside):
        assert figure is not None and figure.layout["yaxis"]["range"][0] == 0.0
        names = [trace["name"] for trace in figure.traces]
        assert not any(name.startswith("best") for name in names), names
        assert any(name.startswith("lowest so far") for name in names), names
    assert unlearnt_range("val/wer", [60.0, 99.0]) is None
    assert unlearnt_range("val/loss", [99.0, 100.0]) is None
