"""A study that its driver holds in memory and stores in batches.

Optuna's storage interface over one study. What is read comes from memory; what is written goes
there at once, and into the database with the next batch: one transaction for all that came within
`BATCH_SECONDS`, or sooner where somebody waits for it (`flush`). What other programs do with the
study is asked with the batches, once a second.

While the database is away the batches are kept and sent again; see `outage`. A caller that acts on
a decision waits until `flush` says that it is stored.
"""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Container, Sequence
from datetime import datetime
from typing import Any

from optuna.distributions import BaseDistribution
from optuna.storages import RDBStorage
from optuna.trial import FrozenTrial, TrialState
from sqlalchemy.engine import Connection

from slr_tune.study.batch_writer import BatchWriter
from slr_tune.study.batches import (
    Batch,
    Drawn,
    Stored,
    StudyAttribute,
    TrialChanges,
    as_known,
    merged_changes,
    store_batch,
)
from slr_tune.study.optuna_private import get_storage, trial_key, with_key
from slr_tune.study.outage import Outage, is_passing
from slr_tune.study.study_in_memory import StudyInMemory

BATCH_SECONDS = 0.05
"""How long a report may wait for others before it is stored."""

_ASK_SECONDS = 1.0
_RETRY_SECONDS = 0.5


class BufferedStorage(StudyInMemory):
    """One study of a database; use `StudyStore.batched`.

    Not for several threads: the thread that stores is handed what it needs.

    Attributes:
        outage: Whether the database is away.
    """

    def __init__(
        self,
        database: RDBStorage,
        study: int,
        *,
        outage: Outage,
        guard: Callable[[Connection], None] | None = None,
    ) -> None:
        """Reads the study.

        Args:
            database: The opened database.
            study: The study's key.
            outage: Told when a batch could not be stored.
            guard: Looks in each transaction whether this process may write; raises if not.
        """
        stored = get_storage(database)
        super().__init__(stored, study)
        self.outage = outage
        self._attributes: dict[StudyAttribute, Any] = {}
        self._trials = stored.get_all_trials(study, deepcopy=False)
        self._numbers = {trial_key(trial): trial.number for trial in self._trials}
        self._known = max(self._numbers, default=-1)
        self._open = {trial_key(t) for t in self._trials if not t.state.is_finished()}
        self._pending: dict[int, TrialChanges] = {}
        self._flying: Batch | None = None
        self._since = self._asked = self._retry = 0.0
        self._ended_elsewhere: list[int] = []
        self._writer = BatchWriter[Batch, Stored](
            lambda batch: store_batch(database.engine, study, batch, guard)
        )

    # What the driver asks of a study that is stored in batches.

    @property
    def settled(self) -> bool:
        """Whether all is stored."""
        return not self._waiting and not (self._flying and self._flying.writes)

    @property
    def _waiting(self) -> bool:
        """Whether anything waits for the next batch."""
        return bool(self._pending or self._attributes)

    def flush(self, seconds: float, *, ask: bool = False) -> bool:
        """Stores what is pending; returns whether all of it is stored within the time.

        Args:
            seconds: To wait at most.
            ask: Whether to ask in any case what other programs did.

        Raises:
            Exception: Error of the database, where waiting does not help or lasted too long.
        """
        end = time.monotonic() + seconds
        asked = not ask
        while True:
            if self._flying is None and (not asked or self._waiting) and self._may_send():
                self._send(ask=not asked)
                asked = True
            if self._flying is None and not self._waiting and asked:
                return True
            left = end - time.monotonic()
            if self._flying is None:  # until it is tried again
                time.sleep(max(0.0, min(left, self._retry - time.monotonic())))
            else:
                self._take(left)
            if time.monotonic() >= end:
                return asked and self.settled

    def poll(self) -> None:
        """To be called often: takes what became of a batch, and sends the next where it is time.

        Raises:
            Exception: As of `flush`.
        """
        if self._flying is not None:
            self._take(0.0)
        now = time.monotonic()
        due = self._waiting and now - self._since >= BATCH_SECONDS
        if self._flying is None and (due or now - self._asked >= _ASK_SECONDS) and self._may_send():
            self._send()

    def ended_elsewhere(self) -> list[int]:
        """Numbers of trials that others ended since this was asked last."""
        found, self._ended_elsewhere = self._ended_elsewhere, []
        return found

    def discard(self, trial_id: int) -> None:
        """Forgets a new trial of which nothing was sent: its suggestion failed."""
        if trial_id < 0 and self._pending.pop(trial_id, None) is not None:
            self._trials.pop(self._numbers.pop(trial_id))

    def forget_values(self, trial_id: int) -> None:
        """Deletes the intermediate values of a trial that has not ended."""
        trial = self._changed(trial_id, TrialChanges(starts_over=True))
        trial.intermediate_values = {}

    def close(self) -> None:
        """Lets the thread end; what is not stored stays unstored."""
        self._writer.close()

    def _may_send(self) -> bool:
        return time.monotonic() >= self._retry

    def _send(self, *, ask: bool = False) -> None:
        now = time.monotonic()
        asks = ask or now - self._asked >= _ASK_SECONDS or any(k < 0 for k in self._pending)
        open_keys = frozenset(self._open) if asks else frozenset()
        self._flying = Batch(
            self._pending,
            known=self._known,
            open=open_keys,
            asks=asks,
            attributes=self._attributes,
        )
        self._asked = now if asks else self._asked
        self._pending, self._attributes = {}, {}
        self._writer.send(self._flying)

    def _take(self, seconds: float) -> None:
        sent_at = self._writer.sent_at
        outcome = self._writer.take(seconds)
        if outcome is None:
            self.outage.missed(time.monotonic() if sent_at is None else sent_at)
            return
        batch, self._flying = self._flying, None
        assert batch is not None
        if isinstance(outcome, Exception):
            self._pending = merged_changes(batch, self._pending)
            self._attributes = {**batch.attributes, **self._attributes}
            self._asked = 0.0
            if not is_passing(outcome):
                raise outcome
            self._retry = time.monotonic() + _RETRY_SECONDS
            self.outage.missed(time.monotonic() if sent_at is None else sent_at, outcome)
            return
        self.outage.over()
        self._open -= {key for key, one in batch.changes.items() if one.ended is not None}
        self._learn(outcome)

    def _learn(self, stored: Stored) -> None:
        """Takes over what the database made of a batch, and what others did."""
        self._open |= {key for key, _ in stored.made.values()}
        for trial in stored.others:
            (self._open.discard if trial.state.is_finished() else self._open.add)(trial_key(trial))
        keys = [key for key, _ in stored.made.values()] + [*map(trial_key, stored.others)]
        self._known = max([self._known, *keys])
        self._pending = as_known(self._pending, stored)
        moved = bool(stored.others)
        for old, (key, number) in stored.made.items():
            place = self._numbers[key] = self._numbers[old]
            self._trials[place] = with_key(self._trials[place], key, number)
            moved = moved or number != place
        for trial in stored.others:
            key = trial_key(trial)
            if key not in self._numbers:
                self._trials.append(trial)
                continue
            mine = self._trials[self._numbers[key]]
            if not mine.state.is_finished() or key in stored.overruled:
                self._trials[self._numbers[key]] = trial
                self._pending.pop(key, None)
                self._ended_elsewhere.append(trial.number)
        if moved:
            self._renumber()

    def _renumber(self) -> None:
        """Others may have made a trial before ours, which then has another number."""
        now = {key: trial_key(self._trials[place]) for key, place in self._numbers.items()}
        self._trials.sort(key=lambda trial: (trial_key(trial) < 0, trial.number))
        for place, trial in enumerate(self._trials):
            if trial.number != place:
                self._trials[place] = with_key(trial, trial_key(trial), place)
        places = {trial_key(trial): place for place, trial in enumerate(self._trials)}
        self._numbers = {key: places[key_now] for key, key_now in now.items()} | places

    # Optuna's interface: the trials, from memory.

    def create_new_trial(self, study_id: int, template_trial: FrozenTrial | None = None) -> int:
        """A new trial that runs; it has a key below 0 until it is stored."""
        assert template_trial is None
        number = len(self._trials)
        key, now = -1 - number, datetime.now()
        while key in self._numbers:
            key -= 1
        self._numbers[key] = number
        self._trials.append(
            FrozenTrial(
                trial_id=key,
                number=number,
                state=TrialState.RUNNING,
                value=None,
                datetime_start=now,
                datetime_complete=None,
                params={},
                distributions={},
                user_attrs={},
                system_attrs={},
                intermediate_values={},
            )
        )
        self._note(key, TrialChanges(is_new=True, state=TrialState.RUNNING, started=now))
        return key

    def set_trial_param(
        self,
        trial_id: int,
        param_name: str,
        param_value_internal: float,
        distribution: BaseDistribution,
    ) -> None:
        """Notes what a sampler chose."""
        drawn = Drawn(param_value_internal, distribution)
        trial = self._changed(trial_id, TrialChanges(params={param_name: drawn}))
        value = distribution.to_external_repr(param_value_internal)
        trial.params = {**trial.params, param_name: value}
        trial.distributions = {**trial.distributions, param_name: distribution}

    def set_trial_state_values(
        self, trial_id: int, state: TrialState, values: Sequence[float] | None = None
    ) -> bool:
        """As Optuna has it: only one that waits can be started."""
        trial = self._trial(trial_id)
        self.check_trial_is_updatable(trial_id, trial.state)
        if state == TrialState.RUNNING and trial.state != TrialState.WAITING:
            return False
        now = datetime.now()
        started = now if state == TrialState.RUNNING else None
        ended = now if state.is_finished() else None
        changes = TrialChanges(state=state, started=started, ended=ended, values=values)
        trial = self._changed(trial_id, changes)
        trial.state = state
        if values is not None:
            trial.values = [*values]
        trial.datetime_start = started or trial.datetime_start
        trial.datetime_complete = ended or trial.datetime_complete
        return True

    def set_trial_intermediate_value(
        self, trial_id: int, step: int, intermediate_value: float
    ) -> None:
        """Notes a value of an epoch."""
        trial = self._changed(trial_id, TrialChanges(steps={step: intermediate_value}))
        trial.intermediate_values = {**trial.intermediate_values, step: intermediate_value}

    def set_trial_user_attr(self, trial_id: int, key: str, value: Any) -> None:
        """Notes an attribute."""
        trial = self._changed(trial_id, TrialChanges(user={key: value}))
        trial.user_attrs = {**trial.user_attrs, key: value}

    def set_trial_system_attr(self, trial_id: int, key: str, value: Any) -> None:
        """Notes an attribute of a sampler's."""
        trial = self._changed(trial_id, TrialChanges(system={key: value}))
        trial.system_attrs = {**trial.system_attrs, key: value}

    def get_trial(self, trial_id: int) -> FrozenTrial:
        """A trial as it is; not to be changed."""
        return self._trial(trial_id)

    def get_all_trials(
        self,
        study_id: int,
        deepcopy: bool = True,
        states: Container[TrialState] | None = None,
    ) -> list[FrozenTrial]:
        """The trials in order of their number."""
        found = [*self._trials]
        found = found if states is None else [trial for trial in found if trial.state in states]
        return copy.deepcopy(found) if deepcopy else found

    def get_trial_id_from_study_id_trial_number(self, study_id: int, trial_number: int) -> int:
        """The key of a trial."""
        if not 0 <= trial_number < len(self._trials):
            raise KeyError(f"there is no trial {trial_number}")
        return trial_key(self._trials[trial_number])

    def _trial(self, trial_id: int) -> FrozenTrial:
        return self._trials[self._numbers[trial_id]]

    def _changed(self, trial_id: int, changes: TrialChanges) -> FrozenTrial:
        """A copy in a trial's place: code that holds the trial keeps it as it was."""
        number = self._numbers[trial_id]
        trial = self._trials[number]
        self.check_trial_is_updatable(trial_id, trial.state)
        self._note(trial_key(trial), changes)
        self._trials[number] = trial = copy.copy(trial)
        return trial

    def _note(self, key: int, changes: TrialChanges) -> None:
        self._begin_waiting()
        before = self._pending.get(key)
        self._pending[key] = changes if before is None else before.then(changes)

    def _note_attribute(self, attribute: StudyAttribute, value: Any) -> None:
        self._begin_waiting()
        self._attributes[attribute] = value

    def _begin_waiting(self) -> None:
        if not self._waiting:
            self._since = time.monotonic()
