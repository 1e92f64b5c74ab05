"""What an ablation would train, without training it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from slr_tune.ablation.arms import BASELINE
from slr_tune.ablation.data_orders import ordered_runs
from slr_tune.ablation.design import TUNING_SEED, Design
from slr_tune.ablation.path import changed_parameters, runs_at_most
from slr_tune.ablation.receipt import makespan, tree_lines
from slr_tune.ablation.retune import candidates
from slr_tune.errors import SlrTuneError
from slr_tune.study.record import record_of
from slr_tune.study.view import StudyView
from slr_tune.text import duration
from slr_tune.training.kinds import Config, Kind
from slr_tune.training.plan import Plan, make_plan
from slr_tune.training.runs import WER, Arm, Measure, planned_runs
from slr_tune.training.workers import workers_here


@dataclass(frozen=True)
class DryRun:
    """What would be trained, if no run ends early and nothing is there yet.

    Attributes:
        arms: Names, the baseline first.
        tree: Lines of the stages of one seed, children indented; empty for a path.
        decoded: Arms that are another arm's weights, decoded again.
        runs: Trainings requested.
        epochs_asked: Epochs of all runs, each by itself.
        epochs_run: Epochs to be trained; of a path the most there can be.
        seconds: Of the whole, None where nothing is known of an epoch's time.
        workers: Trainings side by side.
    """

    arms: tuple[str, ...]
    tree: tuple[str, ...]
    decoded: tuple[str, ...]
    runs: int
    epochs_asked: int
    epochs_run: int
    seconds: float | None
    workers: int


def dry_run(design: Design) -> DryRun:
    """Plans, and trains nothing."""
    workers = _workers(design)
    per_epoch = _seconds_per_epoch(design.view)
    if design.goal is not None:
        return _path(design, design.goal, workers, per_epoch)
    plan = _main_plan(design)
    plans = [plan]
    if design.retune is not None:
        tries = [
            found for arm in design.arms for found in candidates(arm, design.retune, design.budget)
        ]
        tuning = plan_of(tries, [TUNING_SEED], share=design.share, measure=design.measure)
        # Each arm is then trained again with what it chose, at most as often as before.
        plans = [plan, tuning, plan]
    tree = tree_lines(plan, design.seeds[0])
    names = tuple(arm.name for arm in design.arms)
    again = [arm.name for arm in design.arms if arm.kind is Kind.DECODING and design.share]
    times = [makespan(each, workers, seconds_per_epoch=per_epoch or 0.0) for each in plans]
    return DryRun(
        arms=names,
        tree=tuple(tree),
        decoded=tuple(again),
        runs=sum(len(each.runs) for each in plans),
        epochs_asked=sum(each.epochs_asked for each in plans),
        epochs_run=sum(each.epochs_planned for each in plans),
        seconds=None if per_epoch is None else sum(times),
        workers=workers,
    )


def _main_plan(design: Design) -> Plan:
    """Of the compared arms, each order of the data with trainings of its own."""
    if design.orders < 2:
        return plan_of(design.arms, design.seeds, share=design.share, measure=design.measure)
    seeds, measure = design.distinct_seeds, design.measure
    runs = ordered_runs(design.arms, seeds, design.orders, measure=measure)
    return make_plan(runs, context=lambda run: str(run.seed), share=design.share)


def _workers(design: Design) -> int:
    """Side by side here; one where this machine holds none, as plans are made elsewhere too."""
    try:
        return workers_here(design.resources)
    except SlrTuneError:
        return 1


def plan_of(
    arms: Sequence[Arm], seeds: Sequence[int], *, share: bool = True, measure: Measure = WER
) -> Plan:
    """The prefix plan of some arms, all of one data set and teacher, as if nothing were trained."""
    runs = planned_runs(arms, seeds, measure=measure)
    return make_plan(runs, context=lambda run: str(run.seed), share=share)


def _path(design: Design, goal: Config, workers: int, per_epoch: float | None) -> DryRun:
    start = design.baseline.config
    names = (BASELINE, *changed_parameters(start, goal))
    count, epochs = len(names) - 1, int(start["max_epochs"])
    asked = (2 + count * (count + 1) // 2 + count) * len(design.seeds)
    run = runs_at_most(start, goal) * len(design.seeds) * epochs
    seconds = None if per_epoch is None else run * per_epoch / workers
    return DryRun(names, (), (), asked, asked * epochs, run, seconds, workers)


def _seconds_per_epoch(view: StudyView | None) -> float | None:
    """Mean over the study's trials; they ran side by side too."""
    records = [] if view is None else [record_of(trial) for trial in view.trials]
    done = [record for record in records if record is not None and record.epochs]
    epochs = sum(record.epochs for record in done)
    return sum(record.seconds for record in done) / epochs if epochs else None


def dry_text(plan: DryRun, design: Design) -> str:
    """The same for a person."""
    lines = [f"Study {design.spec.study}. {design.title}. Baseline: {design.baseline.source}."]
    if plan.tree:
        lines.append(f"Stages of each of {len(design.distinct_seeds)} seeds:")
        lines += [f"  {line}" for line in plan.tree]
        if plan.decoded:
            lines.append(f"Decoded again without training: {', '.join(plan.decoded)}")
    else:
        lines.append(f"Parameters that differ: {', '.join(plan.arms[1:]) or 'none'}")
    share = plan.epochs_run / plan.epochs_asked if plan.epochs_asked else 1.0
    lines.append(
        f"{plan.epochs_asked} epochs requested in {plan.runs} runs, at most {plan.epochs_run} "
        f"to be trained ({share:.0%})"
    )
    if plan.seconds is not None:
        lines.append(f"At most about {duration(plan.seconds)} with {plan.workers} workers")
    return "\n".join(lines)
