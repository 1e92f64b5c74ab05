"""Advice on simulated searches of the product: `benchmarks/advice.py` in small."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import pytest
from advice_contradictions import contradictions
from advised_studies import SCENARIOS, spec_of, study_of

from slr_tune.importance.effects import EdgeReading
from slr_tune.report.study.first_screen import answers, headline
from slr_tune.report.study.next_steps import next_steps
from slr_tune.report.study.study_data import StudyData, collect


@cache
def searched(scenario: str, search: str, seed: int = 0) -> StudyData:
    return collect(study_of(SCENARIOS[scenario], spec_of(trials=60), search, seed))


def advised(scenario: str, search: str = "tpe-asha", seed: int = 0) -> dict[str, str]:
    return {step.rule: step.text for step in next_steps(searched(scenario, search, seed))}


def test_where_nothing_matters_no_range_is_widened_and_nothing_is_ablated() -> None:
    """TPE crowds at some edge of a dead number: 28 of 40 such studies were told to widen it."""
    assert not {"edge", "longer", "ablate"} & set(advised("nothing"))


def test_an_optimum_outside_is_widened_to() -> None:
    """And no other range is."""
    text = advised("outside", seed=1)["edge"]
    assert text.startswith("learning_rate keeps improving at the upper edge")
    assert text.count("widen it to") == 1


@pytest.mark.parametrize(
    ("scenario", "search"),
    [("crossing", "prior-asha"), ("blank", "tpe-asha"), ("cliff", "tpe-asha")],
)
def test_no_two_pieces_contradict_each_other(scenario: str, search: str) -> None:
    """The benchmark counts the same over hundreds of studies."""
    assert contradictions(searched(scenario, search)) == []


def test_a_search_that_never_learnt_tells_no_winner() -> None:
    """Two decimals of a WER of 98.83 would pass for a result, and 0.00 points for a gain."""
    study = searched("blank", "tpe-asha")
    assert headline(study).startswith(
        "No trial recognises glosses yet: the best of 60 is at dev WER 9"
    )
    won, much, real, following = answers(study)
    assert won.text == "Nothing: no trial has begun to recognise glosses."
    assert not much.value and "predicted mostly blanks" in real.text
    assert "--max-epochs" in following.command


def test_rates_that_diverge_are_not_widened_to() -> None:
    """A valley that goes on falling up to the cliff reads as an edge of the range."""
    study = searched("cliff", "tpe-asha")
    assert study.importance is not None
    edge = EdgeReading("learning_rate", True, 2.0, 0.95)
    pressed = replace(study, importance=replace(study.importance, edges=(edge,)))
    steps = {step.rule: step.text for step in next_steps(pressed)}
    assert "their learning rate is high" in steps["failures"] and "edge" not in steps
    assert contradictions(pressed) == []
