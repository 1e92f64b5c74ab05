"""What a budget may be, and which margins can be reached."""

from __future__ import annotations

from dataclasses import replace

import pytest
from ablation_results import example_result

from slr_tune.ablation.budget import Budget, read_budget
from slr_tune.ablation.margins import check_margin, unit_variance
from slr_tune.ablation.result import AblationResult
from slr_tune.ablation.study_family import Earlier, family_note
from slr_tune.ablation.until_decided import most_seeds
from slr_tune.errors import SlrTuneError
from slr_tune.statistics import holm


@pytest.fixture(scope="module")
def result() -> AblationResult:
    """One worse arm among five."""
    return example_result()


@pytest.mark.parametrize(
    ("text", "budget", "again"),
    [
        ("40runs", Budget(runs=40), "40runs"),
        ("1 run", Budget(runs=1), "1runs"),
        ("6h", Budget(seconds=21600.0), "6h"),
        ("90min", Budget(seconds=5400.0), "1.5h"),
        ("30s", Budget(seconds=30.0), "30s"),
        ("3", Budget(values=3), "3"),
    ],
)
def test_budgets(text: str, budget: Budget, again: str) -> None:
    """What is stored in a plan reads back as the same."""
    assert read_budget(text) == budget and str(budget) == again
    assert read_budget(again) == budget


@pytest.mark.parametrize("text", ["", "0runs", "2.5runs", "1", "six hours", "-3h"])
def test_what_is_no_budget(text: str) -> None:
    """A misread unit would spend a night."""
    with pytest.raises(ValueError, match="is not a budget"):
        read_budget(text)


def test_the_most_seeds_that_a_budget_allows() -> None:
    """40 runs of 6 arms are 6 seeds; an hour at 500 s a seed is 7; too little is refused."""
    assert most_seeds(12, 6, None, None) == 12
    assert most_seeds(12, 6, Budget(runs=40), None) == 6
    assert most_seeds(12, 6, Budget(seconds=3600), 500.0) == 7
    assert most_seeds(12, 6, Budget(seconds=3600), None) == 12
    with pytest.raises(SlrTuneError, match="the first look needs 3 seeds of 6 arms") as caught:
        most_seeds(12, 6, Budget(runs=17), None)
    assert caught.value.hint is not None and "18runs" in caught.value.hint


def test_a_margin_out_of_reach_is_refused(result: AblationResult) -> None:
    """By what the study's own ablations measured, else by what is usual on so many utterances."""
    assert unit_variance([], 150)[1] is False
    check_margin(2.0, [], 150)
    with pytest.raises(SlrTuneError, match="no number of seeds .* on 150 utterances") as caught:
        check_margin(1.0, [], 150)
    assert caught.value.hint is not None and "--margin 2" in caught.value.hint
    check_margin(1.0, [], 629)
    variance, measured = unit_variance([result], 150)
    assert measured and variance > 0
    with pytest.raises(SlrTuneError, match="measured by the ablations of this study"):
        check_margin(2.9 * variance**0.5, [result], 150)
    check_margin(2.95 * variance**0.5, [result], 150)


def test_a_study_is_one_family_if_asked(result: AblationResult) -> None:
    """The note counts ablations and comparisons, and names what does not outlive the correction."""
    first, second = result, replace(result, name="other")
    earlier = Earlier.of([first, second], but="other")
    assert earlier.names == (first.name,) and len(earlier.p_values) == 5
    apart = family_note(earlier, [0.5] * 5, together=False)
    assert apart.startswith("2 ablations of this study exist, with 10 comparisons in all.")
    together = family_note(earlier, [0.5] * 5, together=True)
    assert "one error rate" in together
    shown = next(row for _, row in earlier.rows if row.outcome in ("better", "worse"))
    weak = [(n, replace(row, p_value=0.009) if row is shown else row) for n, row in earlier.rows]
    lost = family_note(Earlier(earlier.names, tuple(weak)), [0.5] * 5, together=True)
    assert f"not after this correction: {first.name}: {shown.name}" in lost
    assert min(holm([row.p_value or 1.0 for _, row in weak] + [0.5] * 5)) > 0.05
    assert family_note(Earlier((), ()), [0.5], together=True) == ""
