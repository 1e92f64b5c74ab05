"""A checkpoint's scores: computed once, whole, in 16 bits, and of the right checkpoint."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from trainables.data import Dataset
from trainables.data.batch import collate
from trainables.decoding import log_probs
from trainables.decoding.log_probs import StoredLogProbs, stored_log_probs
from trainables.errors import CheckpointError, DataError
from trainables.files.checkpoint import save_checkpoint
from trainables.files.row_file import RowFile
from trainables.files.stored_model import StoredModel, load_model
from trainables.runs.evaluation import evaluate

CPU = torch.device("cpu")


@pytest.fixture
def stored(make_run: Any, tmp_path: Path) -> StoredModel:
    run = make_run(learning_rate=0.03)
    run.run_epoch()
    save_checkpoint(tmp_path / "run.pt", run.state_dict())
    return load_model(tmp_path / "run.pt")


def opened(stored: StoredModel, data: Dataset, cache: Path, split: str = "dev") -> StoredLogProbs:
    return stored_log_probs(stored, data, split, cache=cache, device=CPU)


def test_scores_are_those_of_one_utterance_at_a_time(
    stored: StoredModel, libras: Dataset, tmp_path: Path
) -> None:
    # Broken if batches, their order or padding got into what is stored.
    found = opened(stored, libras, tmp_path)
    assert found.scores.dtype == np.float16 and isinstance(found.scores, np.memmap)
    assert len(found) == len(libras.dev)
    for index in range(len(libras.dev)):
        batch = collate(libras.dev, [index])
        with torch.inference_mode():
            expected = stored.model(batch.features, batch.lengths).log_probs[:, 0].numpy()
        assert found.of(index).shape == expected.shape
        # 16 bits have 11 of precision: half a unit in the last place of the largest score.
        np.testing.assert_allclose(found.of(index), expected, rtol=2**-10, atol=1e-4)


def test_the_best_path_is_that_of_32_bits(
    stored: StoredModel, libras: Dataset, tmp_path: Path
) -> None:
    # Broken if `evaluate` gave another greedy figure than the training, by a rounded tie.
    found = opened(stored, libras, tmp_path)
    glosses = tuple(tuple(libras.vocabulary[c] for c in classes) for classes in found.greedy)
    expected = evaluate(stored.model, libras.dev, libras.vocabulary, device=CPU)
    assert glosses == expected.hypotheses


def test_the_model_runs_once(
    stored: StoredModel, libras: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Broken if each of a hundred decoder settings ran the model again.
    first = opened(stored, libras, tmp_path)

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("the model ran again")

    monkeypatch.setattr(log_probs, "_create", refuse)
    again = opened(stored, libras, tmp_path)
    assert (again.scores == first.scores).all() and again.greedy == first.greedy
    with pytest.raises(AssertionError):
        opened(stored, libras, tmp_path, "train")
    with pytest.raises(AssertionError):  # another checkpoint at the same path
        opened(replace(stored, content_hash="other"), libras, tmp_path)


@pytest.mark.parametrize("name", ["scores.npy", "index.json"])
@pytest.mark.parametrize("content", [b"", b"torn"])
def test_what_a_killed_process_left_is_made_again(
    name: str, content: bytes, stored: StoredModel, libras: Dataset, tmp_path: Path
) -> None:
    # Broken if a full disk or a kill once meant an error, or wrong scores, for ever.
    first = np.array(opened(stored, libras, tmp_path).scores)
    (path,) = tmp_path.glob(f"log-probs/*/{name}")
    path.write_bytes(content)
    (path.parent.with_suffix(".partial")).mkdir()
    assert (opened(stored, libras, tmp_path).scores == first).all()


def test_another_model_is_refused(stored: StoredModel, libras: Dataset, tmp_path: Path) -> None:
    # Broken if outputs were read as other glosses, or a run of minutes ended in torch's own words.
    swapped = (*stored.vocabulary[:-2], stored.vocabulary[-1], stored.vocabulary[-2])
    with pytest.raises(CheckpointError, match="trained on other glosses: its vocabulary has"):
        opened(replace(stored, vocabulary=swapped), libras, tmp_path)
    with pytest.raises(CheckpointError, match="takes 7 features per frame, the data has"):
        opened(replace(stored, feature_size=7), libras, tmp_path)
    assert not (tmp_path / "log-probs").exists()


def test_a_cache_that_cannot_be_written(
    stored: StoredModel, libras: Dataset, tmp_path: Path
) -> None:
    # Broken if it ended in a traceback.
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match="cannot be stored"):
        opened(stored, libras, tmp_path / "file")


def test_full_disk_is_reported(
    stored: StoredModel, libras: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Written through a map of the file, it would end the process with SIGBUS and without a word.
    def full(path: Path, **settings: Any) -> RowFile:
        return RowFile(Path("/dev/full"), **settings)

    monkeypatch.setattr(log_probs, "RowFile", full)
    with pytest.raises(DataError, match="cannot be stored.*No space left"):
        opened(stored, libras, tmp_path)
