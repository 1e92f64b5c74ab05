"""New seeds for the best of a search: what its figure is worth.

An ablation whose arms are trials: trained by the same code into the same store, and compared alike.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from optuna.trial import FrozenTrial, TrialState

from slr_tune.ablation.analysis import Counts, ErrorRuns
from slr_tune.ablation.arms import resolve
from slr_tune.ablation.compared import MetricRuns
from slr_tune.ablation.result import MAIN, ResultTable
from slr_tune.ablation.run import look_at_test, opened_store
from slr_tune.errors import StudyError
from slr_tune.study.commands import command_line
from slr_tune.study.confirmed import ConfirmedTrial
from slr_tune.study.record import record_of
from slr_tune.study.split_openings import LOOKING
from slr_tune.study.summary import baseline_trial
from slr_tune.study.unfinished import mark_finished, mark_unfinished
from slr_tune.study.view import StudyView
from slr_tune.training.interrupt import Interrupted, Talk
from slr_tune.training.run_store import RunStore
from slr_tune.training.runs import (
    FIRST_CONFIRMED_SEED,
    Arm,
    ArmRun,
    Measure,
    fresh_seeds,
    measure_of,
)
from slr_tune.training.shipping import Shipping
from trainables.registry import is_recogniser, reports_predictions, run_title
from trainables.script.stored_predictions import prediction_wer


def confirm(
    view: StudyView,
    talk: Talk,
    *,
    top: int,
    seeds: int,
    with_test: bool = False,
    storage: str | None = None,
    workers: int | None = None,
    address: str | None = None,
    shipping: Shipping | None = None,
) -> list[ConfirmedTrial] | None:
    """Retrains the best trials and the baseline on seeds that neither search nor ablations used.

    Args:
        view: The study.
        talk: How to speak with a person; what is trained is kept when stopped.
        top: How many of its best trials.
        seeds: How many seeds each; all configurations share them.
        with_test: Whether to open the test split for them too.
        storage: Database in which a `{study: NAME}` teacher is looked up.
        workers: Trainings side by side, None for the study's.
        address: Ray cluster, None for this machine.
        shipping: What is sent to its nodes, None for nothing.

    Returns:
        The baseline first where the space has one, then the best in order; None when stopped.

    Raises:
        StudyError: The study has no finished trial, or its runs report no errors.
        StudyLocked: An ablation of this study is running.
    """
    spec = view.spec
    minimize = view.minimizes
    measure = measure_of(spec.trainable, spec.objective.metric, minimize=minimize)
    if with_test and not measure.scored:
        raise StudyError(
            f"--test: the run {run_title(spec.trainable)} reports no errors on a test split",
            hint="Leave out --test.",
        )
    needs = spec.resources if workers is None else replace(spec.resources, workers=workers)
    chosen = _choose(view, top)
    arms = [_arm(view, number, name) for number, (name, _) in chosen.items()]
    folder = view.folder / "ablations" / ".confirm"
    try:
        with opened_store(
            spec,
            talk,
            resources=needs,
            storage=storage,
            address=address,
            shipping=shipping,
            with_test=with_test,
            by_epoch=True,
            measure=measure,
        ) as (store, _):
            asked = {"--study": spec.study, "--top": top, "--seeds": seeds}
            mark_unfinished(folder, command_line("confirm", options=asked))
            fresh = fresh_seeds(seeds, search_seed=spec.seed, first=FIRST_CONFIRMED_SEED)
            runs = store.train(arms, fresh)
            for run in runs:
                run.check_weights()
            counts: dict[str, Counts] = {}
            if measure.counted:
                counts["dev"] = store.counts(runs, "dev")
            if with_test:
                reason = f"confirm --top {top} --seeds {seeds}"
                counts["test"] = _counts_on_test(view.folder, reason, runs, store, talk)
    except Interrupted:
        return None
    mark_finished(folder)
    tables = {split: _table(found, split, store) for split, found in counts.items()}
    if not measure.counted:
        tables = {"dev": _metric_table(runs, measure)}
    parameters = {run.arm.name: run.facts.get("parameters") for run in runs}
    return [
        ConfirmedTrial(
            number,
            name,
            claimed,
            {split: table.row(name).per_seed for split, table in tables.items()},
            None if (count := parameters[name]) is None else int(count),
            {
                split: message
                for split, table in tables.items()
                if (message := table.row(name).sentence)
            },
            _differences(tables, name),
            measure="WER" if measure.counted else measure.metric,
            minimize=measure.minimize or measure.counted,
        )
        for number, (name, claimed) in chosen.items()
    ]


def _differences(
    tables: Mapping[str, ResultTable], name: str
) -> dict[str, tuple[float, float, float]]:
    """By split, a configuration's difference to the first one, with its interval."""
    rows = {split: table.row(name) for split, table in tables.items()}
    found = {split: (row.difference, row.low, row.high) for split, row in rows.items()}
    return {
        split: (difference, low, high)
        for split, (difference, low, high) in found.items()
        if difference is not None and low is not None and high is not None
        if math.isfinite(low) and math.isfinite(high) and low < high
    }


