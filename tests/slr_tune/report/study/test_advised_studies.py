"""Advice on simulated searches of the product: `benchmarks/advice.py` in small."""

from __future__ import annotations

from advised_studies import SCENARIOS, spec_of, study_of

from slr_tune.report.study.next_steps import next_steps
from slr_tune.report.study.study_data import collect


def advised(scenario: str, seed: int = 0, trials: int = 60) -> dict[str, str]:
    study = study_of(SCENARIOS[scenario], spec_of(trials=trials), "tpe-asha", seed)
    return {step.rule: step.text for step in next_steps(collect(study))}


def test_where_nothing_matters_no_range_is_widened_and_nothing_is_ablated() -> None:
    """TPE crowds at some edge of a dead number: 28 of 40 such studies were told to widen it."""
    assert not {"edge", "longer", "weak rung", "ablate"} & set(advised("nothing"))


def test_an_optimum_outside_is_widened_to() -> None:
    """And no other range is."""
    text = advised("outside", seed=1)["edge"]
    assert text.startswith("learning_rate goes on getting better at the upper edge")
    assert text.count("widen it to") == 1
