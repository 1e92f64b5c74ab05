"""Stages: epochs that are trained once for all runs that share them, as a tree and on disk.

In a stage's folder lie `checkpoint_latest.pt` (where it is, and what its children start from),
`best_EEE.pt` (weights of an epoch that some run's result comes from), the errors of each utterance
of dev with these weights, `dev_EEE.npy`, and after the test split was opened `test_EEE.npy`. A
custom run leaves what it recognised, `dev_EEE.jsonl`, where it reports that. It is done when
`done.json` is there, which is written last, at once.
"""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from slr_tune.training.runs import ArmRun, Row, best_epoch, weights_file
from trainables.config import Scoring
from trainables.files.atomic import replace_file

_DONE = "done.json"
_PROGRESS = "progress.json"


@dataclass(frozen=True)
class Stage:
    """Some epochs of some runs: planned, given to a worker, and done.

    Attributes:
        id: Names the state that it ends with, and the epochs it trains to get there.
        parent: The stage whose last state it starts from, None at the start of a run.
        first: Its first epoch, from 1.
        last: Its last epoch; it ends earlier where every run of it has ended.
        runs: The runs that pass through it, in the order of the plan.
        folder: Where it is kept.
        start: Folder of the parent, None at the start of a run.
        teacher: The teacher's checkpoint, None without.
        rows: The curve from epoch 1 on, its ancestors' part included; empty until it is done.
        facts: What the run reported: parameters, memory, remedies.
        ended_by: Why a custom run ended itself; None where the rules say it.
    """

    id: str
    parent: str | None
    first: int
    last: int
    runs: tuple[ArmRun, ...]
    folder: Path = Path()
    start: Path | None = None
    teacher: Path | None = None
    rows: Sequence[Row] = ()
    facts: Mapping[str, Any] = field(default_factory=dict)
    ended_by: str | None = None

    @property
    def epochs(self) -> int:
        """Epochs that it trains at most."""
        return self.last - self.first + 1

    @property
    def trained(self) -> int:
        """Epochs that it trained."""
        return len(self.rows) - self.first + 1

    @property
    def seconds(self) -> float:
        """Of its training."""
        return sum(float(row.get("seconds", 0.0)) for row in self.rows[self.first - 1 :])

    @property
    def longest(self) -> ArmRun:
        """The run whose configuration is trained, as all agree otherwise."""
        return max(self.runs, key=lambda run: run.max_epochs)

    @property
    def scored(self) -> bool:
        """Whether errors are counted, and the weights kept that made them."""
        return self.runs[0].measure.scored

    @property
    def predicted(self) -> bool:
        """Whether the run itself reports what it recognised."""
        return self.runs[0].measure.predicted

    @property
    def continued(self) -> bool:
        """Whether other stages start from its last state."""
        return self.longest.max_epochs > self.last

    @cached_property
    def judged(self) -> list[ArmRun]:
        """One run for each way to end."""
        return list({run.rule: run for run in self.runs}.values())

    @property
    def latest(self) -> Path:
        """The state after its last finished epoch."""
        return latest_file(self.folder)

    def end(self, run: ArmRun) -> tuple[int, str] | None:
        """The epoch at which a run ends and why; None where it continues after this stage."""
        end = run.end(self.rows)
        if end is None and self.ended_by is not None:
            return len(self.rows), self.ended_by
        return end

    def needed(self, rows: Sequence[Row]) -> list[int]:
        """Epochs of it whose weights are to be kept, as far as a curve shows."""
        needed = set()
        for run in self.judged if self.scored else ():
            end = run.end(rows)
            needed.add(best_epoch(rows, run.measure))
            needed.add(best_epoch(rows if end is None else rows[: end[0]], run.measure))
        return sorted(epoch for epoch in needed if epoch is not None and epoch >= self.first)

    def found(self) -> Stage | None:
        """The stage in its folder, done and with all that its runs need; else None."""
        done = read_stage(self.folder)
        if done is None:
            return None
        count = len(done.rows)
        short = count < self.last and any(done.end(run) is None for run in self.judged)
        lost = self.continued and count == self.last and not self.latest.exists()
        if short or lost or not all(_kept(self.folder, e) for e in self.needed(done.rows)):
            return None
        return replace(self, rows=done.rows, facts=done.facts, ended_by=done.ended_by)

    def finish(self) -> None:
        """Says on disk that it is done."""
        content = {name: getattr(self, name) for name in ("first", "rows", "facts", "ended_by")}
        replace_file(self.folder / _DONE, json.dumps(content).encode())
        (self.folder / _PROGRESS).unlink(missing_ok=True)
        if not self.continued:
            self.latest.unlink(missing_ok=True)

    def report(self, rows: Sequence[Row]) -> None:
        """Says on disk how far it is, for who waits for it."""
        best = best_epoch(rows, self.runs[0].measure)
        value = None if best is None else rows[best - 1][self.runs[0].measure.metric]
        replace_file(self.folder / _PROGRESS, json.dumps([len(rows), value]).encode())

    def progress(self) -> tuple[int, float | None]:
        """The last epoch that was reported, 0 before the first, and the best value up to it."""
        try:
            epoch, value = json.loads((self.folder / _PROGRESS).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return 0, None
        return epoch, value


@dataclass(frozen=True)
class CountJob:
    """Errors to be counted with weights that are there.

    Attributes:
        weights: The checkpoint.
        file: Where the counts go.
        split: Of the data.
        decoding: Settings of the beam search, None for greedy decoding.
        scoring: What errors are counted on; None for what the checkpoint was trained with.
    """

    weights: Path
    file: Path
    split: str = "dev"
    decoding: Mapping[str, Any] | None = None
    scoring: Scoring | None = None

    @classmethod
    def of_run(cls, run: ArmRun, split: str) -> CountJob | None:
        """Of a run at its best epoch, by its arm's decoder; None where it has no such epoch."""
        if run.folder is None or run.best_epoch is None:
            return None
        beam = run.arm.beam
        file = counts_file(run.folder, run.best_epoch, split, beam)
        return cls(run.weights, file, split, beam)


@dataclass(frozen=True)
class TeachJob:
    """A teacher's outputs to be computed and kept.

    Attributes:
        teacher: Its checkpoint.
        config: Settings of a distillation that asks for them.
        seed: Of that run.
    """

    teacher: Path
    config: dict[str, Any]
    seed: int


Job = Stage | CountJob | TeachJob


def latest_file(folder: Path) -> Path:
    """The state of a stage after its last finished epoch."""
    return folder / "checkpoint_latest.pt"


def read_stage(folder: Path) -> Stage | None:
    """A stage that is done, without its runs; None where it is not."""
    try:
        done_file = json.loads((folder / _DONE).read_text(encoding="utf-8"))
        first, rows = int(done_file["first"]), done_file["rows"]
    except (OSError, ValueError, TypeError, KeyError):
        return None
    done = Stage(folder.name, None, first, len(rows), (), folder, rows=rows)
    return replace(done, facts=done_file["facts"], ended_by=done_file["ended_by"])


def read_off(run: ArmRun, stages: Iterable[Stage | None]) -> ArmRun | None:
    """A run's outcome from the stages on its way; None where they do not hold all of it."""
    passed: list[Stage] = []
    for stage in stages:
        if stage is None:
            return None
        passed.append(stage)
        end = stage.end(run)
        if end is not None:
            break
    else:
        return None
    rows = list(passed[-1].rows[: end[0]])
    best = best_epoch(rows, run.measure)
    folder = passed[-1].folder
    if best is not None:
        folder = next(stage.folder for stage in reversed(passed) if stage.first <= best)
        if run.measure.scored and not _kept(folder, best):
            return None
        if run.measure.predicted and not predictions_file(folder, best).exists():
            return None
    return replace(
        run,
        rows=rows,
        ended_by=end[1],
        best_epoch=best,
        folder=folder,
        stages=tuple(stage.folder.name for stage in passed),
        facts=passed[-1].facts,
    )


def _kept(folder: Path, epoch: int) -> bool:
    """Whether the weights of an epoch and their errors are there."""
    return weights_file(folder, epoch).exists() and counts_file(folder, epoch).exists()


def counts_file(
    folder: Path, epoch: int, split: str = "dev", decoding: Mapping[str, float] | None = None
) -> Path:
    """Errors of each utterance with the weights of an epoch."""
    suffix = ""
    if decoding is not None:
        text = json.dumps(dict(decoding), sort_keys=True)
        suffix = "_" + hashlib.sha256(text.encode()).hexdigest()[:8]
    return folder / f"{split}_{epoch:03d}{suffix}.npy"


def predictions_file(folder: Path, epoch: int) -> Path:
    """What a custom run recognised in each utterance of dev after an epoch."""
    return folder / f"dev_{epoch:03d}.jsonl"


def save_counts(path: Path, counts: NDArray[np.int64]) -> None:
    """Writes counts (utterances, 4) at once or not at all."""
    content = io.BytesIO()
    np.save(content, counts.astype(np.int32))
    replace_file(path, content.getvalue())


def load_counts(path: Path) -> NDArray[np.int64]:
    """Reads int64 (utterances, 4): substitutions, deletions, insertions, reference words."""
    counts: NDArray[np.int64] = np.load(path).astype(np.int64)
    return counts
