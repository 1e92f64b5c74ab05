"""What a report knows of a study: the trials, their curves, what others made of them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from optuna.trial import FrozenTrial, TrialState

from slr_tune.diagnosis.red_flags import RedFlag, red_flags
from slr_tune.importance import StudyImportance, study_importance
from slr_tune.importance.parameter_columns import Variable, variables_of
from slr_tune.report.style import ENDINGS, Ending
from slr_tune.study.best_trials import best_trials
from slr_tune.study.confirmed import ConfirmedTrial, read_confirmed
from slr_tune.study.manifest import LastRun, last_run
from slr_tune.study.patience import FinishedRun, Patience, counterfactual
from slr_tune.study.record import TrialRecord, ended_by, record_of
from slr_tune.study.rungs import budget_rungs
from slr_tune.study.summary import baseline_trial
from slr_tune.study.view import StudyView
from slr_tune.text import metric_text
from trainables.runs.early_stopping import WER, StoppingRule


@dataclass(frozen=True)
class TrialData:
    """A trial as a report shows it.

    Attributes:
        number: Optuna's number.
        reason: How it ended: a reason of the record, "running", "waiting" or "paused".
        value: Best value of a trial that ended by itself or by ASHA; None for others.
        best_so_far: Best value by epoch, as ASHA saw it.
        curve: The metric of each epoch, as far as its file is there; NaN where it is not a number.
        wers: The dev WER of each epoch likewise, whatever the metric is.
        record: Its record; that of one that never began has no configuration.
        seconds: Of training.
        flags: What is wrong with its curve.
        params: What the sampler chose.
        watched: What early stopping watched after each epoch, where that is not the dev WER.
        row: Its place in the columns of `StudyData.variables`: numbers have gaps where trials are
            foreign or deleted.
    """

    number: int
    reason: str
    value: float | None
    best_so_far: Mapping[int, float]
    curve: tuple[float, ...]
    wers: tuple[float, ...]
    record: TrialRecord
    seconds: float
    flags: tuple[RedFlag, ...]
    params: Mapping[str, Any]
    watched: tuple[float, ...] = ()
    row: int = 0

    @property
    def ending(self) -> str:
        """Which of `style.ENDINGS` it belongs to."""
        if self.imported:
            return "imported"
        if self.reason in ENDINGS:
            return self.reason
        return "running" if self.reason in ("waiting", "paused") else "failed"

    @property
    def epochs(self) -> int:
        """Epochs that it ran, those without a value too."""
        return max(self.record.epochs, max(self.best_so_far, default=0), len(self.curve))

    @property
    def complete(self) -> bool:
        """Whether it ended by itself."""
        return self.reason in ("max_epochs", "patience") and self.value is not None

    @property
    def imported(self) -> bool:
        """Whether it was run elsewhere."""
        return self.record.imported is not None


@dataclass(frozen=True)
class StudyData:
    """A study as a report shows it.

    Attributes:
        view: The study.
        trials: In order of their numbers.
        best: The best, as `slr-tune best` takes it; None without a finished one.
        baseline: The baseline's trial, None without.
        confirmed: Results on new seeds, the baseline first.
        rungs: Epochs of ASHA's rungs.
        importance: None where no trial has an epoch.
        variables: Searched values as columns over `trials`.
        patience: What smaller patiences would have given; None where too few runs are usable.
        recogniser: Whether it is known what the run recognises and when it stops: `slr-tune
            confirm` takes no other.
        last_run: What was typed when it was last run.
    """

    view: StudyView
    trials: tuple[TrialData, ...]
    best: TrialData | None
    baseline: TrialData | None
    confirmed: tuple[ConfirmedTrial, ...]
    rungs: tuple[int, ...]
    importance: StudyImportance | None
    variables: tuple[Variable, ...]
    patience: Patience | None
    recogniser: bool
    last_run: LastRun

    @property
    def metric(self) -> str:
        """Column of the curve that is searched."""
        return self.view.spec.objective.metric

    @property
    def sign(self) -> float:
        """1 where smaller is better, else -1."""
        return 1.0 if self.view.minimizes else -1.0

    @property
    def gain(self) -> float | None:
        """By how much the best is better than the baseline; None without both."""
        best, baseline = self.best, self.baseline
        if best is None or baseline is None or best.value is None or baseline.value is None:
            return None
        return self.sign * (baseline.value - best.value)

    @property
    def ranked(self) -> list[TrialData]:
        """Trials that ended by themselves, the best first."""
        done = [trial for trial in self.trials if trial.complete]
        return sorted(done, key=lambda trial: (self.sign * (trial.value or 0.0), trial.number))

    def value_text(self, value: float | None) -> str:
        """A value of the metric as it is written."""
        return metric_text(value, self.metric)

    def at_epoch(self, epoch: int) -> dict[int, float]:
        """Value of each trial at an epoch, by number, as `importance.values_at` takes it."""
        found = {}
        for trial in self.trials:
            value = trial.best_so_far.get(epoch)
            if value is None and trial.complete and trial.best_so_far:
                last = max(trial.best_so_far)
                value = trial.best_so_far[last] if last < epoch else None
            if value is not None and math.isfinite(value):
                found[trial.number] = value
        return found

    @property
    def matched_epoch(self) -> int | None:
        """The epoch at which trials are compared; None where none has an epoch."""
        return None if self.importance is None else self.importance.choice.epoch

    @property
    def matched_values(self) -> dict[int, float]:
        """Value of each trial at that epoch, by number; empty where there is none."""
        return {} if self.matched_epoch is None else self.at_epoch(self.matched_epoch)

    @property
    def leaders(self) -> list[TrialData]:
        """The best trials, the best first; see `study.best_trials`."""
        places = best_trials(self.view.trials, minimizes=self.view.minimizes)
        return [self.trials[place] for place in places]


def by_ending(trials: Sequence[TrialData]) -> list[tuple[str, Ending, list[TrialData]]]:
    """The ways to end that occur, in the order of a legend, each with its trials."""
    groups = [(key, way, [t for t in trials if t.ending == key]) for key, way in ENDINGS.items()]
    return [group for group in groups if group[2]]


def collect(view: StudyView) -> StudyData:
    """Reads all that a report shows: the study, its trials' curve files, `confirm.json`."""
    spec = view.spec
    trials = tuple(_trial(view, trial, row) for row, trial in enumerate(view.trials))
    best, baseline = view.best(), baseline_trial(view)
    recogniser = view.recogniser
    runs = [run for trial in trials if (run := _finished_run(trial))] if recogniser else []
    has_epochs = any(trial.intermediate_values for trial in view.trials)
    return StudyData(
        view,
        trials,
        _numbered(trials, best),
        _numbered(trials, baseline),
        tuple(read_confirmed(view.folder)),
        budget_rungs(spec.budget),
        study_importance(view) if has_epochs else None,
        tuple(variables_of(spec.space, view.trials)),
        counterfactual(runs),
        recogniser,
        last_run(view.folder, anywhere=True),
    )


