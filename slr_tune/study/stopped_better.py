"""A trial that was stopped while it was better than any that ran to its end."""

from __future__ import annotations

from optuna.trial import FrozenTrial, TrialState

from slr_tune.study.record import ended_by, epochs_run
from slr_tune.study.view import StudyView
from slr_tune.text import counted, metric_text


def stopped_better(view: StudyView) -> FrozenTrial | None:
    """The best trial that waited at a rung in vain, where it was better than the best finished one.

    A search of few trials promotes only the best third of each rung: with six trials none may reach
    the end but the baseline, and those that the audit spares.

    Returns:
        None where no finished trial is worse, and where stopped trials never continue.
    """
    best = view.best()
    if best is None or best.state != TrialState.COMPLETE:
        return None
    if view.spec.search.scheduler != "promotion":
        return None
    sign = 1.0 if view.minimizes else -1.0
    stopped = [trial for trial in view.trials if ended_by(trial) == "asha" and trial.values]
    found = min(stopped, key=lambda trial: sign * trial.values[0], default=None)
    better = found is not None and sign * found.values[0] < sign * best.values[0]
    return found if better else None


def stopped_note(view: StudyView) -> str:
    """Sentence on it; empty where there is none."""
    trial = stopped_better(view)
    if trial is None:
        return ""
    value = metric_text(trial.values[0], view.spec.objective.metric)
    return (
        f"Trial {trial.number} was better when it was stopped: {value} after "
        f"{counted(epochs_run(trial), 'epoch')}. With more trials it may continue."
    )
