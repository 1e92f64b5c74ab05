"""How often the intervals of `evaluate`, `compare` and the weak-teacher gate hold the truth.

    python benchmarks/signers.py            # 1,000 test sets a setting, 7 minutes on one core
    python benchmarks/signers.py --quick    # 300 test sets a setting

Two trained systems recognise the same utterances of a few signers. The chance of an error is
logistic in how hard the utterance is, how well its signer is recognised, and what the second
system does to that utterance and to that signer. The truth is the WER of the first system, and
the difference of the two, over all signers and utterances there could be; it is known exactly.

Three intervals on the same test sets: this project's, as the commands print it; the percentiles
of a bootstrap over whole signers; and those of a bootstrap over utterances.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import expit

from slr_tune.statistics.bootstrap import resampled_totals
from slr_tune.statistics.components import block_index, unit_totals
from slr_tune.statistics.wer_interval import paired_difference, wer_with_interval

METHODS = ("this project", "bootstrap of signers", "bootstrap of utterances")
FIGURES = ("WER", "difference")
_RESAMPLES = 1000
_UNEQUAL = (0.26, 0.22, 0.17, 0.13, 0.10, 0.07, 0.03, 0.015, 0.005)  # PHOENIX-2014's shares
Counts = npt.NDArray[np.int64]
Ends = tuple[float, float]


@dataclass(frozen=True)
class Setting:
    """Shares of the signers, and standard deviations on the logit scale."""

    name: str
    shares: tuple[float, ...]
    utterances: int = 540
    level: float = -1.0
    difficulty: float = 1.0
    signer: float = 0.4
    shift: float = -0.15
    on_utterance: float = 0.4
    on_signer: float = 0.3

    def truth(self) -> tuple[float, float]:
        """WER of the first system and the second's less it, points, by Gauss-Hermite quadrature."""
        nodes, weights = np.polynomial.hermite_e.hermegauss(80)
        weights = weights / weights.sum()
        shared = self.difficulty**2 + self.signer**2
        own = shared + self.on_utterance**2 + self.on_signer**2
        first = weights @ expit(self.level + np.sqrt(shared) * nodes)
        second = weights @ expit(self.level + self.shift + np.sqrt(own) * nodes)
        return float(100 * first), float(100 * (second - first))

    def signers(self) -> list[str]:
        """Signer of each utterance."""
        ends = np.cumsum(self.shares) / sum(self.shares)
        places = np.searchsorted(ends, (np.arange(self.utterances) + 0.5) / self.utterances)
        return [str(place) for place in places]


SETTINGS = (
    *(Setting(f"{count} signers", (1,) * count) for count in (3, 5, 7)),
    Setting("9 signers", (1,) * 9),
    Setting("9 unequal signers", _UNEQUAL),
)


def simulate(setting: Setting, rng: np.random.Generator) -> tuple[Counts, Counts]:
    """Counts (utterances, 4) of the two systems on one test set; all errors as substitutions."""
    signer_of = np.array(setting.signers(), dtype=np.int64)
    many, signers = setting.utterances, len(setting.shares)
    words = rng.integers(3, 16, many)
    first = setting.level + setting.difficulty * rng.standard_normal(many)
    first += setting.signer * rng.standard_normal(signers)[signer_of]
    second = first + setting.shift + setting.on_utterance * rng.standard_normal(many)
    second += setting.on_signer * rng.standard_normal(signers)[signer_of]
    none = np.zeros(many, dtype=np.int64)
    each = [rng.binomial(words, expit(logit)) for logit in (first, second)]
    one, other = (np.column_stack([errors, none, none, words]) for errors in each)
    return one, other


def intervals(setting: Setting, first: Counts, second: Counts) -> dict[str, dict[str, Ends]]:
    """The ends of the 95 % intervals by figure and method, points."""
    signers = setting.signers()
    wer = wer_with_interval(first, signers)
    difference = paired_difference(second, first, signers)
    assert difference is not None
    found = {"WER": {METHODS[0]: (wer.low, wer.high)}}
    found["difference"] = {METHODS[0]: (difference.low, difference.high)}
    errors = [counts[:, :3].sum(axis=1) for counts in (first, second)]
    values = {"WER": errors[0], "difference": errors[1] - errors[0]}
    for method, blocks in zip(METHODS[1:], (block_index(signers, len(first)), None), strict=True):
        for figure in FIGURES:
            units = [unit_totals(column, blocks) for column in (values[figure], first[:, 3])]
            drawn = resampled_totals(np.column_stack(units), resamples=_RESAMPLES, seed=0)
            low, high = np.percentile(100 * drawn[:, 0] / drawn[:, 1], [2.5, 97.5])
            found[figure][method] = (float(low), float(high))
    return found


def coverage(setting: Setting, *, studies: int, seed: int) -> dict[str, dict[str, float]]:
    """Share of test sets whose interval holds the truth, by figure and method."""
    rng = np.random.default_rng(seed)
    truth = dict(zip(FIGURES, setting.truth(), strict=True))
    held = {figure: dict.fromkeys(METHODS, 0) for figure in FIGURES}
    for _ in range(studies):
        for figure, by_method in intervals(setting, *simulate(setting, rng)).items():
            for method, (low, high) in by_method.items():
                held[figure][method] += low <= truth[figure] <= high
    return {
        figure: {method: count / studies for method, count in by_method.items()}
        for figure, by_method in held.items()
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="300 test sets a setting")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    studies = 300 if options.quick else 1000
    print(f"Coverage of the 95 % interval, percent of {studies:,} test sets (+- two std. errors)")
    print(f"{'signers':20}{'figure':12}" + "".join(f"{method:>26}" for method in METHODS))
    for setting in SETTINGS:
        for figure, found in coverage(setting, studies=studies, seed=options.seed).items():
            cells = "".join(f"{_percent(value, studies):>26}" for value in found.values())
            print(f"{setting.name:20}{figure:12}{cells}", flush=True)


def _percent(share: float, studies: int) -> str:
    """`94.8 +- 1.4`, twice the Monte Carlo standard error."""
    return f"{100 * share:.1f} +- {200 * (share * (1 - share) / studies) ** 0.5:.1f}"


if __name__ == "__main__":
    main()
