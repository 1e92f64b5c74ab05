"""What the model says of histories whose truth is known: the product's sampler, stopped by ASHA."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from held_out_truths import HELD_OUT
from optuna.trial import FrozenTrial
from simulated_search import MAX_EPOCHS, RUNGS, simulate
from truths import TRUTHS, Truth

from slr_tune.importance.analysis import analyse
from slr_tune.importance.model_importance import ModelImportance, model_importance
from slr_tune.importance.parameter_columns import variables_of

EPOCHS = (*RUNGS, MAX_EPOCHS)


@cache
def found(name: str, trials: int = 60, search: str = "tpe-asha", seed: int = 3) -> ModelImportance:
    return read({**TRUTHS, **HELD_OUT}[name], trials, search, seed)


def read(truth: Truth, trials: int, search: str, seed: int) -> ModelImportance:
    start = truth.baseline(seed)
    curve = truth.curve(seed)
    history = simulate(truth.space, curve, search, trials=trials, seed=seed, baseline=start)
    ended = [t for t in history if t.values and t.state.name == "COMPLETE"]
    best = min(ended, key=lambda t: t.values[0])
    columns = variables_of(truth.space, history)
    around = {"best": best.number, "baseline": 0}
    return model_importance(truth.space, history, EPOCHS, columns=columns, around=around)


def test_the_strongest_is_found_on_the_samplers_own_history() -> None:
    """PED-ANOVA put it first in none of six such studies; its share and points are the truth's."""
    main = found("additive").main
    share, points = TRUTHS["additive"].effects["learning_rate"]
    first = main.units[0]
    assert main.named == first.name == "learning_rate" and first.seen
    assert first.low <= share <= first.high and first.points is not None
    assert first.points[1] <= points <= first.points[2]
    unseen = {bar.name for bar in main.units if not bar.seen}
    assert {"dead", "none"} <= unseen
    assert sum(bar.share for bar in main.units) == pytest.approx(1.0)


def test_what_only_changes_the_speed_is_no_effect_at_the_end() -> None:
    """It decides who survives; the first rung's share says so, beside the end's."""
    main = found("speed", 100).main
    bars = {bar.name: bar for bar in main.units}
    assert main.units[0].name == "x" and not bars["speed"].seen
    assert (bars["speed"].first_rung or 0) > 0.3 > bars["speed"].share
    assert bars["speed"].early and not bars["dead"].early


def test_a_start_at_which_all_tie_says_nothing_of_the_parameters() -> None:
    """Its hundred equal values once made nine in ten dead parameters real."""
    main = found("flat", 60, "prior-asha").main
    assert main.units[0].name == "learning_rate" and main.units[0].seen
    assert not any(bar.seen for bar in main.units if bar.name in ("dead", "none"))
    assert (main.explained or 0.0) > 0.5


def test_runs_that_collapse_often_are_set_aside_and_named() -> None:
    """One in eight hid the learning rate, because each made the others look usual."""
    reading = found("collapsing", 60)
    bars = {bar.name: bar for bar in reading.main.units}
    assert len(reading.main.set_aside) > 3 and reading.main.units[0].name == "learning_rate"
    assert bars["learning_rate"].seen and not bars["dead"].seen and not bars["none"].seen


def test_what_only_the_first_epochs_show_is_not_called_the_first() -> None:
    """Of an option that no survivor has, nobody knows whether its effect lasts."""
    main = found("two values", 60, seed=51).main
    assert main.units[0].name == "layers" and main.named is None
    assert main.units[0].early and not main.units[0].seen


def test_parameters_that_matter_only_together_are_seen_and_named() -> None:
    """Neither has an effect of its own, and neither may be called dead."""
    reading = found("pair", 100)
    bars = {bar.name: bar for bar in reading.main.units}
    assert bars["x"].seen and bars["y"].seen
    assert bars["x"].share + bars["y"].share > 0.7
    pair = reading.pairs[0]
    assert {pair.one, pair.other} == {"x", "y"} and pair.named and pair.share > 0.5
    assert not any(other.named for other in reading.pairs[1:])


