"""A script that ignores its settings or its seed is noticed by the values that it gives."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest
from report_studies import StoredTrial, tell_study

from slr_tune.ablation.compared import MetricRuns
from slr_tune.report.study.next_steps import next_steps
from slr_tune.report.study.study_data import collect
from slr_tune.study.no_effect import seeds_note, settings_note
from slr_tune.study.summary import summary_text
from slr_tune.study.view import StudyView

CURVE = [60.0, 50.5, 40.25] + [40.0] * 6


def view_of(curves: Sequence[Sequence[float]], *, own: bool = True) -> StudyView:
    trials = [
        StoredTrial(curve, params={"dropout": 0.1 + 0.01 * n}) for n, curve in enumerate(curves)
    ]
    view = tell_study(trials)
    spec = view.spec
    return replace(view, spec=replace(spec, trainable="toy_runs:ToyRun") if own else spec)


@pytest.mark.usefixtures("database")
def test_equal_curves_are_reported_and_nothing_is_advised_on_them() -> None:
    """`--lr` of a script that only knows `--learning-rate`: every trial was the baseline."""
    view = view_of([CURVE, CURVE[:3], CURVE[:3], CURVE[:1]])
    assert "All trials have the same values" in summary_text(view)
    assert "toy_runs:ToyRun does not seem to use its settings" in summary_text(view)
    assert [step.rule for step in next_steps(collect(view))] == ["no effect"]


@pytest.mark.usefixtures("database")
@pytest.mark.parametrize(
    ("curves", "own"),
    [
        ([CURVE, CURVE[:3], CURVE[:3]], False),
        ([CURVE, CURVE[:3], [60.0, 50.5, 40.26]], True),
        ([CURVE, [60.0], [60.0], [60.0]], True),
        ([[100.0] * 9, [100.0] * 3, [100.0] * 3], True),
    ],
    ids=["built in", "one differs", "first epochs alone", "nothing learnt yet"],
)
def test_what_is_no_sign(curves: Sequence[Sequence[float]], own: bool) -> None:
    """Every model starts with 100 % WER, whatever its settings."""
    assert settings_note(view_of(curves, own=own)) == ""


def test_seeds_without_effect_are_reported() -> None:
    """31.32 ± 0 of five seeds looks like a precise figure."""
    values = {"a": [31.32] * 3, "b": [28.83] * 3}
    table = MetricRuns(values, "val_wer", True).table(role="main", baseline="a", title="")
    assert any("does not seem to use its seed" in text for text in table.limits)
    assert seeds_note([(1.0, 1.0), (2.0, 2.5)]) == seeds_note([(1.0,)]) == seeds_note([]) == ""


def test_equal_values_are_not_called_errors() -> None:
    """A run that reports accuracy makes no errors that could be the same."""
    values = {"a": [0.5, 0.6, 0.7], "b": [0.5, 0.6, 0.7], "c": [0.5, 0.6, 0.7]}
    table = MetricRuns(values, "accuracy", False).table(role="main", baseline="a", title="")
    assert table.verdict == "The same values as a: 2 arms."