def _numbered(trials: Sequence[TrialData], trial: FrozenTrial | None) -> TrialData | None:
    return next((one for one in trials if trial and one.number == trial.number), None)


def _trial(view: StudyView, trial: FrozenTrial, row: int) -> TrialData:
    record = record_of(trial) or TrialRecord({}, 0)
    metric = view.spec.objective.metric
    rows = _rows(view, trial.number)
    has_value = trial.state in (TrialState.COMPLETE, TrialState.PRUNED) and bool(trial.values)
    return TrialData(
        trial.number,
        ended_by(trial),
        trial.values[0] if has_value else None,
        trial.intermediate_values,
        tuple(float(row.get(metric, math.nan)) for row in rows),
        tuple(float(row.get("val/wer", math.nan)) for row in rows),
        record,
        record.seconds or sum(filter(math.isfinite, (row.get("seconds", 0.0) for row in rows))),
        tuple(red_flags(rows, max_epochs=view.spec.budget.max_epochs)),
        trial.params,
        _watched(record, rows),
        row,
    )


def _rows(view: StudyView, number: int) -> list[dict[str, float]]:
    """A trial's curve; none where its file is missing or nothing of it can be read."""
    try:
        return [row for row in view.curve(number) if row.get("epoch", 0) >= 1]
    except OSError:
        return []


def _watched(record: TrialRecord, rows: Sequence[Mapping[str, float]]) -> tuple[float, ...]:
    column = (record.config.get("early_stopping") or {}).get("metric", WER)
    return () if column == WER else tuple(float(row.get(column, math.nan)) for row in rows)


def _finished_run(trial: TrialData) -> FinishedRun | None:
    """None for a trial that something else ended, or whose run has no patience.

    A recogniser's patience looks at the dev WER unless its `early_stopping` names another column,
    whatever the search is after.
    """
    config = trial.record.config
    own = config.get("early_stopping") or config
    if (
        not trial.complete
        or trial.imported
        or not trial.wers
        or not isinstance(own.get("patience"), int)
    ):
        return None
    rule = StoppingRule.of({"max_epochs": len(trial.wers), **config})
    return FinishedRun(
        trial.number, trial.wers, rule.patience, rule.min_delta, rule.max_epochs, trial.watched
    )
