"""Files of other programs, written as those write them, are called what they are."""

from __future__ import annotations

import gzip
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from small_runs import saved, small_run

from trainables.data import Dataset
from trainables.errors import CheckpointError
from trainables.files.checkpoint import load_checkpoint, save_checkpoint
from trainables.files.stored_model import load_model

MODEL = torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.LSTM(8, 8))


def old(content: Any, path: Path) -> None:
    torch.save(content, path, _use_new_zipfile_serialization=False)


def npz(path: Path) -> None:
    with path.open("wb") as file:
        np.savez(file, a=np.ones(2))


STATE = MODEL.state_dict()
PARALLEL = torch.nn.DataParallel(MODEL).state_dict()
FOREIGN: dict[str, tuple[Callable[[Path], object], str]] = {
    "trainer": (
        lambda path: torch.save({"epoch": 57, "model_state_dict": PARALLEL, "best": 5.0}, path),
        "DataParallel (its keys begin with module.), with epoch, model_state_dict, best",
    ),
    "state_dict": (lambda path: torch.save(STATE, path), "a state_dict alone: 0.weight, 0.bias"),
    "tensor": (lambda path: torch.save(torch.ones(2), path), "with a single tensor"),
    "list": (lambda path: torch.save([1, 2], path), "with a list"),
    "old": (lambda path: old(STATE, path), "a state_dict alone: 0.weight"),
    "old with numpy": (
        lambda path: old({"wer": np.float64(51.2)}, path),
        "format from before version 1.6",
    ),
    "numpy scalar": (
        lambda path: torch.save({"model": STATE, "best_wer": np.float64(51.2)}, path),
        "of another program with numpy values in it",
    ),
    "safetensors": (lambda path: save_file(dict(STATE), path), "a safetensors file"),
    "npz": (npz, "a numpy archive with a"),
    "pickle": (lambda path: path.write_bytes(pickle.dumps({"wer": 5})), "a pickle of another"),
    "gzip": (lambda path: path.write_bytes(gzip.compress(b"x")), "packed with gzip"),
}


@pytest.mark.parametrize("kind", FOREIGN)
def test_a_sound_file_of_another_program_is_called_so(tmp_path: Path, kind: str) -> None:
    """Told "is damaged, train it again", people trained again what was whole."""
    path = tmp_path / "model.pt"
    write, message = FOREIGN[kind]
    write(path)
    with pytest.raises(CheckpointError) as refusal:
        load_checkpoint(path)
    output = str(refusal.value)
    assert message in output and "is not a slr-tune checkpoint but" in output
    assert "format_version (1), model (the state_dict), config" in output
    assert "damaged" not in output and "run code" not in output


def test_a_whole_model_is_refused_with_its_classes(tmp_path: Path) -> None:
    """The one kind that could run code, and the way to weights that cannot."""
    torch.save(MODEL, tmp_path / "model.pt")
    with pytest.raises(CheckpointError, match="could run code") as refusal:
        load_checkpoint(tmp_path / "model.pt")
    assert "torch.nn.modules.rnn.LSTM" in refusal.value.message
    assert "model.state_dict()" in refusal.value.hint


def test_a_cut_file_of_the_old_format_is_damaged(tmp_path: Path) -> None:
    """Called sound, it would be looked for in the wrong place."""
    path = tmp_path / "model.pt"
    old(STATE, path)
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(CheckpointError, match="is damaged"):
        load_checkpoint(path)


def test_weights_of_data_parallel_are_read(tmp_path: Path, libras: Dataset) -> None:
    """Who trains our model in a loop with several GPUs saves its weights under other names."""
    run = small_run(libras)
    state = load_checkpoint(saved(run, tmp_path / "ours.pt"))
    state["model"] = {f"module.{name}": weight for name, weight in state["model"].items()}
    save_checkpoint(tmp_path / "parallel.pt", state)
    ours, parallel = (load_model(tmp_path / f"{name}.pt") for name in ("ours", "parallel"))
    for one, other in zip(ours.model.parameters(), parallel.model.parameters(), strict=True):
        assert torch.equal(one, other)
