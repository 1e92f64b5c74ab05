"""`--until-decided`: seeds are added, and arms dropped as soon as they are decided.

The plan (looks, most seeds, margin, arms) is written before the first look, and holds for every
later call: a plan that is made up after looking controls no error. All else is worked out again
from the stored runs, so a call that was killed continues with the same decisions.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from slr_tune.ablation.analysis import ErrorRuns, Runs
from slr_tune.ablation.budget import Budget
from slr_tune.ablation.compared import MetricRuns
from slr_tune.errors import SlrTuneError
from slr_tune.statistics import Difference
from slr_tune.statistics.difference import LEVEL
from slr_tune.statistics.family import with_family
from slr_tune.statistics.sequential import FIRST, Looked, LookPlan
from slr_tune.text import counted, duration
from slr_tune.training.run_store import RunStore
from slr_tune.training.runs import Arm, ArmRun
from trainables.files.atomic import replace_file

PLAN_FILE = "plan.json"


@dataclass(frozen=True)
class SequentialPlan:
    """What was fixed before the first look.

    Attributes:
        looks: Seeds at each look.
        seeds: All seeds, in their order.
        arms: Hash of each arm's configuration by its name, the baseline first.
        margin: Points within which arms count as the same; None not to ask.
        budget: As it was typed; None without.
    """

    looks: tuple[int, ...]
    seeds: tuple[int, ...]
    arms: Mapping[str, str]
    margin: float | None = None
    budget: str | None = None

    @classmethod
    def of(
        cls, arms: Sequence[Arm], seeds: Sequence[int], margin: float | None, budget: Budget | None
    ) -> SequentialPlan:
        """The plan for some arms and at most so many seeds."""
        hashes = {arm.name: _hash(arm) for arm in arms}
        message = None if budget is None else str(budget)
        return cls(LookPlan.up_to(len(seeds)).looks, tuple(seeds), hashes, margin, message)


@dataclass(frozen=True)
class Decided:
    """What came out of it.

    Attributes:
        runs: Arm by arm, the baseline's first; each with the seeds it got.
        judged: Differences by arm, corrected for all looks and arms.
        family: Comparisons that were corrected for together.
        seeds: Seeds of each arm.
        notes: Sentences for the reader: looks, cost.
    """

    runs: list[ArmRun]
    judged: Mapping[str, Difference]
    family: int
    seeds: Mapping[str, int]
    notes: tuple[str, ...]


def most_seeds(wanted: int, arms: int, budget: Budget | None, seconds: float | None) -> int:
    """The seeds of the last look: what is wanted, or what the budget allows every arm.

    Args:
        wanted: At most.
        arms: With the baseline.
        budget: None for no limit.
        seconds: Time of one seed of all arms, where known.

    Raises:
        SlrTuneError: The budget does not reach the first look.
    """
    most = wanted
    if budget is not None and budget.runs is not None:
        most = min(most, budget.runs // arms)
    elif budget is not None and budget.seconds is not None and seconds:
        most = min(most, int(budget.seconds / seconds))
    if most < FIRST:
        needed = f"{arms * FIRST}runs"
        if budget is not None and budget.seconds is not None and seconds:
            needed = f"{-(-arms * FIRST // arms) * seconds / 3600:.1f}h"
        raise SlrTuneError(
            f"--budget {budget}: the first look needs {FIRST} seeds of {arms} arms",
            hint=f"Give --budget {needed} or more, or fewer levels.",
        )
    return most


def keep_plan(folder: Path, plan: SequentialPlan) -> SequentialPlan:
    """Writes the plan before the first look; a later call gets the one that is there.

    Raises:
        SlrTuneError: The plan there is another one.
    """
    path = folder / PLAN_FILE
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        replace_file(path, (json.dumps(asdict(plan), indent=1) + "\n").encode())
        return plan
    try:
        there: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise SlrTuneError(
            f"{path} cannot be read: {error}",
            hint="It holds the plan that was made before the first look. Restore it, or delete "
            "the folder and start again with other seeds.",
        ) from error
    wanted = json.loads(json.dumps(asdict(plan)))
    changed = [name for name, value in wanted.items() if there.get(name) != value]
    if changed:
        raise SlrTuneError(
            f"--until-decided: {path} holds the plan made before the first look, and this call has "
            f"other {' and '.join(changed)}; a plan that is changed after a look no longer "
            f"controls the error rate",
            hint=f"Give the options of that call (at most {len(there.get('seeds', ()))} seeds, "
            f"margin {there.get('margin')}, budget {there.get('budget')}), or move it away.",
        )
    return plan


def decide(
    store: RunStore,
    arms: Sequence[Arm],
    plan: SequentialPlan,
    *,
    limit: float | None = None,
    workers: int = 1,
) -> Decided:
    """Trains seed after seed until every arm is decided, hopeless, or the plan is at its end.

    Args:
        store: Where runs are trained and kept.
        arms: The baseline first.
        plan: What was fixed before.
        limit: Seconds of training after which no further seed is begun; None for no limit.
        workers: Trainings side by side: their seconds are divided by it.

    Raises:
        Interrupted: Before it was done.
    """
    baseline, looked = arms[0], Looked(LookPlan(plan.looks), plan.margin)
    open_arms = {arm.name for arm in arms[1:]}
    got = {arm.name: FIRST for arm in arms}
    ended: dict[str, str] = {}
    found: dict[str, Difference] = {}
    spent: list[str] = []
    for count in range(FIRST, len(plan.seeds) + 1):
        going = [arm for arm in arms if arm is baseline or arm.name in open_arms]
        got |= {arm.name: count for arm in going}
        found = _runs_of(store, arms, plan, got).alone(baseline.name)
        for name in [n for n in open_arms if found[n].identical]:
            open_arms.discard(name)
        if count in plan.looks:
            looked.look(found, open_arms, count)
            shown, same = looked.decided()
            open_arms -= shown | same
            store.talk.tell(_line(count, shown, same, open_arms, plan))
        if count > FIRST:
            for name in sorted(n for n in open_arms if looked.hopeless(found[n], n, count)):
                open_arms.discard(name)
                ended[name] = (
                    f"Dropped after {count} of {len(plan.seeds)} seeds: the chance that all of "
                    "them would decide it was below 2 %."
                )
                store.talk.tell(f"{name}: {ended[name].lower()}")
        if not open_arms:
            break
        used = _seconds(store) / workers
        if limit is not None and count < len(plan.seeds) and used * (count + 1) / count > limit:
            spent = [f"The budget of {duration(limit)} ended it after {count} seeds."]
            break
    for name in open_arms:
        ended[name] = f"Not decided after {got[name]} seeds, the last of the plan."
        if spent:
            ended[name] = f"Not decided when the budget ended after {got[name]} seeds."
    runs = _trained(store, arms, plan, got)
    judged = _judged(found, looked, got, ended)
    notes = (*_notes(plan, got, len(arms)), *spent)
    return Decided(runs, judged, max(len(looked.q), 1), got, notes)


def _trained(
    store: RunStore, arms: Sequence[Arm], plan: SequentialPlan, got: Mapping[str, int]
) -> list[ArmRun]:
    """All runs so far, arm by arm; those that are missing are trained, side by side."""
    by_count: dict[int, list[Arm]] = {}
    for arm in arms:
        by_count.setdefault(got[arm.name], []).append(arm)
    runs: dict[str, list[ArmRun]] = {}
    for count, group in by_count.items():
        for run in store.train(group, plan.seeds[:count]):
            runs.setdefault(run.arm.name, []).append(run)
    return [run for arm in arms for run in runs[arm.name]]


def _runs_of(
    store: RunStore, arms: Sequence[Arm], plan: SequentialPlan, got: Mapping[str, int]
) -> Runs:
    """The runs so far, to be compared."""
    runs = _trained(store, arms, plan, got)
    if store.measure.scored:
        assert store.data is not None
        return ErrorRuns(store.counts(runs, "dev"), signers=store.data.dev.signers)
    values: dict[str, list[float]] = {}
    for run in runs:
        values.setdefault(run.arm.name, []).append(run.value)
    return MetricRuns(values, store.measure.metric, store.measure.minimize)


def _judged(
    found: Mapping[str, Difference],
    looked: Looked,
    got: Mapping[str, int],
    ended: Mapping[str, str],
) -> dict[str, Difference]:
    """Differences with q for p, and intervals of the level of their last look."""
    held: dict[str, Difference] = {}
    for name, one in found.items():
        level = 1.0 - LEVEL * looked.plan.weight(got[name])
        if one.identical or name not in looked.q:
            held[name] = one
            continue
        low, high = (one.low, one.high) if one.spread is None else one.spread.interval(level)
        held[name] = replace(one, p_value=min(looked.q[name], 1.0), low=low, high=high, level=level)
    same = {name: min(q, 1.0) for name, q in looked.same.items()}
    judged = with_family(held, margin=looked.margin, same=same)
    return {
        name: replace(
            one,
            more=None,
            smallest_detectable=None,
            stopped=ended.get(name, f"Decided after {got[name]} seeds."),
        )
        if name in looked.q
        else one
        for name, one in judged.items()
    }


def _notes(plan: SequentialPlan, got: Mapping[str, int], arms: int) -> tuple[str, ...]:
    """When was looked, what it cost, and what a fixed design would have."""
    looks, most = LookPlan(plan.looks), len(plan.seeds)
    made = sum(got.values())
    return (
        "Seeds were added until every arm was decided or the plan ended, with looks planned at "
        f"{', '.join(map(str, plan.looks))} seeds; p and intervals are corrected for them. An "
        "early stop makes an effect look larger.",
        f"{counted(made, 'run')} were made. A fixed design of {most} seeds would have cost "
        f"{arms * most}, one of {looks.fixed} seeds, which shows one true effect about as often, "
        f"{arms * looks.fixed}.",
    )


def _line(
    count: int, shown: set[str], same: set[str], open_arms: set[str], plan: SequentialPlan
) -> str:
    parts = [f"shown: {', '.join(sorted(shown))}"] if shown else []
    parts += [f"the same: {', '.join(sorted(same))}"] if same else []
    parts += [f"open: {', '.join(sorted(open_arms))}"] if open_arms else ["nothing is open"]
    return f"Look at {count} of {len(plan.seeds)} seeds. {'; '.join(parts).capitalize()}."


def _seconds(store: RunStore) -> float:
    """Of training, in all stages of all runs so far."""
    from slr_tune.training.stages import read_stage

    names = {name for run in store.runs for name in run.stages}
    stages = [read_stage(store.folder / name) for name in names]
    return sum(stage.seconds for stage in stages if stage is not None)


def _hash(arm: Arm) -> str:
    content = json.dumps([arm.config, arm.trainable, arm.decoding], sort_keys=True, default=str)
    return hashlib.sha256(content.encode()).hexdigest()[:16]
