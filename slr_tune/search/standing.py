"""State of a search: what its progress shows, as plain values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from optuna.trial import FrozenTrial, TrialState

from slr_tune.search.sampler import trials_to_run
from slr_tune.study.confirmed import ConfirmedTrial
from slr_tune.study.forecast import to_come
from slr_tune.study.record import epochs_run, is_paused
from slr_tune.study.segments import cost_between, study_segments
from slr_tune.study.store import StudyStore
from slr_tune.text import number, points


@dataclass(frozen=True)
class RunningTrial:
    """A trial that trains now.

    Attributes:
        number: Its number.
        epoch: Epochs that it has behind it.
        value: Its best value so far; None before the first.
    """

    number: int
    epoch: int
    value: float | None


@dataclass(frozen=True)
class BestSoFar:
    """The best value of a search so far.

    Attributes:
        number: Its trial.
        value: In the metric's unit.
        baseline: Value of the baseline so far; None where the space has none.
        gain: How much better than the baseline, in the metric's unit; None where the baseline has
            not ended, or is the best itself.
    """

    number: int
    value: float
    baseline: float | None = None
    gain: float | None = None


@dataclass(frozen=True)
class SearchStanding:
    """A search at one moment.

    Attributes:
        metric: Name of its objective.
        max_epochs: Epochs of a trial that nothing stops.
        epochs: Trained so far, of all trials.
        expected: Epochs in all, with what the scheduler stops; None where the time alone says.
        cost: Trained so far, in epochs over all training utterances.
        cost_to_come: Still expected, in the same unit; None where `expected` is.
        asked: Trials requested; None where the time alone says.
        ended: Trials that ended.
        states: How many other trials are running, paused, and waiting for a worker.
        failed: How many of the ended ones failed.
        best: The best so far; None before the first value.
        running: What trains now.
    """

    metric: str
    max_epochs: int
    epochs: int
    expected: int | None
    cost: float
    cost_to_come: float | None
    asked: int | None
    ended: int
    states: dict[str, int]
    failed: int
    best: BestSoFar | None
    running: tuple[RunningTrial, ...]


@dataclass(frozen=True)
class RunStanding:
    """One training at one moment.

    Attributes:
        epoch: Epochs trained so far.
        max_epochs: Epochs of a run that nothing stops.
        train_loss: Training loss of the last epoch.
        wer: WER on dev after the last epoch, in percent.
        best_wer: Lowest WER on dev so far, in percent.
        best_epoch: Epoch of the lowest WER.
    """

    epoch: int
    max_epochs: int
    train_loss: float
    wer: float
    best_wer: float
    best_epoch: int


def standing_of(store: StudyStore, trials: Sequence[FrozenTrial]) -> SearchStanding:
    """Reads the state of a search.

    Args:
        store: The study.
        trials: Its own.
    """
    spec, target = store.spec, trials_to_run(store.spec)
    segments = study_segments(spec)
    epochs = sum(map(epochs_run, trials))
    coming = to_come(spec, trials, target=target)
    ended = [trial for trial in trials if trial.state.is_finished()]
    running = [trial for trial in trials if trial.state == TrialState.RUNNING]
    paused = sum(map(is_paused, trials))
    states = {
        "running": len(running),
        "paused": paused,
        "waiting": len(trials) - len(ended) - len(running) - paused,
    }
    return SearchStanding(
        metric=spec.objective.metric,
        max_epochs=spec.budget.max_epochs,
        epochs=epochs,
        expected=None if coming is None else epochs + round(coming.epochs),
        cost=sum(cost_between(segments, 0, epochs_run(trial)) for trial in trials),
        cost_to_come=None if coming is None else coming.cost,
        asked=target,
        ended=len(ended),
        states=states,
        failed=sum(trial.state == TrialState.FAIL for trial in ended),
        best=_best(store, trials),
        running=tuple(RunningTrial(t.number, epochs_run(t), last_value(t)) for t in running),
    )


def last_value(trial: FrozenTrial) -> float | None:
    """A trial's best value so far; None before the first."""
    values = trial.intermediate_values
    return values[max(values)] if values else None


def _best(store: StudyStore, trials: Sequence[FrozenTrial]) -> BestSoFar | None:
    sign = 1 if store.minimizes else -1
    valued = [
        (sign * value, trial.number)
        for trial in trials
        if trial.state != TrialState.FAIL and (value := last_value(trial)) is not None
    ]
    if not valued:
        return None
    worth, number = min(valued)
    first = trials[0] if store.spec.baseline is not None and trials[0].number == 0 else None
    baseline = None if first is None else last_value(first)
    if first is None or baseline is None:
        return BestSoFar(number, sign * worth)
    compared = first.state.is_finished() and number != 0
    gain = sign * baseline - worth if compared else None
    return BestSoFar(number, sign * worth, baseline, gain)


def confirmed_gain(rows: Sequence[ConfirmedTrial]) -> str | None:
    """Result of a confirmation of the best trial on dev, in one line; None without one."""
    winner = next((row for row in rows if row.is_best), None)
    if winner is None:
        return None
    seeds = len(winner.wer["dev"])
    text = f"confirmed on {seeds} new seeds: trial {winner.trial} at {winner.mean_text('dev')}"
    baseline = next((row for row in rows if row.is_baseline), None)
    if baseline is None or baseline is winner:
        return text
    gain = baseline.mean("dev") - winner.mean("dev")
    gain = gain if winner.minimize else -gain
    word = "better" if gain >= 0 else "worse"
    amount = points(abs(gain)) if winner.measure == "WER" else number(abs(gain), 4)
    return f"{text}, {amount} {word} than the baseline"
