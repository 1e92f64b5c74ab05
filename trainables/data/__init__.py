"""Data sets: what is trained on, packed once and mapped by all workers.

Everything about tensors is in `batch`: preparing data and checking a search-space file need no
torch.
"""

from __future__ import annotations

from trainables.data.cache import prepare
from trainables.data.dataset import BLANK, Dataset, Split, SplitStatistics, open_dataset

__all__ = ["BLANK", "Dataset", "Split", "SplitStatistics", "open_dataset", "prepare"]
