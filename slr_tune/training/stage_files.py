"""A stage on disk: it is done when `done.json` is there, which is written last, at once.

In a stage's folder lie `checkpoint_latest.pt` (where it is, and what its children start from),
`best_EEE.pt` (weights of an epoch that some run's result comes from), the errors of each utterance
of dev with these weights, `dev_EEE.npy`, and after the test split was opened `test_EEE.npy`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from slr_tune.training.replay import end_of, epochs_needed
from slr_tune.training.stages import StopRule
from trainables.files.atomic import replace_file

DONE = "done.json"
LATEST = "checkpoint_latest.pt"


@dataclass(frozen=True)
class StageRecord:
    """What a finished stage left.

    Attributes:
        first: Its first epoch.
        rows: The curve from epoch 1 on, its ancestors' part included.
        kept: Epochs of this stage whose weights are kept.
        facts: What the run told: parameters, memory, remedies.
        ended_by: Why a user's own run ended itself; None where the rules say it.
    """

    first: int
    rows: Sequence[Mapping[str, float]]
    kept: Sequence[int]
    facts: Mapping[str, Any] = field(default_factory=dict)
    ended_by: str | None = None

    @property
    def trained(self) -> int:
        """Epochs that the stage trained."""
        return len(self.rows) - self.first + 1

    @property
    def seconds(self) -> float:
        """Of its training."""
        return sum(float(row.get("seconds", 0.0)) for row in self.rows[self.first - 1 :])

    def end(self, rule: StopRule) -> tuple[int, str] | None:
        """The epoch at which a run ends and why; None where it goes on after this stage."""
        end = end_of(self.rows, rule)
        if end is None and self.ended_by is not None:
            return len(self.rows), self.ended_by
        return end


def weights_file(folder: Path, epoch: int) -> Path:
    """The weights after an epoch."""
    return folder / f"best_{epoch:03d}.pt"


def counts_file(
    folder: Path, epoch: int, *, split: str, decoding: Mapping[str, float] | None
) -> Path:
    """Errors of each utterance with the weights of an epoch."""
    suffix = ""
    if decoding is not None:
        text = json.dumps(dict(decoding), sort_keys=True)
        suffix = "_" + hashlib.sha256(text.encode()).hexdigest()[:8]
    return folder / f"{split}_{epoch:03d}{suffix}.npy"


def save_counts(path: Path, counts: NDArray[np.int64]) -> None:
    """Writes counts (utterances, 4) at once or not at all."""
    import io

    content = io.BytesIO()
    np.save(content, counts.astype(np.int32))
    replace_file(path, content.getvalue())


def load_counts(path: Path) -> NDArray[np.int64]:
    """Reads int64 (utterances, 4): substitutions, deletions, insertions, reference words."""
    counts: NDArray[np.int64] = np.load(path).astype(np.int64)
    return counts


def write_record(folder: Path, record: StageRecord) -> None:
    """Says that the stage is done."""
    replace_file(folder / DONE, json.dumps(asdict(record)).encode())


def read_record(folder: Path) -> StageRecord | None:
    """The record of a stage that is done, None where it is not."""
    try:
        return StageRecord(**json.loads((folder / DONE).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None


def usable(
    folder: Path, *, last: int, rules: Sequence[StopRule], continued: bool
) -> StageRecord | None:
    """A finished stage that holds all that is asked of it, else None.

    Args:
        folder: The stage's.
        last: Its last epoch.
        rules: When the runs that pass through it end.
        continued: Whether other stages start from its last state.
    """
    record = read_record(folder)
    if record is None:
        return None
    if len(record.rows) < last and any(record.end(rule) is None for rule in rules):
        return None
    if continued and len(record.rows) == last and not (folder / LATEST).exists():
        return None
    if not rules[0].measure.scored:
        return record
    needed = {epoch for epoch in epochs_needed(record.rows, rules) if epoch >= record.first}
    files = [weights_file(folder, epoch) for epoch in needed]
    files += [counts_file(folder, epoch, split="dev", decoding=None) for epoch in needed]
    return record if all(path.exists() for path in files) else None
