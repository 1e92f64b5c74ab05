"""How often the 95 % interval holds the truth, and how often Holm's family errs.

    python benchmarks/coverage.py            # 1,000 studies a setting, 8 minutes on one core
    python benchmarks/coverage.py --quick    # 200 studies a setting, 2 minutes

Each simulated study trains an arm and a baseline with a few seeds and scores both on the same
utterances. The chance of an error is logistic in: how hard the utterance is (shared by the arms),
the seed, what the arm does to that utterance, what that seed does to it, and where there are
signers, what the arm does to that signer. Errors are drawn from it. The truth is the difference
over all seeds and utterances there could be, known exactly.

Four intervals on the same studies: this project's; a bootstrap of seeds and utterances, its
percentiles; a bootstrap of utterances alone (the usual one in speech recognition); and a t test
over the seeds' WERs (the usual one in machine learning).
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import expit, stdtrit

from slr_tune.statistics.bootstrap import difference_distribution, resampled_totals
from slr_tune.statistics.components import unit_totals, variance_components
from slr_tune.statistics.multiplicity import holm

METHODS = ("this project", "naive nested", "utterances only", "t over seeds")
_INSERTIONS = 0.1  # insertions for each substitution or deletion
_UNEQUAL = (0.26, 0.22, 0.17, 0.13, 0.10, 0.07, 0.03, 0.015, 0.005)
_RESAMPLES = 1000
_FAMILIES = 4  # times as many studies: an error of 5 % is a rare event


@dataclass(frozen=True)
class Setting:
    """Standard deviations on the logit scale, of one arm; `shift` is the arm's true effect."""

    name: str
    seed: float
    utterance: float
    interaction: float
    shift: float = -0.15
    difficulty: float = 1.0
    utterances: int = 150
    signers: tuple[float, ...] = ()
    signer: float = 0.0

    @property
    def signer_of(self) -> npt.NDArray[np.int64] | None:
        """Signer of each utterance, by their shares; None without signers."""
        if not self.signers:
            return None
        ends = np.cumsum(self.signers) / sum(self.signers)
        return np.searchsorted(ends, (np.arange(self.utterances) + 0.5) / self.utterances)

    def truth(self) -> float:
        """The true difference in points, by Gauss-Hermite quadrature over all effects."""
        nodes, weights = np.polynomial.hermite_e.hermegauss(80)
        weights = weights / weights.sum()
        shared = self.difficulty**2 + self.seed**2 + self.interaction**2
        arm = np.sqrt(shared + self.utterance**2 + self.signer**2)
        rate = weights @ (expit(self.shift + arm * nodes) - expit(np.sqrt(shared) * nodes))
        return float(100.0 * (1.0 + _INSERTIONS) * rate)


SETTINGS = (
    Setting("seeds rule", seed=0.30, utterance=0.1, interaction=0.2),
    Setting("seeds and utterances", seed=0.10, utterance=0.9, interaction=0.3),
    Setting("utterances rule", seed=0.02, utterance=1.2, interaction=0.3),
    Setting("interaction rules", seed=0.02, utterance=0.1, interaction=1.0),
    Setting("all alike", seed=0.08, utterance=0.6, interaction=0.8),
    Setting("hardly any effect", seed=0.0, utterance=0.0, interaction=0.0, shift=0.0),
    Setting("629 utterances", seed=0.05, utterance=0.6, interaction=0.8, utterances=629),
    Setting("9 equal signers", 0.08, 0.4, 0.5, utterances=540, signers=(1,) * 9, signer=0.3),
    Setting("9 unequal signers", 0.08, 0.4, 0.5, utterances=540, signers=_UNEQUAL, signer=0.3),
    Setting("4 signers", 0.08, 0.4, 0.5, signers=(1,) * 4, signer=0.3),
)


def simulate(
    setting: Setting, seeds: int, arms: int, rng: np.random.Generator
) -> tuple[list[npt.NDArray[np.int64]], npt.NDArray[np.int64]]:
    """One study: errors (seeds, utterances) of the baseline and each arm, and the words."""
    words = rng.integers(3, 16, setting.utterances)
    difficulty = setting.difficulty * rng.standard_normal(setting.utterances)
    signer_of = setting.signer_of
    errors = []
    for arm in range(arms + 1):
        logit = difficulty + setting.seed * rng.standard_normal((seeds, 1))
        logit = logit + setting.interaction * rng.standard_normal((seeds, setting.utterances))
        if arm > 0:
            logit += setting.shift + setting.utterance * rng.standard_normal(setting.utterances)
            if signer_of is not None:
                logit += setting.signer * rng.standard_normal(len(setting.signers))[signer_of]
        rate = expit(logit)
        errors.append(rng.binomial(words, rate) + rng.poisson(_INSERTIONS * words * rate))
    return errors, words


