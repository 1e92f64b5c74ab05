"""The worker's side of a search, without Ray: a trial in, a report an epoch out."""

from __future__ import annotations

import errno
import json
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from toy_runs import ToyConfig, ToyRun

from trainables.errors import DataError
from trainables.files.checkpoint import CheckpointFolder, load_checkpoint
from trainables.memory import peak_bytes
from trainables.protocol import RunInputs
from trainables.ray_adapter import RESULT, Assignment, RayRun

Start = Callable[..., RayRun]


class Converges(ToyRun):
    """Ends by a word of its own."""

    @property
    def ended_by(self) -> str | None:
        return "converged" if self.epoch >= 2 else None


class Keyed(ToyRun):
    """Its state has keys that this project uses elsewhere."""

    key = "run"

    def state_dict(self) -> dict[str, Any]:
        return {**super().state_dict(), self.key: {"epoch": 7, "ended_by": "patience"}}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        assert state[self.key] == {"epoch": 7, "ended_by": "patience"}
        super().load_state_dict(state)


class KeyedRows(Keyed):
    """What it calls rows is no curve."""

    key = "rows"


class NoRoom(ToyRun):
    """Cannot be built: what it derives from its data has no room on the disk."""

    def __init__(self, config: ToyConfig, inputs: RunInputs) -> None:
        raise DataError("cannot be stored") from OSError(errno.ENOSPC, "No space left on device")


class NoMemory(ToyRun):
    """Says it as cuDNN and torch's CPU allocator do, with a plain RuntimeError."""

    def run_epoch(self) -> dict[str, float]:
        raise RuntimeError("cuDNN error: out of memory")


class Uncounted:
    """Keeps the protocol as far as its class shows."""

    config_class = ToyConfig

    def __init__(self, config: ToyConfig, inputs: RunInputs) -> None:
        self.ended_by = None

    def run_epoch(self) -> dict[str, float]:
        return {"epoch": 1, "val/wer": 50.0}

    def state_dict(self) -> dict[str, Any]:
        return {}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        pass

    def facts(self) -> dict[str, Any]:
        return {}


@pytest.fixture
def start(tmp_path: Path) -> Start:
    """Takes up one trial; called again it stands for the next worker that does."""

    def take_up(run: str, rungs: Sequence[int] = (1, 2), **config: Any) -> RayRun:
        barrier = tmp_path / "barrier"
        barrier.mkdir(exist_ok=True)
        worker: RayRun = object.__new__(RayRun)  # Ray's own constructor sets up a session
        assignment = Assignment(
            number=0,
            trainable=f"{__name__}:{run}",
            config=ToyConfig(max_epochs=3, **config).model_dump(),
            seed=0,
            data=None,
            teacher=None,
            cache=str(tmp_path),
            folder=str(tmp_path / "trial"),
            metric="val/wer",
            minimizes=True,
            rungs=rungs,
            barrier=str(barrier),
            workers=1,
            modules=os.getcwd(),
        )
        worker.setup(assignment.to_ray())
        return worker

    return take_up


def step(worker: RayRun) -> dict[str, Any]:
    report: dict[str, Any] = json.loads(worker.step()[RESULT])
    return report


def test_an_unknown_ending_is_an_error_in_words(start: Start) -> None:
    # Handed on as it is, the driver would not know it and the study could not go on, nor at the
    # next start, where the checkpoint says the same.
    worker = start("Converges")
    assert step(worker)["ended_by"] is None
    for report in (step(worker), step(start("Converges"))):
        assert report["rows"] and report["ended_by"] == "error"
        assert report["error"].startswith("the run says that it ended by 'converged', and must say")
        assert report["refused"], "the run's code has to change, at whatever epoch that is seen"


def test_an_own_state_may_have_a_key_run(start: Start) -> None:
    # It is a likely name, and what lies under it is not the run's whole state.
    step(start("Keyed"))
    again = start("Keyed")
    assert step(again)["history"]
    assert [row["epoch"] for row in step(again)["rows"]] == [2]


def test_a_state_with_a_key_of_the_checkpoint_is_refused(start: Start, tmp_path: Path) -> None:
    # Overwritten, the run would be given a curve instead of what it stored.
    report = step(start("KeyedRows"))
    assert report["ended_by"] == "error" and "a key 'rows'" in report["error"]
    assert CheckpointFolder(tmp_path / "trial" / "checkpoints").load_latest() is None


