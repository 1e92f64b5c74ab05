"""Keeps what the dashboard shows beyond the database up to date, without making a reader wait."""

from __future__ import annotations

import logging
import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, replace

from slr_tune.dashboard.artifacts import FileArtifacts, study_artifacts, trial_artifacts
from slr_tune.dashboard.notes import study_note, trial_notes
from slr_tune.dashboard.optuna_dashboard_private import PLOTS, note_attributes, objective_attributes
from slr_tune.dashboard.read_only_storage import ReadOnlyStorage
from slr_tune.dashboard.start_page import trials_of
from slr_tune.study.lock import drivers
from slr_tune.study.record import ATTRIBUTE, epochs_run
from slr_tune.study.view import StudyView, read_study

_log = logging.getLogger(__name__)

LEAST_SECONDS = 5.0
_WORK_SHARE = 10
"""A refresh that took a second is not repeated for ten: the search needs the processor more."""
_PATIENCE_SECONDS = 4.0


@dataclass
class _Made:
    """What was made of a study, and when."""

    work: Future[None] | None = None
    next_at: float = 0.0
    state: object = None


class Freshness:
    """Makes notes, plots and artifacts of the studies that somebody looks at."""

    def __init__(self, storage: ReadOnlyStorage, artifacts: FileArtifacts) -> None:
        """Starts no work yet."""
        self._storage = storage
        self._artifacts = artifacts
        self._made: dict[int, _Made] = {}
        self._reports: dict[int, bytes] = {}
        self._lock = threading.Lock()
        self._workers = ThreadPoolExecutor(1, thread_name_prefix="slr-tune-dashboard")

    def refresh(self, study_id: int) -> None:
        """Brings a study up to date where it is due; waits some seconds, then lets it continue."""
        with self._lock:
            made = self._made.setdefault(study_id, _Made())
            busy = made.work is not None and not made.work.done()
            if not busy and time.monotonic() >= made.next_at:
                made.work = self._workers.submit(self._make, study_id, made)
            work = made.work
        if work is not None:
            wait([work], timeout=_PATIENCE_SECONDS)

    def report(self, study_id: int) -> bytes | None:
        """The current report of a study; empty while it is made, None where it has none."""
        if not self._is_ours(study_id):
            return None
        self.refresh(study_id)
        return self._reports.get(study_id, b"")

    def close(self) -> None:
        """Drops what has not begun."""
        self._workers.shutdown(wait=False, cancel_futures=True)

    def _make(self, study_id: int, made: _Made) -> None:
        began = time.monotonic()
        try:
            self._show(study_id, made)
        except Exception:
            # The trials are shown all the same: they come from the database.
            _log.exception("study %d: its note and plots could not be made", study_id)
        finally:
            took = time.monotonic() - began
            made.next_at = time.monotonic() + max(LEAST_SECONDS, _WORK_SHARE * took)

    def _show(self, study_id: int, made: _Made) -> None:
        view = self._view(study_id)
        if view is None:
            return
        shown, links = study_artifacts(self._artifacts, view.folder, study_id)
        values = sum(map(epochs_run, view.trials))
        states = tuple(trial.state for trial in view.trials)
        state = (states, values, view.running, tuple(links))
        if state == made.state:
            return
        attributes = {
            **shown,
            **trial_notes(view),
            **note_attributes(study_note(view, links)),
            **objective_attributes([view.spec.objective.metric]),
        }
        # The plots take longest; until they are there, the page shows the earlier ones.
        stored = self._storage.get_study_system_attrs(study_id)
        plots = {key: value for key, value in stored.items() if key.startswith(PLOTS)}
        self._storage.add(study_id, {**plots, **attributes})
        self._storage.add_to_trials(trial_artifacts(self._artifacts, view.folder, view.trials))
        self._storage.add(study_id, {**self._drawn(view, study_id), **attributes})
        made.state = state

    def _drawn(self, view: StudyView, study_id: int) -> dict[str, str]:
        """Plots and report, or none where a study that has just begun has too little for one."""
        from slr_tune.dashboard.plots import study_plots
        from slr_tune.report.page.html import render_html
        from slr_tune.report.study.page import study_page
        from slr_tune.report.study.study_data import collect

        try:
            data = collect(view)
            links = [("All studies", "/"), ("Its trials in Optuna Dashboard", trials_of(study_id))]
            page = replace(study_page(data), links=links)
            self._reports[study_id] = render_html(page).encode("utf-8", "replace")
            return study_plots(data)
        except Exception:
            _log.exception("study %s: its plots could not be made", view.spec.study)
            self._reports[study_id] = _FAILED
            return {}

    def _is_ours(self, study_id: int) -> bool:
        try:
            return ATTRIBUTE in self._storage.database.get_study_user_attrs(study_id)
        except KeyError:  # no such study
            return False

    def _view(self, study_id: int) -> StudyView | None:
        """The study as other commands see it; None for one that this project did not make."""
        database = self._storage.database
        if not self._is_ours(study_id):
            return None
        name = database.get_study_name_from_id(study_id)
        driver = next((one for one in drivers(database.engine) if one.study == name), None)
        return read_study(database, name, driver)


_FAILED = (
    b'<!doctype html><meta charset="utf-8"><title>slr-tune</title><p>The report could not be made: '
    b'the dashboard\'s terminal says why. <a href="/dashboard">Optuna Dashboard</a>'
)
