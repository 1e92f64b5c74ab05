"""The prefix plan: runs that agree for their first epochs share them, as a tree of stages.

Pure functions of configurations; nothing here trains.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from slr_tune.training.epoch_keys import prefix_names


@dataclass(frozen=True)
class Measure:
    """What a run is judged by.

    Attributes:
        metric: Column of its curve.
        minimize: Whether smaller values are better.
        scored: Whether its errors in each utterance can be counted, as of every recogniser that
            is built in or derived from one. Of a user's own run only the metric is known.
    """

    metric: str
    minimize: bool
    scored: bool


WER = Measure("val/wer", minimize=True, scored=True)


@dataclass(frozen=True)
class StopRule:
    """When a run ends.

    Attributes:
        patience: Epochs without an improvement.
        min_delta: WER points that count as one.
        max_epochs: Epochs in any case.
        measure: Which epoch is the run's best.
    """

    patience: int
    min_delta: float
    max_epochs: int
    measure: Measure = WER


@dataclass(frozen=True)
class PlannedRun:
    """A training that an ablation asks for.

    Attributes:
        name: Of this run alone, such as `constant 4/1001`.
        trainable: What it trains.
        config: Its whole configuration.
        seed: Its seed.
        measure: What it is judged by.
    """

    name: str
    trainable: str
    config: Mapping[str, Any]
    seed: int
    measure: Measure = WER

    @property
    def rule(self) -> StopRule:
        """When it ends; a run of a user's own decides for itself before `max_epochs`."""
        length = int(self.config["max_epochs"])
        if not self.measure.scored:
            return StopRule(length, 0.0, length, self.measure)
        config = self.config
        return StopRule(int(config["patience"]), float(config["min_delta"]), length, self.measure)


@dataclass(frozen=True)
class Stage:
    """Epochs that are trained once for all runs that share them.

    Attributes:
        id: Names the state that it ends with, and the epochs it trains to get there.
        parent: The stage whose last state it starts from, None at the start of a run.
        first: Its first epoch, from 1.
        last: Its last epoch; it ends earlier where every run of it has ended.
        runs: The runs that pass through it, in the order of the plan.
    """

    id: str
    parent: str | None
    first: int
    last: int
    runs: tuple[PlannedRun, ...]

    @property
    def epochs(self) -> int:
        """Epochs that it trains at most."""
        return self.last - self.first + 1

    @property
    def representative(self) -> PlannedRun:
        """The run whose configuration is trained: the longest, as all agree otherwise."""
        return max(self.runs, key=lambda run: run.rule.max_epochs)


@dataclass(frozen=True)
class Plan:
    """All stages, parents before children.

    Attributes:
        runs: What was asked for.
        stages: What is to be trained.
    """

    runs: tuple[PlannedRun, ...]
    stages: tuple[Stage, ...]

    @property
    def epochs_asked(self) -> int:
        """Epochs of all runs to their `max_epochs`, each by itself."""
        return sum(run.rule.max_epochs for run in self.runs)

    @property
    def epochs_planned(self) -> int:
        """Epochs of all stages, if no run ends early."""
        return sum(stage.epochs for stage in self.stages)

    @property
    def share(self) -> float:
        """Epochs planned for each epoch asked for; 1 where nothing is shared."""
        return self.epochs_planned / self.epochs_asked if self.runs else 1.0

    def path(self, run: PlannedRun) -> list[Stage]:
        """The stages that a run passes through, the first first."""
        return [stage for stage in self.stages if run in stage.runs]

    def remaining(self) -> dict[str, int]:
        """Epochs on the longest way from a stage's start to an end, by the stage's id."""
        longest: dict[str, int] = defaultdict(int)
        for stage in reversed(self.stages):
            longest[stage.id] += stage.epochs
            if stage.parent is not None:
                longest[stage.parent] = max(longest[stage.parent], longest[stage.id])
        return dict(longest)


def make_plan(
    runs: Sequence[PlannedRun], *, context: Callable[[PlannedRun], str], share: bool = True
) -> Plan:
    """Puts runs together as far as they agree.

    Args:
        runs: With names that differ.
        context: What beside the configuration shapes a run: seed, data, teacher. Runs share
            nothing where it differs.
        share: False trains every run by itself.

    Raises:
        ValueError: Two runs have one name.
    """
    names = [run.name for run in runs]
    if len(set(names)) < len(names):
        raise ValueError(f"two runs have one name: {sorted(names)}")
    named = {}
    for run in runs:
        start = context(run) if share else f"{context(run)} apart {run.name}"
        named[run.name] = prefix_names(run.trainable, run.config, start=start)
    stages: list[Stage] = []
    _grow(list(runs), 0, None, named, stages)
    return Plan(tuple(runs), tuple(stages))


def _grow(
    runs: list[PlannedRun],
    done: int,
    parent: str | None,
    named: Mapping[str, Callable[[int], str]],
    stages: list[Stage],
) -> None:
    """Adds the stages that follow a state which `runs` share after `done` epochs."""
    groups: dict[str, list[PlannedRun]] = defaultdict(list)
    for run in runs:
        if run.rule.max_epochs > done:
            groups[named[run.name](done + 1)].append(run)
    for group in groups.values():
        last = _last_common(group, done + 1, named)
        name = f"{named[_longest(group).name](last)}-{done + 1}"
        stages.append(Stage(name, parent, done + 1, last, tuple(group)))
        _grow(group, last, name, named, stages)


def _last_common(
    group: Sequence[PlannedRun], first: int, named: Mapping[str, Callable[[int], str]]
) -> int:
    """The last epoch up to which all that are still running agree."""
    last = first
    while True:
        alive = [run for run in group if run.rule.max_epochs > last]
        if not alive or len({named[run.name](last + 1) for run in alive}) > 1:
            return last
        last += 1


def _longest(group: Sequence[PlannedRun]) -> PlannedRun:
    return max(group, key=lambda run: run.rule.max_epochs)
