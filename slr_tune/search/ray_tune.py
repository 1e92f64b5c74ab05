"""The search as Ray Tune sees it: a searcher, a scheduler, a stopper and a callback.

All four only pass on what they hear to the one `Recorder`. Ray Tune keeps a snapshot of its own
experiment, which nothing ever reads: the study is the only truth. So none of them is stored.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any, Self

from ray.tune import Callback, ProgressReporter, Stopper
from ray.tune.execution.tune_controller import TuneController
from ray.tune.experiment import Trial
from ray.tune.progress_reporter import TrialProgressCallback
from ray.tune.schedulers import FIFOScheduler, TrialScheduler
from ray.tune.search import Searcher

from slr_tune.search.bundles import NODES
from slr_tune.search.recorder import Recorder
from slr_tune.search.worker_report import Report
from slr_tune.study.live_trial import LiveTrial
from slr_tune.training.nodes import Nodes
from slr_tune.training.ray_private import forget_ended, kill_worker, let_go
from trainables.ray_adapter import RESULT, Assignment

_LOOK_SECONDS = 0.5
"""Between two looks for workers that bring no epoch in time."""


class _NotStored:
    """Keeps a part that holds a database connection out of Ray's pickles."""

    def __reduce__(self) -> tuple[Any, ...]:
        return (str, (f"{type(self).__name__} is not stored",))

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        return self


class StudySearcher(_NotStored, Searcher):  # type: ignore[misc]  # Ray ships no types
    """Hands out the trials of a study: first those that wait, then new suggestions."""

    def __init__(
        self, recorder: Recorder, assign: Callable[[LiveTrial], Assignment], nodes: Nodes
    ) -> None:
        """Wraps the recorder.

        Args:
            recorder: The study's book-keeping.
            assign: Says what the worker of a trial has to know.
            nodes: Where it may be.
        """
        super().__init__()
        self._nodes = nodes
        self._recorder = recorder
        self._assign = assign
        self._numbers: dict[str, int] = {}

    def suggest(self, trial_id: str) -> dict[str, Any] | str | None:
        """The next trial; None while all workers are busy; FINISHED when no trial is left."""
        # Where no trial runs, Tune asks for one again and again, and does nothing else meanwhile.
        finished: str = Searcher.FINISHED
        if not self._recorder.store.live:
            if self._recorder.asked_to_end:
                return finished
            if self._recorder.guarded(self._nodes.watch, False):
                self._recorder.resize(self._nodes.workers)
        live = self._recorder.guarded(self._recorder.next_trial, None)
        if live is None:
            # A trial whose worker dies comes back into the queue, so wait for those in the air.
            in_the_air = bool(self._recorder.store.live) and self._recorder.failure is None
            return finished if self._recorder.drained and not in_the_air else None
        self._numbers[trial_id] = live.number
        return {**self._assign(live).to_ray(), NODES: json.dumps(self._nodes.selector)}

    def on_trial_complete(
        self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False
    ) -> None:
        """The scheduler has reported a normal end already; an error here is a lost worker."""
        number = self._numbers.pop(trial_id, None)
        if number is not None and error:
            self._recorder.guarded(lambda: self._lost(number), None)

    def _lost(self, number: int) -> None:
        if self._nodes.has_left():
            self._recorder.lost_node(number)
        else:
            self._recorder.lost_worker(number, "the worker process died")

    def save(self, checkpoint_path: str) -> None:
        """Stores nothing."""

    def restore(self, checkpoint_path: str) -> None:
        """Restores nothing; a run is resumed from the study."""


