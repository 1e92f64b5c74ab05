"""Utterances as tensors."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import ArrayLike

from trainables.data.dataset import Frames, Split

UTTERANCES_AT_ONCE = 32
"""Batch size without gradients. Not a setting: it changes nothing but speed and memory."""


@dataclass(frozen=True)
class Batch:
    """Utterances padded to one length: N utterances, T frames, D features, S glosses in all.

    Attributes:
        features: float32 (N, T, D), zero after an utterance's end.
        lengths: Frames of each utterance, int64 (N,).
        targets: Vocabulary indices of all utterances one after the other, int64 (S,).
        target_lengths: Glosses of each utterance, int64 (N,).
        indices: Which utterances of the split these are, int64 (N,).
    """

    features: torch.Tensor
    lengths: torch.Tensor
    targets: torch.Tensor
    target_lengths: torch.Tensor
    indices: torch.Tensor

    def to(self, device: torch.device | str) -> Batch:
        """The same batch with features and targets on a device.

        The lengths and indices stay where they are: packing and CTC read them on the CPU.
        """
        return replace(self, features=self.features.to(device), targets=self.targets.to(device))


def collate(split: Split, indices: ArrayLike, *, frames: Sequence[Frames] | None = None) -> Batch:
    """Pads utterances to the longest of them.

    Args:
        split: Where they come from.
        indices: Which utterances, int (N,), at least one.
        frames: Features (T, D) to take instead of the split's, one for each index, such as
            augmented ones.

    Raises:
        ValueError: There is no index, or not one `frames` for each.
    """
    chosen = np.asarray(indices, dtype=np.int64)
    if not len(chosen):
        raise ValueError("a batch needs at least one utterance")
    pieces = [split.frames(i) for i in chosen] if frames is None else frames
    if len(pieces) != len(chosen):
        raise ValueError(f"{len(pieces)} features were given for {len(chosen)} utterances")
    lengths = np.array([len(piece) for piece in pieces], dtype=np.int64)
    features = np.zeros((len(pieces), lengths.max(), pieces[0].shape[1]), dtype=np.float32)
    for padded, piece in zip(features, pieces, strict=True):
        padded[: len(piece)] = piece
    targets = [split.target(i) for i in chosen]
    return Batch(
        features=torch.from_numpy(features),
        lengths=torch.from_numpy(lengths),
        targets=torch.from_numpy(np.concatenate(targets)),
        target_lengths=torch.tensor([len(target) for target in targets], dtype=torch.int64),
        indices=torch.from_numpy(chosen.copy()),
    )


def sorted_batches(
    split: Split, *, device: torch.device, utterances_at_once: int = UTTERANCES_AT_ONCE
) -> Iterator[Batch]:
    """Every utterance of a split once, in the order of their lengths, so that little is padded."""
    order = np.argsort(split.lengths, kind="stable")
    for start in range(0, len(order), utterances_at_once):
        yield collate(split, order[start : start + utterances_at_once]).to(device)
