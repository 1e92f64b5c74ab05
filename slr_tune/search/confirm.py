"""Fresh seeds for the best of a search: what its figure is worth."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from optuna.trial import TrialState

from slr_tune.errors import StudyError
from slr_tune.search.jobs import Job, JobResult, run_jobs
from slr_tune.search.session import ray_session
from slr_tune.search.summary import baseline_trial
from slr_tune.search.teacher import Teacher, find_teacher, training_job
from slr_tune.study.folders import cache_root
from slr_tune.study.record import record_of
from slr_tune.study.view import StudyView

_FIRST_SEED = 1000
"""Far from a search's own seeds, which are small numbers."""


@dataclass(frozen=True)
class Confirmed:
    """A configuration retrained on fresh seeds.

    Attributes:
        trial: Its number in the search.
        name: "baseline" or "best", "second" ...
        claimed: What the search said, percent WER on dev.
        wer: By split, WER of each seed, percent.
        parameters: Numbers in the model.
    """

    trial: int
    name: str
    claimed: float
    wer: Mapping[str, tuple[float, ...]]
    parameters: int

    def mean(self, split: str) -> float:
        """Mean over the seeds."""
        return statistics.mean(self.wer[split])

    def spread(self, split: str) -> float:
        """Standard deviation over the seeds; NaN with one."""
        values = self.wer[split]
        return statistics.stdev(values) if len(values) > 1 else float("nan")


def confirm(
    view: StudyView,
    *,
    top: int,
    seeds: int,
    with_test: bool,
    storage: str | None,
    workers: int,
    tell: Callable[[str], None],
    stopped: Callable[[], bool],
) -> list[Confirmed] | None:
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
        StudyError: The study has no finished trial.
    """
    from trainables.data import prepare

    spec = view.spec
    chosen = _choose(view, top)
    data = prepare(spec.data, cache_root()) if spec.data else None
    splits = ("dev", "test") if with_test else ("dev",)
    with ray_session(address=None, cpus=workers):
        teacher = find_teacher(
            spec, data, storage=storage, tell=tell, stopped=stopped, allow_weak=True
        )
        jobs: dict[str, Job] = {}
        for number, (name, _) in chosen.items():
            record = record_of(view.trials[number])
            assert record is not None  # finished trials have one
            for seed in range(_FIRST_SEED, _FIRST_SEED + seeds):
                jobs[_job_name(name, seed)] = training_job(
                    spec.trainable,
                    dict(record.config),
                    seed=seed,
                    data=data,
                    teacher=_needed(teacher, spec.trainable),
                    splits=splits,
                )
        results = run_jobs(
            jobs,
            cpus=spec.resources.cpus_per_trial,
            gpus=spec.resources.gpus_per_trial,
            tell=tell,
            stopped=stopped,
        )
    if results is None:
        return None
    return [
        _confirmed(number, name, claimed, results, seeds=seeds, splits=splits)
        for number, (name, claimed) in chosen.items()
    ]


def _choose(view: StudyView, top: int) -> dict[int, tuple[str, float]]:
    """Trials by number with their name and value, the baseline first."""
    complete = [t for t in view.trials if t.state == TrialState.COMPLETE and t.values]
    if not complete:
        raise StudyError(
            f"study {view.spec.study!r} has no trial that ran to its end",
            hint="slr-tune show tells how its trials ended.",
        )
    sign = 1 if view.minimizes else -1
    complete.sort(key=lambda trial: sign * trial.values[0])
    chosen: dict[int, tuple[str, float]] = {}
    baseline = baseline_trial(view)
    if baseline is not None and baseline.values:
        chosen[baseline.number] = ("baseline", baseline.values[0])
    for place, trial in enumerate(complete[:top], start=1):
        name = "best" if place == 1 else f"best {place}"
        if trial.number in chosen:
            name = f"baseline, {name} of the search"
        chosen[trial.number] = (name, trial.values[0])
    return chosen


def _needed(teacher: Teacher | None, trainable: str) -> Teacher | None:
    return teacher if trainable not in ("teacher", "student") else None


def _job_name(name: str, seed: int) -> str:
    return f"{name}, seed {seed}"


def _confirmed(
    number: int,
    name: str,
    claimed: float,
    results: Mapping[str, JobResult],
    *,
    seeds: int,
    splits: Sequence[str],
) -> Confirmed:
    runs = [results[_job_name(name, _FIRST_SEED + place)] for place in range(seeds)]
    wer = {split: tuple(run.wer(split) for run in runs) for split in splits}
    return Confirmed(number, name, claimed, wer, runs[0].parameters)


def confirm_row(entry: Confirmed) -> dict[str, Any]:
    """As plain values for JSON."""
    return {
        "trial": entry.trial,
        "name": entry.name,
        "claimed": entry.claimed,
        "wer": {split: list(values) for split, values in entry.wer.items()},
        "mean": {split: entry.mean(split) for split in entry.wer},
        "standard_deviation": {split: entry.spread(split) for split in entry.wer},
        "parameters": entry.parameters,
    }
