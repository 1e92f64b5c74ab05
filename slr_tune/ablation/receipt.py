"""The receipt: epochs requested, epochs trained, and what made the difference."""

from __future__ import annotations

import heapq
from collections import defaultdict
from collections.abc import Sequence

from slr_tune.ablation.result import Receipt, StageRow
from slr_tune.training.epoch_keys import depends_on_length
from slr_tune.training.kinds import Kind
from slr_tune.training.plan import Plan
from slr_tune.training.run_store import RunStore
from slr_tune.training.runs import Arm, ArmRun
from slr_tune.training.stages import Stage, read_stage
from trainables.registry import BUILT_IN_NAMES

_UNSHARED = ("Nothing was shared (--no-share).",)


def make_receipt(store: RunStore, arms: Sequence[Arm]) -> Receipt:
    """What all rounds of an ablation cost together.

    Args:
        store: After its last round.
        arms: Compared arms, the baseline first.
    """
    runs = list({run.name: run for run in store.runs}.values())
    stages = _stages(store, runs)
    return Receipt(
        epochs_asked=sum(len(run.rows) for run in runs),
        epochs_run=sum(stage.last - stage.first + 1 for stage in stages),
        epochs_now=store.trained,
        runs=len(runs),
        seconds=sum(stage.seconds for stage in stages),
        reasons=(*_sharing(stages, runs), *_other_reasons(arms)) if store.share else _UNSHARED,
        stages=tuple(stages),
    )


def _stages(store: RunStore, runs: Sequence[ArmRun]) -> list[StageRow]:
    """Every stage once, with the runs that pass through it."""
    members: dict[str, list[str]] = defaultdict(list)
    for run in runs:
        for name in run.stages:
            members[name].append(run.name)
    rows = []
    for name, names in members.items():
        stage = read_stage(store.folder / name)
        assert stage is not None  # the outcome was read from it
        rows.append(StageRow(name, stage.first, stage.last, tuple(names), round(stage.seconds, 3)))
    return rows


def _sharing(stages: Sequence[StageRow], runs: Sequence[ArmRun]) -> list[str]:
    """Which arms share which epochs, for the first seed."""
    names = {run.name: run.arm.name for run in runs if run.seed == runs[0].seed}
    lines = []
    for stage in stages:
        members = [names[run] for run in stage.runs if run in names]
        if len(members) > 1:
            epochs = f"epochs {stage.first} to {stage.last}"
            if stage.first == stage.last:
                epochs = f"epoch {stage.first}"
            lines.append(f"Trained once per seed, {epochs}: {', '.join(members)}.")
    return lines


def _other_reasons(arms: Sequence[Arm]) -> list[str]:
    """Why arms that only stop otherwise were replayed, or why they could not be."""
    baseline = arms[0]
    by_reason: dict[str, list[str]] = defaultdict(list)
    for arm in arms[1:]:
        by_reason[_reason(arm, baseline)].append(arm.name)
    by_reason.pop("", None)
    return [f"{reason}: {', '.join(dict.fromkeys(names))}." for reason, names in by_reason.items()]


def _reason(arm: Arm, baseline: Arm) -> str:
    if arm.kind is Kind.DECODING:
        return "Decoded again without training"
    if arm.kind is not Kind.STOPPING:
        return ""
    known = arm.trainable in BUILT_IN_NAMES
    length = arm.config["max_epochs"] != baseline.config["max_epochs"]
    reasons = depends_on_length(arm.trainable, arm.config) if length or not known else []
    if reasons:
        return f"Trained separately, because a replay would be wrong ({reasons[0]})"
    return "Replayed from one longer curve"


def makespan(plan: Plan, workers: int, *, seconds_per_epoch: float) -> float:
    """Seconds that a plan takes: each stage after its parent, the longest way first."""
    children = plan.by_parent()
    ready = children[None]
    heapq.heapify(ready)
    running: list[tuple[float, int, Stage]] = []
    now = 0.0
    while ready or running:
        while ready and len(running) < workers:
            _, number, stage = heapq.heappop(ready)
            heapq.heappush(running, (now + stage.epochs * seconds_per_epoch, number, stage))
        now, _, ended = heapq.heappop(running)
        for child in children[ended.id]:
            heapq.heappush(ready, child)
    return now


def tree_lines(plan: Plan, seed: int) -> list[str]:
    """The tree of one seed, one line per stage, children indented below their parent.

    Args:
        plan: With the runs of that seed among others.
        seed: Whose tree.
    """
    depth: dict[str | None, int] = {None: -1}
    lines = []
    for stage in plan.stages:
        depth[stage.id] = depth[stage.parent] + 1
        members = [
            run.arm.name + (", another order" if run.data_seed is not None else "")
            for run in stage.runs
            if run.seed == seed
        ]
        if members:
            span = f"epochs {stage.first}-{stage.last}"
            span = span if stage.epochs > 1 else f"epoch {stage.first}"
            indent = "  " * depth[stage.id]
            lines.append(f"{indent}{span}: {', '.join(members)}")
    return lines
