"""The progress of a run on stderr: a table in a terminal, plain lines elsewhere."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any

from optuna.trial import FrozenTrial, TrialState
from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from slr_tune.study.record import ended_by
from slr_tune.study.store import StudyStore
from slr_tune.study.summary import flat
from slr_tune.text import duration, metric_text, setting_text

_DRAW_SECONDS = 1.0
_LINE_SECONDS = 30.0


@dataclass(frozen=True)
class Snapshot:
    """A run at one moment.

    Attributes:
        states: Trials by state, Optuna's names.
        target: Trials asked for.
        metric: What the values are.
        best: The best trial so far that has a value, None without.
        best_value: Its value.
        best_config: Its searched values by dotted name.
        epochs: Epochs stored, of all trials.
        epochs_budgeted: Trials asked for times epochs of a trial that nothing stops.
        seconds_left: Estimate, None before the first trial has ended in this run.
    """

    states: Mapping[str, int]
    target: int
    metric: str
    best: int | None
    best_value: float | None
    best_config: Mapping[str, Any]
    epochs: int
    epochs_budgeted: int
    seconds_left: float | None


class Progress:
    """Shows how far a run is. Use it as a context: it owns the terminal's last lines meanwhile."""

    def __init__(self, console: Console | None = None) -> None:
        """Draws on stderr, or on a given console."""
        self._console = console or Console(stderr=True, highlight=False, soft_wrap=True)
        self._live: Live | None = None
        self._store: StudyStore | None = None
        self._told: set[int] = set()
        self._next_draw = 0.0
        self._start = time.monotonic()
        self._epochs_before = 0

    def __enter__(self) -> Progress:
        """Takes the terminal's last lines."""
        if self._console.is_terminal:
            self._live = Live(console=self._console, auto_refresh=False, transient=True)
            self._live.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Gives them back."""
        if self._live is not None:
            self._live.stop()
            self._live = None

    def message(self, text: str) -> None:
        """One line that stays."""
        self._console.print(Text(text))

    def watch(self, store: StudyStore) -> None:
        """Shows this study from now on; time left is estimated from what happens from now on."""
        self._store = store
        trials = store.trials
        self._told = {trial.number for trial in trials if trial.state.is_finished()}
        self._epochs_before = sum(len(trial.intermediate_values) for trial in trials)
        self._start = time.monotonic()

    def tick(self, *, force: bool = False) -> None:
        """Draws where the last drawing is old enough, or in any case."""
        now = time.monotonic()
        if self._store is None or (now < self._next_draw and not force):
            return
        self._next_draw = now + _DRAW_SECONDS
        trials = self._store.trials
        for trial in trials:
            if trial.state.is_finished() and trial.number not in self._told:
                self._told.add(trial.number)
                self._trial_line(trial, len(self._told))
        if self._live is not None:
            self._live.update(_table(self.snapshot(trials), trials), refresh=True)

    def snapshot(self, trials: list[FrozenTrial]) -> Snapshot:
        """The figures of the table."""
        assert self._store is not None
        spec = self._store.spec
        states = {state.name: sum(t.state == state for t in trials) for state in TrialState}
        valued = [
            (t.intermediate_values[max(t.intermediate_values)], t)
            for t in trials
            if t.intermediate_values and t.state != TrialState.FAIL
        ]
        sign = 1 if self._store.minimizes else -1
        value, best = min(valued, key=lambda pair: sign * pair[0], default=(None, None))
        epochs = sum(len(trial.intermediate_values) for trial in trials)
        return Snapshot(
            states={name: count for name, count in states.items() if count},
            target=spec.budget.trials,
            metric=spec.objective.metric,
            best=None if best is None else best.number,
            best_value=value,
            best_config={} if best is None else flat(spec.space.decode(best.params)),
            epochs=epochs,
            epochs_budgeted=spec.budget.trials * spec.budget.max_epochs,
            seconds_left=self._seconds_left(trials, epochs),
        )

    def _seconds_left(self, trials: list[FrozenTrial], epochs: int) -> float | None:
        """Epochs still to come, if trials go on to be as long as they were, at this run's pace."""
        assert self._store is not None
        lengths = [len(t.intermediate_values) for t in trials if t.state.is_finished()]
        here = epochs - self._epochs_before
        if not lengths or here <= 0:
            return None
        mean = sum(lengths) / len(lengths)
        begun = [len(t.intermediate_values) for t in trials if not t.state.is_finished()]
        to_start = max(0, self._store.spec.budget.trials - len(trials))
        to_come = to_start * mean + sum(max(mean - done, 1.0) for done in begun)
        return to_come * (time.monotonic() - self._start) / here

    def _trial_line(self, trial: FrozenTrial, done: int) -> None:
        assert self._store is not None
        values = trial.intermediate_values
        metric = self._store.spec.objective.metric
        value = metric_text(values[max(values)], metric) if values else "no value"
        self.message(
            f"[{done}/{self._store.spec.budget.trials}] trial {trial.number}: {value}, "
            f"{len(values)} epochs, {ended_by(trial)}"
        )


def _table(snapshot: Snapshot, trials: list[FrozenTrial]) -> Group:
    """The live part: what runs now, and where the study stands."""
    running = Table(box=None, padding=(0, 2, 0, 0))
    for heading in ("running", "epoch", "value"):
        running.add_column(heading, justify="left" if heading == "running" else "right")
    for trial in trials:
        if trial.state == TrialState.RUNNING:
            values = trial.intermediate_values
            last = max(values, default=0)
            running.add_row(
                f"trial {trial.number}",
                str(last),
                metric_text(values[last], snapshot.metric) if values else "-",
            )
    states = ", ".join(f"{count} {name.lower()}" for name, count in snapshot.states.items())
    lines = [
        f"trials {sum(snapshot.states.values())}/{snapshot.target}: {states}",
        f"epochs {snapshot.epochs} of {snapshot.epochs_budgeted} budgeted"
        + (
            ""
            if snapshot.seconds_left is None
            else f", about {duration(snapshot.seconds_left)} left"
        ),
    ]
    if snapshot.best_value is not None:
        config = ", ".join(f"{k}={setting_text(v)}" for k, v in snapshot.best_config.items())
        best = metric_text(snapshot.best_value, snapshot.metric)
        lines.append(f"best {best} (trial {snapshot.best}): {config}")
    return Group(running, *(Text(line) for line in lines))
