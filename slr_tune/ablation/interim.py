"""What an interrupted ablation has finished: means without a test, as it would stop by chance."""

from __future__ import annotations

import statistics
from collections.abc import Iterable
from dataclasses import dataclass

from slr_tune.ablation.design import Design
from slr_tune.ablation.dry_run import dry_run
from slr_tune.ablation.result import number
from slr_tune.training.interrupt import Interrupted
from slr_tune.training.run_store import RunStore
from slr_tune.training.runs import ArmRun


@dataclass(frozen=True)
class InterimRow:
    """One arm.

    Attributes:
        name: Name of the arm.
        seeds: Seeds that are trained.
        mean: Mean over these seeds on dev; None without a value, or of an arm decoded again.
        difference: Mean difference to the baseline over the seeds that both have; None without any.
        pairs: Seeds that both have.
    """

    name: str
    seeds: int
    mean: float | None
    difference: float | None
    pairs: int


@dataclass(frozen=True)
class Interim:
    """An ablation that was interrupted.

    Attributes:
        study: Name of the study.
        title: Heading of the ablation.
        measure: Name of the metric: "WER" in percent, or a run's own.
        seeds: Seeds of each arm in the whole ablation.
        finished: Runs that are trained.
        planned: Runs of the whole ablation.
        at_most: Whether it may end with fewer runs than planned.
        rows: The arms with a trained run, the baseline first.
    """

    study: str
    title: str
    measure: str
    seeds: int
    finished: int
    planned: int
    at_most: bool
    rows: tuple[InterimRow, ...]


class AblationInterrupted(Interrupted):
    """An ablation was asked to end.

    Attributes:
        interim: What it has finished.
    """

    def __init__(self, interim: Interim) -> None:
        """Takes what it has finished."""
        super().__init__("the ablation was interrupted")
        self.interim = interim


def interim_of(design: Design, store: RunStore) -> Interim:
    """Reads what has finished off the runs of this call, trained now or found."""
    every = [*store.runs, *store.unfinished]
    runs = {(run.arm.note, run.name): run for run in every}
    own = {(arm.name, arm.note) for arm in design.arms}
    compared = [
        run
        for run in runs.values()
        if design.goal is not None or (run.arm.name, run.arm.note) in own
    ]
    return Interim(
        study=design.spec.study,
        title=design.title,
        measure="WER" if store.measure.scored else store.measure.metric,
        seeds=len(design.seeds),
        finished=len(runs),
        planned=max(dry_run(design).runs, len(runs)),
        at_most=design.until_decided or design.goal is not None,
        rows=tuple(_rows(compared, design.arms[0].name)),
    )


def _rows(runs: Iterable[ArmRun], baseline: str) -> list[InterimRow]:
    by_arm: dict[str, dict[tuple[int, int | None], ArmRun]] = {}
    for run in runs:
        by_arm.setdefault(run.arm.name, {})[run.seed, run.data_seed] = run
    names = sorted(by_arm, key=lambda name: name != baseline)  # stable: the others as they came
    under = by_arm.get(baseline, {})
    rows = []
    for name in names:
        found = by_arm[name]
        again = any(run.arm.decoding is not None for run in found.values())
        pairs = [] if again or name == baseline else [key for key in found if key in under]
        rows.append(
            InterimRow(
                name,
                len(found),
                None if again else _mean(run.value for run in found.values()),
                _mean(found[key].value - under[key].value for key in pairs),
                len(pairs),
            )
        )
    return rows


def _mean(values: Iterable[float]) -> float | None:
    found = list(values)
    return number(statistics.mean(found)) if found else None
