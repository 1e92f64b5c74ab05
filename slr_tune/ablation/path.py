"""The measured path: from the baseline to the best trial, one parameter at a time."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence

from slr_tune.ablation.arms import BASELINE, resolve
from slr_tune.ablation.naming import change_text, level_text
from slr_tune.ablation.result import FORWARD, PUT_BACK, PathStep, number
from slr_tune.errors import RunFailed, SlrTuneError
from slr_tune.training.kinds import Config
from slr_tune.training.run_store import RunStore
from slr_tune.training.runs import Arm, ArmRun

BEST = "best"
TRIED = "tried"


def walk(
    store: RunStore, start: Config, goal: Config, *, trainable: str, seeds: Sequence[int]
) -> tuple[dict[str, list[ArmRun]], tuple[PathStep, ...]]:
    """Changes one parameter after another, the one that gains most first, with paired seeds.

    Each step tries all parameters that are left, and keeps the one with the best mean on dev.

    Returns:
        The runs by what they are for, and what each step gained. The way forth is the baseline and
        then one more parameter each; the way back is the best, then the best with each parameter
        put back. Tried was what another step gained more than, and what has no value.

    Raises:
        SlrTuneError: Start and goal do not differ, or cannot be mixed.
        RunFailed: A user's own run never had a finite value, and there is no way around it.
        Interrupted: Before it was done.
    """
    left = changed_parameters(start, goal)
    if not left:
        raise SlrTuneError(
            "the best trial is the baseline: there is no path",
            hint="Search for more trials, or give another --baseline.",
        )
    forward = store.train([Arm(BASELINE, start, trainable)], seeds)
    tried: list[ArmRun] = []
    steps: list[PathStep] = []
    current, before = start, _mean(forward)
    _check_value(BASELINE, before, store)
    while left:
        place = len(steps) + 1
        labels = {name: f"{place}. + {level_text(name, goal.get(name))}" for name in left}
        tries = {name: _arm(labels[name], current, name, goal, trainable) for name in left}
        runs = store.train(list(tries.values()), seeds)
        means = {
            name: _mean([run for run in runs if run.arm is arm]) for name, arm in tries.items()
        }
        best = min(left, key=lambda name: store.measure.rank(means[name]))
        _check_value(tries[best].name, means[best], store)
        others = {name: number(means[name] - before) for name in left if name != best}
        change = change_text(best, start.get(best), goal.get(best))
        steps.append(PathStep(best, change, means[best] - before, means[best], others))
        forward += [run for run in runs if run.arm is tries[best]]
        tried += [run for run in runs if run.arm is not tries[best]]
        current, before = tries[best].config, means[best]
        left.remove(best)
    back = store.train(_put_back(start, goal, trainable), seeds)
    without = {run.arm.name for run in back if math.isnan(run.value)}
    tried += [run for run in back if run.arm.name in without]
    back = [run for run in back if run.arm.name not in without]
    return {FORWARD: forward, PUT_BACK: back, TRIED: tried}, tuple(steps)


def changed_parameters(start: Config, goal: Config) -> list[str]:
    """Settings in which two configurations differ; a group counts as one."""
    return [name for name in dict.fromkeys([*start, *goal]) if start.get(name) != goal.get(name)]


def runs_at_most(start: Config, goal: Config) -> int:
    """Configurations that a walk trains."""
    count = len(changed_parameters(start, goal))
    inner = max(0, count - 2)  # putting back the last parameter is a step of the way, and all are
    return 1 + count * (count + 1) // 2 + inner


def _put_back(start: Config, goal: Config, trainable: str) -> list[Arm]:
    """The best, and the best with each parameter as the baseline has it."""
    arms = [Arm(BEST, goal, trainable)]
    for name in changed_parameters(start, goal):
        label = f"{BEST}, {level_text(name, start.get(name))} put back"
        arms.append(_arm(label, goal, name, start, trainable))
    return arms


def _arm(label: str, under: Config, name: str, over: Config, trainable: str) -> Arm:
    """One configuration with one setting of another."""
    config = {key: value for key, value in under.items() if key != name}
    if name in over:
        config[name] = over[name]
    return Arm(label, resolve(trainable, config, what=label), trainable)


def _check_value(name: str, mean: float, store: RunStore) -> None:
    if math.isnan(mean):
        raise RunFailed(
            f"{name}: a run never reported a finite {store.measure.metric}, so the path ends there",
            hint="Try another --baseline, or the best trial of a longer search.",
        )


def _mean(runs: Sequence[ArmRun]) -> float:
    """Mean over the seeds of what dev shows at the best epochs."""
    return statistics.mean(run.value for run in runs)
