"""One simulated search of the benchmark, and the file that remembers it.

Needs numpy alone, so that peers run it in environments of their own.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.search.curve_table import CurveTable
from benchmarks.search.simulate import Strategy, simulate

TRAININGS = 20
"""Budget of a search, in trainings of all epochs; what a smaller one gave is read off its way."""

POINTS = 100
WORST = 10.0
"""Regret that stands for all that are worse: a search that has shown no number yet."""

MakeStrategy = Callable[..., Strategy]


@dataclass(frozen=True)
class Cell:
    """One search.

    Attributes:
        strategy: Its name.
        table: Name of the table.
        prior: "good" or "bad".
        seed: Of the search, and of the draw of a bad prior.
        workers: Trials side by side.
        noise: Standard deviation of a factor on each trial's curve.
        repeats: Whether two trials may get the same row of the table; see `simulate`.
    """

    strategy: str
    table: str
    prior: str
    seed: int
    workers: int
    noise: float = 0.0
    repeats: bool = True


@dataclass(frozen=True)
class Result:
    """What a search found.

    Attributes:
        regret: After each hundredth of the budget, 0 for the best known value, 1 for the median.
        true_regret: Of the configuration that looked best in the end, without noise.
        trials: Started.
        full: Run to the last epoch.
        seconds: Of processor time a trial.
    """

    regret: tuple[float, ...]
    true_regret: float
    trials: int
    full: int
    seconds: float

    def at(self, trainings: float) -> float:
        """Regret after a budget."""
        return self.regret[round(POINTS * trainings / TRAININGS) - 1]


def run_cell(cell: Cell, table: CurveTable, make: MakeStrategy) -> Result:
    """Simulates one search."""
    began = time.process_time()
    prior = table.prior(cell.prior, cell.seed)
    history = simulate(
        table,
        make(cell.strategy, table, prior=prior, seed=cell.seed, workers=cell.workers),
        workers=cell.workers,
        trainings=TRAININGS,
        noise=cell.noise,
        seed=cell.seed,
        repeats=cell.repeats,
    )
    seconds = time.process_time() - began
    places = np.ceil(len(history.best) * np.arange(1, POINTS + 1) / POINTS).astype(int) - 1
    regret = np.minimum(table.regret(history.best[places]), WORST)
    true = min(float(table.regret(table.values[history.chosen, -1])), WORST)
    return Result(
        tuple(round(float(x), 5) for x in regret),
        round(true, 5),
        history.trials,
        history.full,
        round(seconds / max(1, history.trials), 5),
    )


def read_results(path: Path) -> dict[Cell, Result]:
    """What a file remembers; a last line that was cut off is left out."""
    found = {}
    for line in path.read_text().splitlines() if path.exists() else ():
        with suppress(json.JSONDecodeError):
            row = json.loads(line)
            result = row["result"]
            found[Cell(**row["cell"])] = Result(**{**result, "regret": tuple(result["regret"])})
    return found


def run_missing(
    cells: Iterable[Cell],
    tables: Mapping[str, CurveTable],
    make: MakeStrategy,
    path: Path,
    tell: Callable[[str], None],
) -> None:
    """Runs what the file does not remember, a line at once after each search."""
    done = set(read_results(path))
    missing = [cell for cell in cells if cell not in done]
    tell(f"{len(missing)} searches to run")
    with path.open("a") as file:
        for place, cell in enumerate(missing):
            result = run_cell(cell, tables[cell.table], make)
            row: dict[str, Any] = {"cell": asdict(cell), "result": asdict(result)}
            print(json.dumps(row), file=file, flush=True)
            if place % 50 == 49:
                tell(f"{time.strftime('%H:%M:%S')} {place + 1} of {len(missing)}")


def all_cells(
    strategies: Iterable[str],
    tables: Iterable[str],
    *,
    priors: Iterable[str],
    seeds: Iterable[int],
    workers: Iterable[int],
    noise: float = 0.0,
    repeats: bool = True,
) -> Iterator[Cell]:
    """Every combination, all of one seed before the next, so that a part is of use."""
    strategies, tables, priors, workers = map(list, (strategies, tables, priors, workers))
    for seed in seeds:
        for many in workers:
            for prior in priors:
                for table in tables:
                    for strategy in strategies:
                        yield Cell(strategy, table, prior, seed, many, noise, repeats)
