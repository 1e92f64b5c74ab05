"""The product's own search over made-up curves: its sampler, its rungs, its audit; nothing trained.

A search is named by what suggests and what stops. One that comes later is one more entry of
`SEARCHES`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import optuna
from optuna.samplers import BaseSampler, RandomSampler
from optuna.trial import FrozenTrial, TrialState

from slr_tune.search.sampler import tpe
from slr_tune.space import Space
from slr_tune.study.record import ATTRIBUTE, RungEntry, TrialRecord
from slr_tune.study.rungs import Rungs, is_audited, rung_epochs

MAX_EPOCHS, GRACE, ETA = 27, 3, 3
RUNGS = rung_epochs(grace_epochs=GRACE, reduction_factor=ETA, max_epochs=MAX_EPOCHS)
AUDIT = 0.05

Curve = Callable[[Mapping[str, Any], int], Sequence[float]]
"""(the study's parameters, trial's number) -> value after each epoch, until it ends by itself."""


@dataclass(frozen=True)
class Search:
    """What suggests, and whether ASHA stops.

    Attributes:
        sampler: (seed, number) -> Optuna's sampler for a trial.
        stops: Whether trials are stopped at the rungs.
    """

    sampler: Callable[[int, int], BaseSampler]
    stops: bool


def _tpe(seed: int, number: int) -> BaseSampler:
    return tpe(seed=seed, number=number)


def _random(seed: int, number: int) -> BaseSampler:
    return RandomSampler(seed=100_003 * seed + number)


SEARCHES = {
    "tpe-asha": Search(_tpe, True),
    "tpe": Search(_tpe, False),
    "random-asha": Search(_random, True),
    "random": Search(_random, False),
}


def simulate(
    space: Space,
    curve: Curve,
    search: str,
    *,
    trials: int,
    seed: int,
    baseline: Mapping[str, Any] | None = None,
    config: Callable[[dict[str, Any]], dict[str, Any]] = dict,
    audit: float = AUDIT,
    max_epochs: int = MAX_EPOCHS,
    at_rungs: tuple[int, ...] = RUNGS,
) -> list[FrozenTrial]:
    """One study, by one worker.

    Args:
        space: The space.
        curve: The value of a configuration over the epochs, smaller is better.
        search: A name in `SEARCHES`.
        trials: How many.
        seed: Of the sampler.
        baseline: Parameters of trial 0, which nothing stops; None for none.
        config: (nested values) -> the whole configuration that a trial's record holds.
        audit: Share of the trials that run on where they would be stopped.
        max_epochs: Of a trial.
        at_rungs: Epochs of the rungs.

    Returns:
        The trials with records, as a study would hold them.
    """
    chosen = SEARCHES[search]
    study = optuna.create_study()
    rungs = Rungs(at_rungs, ETA)
    if baseline is not None:
        study.enqueue_trial(dict(baseline))
    for number in range(trials):
        study.sampler = chosen.sampler(seed, number)
        trial = study.ask()
        values = space.suggest(trial)
        told = list(curve(trial.params, number))
        exempt = number == 0 and baseline is not None
        audited = is_audited(number, seed=seed, share=audit)
        entries: list[RungEntry] = []
        best = float("inf")
        for epoch, value in enumerate(told, start=1):
            best = min(best, value)
            trial.report(best, epoch)
            last = epoch
            spared = any(entry.spared for entry in entries)
            if not chosen.stops or epoch not in at_rungs or spared or epoch == len(told):
                continue
            entries.append(rungs.decide(epoch, best, exempt=exempt, audited=audited))
            if entries[-1].stopped:
                break
        stopped = bool(entries) and entries[-1].stopped
        ended = "asha" if stopped else "max_epochs" if last == max_epochs else "patience"
        shown = told[:last]
        record = TrialRecord(
            config(values),
            number,
            ended,
            epochs=last,
            best_epoch=shown.index(min(shown)) + 1,
            seconds=float(last),
            rungs=tuple(entries),
        )
        trial.set_user_attr(ATTRIBUTE, record.to_json())
        state = TrialState.PRUNED if stopped else TrialState.COMPLETE
        study.tell(trial, None if stopped else best, state=state)
    return study.get_trials(deepcopy=False)
