"""A checkpoint's log-probabilities on a split, computed once and mapped by every decoder.

Decoding is tried out many times on the same scores: with other beams, weights and language
models. Nothing of that needs the model again. The scores are kept in 16 bits: a beam search over
them finds what it finds over 32 bits but for near ties. The best path is kept as the model gave
it, so that greedy decoding gives the very figure of the training.
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from trainables.data import Dataset, Split
from trainables.data.batch import sorted_batches
from trainables.data.dataset import offsets
from trainables.decoding.best_path import greedy_decode
from trainables.errors import CheckpointError
from trainables.files.atomic import keyed_folder, open_or_create
from trainables.files.row_file import RowFile
from trainables.files.stored_model import StoredModel, vocabulary_difference

_VERSION = 1
"""Raised when what is stored changes."""


@dataclass(frozen=True)
class StoredLogProbs:
    """Log-probabilities of a split.

    Attributes:
        scores: float16 (frames of all utterances, C), mapped from a file.
        starts: int64 (N + 1,); utterance i has the frames starts[i] to starts[i + 1].
        greedy: Classes on the best path of each utterance, from the 32-bit scores.
        seconds: What the model took for the whole split when they were computed.
    """

    scores: NDArray[np.float16]
    starts: NDArray[np.int64]
    greedy: tuple[tuple[int, ...], ...]
    seconds: float

    def __len__(self) -> int:
        """Utterances."""
        return len(self.greedy)

    def of(self, utterance: int) -> NDArray[np.float16]:
        """Natural log-probabilities (T', C) of one utterance."""
        return self.scores[self.starts[utterance] : self.starts[utterance + 1]]


def check_fits(stored: StoredModel, data: Dataset) -> None:
    """Checks that a model can recognise a data set.

    Raises:
        CheckpointError: They differ in vocabulary or features.
    """
    where, hint = f"checkpoint {stored.path}", "Name the data that it was trained on with --data."
    difference = vocabulary_difference(stored.vocabulary, data.vocabulary)
    if difference:
        raise CheckpointError(f"{where} was trained on other glosses: {difference}", hint=hint)
    if stored.feature_size != data.feature_size:
        sizes = f"{stored.feature_size} features per frame, the data has {data.feature_size}"
        raise CheckpointError(f"{where} takes {sizes}", hint=hint)


def stored_log_probs(
    stored: StoredModel, data: Dataset, split: str, *, cache: Path, device: torch.device
) -> StoredLogProbs:
    """Opens a checkpoint's scores, after computing them if no process has yet.

    Args:
        stored: The model.
        data: The data set.
        split: "train", "dev" or "test".
        cache: Folder of what runs share.
        device: Where to compute.

    Raises:
        CheckpointError: The model does not fit the data.
        DataError: The cache cannot be written.
    """
    check_fits(stored, data)
    parts = (_VERSION, stored.content_hash, data.hash, split, device.type)
    return open_or_create(
        keyed_folder(cache / "log-probs", parts),
        _opened,
        lambda partial: _create(partial, stored, data.split(split), device=device),
        what="log-probabilities",
        hint="Free some space.",
    )


def _opened(folder: Path) -> StoredLogProbs:
    index = json.loads((folder / "index.json").read_text(encoding="utf-8"))
    return StoredLogProbs(
        scores=np.load(folder / "scores.npy", mmap_mode="r"),
        starts=np.array(index["starts"], dtype=np.int64),
        greedy=tuple(tuple(classes) for classes in index["greedy"]),
        seconds=index["seconds"],
    )


def _create(folder: Path, stored: StoredModel, split: Split, *, device: torch.device) -> None:
    """Runs the model over the split and writes its scores into an empty folder."""
    model = stored.model.to(device)
    lengths = model.output_lengths(torch.from_numpy(np.array(split.lengths))).numpy()
    starts = offsets(lengths)
    shape = (int(starts[-1]), len(stored.vocabulary))
    greedy: list[list[int]] = [[]] * len(split)
    seconds = 0.0
    with RowFile(folder / "scores.npy", dtype=np.float16, shape=shape) as file:
        for batch in sorted_batches(split, device=device):
            started = time.perf_counter()
            with torch.inference_mode():
                output = model(batch.features, batch.lengths)
                log_probs = output.log_probs.float().cpu().numpy()  # [T', N, C]
            seconds += time.perf_counter() - started
            decoded = greedy_decode(log_probs, output.lengths)
            for row, index in enumerate(batch.indices.tolist()):
                file.write(int(starts[index]), log_probs[: lengths[index], row])
                greedy[index] = decoded[row]
    content = {"starts": starts.tolist(), "greedy": greedy, "seconds": seconds}
    (folder / "index.json").write_text(json.dumps(content), encoding="utf-8")
