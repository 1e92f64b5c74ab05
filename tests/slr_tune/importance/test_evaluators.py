"""Our evaluators against Optuna's, and against values worked out by hand."""

from __future__ import annotations

import numpy as np
import optuna
import pytest
from optuna.importance import FanovaImportanceEvaluator, PedAnovaImportanceEvaluator
from sklearn.tree import DecisionTreeRegressor

from slr_tune.importance.analysis import MIN_TRIALS, analyse
from slr_tune.importance.forest import explained, forest_scores
from slr_tune.importance.parameter_columns import SearchedRange, Variable
from slr_tune.importance.ped_anova import MarginalGrid, top_weights


def number(name: str, values: np.ndarray, *ranges: SearchedRange, regime: np.ndarray | None = None):
    where = np.zeros(len(values), dtype=np.int64) if regime is None else regime
    return Variable(name, name.split(".")[0], values, where, ranges)


def sampled(count: int = 120, seed: int = 3) -> tuple[optuna.Study, list[Variable], np.ndarray]:
    """A study with every kind of parameter, one of them under a condition."""
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=seed))

    def objective(trial: optuna.Trial) -> float:
        rate = trial.suggest_float("rate", 1e-4, 1e-1, log=True)
        layers = trial.suggest_int("layers", 1, 6)
        kind = trial.suggest_categorical("kind", ["a", "b", "c"])
        extra = trial.suggest_float("kind.extra", 0.0, 2.0) if kind == "b" else 0.3
        return (np.log10(rate) + 2) ** 2 + 0.2 * layers + (kind == "c") + extra

    study.optimize(objective, n_trials=count)
    frame = [t.params for t in study.trials]
    has = np.array([0 if "kind.extra" in p else -1 for p in frame])
    codes = np.array([float("abc".index(p["kind"])) for p in frame])
    columns = [
        number("rate", np.array([p["rate"] for p in frame]), SearchedRange(1e-4, 1e-1, True)),
        number(
            "layers",
            np.array([float(p["layers"]) for p in frame]),
            SearchedRange(1, 6, False, 1, True),
        ),
        Variable("kind", "kind", codes, np.zeros(count, dtype=np.int64), (), ("a", "b", "c")),
        number(
            "kind.extra",
            np.array([p.get("kind.extra", np.nan) for p in frame]),
            SearchedRange(0.0, 2.0),
            regime=has,
        ),
    ]
    return study, columns, np.array([t.value for t in study.trials])


def test_ped_anova_is_optunas() -> None:
    """A figure called PED-ANOVA must be the one that Optuna would print."""
    study, columns, losses = sampled()
    once = np.ones((1, len(losses)))
    top = top_weights(losses, once, 0.1)
    mine = {
        column.name: float(MarginalGrid(column).divergences(top, once)[0]) for column in columns
    }
    theirs = PedAnovaImportanceEvaluator(evaluate_on_local=False).evaluate(study)
    assert theirs["rate"] > 0
    for name, figure in theirs.items():
        assert mine[name] == pytest.approx(figure, rel=1e-6), name


def test_resamples_are_evaluated_as_if_written_out() -> None:
    """Weights stand for repeated trials; a bootstrap of something else would be no bootstrap."""
    _, columns, losses = sampled(60)
    weights = np.random.default_rng(0).multinomial(60, np.full(60, 1 / 60), size=1).astype(float)
    rows = np.repeat(np.arange(60), weights[0].astype(int))
    for column in columns:
        weighted = MarginalGrid(column).divergences(top_weights(losses, weights, 0.1), weights)
        once = np.ones((1, len(rows)))
        written = MarginalGrid(column.take(rows)).divergences(
            top_weights(losses[rows], once, 0.1), once
        )
        assert weighted == pytest.approx(written)


def test_weights_of_an_even_simplex_do_not_stand_out() -> None:
    """A weight of three is small more often than large, which is no sign of good values."""
    draws = np.random.default_rng(1).dirichlet([1, 1, 1], size=4000)
    once, top = np.ones((1, 4000)), np.ones((1, 4000))
    regime = np.zeros(4000, dtype=np.int64)
    weight = Variable("w.a", "w", draws[:, 0], regime, (SearchedRange(0.0, 1.0),), simplex=True)
    assert float(MarginalGrid(weight, weights=3).divergences(top, once)[0]) < 0.05
    assert float(MarginalGrid(weight, weights=2).divergences(top, once)[0]) > 0.2


