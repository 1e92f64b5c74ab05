"""Fresh seeds for the best of a search: what its figure is worth."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from optuna.trial import FrozenTrial, TrialState

from slr_tune.ablation.analysis import check_comparable
from slr_tune.errors import StudyError
from slr_tune.statistics import compare
from slr_tune.study.confirmed import ConfirmedTrial
from slr_tune.study.folders import cache_root, trial_folder
from slr_tune.study.record import record_of
from slr_tune.study.summary import baseline_trial
from slr_tune.study.test_split_log import LOOKING, log_test_opening, opening_line
from slr_tune.study.view import StudyView
from slr_tune.training.fresh_seeds import fresh_seeds
from slr_tune.training.jobs import Job, JobResult, run_jobs
from slr_tune.training.session import workers_session
from slr_tune.training.teacher import Teacher, find_teacher, training_job
from trainables.files.curve import CurveFile
from trainables.registry import UNTAUGHT, is_recogniser


def confirm(
    view: StudyView,
    *,
    top: int,
    seeds: int,
    with_test: bool,
    storage: str | None,
    workers: int | None,
    tell: Callable[[str], None],
    stopped: Callable[[], bool],
) -> list[ConfirmedTrial] | None:
    """Retrains the best trials and the baseline on seeds that the search never used.

    Args:
        view: The study.
        top: How many of its best trials.
        seeds: How many seeds each; all configurations share them.
        with_test: Whether to open the test split for them too.
        storage: Database in which a `{study: NAME}` teacher is looked up.
        workers: Trainings side by side.
        tell: Takes a line for a person.
        stopped: Whether to end early; what is trained is kept and found next time.

    Returns:
        The baseline first where the space has one, then the best in order; None when stopped.

    Raises:
        StudyError: The study has no finished trial, or its runs tell no errors.
    """
    from trainables.data import prepare

    spec = view.spec
    if not is_recogniser(spec.trainable):
        raise StudyError(
            f"the run {spec.trainable} tells no errors, so its WER cannot be confirmed",
            hint="slr-tune ablate compares the metric of such a run over fresh seeds.",
        )
    chosen = _choose(view, top)
    data = prepare(spec.data, cache_root()) if spec.data else None
    splits = ("dev", "test") if with_test else ("dev",)
    check_comparable(data, splits)
    needs = spec.resources if workers is None else replace(spec.resources, workers=workers)
    fresh = fresh_seeds(seeds, search_seed=spec.seed)
    with workers_session(needs, address=None):
        teacher = find_teacher(
            spec, data, storage=storage, tell=tell, stopped=stopped, allow_weak=True
        )
        if stopped():
            return None
        jobs = _jobs(view, chosen, fresh, data=data, teacher=teacher)
        cpus, gpus = needs.cpus_per_trial, needs.gpus_per_trial
        run = partial(run_jobs, cpus=cpus, gpus=gpus, tell=tell, stopped=stopped)
        results = run(jobs)
        if results is not None and with_test:
            reason = f"confirm --top {top} --seeds {seeds}"
            results = _look_at_test(view.folder, reason, jobs, results, run=run, tell=tell)
    if results is None:
        return None
    entries = [
        _confirmed(number, name, claimed, results, seeds=fresh, splits=splits)
        for number, (name, claimed) in chosen.items()
    ]
    return _with_verdicts(entries, results, data, splits=splits, seeds=fresh)


def _with_verdicts(
    entries: Sequence[ConfirmedTrial],
    results: Mapping[str, JobResult],
    data: Any,
    *,
    splits: Sequence[str],
    seeds: Sequence[int],
) -> list[ConfirmedTrial]:
    """Adds what was shown of each against the first, by split."""
    verdicts = {split: _verdicts(entries, results, data, split, seeds) for split in splits}
    return [
        replace(entry, verdicts={s: v[entry.name] for s, v in verdicts.items() if entry.name in v})
        for entry in entries
    ]


def _jobs(
    view: StudyView,
    chosen: Mapping[int, tuple[str, float | None]],
    seeds: Sequence[int],
    *,
    data: Any,
    teacher: Teacher | None,
) -> dict[str, Job]:
    """The trainings: each chosen trial with each seed."""
    trainable = view.spec.trainable
    jobs = {}
    for number, (name, _) in chosen.items():
        record = record_of(view.trials[number])
        assert record is not None  # finished trials have one
        for seed in seeds:
            jobs[_job_name(name, seed)] = training_job(
                trainable,
                dict(record.config),
                seed=seed,
                data=data,
                teacher=_needed(teacher, trainable),
            )
    return jobs


def _look_at_test(
    folder: Path,
    reason: str,
    jobs: Mapping[str, Job],
    results: Mapping[str, JobResult],
    *,
    run: Callable[[Mapping[str, Job]], dict[str, JobResult] | None],
    tell: Callable[[str], None],
) -> dict[str, JobResult] | None:
    """Measures on test what was trained; logged only now, as before there was no look.

    Returns:
        The results with test beside dev; None when stopped.
    """
    mark = folder / LOOKING
    tell(opening_line(log_test_opening(folder, reason, mark=mark)))
    found = run(
        {
            name: replace(job, checkpoint=results[name].checkpoint, splits=("test",))
            for name, job in jobs.items()
        }
    )
    if found is None:
        return None
    mark.unlink()
    return {
        name: replace(result, counts={**result.counts, **found[name].counts})
        for name, result in results.items()
    }


def _choose(view: StudyView, top: int) -> dict[int, tuple[str, float | None]]:
    """Trials by number with their name and dev WER, the baseline first."""
    complete = [t for t in view.trials if t.state == TrialState.COMPLETE and t.values]
    if not complete:
        raise StudyError(
            f"study {view.spec.study!r} has no trial that ran to its end",
            hint="slr-tune show tells how its trials ended.",
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
    """The lowest dev WER of a trial, whatever its search was after: what fresh seeds give too."""
    if view.spec.objective.metric == "val/wer":
        return float(trial.values[0])
    rows = CurveFile(trial_folder(view.spec.study, trial.number) / "curve.csv").rows()
    found = [row["val/wer"] for row in rows if math.isfinite(row.get("val/wer", math.nan))]
    return min(found, default=None)


def _needed(teacher: Teacher | None, trainable: str) -> Teacher | None:
    return teacher if trainable not in UNTAUGHT else None


def _job_name(name: str, seed: int) -> str:
    return f"{name}, seed {seed}"


def _confirmed(
    number: int,
    name: str,
    claimed: float | None,
    results: Mapping[str, JobResult],
    *,
    seeds: Sequence[int],
    splits: Sequence[str],
) -> ConfirmedTrial:
    runs = [results[_job_name(name, seed)] for seed in seeds]
    wer = {split: tuple(run.wer(split) for run in runs) for split in splits}
    return ConfirmedTrial(number, name, claimed, wer, runs[0].parameters)


def _verdicts(
    entries: Sequence[ConfirmedTrial],
    results: Mapping[str, JobResult],
    data: Any,
    split: str,
    seeds: Sequence[int],
) -> dict[str, str]:
    """What was shown of each configuration against the first, with paired seeds."""
    counts = {
        entry.name: np.stack([results[_job_name(entry.name, seed)].counts[split] for seed in seeds])
        for entry in entries
    }
    first = entries[0].name
    if len(entries) < 2:
        return {}
    errors = {name: stacked[:, :, :3].sum(axis=2) for name, stacked in counts.items()}
    signers = getattr(data, split).signers
    comparison = compare(errors, counts[first][0, :, 3], baseline=first, signers=signers)
    return {arm.name: arm.verdict.sentence for arm in comparison.arms if arm.verdict is not None}
