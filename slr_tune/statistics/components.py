"""Where the noise of a difference comes from: the seeds, the utterances, and both at once.

With D[s, u] the errors of an arm minus those of the baseline, the difference in WER of seed s is
d_s = sum_u D[s, u] / sum_u words[u], and the difference of the arms is the mean of the d_s.
Seeds and utterances are crossed: every seed is scored on the same utterances. The variance of the
difference has three parts, of the seeds, of the utterances, and of their interaction (a seed is
lucky on an utterance), and

    V_seed         = variance of the d_s over S           = seed + interaction
    V_utterance    = jackknife over utterances of the mean = utterance + interaction
    V_interaction  = jackknife of what neither explains    = interaction

so the whole is V_seed + (V_utterance - V_interaction): the two-way clustered variance. The second
term is a variance and is held at 0 or above.

V_seed contains the interaction, but is known from a few numbers: three seeds may agree by chance,
and two often do, since errors are whole. It is held so high that the interval is at least half as
wide as the interaction, which is known from all utterances, makes it by itself. A whole width
would cover up to 98.7 % with three seeds where the interaction rules; half of it costs nothing.

Where signers are known a whole signer is left out at a time: utterances of one signer fail
together, and 600 utterances of 9 signers say less than 600 of 600. With up to four signers nothing
is subtracted and nothing drawn in: a jackknife of so few is too uncertain to take a part off.

V_seed is known from few numbers. `moderation` lets the other arms of a family say something of it
(`estimate` gives what it needs, `finished` takes what it found).

Sources: Cameron, Gelbach and Miller 2011, "Robust inference with multiway clustering", equation
2.11; Owen 2007, "The pigeonhole bootstrap", section 3, for the crossed layout; MacKinnon, Nielsen
and Webb 2023, "Cluster-robust inference: a guide to empirical practice", for the jackknife.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.special import ndtri, stdtrit

from slr_tune.statistics.counts import FloatArray, IntArray

_DRAWN_IN = 0.15
"""How far the interval of up to three seeds is drawn in at most; see `bootstrap`."""
FEW_SIGNERS = 4
"""Up to so many signers, the interaction is not subtracted from their variance."""
_LEAST_WIDTH = 0.5
"""Least width of an interval, in widths of the one that the interaction gives by itself."""


@dataclass(frozen=True)
class VarianceComponents:
    """Variance of a difference in WER, in squared points, by source.

    Attributes:
        seed: Variance that more seeds divide (seeds, and seeds by utterances). 0 with one seed,
            where it is unknown.
        unit: Variance that only more utterances (or signers) divide. With one seed also what that
            seed does on each utterance.
        seeds: Seeds that were run.
        units: Utterances, or signers, that were resampled.
        effective_units: As many units of equal size would say as much: (sum w)^2 / sum w^2.
        prior: Degrees of freedom that the other arms lend to the seeds' part; see `moderation`.
        drawn: Whether the interval is drawn in; see `bootstrap`.
    """

    seed: float
    unit: float
    seeds: int
    units: int
    effective_units: float
    prior: float = 0.0
    drawn: bool = True

    @property
    def standard_error(self) -> float:
        """Standard error of the difference, points."""
        return float(np.sqrt(self.seed + self.unit))

    @property
    def seed_share(self) -> float:
        """Share of the variance that more seeds would divide, 0..1."""
        total = self.seed + self.unit
        return self.seed / total if total > 0 else 0.0

    @property
    def seed_df(self) -> float:
        """Degrees of freedom of the seeds' part, from 1: its own and those that are lent."""
        return self.prior + float(max(self.seeds - 1, 1))

    @property
    def unit_df(self) -> float:
        """Degrees of freedom of the utterances' (or signers') part, from 1."""
        return max(self.effective_units - 1.0, 1.0)

    @property
    def drawn_in(self) -> float:
        """Factor on the width of the interval, at most 1; see `bootstrap`."""
        if not self.drawn:
            return 1.0
        share = self.seed_share
        most = _DRAWN_IN * min(2.0 / self.seed_df, 1.0) ** 2
        # x (1 - x)^3 has its peak, 27 / 256, where the seeds are a quarter of the variance.
        return 1.0 - most * (256 / 27) * share * (1.0 - share) ** 3

    def with_seeds(self, seeds: int) -> VarianceComponents:
        """What the same runs would give with another number of seeds."""
        return replace(self, seed=self.seed * self.seeds / seeds, seeds=seeds)

    def with_units(self, units: int) -> VarianceComponents:
        """What more utterances (or signers) of the same kind would give; the seeds' part stays."""
        ratio = self.units / units
        effective = self.effective_units / ratio
        return replace(self, unit=self.unit * ratio, units=units, effective_units=effective)