def test_a_run_without_epoch_is_reported_as_such(start: Start) -> None:
    # Raised outside of the reports it would read as a worker that died, three times over.
    report = step(start("Uncounted"))
    assert report["ended_by"] == "error" and report["error"].startswith("the run has no epoch\n")


def test_rows_are_in_the_checkpoint(start: Start, tmp_path: Path) -> None:
    # From them a new driver mends the curve's file.
    worker = start("ToyRun")
    rows = [row for _ in range(3) for row in step(worker)["rows"]]
    assert load_checkpoint(tmp_path / "trial/checkpoints/checkpoint_latest.pt")["rows"] == rows


def test_short_epochs_are_reported_together_up_to_the_next_rung(start: Start) -> None:
    """At a rung the driver must be asked: an epoch more would be trained for nothing."""
    worker = start("ToyRun", rungs=[2])
    first, second = step(worker), step(worker)
    assert [row["epoch"] for row in first["rows"]] == [1, 2] and first["ended_by"] is None
    assert [row["epoch"] for row in second["rows"]] == [3] and second["ended_by"] == "max_epochs"


def test_a_long_epoch_is_reported_at_once(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever watches, and whoever stops the search, must not wait for the next one."""
    monkeypatch.setattr("trainables.ray_adapter._REPORT_SECONDS", 0.02)
    worker = start("ToyRun", rungs=[], milliseconds=30)
    assert [[row["epoch"] for row in step(worker)["rows"]] for _ in range(2)] == [[1], [2]]


def test_epochs_before_an_error_are_reported_with_it(start: Start) -> None:
    """They were trained, and an error after an epoch is another than one before the first."""
    report = step(start("ToyRun", rungs=[], fault="error"))
    assert [row["epoch"] for row in report["rows"]] == [1]
    assert report["ended_by"] == "error" and "made to fail" in report["error"]


@pytest.mark.parametrize(("run", "ended_by"), [("NoRoom", "disk_full"), ("NoMemory", "oom")])
def test_a_lack_of_room_is_reported_as_such(start: Start, run: str, ended_by: str) -> None:
    """A full disk ends the search, to go on later; as a mere error it would use up all trials."""
    assert step(start(run))["ended_by"] == ended_by


def test_the_peak_of_a_trial_is_its_own(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker outlives its trials: a small model after a large one must not look as large."""
    gpu = {"peak": 0}
    monkeypatch.setattr(torch.cuda, "max_memory_allocated", lambda *_: gpu["peak"])
    monkeypatch.setattr(torch.cuda, "reset_peak_memory_stats", lambda: gpu.update(peak=0))
    worker = start("ToyRun", rungs=[1])
    worker.reset_config(worker._assignment.to_ray())  # a later trial is built at once
    gpu["peak"] = 5_000_000_000
    assert step(worker)["facts"]["peak_memory_bytes"] == 5_000_000_000
    worker.reset_config(worker._assignment.to_ray())
    gpu["peak"] = max(gpu["peak"], 3000)
    step(worker)  # what the first trial's checkpoint holds
    assert step(worker)["facts"]["peak_memory_bytes"] == 3000


def test_without_a_gpu_the_peak_is_the_processs(start: Start) -> None:
    """In bytes, on every system: it is compared with the machine's memory."""
    assert step(start("ToyRun"))["facts"]["peak_memory_bytes"] == pytest.approx(
        peak_bytes(torch.device("cpu")), rel=0.1
    )


def test_each_epoch_reported_together_has_its_checkpoint(start: Start, tmp_path: Path) -> None:
    """A worker that dies before it told them must not train them again."""
    worker = start("ToyRun", rungs=[], kill_at=0)
    worker.reset_config(worker._assignment.to_ray())  # a later trial is built at once
    saved: list[int] = []
    save = worker._folder.save
    worker._folder.save = lambda state, **more: (  # type: ignore[method-assign]
        saved.append(more["epoch"]),
        save(state, **more),
    )[1]
    step(worker)
    assert saved == [1, 2, 3]


class Exits(ToyRun):
    """Calls sys.exit, as scripts do where something is wrong."""

    def run_epoch(self) -> dict[str, float]:
        sys.exit("no data")


class Misnamed(ToyRun):
    """Its rows have no column of the objective's metric, until it is mended."""

    mended = False

    def run_epoch(self) -> dict[str, float]:
        row = super().run_epoch()
        return row if self.mended else {"epoch": row["epoch"], "val/loss": row["val/wer"]}


class FromZero(ToyRun):
    """Counts its epochs from 0."""

    def run_epoch(self) -> dict[str, float]:
        row = super().run_epoch()
        return {**row, "epoch": row["epoch"] - 1}


class Holds(ToyRun):
    """Holds a file open, and stands in a folder of its own."""

    def __init__(self, config: ToyConfig, inputs: RunInputs) -> None:
        super().__init__(config, inputs)
        self.held = Path("held").absolute()
        self.held.touch()
        os.chdir(inputs.cache)

    def close(self) -> None:
        self.held.unlink()


def test_a_run_that_exits_is_an_error_of_its_trial(start: Start) -> None:
    """Let through, it ends the worker, which Ray starts again, over and over."""
    report = step(start("Exits"))
    assert report["ended_by"] == "error" and not report["refused"]
    assert "raised SystemExit(no data) at " in report["error"]


def test_a_refused_run_is_reported_apart(start: Start) -> None:
    """It is the run's code that has to change; no configuration would help."""
    report = step(start("FromZero"))
    assert report["refused"] and report["error"].startswith("row 1 says epoch 0")


def test_a_run_that_ended_without_the_metric_starts_from_scratch_once_it_is_fixed(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Taken up at its end, it would be refused for ever."""
    report = step(start("Misnamed", rungs=[]))
    assert report["refused"] and "no column 'val/wer'" in report["error"]
    monkeypatch.setattr(Misnamed, "mended", True)
    again = start("Misnamed", rungs=[])
    account = step(again)
    assert account["history"] and account["rows"] == [] and account["ended_by"] is None
    assert [row["epoch"] for row in step(again)["rows"]] == [1, 2, 3]


def test_an_unreadable_checkpoint_is_reported_and_kept(
    start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Begun anew, the trial would lose its epochs to a disk that was busy for a minute."""
    monkeypatch.setattr("trainables.files.checkpoint._pause", lambda seconds: None)
    step(start("ToyRun"))
    latest = tmp_path / "trial/checkpoints/checkpoint_latest.pt"
    content = latest.read_bytes()
    latest.unlink()
    latest.symlink_to("/proc/self/mem")  # reading it gives EIO
    assert step(start("ToyRun"))["ended_by"] == "unreadable"
    latest.unlink()
    latest.write_bytes(content)
    assert step(start("ToyRun"))["history"]


def test_each_trial_is_closed_and_stands_where_the_command_was_given(
    start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of the trial before nothing may be held when the next begins, finished or stopped."""
    monkeypatch.chdir(tmp_path)
    worker, held = start("Holds", rungs=[1]), tmp_path / "held"
    step(worker)
    assert held.exists()
    worker._assignment = replace(worker._assignment, folder=str(tmp_path / "next"), rungs=())
    worker.reset_config(worker._assignment.to_ray())  # as after a stop by ASHA
    assert held.exists(), "the next trial's own"
    assert step(worker)["ended_by"] == "max_epochs" and not held.exists()
    worker.cleanup()


def test_a_worker_that_never_gets_its_first_trial_leaves_its_files_alone(
    start: Start, tmp_path: Path
) -> None:
    """Ray Tune may drop it while it starts, and let another train the trial meanwhile."""
    step(start("ToyRun", rungs=[1]))
    half_written = tmp_path / "trial" / "checkpoints" / ".checkpoint_best.pt.1.partial"
    half_written.touch()
    dropped = start("ToyRun")
    assert half_written.exists(), "the other worker is about to give it its name"
    assert step(dropped)["history"] and not half_written.exists()


def test_a_machine_without_the_shared_folder_says_so(start: Start, tmp_path: Path) -> None:
    """It is no fault of the trial, which a machine that sees the folder can run."""
    worker: RayRun = object.__new__(RayRun)
    assignment = start("ToyRun")._assignment
    worker.setup(replace(assignment, barrier=str(tmp_path / "not-mounted" / "x")).to_ray())
    report = step(worker)
    assert report["ended_by"] == "missing_folder"
    assert f"{os.uname().nodename} does not see" in report["error"]
