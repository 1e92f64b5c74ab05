"""TensorBoard's HParams: a table of all trials with their settings, next to their curves.

The curves are in the trials' folders anyway; this adds to each what the tab HParams reads.
`tensorboard --logdir studies/NAME/trials` shows both.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from tensorboardX import SummaryWriter
from tensorboardX.summary import hparams

from slr_tune.trackers.tracker import TrackedStudy, TrackedTrial

SUFFIX = ".slr-tune-hparams"
"""End of the file's name."""


def open_tracker(study: TrackedStudy) -> TensorboardTracker:
    """One that writes into the trials' folders."""
    return TensorboardTracker()


class TensorboardTracker:
    """Settings and value of each trial that has ended."""

    def begin(self, trial: TrackedTrial, known: str | None) -> str:
        """Nothing: HParams gets a trial with its value."""
        return known or str(trial.folder)

    def log(self, run: str, epoch: int, row: Mapping[str, float]) -> None:
        """Nothing: the curve is there."""

    def end(self, run: str, trial: TrackedTrial) -> None:
        """Settings, how it ended, and its value as `best/NAME`."""
        kept = {k: v for k, v in trial.settings.items() if isinstance(v, bool | int | float | str)}
        kept |= {"ended_by": str(trial.ended_by)}
        name = f"best/{trial.metric}"
        value = {} if trial.value is None else {name: trial.value}
        for old in Path(trial.folder).glob(f"events.out.tfevents.*{SUFFIX}"):
            old.unlink()
        with SummaryWriter(str(trial.folder), filename_suffix=SUFFIX) as writer:
            for summary in hparams(kept, value):
                writer.file_writer.add_summary(summary)
            if trial.value is not None:
                writer.add_scalar(name, trial.value, 0)

    def close(self) -> None:
        """Nothing is open."""
