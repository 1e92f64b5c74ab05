"""What a run must offer to be searched: the protocol of built-in and user-written trainables.

A custom run is named in the search-space file as `trainable: my_package.module:MyRun`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

from pydantic import BaseModel

if TYPE_CHECKING:
    from trainables.data import Dataset


@dataclass(frozen=True)
class RunInputs:
    """What a run is given in addition to its configuration.

    Attributes:
        data: Data set, None for a custom run whose search space names no data.
        seed: Source of all randomness: that of epoch e comes from (seed, e).
        teacher: Checkpoint file of the teacher or folder of its soft targets, None where the run
            has none.
        cache: Folder for what runs derive and share, such as a teacher's outputs.
        folder: The run's own folder, None where it has none. What is in it next to the run's own
            files is the search's.
        metric: Column of the curve that the run is judged by.
        data_shares: (last epoch, share of the training utterances) of each stretch of epochs that a
            search trains on a part of the data; empty for all data always. For built-in runs.
    """

    data: Dataset | None
    seed: int
    teacher: Path | None
    cache: Path
    folder: Path | None = None
    metric: str = "val/wer"
    data_shares: tuple[tuple[int, float], ...] = ()


class Run(Protocol):
    """One training run, driven one epoch at a time by its holder.

    The holder calls `run_epoch` until `ended_by` is set, or stops earlier. It writes the curve
    and the checkpoints; a run itself touches no file.

    In addition to these it may offer, all without arguments:

    - `close()`, if it holds something, a process or a server. It is called once, at whatever end.
    - `predictions()`: what it recognises in each utterance of dev after the last finished epoch, as
      mappings with `id`, `hypothesis`, `reference` and maybe `signer`; None where it cannot tell
      yet. It is asked after each epoch that is the best so far, and at the end.
    - `notice`, an attribute: a sentence that a person should read once; None for none.
    - `catch_up()`: trains a part of what was stored and has to be trained once again; False where
      there is nothing more of it.
    """

    config_class: ClassVar[type[BaseModel]]
    """Pydantic model of the configuration. It must have a field `max_epochs`."""

    def __init__(self, config: BaseModel, inputs: RunInputs) -> None:
        """Builds the run at epoch 0.

        Raises:
            trainables.errors.TrainablesError: Configuration, data and teacher do not fit together.
        """

    @property
    def epoch(self) -> int:
        """Epochs finished so far."""

    @property
    def ended_by(self) -> str | None:
        """None while there is more to do, else "max_epochs", "patience" or "nan"."""

    def run_epoch(self) -> dict[str, float] | None:
        """Trains one more epoch and returns its row of the curve: a dict of numbers.

        Without the objective's metric, or with None or NaN there, the epoch has no value. None
        where there was no further epoch: `ended_by` says then why.
        """

    def state_dict(self) -> dict[str, Any]:
        """The whole state after `epoch` epochs: tensors and plain containers only."""

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Loads a state; settings stay those of this run's own configuration.

        Raises:
            trainables.errors.CheckpointError: The state is of another model.
        """

    def facts(self) -> dict[str, Any]:
        """What is worth recording next to the curve, JSON only: `parameters`, memory, remedies."""
