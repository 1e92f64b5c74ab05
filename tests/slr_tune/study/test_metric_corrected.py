"""A metric that no epoch had is corrected in the file, and the same command starts over."""

from __future__ import annotations

from pathlib import Path

import pytest

from slr_tune.errors import StudyChanged
from slr_tune.space import StudySpec, load_spec
from slr_tune.study.folders import trial_folder
from slr_tune.study.open_study import open_store
from slr_tune.study.storage import open_storage
from slr_tune.study.store import StudyStore
from slr_tune.study.view import load_study
from trainables.script.spec import script_of

SPACE = """
study: mine
trainable: sparse_runs:SparseRun
objective: {{metric: {metric}, direction: minimize}}
budget: {{trials: 4, max_epochs: 6}}
space:
  level: {{float: [1.0, {high}]}}
baseline: {{level: 4.0}}
"""


def spec_of(folder: Path, metric: str = "loss", high: float = 5.0) -> StudySpec:
    path = folder / "mine.yaml"
    path.write_text(SPACE.format(metric=metric, high=high))
    return load_spec(path)


@pytest.fixture
def trained(database: Path, tmp_path: Path) -> Path:
    """A trial with a checkpoint, of which no epoch has the metric."""
    store = open_store(spec_of(tmp_path, "WER"), open_storage(create=True))
    store.study.ask()
    checkpoint = trial_folder("mine", 0) / "checkpoints" / "checkpoint_latest.pt"
    checkpoint.parent.mkdir(parents=True)
    checkpoint.write_bytes(b"some epochs")
    return checkpoint


@pytest.mark.usefixtures("trained")
def test_the_corrected_metric_starts_over(tmp_path: Path) -> None:
    """The message says: fix it and run the same command again. It was refused as another space."""
    store = open_store(spec_of(tmp_path), open_storage())
    assert store.replaced and store.spec.objective.metric == "loss"
    assert [trial.state.name for trial in store.trials] == ["WAITING"]  # the baseline


@pytest.mark.usefixtures("trained")
def test_another_change_does_not(tmp_path: Path) -> None:
    """Epochs without a value may be hours of training before the first validation."""
    with pytest.raises(StudyChanged, match=r"space.level.high"):
        open_store(spec_of(tmp_path, "WER", high=9.0), open_storage())


@pytest.mark.usefixtures("trained")
def test_an_epoch_with_a_value_is_kept(tmp_path: Path) -> None:
    """What was judged by one metric is not thrown away for another."""
    store = open_store(spec_of(tmp_path, "WER"), open_storage())
    store.study.ask().report(1.0, 1)
    with pytest.raises(StudyChanged, match=r"objective.metric"):
        open_store(spec_of(tmp_path), open_storage())


SCRIPT = """
study: script
trainable:
  command: python3 -c pass --level {{level}}
  metrics: {{stdout: 'loss (?P<loss>.*)'}}
  {more}
objective: {{metric: loss}}
budget: {{trials: 4, max_epochs: 6}}
space:
  level: {{float: [1.0, 5.0]}}
"""


@pytest.mark.usefixtures("database")
def test_a_script_learns_to_resume_within_its_study(tmp_path: Path) -> None:
    """The search says that it starts from scratch for want of `resume`: adding it loses nothing."""

    def opened(more: str) -> StudyStore:
        path = tmp_path / "script.yaml"
        path.write_text(SCRIPT.format(more=more))
        return open_store(load_spec(path), open_storage(create=True))

    opened("stop_seconds: 5").study.ask().report(1.0, 1)
    store = opened("resume: --resume {folder}/last.pt")
    assert not store.replaced and store.trials[0].intermediate_values == {1: 1.0}
    stored = script_of(load_study("script").spec.trainable)
    assert stored.resume == "--resume {folder}/last.pt" and stored.stop_seconds == 10
    with pytest.raises(StudyChanged, match=r"trainable.environment"):
        opened("environment: {A: 1}")
