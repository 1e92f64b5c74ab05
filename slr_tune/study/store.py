"""A study as its driver sees it: the only place that writes to the database.

Order of an epoch's writes: the worker's checkpoint, then the curve file, then the database. A
crash between any two leaves the later ones behind, and the next start brings them up from the
earlier: the database from the curve file, both from the checkpoint's own copy of the curve.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from itertools import compress
from pathlib import Path

import optuna
from optuna.exceptions import UpdateFinishedTrialError
from optuna.trial import FrozenTrial, TrialState

from slr_tune.study.belongings import trial_origin
from slr_tune.study.folders import trial_folder
from slr_tune.study.live_trial import LiveTrial
from slr_tune.study.optuna_private import begin_trial, forget_values, trial_key
from slr_tune.study.record import (
    ATTRIBUTE,
    RungEntry,
    TrialRecord,
    begun_anew,
    epochs_run,
    record_of,
    state_for,
)
from slr_tune.study.remote_files import bring_trial
from slr_tune.study.study_trials import StudyTrials
from slr_tune.text import counted, printable
from trainables.files.curve import CurveFile, EventFile
from trainables.files.origin import Origin, claim, read_origin

RETRY_LIMIT = 3
"""Starts of a trial that bring no new epoch before it is given up as `killed`."""


class StudyStore(StudyTrials):
    """Starts the trials of one study and writes what becomes of them.

    Held by the driver that has the study's lock; `open_store` gives it.

    Attributes:
        data_hash: Of the prepared data, None without.
        teacher_hash: Of the teacher's file; None without, and while it is not known.
        replaced: Whether it took the place of a study that had no epoch.
    """

    data_hash: str | None = None
    teacher_hash: str | None = None
    replaced = False

    def origin(self, number: int, record: TrialRecord) -> Origin:
        """What the files of a trial belong to."""
        origin = trial_origin(self.id, self.spec.study, number, record)
        return replace(origin, data=self.data_hash, teacher=self.teacher_hash)

    def teach(self, teacher_hash: str | None) -> None:
        """Says which teacher it is; a trial of another teacher starts from scratch."""
        self.teacher_hash = teacher_hash
        for trial in self.trials:
            record = record_of(trial)
            if trial.state == TrialState.WAITING and record is not None:
                self.take_up(trial, record)
                self.live.pop(trial.number)

    def enqueue_baseline(self) -> None:
        """Makes the space's baseline the first trial of a new study."""
        if self.spec.baseline is not None and not self.trials:
            self.study.enqueue_trial(self.spec.space.encode(self.spec.baseline))

    def start_trial(
        self, sampler: optuna.samplers.BaseSampler, source: Callable[[], str] | None = None
    ) -> LiveTrial:
        """Starts the trial that waits, or a new one that the sampler suggests.

        One that is paused at a rung does not wait here: see `resume`.

        Args:
            sampler: Of this trial.
            source: Says where the sampler's suggestion came from, once it was made.
        """
        live = self.start(self.choose(sampler, source))
        assert live is not None
        return live

    def choose(
        self, sampler: optuna.samplers.BaseSampler, source: Callable[[], str] | None = None
    ) -> int:
        """The same, but the trial stays without a worker until `start`; returns its key."""
        key = self._take_queued()
        stored = None if key is None else self.storage.get_trial(key)
        record = None if stored is None else record_of(stored)
        if stored is None or record is None:
            self.study.sampler = sampler
            trial = begin_trial(self.study, key)
            try:
                values = self.spec.space.suggest(trial)
                stored = self.storage.get_trial(trial_key(trial))
                origin = self._source(stored) or (None if source is None else source())
            except BaseException:
                if self._buffer is not None:
                    self._buffer.discard(trial_key(trial))
                raise
            config = self.spec.config_for(values)
            record = TrialRecord(config=config, seed=self.spec.seed, source=origin)
        return self._attempt(stored, record)

    def start(self, key: int) -> LiveTrial | None:
        """Starts a trial that was chosen; None where somebody ended it by hand."""
        trial = self.storage.get_trial(key)
        record = record_of(trial)
        if record is None or trial.state.is_finished():
            return None
        return self.take_up(trial, record)

    def _source(self, trial: FrozenTrial) -> str | None:
        """Where the values of a trial came from that were given beforehand; None of others."""
        if not trial.system_attrs.get("fixed_params"):
            return None
        is_baseline = trial.number == 0 and self.spec.baseline is not None
        return "baseline" if is_baseline else "given"

    def resume(self, trial: FrozenTrial, entry: RungEntry) -> LiveTrial | None:
        """Lets a trial continue that is paused at a rung; None where somebody ended it by hand.

        Args:
            trial: As stored.
            entry: Of the rung, with the place of the promotion.
        """
        key = self.promote(trial, entry)
        return None if key is None else self.start(key)

    def promote(self, trial: FrozenTrial, entry: RungEntry) -> int | None:
        """The same, but the trial stays without a worker until `start`; returns its key."""
        record = record_of(trial)
        assert record is not None
        rungs = tuple(entry if one.epoch == entry.epoch else one for one in record.rungs)
        record = replace(record, rungs=rungs, ended_by=None)
        try:
            # The decision first: after a crash in between the trial waits as one that was parked.
            key = self._attempt(trial, record)
            self.storage.set_trial_state_values(key, TrialState.RUNNING)
        except UpdateFinishedTrialError:
            return None
        return key

    def _take_queued(self) -> int | None:
        """The key of the first trial that waits, which is running from now on."""
        trials = self.trials
        for trial in compress(trials, self._queued.look(trials)):
            with suppress(UpdateFinishedTrialError):
                if self.storage.set_trial_state_values(trial_key(trial), TrialState.RUNNING):
                    return trial_key(trial)
        return None

    def _attempt(self, trial: FrozenTrial, record: TrialRecord) -> int:
        """Counts an attempt to run a trial; returns its key."""
        done = epochs_run(trial)
        attempts = record.attempts + 1 if done == record.attempt_epoch else 1
        record = replace(record, attempts=attempts, attempt_epoch=done, epochs=done)
        self.storage.set_trial_user_attr(trial_key(trial), ATTRIBUTE, record.to_json())
        return trial_key(trial)

    def take_up(self, trial: FrozenTrial, record: TrialRecord) -> LiveTrial:
        """Holds a trial: its folder, its curve, what the database has of it."""
        folder = trial_folder(self.spec.study, trial.number)
        if self.files is not None and record.epochs and read_origin(folder) is None:
            bring_trial(self.files, folder)
        origin = self.origin(trial.number, record)
        aside = claim(folder, origin)
        values = dict(trial.intermediate_values)
        if aside is not None:
            self.tell(f"{folder} did not belong to trial {trial.number}; moved to {aside.name}")
        if aside is not None and values and not _is_foreign(aside):
            # They were measured on what is now aside.
            self._forget_values(trial)
            values, record = {}, begun_anew(record)
            self.storage.set_trial_user_attr(trial_key(trial), ATTRIBUTE, record.to_json())
        curve = CurveFile(folder / "curve.csv")
        seconds = sum(_number(row.get("seconds")) for row in curve.rows())
        live = LiveTrial(
            trial.number,
            trial_key(trial),
            replace(record, seconds=seconds),
            read_origin(folder) or origin,
            values,
            curve,
            EventFile(folder),
        )
        self.live[trial.number] = live
        return live

    def _forget_values(self, trial: FrozenTrial) -> None:
        if self._buffer is None:
            forget_values(self.database.engine, trial_key(trial))
        else:
            self._buffer.forget_values(trial_key(trial))

    def add_row(self, live: LiveTrial, row: Mapping[str, float]) -> None:
        """Stores the epoch that a run just finished: curve file first, then the database."""
        epoch, seconds = int(row["epoch"]), _number(row.get("seconds"))
        if epoch == 1:
            # A trial without checkpoints starts from scratch, over the files of its first start.
            live.curve.repair([row])
            live.events.repair([row])
        else:
            live.curve.append(row)
            live.events.append(row)
            seconds += live.record.seconds
        live.written = True
        self._store_value(live, row)
        live.record = replace(live.record, epochs=epoch, seconds=seconds)
        if epoch not in live.values:
            self.write_record(live)  # nothing else says that the epoch was run

    def catch_up(self, live: LiveTrial, rows: Sequence[Mapping[str, float]]) -> None:
        """Brings curve file and database to a run's own account of its epochs.

        Where the latest checkpoint was damaged the account is shorter than the file, and the run
        trains the rest again.

        Args:
            live: The trial.
            rows: Every row from epoch 1 on, from the checkpoint or from the curve file.
        """
        live.curve.repair(rows)
        live.events.repair(rows)
        live.written = True
        for row in rows:
            if int(row["epoch"]) not in live.values:
                self._store_value(live, row)
        epochs = max(live.record.epochs, len(rows))
        seconds = sum(_number(row.get("seconds")) for row in rows)
        live.record = replace(live.record, epochs=epochs, seconds=seconds)

    def _store_value(self, live: LiveTrial, row: Mapping[str, float]) -> None:
        """Stores the best value up to this epoch; none while the metric was never a number."""
        epoch, value = int(row["epoch"]), float(row[self.spec.objective.metric])
        best = live.values.get(epoch - 1)
        if math.isfinite(value):
            better = min if self.minimizes else max
            best = value if best is None else better(best, value)
        if best is not None:
            self.storage.set_trial_intermediate_value(live.trial_id, epoch, best)
            live.values[epoch] = best

    def write_record(self, live: LiveTrial) -> None:
        """Stores the trial's record as it is."""
        self.storage.set_trial_user_attr(live.trial_id, ATTRIBUTE, live.record.to_json())

    def finish(self, live: LiveTrial, reason: str, *, error: str | None = None) -> None:
        """Gives a trial its one verdict. Finished trials are frozen, so the record comes first."""
        best = _best_epoch(live.values)
        state = state_for(reason)
        if state == TrialState.COMPLETE and not live.values:
            metric, epochs = self.spec.objective.metric, live.record.epochs
            none = f"no finite {metric} in {counted(epochs, 'epoch')}"
            state, reason, error = TrialState.FAIL, "error", error or none
        stored_text = None if error is None else printable(error)
        live.record = replace(live.record, ended_by=reason, best_epoch=best, error=stored_text)
        # Where somebody ended it by hand, in the dashboard for instance, their decision counts.
        with suppress(UpdateFinishedTrialError):
            self.write_record(live)
            value = live.values[max(live.values)] if state == TrialState.COMPLETE else None
            self.study.tell(live.number, value, state=state)
        self.live.pop(live.number, None)

    def park(self, live: LiveTrial, *, blameless: bool = True) -> None:
        """Puts an unfinished trial back in the queue; it continues from its checkpoint next time.

        Args:
            live: The trial.
            blameless: Whether the trial cannot have caused the stop, so that this start does not
                count against its limit of attempts.
        """
        if blameless:
            live.record = replace(live.record, attempts=max(0, live.record.attempts - 1))
        with suppress(UpdateFinishedTrialError):
            self.write_record(live)
            self.storage.set_trial_state_values(live.trial_id, TrialState.WAITING)
        self.live.pop(live.number, None)

    def prune(self, trial: FrozenTrial) -> None:
        """Ends a trial that is paused at a rung and was not promoted; its files stay."""
        record = record_of(trial)
        assert record is not None
        values = dict(trial.intermediate_values)
        record = replace(record, ended_by="asha", best_epoch=_best_epoch(values))
        with suppress(UpdateFinishedTrialError):
            self.storage.set_trial_user_attr(trial_key(trial), ATTRIBUTE, record.to_json())
            stored_text = [values[max(values)]] if values else None
            self.storage.set_trial_state_values(trial_key(trial), TrialState.PRUNED, stored_text)

    def forget_checkpoint(self, number: int) -> None:
        """Notes that a trial's checkpoint is deleted; the record of a finished one is frozen."""
        trial = self.trials[number]
        record = record_of(trial)
        if record is not None and not trial.state.is_finished():
            record = replace(record, checkpoint=None)
            self.storage.set_trial_user_attr(trial_key(trial), ATTRIBUTE, record.to_json())

    def exhausted(self, live: LiveTrial) -> bool:
        """Whether a trial that was cut off has used up its attempts."""
        done = max(live.record.epochs, max(live.values, default=0))
        progressed = done > live.record.attempt_epoch
        return live.record.attempts >= RETRY_LIMIT and not progressed


def _is_foreign(aside: Path) -> bool:
    """Whether what was moved was never this trial's own."""
    return ".of-study-" in aside.name or ".of-unknown" in aside.name


def _best_epoch(values: Mapping[int, float]) -> int | None:
    """The first epoch that reached the final best value."""
    final = values[max(values)] if values else None
    return min((epoch for epoch, value in values.items() if value == final), default=None)


def _number(cell: object) -> float:
    """A cell of the curve as a number; 0 where it is empty."""
    return float(cell) if isinstance(cell, int | float) and cell == cell else 0.0
