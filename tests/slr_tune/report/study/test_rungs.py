"""What ASHA did, counted by hand; the audit's rate against statsmodels' interval."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from report_studies import StoredTrial, tell_study
from statsmodels.stats.proportion import proportion_confint

from slr_tune.report.study.audit import audit, audit_part, wilson
from slr_tune.report.study.rungs import rung_summaries
from slr_tune.report.study.study_data import collect


@given(st.integers(1, 60), st.data())
def test_interval_of_a_share(count: int, data: st.DataObject) -> None:
    """Wilson's interval, which holds for few trials and at 0 of n."""
    hits = data.draw(st.integers(0, count))
    assert wilson(hits, count) == pytest.approx(
        proportion_confint(hits, count, method="wilson"), abs=1e-7
    )


def test_no_trial_shows_nothing() -> None:
    """A rate without observations could be anything."""
    assert wilson(0, 0) == (0.0, 1.0)


@pytest.mark.usefixtures("database")
def test_who_entered_and_left() -> None:
    """Seven trials at the first rung: two stopped, one spared, four go on to the second."""
    end = [30.0] * 6
    trials = [
        StoredTrial([60.0, 50.0, 40.0, *end]),
        StoredTrial([50.0], "asha"),
        StoredTrial([40.0, 30.0, 20.0, *[10.0] * 6]),
        StoredTrial([70.0], "asha"),
        StoredTrial([45.0, 35.0, 25.0], "asha"),
        StoredTrial([80.0, 70.0, 60.0, *end], spared=1),
        StoredTrial([41.0, 31.0, 21.0, *[11.0] * 6]),
    ]
    first, second = rung_summaries(collect(tell_study(trials)))
    assert (first.epoch, first.entered, first.stopped, first.spared, first.went_on) == (
        1,
        7,
        2,
        1,
        4,
    )
    assert (second.epoch, second.entered, second.stopped, second.went_on) == (3, 4, 1, 3)
    assert (first.best, second.best) == (40.0, 20.0)
    # Five have a value at both rungs, in the same order.
    assert (first.next_rank, first.next_count) == (pytest.approx(1.0), 5)
    assert (first.end_rank, first.end_count) == (None, 4)


@pytest.mark.usefixtures("database")
def test_wrong_stops_by_hand() -> None:
    """Let through ended at 20, 30, 40: spared ones at 35 (right), 25 (wrong), 15 (would win)."""
    through = [StoredTrial([50.0, *[float(end)] * 8]) for end in (20, 30, 40)]
    spared = [StoredTrial([90.0, *[float(end)] * 8], spared=1) for end in (35, 25, 15)]
    unfinished = StoredTrial([90.0, 80.0], "running", spared=1)
    baseline = StoredTrial([50.0, *[1.0] * 8])
    facts = collect(tell_study([baseline, *through, *spared, unfinished]))
    found = audit(facts)
    assert [t.number for t in found.spared] == [4, 5, 6, 7]
    assert [t.number for t in found.wrong] == [5, 6]
    assert [t.number for t in found.winners] == [6]
    assert found.bar == 30.0 and found.rate == pytest.approx(2 / 3)
    part = audit_part(facts)
    assert part is not None
    assert "67 % [21, 94], where stopping at random would have 50 %. 1 would have" in part.text[0]
    judged = [row[-1] for row in part.tables[0].rows]
    assert judged == ["right", "wrong", "wrong: it beats all that ASHA let through", "not known"]


@pytest.mark.usefixtures("database")
def test_each_audited_trial_stands_for_its_kind() -> None:
    """One in twenty is audited: the best that was stopped weighs as twenty let through."""
    through = [StoredTrial([50.0, *[float(end)] * 8]) for end in range(20, 30)]
    spared = [StoredTrial([90.0, *[float(end)] * 8], spared=1) for end in (15, 60, 61, 62)]
    stopped = [StoredTrial([90.0], "asha") for _ in range(6)]
    found = audit(collect(tell_study([StoredTrial([50.0] * 9), *through, *spared, *stopped])))
    # Weights: 10 of 1 and 4 of 20, 90 in all; the best tenth, 9, is the one that ended at 15.
    assert found.best_stopped is not None and found.best_stopped[0] == pytest.approx(1.0)
    assert found.best_stopped[1] < 0.7 and found.stopped == pytest.approx(0.5)


@pytest.mark.usefixtures("database")
def test_a_bar_of_nothing_is_a_bar() -> None:
    """Where half of those let through end without an error, a spared one cannot be better."""
    through = [StoredTrial([50.0, *[0.0] * 8]) for _ in range(3)]
    found = audit(
        collect(tell_study([StoredTrial([50.0] * 9), *through, StoredTrial([90.0] * 9, spared=1)]))
    )
    assert found.bar == 0.0 and found.rate == 0.0


@pytest.mark.usefixtures("database")
def test_nothing_audited_says_so() -> None:
    """No figure where there is none, and the way to get one."""
    part = audit_part(collect(tell_study([StoredTrial([50.0] * 9), StoredTrial([60.0], "asha")])))
    assert part is not None and "budget: {audit: 0.05}" in part.text[0]
