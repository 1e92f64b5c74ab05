"""What is forecast before a search is what is still to come at its start."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from planned_epochs import planned_epochs
from toy_space import toy_spec

from slr_tune.study.forecast import forecast_cost, forecast_epochs, to_come


@pytest.mark.parametrize("baseline", [True, False])
def test_forecast_is_what_is_to_come_at_the_start(tmp_path: Path, baseline: bool) -> None:
    """And the quota's own count; with half of the data at the first rung the cost is less."""
    whole = toy_spec(
        tmp_path, baseline=baseline, max_epochs=9, search="{strategy: prior-asha}", audit=0.0
    )
    for trials in (1, 2, 3, 13, 24, 100):
        spec = replace(whole, budget=replace(whole.budget, trials=trials))
        planned = planned_epochs(
            (1, 3), trials=trials, exempt=int(baseline), reduction_factor=3, max_epochs=9
        )
        coming = to_come(spec, (), target=trials)
        assert coming is not None
        assert forecast_epochs(spec) == coming.epochs == planned
        assert forecast_cost(spec) == coming.cost == planned
        audited = replace(spec, budget=replace(spec.budget, audit=0.5))
        assert forecast_epochs(audited) == planned
        part = replace(spec, budget=replace(spec.budget, fidelity=0.5))
        assert forecast_epochs(part) == planned
        cost = forecast_cost(part)
        assert cost is not None and cost <= planned
    assert forecast_epochs(replace(whole, budget=replace(whole.budget, trials=None))) is None
