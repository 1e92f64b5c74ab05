"""The teacher's answers: the same with and without the cache, shared, and whole."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from trainables.data import Dataset
from trainables.data.batch import collate
from trainables.errors import DataError
from trainables.files.row_file import RowFile
from trainables.runs.training_set import TrainingSet
from trainables.teaching import teacher_outputs
from trainables.teaching.frozen_teacher import FrozenTeacher
from trainables.teaching.rounding import Rounding
from trainables.teaching.teacher_outputs import CachedOutputs, LiveOutputs, open_outputs, pad

CPU = torch.device("cpu")


@pytest.fixture
def live(teacher_file: Path, make_run: Any) -> LiveOutputs:
    teacher = FrozenTeacher(teacher_file, device=CPU, half=False)
    return LiveOutputs(teacher, make_run().training_set, layers=[0, 1])


def test_cache_on_and_off_train_the_same_bits(
    make_run: Any, teacher_file: Path, assert_same_bits: Any
) -> None:
    # The cache is a matter of speed: with it on, no result may move.
    runs = [make_run("distill", teacher=teacher_file, teacher_cache=on) for on in (True, False)]
    for _ in range(2):
        assert_same_bits(*(run.run_epoch() for run in runs))
    states = [run.state_dict() for run in runs]
    assert_same_bits(*states, ignore=("seconds", "teacher_cache"))


def test_cached_answers_are_the_live_ones(live: LiveOutputs, make_run: Any, tmp_path: Path) -> None:
    training_set: TrainingSet = make_run().training_set
    cached = open_outputs(live, key=("a",), cache=tmp_path)
    for index in training_set.indices:
        one, other = cached.of(int(index)), live.of(int(index))
        assert len(one) == len(other) == 3  # logits and two layers
        for ours, theirs in zip(one, other, strict=True):
            assert np.array_equal(ours, theirs) and len(ours)


def test_padded_answers_belong_to_their_utterances(
    live: LiveOutputs, make_run: Any, teacher_file: Path, libras: Dataset
) -> None:
    # Rows in another order than the batch's would teach every utterance another's glosses.
    order = [5, 0, 9]
    live.rounding = Rounding(32)
    answer = pad(live, order, device=CPU)
    teacher = FrozenTeacher(teacher_file, device=CPU, half=False)
    batch = collate(libras.train, order)
    expected = teacher(batch.features, batch.lengths, [0, 1])
    lengths = make_run().training_set.output_lengths[order]
    assert answer.logits.shape == expected.logits.shape
    for row, length in enumerate(lengths):
        torch.testing.assert_close(answer.logits[:length, row], expected.logits[:length, row])
        for ours, theirs in zip(answer.hidden, expected.hidden, strict=True):
            torch.testing.assert_close(ours[row, :length], theirs[row, :length])
        assert not answer.logits[length:, row].any()


def test_cache_is_used_and_depends_on_its_key(
    live: LiveOutputs, make_run: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    training_set = make_run().training_set
    asked: list[int] = []
    original = LiveOutputs.stored

    def counted(self: LiveOutputs, index: int) -> Any:
        asked.append(index)
        return original(self, index)

    monkeypatch.setattr(LiveOutputs, "stored", counted)
    open_outputs(live, key=("a", "b"), cache=tmp_path)
    assert len(asked) == len(training_set.indices)
    open_outputs(live, key=("a", "b"), cache=tmp_path)
    assert len(asked) == len(training_set.indices)
    open_outputs(live, key=("ab",), cache=tmp_path)
    assert len(asked) == 2 * len(training_set.indices)


@pytest.mark.parametrize("damage", ["0.npy", "index.json"])
def test_damaged_cache_is_made_again(damage: str, live: LiveOutputs, tmp_path: Path) -> None:
    open_outputs(live, key=("a",), cache=tmp_path)
    (folder,) = (path for path in (tmp_path / "teacher-outputs").iterdir() if path.is_dir())
    content = (folder / damage).read_bytes()
    (folder / damage).write_bytes(content[: len(content) // 2])
    with pytest.raises(DataError, match="damaged"):
        CachedOutputs(folder)
    again = open_outputs(live, key=("a",), cache=tmp_path)
    assert np.array_equal(again.of(3)[0], live.of(3)[0])


def test_leftovers_of_a_killed_process_are_no_cache(
    live: LiveOutputs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Half a cache under the final name would be read as zeros by every later run.
    original = LiveOutputs.stored

    def dying(self: LiveOutputs, index: int) -> Any:
        if index == 7:
            raise KeyboardInterrupt
        return original(self, index)

    monkeypatch.setattr(LiveOutputs, "stored", dying)
    with pytest.raises(KeyboardInterrupt):
        open_outputs(live, key=("a",), cache=tmp_path)
    monkeypatch.undo()
    assert not any(path.suffix == "" for path in (tmp_path / "teacher-outputs").iterdir())
    cached = open_outputs(live, key=("a",), cache=tmp_path)
    assert np.array_equal(cached.of(9)[0], live.of(9)[0])
    assert not list((tmp_path / "teacher-outputs").glob("*.partial"))


OPEN = """
import sys, time
from pathlib import Path
import torch
from trainables.config import StudentConfig
from trainables.data import open_dataset
from trainables.teaching.frozen_teacher import FrozenTeacher
from trainables.teaching.teacher_outputs import LiveOutputs, open_outputs
from trainables.runs.training_set import TrainingSet

