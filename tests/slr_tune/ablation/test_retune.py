"""Each arm chooses a value for itself: among which, and by what."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from slr_tune.ablation.arms import one_at_a_time, resolve
from slr_tune.ablation.factors import find_factor
from slr_tune.ablation.retune import candidates, retuned
from slr_tune.space import StudySpec, load_spec
from slr_tune.training.run_store import RunStore
from slr_tune.training.runs import WER, Arm, ArmRun


class DecodedStore(RunStore):
    """Trains nothing: greedily the largest learning rate is best, by a beam search the smallest."""

    def __init__(self) -> None:
        """Needs no place."""
        self.measure = WER

    def train(self, arms: Sequence[Arm], seeds: Sequence[int]) -> list[ArmRun]:
        """The run's own, greedy figure is in its row."""
        runs = []
        for arm in arms:
            row = {"val/wer": -arm.config["learning_rate"]}
            runs.append(ArmRun(arm, seeds[0], WER, [row], "patience", 1, Path()))
        return runs

    def counts(self, runs: Sequence[ArmRun], split: str) -> dict[str, list[NDArray[np.int64]]]:
        """Of one utterance."""
        found = {}
        for run in runs:
            rate = run.arm.config["learning_rate"]
            errors = 100 * (rate if run.arm.beam else 1 - rate)
            found[run.arm.name] = [np.array([[int(errors), 0, 0, 100]])]
        return found


@pytest.fixture
def student(space: Callable[..., Path]) -> StudySpec:
    return load_spec(space(trainable="student"))


def baseline(spec: StudySpec, **changes: Any) -> Arm:
    config = resolve("student", {**(spec.baseline_config() or {}), **changes}, what="")
    return Arm("baseline", config, "student")


def test_an_arm_chooses_by_the_decoder_that_it_is_compared_by(student: StudySpec) -> None:
    # Broken if a beam arm took the learning rate that is best for greedy decoding.
    own = baseline(student, learning_rate=0.2)
    factor = find_factor("decoding", own.config, student)
    arms = one_at_a_time(own.config, [factor], trainable="student")
    found, _ = retuned(DecodedStore(), arms, "learning_rate", budget=3, seed=900)
    assert [(arm.beam is None, arm.config["learning_rate"]) for arm in found] == [
        (True, 0.4),
        (False, 0.1),
    ]


@pytest.mark.parametrize(
    ("setting", "value", "values"),
    [
        ("learning_rate", 0.02, [0.02, 0.04, 0.01]),
        ("patience", 1, [1, 2, 4]),
        ("weight_decay", 0.0, [0.0]),
        ("checkpoint_every", 0, [0, 1]),
    ],
)
def test_an_arms_own_value_is_among_those_that_it_tries(
    student: StudySpec, setting: str, value: float, values: list[float]
) -> None:
    # Broken if retuning could only change a whole number of 0, or tried the same value twice.
    found = candidates(baseline(student, **{setting: value}), setting, 3)
    assert [arm.config[setting] for arm in found] == values
    assert all(type(arm.config[setting]) is type(value) for arm in found)
