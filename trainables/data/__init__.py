"""Data sets: what is trained on, packed once and mapped by all workers.

Everything about tensors (`Batch`, `collate`) is imported when it is first asked for, because
preparing data and checking a search-space file need no torch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from trainables.data.augmentation import augment
from trainables.data.batching import epoch_batches
from trainables.data.cache import prepare
from trainables.data.dataset import (
    BLANK,
    Dataset,
    Split,
    SplitStatistics,
    frames_needed,
    open_dataset,
)

if TYPE_CHECKING:
    from trainables.data.batch import Batch, collate

__all__ = [
    "BLANK",
    "Batch",
    "Dataset",
    "Split",
    "SplitStatistics",
    "augment",
    "collate",
    "epoch_batches",
    "frames_needed",
    "open_dataset",
    "prepare",
]


def __getattr__(name: str) -> Any:
    """Imports torch only for those who make tensors."""
    if name in ("Batch", "collate"):
        from trainables.data import batch

        return getattr(batch, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
