"""What the model says of histories whose truth is known: the product's sampler, stopped by ASHA."""

from __future__ import annotations

from functools import cache

import pytest
from held_out_truths import HELD_OUT
from simulated_search import MAX_EPOCHS, RUNGS, simulate
from truths import TRUTHS, Truth

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
