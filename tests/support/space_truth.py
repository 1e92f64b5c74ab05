"""A study whose truth is known: which parameters matter, and how much.

Four parameters: `learning_rate` is strong (up to 45 points of WER), `warmup` matters under one
branch of `schedule` (12 points), `dropout` is weak (5 points), `seed_offset` is dead. The curves
fall towards their end; ASHA stops half of the trials at epoch 4, nearly all for their learning
rate. Among the trials that ran to their end the learning rate hardly varies where it matters.
"""

from __future__ import annotations

import math

import numpy as np
import optuna
from optuna.trial import FrozenTrial, TrialState, create_trial

from slr_tune.importance.analysis import Importance
from slr_tune.importance.model_importance import model_importance
from slr_tune.importance.parameter_columns import variables_of
from slr_tune.space import Space
from slr_tune.space.parameters import from_json
from slr_tune.study.rungs import Rungs

RUNG = 4
LAST = 12
TRUTH = ("learning_rate", "schedule", "dropout", "seed_offset")
"""Units in the order of what they matter; `schedule` holds its branch's `warmup`."""

EFFECT_POINTS = {"learning_rate": 45.0, "schedule": 12.0, "dropout": 5.0, "seed_offset": 0.0}
_NOISE = 0.7


def truth_space() -> Space:
    """The space of the study."""
    numbers = {"step": None, "kind": "float"}
    return Space(
        tuple(
            from_json({"path": entry["name"].split("."), **entry})
            for entry in (
                {"name": "learning_rate", "low": 1e-4, "high": 1e-1, "log": True, **numbers},
                {"name": "schedule", "kind": "choice", "options": ["constant", "rising"]},
                {
                    "name": "schedule.rising.warmup",
                    "path": ["warmup"],
                    "when": {"choice": "schedule", "branch": "rising"},
                    "low": 0.0,
                    "high": 10.0,
                    "log": False,
                    **numbers,
                },
                {"name": "dropout", "low": 0.0, "high": 0.5, "log": False, **numbers},
                {"name": "seed_offset", "low": 0.0, "high": 1.0, "log": False, **numbers},
            )
        )
    )


def true_wer(params: dict[str, float | str]) -> float:
    """WER in percent that a configuration ends at, without noise."""
    rate = (math.log10(float(params["learning_rate"])) + 4) / 3  # 0..1
    beside = max(0.0, abs(rate - 0.55) - 0.11)
    strong = EFFECT_POINTS["learning_rate"] * (1 - math.exp(-beside / 0.12))
    conditional = 6.0
    if params["schedule"] == "rising":
        conditional = 12.0 * abs(float(params["schedule.rising.warmup"]) / 10 - 0.3) / 0.7
    weak = EFFECT_POINTS["dropout"] * abs(float(params["dropout"]) / 0.5 - 0.4) / 0.6
    return 20.0 + strong + conditional + weak


def truth_trials(count: int, *, seed: int, pruned: bool = True) -> list[FrozenTrial]:
    """Trials suggested at random; with `pruned`, ASHA stops half of them at epoch 4."""
    space, rng = truth_space(), np.random.default_rng(seed)
    asker = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=seed))
    rungs = Rungs((RUNG,), 2)
    trials = []
    for number in range(count):
        asked = asker.ask()
        space.suggest(asked)
        end = true_wer(asked.params) + float(rng.normal(0, _NOISE))
        curve = {e: end + (98 - end) * math.exp(-e / 2.5) for e in range(1, LAST + 1)}
        stopped = pruned and rungs.decide(RUNG, curve[RUNG]).stopped
        values = {e: v for e, v in curve.items() if not stopped or e <= RUNG}
        trial = create_trial(
            state=TrialState.PRUNED if stopped else TrialState.COMPLETE,
            params=asked.params,
            distributions=asked.distributions,
            value=values[max(values)],
            intermediate_values=values,
        )
        trial.number = number
        trials.append(trial)
    return trials


def importance_of(trials: list[FrozenTrial]) -> Importance:
    """Ours: a model of every trial at every rung."""
    columns = variables_of(truth_space(), trials)
    return model_importance(truth_space(), trials, (RUNG, LAST), columns=columns).main


def stock_shares(trials: list[FrozenTrial]) -> dict[str, float]:
    """Optuna's, over COMPLETE trials, largest first; a branch's parameter counts for its choice."""
    study = optuna.create_study()
    study.add_trials(trials)
    shares = dict.fromkeys(TRUTH, 0.0)
    for name, share in optuna.importance.get_param_importances(study).items():
        shares[name.split(".")[0]] += share
    return dict(sorted(shares.items(), key=lambda item: -item[1]))
