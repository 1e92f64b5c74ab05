"""The simulator of searches: its clock, its tables and its figures, worked out by hand."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))

from benchmarks.search.cells import Cell, Result, all_cells, read_results, run_missing  # noqa: E402
from benchmarks.search.compare_results import difference, regrets, report  # noqa: E402
from benchmarks.search.curve_table import CurveAxis, CurveTable, best_so_far  # noqa: E402
from benchmarks.search.flat_start import allowed, flat_table, ran_in_full  # noqa: E402
from benchmarks.search.simulate import Work, simulate  # noqa: E402
from benchmarks.search.strategies import STRATEGIES, make_strategy  # noqa: E402
from benchmarks.search.table_files import OWN, pack, read_own, space_of  # noqa: E402


def table_of(values: Any, *, grace: int = 1, **columns: Any) -> CurveTable:
    """One parameter x, the place of the row."""
    raw, ends, failed = best_so_far(np.array(values, dtype=float))
    axes = (CurveAxis("x", 0.0, float(max(1, len(raw) - 1))),)
    configs = tuple({"x": float(row), **{k: v[row] for k, v in columns.items()}}
                    for row in range(len(raw)))  # fmt: skip
    return CurveTable("hand", axes, configs, raw, ends, failed, grace, {"x": 0.0})


class Listed:
    """Runs the rows in order, each to its end, and remembers what it was told."""

    def __init__(self, rows: list[int]) -> None:
        self.rows, self.told = list(rows), []

    def next(self) -> Work | None:
        if not self.rows:
            return None
        row = self.rows.pop(0)
        return Work(row, {"x": float(row)})

    def report(self, trial: int, epoch: int, value: float, ended: str | None) -> bool:
        self.told.append((trial, epoch, value, ended))
        return True


def test_workers_share_the_epochs_of_the_budget() -> None:
    """Two workers, three trainings of three epochs: time is 9 // 2 = 4, the third is cut off."""
    table = table_of([[9, 5, 4], [8, 7, 6], [3, 2, 1]])
    strategy = Listed([0, 1, 2])
    history = simulate(table, strategy, workers=2, trainings=3)
    assert history.best.tolist() == [8, 5, 4, 3]
    assert (history.trials, history.full, history.epochs) == (3, 2, 7)
    assert strategy.told[-1] == (2, 1, 3, None)


def test_a_value_that_is_no_number_ends_a_training() -> None:
    table = table_of([[9, np.nan, 1], [8, 7, 6]])
    strategy = Listed([0, 1])
    history = simulate(table, strategy, workers=1, trainings=2)
    assert strategy.told[:2] == [(0, 1, 9, None), (0, 2, 9, "nan")]
    assert history.full == 1
    assert history.best.tolist() == [9, 9, 8, 7, 6, 6]


def test_patience_is_replayed_on_the_longer_curve() -> None:
    """Best at epoch 2, patience 2: the run ends after epoch 4, as one with it would have."""
    table = table_of([[9, 5, 6, 6, 1]])
    assert table.training({"x": 0.0, "patience": 2}).end == 4
    assert table.training({"x": 0.0, "patience": 3}).end == 5


def test_regret_is_between_the_best_and_the_median() -> None:
    table = table_of([[1], [3], [5]])
    assert table.regret(np.array([1.0, 2.0, 3.0])).tolist() == [0, 0.5, 1]


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_every_strategy_stays_within_the_budget(strategy: str) -> None:
    table = flat_table(0)
    search = make_strategy(strategy, table, prior=table.prior("good", 0), seed=0)
    history = simulate(table, search, workers=3, trainings=3)
    assert 60 < history.epochs <= 72
    assert np.isfinite(history.best[-1])


def test_a_flat_start_runs_no_more_in_full_than_the_quota_allows() -> None:
    """Under stopping ASHA ties all go on: 24 trials of which nine tenths tie at the first rung."""
    assert allowed(flat_table(0)) == 3
    for seed in range(3):
        full, epochs, _ = ran_in_full("prior-asha", seed)
        assert (full, epochs) == (3, 165)
        assert ran_in_full("tpe-asha", seed)[0] > 3


