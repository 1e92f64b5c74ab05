"""Training into a folder: stopped anywhere it goes on, and ends as if it had not been stopped."""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel
from tensorboard.backend.event_processing.event_file_loader import LegacyEventFileLoader

from trainables.config import StudentConfig
from trainables.errors import ConfigError
from trainables.files.checkpoint import load_checkpoint
from trainables.files.curve import CurveFile
from trainables.protocol import RunInputs
from trainables.runs.supervised import StudentRun
from trainables.runs.training import checkpoints, train


class Killed(BaseException):
    """As if the process had died here."""


def files(folder: Path) -> dict[str, Any]:
    """What a folder says of its run, seconds left out."""
    rows = CurveFile(folder / "curve.csv").rows()
    state = load_checkpoint(checkpoints(folder).latest)
    best = load_checkpoint(checkpoints(folder).best)
    event_file = next(folder.glob("events*"))
    events = [event.step for event in LegacyEventFileLoader(str(event_file)).Load() if event.step]
    return {"rows": rows, "latest": state, "best": best, "events": events}


@pytest.mark.parametrize("stopped_at", ["curve", "events", "best", "latest"])
@pytest.mark.parametrize("epoch", [1, 3])
def test_killed_between_any_two_files(
    stopped_at: str,
    epoch: int,
    make_run: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    assert_same_bits: Any,
) -> None:
    # Each file is written before the next; dying after any of them must leave what the next
    # start repairs: no epoch lost but the one in the air, none twice in a file.
    for _ in train(make_run(), tmp_path / "straight", checkpoint_every=2):
        pass
    folder = tmp_path / "stopped"
    run = make_run()
    _die(monkeypatch, stopped_at, epoch)
    with pytest.raises(Killed):
        for _ in train(run, folder, checkpoint_every=2):
            pass
    monkeypatch.undo()
    again = [row["epoch"] for row in train(make_run(), folder, checkpoint_every=2)]
    done = epoch if stopped_at == "latest" else epoch - 1
    assert again[0] in (done + 1, epoch + 1) and again == list(range(again[0], 5))
    assert_same_bits(files(folder), files(tmp_path / "straight"))
    names = [path.name for path in sorted((folder / "checkpoints").glob("*.pt"))]
    assert names == [
        "checkpoint_best.pt",
        "checkpoint_epoch_002.pt",
        "checkpoint_epoch_004.pt",
        "checkpoint_latest.pt",
    ]


def _die(monkeypatch: pytest.MonkeyPatch, after: str, epoch: int) -> None:
    """Raises after a file of an epoch was written."""
    from trainables.files import checkpoint, curve

    def dying(cls: Any, method: str, matches: Any) -> None:
        original = getattr(cls, method)

        def wrapper(*args: Any, **kwargs: Any) -> Any:
            original(*args, **kwargs)
            if matches(*args, **kwargs):
                raise Killed

        monkeypatch.setattr(cls, method, wrapper)

    if after == "curve":
        dying(curve.CurveFile, "append", lambda _, row: row["epoch"] == epoch)
    elif after == "events":
        dying(curve.EventFile, "append", lambda _, row: row["epoch"] == epoch)
    elif after == "best":
        dying(checkpoint, "save_checkpoint", lambda path, state: state["epoch"] == epoch)
    else:
        dying(
            checkpoint.CheckpointFolder,
            "save",
            lambda _, state, **__: state["epoch"] == epoch,
        )


def test_a_run_that_has_ended_is_only_looked_up(make_run: Any, tmp_path: Path) -> None:
    list(train(make_run(), tmp_path))
    before = (tmp_path / "curve.csv").read_bytes()
    again = make_run()
    assert list(train(again, tmp_path)) == []
    assert again.epoch == 4 and (tmp_path / "curve.csv").read_bytes() == before


@pytest.mark.parametrize(
    "change", [{"seed": 1}, {"learning_rate": 3e-3}, {"max_epochs": 9}, {"weight_decay": 0.0}]
)
def test_a_folder_with_another_run_is_refused(
    change: dict[str, Any], make_run: Any, tmp_path: Path
) -> None:
    # Going on with other settings would give a curve that no settings explain.
    next(train(make_run(), tmp_path))
    before = sorted((path.name, path.read_bytes()) for path in tmp_path.glob("*.*"))
    (name,) = change
    with pytest.raises(ConfigError, match=f"{name}: .* in the folder, .* now"):
        next(train(make_run(**change), tmp_path))
    assert before == sorted((path.name, path.read_bytes()) for path in tmp_path.glob("*.*"))


