"""How often intervals and verdicts of an ablation hold.

    python benchmarks/coverage.py                     # all tables
    python benchmarks/coverage.py --table family      # one table alone
    python benchmarks/coverage.py --table family --families 2,10 10,10
    python benchmarks/coverage.py --quick             # a tenth of the studies

`intervals`: the whole analysis, bootstrap and all, on errors that are drawn for each utterance.
The other tables are of `simulated_ablations.py`, thousands of studies at a time: a family's error
and its power, now and before arms told of each other's spread; `--until-decided`; sameness within
a margin; runs that collapse; teachers crossed with the arms; an arm among near copies of the
baseline.

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
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.special import expit, stdtrit

sys.path.insert(0, str(Path(__file__).parent))

from simulated_ablations import (
    World,
    analysed,
    analysed_by_teacher,
    fixed,
    flagged,
    holm_shown,
    in_chunks,
    until_decided,
)

from slr_tune.statistics.bootstrap import difference_distribution, resampled_totals
from slr_tune.statistics.compare import contrasts_with
from slr_tune.statistics.components import unit_totals, variance_components
from slr_tune.statistics.family import alone
from slr_tune.statistics.multiplicity import holm

METHODS = ("this project", "naive nested", "utterances only", "t over seeds")
_INSERTIONS = 0.1  # insertions for each substitution or deletion
_UNEQUAL = (0.26, 0.22, 0.17, 0.13, 0.10, 0.07, 0.03, 0.015, 0.005)
_RESAMPLES = 1000


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
        variance_components(per_unit, unit_words, signers=bool(setting.signers)),
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


def _p_values(
    errors: dict[str, npt.NDArray[np.int64]], words: npt.NDArray[np.int64], seed: int
) -> list[float]:
    """p-values of all arms against the first, as the product has them but for fewer resamples."""
    contrasts = contrasts_with(errors, next(iter(errors)))
    found = alone(contrasts, words, None, resamples=_RESAMPLES, seed=seed)
    return [difference.p_value for difference in found.values()]


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
        runs = {str(place): errors for place, errors in enumerate([baseline, *others])}
        p_values = _p_values(runs, words, study)
        wrong += [min(p_values) < 0.05, min(holm(p_values)) < 0.05]
    return float(wrong[0] / studies), float(wrong[1] / studies)


NULL = (
    Setting("seeds rule", seed=0.3, utterance=0.0, interaction=0.2, shift=0.0),
    Setting("all alike", seed=0.08, utterance=0.6, interaction=0.8, shift=0.0),
    Setting("interaction rules", seed=0.0, utterance=0.0, interaction=1.0, shift=0.0),
)
"""No true difference: with a mean logit of 0 the arm's own spread leaves the mean rate at 1/2."""


KINDS: dict[str, dict[str, object]] = {
    "equal": {},
    "baseline 4x": {"baseline": 4.0, "seed": 1.0},
    "arm 4x": {"first": 4.0, "seed": 1.0},
    "uneven": {"uneven": 0.7},
    "rho .5": {"shared": 0.5},
    "rho .9": {"shared": 0.9},
    "heavy": {"heavy": True},
    "629": {"utterance": 0.32, "luck": 0.2, "units": 629},
    "9 sign.": {"units": 9},
    "4 sign.": {"units": 4},
    "2 sign.": {"units": 2},
}
"""Settings without any effect; the seeds' standard deviation is 1.5 points, the utterances' 0.7."""
FAMILIES = (
    *((2, 2), (2, 3), (2, 5), (2, 10), (3, 4), (5, 2), (5, 3), (5, 5), (5, 10)),
    *((7, 8), (10, 2), (10, 3), (10, 5), (10, 10)),
)
"""Arms and seeds."""
POWERS = (2.0, 3.0, 4.0, 6.0)


