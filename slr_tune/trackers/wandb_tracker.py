"""Weights & Biases: a project a study, a run a trial.

WANDB_PROJECT, WANDB_ENTITY and WANDB_MODE are W&B's own. With WANDB_MODE=offline runs are in
`wandb/` next to the studies, and `wandb sync` sends them later.
"""

from __future__ import annotations

import os
import uuid
from collections.abc import Mapping
from typing import Any

import wandb

from slr_tune.errors import SlrTuneError
from slr_tune.trackers.tracker import TrackedStudy, TrackedTrial


def open_tracker(study: TrackedStudy) -> WandbTracker:
    """One that writes into the studies folder.

    Raises:
        SlrTuneError: Nobody has logged in: W&B would ask in the middle of the search.
    """
    online = os.environ.get("WANDB_MODE", "online") in ("online", "shared")
    if online and not wandb.api.api_key:
        raise SlrTuneError(
            "resources.trackers: wandb has no account",
            hint="wandb login, or WANDB_MODE=offline and later wandb sync.",
        )
    return WandbTracker(study)


class WandbTracker:
    """A study's project."""

    def __init__(self, study: TrackedStudy) -> None:
        """Names the project; nothing is opened yet."""
        self._study = study
        self._runs: dict[str, Any] = {}

    def begin(self, trial: TrackedTrial, known: str | None) -> str:
        """A run with the trial's settings as configuration."""
        name = known or uuid.uuid4().hex[:12]
        self._study.root.mkdir(parents=True, exist_ok=True)
        self._runs[name] = wandb.init(
            project=os.environ.get("WANDB_PROJECT") or self._study.name,
            group=self._study.name,
            id=name,
            name=trial.name,
            config=dict(trial.settings),
            dir=str(self._study.root),
            resume="allow",
            reinit="create_new",
            settings=wandb.Settings(silent=True, console="off"),
        )
        return name

    def log(self, run: str, epoch: int, row: Mapping[str, float]) -> None:
        """The epoch is the step."""
        self._runs[run].log(dict(row), step=epoch)

    def end(self, run: str, trial: TrackedTrial) -> None:
        """Why it ended and the value, in the run's summary."""
        summary = {"ended_by": trial.ended_by, "state": trial.state, "best": trial.value}
        for key, value in summary.items():
            self._runs[run].summary[key] = value
        self._runs.pop(run).finish(exit_code=int(trial.failed))

    def close(self) -> None:
        """Runs of trials that continue later are resumed then."""
        for run in list(self._runs):
            self._runs.pop(run).finish()
