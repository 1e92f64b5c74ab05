"""The arms of a family show each other's spread over the seeds.

Three seeds know their own variance to a factor of about four, so a test on them alone must ask for
a large difference. The arms of one ablation are alike in this: the same model, data and length.
Each arm's variance is therefore drawn towards the mean of all, as if that mean were worth some
seeds more, and the t distribution gets these seeds as degrees of freedom. This is the moderated t
statistic of Smyth 2004, with a weight that is capped instead of estimated: for arm i of k, with
v[i] the variance over its n[i] seeds of the differences to the baseline,

    mean  = sum (n[i] - 1) v[i] / sum (n[i] - 1)
    c[i]  = min(4, 4 * sum over the others of (n[j] - 1) / (k + 3)) * min(1, p[i] / 0.1)
    v*[i] = (c[i] * mean + (n[i] - 1) v[i]) / (c[i] + n[i] - 1)      with c[i] + n[i] - 1 degrees

The cap keeps an arm's own seeds in charge where it scatters more than the others: with an estimated
weight, or with one variance for all, an arm or a baseline that scatters four times as much would
be shown too often (`benchmarks/coverage.py`). The k + 3 is for what the arms share: each
difference holds the baseline's own scatter. One arm alone keeps its own variance.

Some arms are hardly other runs than the baseline: another patience, another beam width. Their
differences scatter by next to nothing, and say nothing of an arm that is trained differently. So
an arm that scatters more than the others gets less from them: p[i] is that of the F test of v[i]
against the pooled others. Without it the 95 % interval of such an arm would hold in three studies
of four (with it: `coverage.py --table alike`).

Sources: Smyth 2004, "Linear models and empirical Bayes methods for assessing differential
expression in microarray experiments", for the form; Phipson, Lee, Majewski, Alexander and Smyth
2016, "Robust hyperparameter estimation protects against hypervariable genes and improves power to
detect differential expression", arXiv:1602.08678, for less weight where a variance stands out. Cap,
weight and 0.1 were chosen by simulation.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from scipy.special import fdtrc, fdtri

CAP = 4.0
"""Most degrees of freedom that the other arms lend."""
_LIKE = 0.1
"""An arm that scatters more than the others, with a p-value below this, is lent less."""
_ALARMS = 0.05
"""Share of families without any difference in spread in which one is called out."""


@dataclass(frozen=True)
class Moderated:
    """A moderated variance.

    Attributes:
        variance: Over the seeds, of one seed's difference.
        prior: Degrees of freedom that the other arms lent, 0 to `CAP`.
    """

    variance: float
    prior: float


def moderated(
    variances: Sequence[float], seeds: Sequence[int], weights: Sequence[float] | None = None
) -> list[Moderated]:
    """Draws the variances of a family towards their mean.

    Args:
        variances: Of each arm over its seeds. Arms that are identical to the baseline left out.
        seeds: Of each arm.
        weights: Variance of each, if all runs scatter alike, in that of one arm against another:
            a mean over two levels has half of it, an interaction twice as much. None for ones.

    Returns:
        In the same order; an arm with one seed, or a family of one, as it is.
    """
    if weights is not None:
        scaled = [v / weight for v, weight in zip(variances, weights, strict=True)]
        found = zip(moderated(scaled, seeds), weights, strict=True)
        return [Moderated(weight * one.variance, one.prior) for one, weight in found]
    own = [max(count - 1, 0) for count in seeds]
    total = sum(own)
    arms = sum(df > 0 for df in own)
    if arms < 2:
        return [Moderated(variance, 0.0) for variance in variances]
    mean = sum(df * v for df, v in zip(own, variances, strict=True)) / total
    held = []
    for df, variance in zip(own, variances, strict=True):
        if df == 0:
            held.append(Moderated(variance, 0.0))
            continue
        lent = min(CAP, CAP * (total - df) / (arms + 3))
        lent *= _likeness(variance, df, (total * mean - df * variance) / (total - df), total - df)
        held.append(Moderated((lent * mean + df * variance) / (lent + df), lent))
    return held


def _likeness(variance: float, df: int, others: float, others_df: int) -> float:
    """How far an arm's variance may be judged by the others', 0..1; 1 where it is not above."""
    if variance <= others:
        return 1.0
    if others <= 0.0:
        return 0.0
    return min(1.0, float(fdtrc(df, others_df, variance / others)) / _LIKE)


def scattering(variances: Sequence[float], seeds: Sequence[int]) -> list[bool]:
    """Which of some runs' own variances is far above the others'.

    An F test of each against the pooled others, at 0.05 over their number.

    Args:
        variances: Of the baseline and of each arm, of their WER over their seeds.
        seeds: Of each.
    """
    own = [max(count - 1, 0) for count in seeds]
    weighted = [df * v for df, v in zip(own, variances, strict=True)]
    found = []
    for df, variance, mass in zip(own, variances, weighted, strict=True):
        others = sum(own) - df
        if df == 0 or others == 0:
            found.append(False)
            continue
        limit = float(fdtri(df, others, 1.0 - _ALARMS / len(own)))
        found.append(variance > limit * (sum(weighted) - mass) / others)
    return found