def family_table(
    studies: int, rng: np.random.Generator, families: Sequence[tuple[int, int]] = FAMILIES
) -> None:
    """Errors of families and power for one true effect, before and now."""
    print(
        f"\nFamilies in which an arm is wrongly shown, and power for one effect, % of {studies:,}"
    )
    heads = [*KINDS, *(f"{effect:g} points" for effect in POWERS), "3, rho .5"]
    print(f"{'arms, seeds':13}{'test':>7}" + "".join(f"{head:>12}" for head in heads))
    for arms, seeds in families:
        for moderated in (False, True):
            worlds = [World(arms=arms, **kind) for kind in KINDS.values()]  # type: ignore[arg-type]
            cells = [_shown(w, seeds, studies, rng, moderated, arm=None) for w in worlds]
            effects = [World(arms=arms, effects=(effect,)) for effect in POWERS]
            effects.append(World(arms=arms, effects=(3.0,), shared=0.5))
            cells += [_shown(w, seeds, studies, rng, moderated, arm=0) for w in effects]
            message = f"{arms}, {seeds}".ljust(13) + f"{'now' if moderated else 'before':>7}"
            print(message + "".join(f"{100 * cell:>12.1f}" for cell in cells), flush=True)


def _shown(
    world: World,
    seeds: int,
    studies: int,
    rng: np.random.Generator,
    moderated: bool,
    arm: int | None,
) -> float:
    """Share of studies that show an arm, or any of them."""

    def count(number: int) -> npt.NDArray[np.float64]:
        shown = fixed(world, seeds, number, rng, moderated=moderated)
        return np.array((shown.any(axis=1) if arm is None else shown[:, arm]).mean())

    return float(in_chunks(studies, count))


TRUTHS: dict[str, tuple[float, ...]] = {
    "none": (),
    "one arm 3": (3.0,),
    "one arm 4": (4.0,),
    "one arm 6": (6.0,),
    "6, 4, 2, 0, 0": (6.0, 4.0, 2.0),
    "all arms 6": (6.0,) * 5,
}


def looks_table(studies: int, rng: np.random.Generator) -> None:
    """`--until-decided`: errors, power, runs, and the fixed design of equal power."""
    print(f"\n--until-decided, looks at 3, 5, 8 and 12 seeds: false families, % of {studies:,}")
    for arms in (2, 5, 10):
        cells = []
        for name in ("equal", "baseline 4x", "arm 4x", "uneven", "rho .5", "629"):
            world = World(arms=arms, **KINDS[name])  # type: ignore[arg-type]
            cells.append(f"{name} {100 * _looked(world, studies, rng)[0]:.1f}")
        print(f"{arms} arms: {', '.join(cells)}", flush=True)
    fallen = World(collapse=0.1, baseline_collapse=0.1)
    print(f"5 arms, a tenth of all runs collapses: {100 * _looked(fallen, studies, rng)[0]:.1f}")
    beside = World(effects=(6.0,))
    print(
        "4 arms without effect beside one of 6 points: "
        f"{100 * _looked(beside, studies, rng)[2]:.1f}"
    )
    print(
        f"{'truth, 5 arms':16}{'power':>8}{'runs':>8}{'fixed seeds':>13}{'its runs':>10}"
        f"{'ratio':>7}"
    )
    for name, effects in TRUTHS.items():
        world = World(effects=effects)
        _, power, _, runs = _looked(world, studies, rng)
        if not effects:
            print(f"{name:16}{'':>8}{runs:>8.1f}", flush=True)
            continue
        seeds = _fixed_seeds(world, power, studies, rng)
        print(
            f"{name:16}{100 * power:>8.1f}{runs:>8.1f}{seeds:>13.1f}{6 * seeds:>10.1f}"
            f"{runs / (6 * seeds):>7.2f}",
            flush=True,
        )
    cells = [f"{arms} arms {_continued(World(arms=arms), studies, rng):.1f}" for arms in (2, 5, 10)]
    print(f"a fixed ablation of five seeds, continued so, false in either: {', '.join(cells)}")


def _continued(world: World, studies: int, rng: np.random.Generator) -> float:
    """Families, %, in which five seeds alone or the looks on the same runs show an arm wrongly."""

    def count(number: int) -> npt.NDArray[np.float64]:
        seed = int(rng.integers(2**32))
        looked = until_decided(world, 12, number, np.random.default_rng(seed))
        drawn = world.draw(number, 12, np.random.default_rng(seed))  # the same runs
        once = holm_shown(analysed(drawn, np.full((number, world.arms), 5.0)).p())
        return np.array((once | looked.shown).any(axis=1).mean())

    return 100 * float(in_chunks(studies, count))


