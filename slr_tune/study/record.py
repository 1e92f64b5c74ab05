"""The record of a trial: what is in its user attribute `slr`, next to Optuna's own fields."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from optuna.trial import FrozenTrial, TrialState

ATTRIBUTE = "slr"
SCHEMA = 1
BLAMELESS = ("killed", "aborted", "timeout")
"""Ends by failure that say nothing of the configuration."""

DELETED = "deleted"
"""How a trial ended of which only the number is kept, so that no other takes it."""

_STATES = {
    **dict.fromkeys(("max_epochs", "patience"), TrialState.COMPLETE),
    **dict.fromkeys(("asha", "cut_short"), TrialState.PRUNED),
    **dict.fromkeys(("nan", "error", "oom", "killed", "timeout", "aborted"), TrialState.FAIL),
    "deleted": TrialState.FAIL,
}
"""Reasons for the end of a trial, each with Optuna's state for it.

`cut_short` is of imported runs alone: they had fewer epochs than a trial of the study may have.
"""


@dataclass(frozen=True)
class RungEntry:
    """A trial's arrival at an ASHA rung, and what was decided there.

    Attributes:
        epoch: The rung.
        value: Best value so far, as the objective counts it; None where there was no finite one,
            which counts as the worst.
        order: Place in the sequence of all arrivals of the study, from 0.
        stopped: Whether ASHA ended the trial here.
        exempt: Whether it could not be stopped: the baseline, to which all others are compared.
        spared: Whether ASHA would have ended the trial here and the pruning audit let it run on.
            It enters no later rung, where it would not have been.
        paused: Whether it had to wait here for a promotion, which no stopping scheduler asks for.
        resumed: Place of the promotion in the same sequence; of a spared trial, of the moment when
            the audit let it run on. None while it waits, and where it did not have to.
    """

    epoch: int
    value: float | None
    order: int
    stopped: bool
    exempt: bool = False
    spared: bool = False
    paused: bool = False
    resumed: int | None = None

    @property
    def waits(self) -> bool:
        """Whether a promotion is still to come, if any does."""
        return self.paused and self.resumed is None


@dataclass(frozen=True)
class TrialRecord:
    """What was run and how it ended.

    Attributes:
        config: The resolved configuration, every setting of the run.
        seed: Seed of the run's randomness.
        ended_by: One of the reasons above, None while the trial is not finished.
        epochs: Epochs run.
        best_epoch: Epoch of the trial's value.
        seconds: Sum of the epochs' seconds.
        peak_memory_bytes: Of the worker's process, or of the GPU where one is used.
        parameters: Trainable parameters of the model.
        checkpoint: Best checkpoint, relative to the study's folder.
        error: Text of the error, for a failed trial.
        attempts: Starts since the last epoch that was stored.
        attempt_epoch: Epochs that were stored when `attempts` was last reset.
        rungs: Arrivals at ASHA's rungs, by epoch.
        source: Where the configuration came from: "baseline", "given", "uniform", or what else the
            sampler says; None of a trial that an older version made.
        facts: What else the run reported: remedies, device.
        imported: Where a trial was read that this study did not run; None for its own.
        schema: Version of this layout.
    """

    config: Mapping[str, Any]
    seed: int
    ended_by: str | None = None
    epochs: int = 0
    best_epoch: int | None = None
    seconds: float = 0.0
    peak_memory_bytes: int | None = None
    parameters: int | None = None
    checkpoint: str | None = None
    error: str | None = None
    attempts: int = 0
    attempt_epoch: int = 0
    rungs: tuple[RungEntry, ...] = ()
    facts: Mapping[str, Any] = field(default_factory=dict)
    imported: str | None = None
    source: str | None = None
    schema: int = SCHEMA

    @property
    def spared_at(self) -> int | None:
        """The rung at which the pruning audit let the trial run on; None for all others."""
        return next((entry.epoch for entry in self.rungs if entry.spared), None)

    @property
    def paused_at(self) -> int | None:
        """The rung at which the trial waits for a promotion; None where it waits at none."""
        return next((entry.epoch for entry in self.rungs if entry.waits), None)

    def to_json(self) -> dict[str, Any]:
        """As stored."""
        # `asdict` copies the whole configuration, which at each start took longer than to store it.
        rungs = tuple(dict(vars(entry)) for entry in self.rungs)
        return {**vars(self), "config": {**self.config}, "facts": {**self.facts}, "rungs": rungs}

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> TrialRecord:
        """From what `to_json` gave; keys of later layouts are ignored."""
        known = {item.name for item in fields(cls)}
        kept = {key: value for key, value in stored.items() if key in known}
        kept["rungs"] = tuple(RungEntry(**entry) for entry in kept.get("rungs", ()))
        return cls(**kept)


def record_of(trial: FrozenTrial) -> TrialRecord | None:
    """The record of a trial, None where it was never started (enqueued, or cut off in between)."""
    stored = trial.user_attrs.get(ATTRIBUTE)
    return None if stored is None else TrialRecord.from_json(stored)


def epochs_run(trial: FrozenTrial) -> int:
    """Epochs that a trial ran, those without a value too.

    The record is written at rungs and at the end; in between the stored values may be ahead.
    """
    stored = trial.user_attrs.get(ATTRIBUTE) or {}
    return max(int(stored.get("epochs", 0)), max(trial.intermediate_values, default=0))


def begun_anew(record: TrialRecord) -> TrialRecord:
    """The record of a trial as it was before its first epoch: what it stored is not its own."""
    return TrialRecord(record.config, record.seed, source=record.source)


def state_for(ended_by: str) -> TrialState:
    """Optuna's state for a reason to end.

    Raises:
        ValueError: The reason is not one of this record's.
    """
    if ended_by not in _STATES:
        raise ValueError(f"unknown reason {ended_by!r} for the end of a trial")
    return _STATES[ended_by]


def is_foreign(trial: FrozenTrial) -> bool:
    """Whether another tool added the trial or ended it: its record does not say how it ended.

    Our own driver writes the reason before it ends a trial. `count_studies` counts the same.
    """
    stored = trial.user_attrs.get(ATTRIBUTE) or {}
    return trial.state.is_finished() and not stored.get("ended_by")


def is_imported(trial: FrozenTrial) -> bool:
    """Whether a trial is an earlier run that this study took over; `count_studies` counts alike."""
    return bool((trial.user_attrs.get(ATTRIBUTE) or {}).get("imported"))


def failed_by_configuration(trial: FrozenTrial) -> bool:
    """Whether a trial failed, and not by what says nothing of its configuration."""
    ended = (trial.user_attrs.get(ATTRIBUTE) or {}).get("ended_by")
    return trial.state == TrialState.FAIL and ended not in (*BLAMELESS, DELETED)


def is_deleted(trial: FrozenTrial) -> bool:
    """Whether somebody deleted the trial: its number is all that is left of it."""
    return (trial.user_attrs.get(ATTRIBUTE) or {}).get("ended_by") == DELETED


def is_own(trial: FrozenTrial) -> bool:
    """Whether a trial was requested: it is not foreign, was not imported, and is not deleted."""
    stored = trial.user_attrs.get(ATTRIBUTE) or {}
    ended = stored.get("ended_by")
    lost = ended == DELETED or (not ended and trial.state.is_finished())
    return not (lost or stored.get("imported"))


def is_paused(trial: FrozenTrial) -> bool:
    """Whether a trial waits at a rung for its promotion."""
    if trial.state != TrialState.WAITING:
        return False
    # As `RungEntry.waits`; asked of every trial at every start, so nothing is built for it.
    rungs = (trial.user_attrs.get(ATTRIBUTE) or {}).get("rungs", ())
    return any(entry.get("paused") and entry.get("resumed") is None for entry in rungs)


def is_queued(trial: FrozenTrial) -> bool:
    """Whether a trial waits for a worker: enqueued, parked, or promoted and not begun."""
    return trial.state == TrialState.WAITING and not is_paused(trial)


def ended_by(trial: FrozenTrial) -> str:
    """How a trial ended, for a person: the record's reason, or what else there is to say."""
    if is_foreign(trial):
        return "foreign"
    if is_paused(trial):
        return "paused"
    stored = trial.user_attrs.get(ATTRIBUTE) or {}
    return str(stored.get("ended_by") or trial.state.name.lower())
