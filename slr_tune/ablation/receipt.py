"""The receipt: epochs asked for, epochs trained, and what made the difference."""

from __future__ import annotations

import heapq
from collections.abc import Mapping, Sequence
from typing import Any

from slr_tune.ablation.arms import Arm
from slr_tune.ablation.bench import Bench, Cell, run_name
from slr_tune.ablation.result import Receipt, StageRow
from slr_tune.training.epoch_keys import depends_on_length
from slr_tune.training.kinds import Kind
from slr_tune.training.stage_files import read_record
from slr_tune.training.stages import Plan
from trainables.registry import BUILT_IN_NAMES

_UNSHARED = ("Nothing was shared, as --no-share asks.",)


def make_receipt(bench: Bench, arms: Sequence[Arm]) -> Receipt:
    """What all rounds of a bench cost together.

    Args:
        bench: After its last round.
        arms: That are compared, the baseline first.
    """
    cells = list({run_name(cell.arm, cell.seed): cell for cell in bench.cells}.values())
    stages = _stages(bench, cells)
    return Receipt(
        epochs_asked=sum(len(cell.outcome.rows) for cell in cells),
        epochs_run=sum(stage.last - stage.first + 1 for stage in stages),
        epochs_now=bench.tally.trained,
        runs=len(cells),
        seconds=sum(stage.seconds for stage in stages),
        reasons=(*_sharing(stages, cells), *_other_reasons(arms)) if bench.share else _UNSHARED,
        stages=tuple(stages),
    )


def _stages(bench: Bench, cells: Sequence[Cell]) -> list[StageRow]:
    """Every stage once, with the runs that pass through it."""
    members: dict[str, list[str]] = {}
    for cell in cells:
        for stage in cell.outcome.stages:
            members.setdefault(stage, []).append(run_name(cell.arm, cell.seed))
    rows = []
    for stage, runs in members.items():
        record = read_record(bench.place.stages / stage)
        assert record is not None  # the outcome was read from it
        rows.append(
            StageRow(stage, record.first, len(record.rows), tuple(runs), round(record.seconds, 3))
        )
    return rows


def _sharing(stages: Sequence[StageRow], cells: Sequence[Cell]) -> list[str]:
    """Which arms share which epochs, told for the first seed."""
    first = cells[0].seed
    names = {run_name(cell.arm, cell.seed): cell.arm.name for cell in cells if cell.seed == first}
    lines = []
    for stage in stages:
        members = [names[run] for run in stage.runs if run in names]
        if len(members) > 1:
            epochs = f"epochs {stage.first} to {stage.last}"
            if stage.first == stage.last:
                epochs = f"epoch {stage.first}"
            lines.append(f"Trained once a seed, {epochs}: {', '.join(members)}.")
    return lines


def _other_reasons(arms: Sequence[Arm]) -> list[str]:
    """Why arms that only stop otherwise were replayed, or why they could not be."""
    baseline = arms[0]
    by_reason: dict[str, list[str]] = {}
    for arm in arms[1:]:
        reason = _reason(arm, baseline)
        if reason:
            by_reason.setdefault(reason, []).append(arm.name)
    return [f"{reason}: {', '.join(dict.fromkeys(names))}." for reason, names in by_reason.items()]


def _reason(arm: Arm, baseline: Arm) -> str:
    if arm.kind is Kind.DECODING:
        return "Decoded again, nothing trained"
    if arm.kind is not Kind.STOPPING:
        return ""
    known = arm.trainable in BUILT_IN_NAMES
    length = arm.config["max_epochs"] != baseline.config["max_epochs"]
    reasons = depends_on_length(arm.trainable, arm.config) if length or not known else []
    if reasons:
        return f"Trained apart, as a replay would be wrong ({reasons[0]})"
    return "Replayed from one longer curve"


def makespan(plan: Plan, workers: int, *, seconds_per_epoch: float) -> float:
    """Seconds that a plan takes: each stage after its parent, the longest way first."""
    remaining = plan.remaining()
    ready = [(-remaining[s.id], n, s) for n, s in enumerate(plan.stages) if s.parent is None]
    heapq.heapify(ready)
    order = {stage.id: number for number, stage in enumerate(plan.stages)}
    running: list[tuple[float, int, Any]] = []
    now = 0.0
    while ready or running:
        while ready and len(running) < workers:
            stage = heapq.heappop(ready)[2]
            end = now + stage.epochs * seconds_per_epoch
            heapq.heappush(running, (end, order[stage.id], stage))
        now, _, ended = heapq.heappop(running)
        for stage in plan.stages:
            if stage.parent == ended.id:
                heapq.heappush(ready, (-remaining[stage.id], order[stage.id], stage))
    return now


def tree_lines(plan: Plan, seed: int, labels: Mapping[str, str]) -> list[str]:
    """The tree of one seed, a line a stage, children indented below their parent.

    Args:
        plan: With the runs of that seed among others.
        seed: Whose tree.
        labels: Name of the arm by the run's name.
    """
    depth: dict[str | None, int] = {None: -1}
    lines = []
    for stage in plan.stages:
        depth[stage.id] = depth[stage.parent] + 1
        members = [labels[run.name] for run in stage.runs if run.seed == seed]
        if members:
            span = f"epochs {stage.first}-{stage.last}"
            span = span if stage.epochs > 1 else f"epoch {stage.first}"
            indent = "  " * depth[stage.id]
            lines.append(f"{indent}{span}: {', '.join(members)}")
    return lines