def _looked(
    world: World, studies: int, rng: np.random.Generator
) -> tuple[float, float, float, float]:
    """Shares with any arm shown, of the true effects shown, with a null arm shown; mean runs."""
    true = world.truth != 0

    def count(number: int) -> npt.NDArray[np.float64]:
        found = until_decided(world, 12, number, rng)
        power = found.shown[:, true].mean() if true.any() else 0.0
        false = found.shown[:, ~true].any(axis=1).mean() if (~true).any() else 0.0
        return np.array([found.shown.any(axis=1).mean(), power, false, found.runs.mean()])

    any_, power, false, runs = in_chunks(studies, count)
    return float(any_), float(power), float(false), float(runs)


def _fixed_seeds(world: World, power: float, studies: int, rng: np.random.Generator) -> float:
    """Seeds of the fixed design of equal power, between two whole numbers by proportion."""
    true, before = world.truth != 0, 0.0
    for seeds in range(3, 16):

        def count(number: int, seeds: int = seeds) -> npt.NDArray[np.float64]:
            return np.array(fixed(world, seeds, number, rng)[:, true].mean())

        now = float(in_chunks(studies, count))
        if now >= power:
            return seeds - (now - power) / max(now - before, 1e-9) if seeds > 3 else 3.0
        before = now
    return 15.0


def same_table(studies: int, rng: np.random.Generator) -> None:
    """Sameness: wrong verdicts with all arms at the margin, and power at no difference."""
    print(f"\nThe same within 2 points, 5 arms, % of {studies:,}")
    print(
        f"{'utterances':12}{'seed sd':>8}{'seeds':>7}{'wrong':>8}{'wrong, looks':>14}"
        f"{'one equal arm':>15}"
    )
    for utterances, kind in (("150", {}), ("629", KINDS["629"])):
        for seed in (0.5, 1.0, 1.5):
            for seeds in (3, 5, 8):
                cells = []
                edge = World(seed=seed, effects=(2.0,) * 5, **kind)  # type: ignore[arg-type]
                equal = World(seed=seed, effects=(0.0, 6.0, 6.0, 6.0, 6.0), **kind)  # type: ignore[arg-type]
                for world in (edge, equal):

                    def count(
                        number: int, world: World = world, seeds: int = seeds
                    ) -> npt.NDArray[np.float64]:
                        drawn = world.draw(number, seeds, rng)
                        counts = np.full((number, 5), float(seeds))
                        same = holm_shown(analysed(drawn, counts).same(2.0))
                        return np.array([same.any(axis=1).mean(), same[:, 0].mean()])

                    cells.append(in_chunks(studies, count))
                looked = ""
                if seeds == 3:

                    def looks(number: int, world: World = edge) -> npt.NDArray[np.float64]:
                        found = until_decided(world, 12, number, rng, margin=2.0)
                        return np.array(found.same.any(axis=1).mean())

                    looked = f"{100 * float(in_chunks(studies, looks)):.1f}"
                print(
                    f"{utterances:12}{seed:>8g}{seeds:>7}{100 * cells[0][0]:>8.1f}{looked:>14}"
                    f"{100 * cells[1][1]:>15.1f}",
                    flush=True,
                )


