"""MLflow: an experiment a study, a run a trial.

Runs go where MLFLOW_TRACKING_URI says, else into `mlflow.db` next to the studies, an SQLite file
that `mlflow ui --backend-store-uri sqlite:///studies/mlflow.db` shows.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping

from mlflow import MlflowClient
from mlflow.entities import Metric, Param

from slr_tune.trackers.tracker import TrackedStudy, TrackedTrial

_URI = "MLFLOW_TRACKING_URI"
_MOST_PARAMS = 100
"""So many a call: MLflow's limit."""
_LONGEST = 500
"""Characters of a parameter, the limit of older servers."""
_STATES = {True: "FAILED", False: "FINISHED"}


def open_tracker(study: TrackedStudy) -> MlflowTracker:
    """A client of the server that is named, or of a file."""
    logging.getLogger("mlflow").setLevel(logging.WARNING)
    uri = os.environ.get(_URI) or f"sqlite:///{study.root / 'mlflow.db'}"
    return MlflowTracker(study.name, uri)


class MlflowTracker:
    """A study's experiment."""

    def __init__(self, study: str, uri: str) -> None:
        """Names the experiment; the server is asked when the first run begins."""
        self._study = study
        self._uri = uri
        self._client: MlflowClient | None = None
        self._experiment = ""
        self._begun: set[str] = set()

    @property
    def client(self) -> MlflowClient:
        """The client, connected when it is first needed: a new file takes seconds."""
        if self._client is None:
            self._client = MlflowClient(tracking_uri=self._uri)
            found = self._client.get_experiment_by_name(self._study)
            self._experiment = (
                self._client.create_experiment(self._study)
                if found is None
                else found.experiment_id
            )
        return self._client

    def begin(self, trial: TrackedTrial, known: str | None) -> str:
        """A run with the trial's settings as parameters."""
        if known is not None:
            self.client.update_run(known, status="RUNNING")
            self._begun.add(known)
            return known
        client = self.client
        tags = {"slr_tune.study": self._study, "slr_tune.trial": str(trial.number)}
        run = client.create_run(self._experiment, run_name=trial.name, tags=tags).info.run_id
        params = [Param(key, str(value)[:_LONGEST]) for key, value in trial.settings.items()]
        for first in range(0, len(params), _MOST_PARAMS):
            client.log_batch(run, params=params[first : first + _MOST_PARAMS])
        self._begun.add(run)
        return str(run)

    def log(self, run: str, epoch: int, row: Mapping[str, float]) -> None:
        """The epoch is the step."""
        now = _milliseconds()
        metrics = [Metric(key, value, now, epoch) for key, value in row.items()]
        self.client.log_batch(run, metrics=metrics)

    def end(self, run: str, trial: TrackedTrial) -> None:
        """The state, why it ended, and the value as metric `best/NAME`."""
        if trial.value is not None:
            self.client.log_metric(run, f"best/{trial.metric}", trial.value)
        self.client.set_tag(run, "slr_tune.ended_by", str(trial.ended_by))
        self.client.set_terminated(run, _STATES[trial.failed])
        self._begun.discard(run)

    def close(self) -> None:
        """Runs of trials that continue later are marked as waiting."""
        for run in self._begun:
            self.client.update_run(run, status="SCHEDULED")


def _milliseconds() -> int:
    import time

    return int(time.time() * 1000)