def intervals(
    difference: npt.NDArray[np.int64],
    words: npt.NDArray[np.int64],
    setting: Setting,
    seed: int,
) -> dict[str, tuple[float, float]]:
    """The 95 % intervals of the four methods for one study, points."""
    per_unit = unit_totals(difference, setting.signer_of)  # (S, units)
    unit_words = unit_totals(words, setting.signer_of)
    columns = np.column_stack([per_unit.T, unit_words])
    drawn = resampled_totals(columns, resamples=_RESAMPLES, seed=seed)
    by_seed, drawn_words = drawn[:, :-1], drawn[:, -1]
    center = 100.0 * difference.sum() / (len(difference) * words.sum())
    ours = difference_distribution(
        center,
        variance_components(per_unit, unit_words),
        errors=by_seed.mean(axis=1),
        words=drawn_words,
        seed=seed,
    )
    seeds = len(difference)
    picks = np.random.default_rng([seed, 2]).integers(seeds, size=(_RESAMPLES, seeds))
    nested = np.take_along_axis(by_seed, picks, axis=1).mean(axis=1) / drawn_words
    single = by_seed.mean(axis=1) / drawn_words
    per_seed = 100.0 * difference.sum(axis=1) / words.sum()
    half = stdtrit(seeds - 1, 0.975) * per_seed.std(ddof=1) / seeds**0.5
    ends = [np.quantile(100.0 * values, (0.025, 0.975)) for values in (nested, single)]
    found = (ours.interval(), *(tuple(pair) for pair in ends), (center - half, center + half))
    return dict(zip(METHODS, found, strict=True))


def coverage(setting: Setting, seeds: int, *, studies: int, seed: int) -> dict[str, float]:
    """Share of studies whose interval holds the truth, by method."""
    rng = np.random.default_rng([seed, seeds])
    truth = setting.truth()
    held = dict.fromkeys(METHODS, 0)
    for study in range(studies):
        (baseline, arm), words = simulate(setting, seeds, 1, rng)
        found = intervals(arm - baseline, words, setting, study)
        for method, (low, high) in found.items():
            held[method] += low <= truth <= high
    return {method: count / studies for method, count in held.items()}


def family_error(
    setting: Setting, seeds: int, *, arms: int, studies: int, seed: int
) -> tuple[float, float]:
    """Share of families with an arm wrongly shown, without a correction and with Holm's.

    `setting.shift` must make the true difference zero; all arms share one baseline.
    """
    rng = np.random.default_rng([seed, seeds, arms])
    wrong = np.zeros(2)
    for study in range(studies):
        (baseline, *others), words = simulate(setting, seeds, arms, rng)
        differences = [arm - baseline for arm in others]
        columns = np.column_stack([*(value.mean(axis=0) for value in differences), words])
        drawn = resampled_totals(columns, resamples=_RESAMPLES, seed=study)
        p_values = []
        for column, values in enumerate(differences):
            distribution = difference_distribution(
                100.0 * values.sum() / (seeds * words.sum()),
                variance_components(values.astype(np.float64), words.astype(np.float64)),
                errors=drawn[:, column],
                words=drawn[:, -1],
                seed=study,
            )
            p_values.append(distribution.p_value())
        wrong += [min(p_values) < 0.05, min(holm(p_values)) < 0.05]
    return float(wrong[0] / studies), float(wrong[1] / studies)


NULL = (
    Setting("seeds rule", seed=0.3, utterance=0.0, interaction=0.2, shift=0.0),
    Setting("all alike", seed=0.08, utterance=0.6, interaction=0.8, shift=0.0),
    Setting("interaction rules", seed=0.0, utterance=0.0, interaction=1.0, shift=0.0),
)
"""No true difference: with a mean logit of 0 the arm's own spread leaves the mean rate at 1/2."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="200 studies a setting")
    parser.add_argument("--studies", type=int, help="studies a setting")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    studies = options.studies or (200 if options.quick else 1000)
    print(f"Coverage of the 95 % interval, percent of {studies:,} studies (+- two standard errors)")
    print(f"{'setting':22}{'seeds':>6}" + "".join(f"{method:>18}" for method in METHODS))
    for seeds in (3, 5):
        for setting in SETTINGS:
            found = coverage(setting, seeds, studies=studies, seed=options.seed)
            cells = "".join(f"{_percent(value, studies):>18}" for value in found.values())
            print(f"{setting.name:22}{seeds:>6}{cells}", flush=True)
    studies *= _FAMILIES
    print(f"\nFamilies of 5 equal arms with one wrongly shown, percent of {studies:,} studies")
    print(f"{'setting':22}{'seeds':>6}{'uncorrected':>18}{'Holm':>18}")
    for seeds in (3, 5):
        for setting in NULL:
            errors = family_error(setting, seeds, arms=5, studies=studies, seed=options.seed)
            cells = "".join(f"{_percent(value, studies):>18}" for value in errors)
            print(f"{setting.name:22}{seeds:>6}{cells}", flush=True)


def _percent(share: float, studies: int) -> str:
    """`94.8 +- 1.4`, twice the Monte Carlo standard error."""
    error = 200.0 * (share * (1.0 - share) / studies) ** 0.5
    return f"{100 * share:.1f} +- {error:.1f}"


if __name__ == "__main__":
    main()
