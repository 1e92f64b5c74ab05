"""ASHA's rungs."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slr_tune.study.rungs import Rungs, rung_epochs

values = st.lists(st.floats(0, 100, allow_nan=False), min_size=1, max_size=60)


@pytest.mark.parametrize(
    ("grace", "eta", "most", "expected"),
    [
        (3, 3, 24, (3, 9)),
        (3, 3, 27, (3, 9)),
        (1, 3, 28, (1, 3, 9, 27)),
        (1, 2, 2, (1,)),
        (5, 3, 5, ()),
        (8, 4, 5, ()),
    ],
)
def test_rungs_lie_below_the_last_epoch(
    grace: int, eta: int, most: int, expected: tuple[int, ...]
) -> None:
    """A rung at the last epoch would stop a trial that is over, as pruned instead of complete."""
    found = rung_epochs(grace_epochs=grace, reduction_factor=eta, max_epochs=most)
    assert found == expected


def test_decisions_by_hand() -> None:
    """Of 1, 2, ... arrivals one place, from 6 on two; a place goes to the best so far."""
    rungs = Rungs((3,), 3)
    arrivals = [50.0, 60.0, 40.0, 45.0, 70.0, 42.0]
    # places:     1     1     1     1     1     2
    stopped = [rungs.decide(3, value).stopped for value in arrivals]
    assert stopped == [False, True, False, True, True, False]


def test_exempt_trial_continues_and_counts() -> None:
    """The baseline is the reference of the summary and of every ablation: it must not end early."""
    rungs = Rungs((3,), 3)
    entries = [rungs.decide(3, 10.0), rungs.decide(3, 90.0, exempt=True), rungs.decide(3, 50.0)]
    assert [entry.stopped for entry in entries] == [False, False, True]
    assert Rungs((3,), 3).replay(entries) == entries


def test_maximizing_turns_the_order_round() -> None:
    """With an accuracy the larger value goes on."""
    rungs = Rungs((1,), 2, minimizes=False)
    assert [rungs.decide(1, value).stopped for value in (0.5, 0.4, 0.6)] == [False, True, False]


def test_equal_values_do_not_stop_each_other() -> None:
    """All trials at 100 % WER early on are equally good; none of them is worse than the best."""
    rungs = Rungs((1,), 3)
    assert not any(rungs.decide(1, 100.0).stopped for _ in range(10))


def test_no_rung_at_this_epoch() -> None:
    """A wrong epoch must not silently open a new rung."""
    with pytest.raises(ValueError, match="epoch 4 is not a rung"):
        Rungs((3, 9), 3).decide(4, 1.0)


@given(values)
def test_replay_gives_the_same_decisions_and_the_same_future(arrivals: list[float]) -> None:
    """A driver that starts again must decide as the old one did, and go on as it would have."""
    rungs = Rungs((3,), 3)
    entries = [rungs.decide(3, value) for value in arrivals]
    again = Rungs((3,), 3)
    assert again.replay(reversed(entries)) == entries
    assert again.decide(3, 50.0) == rungs.decide(3, 50.0)


@given(values)
def test_the_best_so_far_always_continues(arrivals: list[float]) -> None:
    """ASHA must never stop the trial that leads."""
    rungs = Rungs((3,), 3)
    best = float("inf")
    for value in arrivals:
        entry = rungs.decide(3, value)
        if value <= best:
            best = value
            assert not entry.stopped
