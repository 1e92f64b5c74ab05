"""What a trial trains from rung to rung, and how many trials fit into a time: by hand."""

from __future__ import annotations

import pytest
from planned_epochs import planned_epochs

from slr_tune.space.sections import Budget
from slr_tune.study.pace import Pace, Schedule
from slr_tune.study.segments import Segment, cost_between, data_shares, segments_of

BUDGET = Budget(trials=None, max_epochs=27, grace_epochs=3, fidelity=0.25)


def test_share_doubles_and_the_last_is_whole() -> None:
    """Rungs 3 and 9: a quarter, a half, all; at four rungs it is never more than all."""
    assert data_shares(BUDGET) == ((3, 0.25), (9, 0.5), (27, 1.0))
    many = Budget(trials=None, max_epochs=81, grace_epochs=1, fidelity=0.3)
    assert [share for _, share in data_shares(many)] == [0.3, 0.6, 1.0, 1.0, 1.0]
    assert data_shares(Budget(trials=1, max_epochs=9)) == ()


def test_epochs_cost_their_utterances() -> None:
    """3 / 4 + 6 / 2 + 18, and any stretch of it."""
    segments = segments_of(BUDGET)
    assert [segment.cost for segment in segments] == [0.75, 3.0, 18.0]
    assert cost_between(segments, 2, 10) == 0.25 + 3.0 + 1.0


def test_pace_knows_each_share() -> None:
    """Of a share without an epoch so far it is scaled from the nearest, and then measured."""
    pace = Pace(segments_of(BUDGET))
    with pytest.raises(ValueError, match="no epoch"):
        pace.epoch(1.0)
    for seconds in (10.0, 14.0):
        pace.note(1, seconds)
    assert pace.between(0, 3) == 36.0
    assert pace.between(3, 9) == 6 * 24.0
    pace.note(4, 20.0)  # an evaluation of dev costs the same on any share
    assert (pace.between(3, 9), pace.epoch(1.0)) == (120.0, 40.0)
    pace.overhead = 1.5
    assert pace.between(0, 3) == 54.0


def test_most_trials_whose_promotions_fit() -> None:
    """The quota's own count of epochs, one more trial would be too much; the audit is in it."""
    segments = segments_of(Budget(trials=None, max_epochs=27, grace_epochs=3))
    pace = Pace(segments)
    pace.note(27, 2.0)
    schedule = Schedule(segments, exempt=1, reduction_factor=3, audit=0.0)
    for epochs in (30, 100, 1000):
        trials = schedule.trials(2.0 * epochs, pace)

        def cost(count: int) -> int:
            return planned_epochs((3, 9), trials=count, exempt=1, reduction_factor=3, max_epochs=27)

        assert cost(trials) <= epochs < cost(trials + 1)
    audited = Schedule(segments, exempt=1, reduction_factor=3, audit=0.1)
    assert audited.seconds(11, pace) == schedule.seconds(11, pace) + 2.0 * 24
    assert Schedule((Segment(0, 27, 1.0),), 0, 3, 0.0).trials(2.0 * 27 * 4, pace) == 4
