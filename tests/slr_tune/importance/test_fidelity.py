"""The rank correlation of low rungs on a part of the data with all of it, and its warning."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import optuna
import pytest
from small_runs import small_spec

from slr_tune.importance.fidelity import fidelity_rungs, fidelity_text


@pytest.mark.parametrize(("noise", "low"), [(0.02, False), (10.0, True)])
def test_poor_guide_is_warned_about(tmp_path: Path, noise: float, low: bool) -> None:
    """A first rung that agrees with the end, and one of noise, among trials that all ran on."""
    spec = small_spec(tmp_path)
    spec = replace(spec, budget=replace(spec.budget, fidelity=0.25))
    rng = np.random.default_rng(0)
    study = optuna.create_study()
    for worth in rng.random(40):
        trial = study.ask()
        values = [worth + noise * rng.standard_normal(), *[worth] * 5]
        for epoch, value in enumerate(np.minimum.accumulate(np.array(values) + 50), start=1):
            trial.report(float(value), epoch)
        study.tell(trial, float(50 + worth))
    rungs = fidelity_rungs(spec, study.trials)
    assert [(rung.epoch, rung.share, rung.full) for rung in rungs] == [(1, 0.25, 40), (3, 0.5, 40)]
    assert rungs[0].is_low == low
    text = fidelity_text(rungs)
    assert "epoch 1, on 25% of the training utterances" in text
    assert ("Warning" in text) == any(rung.is_low for rung in rungs)


def test_nothing_is_reported_without_fidelity(tmp_path: Path) -> None:
    """All epochs saw all data; and too few trials give no figure."""
    spec = small_spec(tmp_path)
    assert fidelity_text(fidelity_rungs(spec, [])) == ""
    part = replace(spec, budget=replace(spec.budget, fidelity=0.25))
    assert "not known, 0 trials" in fidelity_text(fidelity_rungs(part, []))
