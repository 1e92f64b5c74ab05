"""A search on a table: workers, epochs that cost time, and a strategy that says what runs next.

Needs numpy alone, so that peers run it in environments of their own. Time is counted in epochs: one
epoch of any configuration takes 1 on any worker, a decision takes none.
"""

from __future__ import annotations

import heapq
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

import numpy as np

from benchmarks.search.curve_table import CurveTable, Training


class Work(NamedTuple):
    """What a worker is to do: a trial from where it stands, a new one where `start` is 0.

    Attributes:
        trial: The strategy's own name for it, any value that can be looked up.
        params: Its parameters.
        start: Epochs it has run.
    """

    trial: Any
    params: Mapping[str, Any]
    start: int = 0


class Finished(NamedTuple):
    """A trial that ended by itself.

    Attributes:
        time: When.
        row: Of the table.
        value: Best it showed.
    """

    time: int
    row: int
    value: float


class Strategy(Protocol):
    """A sampler with its scheduler."""

    def next(self) -> Work | None:
        """What a free worker is to do; None to wait for what others report."""

    def report(self, trial: Any, epoch: int, value: float, ended: str | None) -> bool:
        """Takes the best value after an epoch, smaller is better.

        Args:
            trial: As `next` named it.
            epoch: Epochs that it has run.
            value: Best so far; inf where there is none.
            ended: "max_epochs", "patience" or "nan" where the training is over.

        Returns:
            Whether the trial goes on on its worker.
        """


@dataclass
class History:
    """What a simulated search did.

    Attributes:
        trials: Trials that were started.
        full: Those that ran to the last epoch of the table.
        epochs: Epochs that were run.
        best: (T,) least value that any trial had shown by each epoch of time, 1..T.
        chosen: Row of the table that showed the least value.
        finished: Trials that ended by themselves with a number.
    """

    trials: int = 0
    full: int = 0
    epochs: int = 0
    best: np.ndarray = field(default_factory=lambda: np.zeros(0))
    chosen: int = 0
    finished: list[Finished] = field(default_factory=list)


def simulate(
    table: CurveTable,
    strategy: Strategy,
    *,
    workers: int,
    trainings: float,
    noise: float = 0.0,
    seed: int = 0,
    repeats: bool = True,
) -> History:
    """Runs a strategy until the workers have spent as many epochs as some full trainings.

    Args:
        table: The curves.
        strategy: Who decides.
        workers: Trials side by side.
        trainings: Budget, in trainings of `max_epochs`.
        noise: Standard deviation of a factor on each trial's curve, as another seed would give.
        seed: Of the noise.
        repeats: Whether two trials may get the same row of the table; else the later one gets the
            nearest that is left, so that near configurations differ as they do in a training.
    """  # fmt: skip
    total = int(trainings * table.max_epochs / workers)
    history = History(best=np.full(total, np.inf))
    runs: dict[Any, Training] = {}
    taken: set[int] = set()
    rng = np.random.default_rng([seed, 7])
    idle, events = list(range(workers)), []
    lowest, now = np.inf, 0
    while True:
        still = []
        for worker in idle:
            work = strategy.next()
            if work is None:
                still.append(worker)
                continue
            if work.trial not in runs:
                history.trials += 1
                run = table.training(work.params, taken)
                taken |= set() if repeats else {run.row}
                factor = float(np.exp(noise * rng.standard_normal()))
                runs[work.trial] = run._replace(values=run.values * factor)
            heapq.heappush(events, (now + 1, worker, work.start + 1, work.trial))
        idle = still
        if not events or events[0][0] > total:
            break
        now = events[0][0]
        while events and events[0][0] == now:
            _, worker, epoch, trial = heapq.heappop(events)
            run = runs[trial]
            history.epochs += 1
            value = float(run.values[epoch - 1])
            if value < lowest:
                lowest, history.chosen = value, run.row
            ended = None
            if epoch >= run.end:
                ended = "nan" if run.failed else "patience"
            if epoch >= table.max_epochs and not run.failed:
                ended, history.full = "max_epochs", history.full + 1
            if ended in ("max_epochs", "patience"):
                history.finished.append(Finished(now, run.row, value))
            if strategy.report(trial, epoch, value, ended) and ended is None:
                heapq.heappush(events, (now + 1, worker, epoch + 1, trial))
            else:
                idle.append(worker)
        history.best[now - 1 :] = lowest
        idle.sort()
    return history
