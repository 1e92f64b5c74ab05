"""Small studies for the report, told trial by trial: what database and folder would hold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from optuna.trial import TrialState

from slr_tune.space import Point, load_spec
from slr_tune.study.folders import trial_folder
from slr_tune.study.open_study import open_store
from slr_tune.study.record import ATTRIBUTE, RungEntry, TrialRecord, state_for
from slr_tune.study.rungs import Rungs, rung_epochs
from slr_tune.study.storage import open_storage
from slr_tune.study.view import StudyView, load_study
from trainables.files.curve import CurveFile

SPACE = Path(__file__).parents[2] / "search_spaces" / "distill.yaml"


@dataclass(frozen=True)
class StoredTrial:
    """A trial as a test tells it.

    Attributes:
        curve: Dev WER of each epoch.
        reason: How it ended; "running" for one that did not.
        params: The study's parameters that matter; others are the middle of their range.
        spared: Rung at which the pruning audit let it run on.
        error: Text of its error.
        source: Where its configuration came from.
    """

    curve: Sequence[float]
    reason: str = "max_epochs"
    params: Mapping[str, Any] = field(default_factory=dict)
    spared: int | None = None
    error: str | None = None
    source: str | None = None


def tell_study(
    trials: Sequence[StoredTrial],
    *,
    baseline: bool = True,
    files: bool = True,
    max_epochs: int = 9,
    overrides: Sequence[str] = (),
) -> StudyView:
    """Writes the study "told" over the shipped space; grace 1, so that its rungs are 1 and 3.

    Args:
        trials: In order; with `baseline` the first has the baseline's parameters.
        baseline: Whether the space has one.
        files: Whether to write the curve files.
        max_epochs: Of the budget.
        overrides: As for `--set`.
    """
    changes = ["budget.grace_epochs=1", *overrides]
    changes += [] if baseline else ["baseline=null", "factors=null"]
    spec = load_spec(SPACE, study="told", overrides=changes, max_epochs=max_epochs)
    store = open_store(spec, open_storage(create=True))
    epochs = rung_epochs(grace_epochs=1, reduction_factor=3, max_epochs=max_epochs)
    rungs = Rungs(epochs, 3)
    for number, output in enumerate(trials):
        if number or not baseline:  # the baseline waits already
            drawn = _Drawn(output.params)
            spec.space.suggest(drawn)
            store.study.enqueue_trial(drawn.answers)
        trial = store.study.ask()
        spec.space.suggest(trial)
        rows = _rows(output)
        seen = [row[spec.objective.metric] for row in rows]
        best = [min(seen[: e + 1]) for e in range(len(seen))]
        for epoch, value in enumerate(best, start=1):
            if value == value:
                trial.report(value, epoch)
        values = spec.space.decode(trial.params)
        entries = tuple(_entries(rungs, best, output, exempt=baseline and number == 0))
        ended = None if output.reason == "running" else output.reason
        record = TrialRecord(
            config=spec.config_for(values),
            seed=0,
            ended_by=ended,
            epochs=len(best),
            best_epoch=best.index(min(best)) + 1 if best else None,
            seconds=2.0 * len(best),
            rungs=entries,
            error=output.error,
            source=output.source,
        )
        trial.set_user_attr(ATTRIBUTE, record.to_json())
        if files and rows:
            folder = trial_folder(spec.study, number)
            folder.mkdir(parents=True, exist_ok=True)
            CurveFile(folder / "curve.csv").repair(rows)
        if ended is not None:
            state = state_for(ended)
            value = best[-1] if state == TrialState.COMPLETE else None
            store.study.tell(trial, value, state=state)
    return load_study("told")


class _Drawn(Point):
    """Answers as a point does, and remembers what it was asked for."""

    def __init__(self, params: Mapping[str, Any]) -> None:
        super().__init__(params)
        self.answers: dict[str, Any] = {}

    def suggest_float(self, name: str, low: float, high: float, **options: Any) -> float:
        return self.answers.setdefault(name, super().suggest_float(name, low, high, **options))

    def suggest_int(self, name: str, low: int, high: int, **options: Any) -> int:
        return self.answers.setdefault(name, super().suggest_int(name, low, high, **options))

    def suggest_categorical(self, name: str, choices: Sequence[Any]) -> Any:
        return self.answers.setdefault(name, super().suggest_categorical(name, choices))


def _entries(
    rungs: Rungs, best: Sequence[float], output: StoredTrial, *, exempt: bool
) -> list[RungEntry]:
    found = []
    for epoch in rungs.epochs:
        if epoch > len(best) or epoch == len(best) and output.reason not in ("asha", "running"):
            break
        stopped = output.reason == "asha" and epoch == len(best)
        spared = output.spared == epoch
        order = rungs._arrivals
        rungs._arrivals += 1
        found.append(
            RungEntry(epoch, best[epoch - 1], order, stopped=stopped, exempt=exempt, spared=spared)
        )
        if stopped or spared:
            break
    return found


def _rows(output: StoredTrial) -> list[dict[str, float]]:
    return [
        {
            "epoch": epoch,
            "seconds": 2.0,
            "train/loss": wer / 25,
            "train/loss_components/hard_ctc_loss": wer / 25,
            "val/loss": wer / 25 + 0.1,
            "val/wer": wer,
            "val/wer_best": min(output.curve[:epoch]),
            "val/blank_rate": 0.7,
        }
        for epoch, wer in enumerate(output.curve, start=1)
    ]
