"""Utterances as tensors."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import ArrayLike

from trainables.cards import moved
from trainables.data.dataset import Frames, Indices, Split
from trainables.data.prefetch import prefetched

UTTERANCES_AT_ONCE = 32
"""Batch size without gradients. Not a setting: it changes nothing but speed and memory."""


@dataclass(frozen=True)
class Batch:
    """Utterances padded to one length: N utterances, T frames, D features, S glosses in all.

    Attributes:
        features: float32 (N, T, D), zero after an utterance's end; 16 bits on the way to a GPU.
        lengths: Frames of each utterance, int64 (N,).
        targets: Vocabulary indices of all utterances one after the other, int64 (S,).
        target_lengths: Glosses of each utterance, int64 (N,).
        indices: Which utterances of the split these are, int64 (N,).
        answers: What a teacher says of them, where it was read along: logits (N, T', C), then
            hidden states (N, T', H) of each layer requested, zero after an utterance's end.
    """

    features: torch.Tensor
    lengths: torch.Tensor
    targets: torch.Tensor
    target_lengths: torch.Tensor
    indices: torch.Tensor
    answers: tuple[torch.Tensor, ...] = ()

    def to(self, device: torch.device) -> Batch:
        """The same batch with its features, in 32 bits, and the answers on a device.

        All else stays where it is: packing and CTC read it on the CPU.
        """
        return replace(
            self,
            features=moved(self.features, device).float(),
            answers=tuple(moved(answer, device) for answer in self.answers),
        )

    def pinned(self, device: torch.device) -> Batch:
        """The same batch in memory that a GPU can read while others work; as it is for a CPU."""
        if device.type != "cuda":
            return self
        return replace(
            self,
            features=self.features.pin_memory(),
            answers=tuple(answer.pin_memory() for answer in self.answers),
        )


def collate(
    split: Split,
    indices: ArrayLike,
    *,
    frames: Sequence[Frames] | None = None,
    half: bool = False,
) -> Batch:
    """Pads utterances to the longest of them.

    Args:
        split: Where they come from.
        indices: Which utterances, int (N,), at least one.
        frames: Features (T, D) to take instead of the split's, one for each index, such as
            augmented ones.
        half: Features in 16 bits, on their way to a GPU.

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
    kind = np.float16 if half else np.float32
    features = np.zeros((len(pieces), lengths.max(), pieces[0].shape[1]), dtype=kind)
    for padded, piece in zip(features, pieces, strict=True):
        padded[: len(piece)] = piece
    targets, target_lengths = targets_of(split, chosen)
    return Batch(
        features=torch.from_numpy(features),
        lengths=torch.from_numpy(lengths),
        targets=targets,
        target_lengths=target_lengths,
        indices=torch.from_numpy(chosen.copy()),
    )


def targets_of(split: Split, indices: Indices) -> tuple[torch.Tensor, torch.Tensor]:
    """Targets of some utterances one after the other, int64 (S,), and their lengths (N,)."""
    targets = [split.target(i) for i in indices]
    lengths = torch.tensor([len(target) for target in targets], dtype=torch.int64)
    return torch.from_numpy(np.concatenate(targets)), lengths


def sorted_batches(
    split: Split, *, device: torch.device, utterances_at_once: int = UTTERANCES_AT_ONCE
) -> Iterator[Batch]:
    """Every utterance of a split once, in the order of their lengths, so that little is padded.

    For a GPU a thread reads ahead.
    """
    order = np.argsort(split.lengths, kind="stable")
    parts = (
        collate(split, order[start : start + utterances_at_once]).pinned(device)
        for start in range(0, len(order), utterances_at_once)
    )
    for batch in prefetched(parts) if device.type == "cuda" else parts:
        yield batch.to(device)
