"""The product's own search over made-up curves: its sampler, its rungs, its audit; nothing trained.

A search is named by what suggests and what stops. One that comes later is one more entry of
`SEARCHES`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import optuna
from optuna.samplers import BaseSampler, RandomSampler
from optuna.trial import FrozenTrial, TrialState

from slr_tune.search.prior_sampler import PriorSampler
from slr_tune.search.sampler import tpe
from slr_tune.space import Space
from slr_tune.study.quota import Promotion, Quota
from slr_tune.study.record import ATTRIBUTE, RungEntry, TrialRecord, state_for
from slr_tune.study.rungs import Rungs, is_audited, rung_epochs

MAX_EPOCHS, GRACE, ETA = 27, 3, 3
RUNGS = rung_epochs(grace_epochs=GRACE, reduction_factor=ETA, max_epochs=MAX_EPOCHS)
AUDIT = 0.05

Curve = Callable[[Mapping[str, Any], int], Sequence[float]]
"""(the study's parameters, trial's number) -> value after each epoch, until it ends by itself.

A last value that is not a number is a run that diverged there: the trial fails.
"""


@dataclass(frozen=True)
class Search:
    """What suggests, and whether ASHA stops.

    Attributes:
        sampler: (seed, number) -> Optuna's sampler for a trial; None for the one that promotes,
            which has to know the space.
        stops: Whether trials are stopped at the rungs.
    """

    sampler: Callable[[int, int], BaseSampler] | None
    stops: bool


def _tpe(seed: int, number: int) -> BaseSampler:
    return tpe(seed=seed, number=number)


def _random(seed: int, number: int) -> BaseSampler:
    return RandomSampler(seed=100_003 * seed + number)


SEARCHES = {
    "prior-asha": Search(None, True),
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
    if chosen.sampler is None:
        promoting = _Promoting(space, curve, seed, baseline, config, max_epochs, at_rungs)
        return promoting.run(trials, audit)
    study = optuna.create_study()
    rungs = Rungs(at_rungs, ETA)
    if baseline is not None:
        study.enqueue_trial(dict(baseline))
    for number in range(trials):
        study.sampler = chosen.sampler(seed, number)
        trial = study.ask()
        values = space.suggest(trial)
        output = list(curve(trial.params, number))
        exempt = number == 0 and baseline is not None
        audited = is_audited(number, seed=seed, share=audit)
        entries: list[RungEntry] = []
        best = float("inf")
        last = 0
        for epoch, value in enumerate(output, start=1):
            if math.isnan(value):
                break
            best = min(best, value)
            trial.report(best, epoch)
            last = epoch
            spared = any(entry.spared for entry in entries)
            if not chosen.stops or epoch not in at_rungs or spared or epoch == len(output):
                continue
            entries.append(rungs.decide(epoch, best, exempt=exempt, audited=audited))
            if entries[-1].stopped:
                break
        stopped = bool(entries) and entries[-1].stopped
        over = "max_epochs" if last == max_epochs else "patience"
        ended = "nan" if last < len(output) and math.isnan(output[last]) else over
        ended = "asha" if stopped else ended
        _told(study, trial, config(values), number, ended, output[:last], entries)
    return study.get_trials(deepcopy=False)


def _told(
    study: optuna.Study,
    trial: optuna.Trial,
    config: dict[str, Any],
    number: int,
    ended: str,
    shown: Sequence[float],
    entries: Sequence[RungEntry],
) -> None:
    """Ends a trial in the study, with its record."""
    record = TrialRecord(
        config,
        number,
        ended,
        epochs=len(shown),
        best_epoch=shown.index(min(shown)) + 1 if shown else None,
        seconds=float(len(shown)),
        rungs=tuple(entries),
    )
    trial.set_user_attr(ATTRIBUTE, record.to_json())
    state = state_for(ended)
    study.tell(trial, min(shown) if state == TrialState.COMPLETE else None, state=state)


@dataclass
class _Open:
    """A trial that is not over: what it will tell, and how far it is."""

    trial: optuna.Trial
    values: dict[str, Any]
    told: list[float]
    epoch: int = 0
    best: float = float("inf")
    entries: list[RungEntry] = field(default_factory=list)


@dataclass
class _Promoting:
    """The default search: trials pause at their rungs and the best go on, by one worker."""

    space: Space
    curve: Curve
    seed: int
    baseline: Mapping[str, Any] | None
    config: Callable[[dict[str, Any]], dict[str, Any]]
    max_epochs: int
    at_rungs: tuple[int, ...]

    def run(self, trials: int, audit: float) -> list[FrozenTrial]:
        """All trials, then the audit's share of those that nothing promoted."""
        study = optuna.create_study()
        self.study, self.quota, self.opened = study, Quota(self.at_rungs, ETA), dict[int, _Open]()
        if self.baseline is not None:
            study.enqueue_trial(dict(self.baseline))
        started = 0
        while (promotion := self.quota.next()) is not None or started < trials:
            if promotion is None:
                self._begin(started)
                started += 1
            else:
                self._go_on(promotion)
        for promotion in self.quota.waiting:
            if is_audited(promotion.trial, seed=self.seed, share=audit):
                self._spare(promotion)
        for number in list(self.opened):
            self._end(number, "asha")
        return study.get_trials(deepcopy=False)

    def _begin(self, number: int) -> None:
        self.study.sampler = PriorSampler(
            self.space,
            (*self.at_rungs, self.max_epochs),
            seed=self.seed,
            number=number,
            prior=self.baseline,
        )
        trial = self.study.ask()
        values = self.space.suggest(trial)
        self.opened[number] = _Open(trial, values, list(self.curve(trial.params, number)))
        self._train(number)

    def _go_on(self, promotion: Promotion) -> None:
        one = self.opened[promotion.trial]
        one.entries[-1] = replace(one.entries[-1], resumed=self.quota.promote(promotion))
        self._train(promotion.trial)

    def _spare(self, promotion: Promotion) -> None:
        one = self.opened[promotion.trial]
        order = self.quota.spare(promotion)
        one.entries[-1] = replace(one.entries[-1], spared=True, resumed=order)
        self._train(promotion.trial, alone=True)

    def _train(self, number: int, *, alone: bool = False) -> None:
        """To the next rung, or to the end."""
        one = self.opened[number]
        exempt = number == 0 and self.baseline is not None
        for epoch in range(one.epoch + 1, len(one.told) + 1):
            if math.isnan(one.told[epoch - 1]):
                self._end(number, "nan")
                return
            one.epoch, one.best = epoch, min(one.best, one.told[epoch - 1])
            one.trial.report(one.best, epoch)
            if epoch in self.at_rungs and epoch < len(one.told) and not alone:
                one.entries.append(self.quota.arrive(number, epoch, one.best, exempt=exempt))
                if not exempt:
                    return
        self._end(number, "max_epochs" if one.epoch == self.max_epochs else "patience")

    def _end(self, number: int, ended: str) -> None:
        one = self.opened.pop(number)
        shown, config = one.told[: one.epoch], self.config(one.values)
        _told(self.study, one.trial, config, number, ended, shown, one.entries)
