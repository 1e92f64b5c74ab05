"""Data sets: what is trained on, packed once and mapped by all workers.

Everything about tensors (`Batch`, `collate`) is imported when it is first asked for, because
preparing data and checking a search-space file need no torch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from trainables.data.augmentation import augment
from trainables.data.batching import epoch_batches, padding_share
from trainables.data.cache import prepare
from trainables.data.config import (
    DATA_NAMES,
    DataProblem,
    DataSpec,
    LibrasSpec,
    PhoenixSpec,
    check_data_spec,
    parse_data_spec,
)
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
    "DATA_NAMES",
    "Batch",
    "DataProblem",
    "DataSpec",
    "Dataset",
    "LibrasSpec",
    "PhoenixSpec",
    "Split",
    "SplitStatistics",
    "augment",
    "check_data_spec",
    "collate",
    "epoch_batches",
    "frames_needed",
    "open_dataset",
    "padding_share",
    "parse_data_spec",
    "prepare",
]


def __getattr__(name: str) -> Any:
    """Imports torch only for those who make tensors."""
    if name in ("Batch", "collate"):
        from trainables.data import batch

        return getattr(batch, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
