"""Ablations that never ran, thousands at a time: what `coverage.py` counts.

A study has k arms and a baseline, S seeds each. A run's WER is the arm's mean, what the seed does
to all arms, the run's own luck, what the utterances do to the arm, and what this run does on single
utterances. Everything is in points of WER; the analysis is that of `slr_tune.statistics` with a t
distribution in the place of the bootstrap (`statistics.analytic`), which a test compares with the
product's own.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from scipy.special import fdtrc, ndtr, ndtri, stdtrit

from slr_tune.statistics.analytic import beyond, drawn_in
from slr_tune.statistics.sequential import LookPlan

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
LEVEL, HOPELESS, CAP, LIKE = 0.05, 0.02, 4.0, 0.1


@dataclass(frozen=True)
class World:
    """How studies come out.

    Attributes:
        arms: Beside the baseline.
        seed: Standard deviation of a run over seeds, points.
        utterance: Of a difference over utterances (or signers), points.
        luck: Of one run on single utterances, points.
        shared: Correlation of arms with the same seed.
        baseline: How many times as much the baseline scatters.
        first: How many times as much the first arm does.
        alike: Standard deviation between the baseline's runs and those of all arms but the first,
            points, where these are hardly other runs; None where they are.
        uneven: Standard deviation of the log variance between arms.
        heavy: Whether seeds are t with 3 degrees of freedom.
        units: Utterances, or signers.
        collapse: Chance of an arm's run to collapse.
        baseline_collapse: Of the baseline's.
        effects: True differences of the first arms, points; 0 for the rest.
        teacher: Standard deviation over teachers of what a teacher does to an arm, points.
        teachers: That taught the runs, one after another with as many seeds each.
    """

    arms: int = 5
    seed: float = 1.5
    utterance: float = 0.7
    luck: float = 0.4
    shared: float = 0.0
    baseline: float = 1.0
    first: float = 1.0
    alike: float | None = None
    uneven: float = 0.0
    heavy: bool = False
    units: int = 150
    collapse: float = 0.0
    baseline_collapse: float = 0.0
    effects: tuple[float, ...] = ()
    teacher: float = 0.0
    teachers: int = 1

    @property
    def truth(self) -> Floats:
        """True differences, (arms,)."""
        return np.array([*self.effects, *[0.0] * (self.arms - len(self.effects))])

    def draw(self, studies: int, seeds: int, rng: np.random.Generator) -> Studies:
        """Draws studies."""
        shape = (studies, self.arms + 1, seeds)
        scale = np.full((studies, self.arms + 1, 1), self.seed)
        if self.uneven:
            scale *= np.exp(0.5 * self.uneven * rng.normal(size=scale.shape))
        scale[:, 0] *= self.baseline
        scale[:, 1] *= self.first

        def noise(size: tuple[int, ...]) -> Floats:
            if self.heavy:
                return rng.standard_t(3, size) / 3**0.5
            return rng.normal(size=size)

        common = noise((studies, 1, seeds))
        runs = scale * (self.shared**0.5 * common + (1 - self.shared) ** 0.5 * noise(shape))
        runs += self.luck * rng.normal(size=shape)
        units = self.utterance / 2**0.5 * rng.normal(size=(studies, self.arms + 1, 1))
        if self.alike is not None:
            runs[:, 2:] = runs[:, :1] + self.alike * rng.normal(size=runs[:, 2:].shape)
            units[:, 2:] = units[:, :1]
        wer = 30.0 + units + runs
        if self.teacher:
            taught = self.teacher * rng.normal(size=(studies, self.arms + 1, self.teachers))
            wer += np.repeat(taught, seeds // self.teachers, axis=2)
        wer[:, 1:] += self.truth[:, None]
        chance = np.full((1, self.arms + 1, 1), self.collapse)
        chance[:, 0] = self.baseline_collapse
        fallen = rng.uniform(size=shape) < chance
        wer = np.where(fallen, 95.0 + runs, wer)
        known = rng.chisquare(self.units - 1, (studies, self.arms)) / (self.units - 1)
        return Studies(wer, known, self)


@dataclass(frozen=True, eq=False)
class Studies:
    """Studies that were drawn.

    Attributes:
        wer: (studies, arms + 1, seeds), the baseline first.
        known: How far the utterances' variance is misjudged, (studies, arms).
        world: Where they are from.
    """

    wer: Floats
    known: Floats
    world: World


@dataclass(frozen=True, eq=False)
class Differences:
    """Differences to the baseline and what is known of their noise, (studies, arms) each."""

    mean: Floats
    seed: Floats
    unit: Floats
    seed_df: Floats
    count: Floats
    prior: Floats
    width: Floats
    unit_df: float

    def p(self) -> Floats:
        """Two-sided p-values; 1 for those that are far above 0.05 anyway."""
        return np.minimum(2.0 * self._tail(np.abs(self.mean)), 1.0)

    def same(self, margin: float) -> Floats:
        """p-values of two one-sided tests, likewise; the nearer end of the margin decides."""
        return self._tail(margin - np.abs(self.mean))

    def _tail(self, points: Floats) -> Floats:
        """Probability that the noise is above `points`; 1 below 1.2 standard errors."""
        near = (self.count > 1) & (points > 1.2 * self.width * np.sqrt(self.seed + self.unit))
        found = np.ones_like(points)
        found[near] = beyond(
            points[near],
            self.seed[near],
            self.unit[near],
            seed_df=self.seed_df[near],
            unit_df=self.unit_df,
            width=self.width[near],
        )
        return found

    def covers(self, truth: Floats) -> Bools:
        """Whether the single 95 % interval holds the truth."""
        return replace(self, mean=self.mean - truth).p() >= LEVEL


def analysed(
    studies: Studies,
    counts: Floats,
    *,
    moderated: bool = True,
    trained: Bools | None = None,
    contrasts: Floats | None = None,
    least: Floats | float = 0.0,
) -> Differences:
    """The analysis of studies of which each arm has the first seeds.

    Args:
        studies: What was drawn.
        counts: Seeds of each arm, (studies, arms).
        moderated: The default test; else each arm's own variance, as before, signers drawn in.
        trained: Runs that count, (studies, arms + 1, seeds); None for all.
        contrasts: Weights of the arms and the baseline in each difference, (differences,
            arms + 1); None for each arm against the baseline.
        least: What the replicates' variance of the mean is held at, (studies, differences).
    """
    world = studies.world
    if contrasts is None:
        apart = studies.wer[:, 1:] - studies.wer[:, :1]
        scale = np.ones(apart.shape[1])
    else:
        apart = np.einsum("ca,nas->ncs", contrasts, studies.wer)
        scale = (contrasts**2).sum(axis=1) / 2.0
    k = apart.shape[1]
    studies_known = studies.known[:, np.arange(k) % studies.known.shape[1]]
    use = np.arange(apart.shape[2]) < counts[..., None]
    if trained is not None:
        use = use & trained[:, 1:] & trained[:, :1]
    n = use.sum(axis=2).astype(float)
    safe = np.maximum(n, 1.0)
    mean = np.where(use, apart, 0.0).sum(axis=2) / safe
    squares = np.where(use, (apart - mean[..., None]) ** 2, 0.0).sum(axis=2)
    own = np.maximum(n - 1.0, 0.0)
    v = squares / np.maximum(own, 1.0) / scale
    prior = np.zeros_like(v)
    if moderated and k > 1:
        total = own.sum(axis=1, keepdims=True)
        pooled = (own * v).sum(axis=1, keepdims=True) / np.maximum(total, 1.0)
        tested = (own > 0).sum(axis=1, keepdims=True)
        prior = np.minimum(CAP, CAP * (total - own) / (tested + 3.0)) * (own > 0) * (tested > 1)
        rest = np.maximum(total - own, 1.0)
        others = np.maximum((total * pooled - own * v) / rest, 1e-12)
        prior *= np.minimum(fdtrc(np.maximum(own, 1.0), rest, v / others) / LIKE, 1.0)
        v = (prior * pooled + own * v) / np.maximum(prior + own, 1e-9)
    v = v * scale
    interaction = 2.0 * world.luck**2 * scale / safe
    floor = (0.5 * ndtri(0.975) / stdtrit(np.maximum(own, 1.0), 0.975)) ** 2
    seed = np.maximum(np.maximum(v / safe, floor * interaction), least)
    few = moderated and world.units <= 4
    unit = (world.utterance**2 * scale + interaction) * studies_known
    if not few:
        unit = np.maximum(unit - interaction, 0.0)
    df = prior + np.maximum(own, 1.0)
    width = np.ones_like(v) if few else drawn_in(seed, unit, df)
    return Differences(mean, seed, unit, df, n, prior, width, world.units - 1.0)


def analysed_by_teacher(studies: Studies) -> Differences:
    """The analysis of arms crossed with teachers: the means of each teacher's seeds are counted.

    Their variance is held at what the seeds within a teacher make by themselves.
    """
    world = studies.world
    count, arms, runs = studies.wer.shape
    each = runs // world.teachers
    by_teacher = studies.wer.reshape(count, arms, world.teachers, each)
    means = replace(
        studies,
        wer=by_teacher.mean(axis=3),
        world=replace(world, luck=world.luck / each**0.5),
    )
    nested: Floats | float = 0.0
    if each > 1:
        apart = by_teacher[:, 1:] - by_teacher[:, :1]
        nested = apart.var(axis=3, ddof=1).mean(axis=2) / runs
    return analysed(means, np.full((count, arms - 1), float(world.teachers)), least=nested)


def holm_shown(p: Floats, level: float = LEVEL) -> Bools:
    """Which comparisons Holm shows, row by row."""
    order = np.argsort(p, axis=1)
    k = p.shape[1]
    passed = np.take_along_axis(p, order, axis=1) * np.arange(k, 0, -1) < level
    passed = np.logical_and.accumulate(passed, axis=1)
    shown = np.zeros_like(passed)
    np.put_along_axis(shown, order, passed, axis=1)
    return shown


def flagged(wer: Floats) -> Bools:
    """Runs that collapsed, by the rule of `statistics.collapse`."""
    seeds = wer.shape[2]
    middle = np.median(wer, axis=2, keepdims=True)
    distances = np.sort(np.abs(wer - middle), axis=2)[:, :, seeds % 2 :]
    typical = np.median(distances.reshape(len(wer), -1), axis=1)[:, None, None]
    limit = np.maximum(20.0, 6.0 * 1.4826 * typical)
    trains = middle.min(axis=1, keepdims=True) <= 70.0
    return (wer > middle + limit) | (trains & (wer >= 85.0))


def fixed(
    world: World, seeds: int, studies: int, rng: np.random.Generator, *, moderated: bool = True
) -> Bools:
    """What a fixed design shows, (studies, arms)."""
    drawn = world.draw(studies, seeds, rng)
    counts = np.full((studies, world.arms), float(seeds))
    return holm_shown(analysed(drawn, counts, moderated=moderated).p())


@dataclass(frozen=True, eq=False)
class Outcome:
    """What sequential studies came to, (studies, arms), and their runs, (studies,)."""

    shown: Bools
    same: Bools
    runs: Floats


def until_decided(
    world: World,
    most: int,
    studies: int,
    rng: np.random.Generator,
    *,
    margin: float | None = None,
    hopeless: bool = True,
) -> Outcome:
    """Seeds are added until every arm is decided; as `statistics.sequential`."""
    plan, k = LookPlan.up_to(most), world.arms
    drawn = world.draw(studies, most, rng)
    counts = np.full((studies, k), 3.0)
    open_ = np.ones((studies, k), dtype=bool)
    q, same_q = np.ones((studies, k)), np.ones((studies, k))
    shown = same = np.zeros((studies, k), dtype=bool)
    longest = np.full(studies, 3.0)
    for seeds in range(3, most + 1):
        counts = np.where(open_, float(seeds), counts)
        longest = np.where(open_.any(axis=1), float(seeds), longest)
        trained = None
        if world.collapse or world.baseline_collapse:
            fallen = np.ones(drawn.wer.shape, dtype=bool)
            fallen[:, :, :seeds] = flagged(drawn.wer[:, :, :seeds])
            trained = ~fallen
        found = analysed(drawn, counts, trained=trained)
        if seeds in plan.looks:
            weight = plan.weights[plan.looks.index(seeds)]
            q = np.where(open_, np.minimum(q, found.p() / weight), q)
            shown = holm_shown(q)
            if margin is not None:
                same_q = np.where(open_, np.minimum(same_q, found.same(margin) / weight), same_q)
                same = holm_shown(same_q)
            open_ = open_ & ~shown & ~same
        if hopeless and 3 < seeds < most:
            open_ = open_ & (_chance(found, plan, seeds, shown, same, margin) >= HOPELESS)
        if not open_.any():
            break
    return Outcome(holm_shown(q), holm_shown(same_q), counts.sum(axis=1) + longest)


def _chance(
    found: Differences, plan: LookPlan, seeds: int, shown: Bools, same: Bools, margin: float | None
) -> Floats:
    """That the last look decides an arm, if the difference stays as it is."""
    most, k = plan.most, shown.shape[1]
    later = found.seed * found.count / most
    error = np.sqrt(later + found.unit)
    spread = np.sqrt(np.maximum(later * (1.0 - seeds / most), 1e-24))
    df = found.prior + most - 1.0
    level = LEVEL * plan.weights[-1]
    left = np.maximum(k - shown.sum(axis=1, keepdims=True), 1)
    needed = stdtrit(df, 1.0 - level / left / 2.0) * error
    chance = ndtr((np.abs(found.mean) - needed) / spread)
    if margin is not None:
        left = np.maximum(k - same.sum(axis=1, keepdims=True), 1)
        room = margin - stdtrit(df, 1.0 - level / left) * error
        inside = ndtr((room - found.mean) / spread) - ndtr((-room - found.mean) / spread)
        chance = np.maximum(chance, np.where(room > 0, inside, 0.0))
    return chance


def in_chunks(studies: int, count: Callable[[int], Floats], chunk: int = 2000) -> Floats:
    """Means of what `count` gives for a number of studies, a few thousand at a time."""
    total, done = None, 0
    while done < studies:
        now = min(chunk, studies - done)
        part = now * np.asarray(count(now), dtype=float)
        total = part if total is None else total + part
        done += now
    assert total is not None
    return total / studies
