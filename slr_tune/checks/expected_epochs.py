"""Epochs that a search will train: by the quota, or by playing it with ASHA's own rungs."""

from __future__ import annotations

import heapq
import random
from dataclasses import dataclass, replace
from itertools import islice

from slr_tune.search.sampler import trials_to_run
from slr_tune.space import StudySpec
from slr_tune.study.forecast import audit_epochs, forecast_epochs
from slr_tune.study.rungs import Rungs, budget_rungs, is_audited
from slr_tune.study.segments import study_segments, trials_in_segments

_GAMES = 20


@dataclass(frozen=True)
class ExpectedEpochs:
    """Epochs of all trials together.

    Attributes:
        likely: Where trials differ at every rung, the mean over games; exact where `known`.
        tied: Where all are equal at the first rung, as in the blank phase at 100 %: ASHA in its
            stopping form stops none of them there, and the quota as many as ever.
        most: Where none is stopped; where `known`, with all that the pruning audit may add.
        known: Whether the number does not depend on the values.
        share: Of the training utterances, that these epochs see on average: below 1 where low rungs
            train on a part.
    """

    likely: float
    tied: float
    most: int
    known: bool = False
    share: float = 1.0


def expected_epochs(spec: StudySpec, workers: int) -> ExpectedEpochs:
    """Counts the epochs of the quota, or plays a search that stops trials several times.

    It is played with trials of random worth, all epochs equally long. The baseline runs to its end,
    audited trials are spared, and the first to arrive at a rung continues, as in a search. Early
    stopping by patience is left out either way: it makes fewer epochs.

    Args:
        spec: The search, with a number of trials.
        workers: Trials side by side.
    """
    spec = replace(spec, budget=replace(spec.budget, trials=trials_to_run(spec)))
    assert spec.budget.trials is not None
    share, known = _mean_share(spec), forecast_epochs(spec)
    if known is not None:
        most = known + audit_epochs(spec)
        return ExpectedEpochs(known, known, most, known=True, share=share)
    first = budget_rungs(spec.budget)[:1]
    games = range(_GAMES)
    likely = sum(_played(spec, workers, seed, tied=()) for seed in games) / _GAMES
    tied = sum(_played(spec, workers, seed, tied=first) for seed in games) / _GAMES
    most = spec.budget.trials * spec.budget.max_epochs
    return ExpectedEpochs(likely, tied, most, share=share)


def _mean_share(spec: StudySpec) -> float:
    """Of the data, that an epoch sees on average where the quota says who continues."""
    segments = study_segments(spec)
    counts = trials_in_segments(
        segments,
        trials=spec.budget.trials or 1,
        exempt=int(spec.baseline is not None),
        reduction_factor=spec.budget.reduction_factor,
    )
    pairs = list(zip(counts, segments, strict=True))
    epochs = sum(count * (one.end - one.start) for count, one in pairs)
    return sum(count * one.cost for count, one in pairs) / epochs


def _played(spec: StudySpec, workers: int, seed: int, *, tied: tuple[int, ...]) -> int:
    """Epochs of one game; at the rungs `tied` all trials have one value."""
    budget, draw = spec.budget, random.Random(seed)
    rungs = Rungs(budget_rungs(budget), budget.reduction_factor)
    trials = budget.trials or 0
    worth = [draw.random() for _ in range(trials)]
    ends = [*rungs.epochs, budget.max_epochs]
    waiting = iter(range(trials))
    spared: set[int] = set()
    # When a trial reaches its next rung, the turn of the draw, the trial, the number of the rung.
    running = [(ends[0], draw.random(), trial, 0) for trial in islice(waiting, workers)]
    heapq.heapify(running)
    trained = 0
    while running:
        now, _, trial, number = heapq.heappop(running)
        trained += ends[number] - (ends[number - 1] if number else 0)
        ended = number == len(ends) - 1
        if not ended and trial not in spared:
            entry = rungs.decide(
                ends[number],
                1.0 if ends[number] in tied else worth[trial],
                exempt=trial == 0 and spec.baseline is not None,
                audited=is_audited(trial, seed=spec.seed, share=budget.audit),
            )
            ended = entry.stopped
            if entry.spared:
                spared.add(trial)
        if not ended:
            step = ends[number + 1] - ends[number]
            heapq.heappush(running, (now + step, draw.random(), trial, number + 1))
        elif (other := next(waiting, None)) is not None:
            heapq.heappush(running, (now + ends[0], draw.random(), other, 0))
    return trained
