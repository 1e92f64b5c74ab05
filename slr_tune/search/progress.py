"""The progress of a run on stderr: a table in a terminal, plain lines elsewhere."""

from __future__ import annotations

import time
from collections.abc import Sequence

from optuna.trial import FrozenTrial, TrialState
from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from slr_tune.search.study_clock import StudyClock
from slr_tune.space import StudySpec
from slr_tune.study.forecast import forecast_cost, forecast_epochs
from slr_tune.study.record import ended_by, epochs_run, is_paused
from slr_tune.study.segments import cost_between, study_segments
from slr_tune.study.store import StudyStore
from slr_tune.study.summary import flat
from slr_tune.text import counted, duration, metric_text, setting_text

_DRAW_SECONDS = 1.0


class Progress:
    """Shows how far a run is. Use it as a context: it owns the terminal's last lines meanwhile."""

    def __init__(self, console: Console | None = None) -> None:
        """Draws on stderr, or on a given console."""
        self._console = console or Console(stderr=True, highlight=False, soft_wrap=True)
        self._live: Live | None = None
        self._store: StudyStore | None = None
        self._printed: set[int] = set()
        self._next_draw = 0.0
        self._start = time.monotonic()
        self._cost_before = 0.0
        self._paused: dict[int, int] = {}
        self._clock: StudyClock | None = None

    def __enter__(self) -> Progress:
        """Takes the terminal's last lines."""
        if self._console.is_terminal:
            self._live = Live(console=self._console, auto_refresh=False, transient=True)
            self._live.start()
        return self

    def __exit__(self, *raised: object) -> None:
        """Gives them back."""
        if self._live is not None:
            self._live.stop()
            self._live = None

    def message(self, text: str) -> None:
        """One line that stays."""
        self._console.print(Text(text))

    def watch(self, store: StudyStore, clock: StudyClock | None = None) -> None:
        """Shows this study from now on; time left is estimated from what happens from now on.

        Args:
            store: The study.
            clock: Of its time, where that has a limit.
        """
        self._store, self._clock = store, clock
        trials = store.own_trials
        self._printed = {trial.number for trial in trials if trial.state.is_finished()}
        self._paused = {trial.number: epochs_run(trial) for trial in trials if is_paused(trial)}
        self._cost_before = _cost(store.spec, trials)
        self._start = time.monotonic()

    def tick(self, *, force: bool = False) -> None:
        """Draws where the last drawing is old enough, or in any case."""
        now = time.monotonic()
        if self._store is None or (now < self._next_draw and not force):
            return
        self._next_draw = now + _DRAW_SECONDS
        trials = self._store.own_trials
        for trial in trials:
            if trial.state.is_finished() and trial.number not in self._printed:
                self._printed.add(trial.number)
                self.message(_trial_line(self._store.spec, trial, len(self._printed)))
            elif is_paused(trial) and self._paused.get(trial.number) != epochs_run(trial):
                self._paused[trial.number] = epochs_run(trial)
                self.message(_paused_line(self._store.spec, trial))
        if self.draws:
            left = None if self._clock is None else self._clock.left
            seconds = self._seconds_left(self._store.spec, trials)
            lines = _standing(self._store, trials, seconds, left)
            running = _running(trials, self._store.spec.objective.metric)
            self.draw(Group(running, *map(Text, lines)))

    @property
    def draws(self) -> bool:
        """Whether there is a place for the table of what runs now."""
        return self._live is not None

    def draw(self, standing: Group) -> None:
        """Puts the table of what runs now into its place."""
        if self._live is not None:
            self._live.update(standing, refresh=True)

    def _seconds_left(self, spec: StudySpec, trials: Sequence[FrozenTrial]) -> float | None:
        """What is still to come at this run's pace: as planned, or as long as trials were so far.

        None before the first epoch of this run, and where nothing is planned before the first
        trial has ended.
        """
        if spec.budget.trials is None:
            return None
        lengths = [_cost(spec, [t]) for t in trials if t.state.is_finished()]
        here = _cost(spec, trials) - self._cost_before
        planned = forecast_cost(spec)
        if planned is not None and here > 0:
            left = max(0.0, planned - _cost(spec, trials))
            return left * (time.monotonic() - self._start) / here
        if not lengths or here <= 0:
            return None
        mean = sum(lengths) / len(lengths)
        begun = [_cost(spec, [t]) for t in trials if not t.state.is_finished()]
        to_start = max(0, spec.budget.trials - len(trials))
        to_come = to_start * mean + sum(max(mean - done, 1.0) for done in begun)
        return to_come * (time.monotonic() - self._start) / here


