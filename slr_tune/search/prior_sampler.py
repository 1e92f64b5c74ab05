"""Which configuration next: near what a person believes in, near what did well, or anywhere.

A Gaussian process chooses among such proposals the one that promises most. Nothing is remembered
from trial to trial: all of it comes from the study, and the random numbers from the seed and the
trial's number, so a driver that was started again suggests what the other would have.

Source: proposals from a prior, from incumbents and uniform ones in changing shares, as PriorBand
has them (Mallik et al. 2023, arXiv:2306.12370); a model that screens what a cheap sampler draws, as
in MOBSTER (Klein et al. 2020, arXiv:2003.10865).
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from optuna.distributions import BaseDistribution
from optuna.samplers import RandomSampler
from optuna.study import Study
from optuna.trial import FrozenTrial, TrialState

from slr_tune.search.surrogate import LastFit, normal_scores, rank_places
from slr_tune.search.unit_space import Points, UnitSpace
from slr_tune.search.whole_sampler import WholeSampler
from slr_tune.space import Space
from slr_tune.study.per_trial import PerTrial
from slr_tune.study.record import failed_by_configuration

Confidence = Literal["high", "medium", "low"]

BASELINE = "baseline"
"""Source of a baseline; the other sources are what `Proposal.source` gives."""

_MOST_MODELLED = 300

_WIDTH = {"high": 0.1, "medium": 0.2, "low": 0.4}
_REDRAWN = {"high": 0.25, "medium": 0.5, "low": 0.75}
_PRIOR_SHARE = {"high": 0.5, "medium": 0.35, "low": 0.2}


@dataclass(frozen=True)
class PriorSettings:
    """How to propose.

    Attributes:
        confidence: How far from the belief to look: standard deviation .1, .2 or .4 of a range.
        candidates: Proposals among which the model chooses.
        uniform_share: Trials that are drawn uniformly whatever the model says.
        startup: Trials with a value at the first rung before the model is asked.
        prior_share: Share of the candidates near the belief; None: .5, .35 or .2, by the
            confidence.
        incumbent_share: Share of the candidates near trials that did well.
        incumbents: How many such trials.
        by_order: Whether they are the first of the order over all rungs, else the best at the
            highest rung that any trial reached.
        model: Whether there is a model; without, the first candidate is taken.
        least_distance: Share of its range by which at least one number of a candidate must differ
            from every known trial's, unless a choice does: nearer ones hardly teach anything new.
    """

    confidence: Confidence = "medium"
    candidates: int = 150
    uniform_share: float = 0.1
    startup: int = 8
    prior_share: float | None = None
    incumbent_share: float = 0.45
    incumbents: int = 3
    by_order: bool = False
    model: bool = True
    least_distance: float = 0.1


@dataclass(frozen=True)
class Proposal:
    """A configuration, and where it came from.

    Attributes:
        params: Flat parameters of the study.
        source: "uniform", "perturbed baseline" or "perturbed trial 7"; with "model: " before it
            where the model chose it among others.
    """

    params: Mapping[str, Any]
    source: str


@dataclass(frozen=True)
class _Seen:
    """What the study shows: N trials with a value at the first rung, P without one so far.

    Attributes:
        points: (N, D).
        numbers: (N,) numbers of the trials.
        values: Of each its value by rung, smaller is better.
        pending: (P, D).
    """

    points: Points
    numbers: Sequence[int]
    values: Sequence[Mapping[int, float]]
    pending: Points


class PriorSampler(WholeSampler):
    """Optuna sampler for one trial; see the module.

    Attributes:
        proposal: What was suggested; None before, and where the values were given beforehand.
    """

    def __init__(
        self,
        space: Space,
        rungs: Sequence[int],
        *,
        seed: int,
        number: int,
        prior: Mapping[str, Any] | None = None,
        minimizes: bool = True,
        settings: PriorSettings | None = None,
        last_fit: LastFit | None = None,
    ) -> None:
        """Nothing is read before the first parameter is requested.

        Args:
            space: What is searched.
            rungs: Epochs at which trials are compared, ascending, `max_epochs` the last.
            seed: Of the study.
            number: Of the trial.
            prior: Flat parameters that are believed in: the baseline as `Space.encode` gives it,
                or some parameters alone. The others are drawn uniformly. None or empty: no belief.
            minimizes: Whether small values are better.
            settings: How to propose.
            last_fit: Of the samplers of other trials, which may have fitted the same.
        """
        self._last_fit = last_fit or LastFit()
        self._unit = UnitSpace(space)
        self._rungs = tuple(rungs)
        mixed = hashlib.sha256(f"prior {seed} {number}".encode()).digest()
        self._seed = int.from_bytes(mixed[:8], "big")
        self._prior = dict(prior or {})
        self._sign = 1.0 if minimizes else -1.0
        self._settings = settings or PriorSettings()
        self._fallback = RandomSampler(seed=self._seed % 2**32)
        self.proposal: Proposal | None = None

    @property
    def source(self) -> str | None:
        """Where the suggestion came from; None where the values were given beforehand."""
        return None if self.proposal is None else self.proposal.source

    def sample_independent(
        self,
        study: Study,
        trial: FrozenTrial,
        param_name: str,
        param_distribution: BaseDistribution,
    ) -> Any:
        """The parameter's value in the proposal, made with the first one."""
        if self.proposal is None:
            others = [
                other for other in study.get_trials(deepcopy=False) if other.number != trial.number
            ]
            self.proposal = self.propose(others)
        if param_name in self.proposal.params:
            return self.proposal.params[param_name]
        # Where some values were given beforehand, the branches may differ from the proposal's.
        return self._fallback.sample_independent(study, trial, param_name, param_distribution)

    def propose(self, trials: Sequence[FrozenTrial]) -> Proposal:
        """A configuration for the next trial.

        Args:
            trials: Those of the study, this one not among them.
        """
        return _Proposer(
            self._unit,
            self._seen(trials),
            self._prior,
            self._settings,
            np.random.default_rng(self._seed),
            self._last_fit,
        ).propose()

    def _seen(self, trials: Sequence[FrozenTrial]) -> _Seen:
        """Reads the trials; those that are not of this space are left out."""
        points, numbers, values, pending = [], [], [], []
        if self._last_fit.seen is None:
            self._last_fit.seen = PerTrial(self._observation)
        for observation in self._last_fit.seen.look(trials):
            if observation is None:
                continue
            number, encoded, own = observation
            if own:
                points.append(encoded)
                numbers.append(number)
                values.append(own)
            else:
                pending.append(encoded)
        empty = np.zeros((0, len(self._unit.axes)))
        return _Seen(
            np.array(points) if points else empty,
            numbers,
            values,
            np.array(pending) if pending else empty,
        )

    def _observation(self, trial: FrozenTrial) -> tuple[int, Points, dict[int, float]] | None:
        """A trial's number, point and values; None if it is not of this space or shows nothing."""
        own = _rung_values(trial, self._rungs, self._sign)
        params = trial.params or trial.system_attrs.get("fixed_params", {})
        found = self._unit.encode(params) if params and own is not None else None
        return None if found is None or own is None else (trial.number, found[0], own)