@pytest.mark.parametrize("evaluator", ["fanova", "mdi"])
def test_shares_of_a_forest_keep_what_is_small(evaluator: str) -> None:
    """A level of chance taken off shares of 1 printed a parameter of a third as nothing."""
    rng = np.random.default_rng(4)
    x, y, z = rng.random((3, 120))
    columns = [number(n, v, SearchedRange(0, 1)) for n, v in (("x", x), ("y", y), ("z", z))]
    found = analyse(columns, 3 * x + 2 * y, epoch=3, evaluator=evaluator, resamples=8)
    shares = {bar.name: bar.share for bar in found.units}
    assert 0.15 < shares["y"] < 0.5 and shares["x"] < 0.85
    assert all(bar.low < bar.high for bar in found.units if bar.name != "z")


def test_fanova_of_a_sum_is_worked_out_by_hand() -> None:
    """3 [x > 1/2] + 4 [y > 1/4]: variances 9/4 and 16 x 3/16, so 3/7 and 4/7."""
    grid = (np.arange(64) + 0.5) / 64
    x, y = (part.ravel() for part in np.meshgrid(grid, grid))
    tree = DecisionTreeRegressor(random_state=0)
    tree.fit(np.column_stack([x, y]), 3.0 * (x > 0.5) + 4.0 * (y > 0.25))
    assert explained(tree.tree_) == pytest.approx([3 / 7, 4 / 7], abs=1e-6)


def test_fanova_of_a_pure_interaction_gives_nothing_to_either() -> None:
    """An exclusive or is no parameter's own doing."""
    grid = (np.arange(32) + 0.5) / 32
    x, y = (part.ravel() for part in np.meshgrid(grid, grid))
    tree = DecisionTreeRegressor(random_state=0)
    tree.fit(np.column_stack([x, y]), ((x > 0.5) != (y > 0.5)).astype(float))
    assert explained(tree.tree_) == pytest.approx([0.0, 0.0], abs=0.02)


def test_fanova_agrees_with_optunas() -> None:
    """The forests are not the same trees; the shares must still be near each other."""
    rng = np.random.default_rng(8)
    values = rng.random((120, 3))
    losses = 6 * (values[:, 0] - 0.4) ** 2 + values[:, 1] + 0.1 * values[:, 2]
    columns = {k: [number(k, values[:, i], SearchedRange(0, 1))] for i, k in enumerate("xyz")}
    mine = forest_scores(columns, "fanova", seed=0)(losses, np.ones((1, 120)))
    study = optuna.create_study()
    space = {name: optuna.distributions.FloatDistribution(0, 1) for name in "xyz"}
    for row, loss in zip(values, losses, strict=True):
        params = dict(zip("xyz", map(float, row), strict=True))
        study.add_trial(
            optuna.trial.create_trial(params=params, distributions=space, value=float(loss))
        )
    theirs = FanovaImportanceEvaluator(n_trees=16, seed=0).evaluate(study)
    total = sum(theirs.values())  # what is neither's alone is left out there
    for name, share in theirs.items():
        assert float(mine[name][0]) == pytest.approx(share / total, abs=0.05), name


@pytest.mark.parametrize("evaluator", ["ped-anova", "fanova", "mdi"])
def test_every_evaluator_finds_the_strong_one_and_drops_the_dead(evaluator: str) -> None:
    """An evaluator that is offered must work on conditional parameters and groups too."""
    rng = np.random.default_rng(5)
    strong, dead, extra = rng.random((3, 150))
    has = np.where(rng.random(150) < 0.5, 0, -1)
    losses = 10 * np.abs(strong - 0.3) + np.where(has == 0, 2 * extra, 1.0)
    columns = [
        number("strong", strong, SearchedRange(0, 1)),
        number("dead", dead, SearchedRange(0, 1)),
        number("branch.extra", np.where(has == 0, extra, np.nan), SearchedRange(0, 1), regime=has),
    ]
    found = analyse(columns, losses, epoch=3, evaluator=evaluator, resamples=10)
    assert found.evaluator == evaluator and found.trials == 150 >= MIN_TRIALS
    shares = {bar.name: bar.share for bar in found.units}
    assert max(shares, key=lambda name: shares[name]) == "strong"
    assert shares["dead"] < 0.1
    assert {bar.name: bar.trials for bar in found.units}["branch"] == int((has == 0).sum())
