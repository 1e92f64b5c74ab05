"""The prefix plan: runs that agree for their first epochs share them, as a tree of stages.

Pure functions of configurations; nothing here trains.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from slr_tune.training.epoch_keys import prefix_names
from slr_tune.training.runs import ArmRun
from slr_tune.training.stages import Stage

Names = Callable[[int], str]
"""The name of a run's state after an epoch, by the epoch."""


@dataclass(frozen=True)
class Plan:
    """All stages, parents before children.

    Attributes:
        runs: What was requested.
        stages: What is to be trained.
    """

    runs: tuple[ArmRun, ...]
    stages: tuple[Stage, ...]

    @property
    def epochs_asked(self) -> int:
        """Epochs of all runs to their `max_epochs`, each by itself."""
        return sum(run.max_epochs for run in self.runs)

    @property
    def epochs_planned(self) -> int:
        """Epochs of all stages, if no run ends early."""
        return sum(stage.epochs for stage in self.stages)

    def path(self, run: ArmRun) -> list[Stage]:
        """The stages that a run passes through, the first first."""
        return [stage for stage in self.stages if run in stage.runs]

    def by_parent(self) -> dict[str | None, list[tuple[int, int, Stage]]]:
        """Stages by their parent's id, behind what orders a heap: the longest way first."""
        longest: dict[str, int] = defaultdict(int)
        for stage in reversed(self.stages):
            longest[stage.id] += stage.epochs
            if stage.parent is not None:
                longest[stage.parent] = max(longest[stage.parent], longest[stage.id])
        children: dict[str | None, list[tuple[int, int, Stage]]] = defaultdict(list)
        for number, stage in enumerate(self.stages):
            children[stage.parent].append((-longest[stage.id], number, stage))
        return children


def state_names(run: ArmRun, *, context: Callable[[ArmRun], str], share: bool) -> Names:
    """A function that names a run's state after an epoch, by everything that shaped it.

    Args:
        run: The run.
        context: What else shapes a run: seed, data, teacher. Runs share
            nothing where it differs.
        share: Whether other runs may come to the same state; False names it after this run alone.
    """
    apart = "" if share else f" apart {run.name} {json.dumps(dict(run.arm.config), sort_keys=True)}"
    return prefix_names(run.arm.trainable, run.arm.config, start=context(run) + apart)


def make_plan(
    runs: Sequence[ArmRun], *, context: Callable[[ArmRun], str], share: bool = True
) -> Plan:
    """Puts runs together as far as they agree.

    Args:
        runs: With names that differ.
        context: As `state_names` takes it.
        share: False trains every run by itself.

    Raises:
        ValueError: Two runs have one name.
    """
    named = {run.name: state_names(run, context=context, share=share) for run in runs}
    if len(named) < len(runs):
        raise ValueError(f"two runs have one name: {sorted(run.name for run in runs)}")
    return Plan(tuple(runs), tuple(_grow(runs, 0, None, named)))


def _grow(
    runs: Sequence[ArmRun], done: int, parent: str | None, named: Mapping[str, Names]
) -> Iterator[Stage]:
    """The stages that follow a state which `runs` share after `done` epochs."""
    groups: dict[str, list[ArmRun]] = defaultdict(list)
    for run in runs:
        if run.max_epochs > done:
            groups[named[run.name](done + 1)].append(run)
    for group in groups.values():
        last = _last_common(group, done + 1, named)
        longest = max(group, key=lambda run: run.max_epochs)
        name = f"{named[longest.name](last)}-{done + 1}"
        yield Stage(name, parent, done + 1, last, tuple(group))
        yield from _grow(group, last, name, named)


def _last_common(group: Sequence[ArmRun], first: int, named: Mapping[str, Names]) -> int:
    """The last epoch up to which all that are still running agree."""
    last = first
    while True:
        alive = [run for run in group if run.max_epochs > last]
        if not alive or len({named[run.name](last + 1) for run in alive}) > 1:
            return last
        last += 1
