"""Room on the disk: checkpoints that nothing can need any more are deleted, and a limit holds."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from optuna.trial import FrozenTrial, TrialState

from slr_tune.errors import RunFailed
from slr_tune.search.promotions import Promotions
from slr_tune.study.folders import trial_folder
from slr_tune.study.record import is_paused
from slr_tune.study.rungs import is_audited
from slr_tune.study.store import StudyStore
from slr_tune.text import counted

HEADROOM = 2
"""A paused trial keeps its checkpoint if this many times the requested trials could promote it."""


class CheckpointRoom:
    """Deletes checkpoints of trials that are with no worker.

    Attributes:
        target: Trials that the study is to have.
    """

    def __init__(
        self, store: StudyStore, promotions: Promotions | None, *, target: int, workers: int
    ) -> None:
        """Deletes nothing yet.

        Args:
            store: The study.
            promotions: Of a strategy that pauses trials, else None.
            target: Trials that the study is to have.
            workers: Trials side by side.
        """
        self._store, self._promotions = store, promotions
        self.target, self._workers = target, workers
        self._sizes: dict[int, int] = {}
        self._emptied: set[int] = set()

    def tidy(self) -> None:
        """To be called when a trial has left its worker.

        Raises:
            RunFailed: The checkpoints that are needed are more than `budget: {disk: ...}` allows.
        """
        spec = self._store.spec
        self._emptied -= self._store.live.keys()
        if self._promotions is not None:
            for number in self._promotions.hopeless(trials=HEADROOM * self.target):
                if not is_audited(number, seed=spec.seed, share=spec.budget.audit):
                    self._empty(number)
        if spec.budget.disk is not None:
            self._hold(spec.budget.disk)

    def _hold(self, limit: int) -> None:
        """Deletes what is needed least until the workers' next checkpoints fit."""
        trials = self._store.trials
        known = (self._sizes.keys() | self._emptied) - self._store.live.keys()
        for trial in trials:
            if trial.number not in known:
                self._sizes[trial.number] = _size(self._folder(trial.number))
        needless = self._least_needed(trials)
        while (excess := self._needed() - limit) > 0:
            number = next(needless, None)
            if number is None:
                most, more = (f"{size / 1e6:,.3g} MB" for size in (limit, excess))
                raise RunFailed(
                    f"the checkpoints of {counted(self._workers, 'trial')} side by side and of the "
                    f"best need {more} more than budget.disk, {most}",
                    hint="Raise budget.disk, or take fewer --workers; then run the same command "
                    "again. Nothing is lost.",
                )
            self._empty(number)

    def _needed(self) -> int:
        """Bytes on disk once every worker has written as much as the largest trial."""
        idle = sum(size for n, size in self._sizes.items() if n not in self._store.live)
        return idle + self._workers * max(self._sizes.values(), default=0)

    def _least_needed(self, trials: list[FrozenTrial]) -> Iterator[int]:
        """Trials in the order in which their checkpoints are given up."""
        waiting = [] if self._promotions is None else self._promotions.by_chance()
        hopeless = (
            set() if self._promotions is None else {*self._promotions.hopeless(trials=self.target)}
        )
        sign = 1 if self._store.minimizes else -1
        ended = [trial for trial in trials if trial.state.is_finished()]
        complete = [t for t in ended if t.state == TrialState.COMPLETE and t.values]
        complete.sort(key=lambda trial: sign * trial.values[0])
        kept = {0, *(trial.number for trial in complete[:1])}
        order = [number for number in waiting if number in hopeless]
        order += [t.number for t in ended if t.state != TrialState.COMPLETE and not is_paused(t)]
        order += [trial.number for trial in reversed(complete) if trial.number not in kept]
        # One of these starts from scratch where it is promoted all the same.
        order += [number for number in waiting if number not in hopeless]
        for number in order:
            if self._sizes.get(number):
                yield number

    def _empty(self, number: int) -> None:
        if number not in self._emptied:
            for file in _files(self._folder(number)):
                with suppress(OSError):
                    file.unlink()
            self._emptied.add(number)
            self._sizes.pop(number, None)
            self._store.forget_checkpoint(number)

    def _folder(self, number: int) -> Path:
        return trial_folder(self._store.spec.study, number) / "checkpoints"


def _files(folder: Path) -> list[Path]:
    with suppress(OSError):
        return list(folder.glob("*.pt"))
    return []


def _size(folder: Path) -> int:
    size = 0
    for file in _files(folder):
        with suppress(OSError):
            size += file.stat().st_size
    return size
