"""What a tracker does; one module each does it with the tracker's own library."""

from __future__ import annotations

import importlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from slr_tune.errors import SlrTuneError
from trainables.errors import first_line


@dataclass(frozen=True)
class TrackedTrial:
    """A trial as trackers get it.

    Attributes:
        number: Its number.
        settings: The whole configuration by dotted names, seed too.
        folder: Its folder.
        state: Optuna's name of its state.
        ended_by: Why it ended; None while it has not.
        value: Its value; None without one.
        metric: Name of the value.
    """

    number: int
    settings: Mapping[str, Any]
    folder: Path
    state: str = "RUNNING"
    ended_by: str | None = None
    value: float | None = None
    metric: str = ""

    @property
    def name(self) -> str:
        """What it is called in a tracker."""
        return f"trial-{self.number}"

    @property
    def failed(self) -> bool:
        """Whether it failed; one that ASHA stopped did not."""
        return self.state == "FAIL"


@dataclass
class TrackedRun:
    """What a tracker has of a trial, kept so that a resumed search continues in the same run.

    Attributes:
        id: The tracker's name of the run.
        epochs: Epochs that it was sent.
        ended: Whether it has the end.
    """

    id: str
    epochs: int = 0
    ended: bool = False


@dataclass
class TrackedStudy:
    """Where a study's runs go.

    Attributes:
        name: The study's name.
        folder: Its folder.
        root: Folder of all studies, for what a tracker stores next to them.
        runs: What the tracker has, by number of the trial.
    """

    name: str
    folder: Path
    root: Path
    runs: dict[int, TrackedRun] = field(default_factory=dict)


class Tracker(Protocol):
    """A program that keeps runs. Its methods are called in one thread, in order."""

    def begin(self, trial: TrackedTrial, known: str | None) -> str:
        """Opens the run of a trial, or continues with the one that it is `known` by; its id."""

    def log(self, run: str, epoch: int, row: Mapping[str, float]) -> None:
        """Takes the finite values of an epoch."""

    def end(self, run: str, trial: TrackedTrial) -> None:
        """Closes the run of a trial that has ended."""

    def close(self) -> None:
        """Closes what is open, of trials that have not ended."""


NAMES = ("mlflow", "wandb", "tensorboard")
"""Trackers that there are; `slr_tune.trackers.NAME_tracker` has each as `open_tracker`."""


def open_trackers(names: Sequence[str], study: TrackedStudy) -> dict[str, Tracker]:
    """Opens the trackers of a study.

    Raises:
        SlrTuneError: The library of one of them is not installed, or does not start.
    """
    found: dict[str, Tracker] = {}
    for name in names:
        try:
            module = importlib.import_module(f"slr_tune.trackers.{name}_tracker")
            found[name] = module.open_tracker(study)
        except ImportError as error:
            raise SlrTuneError(
                f"resources.trackers: {name} cannot be used: {first_line(error)}",
                hint=f"pip install 'slr-tune[{name}]', or do without: --set resources.trackers=[]",
            ) from error
    return found
