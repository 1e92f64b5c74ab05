"""The matched-pairs sentence-segment word error test (MAPSSWE) of two runs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import ndtr

from slr_tune.statistics.counts import FloatArray, IntArray


@dataclass(frozen=True)
class Mapsswe:
    """Outcome of the test.

    Attributes:
        mean_difference: Errors of the arm minus errors of the baseline, per segment.
        statistic: W, standard normal where the two systems are equal; below 0 the arm is better.
        p_value: Two-sided.
        segments: Segments that were compared.
    """

    mean_difference: float
    statistic: float
    p_value: float
    segments: int


def mapsswe(errors: IntArray | FloatArray, baseline: IntArray | FloatArray) -> Mapsswe:
    """Tests whether two systems make the same number of errors per segment.

    With Z_i the errors of the arm minus those of the baseline in segment i, and n segments,

        mean = sum Z_i / n,   s^2 = sum (Z_i - mean)^2 / (n - 1),   W = mean / (s / sqrt(n)),

    and p = 2 P(N(0, 1) >= |W|). A segment here is a whole utterance: errors in different
    utterances are independent given the two systems, which is what the test asks of a segment.
    NIST's sclite cuts utterances further, where both systems have two words right; it needs the
    alignments and gains little on short utterances.

    It compares two trained models, and shows nothing about other seeds: the interval does.

    Args:
        errors: Errors of the arm in each segment, (n,).
        baseline: Errors of the baseline in the same segments, (n,).

    Returns:
        The statistic and its p-value. No difference anywhere gives 0 and 1; the same difference
        everywhere gives an infinite statistic and 0.

    Raises:
        ValueError: Shapes differ, or fewer than two segments.

    Source: Gillick and Cox 1989, "Some statistical issues in the comparison of speech recognition
    algorithms", ICASSP, section on the matched-pairs test.
    """
    if errors.shape != baseline.shape or errors.ndim != 1 or len(errors) < 2:
        raise ValueError(
            f"MAPSSWE needs two runs on the same two or more segments, got {errors.shape} "
            f"and {baseline.shape}"
        )
    difference = errors - baseline
    segments = len(difference)
    mean = float(difference.mean())
    deviation = float(difference.std(ddof=1))
    if deviation > 0:
        statistic = mean / (deviation / segments**0.5)
    else:
        statistic = float(np.copysign(np.inf, mean)) if mean else 0.0
    return Mapsswe(mean, statistic, float(2.0 * ndtr(-abs(statistic))), segments)
