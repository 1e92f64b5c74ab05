"""Epochs of a search, known before it starts where its scheduler does not depend on the values."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from optuna.trial import FrozenTrial

from slr_tune.space import StudySpec
from slr_tune.study.record import ATTRIBUTE, epochs_run, is_paused
from slr_tune.study.rungs import budget_rungs, is_audited
from slr_tune.study.segments import Segment, study_segments


def forecast_epochs(spec: StudySpec) -> int | None:
    """Epochs of all trials together where none ends by itself before its time, without the audit.

    None for a scheduler that stops trials at once: how many it stops depends on their values. None
    too where the time alone says how many trials there will be.
    """
    coming = _from_the_start(spec)
    return None if coming is None else round(coming.epochs)


def forecast_cost(spec: StudySpec) -> float | None:
    """The same in epochs over all training utterances: less where low rungs train on a part."""
    coming = _from_the_start(spec)
    return None if coming is None else coming.cost


def _from_the_start(spec: StudySpec) -> ToCome | None:
    if spec.search.scheduler == "stopping":
        return None
    unaudited = replace(spec, budget=replace(spec.budget, audit=0.0))
    return to_come(unaudited, (), target=spec.budget.trials)


def audit_epochs(spec: StudySpec) -> int:
    """Epochs that the audit adds at most to a search whose trials pause at their rungs."""
    first, budget = budget_rungs(spec.budget)[:1], spec.budget
    if not first or spec.search.scheduler != "promotion" or budget.trials is None:
        return 0
    exempt = 1 if spec.baseline is not None else 0
    numbers = range(exempt, budget.trials)
    audited = sum(is_audited(number, seed=spec.seed, share=budget.audit) for number in numbers)
    return audited * (budget.max_epochs - first[0])


@dataclass(frozen=True)
class ToCome:
    """What a search is still expected to train.

    Attributes:
        epochs: Of all trials together.
        cost: The same in epochs over all training utterances.
    """

    epochs: float
    cost: float


def to_come(spec: StudySpec, trials: Sequence[FrozenTrial], *, target: int | None) -> ToCome | None:
    """Epochs that a search is still expected to train, with all that its scheduler stops.

    Of trials that pause at their rungs, those are counted that the quota will promote, and those
    that the pruning audit will let run on. Where a scheduler stops trials at once, as many continue
    from a rung as did so far, 1/eta of them at first. What ended by itself comes no more, so that
    nothing is left to come once a search is over.

    Args:
        spec: The search.
        trials: Its own trials, as they are now.
        target: Trials that it is to have.

    Returns:
        None without a target: then the time alone says how many trials there will be.
    """
    if target is None:
        return None
    segments = study_segments(spec)
    flow = _Flow(spec, segments, max(0, target - len(trials)), len(trials))
    for trial in trials:
        flow.take(trial)
    lengths = flow.epochs()
    costs = [length * segment.share for length, segment in zip(lengths, segments, strict=True)]
    return ToCome(sum(lengths), sum(costs))


_FIRST = 4
"""Trials that continue, in the arrivals that stand for the usual before a rung has many."""


class _Flow:
    """Trials on their way through the segments between the rungs."""

    def __init__(self, spec: StudySpec, segments: Sequence[Segment], new: int, begun: int) -> None:
        count = len(segments)
        self._spec, self._segments = spec, segments
        self._stops = spec.search.scheduler == "stopping"
        self._rest = [0.0] * count  # epochs of those that are in a segment, to its end
        self._arriving = [0.0] * count  # of those in it, that the rung at its end decides on
        self._arrived, self._passed = [0] * count, [0] * count
        self._paused: list[list[tuple[float, int]]] = [[] for _ in segments]
        self._chosen = 0.0  # that the audit has chosen and no rung has decided on yet
        for number in range(begun, begun + new):
            self._enter(number, 0)

    def take(self, trial: FrozenTrial) -> None:
        """Counts a trial that was begun."""
        stored = trial.user_attrs.get(ATTRIBUTE) or {}
        rungs = {entry["epoch"]: entry for entry in stored.get("rungs", ())}
        for place, segment in enumerate(self._segments[:-1]):
            entry = rungs.get(segment.end)
            if entry is None or (entry.get("exempt") and not self._stops):
                continue
            self._arrived[place] += 1
            if self._stops:
                self._passed[place] += not entry["stopped"] and not entry.get("spared")
            elif entry.get("resumed") is not None:
                self._passed[place] += not entry.get("spared")
        if trial.state.is_finished():
            return
        epochs = epochs_run(trial)
        if is_paused(trial):
            place = next(i for i, one in enumerate(self._segments) if one.end >= epochs)
            value = rungs[self._segments[place].end].get("value")
            sign = 1 if self._spec.objective.direction == "minimize" else -1
            worth = math.inf if value is None else sign * value
            self._paused[place].append((worth, trial.number))
            return
        free = any(one.get("spared") or one.get("exempt") for one in rungs.values())
        self._enter(trial.number, epochs, free=free)

    def _enter(self, number: int, epochs: int, *, free: bool = False) -> None:
        """A trial that has so many epochs behind it, and that no rung stops where it is `free`."""
        free = free or (number == 0 and self._spec.baseline is not None)
        for place, segment in enumerate(self._segments):
            if epochs >= segment.end:
                continue
            self._rest[place] += segment.end - max(epochs, segment.start)
            if not free:
                self._arriving[place] += 1
                self._chosen += place == 0 and self._is_audited(number)
                return

    def epochs(self) -> list[float]:
        """Epochs to come in each segment."""
        eta, last = self._spec.budget.reduction_factor, len(self._segments) - 1
        found, entrants, spared = [], 0.0, self._chosen * (1 - 1 / eta)
        for place, segment in enumerate(self._segments):
            length = segment.end - segment.start
            extra = 0.0 if place == 0 else spared
            found.append(self._rest[place] + (entrants + extra) * length)
            if place == last:
                break
            arriving = self._arriving[place] + entrants
            if self._stops:
                before = _FIRST * eta  # the first to arrive continue whatever they are worth
                passed = (self._passed[place] + _FIRST) / (self._arrived[place] + before)
                entrants = arriving * passed
                continue
            places = (self._arrived[place] + arriving) // eta
            entrants = max(0.0, places - self._passed[place])
            for rank, (_, number) in enumerate(sorted(self._paused[place])):
                chance = 1.0 if rank >= entrants else 1 - 1 / eta
                spared += chance * self._is_audited(number)
        return found

    def _is_audited(self, number: int) -> bool:
        budget = self._spec.budget
        return is_audited(number, seed=self._spec.seed, share=budget.audit)
