"""Several orders of the training data for each seed: whose noise is it?"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from ablation_designs import make_design

from slr_tune.ablation.analysis import ErrorRuns
from slr_tune.ablation.data_orders import by_arm, ordered_runs
from slr_tune.ablation.dry_run import dry_run
from slr_tune.ablation.result import MAIN
from slr_tune.errors import SlrTuneError
from slr_tune.report.ablation.sentences import caption, shares_sentence
from slr_tune.report.ablation.tables import seeds_table
from slr_tune.statistics.shares import INITIAL, ORDERS
from slr_tune.training.runs import WER


@pytest.mark.usefixtures("database")
def test_a_seed_keeps_its_own_order_and_gets_others(space: Callable[..., Path]) -> None:
    """So that its first run is that of any other ablation, and no order is another seed's."""
    design = make_design(space(), factors=["kd_blank"], orders=2, seeds=3)
    assert design.name == "kd_blank-2-orders" and "--orders 2" in design.command
    assert design.seeds == (1000, 1000, 1001, 1001, 1002, 1002)
    runs = ordered_runs(design.arms, design.distinct_seeds, 2, measure=WER)
    assert len(runs) == 12 and len({run.name for run in runs}) == 12
    assert [run.data_seed is None for run in runs[:4]] == [True, True, False, False]
    own = {run.seed: run.data_seed for run in runs if run.data_seed is not None}
    assert len(set(own.values())) == 3 and not set(own) & set(own.values())
    arms = [arm.name for arm in design.arms]
    assert [run.arm.name for run in by_arm(runs)] == [name for name in arms for _ in range(6)]
    assert dry_run(design).runs == 12


@pytest.mark.usefixtures("database")
def test_orders_that_cannot_be_had_are_refused(space: Callable[..., Path]) -> None:
    """Each message says what to leave out."""
    for message, wanted, given in (
        ("at most 9", {"orders": 10}, ""),
        ("--orders cannot be combined with --teachers", {"orders": 2, "teachers": 3}, ""),
        ("data_seed is 7 in the baseline", {"orders": 2}, ", data_seed: 7"),
    ):
        path = space(fixed=given)
        with pytest.raises(SlrTuneError, match=message) as caught:
            make_design(path, factors=["kd_blank"], **wanted)
        assert caught.value.hint


@pytest.mark.parametrize(("initial", "order"), [(9.0, 1.0), (1.0, 9.0)])
def test_the_share_of_the_order_is_found(initial: float, order: float) -> None:
    """Many seeds with three orders each, whose luck is known, and which few utterances hide."""
    rng = np.random.default_rng(5)
    seeds, orders, utterances, words = 400, 3, 20, 50
    counts = {}
    for name in ("base", "arm"):
        luck = np.repeat(rng.normal(0.0, initial, seeds), orders)
        luck = luck + rng.normal(0.0, order, seeds * orders)
        errors = np.round(20 + luck[:, None] * 0.5 + rng.normal(0, 0.3, (1, utterances)))
        zero, whole = np.zeros_like(errors), np.full_like(errors, words)
        stacked = np.stack([errors, zero, zero, whole], axis=2).astype(np.int64)
        counts[name] = list(np.maximum(stacked, 0))
    table = ErrorRuns(counts, orders=orders).table(role=MAIN, baseline="base", title="")
    # The mean over three orders has a third of their variance.
    true = initial**2 / (initial**2 + order**2 / orders)
    found = table.shares[INITIAL] / (table.shares[INITIAL] + table.shares[ORDERS])
    assert found == pytest.approx(true, abs=0.08)
    assert table.orders == 3 and "400 seeds" in table.row("arm").sentence
    assert "seeds with 3 orders of the data each" in caption(table)
    assert "--orders varied the order" in shares_sentence(table)
    named = [
        column.heading
        for column in seeds_table(replace(table, rows=()), [7, 7, 7, 8, 8, 8]).columns
    ]
    assert named[1:4] == ["seed 7, order 1", "seed 7, order 2", "seed 7, order 3"]


def test_orders_of_one_seed_are_no_more_seeds() -> None:
    """Five orders of three seeds say no more of other seeds than the seeds' means do."""
    rng = np.random.default_rng(6)
    luck = {name: rng.normal(0, 3, 3) for name in ("base", "arm")}
    counts = {}
    for name, each in luck.items():
        errors = np.round(20 + np.repeat(each, 5)[:, None] + np.zeros((1, 30)))
        zero, whole = np.zeros_like(errors), np.full_like(errors, 50)
        counts[name] = list(np.stack([errors, zero, zero, whole], axis=2).astype(np.int64))
    runs = {name: found[::5] for name, found in counts.items()}
    many = ErrorRuns(counts, orders=5).table(role=MAIN, baseline="base", title="").row("arm")
    one = ErrorRuns(runs).table(role=MAIN, baseline="base", title="").row("arm")
    assert (many.low, many.high, many.p_value) == (one.low, one.high, one.p_value)