class StudyScheduler(_NotStored, FIFOScheduler):  # type: ignore[misc]  # Ray ships no types
    """Writes each report into the study and stops what has ended, by itself or by ASHA."""

    def __init__(self, recorder: Recorder) -> None:
        """Wraps the recorder."""
        super().__init__()
        self._recorder = recorder
        self._held: dict[str, tuple[Trial, str]] = {}

    def on_trial_result(
        self, tune_controller: TuneController, trial: Trial, result: dict[str, Any]
    ) -> str:
        """Decides after each epoch; a worker waits for what is decided until it is stored."""
        number = Assignment.from_ray(trial.config).number
        report = Report(**json.loads(result[RESULT]))
        ended = self._recorder.guarded(lambda: self._recorder.report(number, report), True)
        action = str(TrialScheduler.STOP if ended else TrialScheduler.CONTINUE)
        if self._recorder.guarded(self._recorder.may_report, True):
            return action
        self._held[trial.trial_id] = trial, action
        return str(TrialScheduler.NOOP)

    def choose_trial_to_run(self, tune_controller: TuneController) -> Trial | None:
        """Asked in each turn of Tune's loop: lets those go whose decision is stored by now.

        The study is the memory of a search, so Tune may forget what has ended.
        """
        if self._recorder.guarded(self._recorder.keep_up, True):
            while self._held:
                trial, action = self._held.popitem()[1]
                let_go(tune_controller, trial, action)
        forget_ended(tune_controller)
        return super().choose_trial_to_run(tune_controller)


class StopOnRequest(_NotStored, Stopper):  # type: ignore[misc]  # Ray ships no types
    """Ends the Tune run when a person asks for it or the book-keeping cannot continue."""

    def __init__(self, recorder: Recorder, asked: Callable[[], bool]) -> None:
        """Takes the two reasons."""
        self._recorder = recorder
        self._asked = asked

    def __call__(self, trial_id: str, result: dict[str, Any]) -> bool:
        """Never stops a single trial."""
        return False

    def stop_all(self) -> bool:
        """Whether to end."""
        return self._asked() or self._recorder.failure is not None


class Watchdog(_NotStored, Callback):  # type: ignore[misc]  # Ray ships no types
    """Has the workers replaced that bring no epoch in time."""

    def __init__(self, recorder: Recorder) -> None:
        """Wraps the recorder."""
        self._recorder = recorder
        self._next_look = 0.0

    def on_trial_start(
        self, iteration: int, trials: list[Trial], trial: Trial, **info: Any
    ) -> None:
        """Its worker is up."""
        self._recorder.begin(Assignment.from_ray(trial.config).number)

    def on_step_end(self, iteration: int, trials: list[Trial], **info: Any) -> None:
        """After each turn of Tune's loop, which with many workers is hundreds of times a second."""
        now = time.monotonic()
        if now < self._next_look:
            return
        self._next_look = now + _LOOK_SECONDS
        nobody: list[int] = []
        late = self._recorder.guarded(self._recorder.time_out, nobody)
        for trial in trials if late else ():
            if Assignment.from_ray(trial.config).number in late:
                kill_worker(trial)


class SilentReporter(ProgressReporter):  # type: ignore[misc]  # Ray ships no types
    """Takes the place of Ray's own display, which in a notebook wipes what a cell shows."""

    def should_report(self, trials: list[Trial], done: bool = False) -> bool:
        """Never."""
        return False

    def report(self, trials: list[Trial], done: bool, *sys_info: str) -> None:
        """Says nothing."""


class SilentTrials(TrialProgressCallback):  # type: ignore[misc]  # Ray ships no types
    """Takes the place of what Ray would say of each trial, and would keep every trial for."""

    def log_result(self, trial: Trial, result: dict[str, Any], error: bool = False) -> None:
        """Says nothing."""

    def on_trial_complete(
        self, iteration: int, trials: list[Trial], trial: Trial, **info: Any
    ) -> None:
        """Likewise."""


class ProgressTicker(_NotStored, Callback):  # type: ignore[misc]  # Ray ships no types
    """Lets the progress display draw itself, several times a second."""

    def __init__(self, tick: Callable[[], None]) -> None:
        """Takes what to call."""
        self._tick = tick

    def on_step_end(self, iteration: int, trials: list[Trial], **info: Any) -> None:
        """After each turn of Tune's loop."""
        self._tick()
