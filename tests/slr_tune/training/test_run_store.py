"""The one executor: who waits for whom, what is refused, what dies three times."""

from __future__ import annotations

import sys
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from foreign_scripts import script_spec
from toy_runs import ToyConfig, ToyRun

from slr_tune.errors import RunFailed
from slr_tune.training.interrupt import Talk
from slr_tune.training.pool import LocalPool, WorkerDied
from slr_tune.training.run_store import RunStore, check_same_utterances
from slr_tune.training.runs import Arm, ArmRun, Measure, measure_of
from slr_tune.training.stages import Job, Stage
from slr_tune.training.worker import Worker
from trainables.config import StudentConfig
from trainables.data import Dataset, prepare
from trainables.errors import ConfigError
from trainables.script.run import ScriptFailed
from trainables.script.spec import script_from_json

LOSS = Measure("val/wer", minimize=True, scored=False)
TOY = Arm("toy", ToyConfig(max_epochs=3).model_dump(), "toy_runs:ToyRun")


@pytest.fixture
def data(tmp_path: Path) -> Dataset:
    return prepare({"name": "libras", "train": 18, "dev": 8, "test": 4}, tmp_path / "cache")


def test_who_asks_for_a_training_that_is_going_on_waits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two searches share a teacher: both training it would mix their files."""
    trained: list[int] = []
    others: list[Thread] = []
    original = ToyRun.run_epoch
    stage = Stage("a", None, 1, 3, (ArmRun(TOY, 0, LOSS),), folder=tmp_path / "a")

    def ask() -> None:
        assert len(Worker(None, tmp_path).work(stage).rows) == 3  # type: ignore[union-attr]

    def run_epoch(run: ToyRun) -> dict[str, float]:
        row = original(run)
        trained.append(int(row["epoch"]))
        if not others:
            others.append(Thread(target=ask))
            others[0].start()
            others[0].join(timeout=0.5)
        return row

    monkeypatch.setattr(ToyRun, "run_epoch", run_epoch)
    ask()
    others[0].join()
    assert trained == [1, 2, 3]


def test_training_that_diverges_at_once_is_reported(
    data: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """There is no checkpoint to return; the caller must not get a path that does not exist."""
    from trainables.runs import epoch

    def diverge(*_: Any, **__: Any) -> None:
        raise epoch.NotFinite("the loss is nan")

    monkeypatch.setattr(epoch.Trainer, "run", diverge)
    config = StudentConfig(layers=1, hidden=4, device="cpu").model_dump(mode="json")
    pool = LocalPool(data=data.folder, cache=tmp_path)
    store = RunStore(tmp_path / "a", pool, data=data, talk=Talk(print, lambda: False))
    (run,) = store.train([Arm("student", config, "student")], [0])
    with pytest.raises(ConfigError, match="ended by nan in epoch 1"):
        print(run.weights)


def test_a_script_that_fails_is_named_with_its_arm_and_seed(tmp_path: Path) -> None:
    """Of ten arms nobody knew which one to leave out."""
    (tmp_path / "s.py").write_text("raise RuntimeError('hidden is too large')\n")
    script = {"command": f"{sys.executable} {tmp_path}/s.py", "metrics": {"stdout": "(?P<wer>.)"}}
    name = script_from_json(script).name
    measure = Measure("wer", minimize=True, scored=False)
    store = RunStore(
        tmp_path / "a",
        LocalPool(data=None, cache=tmp_path),
        data=None,
        talk=Talk(print, lambda: False),
        measure=measure,
    )
    with pytest.raises(ScriptFailed, match="hidden 240, seed 1000: s.py ended with exit") as caught:
        store.train([Arm("hidden 240", {"hidden": 240, "max_epochs": 2}, name)], [1000])
    assert "What is trained is kept" in str(caught.value) and "output.log" in str(caught.value)


class DyingPool(LocalPool):
    """Its worker dies so many times with each job."""

    def __init__(self, times: int, folder: Path) -> None:
        super().__init__(data=None, cache=folder)
        self.times = times

    def finished(self, timeout: float) -> list[tuple[Job, Job | Exception]]:
        if self.times and self._waiting:
            self.times -= 1
            return [(self._waiting.pop(), WorkerDied("killed"))]
        return super().finished(timeout)


@pytest.mark.parametrize("times", [2, 3])
def test_a_worker_that_dies_is_replaced_twice(tmp_path: Path, times: int) -> None:
    """A third death is no accident any more, and waiting on would never end."""
    pool = DyingPool(times, tmp_path)
    talk = Talk(print, lambda: False)
    store = RunStore(tmp_path / "a", pool, data=None, talk=talk, measure=LOSS)
    if times < 3:
        assert len(store.train([TOY], [0])[0].rows) == 3
        return
    with pytest.raises(RunFailed, match="a worker died 3 times in the same stage: killed"):
        store.train([TOY], [0])


def test_epochs_are_reported_where_a_label_is_given(tmp_path: Path) -> None:
    """The lines of a teacher, and of `confirm`: every fifth epoch, with the best so far."""
    output: list[str] = []
    store = RunStore(
        tmp_path,
        None,
        data=None,
        talk=Talk(output.append, lambda: False),
        label=lambda run: run.name,
    )
    arm = Arm("best", {"max_epochs": 9}, "student")
    stage = Stage("a", None, 1, 9, (ArmRun(arm, 1000),), folder=tmp_path / "a")
    for epoch in range(1, 8):
        stage.report([{"val/wer": 90.0 - number} for number in range(epoch)])
        store._watch(stage)
    assert output == ["best, seed 1000: epoch 5 of 9, dev WER 86.00"]


def test_runs_that_reported_of_other_utterances_are_not_compared() -> None:
    # Broken if a script that leaves out a sentence it cannot recognise were called better.
    spoken = {"a": ("X",), "b": ("Y",)}
    check_same_utterances(("one", spoken), ("two", dict(spoken)))
    for theirs in ({"a": ("X",)}, {"a": ("X",), "b": ("Z",)}):
        with pytest.raises(RunFailed, match="one and two were scored on different utterances.*'b'"):
            check_same_utterances(("one", spoken), ("two", theirs))


def test_a_script_is_compared_by_what_it_recognised(tmp_path: Path) -> None:
    # Broken if the errors of a script's utterances were lost between its file and the table.
    spec = script_spec(tmp_path, "click")
    config = spec.baseline_config()
    assert config is not None
    measure = measure_of(spec.trainable, "val/wer", minimize=True)
    assert measure.predicted and not measure.scored
    arm = Arm("base", config | {"max_epochs": 2}, spec.trainable)
    folder = tmp_path / "stages"
    pool = LocalPool(data=None, cache=tmp_path / "cache")
    store = RunStore(folder, pool, data=None, talk=Talk(print, lambda: False), measure=measure)
    runs = store.train([arm], [5])
    (counts,) = store.counts(runs, "dev")["base"]
    assert counts.shape == (30, 4) and set(counts[:, 3]) == {5} and counts[:, :3].sum() > 0
    assert store.signers("dev") == [str(number % 6) for number in range(30)]
    again = RunStore(folder, None, data=None, talk=store.talk, measure=measure)
    assert again.find(runs)["base, seed 5"].folder == runs[0].folder
