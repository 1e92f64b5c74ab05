"""Stored studies for Python: their trials as tables, their best, their figures."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from slr_tune.errors import StudyError
from slr_tune.study.record import record_of
from slr_tune.study.storage import shown_url, storage_url
from slr_tune.study.summary import baseline_trial, searched_values, summary_text
from slr_tune.study.view import StudyView, list_studies, load_study, trial_row
from slr_tune.text import counted, metric_text

if TYPE_CHECKING:
    import pandas as pd
    from optuna.trial import FrozenTrial

    from slr_tune.api.importances import Importances
    from slr_tune.api.plots import StudyPlots
    from slr_tune.report.page import Page
    from slr_tune.report.study.study_data import StudyData

_COLUMNS = ("state", "ended_by", "value", "epochs", "best_epoch", "seconds")
"""Columns of `Study.trials` before those of the settings."""


def load(name: str | None = None, *, storage: str | None = None) -> Study:
    """A stored study in its current state.

    Args:
        name: Its name; None for the most recent study.
        storage: Database URL; None for `SLR_TUNE_STORAGE`, or SQLite in the studies folder.

    Raises:
        SlrTuneError: There is no such study, or the database does not answer.
    """
    return Study(load_study(name, storage), storage)


def studies(*, storage: str | None = None) -> pd.DataFrame:
    """The studies of a database, the most recent one first.

    Args:
        storage: As in `load`.

    Returns:
        One row per study with its name as index: trials, complete, pruned, failed, open, foreign,
        best, last_written (local time), running.

    Raises:
        SlrTuneError: The database does not answer.
    """
    import pandas as pd

    rows = []
    for line in list_studies(storage):
        count = line.trials
        rows.append(
            {
                "study": line.name,
                "trials": sum(count.values()),
                "complete": count.get("COMPLETE", 0),
                "pruned": count.get("PRUNED", 0),
                "failed": count.get("FAIL", 0),
                "open": count.get("RUNNING", 0) + count.get("WAITING", 0),
                "foreign": line.foreign,
                "best": line.best,
                "last_written": line.last_written,
                "running": line.running,
            }
        )
    names = ["study", "trials", "complete", "pruned", "failed", "open", "foreign", "best"]
    return pd.DataFrame(rows, columns=[*names, "last_written", "running"]).set_index("study")


@dataclass(frozen=True)
class Trial:
    """One trial of a study.

    Attributes:
        number: Its number.
        state: COMPLETE, PRUNED, FAIL, RUNNING or WAITING.
        ended_by: max_epochs, patience, asha, nan, error, oom, killed, timeout or aborted; None
            while it is not finished.
        value: Best value of the study's metric; None without one.
        epochs: Epochs that it ran.
        best_epoch: Epoch of the value.
        seconds: Training time; None before the first epoch is stored.
        values: What was searched, by the file's own names: `{"loss_weights.alpha": 0.7}`.
        config: The whole configuration, as `slr-tune train --config` takes it.
        folder: Its folder.
        checkpoint: Its best checkpoint; None without one.
        error: Text of its error; None without one.
    """

    number: int
    state: str
    ended_by: str | None
    value: float | None
    epochs: int
    best_epoch: int | None
    seconds: float | None
    values: Mapping[str, Any]
    config: dict[str, Any]
    folder: Path
    checkpoint: Path | None
    error: str | None

    @property
    def curve(self) -> pd.DataFrame:
        """Its curve: one row per epoch, indexed by epoch from 1; empty if its file is gone."""
        import pandas as pd

        from trainables.files.curve import CurveFile

        path = self.folder / "curve.csv"
        rows = CurveFile(path).rows() if path.is_file() else []
        frame = pd.DataFrame(rows, columns=None if rows else ["epoch"])
        return frame.astype({"epoch": int}).set_index("epoch")


@dataclass(frozen=True)
class Study:
    """A stored study at one moment; `refresh` reads it again.

    Attributes:
        view: The stored study; its class is private.
        storage: Database that it was read from, None for the default.
    """

    view: StudyView
    storage: str | None = None

    def __repr__(self) -> str:
        """Name, trials, and the best."""
        trials = counted(len(self.view.trials), "trial")
        best, metric = self.view.best(), self.metric
        message = "none finished"
        if best is not None:
            message = f"best {metric} {metric_text(best.values[0], metric)} (trial {best.number})"
        return f"<Study {self.name!r}: {trials}, {message}>"

    @property
    def name(self) -> str:
        """Name of the study."""
        return self.view.spec.study

    @property
    def metric(self) -> str:
        """Metric of the objective, such as "val/wer" (percent)."""
        return self.view.spec.objective.metric

    @property
    def direction(self) -> str:
        """Which way is better: "minimize" or "maximize"."""
        return self.view.spec.objective.direction

    @property
    def folder(self) -> Path:
        """Folder of its trials and reports."""
        return self.view.folder

    @property
    def url(self) -> str:
        """URL of its database, a password in it hidden."""
        return shown_url(storage_url(self.storage))

    @property
    def running(self) -> bool:
        """Whether a driver was running it when it was read."""
        return self.view.running

    def refresh(self) -> Study:
        """The study in its current state.

        Raises:
            SlrTuneError: As `load`.
        """
        return load(self.name, storage=self.storage)

    @cached_property
    def trials(self) -> pd.DataFrame:
        """Its own trials, a row each, indexed by number.

        Columns: state, ended_by, value, epochs, best_epoch, seconds (as `Trial` has them), then
        what was searched, by the names of the space file (`loss_weights.alpha`), in its order. A
        setting that does not apply to a trial is missing there (NaN). A setting with the name of
        one of the first columns is written `setting.NAME`.
        """
        import pandas as pd

        rows = [(row, searched_values(self.view, row)) for row in map(trial_row, self.view.trials)]
        names = _in_groups(name for _, values in rows for name in values)
        titles = {name: f"setting.{name}" if name in _COLUMNS else name for name in names}
        table = [
            {**{key: row[key] for key in _COLUMNS}, **{titles[n]: v for n, v in values.items()}}
            for row, values in rows
        ]
        numbers = pd.Index([row["number"] for row, _ in rows], name="number", dtype="int64")
        return pd.DataFrame(table, columns=[*_COLUMNS, *titles.values()], index=numbers)

    @cached_property
    def curves(self) -> pd.DataFrame:
        """Curves of all trials below each other, indexed by number and epoch."""
        import pandas as pd

        found = {t.number: self.trial(t.number).curve for t in self.view.trials}
        able = {number: curve for number, curve in found.items() if len(curve)}
        if not able:
            index = pd.MultiIndex.from_arrays([[], []], names=["number", "epoch"])
            return pd.DataFrame(index=index)
        return pd.concat(able, names=["number", "epoch"])

    @property
    def best(self) -> Trial:
        """The best trial that ended by itself, or a pruned one if there is no other.

        Raises:
            SlrTuneError: None is finished.
        """
        trial = self.view.best()
        if trial is None or record_of(trial) is None:
            raise StudyError(
                f"study {self.name!r} has no finished trial yet",
                hint="slr-tune show lists how its trials ended.",
            )
        return self._trial(trial)

    @property
    def baseline(self) -> Trial | None:
        """The trial of the space's baseline; None if the space has none."""
        trial = baseline_trial(self.view)
        return None if trial is None else self._trial(trial)

    def trial(self, number: int) -> Trial:
        """A trial by its number.

        Raises:
            SlrTuneError: The study has none of this number.
        """
        return self._trial(self.view.trial(number))

    def importance(self, *, epoch: int | None = None, evaluator: str | None = None) -> Importances:
        """Which parameters matter, like `slr-tune importance`.

        Args:
            epoch: Compares the trials that reached it by their value there; None for the rung that
                keeps the most information.
            evaluator: Name, as for `slr-tune importance --evaluator`; None for its default.

        Raises:
            SlrTuneError: No trial reached the epoch, or none has one.
        """
        from slr_tune.api.importances import importance_of

        return importance_of(self.view, epoch=epoch, evaluator=evaluator)

    @property
    def plot(self) -> StudyPlots:
        """The report's figures, as plotly's."""
        from slr_tune.api.plots import StudyPlots

        return StudyPlots(self.data)

    def summary(self) -> str:
        """Summary of the search as text."""
        return summary_text(self.view)

    def figures(
        self, folder: Path | None = None, *, widths: Sequence[float] | None = None
    ) -> list[Path]:
        """Writes the figures for a thesis, as `slr-tune figures` does.

        Args:
            folder: Where; None for `figures` in the study's folder.
            widths: Of the figures, cm; None for a column's 8.5 and a page's 17.4.

        Returns:
            The files, PNG and PDF.
        """
        from slr_tune.report.figures_for_print import WIDTHS, write_figures

        return write_figures(self.data, folder or self.folder / "figures", widths or WIDTHS)

    def report(self) -> list[Path]:
        """Writes the report to the study's folder, like `slr-tune report`.

        Returns:
            The files, `report.html` first.
        """
        from slr_tune.report.study.page import write_report

        return write_report(self.data, self.page)

    @cached_property
    def data(self) -> StudyData:
        """All that a report shows; its class is private."""
        from slr_tune.report.study.study_data import collect

        return collect(self.view)

    @cached_property
    def page(self) -> Page:
        """The report's page; its class is private."""
        from slr_tune.report.study.page import study_page

        return study_page(self.data)

    def _trial(self, trial: FrozenTrial) -> Trial:
        row = trial_row(trial)
        checkpoint = row["checkpoint"]
        shared = {key: row[key] for key in ("number", "state", "error", *_COLUMNS[1:])}
        return Trial(
            **shared,
            values=searched_values(self.view, row),
            config=row["config"] or {},
            folder=self.view.own_folder(trial.number),
            checkpoint=None if checkpoint is None else self.folder / checkpoint,
        )


def _in_groups(names: Iterable[str]) -> list[str]:
    """Names in the order in which they come, each once, those of a group together."""
    found = list(dict.fromkeys(names))
    groups = list(dict.fromkeys(name.partition(".")[0] for name in found))
    return sorted(found, key=lambda name: groups.index(name.partition(".")[0]))