def collapse_table(studies: int, rng: np.random.Generator) -> None:
    """Runs that collapse: errors and power of all runs and of those that trained."""
    print(f"\nCollapsing runs, % of {studies:,}: false families and power at 4 points")
    heads = ("all, before", "all, now", "trained, now")
    print(f"{'':42}{'false alarms':>13}" + "".join(f"{h:>14}{'power':>8}" for h in heads))
    for arms, seeds in ((5, 3), (5, 5), (5, 8), (2, 3), (2, 5), (10, 3), (10, 5), (10, 10)):
        for name, arm, base in (
            ("nobody collapses", 0.0, 0.0),
            ("a tenth of all runs", 0.1, 0.1),
            ("a third of all runs", 1 / 3, 1 / 3),
            ("a third of the baseline's", 0.0, 1 / 3),
        ):

            def count(
                number: int,
                arm: float = arm,
                base: float = base,
                arms: int = arms,
                seeds: int = seeds,
            ) -> npt.NDArray[np.float64]:
                cells = []
                for effects in ((), (4.0,)):
                    world = World(arms, collapse=arm, baseline_collapse=base, effects=effects)
                    drawn = world.draw(number, seeds, rng)
                    counts, gone = np.full((number, arms), float(seeds)), flagged(drawn.wer)
                    shown = [
                        holm_shown(analysed(drawn, counts, moderated=m, trained=t).p())
                        for m, t in ((False, None), (True, None), (True, ~gone))
                    ]
                    if not effects:
                        cells.append(gone.any(axis=(1, 2)).mean())
                        cells += [one.any(axis=1).mean() for one in shown]
                    else:
                        cells += [one[:, 0].mean() for one in shown]
                return np.array(cells)

            alarms, *cells = (100 * value for value in in_chunks(studies, count))
            alarm = f"{alarms:.1f}" if arm == base == 0 else ""
            pairs = "".join(f"{cells[n]:>14.1f}{cells[n + 3]:>8.1f}" for n in range(3))
            print(f"{arms} arms, {seeds} seeds, {name:25}{alarm:>13}{pairs}", flush=True)


TEACHERS: dict[str, dict[str, Any]] = {
    "equal": {},
    "arm 4x": {"first": 4.0, "seed": 1.0},
    "uneven": {"uneven": 0.7},
    "629": {"utterance": 0.32, "luck": 0.2, "units": 629},
}


def teachers_table(studies: int, rng: np.random.Generator) -> None:
    """Teachers as a random factor: one with all the runs, and several crossed with the arms."""
    print(
        f"\nTeachers crossed with the arms, % of {studies:,}: families in which an arm is wrongly "
        "shown, intervals that hold the difference over all teachers, power at 4 points"
    )
    heads = ("one: wrong", "holds", *(f"{kind}: wrong" for kind in TEACHERS), "holds", "power")
    print(f"{'arms, teachers x seeds, scatter':33}" + "".join(f"{head:>15}" for head in heads))
    for arms, teachers, each in ((2, 3, 3), (2, 5, 3), (5, 3, 1), (5, 3, 3), (5, 3, 5), (5, 5, 3)):
        for teacher in (0.0, 1.0, 3.0):
            shape = {"arms": arms, "teacher": teacher}
            runs = teachers * each
            cells = [*_of_teachers(World(**shape, teachers=1), runs, studies, rng)[:2]]
            worlds = [World(**shape, **kind, teachers=teachers) for kind in TEACHERS.values()]
            crossed = [_of_teachers(world, runs, studies, rng) for world in worlds]
            cells += [wrong for wrong, _, _ in crossed]
            effect = World(**shape, teachers=teachers, effects=(4.0,))
            cells += [crossed[0][1], _of_teachers(effect, runs, studies, rng)[2]]
            message = f"{arms}, {teachers} x {each}, {teacher:g} points"
            print(f"{message:33}" + "".join(f"{100 * cell:>15.1f}" for cell in cells), flush=True)


def _of_teachers(
    world: World, runs: int, studies: int, rng: np.random.Generator
) -> tuple[float, float, float]:
    """Shares with any arm shown, with the interval holding the truth, with the first arm shown.

    With one teacher its seeds are what is counted, as in any ablation.
    """

    def count(number: int) -> npt.NDArray[np.float64]:
        drawn = world.draw(number, runs, rng)
        if world.teachers > 1:
            found = analysed_by_teacher(drawn)
        else:
            found = analysed(drawn, np.full((number, world.arms), float(runs)))
        shown = holm_shown(found.p())
        held = found.covers(world.truth).mean()
        return np.array([shown.any(axis=1).mean(), held, shown[:, 0].mean()])

    wrong, held, first = in_chunks(studies, count)
    return float(wrong), float(held), float(first)


