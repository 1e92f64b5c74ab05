"""The published tables, reduced: the simulated analysis is the product's, and it errs rarely."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from slr_tune.statistics.analytic import beyond, critical_points
from slr_tune.statistics.collapse import collapsed_runs
from slr_tune.statistics.components import Estimate
from slr_tune.statistics.moderation import moderated
from slr_tune.statistics.multiplicity import holm
from slr_tune.statistics.power import critical_value

STUDIES = 1500


def loaded(name: str) -> ModuleType:
    """A benchmark as a module: they are scripts, not a package."""
    path = Path(__file__).parents[3] / "benchmarks" / f"{name}.py"
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def simulated() -> ModuleType:
    return loaded("simulated_ablations")


def error(share: float, studies: int = STUDIES) -> float:
    return 3 * float(np.sqrt(share * (1 - share) / studies))


def test_the_simulated_analysis_is_the_products(simulated: ModuleType) -> None:
    """Variances, degrees of freedom and p of single studies, by the product's own functions."""
    world = simulated.World(arms=4, effects=(3.0,))
    studies = world.draw(5, 4, np.random.default_rng(0))
    found = simulated.analysed(studies, np.full((5, 4), 4.0))
    for study in range(5):
        apart = studies.wer[study, 1:] - studies.wer[study, :1]
        inter = 2 * world.luck**2 / 4
        lent = moderated(apart.var(axis=1, ddof=1).tolist(), [4] * 4)
        for arm in range(4):
            jackknife = (world.utterance**2 + inter) * studies.known[study, arm]
            own = Estimate(apart[arm].var(ddof=1), inter, jackknife, 4, 150, 150.0)
            parts = own.finished(per_seed=lent[arm].variance, prior=lent[arm].prior)
            assert found.seed[study, arm] == pytest.approx(parts.seed)
            assert found.unit[study, arm] == pytest.approx(parts.unit)
            assert found.width[study, arm] == pytest.approx(parts.drawn_in)
            p = 2 * beyond(
                abs(apart[arm].mean()),
                parts.seed,
                parts.unit,
                seed_df=parts.seed_df,
                unit_df=parts.unit_df,
                width=parts.drawn_in,
            )
            if p < 0.1:
                assert found.p()[study, arm] == pytest.approx(float(p))


def test_critical_points_are_those_of_the_plan(simulated: ModuleType) -> None:
    """The averaged t distributions give the critical value that `power` has."""
    parts = Estimate(3.0, 0.1, 0.6, 4, 150, 150.0).finished(per_seed=2.5, prior=2.0)
    limit = critical_points(
        0.01,
        parts.seed,
        parts.unit,
        seed_df=parts.seed_df,
        unit_df=parts.unit_df,
        width=parts.drawn_in,
    )
    by_hand = critical_value(parts, alpha=0.01) * parts.standard_error
    assert float(limit) == pytest.approx(by_hand, rel=0.01)


def test_holm_and_flags_are_the_products(simulated: ModuleType) -> None:
    """Vectorised twins of two rules."""
    rng = np.random.default_rng(1)
    p = rng.uniform(size=(50, 4)) ** 3
    by_row = [[adjusted < 0.05 for adjusted in holm(row)] for row in p]
    assert simulated.holm_shown(p).tolist() == by_row
    world = simulated.World(collapse=0.2, baseline_collapse=0.2)
    for seeds in (3, 4):
        wer = world.draw(50, seeds, rng).wer
        for study, flags in zip(wer, simulated.flagged(wer), strict=True):
            found = collapsed_runs({str(n): runs.tolist() for n, runs in enumerate(study)})
            assert [list(found[str(n)]) for n in range(6)] == flags.tolist()


def test_twice_the_power_at_the_same_error(simulated: ModuleType) -> None:
    """Three seeds and five arms: what the default test is for."""
    rng = np.random.default_rng(2)
    null, one = simulated.World(), simulated.World(effects=(4.0,))
    false = simulated.fixed(null, 3, STUDIES, rng).any(axis=1).mean()
    now = simulated.fixed(one, 3, STUDIES, rng)[:, 0].mean()
    before = simulated.fixed(one, 3, STUDIES, rng, moderated=False)[:, 0].mean()
    assert false < 0.05 + error(0.05) and now > 2 * before > 0.1


def test_an_arm_among_near_copies_of_the_baseline(simulated: ModuleType) -> None:
    """Its interval held in three studies of four while the copies' scatter was lent to it."""
    world = simulated.World(alike=0.1)
    drawn = world.draw(STUDIES, 3, np.random.default_rng(5))
    found = simulated.analysed(drawn, np.full((STUDIES, 5), 3.0))
    assert found.covers(world.truth)[:, 0].mean() > 0.95 - error(0.05)


def test_looks_do_not_show_what_is_not_there(simulated: ModuleType) -> None:
    """And cost at most 0.7 of the nine seeds that show one effect as often."""
    rng = np.random.default_rng(3)
    false = simulated.until_decided(simulated.World(), 12, 600, rng)
    assert false.shown.any(axis=1).mean() < 0.05 + error(0.05, 600)
    one = simulated.World(effects=(4.0,))
    found = simulated.until_decided(one, 12, 600, rng)
    fixed = simulated.fixed(one, 9, 600, rng)[:, 0].mean()
    assert found.shown[:, 0].mean() > fixed - 2 * error(fixed, 600)
    assert found.runs.mean() < 0.7 * 6 * 9


def test_sameness_errs_rarely(simulated: ModuleType) -> None:
    """All arms at the margin; and equal arms are found on 629 utterances."""
    rng = np.random.default_rng(4)
    kind = {"utterance": 0.32, "luck": 0.2, "units": 629, "seed": 0.5}
    for effects, wrong in (((2.0,) * 5, True), ((), False)):
        drawn = simulated.World(effects=effects, **kind).draw(STUDIES, 5, rng)
        same = simulated.holm_shown(simulated.analysed(drawn, np.full((STUDIES, 5), 5.0)).same(2.0))
        share = same.any(axis=1).mean()
        assert share < 0.05 + error(0.05) if wrong else share > 0.8


def test_a_crossings_paragraph_errs_rarely() -> None:
    """Five comparisons of six cells, one family, variances of different size lent to each other."""
    crossing = loaded("crossing")
    rows = crossing.contrasts(3, 2)
    assert rows.shape == (5, 6) and rows.sum(axis=1) == pytest.approx(0.0)
    share = crossing._shown(crossing.World(arms=5), 3, STUDIES, 0, rows)
    assert share < 0.05 + error(0.05)