folder, teacher, cache = map(Path, sys.argv[1:4])
training_set = TrainingSet(open_dataset(folder).train, StudentConfig(subsampling=2))
frozen = FrozenTeacher(teacher, device=torch.device("cpu"), half=False)
live, asked = LiveOutputs(frozen, training_set, layers=[]), []
answer = live.stored
live.stored = lambda index: asked.append(index) or answer(index)
(cache / sys.argv[4]).touch()
deadline = time.monotonic() + 60
while not ((cache / "one").exists() and (cache / "two").exists()):
    assert time.monotonic() < deadline
outputs = open_outputs(live, key=("a",), cache=cache)
print(len(asked), float(outputs.of(4)[0].sum()))
"""


def test_two_processes_at_once_compute_it_once(
    libras: Dataset, teacher_file: Path, tmp_path: Path
) -> None:
    # Two workers start together; neither may read what the other has half written.
    arguments = [sys.executable, "-c", OPEN, str(libras.folder), str(teacher_file), str(tmp_path)]
    workers = [
        subprocess.Popen([*arguments, name], stdout=subprocess.PIPE, text=True)
        for name in ("one", "two")
    ]
    output = [worker.communicate(timeout=120)[0].split() for worker in workers]
    assert [worker.returncode for worker in workers] == [0, 0]
    assert sorted(int(asked) for asked, _ in output) == [0, len(libras.train)]
    assert output[0][1] == output[1][1] != "0.0"


def test_unwritable_cache_is_reported(live: LiveOutputs, make_run: Any, tmp_path: Path) -> None:
    (tmp_path / "teacher-outputs").write_text("a file where the folder should be")
    with pytest.raises(DataError, match="cannot be stored"):
        open_outputs(live, key=("a",), cache=tmp_path)


def test_full_disk_is_reported(
    live: LiveOutputs, make_run: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Written through a map of the file, it would end the process with SIGBUS and without a word.
    def full(path: Path, **settings: Any) -> RowFile:
        return RowFile(Path("/dev/full"), **settings)

    monkeypatch.setattr(teacher_outputs, "RowFile", full)
    with pytest.raises(DataError, match="cannot be stored.*No space left") as caught:
        open_outputs(live, key=("a",), cache=tmp_path)
    assert "teacher_cache" in caught.value.hint
    monkeypatch.undo()
    cached = open_outputs(live, key=("a",), cache=tmp_path)
    assert np.array_equal(cached.of(3)[0], live.of(3)[0])
