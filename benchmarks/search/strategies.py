"""The strategies of this project, by its own samplers and schedulers."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import optuna
from optuna.samplers import BaseSampler, RandomSampler
from optuna.trial import TrialState

from benchmarks.search.curve_table import CurveTable
from benchmarks.search.simulate import Work
from benchmarks.search.table_files import space_of
from slr_tune.search.prior_sampler import PriorSampler, PriorSettings
from slr_tune.search.sampler import tpe
from slr_tune.space import Space
from slr_tune.study.quota import Quota
from slr_tune.study.rungs import Rungs

Sampling = Callable[[int], BaseSampler]
"""The sampler for the trial of a number."""

REDUCTION_FACTOR = 3


class StudyStrategy:
    """A sampler over an Optuna study in memory, as the driver of a search holds one.

    Attributes:
        most: Trials that are started at most.
    """

    def __init__(
        self, table: CurveTable, space: Space, sampling: Sampling, prior: Mapping[str, Any] | None
    ) -> None:
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        self.table, self.space, self._sampling = table, space, sampling
        self.study = optuna.create_study()
        self.trials: dict[int, optuna.Trial] = {}
        self.has_baseline = prior is not None
        self.most: float = math.inf
        if prior is not None:
            self.study.enqueue_trial(dict(prior))

    def next(self) -> Work | None:
        if len(self.trials) >= self.most:
            return None
        self.study.sampler = self._sampling(len(self.trials))
        trial = self.study.ask()
        self.space.suggest(trial)
        self.trials[trial.number] = trial
        return Work(trial.number, trial.params)

    def report(self, trial: int, epoch: int, value: float, ended: str | None) -> bool:
        live = self.trials[trial]
        if (epoch in self.table.rungs or ended) and math.isfinite(value):
            live.report(value, epoch)
        if ended == "nan":
            self.study.tell(live, state=TrialState.FAIL)
        elif ended:
            self.study.tell(live, value)
        elif epoch in self.table.rungs:
            return self.at_rung(trial, epoch, value)
        return ended is None

    def at_rung(self, trial: int, epoch: int, value: float) -> bool:
        """Whether the trial goes on."""
        return True


class Stopping(StudyStrategy):
    """Stopping ASHA; the baseline always goes on."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.rungs = Rungs(self.table.rungs, REDUCTION_FACTOR)

    def at_rung(self, trial: int, epoch: int, value: float) -> bool:
        exempt = self.has_baseline and trial == 0
        if not self.rungs.decide(epoch, value, exempt=exempt).stopped:
            return True
        self.study.tell(self.trials[trial], state=TrialState.PRUNED)
        return False


class Promoting(StudyStrategy):
    """Promotion by the quota; the baseline always goes on."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.quota = Quota(self.table.rungs, REDUCTION_FACTOR)

    def next(self) -> Work | None:
        promotion = self.quota.next()
        if promotion is None:
            return super().next()
        self.quota.promote(promotion)
        return Work(promotion.trial, self.trials[promotion.trial].params, promotion.epoch)

    def at_rung(self, trial: int, epoch: int, value: float) -> bool:
        exempt = self.has_baseline and trial == 0
        self.quota.arrive(trial, epoch, value if math.isfinite(value) else None, exempt=exempt)
        return exempt


class SecondBracket(Promoting):
    """Every fourth trial from number 9 on does not wait at the first rung.

    Attributes:
        every: Of so many trials one passes.
        first: Number of the first trial that may pass.
    """

    every, first = 4, 9

    def at_rung(self, trial: int, epoch: int, value: float) -> bool:
        passes = trial >= self.first and trial % self.every == 0
        if epoch == self.table.grace and passes:
            return True
        return super().at_rung(trial, epoch, value)


class LateBracket(SecondBracket):
    """Every third trial from number 27 on."""

    every, first = 3, 27


class HalfAtLast(Promoting):
    """Every second trial is promoted from the last rung."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.last = Quota(self.table.rungs[-1:], 2)

    def next(self) -> Work | None:
        promotion = self.last.next()
        if promotion is None:
            return super().next()
        self.last.promote(promotion)
        return Work(promotion.trial, self.trials[promotion.trial].params, promotion.epoch)

    def at_rung(self, trial: int, epoch: int, value: float) -> bool:
        exempt = self.has_baseline and trial == 0
        if epoch != self.table.rungs[-1] or exempt:
            return super().at_rung(trial, epoch, value)
        self.last.arrive(trial, epoch, value if math.isfinite(value) else None)
        return False


class Repeating(Promoting):
    """Trials of equal values are promoted as if each were another training."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.quota = Quota(self.table.rungs, REDUCTION_FACTOR, distinct=False)


SETTINGS = PriorSettings()

VARIANTS: dict[str, Callable[[PriorSettings], PriorSettings]] = {
    "prior-asha": lambda settings: settings,
    "prior-asha-high": lambda settings: replace(settings, confidence="high"),
    "prior-asha-low": lambda settings: replace(settings, confidence="low"),
    "prior-asha-order": lambda settings: replace(settings, by_order=True),
    "prior-asha-few": lambda settings: replace(settings, candidates=20),
    "prior-asha-no-model": lambda settings: replace(settings, model=False),
    "prior-asha-repeating": lambda settings: replace(settings, least_distance=0.0),
}
"""The default and what its sampler could have been."""

SCHEDULERS: dict[str, type[Promoting]] = {
    "prior-asha-repeating": Repeating,
    "prior-asha-bracket": SecondBracket,
    "prior-asha-late-bracket": LateBracket,
    "prior-asha-half": HalfAtLast,
}
"""The default's sampler with what its scheduler could have been."""

FADING = "prior-asha-fading"
"""The default, but proposals near the baseline get rarer from trial 24 on."""

STRATEGIES = (*VARIANTS, *SCHEDULERS, FADING, "tpe-asha", "random-asha", "random")


def make_strategy(
    name: str,
    table: CurveTable,
    *,
    prior: Mapping[str, Any] | None,
    seed: int,
    workers: int = 1,
) -> StudyStrategy:
    """A strategy for one search.

    Args:
        name: One of `STRATEGIES`. The two random ones take no baseline.
        table: What it searches.
        prior: The baseline.
        seed: Of the search.
        workers: How many; none of ours needs to know.
    """
    space = space_of(table)

    def random(number: int) -> BaseSampler:
        mixed = hashlib.sha256(f"random {seed} {number}".encode()).digest()[:4]
        return RandomSampler(seed=int.from_bytes(mixed, "big"))

    if name == "random":
        return StudyStrategy(table, space, random, None)
    if name == "random-asha":
        return Stopping(table, space, random, None)
    if name == "tpe-asha":
        return Stopping(table, space, lambda number: tpe(seed=seed, number=number), prior)
    settings = VARIANTS.get(name, VARIANTS["prior-asha"])(SETTINGS)
    rungs = (*table.rungs, table.max_epochs)

    def proposing(number: int) -> BaseSampler:
        own = settings
        if name == FADING:
            own = replace(settings, prior_share=0.35 * min(1.0, 24 / max(1, number)))
        return PriorSampler(space, rungs, seed=seed, number=number, prior=prior, settings=own)

    return SCHEDULERS.get(name, Promoting)(table, space, proposing, prior)