def _arm(view: StudyView, number: int, name: str) -> Arm:
    """A trial as an arm of an ablation."""
    record = record_of(view.trial(number))
    assert record is not None  # finished trials have one
    trainable = view.spec.trainable
    return Arm(name, resolve(trainable, record.config, what=f"trial {number}"), trainable)


def _counts_on_test(
    folder: Path, reason: str, runs: Sequence[ArmRun], store: RunStore, talk: Talk
) -> Counts:
    """Errors on test of what was trained; logged only now, as before there was no look."""
    mark = folder / LOOKING
    look_at_test(folder, reason, mark, talk)
    counts = store.counts(runs, "test")
    mark.unlink()
    return counts


def _table(counts: Counts, split: str, store: RunStore) -> ResultTable:
    """Each configuration against the first."""
    runs = ErrorRuns(counts, split, store.signers(split))
    return runs.table(role=MAIN, baseline=next(iter(counts)), title="")


def _metric_table(runs: Sequence[ArmRun], measure: Measure) -> ResultTable:
    """The same of runs that report only their metric."""
    values: dict[str, list[float]] = {}
    for run in runs:
        values.setdefault(run.arm.name, []).append(run.value)
    table = MetricRuns(values, measure.metric, measure.minimize)
    return table.table(role=MAIN, baseline=runs[0].arm.name, title="")


def _choose(view: StudyView, top: int) -> dict[int, tuple[str, float | None]]:
    """Trials by number with their name and dev WER, the baseline first."""
    complete = [t for t in view.trials if t.state == TrialState.COMPLETE and t.values]
    if not complete:
        raise StudyError(
            f"study {view.spec.study!r} has no trial that ran to its end",
            hint="slr-tune show lists how its trials ended.",
        )
    sign = 1 if view.minimizes else -1
    complete.sort(key=lambda trial: sign * trial.values[0])
    chosen: dict[int, tuple[str, float | None]] = {}
    baseline = baseline_trial(view)
    if baseline is not None and baseline.values:
        chosen[baseline.number] = ("baseline", _claimed(view, baseline))
    for place, trial in enumerate(complete[:top], start=1):
        name = "best" if place == 1 else f"best {place}"
        if trial.number in chosen:
            name = f"baseline, {name} of the search"
        chosen[trial.number] = (name, _claimed(view, trial))
    return chosen


def _claimed(view: StudyView, trial: FrozenTrial) -> float | None:
    """What new seeds give too: the lowest dev WER of a trial, whatever its search was after.

    For a run that reports only its metric, it is that metric.
    """
    trainable = view.spec.trainable
    if not is_recogniser(trainable):
        if not reports_predictions(trainable):
            return float(trial.values[0])
        return prediction_wer(view.own_folder(trial.number))
    if view.spec.objective.metric == "val/wer":
        return float(trial.values[0])
    rows = view.curve(trial.number)
    found = [row["val/wer"] for row in rows if math.isfinite(row.get("val/wer", math.nan))]
    return min(found, default=None)