def test_variants_of_the_scheduler_bring_more_trials_to_the_end() -> None:
    """Half of the last rung instead of a third; a second bracket brings more to the second rung."""

    def reached(strategy: str, epoch: int) -> int:
        table = flat_table(0)
        search = make_strategy(strategy, table, prior=table.prior("good", 0), seed=0)
        search.most = 60
        simulate(table, search, workers=2, trainings=60)
        return sum(epoch in trial.intermediate_values for trial in search.study.get_trials())

    # 59 arrive at epoch 3 beside the baseline, 19 at epoch 9.
    assert (reached("prior-asha", 9), reached("prior-asha", 24)) == (1 + 19, 1 + 6)
    assert reached("prior-asha-half", 24) == 1 + 9
    assert reached("prior-asha-bracket", 9) > 1 + 19
    assert reached("prior-asha-late-bracket", 9) > 1 + 19


def test_own_tables_are_there_and_fit_their_spaces() -> None:
    for path in OWN.glob("*.npz"):
        table = read_own(path.stem)
        space = space_of(table)
        for config in table.configs[:5]:
            assert not space.misfits(space.decode(config))
        assert table.training(table.expert).row == 0
    assert len(list(OWN.glob("*.npz"))) == 2


def test_a_table_comes_back_as_it_was_saved(tmp_path: Path) -> None:
    """Peers read it in environments of their own."""
    table = read_own("distill")
    table.save(tmp_path / "t.npz")
    assert CurveTable.load(tmp_path / "t.npz").key == table.key


def test_lines_of_trainings_are_packed(tmp_path: Path) -> None:
    """A run that was cut off by a NaN is shorter; the table knows where it ended."""
    known = {"space": "distill", "params": read_own("distill").configs[0], "seconds": 1.0}
    rows: list[dict[str, Any]] = [
        {**known, "configuration": 0, "seed": 0, "wer": [50, 40, 30], "loss": [3, 2, 1]},
        {**known, "configuration": 1, "seed": 0, "wer": [60.0, None], "loss": [3.0, None]},
    ]
    pack(rows, tmp_path)
    table = read_own("distill", folder=tmp_path)
    assert table.values.tolist() == [[50, 40, 30], [60, 60, 60]]
    assert (table.ends.tolist(), table.failed.tolist()) == ([3, 2], [False, True])


def test_what_was_simulated_is_not_simulated_again(tmp_path: Path) -> None:
    """A benchmark of hours goes on where it was stopped, in the middle of a line too."""
    table = flat_table(0)
    file = tmp_path / "results.jsonl"
    cells = list(all_cells(["random"], [table.key], priors=["good"], seeds=range(2), workers=[4]))
    run_missing(cells[:1], {table.key: table}, make_strategy, file, lambda line: None)
    file.write_text(file.read_text() + '{"cell": {"stra\n')
    output: list[str] = []
    run_missing(cells, {table.key: table}, make_strategy, file, output.append)
    assert output == ["1 searches to run"]
    assert set(read_results(file)) == set(cells)


def test_searches_with_distinct_rows_are_cells_of_their_own(tmp_path: Path) -> None:
    """Broken if they were taken for those in which near proposals get the same curve."""
    table = flat_table(0)
    file = tmp_path / "results.jsonl"
    repeated, distinct = (
        Cell("random", table.key, "good", 0, 4, repeats=repeats) for repeats in (True, False)
    )
    cells = [repeated, distinct]
    run_missing(cells, {table.key: table}, make_strategy, file, lambda line: None)
    results = read_results(file)
    assert list(results) == cells
    budget = {"tables": [table.key], "prior": "good", "workers": 4, "trainings": 20}
    for cell in cells:
        (seen,) = regrets(results, "random", repeats=cell.repeats, **budget).values()
        assert seen == results[cell].at(20)


def test_differences_are_paired_by_table_and_seed() -> None:
    ours = {("a", 0): 1.0, ("a", 1): 5.0, ("b", 0): 2.0}
    theirs = {("a", 0): 2.0, ("a", 1): 6.0, ("c", 0): 0.0}
    apart = difference(ours, theirs, "other")
    assert apart is not None
    assert (apart.blocks, apart.mean, apart.low, apart.high) == (2, -1.0, -1.0, -1.0)
    assert apart.p == 0.5  # of two differences: four ways to sign them, two of them as far out


def test_the_report_names_every_strategy() -> None:
    def result(regret: float) -> Result:
        return Result((regret,) * 100, regret, 1, 1, 0.0)

    results = {
        Cell(name, "t", prior, seed, 4): result(regret + seed)
        for name, regret in (("prior-asha", 0.1), ("random", 0.3))
        for prior in ("good", "bad")
        for seed in range(3)
    }
    message = report(results, ours="prior-asha", others=["random"], tables=["t"], workers=4,
                  budgets=(8, 20))  # fmt: skip
    assert message.count("-0.200 [-0.200, -0.200]") == 4
