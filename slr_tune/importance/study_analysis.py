"""All statements about a study's parameters, put together."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from slr_tune.importance.acting import Acting
from slr_tune.importance.analysis import DEFAULT, MIN_TRIALS, NAMES, Importance, analyse
from slr_tune.importance.effects import (
    EdgeReading,
    LocalEffect,
    Marginal,
    Pair,
    Region,
    best_region,
)
from slr_tune.importance.matched_epoch import Choice, choose_epoch, values_at
from slr_tune.importance.model_importance import ModelImportance, model_importance
from slr_tune.importance.parameter_columns import variables_of
from slr_tune.study.best_trials import best_trials
from slr_tune.study.record import record_of
from slr_tune.study.rungs import budget_rungs
from slr_tune.study.summary import baseline_trial
from slr_tune.study.view import StudyView

_RUNG_RESAMPLES = {"ped-anova": 100, "fanova": 8, "mdi": 8}


@dataclass(frozen=True)
class StudyImportance:
    """Importance of a study's parameters, and its basis.

    Attributes:
        study: Its name.
        metric: Its metric.
        direction: "minimize" or "maximize".
        choice: The epoch at which trials are compared by their values, and why.
        main: Importance, by the evaluator requested.
        over_rungs: Importance at each epoch with enough trials, ascending.
        marginals: Mean over the space along each parameter; empty with few trials.
        pairs: Pairs of parameters, the strongest first; empty with few trials.
        local: What each parameter does around the best trial and the baseline.
        edges: Numbers that keep getting better at an end of their range around the best trial.
        regions: Where the best trials are.
        best: Numbers of the best trials, the best first.
        running: Whether a driver was running the study.
        imported: Number of the study's trials that were run elsewhere.
        diverged: Number of trials that became NaN before they had a value to compare.
    """

    study: str
    metric: str
    direction: str
    choice: Choice
    main: Importance
    over_rungs: tuple[Importance, ...]
    marginals: tuple[Marginal, ...]
    pairs: tuple[Pair, ...]
    local: tuple[LocalEffect, ...]
    edges: tuple[EdgeReading, ...]
    regions: tuple[Region, ...]
    best: tuple[int, ...]
    running: bool
    imported: int = 0
    diverged: int = 0

    @property
    def evaluator(self) -> str:
        """The evaluator's name as it is written."""
        return NAMES[self.main.evaluator]

    def to_json(self) -> dict[str, Any]:
        """As plain values."""
        return asdict(self)


def study_importance(
    view: StudyView, *, evaluator: str = DEFAULT, epoch: int | None = None, seed: int = 0
) -> StudyImportance:
    """Analyses a study.

    Args:
        view: The study; of one that is running, its present state.
        evaluator: One of `NAMES`.
        epoch: Where it is read; None for the last epoch, or with an evaluator that compares
            trials at one epoch for the one that keeps the most information.
        seed: Of draws and resamples.
    """
    budget = view.spec.budget
    rungs = budget_rungs(budget)
    choice = choose_epoch(view.trials, rungs, budget.max_epochs, asked=epoch)
    variables = variables_of(view.spec.space, view.trials)
    model = _model(view, epoch, seed)
    best = best_trials(view.trials, minimizes=view.minimizes)
    main, over = model.main, model.over_rungs
    if evaluator != DEFAULT:
        main = _at(view, choice.epoch, evaluator, seed, None)
        others = [c.epoch for c in choice.candidates if c.trials >= MIN_TRIALS]
        few = _RUNG_RESAMPLES[evaluator]
        over = tuple(
            main if one == choice.epoch else _at(view, one, evaluator, seed, few) for one in others
        )
    return StudyImportance(
        view.spec.study,
        view.spec.objective.metric,
        view.spec.objective.direction,
        choice,
        main,
        over,
        model.marginals,
        model.pairs,
        model.local,
        model.edges,
        tuple(best_region(variables, np.array(best, dtype=np.int64))),
        tuple(view.trials[place].number for place in best),
        view.running,
        len(view.imported),
        _diverged(view, main.epoch if not over else min(one.epoch for one in over)),
    )


def _diverged(view: StudyView, first: int) -> int:
    """Trials that became NaN without a value at the first epoch that is compared."""
    values = values_at(view.trials, first)
    records = [record_of(trial) for trial in view.trials]
    return sum(
        record is not None and record.ended_by == "nan" and not np.isfinite(value)
        for record, value in zip(records, values, strict=True)
    )


def _model(view: StudyView, epoch: int | None, seed: int) -> ModelImportance:
    budget, acting = view.spec.budget, Acting(view.spec)
    epochs = sorted({*budget_rungs(budget), budget.max_epochs, *([epoch] if epoch else [])})
    places = {trial.number: place for place, trial in enumerate(view.trials)}
    best, baseline = view.best(), baseline_trial(view)
    around = {
        name: places[trial.number]
        for name, trial in (("best", best), ("baseline", baseline))
        if trial is not None and trial.intermediate_values
    }
    return model_importance(
        view.spec.space,
        view.trials,
        epochs,
        columns=variables_of(view.spec.space, view.trials),
        sign=1.0 if view.minimizes else -1.0,
        acts_from=acting.acts_from,
        ceilings=acting.ceilings,
        around=around,
        epoch=epoch,
        seed=seed,
    )


def _at(
    view: StudyView, epoch: int, evaluator: str, seed: int, resamples: int | None
) -> Importance:
    """Importance by an evaluator that compares trials at one epoch."""
    values = values_at(view.trials, epoch)
    rows = np.flatnonzero(np.isfinite(values))
    variables = variables_of(view.spec.space, view.trials)
    members = [column for v in variables if (column := v.take(rows)).active.any()]
    return analyse(
        members,
        (1.0 if view.minimizes else -1.0) * values[rows],
        epoch=epoch,
        evaluator=evaluator,
        seed=seed,
        resamples=resamples,
    )
