"""Settings that the branches of a choice share, and weights that sum to 1 under one."""

from __future__ import annotations

import numpy as np
import optuna
import pytest
from optuna.trial import FrozenTrial, create_trial
from report_studies import StoredTrial, tell_study

from slr_tune.dashboard.translation import Translation
from slr_tune.importance.model_importance import model_importance
from slr_tune.importance.parameter_columns import variables_of
from slr_tune.report.page.html import render_html
from slr_tune.report.study.page import study_page
from slr_tune.report.study.study_data import collect
from slr_tune.space import (
    ChoiceParameter,
    FloatParameter,
    Parameter,
    SimplexParameter,
    Space,
)
from slr_tune.space.parameters import Condition

DECAY = """space.optimizer={choice: {
    adam: {weight_decay: {float: [0.0, 0.1]}},
    adamw: {weight_decay: {float: [1.0e-6, 1.0e-2], log: true}}}}"""


@pytest.mark.usefixtures("database")
def test_one_setting_linear_from_nothing_in_one_branch_and_logarithmic_in_another() -> None:
    """0 has no logarithm: importance, report and dashboard all ended in a traceback on it."""
    rng = np.random.default_rng(0)
    trials = []
    for number in range(12):
        kind = ("adam", "adamw")[number % 2]
        decay = float(rng.choice([0.0, 0.05])) if kind == "adam" else 10 ** rng.uniform(-6, -2)
        params = {"optimizer": kind, f"optimizer.{kind}.weight_decay": decay}
        trials.append(StoredTrial([60.0, *[30.0 + 100 * decay] * 8], params=params))
    overrides = ["fixed={batch_size: 16}", DECAY.replace("\n", "")]
    view = tell_study(trials, baseline=False, overrides=overrides)
    column = next(v for v in variables_of(view.spec.space, view.trials) if v.name == "weight_decay")
    assert not column.log and (column.low, column.high) == (0.0, 0.1)
    assert ((column.unit() >= 0) & (column.unit() <= 1)).all()
    facts = collect(view)
    assert facts.importance is not None
    parts = {part.name for part in facts.importance.main.parts if part.group == "optimizer"}
    assert parts == {"optimizer", "weight_decay"}
    assert "Expected val/wer over weight_decay" in render_html(study_page(facts))
    shown = Translation(view.spec.space).translate(view.trials)
    assert 0.0 in {trial.params["weight_decay"] for trial in shown}


def trials_of(*parameters: Parameter) -> tuple[Space, list[FrozenTrial]]:
    """150 trials drawn from a space."""
    space = Space(parameters)
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=1))
    for _ in range(150):
        space.suggest(study.ask())
    return space, study.get_trials()


def chosen(branch: str) -> Condition:
    return Condition("mix.kind", branch)


KIND = ChoiceParameter(name="mix.kind", path=("mix", "kind"), options=("one", "other"))


def marginals(space: Space, trials: list[FrozenTrial], of: str) -> dict[str, np.ndarray]:
    """Expected value over each number, of trials whose value is 100 times one of them."""
    columns = variables_of(space, trials)
    values = 100 * np.nan_to_num(next(c for c in columns if c.name == of).values, nan=0.5)
    output = [
        create_trial(
            params=trial.params,
            distributions=trial.distributions,
            value=float(value),
            intermediate_values={1: float(value)},
        )
        for trial, value in zip(trials, values, strict=True)
    ]
    found = model_importance(space, output, (1,), columns=columns)
    return {one.name: np.array(one.mean) for one in found.marginals if not one.labels}


def test_two_numbers_from_0_to_1_under_a_choice_are_no_weights() -> None:
    """A dead one beside them showed the other's effect the other way round."""
    numbers = [
        FloatParameter(name=f"mix.one.{k}", path=("mix", k), when=chosen("one"), low=0.0, high=1.0)
        for k in ("p", "width")
    ]
    always = ChoiceParameter(name="mix.kind", path=("mix", "kind"), options=("one",))
    found = marginals(*trials_of(always, *numbers), of="mix.p")
    assert np.ptp(found["mix.p"]) > 65
    assert np.ptp(found["mix.width"]) < 10


def test_weights_under_a_condition_move_together() -> None:
    """More of one weight is less of the others, under a choice as well as without one."""
    blend = SimplexParameter(
        name="mix.one.w", path=("mix", "w"), when=chosen("one"), weights=("a", "b", "c")
    )
    space, trials = trials_of(KIND, blend)
    over_a = marginals(space, trials, of="mix.w.b")["mix.w.a"]
    assert over_a[0] > 40 and over_a[-1] < 10


def test_weights_that_only_one_branch_has_stay_away_in_the_other() -> None:
    """Of two weights the one is what the other leaves, although elsewhere there is a third."""
    blends = [
        SimplexParameter(
            name=f"mix.{branch}.w", path=("mix", "w"), when=chosen(branch), weights=weights
        )
        for branch, weights in (("one", ("a", "b", "c")), ("other", ("a", "b")))
    ]
    found = marginals(*trials_of(KIND, *blends), of="mix.w.b")
    # With nothing of a, b is 1 in one branch, and half of it on average in the other.
    assert 60 < found["mix.w.a"][0] < 90 and found["mix.w.a"][-1] < 10
    assert found["mix.w.c"][0] - found["mix.w.c"][-1] > 30