def _least_share(seeds: int) -> float:
    """Least seed variance as a share of the interaction's; see the module."""
    ratio = float(_LEAST_WIDTH * ndtri(0.975) / stdtrit(seeds - 1, 0.975))
    return ratio**2


def unit_totals(values: IntArray | FloatArray, blocks: IntArray | None) -> FloatArray:
    """Sums counts (..., utterances) within blocks: (..., units); as they are without blocks."""
    counts = values.astype(np.float64)
    if blocks is None:
        return counts
    member = blocks[:, None] == np.arange(blocks.max() + 1)  # (utterances, units)
    totals: FloatArray = counts @ member.astype(np.float64)
    return totals


def block_index(blocks: Sequence[Hashable], utterances: int) -> IntArray:
    """Numbers the blocks 0, 1, ... in the order they appear, (utterances,)."""
    if len(blocks) != utterances:
        raise ValueError(f"{len(blocks)} block labels for {utterances} utterances")
    number: dict[Hashable, int] = {}
    return np.array([number.setdefault(block, len(number)) for block in blocks], dtype=np.int64)


@dataclass(frozen=True)
class Estimate:
    """What the runs of one arm alone say of the noise of its difference, in squared points.

    Attributes:
        per_seed: Variance over the seeds of the difference of one seed; 0 with one seed.
        interaction: V_interaction, of the mean over the seeds; 0 with one seed.
        jackknife: V_utterance, of the mean over the seeds.
        seeds: Seeds that were run.
        units: Utterances, or signers, that were resampled.
        effective_units: As many units of equal size would say as much.
        few_signers: Whether the units are so few signers that nothing is subtracted.
        nested: Variance over the seeds of one teacher, where the replicates are teachers with
            `nested_seeds` seeds each; else 0.
        nested_seeds: Seeds of each teacher; 1 without teachers.
    """

    per_seed: float
    interaction: float
    jackknife: float
    seeds: int
    units: int
    effective_units: float
    few_signers: bool = False
    nested: float = 0.0
    nested_seeds: int = 1

    def finished(self, *, per_seed: float | None = None, prior: float = 0.0) -> VarianceComponents:
        """The variances of the difference.

        Args:
            per_seed: Moderated variance over the seeds; None for the arm's own.
            prior: Degrees of freedom that the other arms lent to it.
        """
        own = self.per_seed if per_seed is None else per_seed
        seed, unit = own / self.seeds, self.jackknife
        if self.seeds > 1:
            seed = max(seed, _least_share(self.seeds) * self.interaction)
            seed = max(seed, self.nested / (self.seeds * self.nested_seeds))
        if not self.few_signers:
            unit = max(unit - self.interaction, 0.0)
        return VarianceComponents(
            seed,
            unit,
            self.seeds,
            self.units,
            self.effective_units,
            prior=prior,
            drawn=not self.few_signers,
        )


def estimate(
    difference: FloatArray,
    words: FloatArray,
    *,
    signers: bool = False,
    nested: float = 0.0,
    nested_seeds: int = 1,
) -> Estimate:
    """What the runs of one arm say of the noise of its difference.

    Args:
        difference: Errors of the arm minus errors of the baseline, (seeds, units).
        words: Reference words, (units,).
        signers: Whether the units are signers.
        nested: See `Estimate`.
        nested_seeds: See `Estimate`.

    Raises:
        ValueError: Fewer than two units, or one unit holds every word.
    """
    seeds, units = difference.shape
    rest = words.sum() - words
    if units < 2 or rest.min() <= 0:
        raise ValueError("a difference needs reference words in at least two utterances or signers")
    per_seed = difference.sum(axis=1) / words.sum()  # (S,)
    residual = difference.mean(axis=0) - per_seed.mean() * words  # (units,)
    scale = 1e4 * (units - 1) / units
    variance = interaction = 0.0
    if seeds > 1:
        variance = 1e4 * float(per_seed.var(ddof=1))
        alone = difference - per_seed[:, None] * words - residual  # (S, units)
        interaction = scale * float(np.sum((alone / rest) ** 2)) / (seeds * (seeds - 1))
    return Estimate(
        variance,
        interaction,
        scale * float(np.sum((residual / rest) ** 2)),
        seeds,
        units,
        float(words.sum() ** 2 / np.sum(words**2)),
        few_signers=signers and units <= FEW_SIGNERS,
        nested=nested,
        nested_seeds=nested_seeds,
    )


def variance_components(
    difference: FloatArray, words: FloatArray, *, signers: bool = False
) -> VarianceComponents:
    """Splits the variance of a difference in WER between seeds and utterances, of one arm alone.

    Args:
        difference: Errors of the arm minus errors of the baseline, (seeds, units).
        words: Reference words, (units,).
        signers: Whether the units are signers.

    Returns:
        Variances of the difference of the mean over seeds, in squared points of WER.

    Raises:
        ValueError: As `estimate`.
    """
    return estimate(difference, words, signers=signers).finished()
