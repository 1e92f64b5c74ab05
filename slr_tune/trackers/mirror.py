"""Keeps trackers at what the study holds.

The study is the truth and a tracker a copy: what it lacks is found by comparing, so that a search
that was killed continues in the same runs, and a tracker named later gets the earlier trials too. A
tracker that is slow, or fails, neither holds the search nor ends it.
"""

from __future__ import annotations

import json
import math
import queue
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from optuna.trial import FrozenTrial

from slr_tune.errors import SlrTuneError
from slr_tune.study.folders import studies_root, trial_folder
from slr_tune.study.record import ended_by, record_of
from slr_tune.study.store import StudyStore
from slr_tune.study.summary import flat
from slr_tune.trackers.tracker import (
    TrackedRun,
    TrackedStudy,
    TrackedTrial,
    Tracker,
    open_trackers,
)
from trainables.errors import first_line
from trainables.files.atomic import replace_file
from trainables.files.curve import CurveFile

FILE = "trackers.json"
"""In the study's folder: what each tracker has."""

_LOOK_SECONDS = 2.0
_WAIT_SECONDS = 60.0
"""For what is still to be sent, when a search has ended."""


class Mirror:
    """The trackers of a search; without any it does nothing."""

    def __init__(self, store: StudyStore, copies: Sequence[_Copy]) -> None:
        """Takes the study and its copies."""
        self._store = store
        self._copies = copies
        self._next_look = 0.0
        self._over: set[int] = set()

    def tick(self, *, force: bool = False) -> None:
        """Compares where the last look is some seconds old, or in any case."""
        now = time.monotonic()
        if not self._copies or (now < self._next_look and not force):
            return
        self._next_look = now + _LOOK_SECONDS
        for trial in self._store.own_trials:
            if trial.number in self._over or record_of(trial) is None:
                continue
            tracked = self._tracked(trial)
            rows = CurveFile(tracked.folder / "curve.csv").rows()
            for copy in self._copies:
                copy.send(tracked, rows)
            if trial.state.is_finished():
                self._over.add(trial.number)

    def _tracked(self, trial: FrozenTrial) -> TrackedTrial:
        record = record_of(trial)
        assert record is not None  # `tick` leaves out those without
        over = trial.state.is_finished()
        return TrackedTrial(
            trial.number,
            {**flat(record.config), "seed": record.seed},
            trial_folder(self._store.spec.study, trial.number),
            trial.state.name,
            ended_by(trial) if over else None,
            trial.values[0] if over and trial.values else None,
            self._store.spec.objective.metric,
        )


@contextmanager
def open_mirror(store: StudyStore, tell: Callable[[str], None]) -> Iterator[Mirror]:
    """The trackers that a study's `resources.trackers` names, for the time of a block.

    Args:
        store: The study.
        tell: Called with each message.

    Raises:
        SlrTuneError: The library of a tracker is not installed.
    """
    names = store.spec.resources.trackers
    path = store.folder / FILE
    kept = _read(path)
    study = TrackedStudy(store.spec.study, store.folder, studies_root())
    trackers = open_trackers(names, study)
    lock = threading.Lock()

    def keep(name: str, runs: Mapping[int, TrackedRun]) -> None:
        with lock:
            kept[name] = {number: TrackedRun(**asdict(run)) for number, run in runs.items()}
            content = {
                tracker: {str(number): asdict(run) for number, run in found.items()}
                for tracker, found in kept.items()
            }
            replace_file(path, (json.dumps(content, indent=1) + "\n").encode())

    copies = [_Copy(n, t, kept.get(n, {}), keep, tell) for n, t in trackers.items()]
    mirror = Mirror(store, copies)
    try:
        yield mirror
        mirror.tick(force=True)
    finally:
        end = time.monotonic() + (_WAIT_SECONDS if copies else 0.0)
        for copy in copies:
            copy.finish(max(0.1, end - time.monotonic()))


class _Copy:
    """One tracker with its thread and its queue."""

    def __init__(
        self,
        name: str,
        tracker: Tracker,
        runs: Mapping[int, TrackedRun],
        keep: Callable[[str, Mapping[int, TrackedRun]], None],
        tell: Callable[[str], None],
    ) -> None:
        """Starts the thread."""
        self._name = name
        self._tracker = tracker
        self._runs = {number: TrackedRun(**asdict(run)) for number, run in runs.items()}
        self._keep = keep
        self._tell = tell
        self._open: set[int] = set()
        # What was handed over, which the thread may not have sent yet.
        self._seen = {number: (run.epochs, run.ended) for number, run in runs.items()}
        self._queue: queue.Queue[tuple[TrackedTrial, list[dict[str, float]]] | None] = queue.Queue()
        self._failed = False
        self._thread = threading.Thread(target=self._work, name=f"tracker {name}", daemon=True)
        self._thread.start()

    def send(self, trial: TrackedTrial, rows: Sequence[Mapping[str, float]]) -> None:
        """Hands over what the tracker lacks of a trial."""
        epochs, ended = self._seen.get(trial.number, (0, False))
        over = trial.ended_by is not None
        fresh = [dict(row) for row in rows if int(row.get("epoch", 0)) > epochs]
        if self._failed or (ended and over) or not (fresh or over):
            return
        self._seen[trial.number] = (max([epochs, *(int(r["epoch"]) for r in fresh)]), over)
        self._queue.put((trial, fresh))

    def finish(self, seconds: float) -> None:
        """Lets the thread send what is left, so many seconds long."""
        self._queue.put(None)
        self._thread.join(seconds)
        if self._thread.is_alive():
            self._tell(
                f"Tracker {self._name} did not accept everything in time; the next start of the "
                "search sends the rest"
            )

    def _work(self) -> None:
        try:
            while (item := self._queue.get()) is not None:
                self._enter(*item)
            self._tracker.close()
        except Exception as error:  # any library, any server: the search is not their business
            self._failed = True
            self._tell(
                f"Tracker {self._name} failed and is disabled: "
                f"{type(error).__name__}: {first_line(error)}"
            )

    def _enter(self, trial: TrackedTrial, rows: Sequence[Mapping[str, float]]) -> None:
        number = trial.number
        known = self._runs.get(number)
        if number not in self._open:
            run = self._tracker.begin(trial, None if known is None else known.id)
            self._runs[number] = TrackedRun(run, 0 if known is None else known.epochs)
            self._open.add(number)
        kept = self._runs[number]
        for row in rows:
            epoch = int(row["epoch"])
            values = {k: v for k, v in row.items() if k != "epoch" and math.isfinite(v)}
            self._tracker.log(kept.id, epoch, values)
            kept.epochs = max(kept.epochs, epoch)
        if trial.ended_by is not None:
            self._tracker.end(kept.id, trial)
            kept.ended = True
            self._open.discard(number)
        self._keep(self._name, self._runs)


def _read(path: Path) -> dict[str, dict[int, TrackedRun]]:
    """What each tracker has; nothing where the file is missing or damaged."""
    try:
        content: Any = json.loads(path.read_text())
        return {
            name: {int(number): TrackedRun(**run) for number, run in runs.items()}
            for name, runs in content.items()
        }
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, TypeError, AttributeError) as error:
        raise SlrTuneError(
            f"{path} cannot be read: {first_line(error)}",
            hint="Remove it to send all trials again.",
        ) from error
