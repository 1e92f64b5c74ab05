"""A study of any size, written in bulk: thousands of trials with curves, in seconds."""

from __future__ import annotations

import json
import math
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import optuna
from optuna.distributions import distribution_to_json
from optuna.storages._rdb import models
from sqlalchemy import insert

from slr_tune.space import StudySpec, load_spec
from slr_tune.study.folders import trial_folder
from slr_tune.study.lock import StudyLock
from slr_tune.study.open_study import open_store
from slr_tune.study.record import ATTRIBUTE, TrialRecord, state_for
from slr_tune.study.rungs import Rungs, rung_epochs
from slr_tune.study.storage import open_storage
from trainables.files.curve import COLUMNS

SPACE = Path(__file__).parents[2] / "search_spaces" / "distill.yaml"
_START = datetime(2026, 1, 5, 8)


def generate_study(
    trials: int, *, name: str = "generated", seed: int = 0, curves: bool = True
) -> StudySpec:
    """Writes a study over the shipped space, as a search would have left it.

    Args:
        trials: How many; the first is the baseline.
        name: Of the study.
        seed: Of everything drawn.
        curves: Whether to write the trials' curve files.
    """
    spec = load_spec(SPACE, study=name, trials=trials)
    storage = open_storage(create=True)
    store = open_store(spec, storage)
    asked = _suggest(spec, trials, seed)
    rng = np.random.default_rng(seed)
    rungs = _rungs(spec)
    rows = [_trial(spec, number, trial, rng, rungs) for number, trial in enumerate(asked)]
    study_id = store.study._study_id
    with storage.engine.begin() as connection:
        for table in (models.TrialParamModel, models.TrialModel):
            connection.execute(table.__table__.delete())
        _insert(connection, study_id, rows, asked)
    if curves:
        for number, row in enumerate(rows):
            _write_curve(spec, number, row)
    with StudyLock(storage.engine, name):
        pass  # a driver has been here: this is the study that was written last
    storage.engine.dispose()
    return spec


def _suggest(spec: StudySpec, trials: int, seed: int) -> list[optuna.trial.FrozenTrial]:
    sampler = optuna.samplers.RandomSampler(seed=seed)
    found: list[optuna.trial.FrozenTrial] = []
    while len(found) < trials:
        # Asking slows down with the trials that a study has.
        study = optuna.create_study(sampler=sampler)
        if not found and spec.baseline is not None:
            study.enqueue_trial(spec.space.encode(spec.baseline))
        for _ in range(min(200, trials - len(found))):
            asked = study.ask()
            spec.space.suggest(asked)
            found.append(asked._cached_frozen_trial)
    return found


def _rungs(spec: StudySpec) -> Rungs:
    budget = spec.budget
    epochs = rung_epochs(
        grace_epochs=budget.grace_epochs,
        reduction_factor=budget.reduction_factor,
        max_epochs=budget.max_epochs,
    )
    return Rungs(epochs, budget.reduction_factor)


def _trial(
    spec: StudySpec,
    number: int,
    trial: optuna.trial.FrozenTrial,
    rng: np.random.Generator,
    rungs: Rungs,
) -> dict[str, Any]:
    values = spec.space.decode(trial.params)
    rate = math.log10(values["learning_rate"])
    weights = values["loss_weights"]
    end = 10 + 18 * (rate + 2.2) ** 2 + 25 * (weights["beta"] - 0.3) ** 2
    end += 20 * (values["dropout"] - 0.2) ** 2 + 4 * (values["kd_blank"] == "keep")
    end = min(90.0, end + abs(float(rng.normal(0, 1.5))))
    reason, curve, entries, best, stale = "max_epochs", [], [], math.inf, 0
    for epoch in range(1, spec.budget.max_epochs + 1):
        wer = end + (97 - end) * math.exp(-epoch / 3.5) + float(rng.normal(0, 0.8))
        stale = 0 if wer < best else stale + 1
        best = min(best, wer)
        curve.append((wer, best))
        if epoch == spec.budget.max_epochs:
            break
        if rng.random() < 0.001:
            reason = "nan"
            break
        if stale >= values["patience"]:
            reason = "patience"
            break
        if epoch in rungs.epochs:
            entries.append(rungs.decide(epoch, best, exempt=number == 0))
            if entries[-1].stopped:
                reason = "asha"
                break
    record = TrialRecord(
        config=spec.config_for(values),
        seed=spec.seed,
        ended_by=reason,
        epochs=len(curve),
        best_epoch=min(range(len(curve)), key=lambda e: curve[e][1]) + 1,
        seconds=0.9 * len(curve),
        peak_memory_bytes=400_000_000,
        parameters=60_000,
        checkpoint=f"trials/{number}/checkpoints/checkpoint_best.pt",
        rungs=tuple(entries),
        error="the loss is not a number" if reason == "nan" else None,
    )
    return {"record": record, "curve": curve}


def _insert(connection: Any, study_id: int, rows: list[dict[str, Any]], asked: list[Any]) -> None:
    trials, params, values, steps, attrs = [], [], [], [], []
    for number, (row, trial) in enumerate(zip(rows, asked, strict=True)):
        key, record = number + 1, row["record"]
        state = state_for(record.ended_by)
        began = _START + timedelta(seconds=10 * number)
        trials.append(
            {
                "trial_id": key,
                "number": number,
                "study_id": study_id,
                "state": state,
                "datetime_start": began,
                "datetime_complete": began + timedelta(seconds=record.seconds),
            }
        )
        for name, value in trial.params.items():
            distribution = trial.distributions[name]
            params.append(
                {
                    "trial_id": key,
                    "param_name": name,
                    "param_value": distribution.to_internal_repr(value),
                    "distribution_json": distribution_to_json(distribution),
                }
            )
        finite = models.TrialIntermediateValueModel.TrialIntermediateValueType.FINITE
        steps += [
            {
                "trial_id": key,
                "step": epoch,
                "intermediate_value": best,
                "intermediate_value_type": finite,
            }
            for epoch, (_, best) in enumerate(row["curve"], start=1)
        ]
        if state != optuna.trial.TrialState.FAIL:
            kind = models.TrialValueModel.TrialValueType.FINITE
            values.append(
                {
                    "trial_id": key,
                    "objective": 0,
                    "value": row["curve"][-1][1],
                    "value_type": kind,
                }
            )
        attrs.append(
            {"trial_id": key, "key": ATTRIBUTE, "value_json": json.dumps(record.to_json())}
        )
    for model, content in (
        (models.TrialModel, trials),
        (models.TrialParamModel, params),
        (models.TrialIntermediateValueModel, steps),
        (models.TrialValueModel, values),
        (models.TrialUserAttributeModel, attrs),
    ):
        connection.execute(insert(model), content)


def _write_curve(spec: StudySpec, number: int, row: dict[str, Any]) -> None:
    folder = trial_folder(spec.study, number)
    folder.mkdir(parents=True, exist_ok=True)
    lines = [",".join(COLUMNS)]
    for epoch, (wer, best) in enumerate(row["curve"], start=1):
        loss = wer / 25
        cells = (epoch, 0.9, loss, loss, loss, "", 3.0, 0.005, 1.0, wer + 2)
        cells = (*cells, loss + 0.1, wer, best, 0.8, 0.05)
        lines.append(",".join(str(cell) for cell in cells))
    (folder / "curve.csv").write_text("\n".join(lines) + "\n")