def test_a_simplex_and_a_choice_with_its_branch_are_units() -> None:
    """Their parts are shown in the file's terms, and are never above their unit."""
    reading = found("distil", 100)
    bars = {bar.name: bar for bar in reading.main.units}
    assert set(bars) == {"weights", "schedule", "dropout", "blank", "dead", "still"}
    parts = {bar.name: bar for bar in reading.main.parts}
    assert {"weights.alpha", "weights.beta", "weights.gamma", "warm_start"} <= set(parts)
    assert all(part.share <= bars[part.group].share + 1e-12 for part in parts.values())
    assert {m.name for m in reading.marginals} >= {"weights.beta", "warm_start", "schedule"}


def test_runs_that_failed_are_set_aside_and_named() -> None:
    """Two of them in sixty moved four tenths of the importance to where they lay."""
    reading = found("failing", 100, seed=1)
    assert reading.main.set_aside and reading.main.named == "learning_rate"
    plain = found("additive", 60)
    assert plain.main.set_aside == ()


def test_slices_go_through_best_and_baseline() -> None:
    """What one would gain there is never less than nothing, and the best has less to gain."""
    reading = found("distil", 100)
    around = {(one.around, one.name): one for one in reading.local}
    assert {key[0] for key in around} == {"best", "baseline"}
    for one in reading.local:
        assert one.gain[0] >= 0 and one.gain[1] <= one.gain[0] <= one.gain[2] + 1e-9
        assert len(one.at) == len(one.change) == len(one.low)
    beta = around["best", "weights.beta"]
    assert beta.loss[0] > 3 and beta.gain[0] < 1


def test_an_optimum_outside_is_reported_and_one_inside_is_not() -> None:
    """The pair's optima lie in corners of its box; a distillation's lie inside."""
    edges = {(edge.name, edge.upper) for edge in found("pair", 100).edges}
    assert edges and {name for name, _ in edges} <= {"x", "y"}
    assert found("valley", 100).edges == ()


def test_too_few_trials_say_nothing() -> None:
    """Bars over a handful of trials would be believed."""
    few = found("additive", 8)
    assert few.main.units == () and few.marginals == () and few.main.trials == 8


def test_a_parameter_that_acts_too_late_has_no_share_no_curve_and_takes_none() -> None:
    """Its share was once the prior's, beside the sentence that it is not estimated."""
    truth = TRUTHS["additive"]
    history = simulate(truth.space, truth.curve(3), "tpe-asha", trials=30, seed=3)
    columns = variables_of(truth.space, history)

    def acts_from(trial: FrozenTrial, name: str) -> float:
        return 26.0 if name == "dropout" else 0.0

    found = model_importance(truth.space, history, EPOCHS, columns=columns, acts_from=acts_from)
    (late,) = (bar for bar in found.main.units if not bar.measured)
    assert late.name == "dropout" and late.share == 0.0 and late.trials < 8
    assert sum(bar.share for bar in found.main.units) == pytest.approx(1.0)
    assert "dropout" not in {curve.name for curve in found.marginals}
    assert not any("dropout" in pair.units for pair in found.pairs)


def test_values_that_explode_hide_nothing() -> None:
    """Of a metric without bounds one run of -10,000 once hid what all others showed."""
    truth = TRUTHS["additive"]
    history = simulate(truth.space, truth.curve(3), "random", trials=40, seed=3)
    places = [n for n, trial in enumerate(history) if trial.params["learning_rate"] > 0.02]
    assert len(places) > 2
    for place in places:
        trial = history[place]
        values = {epoch: 10.0 ** (2 + place % 4) for epoch in trial.intermediate_values}
        trial.intermediate_values = values
    columns = variables_of(truth.space, history)
    main = model_importance(truth.space, history, EPOCHS, columns=columns).main
    assert main.bounded and main.units[0].name == "learning_rate" and main.units[0].seen


def test_where_all_values_are_equal_nothing_is_first() -> None:
    """PED-ANOVA once named the parameter that the sampler had drawn the least evenly."""
    truth = TRUTHS["pair"]
    history = simulate(truth.space, lambda params, trial: [50.0] * 27, "tpe", trials=20, seed=1)
    columns = variables_of(truth.space, history)
    main = model_importance(truth.space, history, EPOCHS, columns=columns).main
    other = analyse(columns, np.full(20, 50.0), epoch=27, evaluator="ped-anova", resamples=20)
    assert main.named is None and not any(bar.seen for bar in main.units)
    assert other.named is None and other.units[0].share == 0.0
