"""What half as many trials would have given, and twice as many would be expected to give."""

from __future__ import annotations

import math
from collections.abc import Sequence

import pytest
from report_studies import StoredTrial, tell_study

from slr_tune.report.page.html import render_html
from slr_tune.report.page.markdown import render_markdown
from slr_tune.report.study.page import study_page
from slr_tune.report.study.study_data import collect
from slr_tune.study.budget_value import _floor, budget_text, budget_value

FLAT = [50.0, 40.0, 30.0]


@pytest.mark.usefixtures("database")
def test_the_sentence_gives_what_was_half_and_twice() -> None:
    """The baseline counts in no budget; a stopped trial counts with its expected end."""
    ends = [40.0, 38.0, 36.0, 34.0, 32.0, 31.0, 30.5, 30.0, 29.5, 29.0]
    trials = [StoredTrial([60.0, 50.0, end] + [end] * 6) for end in ends]
    view = tell_study(
        [StoredTrial([50.0] * 9), *trials, StoredTrial([70.0], "asha"), StoredTrial([80.0], "asha")]
    )
    found = budget_value(view)
    assert found is not None and found.trials == 12
    assert found.found == 29.0 and found.first_half == 31.0
    assert found.at(12).value == pytest.approx(29.0)
    assert found.at(24).value < 29.0 < found.at(6).value < found.at(1).value
    text = budget_text(view, found)
    assert text.startswith("12 trials gave 29.00; 6 would have given ")
    assert "(the first 6 gave 31.00); 24 would be expected to give" in text
    assert text.endswith("Bands cover 90 %; the baseline is left out.")
    page = study_page(collect(view))
    assert "What more trials would give" in render_html(page)
    assert "Tunability (the best against the baseline" in render_markdown(page)


@pytest.mark.usefixtures("database")
def test_the_distance_between_rungs_is_no_spread_of_the_trials() -> None:
    """Stopped at 70 while those that ran on fell by 40: the band of twice as many went to 0."""
    ends = [StoredTrial([66.0 + n, 40.0, 26.0 + n]) for n in range(3)]
    stops = [StoredTrial([70.0 + n], "asha") for n in range(9)]
    found = budget_value(tell_study([StoredTrial([69.0, 44.0, 29.0]), *ends, *stops]))
    assert found is not None
    assert found.at(12).value == 26.0
    assert found.at(1).value == pytest.approx((26 + 27 + 28 + sum(range(30, 39))) / 12)
    assert found.at(24).low > 15.0


@pytest.mark.usefixtures("database")
def test_an_error_rate_is_never_expected_below_zero() -> None:
    """Of few values that differ much, the band once went on to -6.55 % WER."""
    ends = [90.0, 88.0, 80.0, 75.0, 60.0, 50.0, 30.0, 5.0]
    found = budget_value(tell_study([StoredTrial([50.0] * 9), *(StoredTrial([e]) for e in ends)]))
    assert found is not None
    twice = found.at(16)
    assert twice.low == 0.0 <= twice.value < 5.0


@pytest.mark.parametrize(
    ("metric", "values", "floor"),
    [
        ("dev_wer", [24.9, 35.8], 0.0),
        ("val_loss", [-0.2, 1.5], -math.inf),
        ("accuracy", [-86.4, -71.0], -100.0),
        ("val/acc", [-0.79, -0.3], -1.0),
        ("score", [-0.79, -0.3], -math.inf),
        ("reward", [3.0, 4.0], -math.inf),
    ],
)
def test_no_value_is_expected_that_cannot_be(
    metric: str, values: Sequence[float], floor: float
) -> None:
    """`16 would be expected to give 35.26 [-15.9, 36.33]` of a WER, and an accuracy of 100.8 %."""
    assert _floor(metric, values) == floor


@pytest.mark.usefixtures("database")
def test_few_trials_say_nothing() -> None:
    """Seven values are no distribution."""
    assert budget_value(tell_study([StoredTrial([50.0] * 9) for _ in range(8)])) is None