def _limit(spec: StudySpec) -> float:
    """Seconds that the study may take."""
    return 3600.0 * (spec.budget.hours or 0.0)


def _epochs(trials: Sequence[FrozenTrial]) -> int:
    return sum(map(epochs_run, trials))


def _cost(spec: StudySpec, trials: Sequence[FrozenTrial]) -> float:
    """The same in epochs over all training utterances."""
    segments = study_segments(spec)
    return sum(cost_between(segments, 0, epochs_run(trial)) for trial in trials)


def _last_value(trial: FrozenTrial) -> float | None:
    values = trial.intermediate_values
    return values[max(values)] if values else None


def _trial_line(spec: StudySpec, trial: FrozenTrial, done: int) -> str:
    of = "" if spec.budget.trials is None else f"/{spec.budget.trials}"
    return f"[{done}{of}] {_trial_text(spec, trial)}, {ended_by(trial)}"


def _paused_line(spec: StudySpec, trial: FrozenTrial) -> str:
    return f"{_trial_text(spec, trial)}, paused"


def _trial_text(spec: StudySpec, trial: FrozenTrial) -> str:
    value = _last_value(trial)
    text = "no value" if value is None else metric_text(value, spec.objective.metric)
    return f"trial {trial.number}: {text}, {counted(epochs_run(trial), 'epoch')}"


def _running(trials: Sequence[FrozenTrial], metric: str) -> Table:
    """What runs now."""
    table = Table(box=None, padding=(0, 2, 0, 0))
    for heading in ("running", "epoch", "value"):
        table.add_column(heading, justify="left" if heading == "running" else "right")
    for trial in trials:
        if trial.state == TrialState.RUNNING:
            value = _last_value(trial)
            text = "-" if value is None else metric_text(value, metric)
            table.add_row(f"trial {trial.number}", str(epochs_run(trial)), text)
    return table


def _standing(
    store: StudyStore,
    trials: Sequence[FrozenTrial],
    seconds_left: float | None,
    time_left: float | None,
) -> list[str]:
    """Where the study stands: trials by state, epochs, the best trial so far.

    Args:
        store: The study.
        trials: Its own.
        seconds_left: That all trials asked for will take.
        time_left: Seconds until the study's time is up.
    """
    spec = store.spec
    names = ["paused" if is_paused(trial) else trial.state.name.lower() for trial in trials]
    order = [*(state.name.lower() for state in TrialState), "paused"]
    states = ", ".join(f"{names.count(name)} {name}" for name in order if name in names)
    planned = forecast_epochs(spec)
    asked = spec.budget.trials
    budgeted = f" of {planned} planned" if planned is not None else ""
    if planned is None and asked is not None:
        budgeted = f" of {asked * spec.budget.max_epochs} budgeted"
    left = "" if seconds_left is None else f", about {duration(seconds_left)} left"
    if time_left is not None:
        left += f", {duration(max(0.0, time_left))} of {duration(_limit(spec))} left"
    lines = [
        f"trials {len(trials)}{'' if asked is None else f'/{asked}'}: {states}",
        f"epochs {_epochs(trials)}{budgeted}{left}",
    ]
    valued = [
        (value, trial)
        for trial in trials
        if trial.state != TrialState.FAIL and (value := _last_value(trial)) is not None
    ]
    if valued:
        sign = 1 if store.minimizes else -1
        value, best = min(valued, key=lambda pair: sign * pair[0])
        config = flat(spec.space.decode(best.params))
        listed = ", ".join(f"{name}={setting_text(setting)}" for name, setting in config.items())
        shown = metric_text(value, spec.objective.metric)
        lines.append(f"best {shown} (trial {best.number}): {listed}")
    return lines