def _rung_values(trial: FrozenTrial, rungs: Sequence[int], sign: float) -> dict[int, float] | None:
    """Best value up to each rung that the trial reached; None where it reports nothing.

    A trial that failed by its own configuration is worse than any at the first rung. One that
    ended by itself has its last value at all later rungs.
    """
    if trial.state == TrialState.FAIL:
        return {rungs[0]: math.inf} if failed_by_configuration(trial) else None
    known = {epoch: sign * v for epoch, v in trial.intermediate_values.items() if v == v}
    if trial.state.is_finished() and not known:
        return None
    last = max(trial.intermediate_values, default=0)
    over = trial.state == TrialState.COMPLETE
    return {
        rung: min((v for epoch, v in known.items() if epoch <= rung), default=math.inf)
        for rung in rungs
        if over or rung <= last
    }


@dataclass
class _Proposer:
    """Makes one proposal."""

    unit: UnitSpace
    seen: _Seen
    prior: Mapping[str, Any]
    settings: PriorSettings
    rng: np.random.Generator
    last_fit: LastFit
    _sources: list[str] = field(default_factory=list)

    def propose(self) -> Proposal:
        settings, rng = self.settings, self.rng
        if rng.random() < settings.uniform_share:
            return self._given(self._uniform(1), "uniform")
        if len(self.seen.values) < settings.startup:
            if not self.prior or rng.random() < 0.5:
                return self._given(self._uniform(1), "uniform")
            return self._given(self._near_prior(1), "perturbed baseline")
        points, sources = self._candidates()
        scores = normal_scores(rank_places(self.seen.values))
        # Where all tie, as at a flat start, there is nothing to model.
        if not settings.model or np.ptp(scores) == 0:
            return self._given(points[:1], sources[0])
        kept = _modelled(scores)
        model = self.last_fit.fit(self.seen.points[kept], scores[kept], self.unit.choices)
        best = int(np.argmax(model.improvement(points, self.seen.pending)))
        return self._given(points[best : best + 1], f"model: {sources[best]}")

    def _given(self, points: Points, source: str) -> Proposal:
        return Proposal(self.unit.params(points[0]), source)

    def _candidates(self) -> tuple[Points, list[str]]:
        """(N, D) candidates in random order, each with its source."""
        settings, rng = self.settings, self.rng
        share = settings.prior_share
        if share is None or not self.prior:
            share = _PRIOR_SHARE[settings.confidence] if self.prior else 0.0
        shares = np.array([share, settings.incumbent_share, 1 - share - settings.incumbent_share])
        if not self.prior:
            shares[2] = 0.2
        which = rng.choice(3, size=settings.candidates, p=shares / shares.sum())
        points = self._uniform(settings.candidates)
        sources = ["uniform"] * settings.candidates
        near = np.flatnonzero(which == 0)
        if len(near):
            points[near] = self._near_prior(len(near))
        chosen = np.flatnonzero(which == 1)
        if len(chosen):
            points[chosen], numbers = self._near_incumbents(len(chosen))
            for place, number in zip(chosen, numbers, strict=True):
                sources[place] = f"perturbed trial {number}"
        for place in near:
            sources[place] = "perturbed baseline"
        kept = self._new(points)
        return points[kept], [sources[place] for place in kept]

    def _new(self, points: Points) -> npt.NDArray[np.intp]:
        """Places of the points that are far enough from every known trial; the farthest else."""
        from scipy.spatial import KDTree

        # Two options of a choice are 1 or more apart, two numbers at most 1.
        known = KDTree(np.vstack([self.seen.points, self.seen.pending]))
        near = self.settings.least_distance
        found, _ = known.query(points, p=np.inf, distance_upper_bound=near)
        kept = np.flatnonzero(found >= near)
        if len(kept):
            return kept
        found, _ = known.query(points, p=np.inf)
        return np.array([np.argmax(found)])

    def _uniform(self, number: int) -> Points:
        return self.unit.tidied(self.unit.uniform(number, self.rng))

    def _near_prior(self, number: int) -> Points:
        """Points (N, D) around what is believed in, uniform along what is not."""
        confidence, choices = self.settings.confidence, self.unit.choices
        points = self.unit.uniform(number, self.rng)
        for place, axis in enumerate(self.unit.axes):
            centre = axis.coordinate(self.prior[axis.key]) if axis.key in self.prior else None
            if centre is None:
                continue
            if choices[place]:
                kept = self.rng.random(number) >= _REDRAWN[confidence]
                points[kept, place] = centre
            else:
                noise = self.rng.normal(0.0, _WIDTH[confidence], number)
                points[:, place] = _reflected(centre + noise)
        return self.unit.tidied(points)

    def _near_incumbents(self, number: int) -> tuple[Points, list[int]]:
        """Points (N, D) near good trials, and the trials' numbers.

        Some parameters of the parent's are changed, those that newly apply are drawn.
        """
        rng, choices, best = self.rng, self.unit.choices, self._incumbents()
        parents, drawn, points = (np.zeros((number, len(choices))) for _ in range(3))
        numbers = []
        for place in range(number):
            chosen = int(rng.choice(best))
            numbers.append(self.seen.numbers[chosen])
            parent = parents[place] = self.seen.points[chosen]
            width = rng.choice([0.03, 0.1, 0.25])
            changed = rng.random(len(parent)) < 0.5
            if not changed.any():
                changed[rng.integers(len(parent))] = True
            drawn[place] = self.unit.uniform(1, rng)[0]
            moved = _reflected(parent + rng.normal(0.0, width, len(parent)))
            points[place] = np.where(changed, np.where(choices, drawn[place], moved), parent)
        new = self.unit.active(points) & ~self.unit.active(parents)
        return self.unit.tidied(np.where(new, drawn, points)), numbers

    def _incumbents(self) -> list[int]:
        """Places of the best trials; see `PriorSettings.by_order`."""
        most = self.settings.incumbents
        if self.settings.by_order:
            return [int(i) for i in np.argsort(rank_places(self.seen.values), kind="stable")[:most]]
        highest = max(rung for own in self.seen.values for rung in own)
        there = [i for i, own in enumerate(self.seen.values) if highest in own]
        return sorted(there, key=lambda i: self.seen.values[i][highest])[:most]


def _modelled(scores: npt.NDArray[np.float64]) -> npt.NDArray[np.intp]:
    """Places of the trials that the model sees: all, or the best half and others over the order.

    A fit takes time with the third power of their number: 300 take about 0.1 s on one core.
    """
    order = np.argsort(scores, kind="stable")
    if len(order) <= _MOST_MODELLED:
        return np.arange(len(order))
    half = _MOST_MODELLED // 2
    spread = np.linspace(half, len(order) - 1, half).round().astype(int)
    return np.sort(np.concatenate([order[:half], order[spread]]))


def _reflected(coordinates: Points) -> Points:
    """Coordinates folded back into [0, 1] at both ends."""
    folded = np.mod(coordinates, 2.0)
    reflected: Points = np.where(folded > 1.0, 2.0 - folded, folded)
    return reflected