def test_settings_that_change_no_result_may_change(make_run: Any, tmp_path: Path) -> None:
    next(train(make_run(), tmp_path))
    assert len(list(train(make_run(checkpoint_every=1), tmp_path))) == 3


def test_folder_that_cannot_be_written_is_reported_before_training(
    make_run: Any, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("in the way")
    run = make_run()
    with pytest.raises(ConfigError, match="cannot be written to"):
        next(train(run, tmp_path / "file" / "run"))
    assert run.epoch == 0


def test_nothing_is_stored_without_a_folder(make_run: Any, tmp_path: Path) -> None:
    assert [row["epoch"] for row in train(make_run())] == [1, 2, 3, 4]
    assert not (tmp_path / "curve.csv").exists()


def test_best_checkpoint_is_of_the_best_epoch_and_knows_its_wer(
    make_run: Any, libras: Any, tmp_path: Path
) -> None:
    # A teacher is compared with a student by the dev WER in its checkpoint.
    config = StudentConfig(layers=1, hidden=12, batch_size=3, max_epochs=6, device="cpu")
    inputs = RunInputs(data=libras, seed=0, teacher=None, cache=tmp_path)
    output: list[float] = []
    for row in train(StudentRun(config, inputs), tmp_path / "run"):
        output.append(row["val/wer"])
    state = load_checkpoint(checkpoints(tmp_path / "run").best)
    assert state["best_wer"] == min(output)
    assert state["epoch"] == output.index(min(output)) + 1
    assert list(train(StudentRun(config, inputs), tmp_path / "run")) == []
    assert len(output) == 6


class Settings(BaseModel):
    max_epochs: int = 3


class Climber:
    """A user's run: no model, no CTC, and a metric that is to grow."""

    config_class = Settings

    def __init__(self, config: BaseModel, inputs: RunInputs) -> None:
        self.epoch = 0

    @property
    def ended_by(self) -> str | None:
        return "max_epochs" if self.epoch >= 3 else None

    def run_epoch(self) -> dict[str, float]:
        self.epoch += 1
        return {"epoch": self.epoch, "score": [1.0, 3.0, 2.0][self.epoch - 1]}

    def state_dict(self) -> dict[str, Any]:
        return {"epoch": self.epoch}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        self.epoch = state["epoch"]

    def facts(self) -> dict[str, Any]:
        return {}


def test_a_users_run_is_driven_alike(tmp_path: Path) -> None:
    inputs = RunInputs(data=None, seed=0, teacher=None, cache=tmp_path)
    first = train(Climber(Settings(), inputs), tmp_path, metric="score", direction="maximize")
    assert next(first)["score"] == 1.0
    run = Climber(Settings(), inputs)
    rest = list(train(run, tmp_path, metric="score", direction="maximize"))
    assert [row["score"] for row in rest] == [3.0, 2.0]
    assert load_checkpoint(checkpoints(tmp_path).best)["epoch"] == 2
    assert [row["score"] for row in CurveFile(tmp_path / "curve.csv").rows()] == [1.0, 3.0, 2.0]
    with pytest.raises(ConfigError, match="no column 'val/wer'"):
        list(train(Climber(Settings(), inputs)))


def test_nan_epoch_is_stored_and_not_best(
    make_run: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from trainables.runs import epoch

    run = make_run()
    original = epoch.Trainer.run

    def diverge_at_two(self: Any, number: int, *, split: int) -> Any:
        if number == 2:
            raise epoch.NotFinite("the loss is nan")
        return original(self, number, split=split)

    monkeypatch.setattr(epoch.Trainer, "run", diverge_at_two)
    rows = list(train(run, tmp_path))
    assert len(rows) == 2 and math.isnan(rows[1]["val/wer"])
    assert load_checkpoint(checkpoints(tmp_path).best)["epoch"] == 1
    again = make_run()
    assert list(train(again, tmp_path)) == [] and again.ended_by == "nan"
