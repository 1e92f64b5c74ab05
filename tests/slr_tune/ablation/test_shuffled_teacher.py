"""The control with a shuffled teacher: nothing of an utterance's own answers is left."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from slr_tune.ablation.shuffled_teacher import ShuffledTeacherRun, _others
from trainables.data import Dataset
from trainables.errors import ConfigError
from trainables.protocol import RunInputs


@pytest.mark.parametrize("count", [2, 3, 18])
def test_no_utterance_keeps_its_own_answers(count: int) -> None:
    """A random order leaves one utterance its own on average: of two, every second time both."""
    indices = np.arange(count) * 2
    for seed in range(50):
        others = _others(indices, seed)
        assert sorted(others) == sorted(others.values()) == indices.tolist()
        assert all(index != other for index, other in others.items())
    assert _others(indices, 3) == _others(indices, 3)
    if count > 2:
        assert _others(indices, 3) != _others(indices, 4)


def run_on(data: Dataset, teacher: Path, cache: Path) -> ShuffledTeacherRun:
    config = ShuffledTeacherRun.config_class(layers=1, hidden=6, projection=6, device="cpu")
    return ShuffledTeacherRun(config, RunInputs(data=data, seed=1, teacher=teacher, cache=cache))


def test_it_trains_on_answers_about_others(
    libras: Dataset, teacher_file: Path, tmp_path: Path
) -> None:
    """Lengths differ between utterances: answers are stretched, or the loss would refuse them."""
    row = run_on(libras, teacher_file, tmp_path).run_epoch()
    assert np.isfinite(row["train/loss"])


def test_with_one_utterance_there_is_no_other(
    libras: Dataset, teacher_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It would be taught by its own answers, and the control would say nothing."""
    from trainables.runs.training_set import TrainingSet

    made = TrainingSet.__init__

    def one(self: TrainingSet, *given: object, **named: object) -> None:
        made(self, *given, **named)  # type: ignore[arg-type]
        self.indices = self.indices[:1]

    monkeypatch.setattr(TrainingSet, "__init__", one)
    with pytest.raises(ConfigError, match="at least two utterances"):
        run_on(libras, teacher_file, tmp_path)
