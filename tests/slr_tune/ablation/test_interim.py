"""What an interrupted ablation shows: the runs that are finished, and how many are missing."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from ablation_designs import make_design

from slr_tune.ablation.interim import Interim, interim_of
from slr_tune.report.ablation.interim import interim_table, interim_text
from slr_tune.training.interrupt import Interrupted
from slr_tune.training.run_store import RunStore

pytestmark = pytest.mark.usefixtures("database")


def test_every_stop_shows_what_is_finished(
    space: Callable[..., Path], make_store: Callable[..., RunStore]
) -> None:
    """Stopped after every stage: a run is counted once it is whole, and compared seed by seed."""
    made = space(trainable="student", more="factors: {dropout: [0.1]}")
    design = make_design(made, factors=["dropout"], seeds=3)
    seen: list[Interim] = []
    for _ in range(4):
        store = make_store(stopped=lambda: True)
        with pytest.raises(Interrupted):
            store.train(design.arms, design.seeds)
        seen.append(interim_of(design, store))
    assert [(one.finished, one.planned, one.at_most) for one in seen] == [
        (1, 6, False),
        (2, 6, False),
        (3, 6, False),
        (4, 6, False),
    ]
    assert all(sum(row.seeds for row in one.rows) == one.finished for one in seen)
    last = seen[-1]
    base, arm = (
        {run.seed: run.value for run in store.unfinished if run.arm == arm} for arm in design.arms
    )
    differences = [arm[seed] - base[seed] for seed in arm if seed in base]
    row = next(row for row in last.rows if row.name == design.arms[1].name)
    assert row.pairs == len(differences) >= 1
    assert row.difference == pytest.approx(sum(differences) / len(differences))
    assert "4 of 6 runs finished, 2 missing" in interim_text(last)
    table = interim_table(last)
    assert table is not None and len(table.rows) == len(last.rows)


def test_nothing_finished_is_said_too(
    space: Callable[..., Path], make_store: Callable[..., RunStore]
) -> None:
    """Ctrl-C in the first minute: no table, but the sentence."""
    design = make_design(space(trainable="student"), factors=["dropout"], seeds=3)
    interim = interim_of(design, make_store())
    assert interim_table(interim) is None and "0 of 12 runs finished" in interim_text(interim)