def alike_table(studies: int, rng: np.random.Generator) -> None:
    """One arm is trained differently; all others are hardly other runs than the baseline."""
    print(f"\nOne arm, the others next to the baseline's own runs, % of {studies:,}: the arm")
    print("wrongly shown, and its single interval holds the truth")
    print(f"{'arms, seeds':12}{'apart, points':>15}{'before':>9}{'holds':>8}{'now':>8}{'holds':>8}")
    for arms, seeds in ((2, 3), (5, 3), (10, 3), (5, 5), (10, 5)):
        for apart in (0.1, 0.4):
            world, cells = World(arms=arms, alike=apart), []
            for moderated in (False, True):

                def count(
                    number: int, world: World = world, seeds: int = seeds, m: bool = moderated
                ) -> npt.NDArray[np.float64]:
                    counts = np.full((number, world.arms), float(seeds))
                    found = analysed(world.draw(number, seeds, rng), counts, moderated=m)
                    holds = found.covers(world.truth)[:, 0].mean()
                    return np.array([holm_shown(found.p())[:, 0].mean(), holds])

                cells += list(in_chunks(studies, count))
            message = "".join(f"{100 * cell:8.1f}" for cell in cells)
            print(f"{f'{arms}, {seeds}':12}{apart:>15g} {message}", flush=True)


def intervals_table(studies: int, seed: int) -> None:
    """The whole analysis on errors of utterances."""
    print(f"Coverage of the 95 % interval, percent of {studies:,} studies (+- two standard errors)")
    print(f"{'setting':22}{'seeds':>6}" + "".join(f"{method:>18}" for method in METHODS))
    for seeds in (3, 5):
        for setting in SETTINGS:
            found = coverage(setting, seeds, studies=studies, seed=seed)
            cells = "".join(f"{_percent(value, studies):>18}" for value in found.values())
            print(f"{setting.name:22}{seeds:>6}{cells}", flush=True)
    print(f"\nFamilies of 5 equal arms with one wrongly shown, percent of {studies:,} studies")
    print(f"{'setting':22}{'seeds':>6}{'uncorrected':>18}{'Holm':>18}")
    for seeds in (3, 5):
        for setting in NULL:
            errors = family_error(setting, seeds, arms=5, studies=studies, seed=seed)
            cells = "".join(f"{_percent(value, studies):>18}" for value in errors)
            print(f"{setting.name:22}{seeds:>6}{cells}", flush=True)


TABLES = {
    "family": (family_table, 10_000),
    "looks": (looks_table, 10_000),
    "same": (same_table, 4_000),
    "collapse": (collapse_table, 10_000),
    "teachers": (teachers_table, 4_000),
    "alike": (alike_table, 4_000),
}
"""Tables of simulated ablations, and how many studies a figure of each has."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="a tenth of the studies")
    parser.add_argument("--studies", type=int, help="studies a figure, of every table")
    parser.add_argument("--table", choices=["intervals", *TABLES], help="one table alone")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--families", nargs="+", metavar="ARMS,SEEDS", help="of the table family [default: all]"
    )
    options = parser.parse_args()
    chosen = [tuple(map(int, text.split(","))) for text in options.families or ()]
    share = 10 if options.quick else 1
    if options.table in (None, "intervals"):
        intervals_table(options.studies or 1000 // share, options.seed)
    for place, (name, (table, studies)) in enumerate(TABLES.items()):
        if options.table == "family" and chosen:
            rng = np.random.default_rng([options.seed, place])
            family_table(options.studies or studies // share, rng, chosen)  # type: ignore[arg-type]
            break
        if options.table in (None, name):
            table(options.studies or studies // share, np.random.default_rng([options.seed, place]))


def _percent(share: float, studies: int) -> str:
    """`94.8 +- 1.4`, twice the Monte Carlo standard error."""
    error = 200.0 * (share * (1.0 - share) / studies) ** 0.5
    return f"{100 * share:.1f} +- {error:.1f}"


if __name__ == "__main__":
    main()
