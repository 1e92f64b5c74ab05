"""The trials of a study as its driver reads them, held in memory while a search runs."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import compress
from typing import TYPE_CHECKING

import optuna
from optuna.storages import BaseStorage, RDBStorage
from optuna.study import Study
from optuna.trial import FrozenTrial

from slr_tune.space import StudySpec
from slr_tune.study.buffered_storage import BufferedStorage
from slr_tune.study.folders import study_folder
from slr_tune.study.live_trial import LiveTrial
from slr_tune.study.optuna_private import study_key
from slr_tune.study.outage import WAIT_SECONDS, Outage
from slr_tune.study.per_trial import PerTrial
from slr_tune.study.record import ATTRIBUTE, is_own, is_queued
from slr_tune.study.remote_files import files_of
from trainables.files.remote import RemoteFolder

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

logger = logging.getLogger(__name__)

PATIENCE_SECONDS = 0.25
"""How long to wait for a batch to be stored before other work is done."""


class StudyTrials:
    """Which trials there are, and that what is noted of them gets stored; see `StudyStore`.

    Attributes:
        study: In Optuna.
        storage: Where it is read and written: in memory within `batched`.
        database: The opened database.
        spec: The search.
        id: Made once with the study, and stored in its database.
        tell: Called with each message.
        files: Their remote place; None of files that are on this machine alone.
        folder: Of the study.
        live: The trials that a worker holds, by number.
    """

    def __init__(
        self, study: Study, storage: BaseStorage, spec: StudySpec, database: RDBStorage
    ) -> None:
        """Wraps an opened study; use `open_store`."""
        self.study = study
        self.storage = storage
        self.database = database
        self.spec = spec
        self.id: str = study.user_attrs[ATTRIBUTE]["id"]
        self.tell: Callable[[str], None] = logger.warning
        self.files: RemoteFolder | None = files_of(study.user_attrs[ATTRIBUTE], spec.study)
        self.folder = study_folder(spec.study)
        self.live: dict[int, LiveTrial] = {}
        self._buffer: BufferedStorage | None = None
        self._own, self._queued = PerTrial(is_own), PerTrial(is_queued)

    @contextmanager
    def batched(
        self,
        *,
        wait_seconds: float = WAIT_SECONDS,
        guard: Callable[[Connection], None] | None = None,
    ) -> Iterator[None]:
        """Holds the study in memory for the time of a block, and stores it in batches.

        A caller that acts on a decision asks `stored` first, and calls `keep_up` often.

        Args:
            wait_seconds: How long to wait for a database that is away.
            guard: Looks in each transaction whether this process may write; raises if not.
        """
        before = self.study, self.storage
        key, outage = study_key(self.study), Outage(limit=wait_seconds, tell=self.tell)
        self.storage = self._buffer = BufferedStorage(
            self.database, key, outage=outage, guard=guard
        )
        self.study = optuna.load_study(study_name=self.spec.study, storage=self._buffer)
        try:
            yield
        finally:
            self._buffer.close()
            self._buffer = None
            self.study, self.storage = before

    @property
    def away(self) -> bool:
        """Whether the database is away, so that nothing new is to be begun."""
        return self._buffer is not None and self._buffer.outage.begun

    @property
    def settled(self) -> bool:
        """Whether all that was noted is stored."""
        return self._buffer is None or self._buffer.settled

    def stored(self, *, seconds: float = PATIENCE_SECONDS, ask: bool = False) -> bool:
        """Stores what was noted; returns whether all of it is stored.

        Args:
            seconds: To wait at most; nobody waits while the database is away.
            ask: Whether to ask what other programs did, however little time has passed.

        Raises:
            Exception: What the database said, where waiting does not help or lasted too long.
        """
        if self._buffer is None:
            return True
        done = self._buffer.flush(0.0 if self.away else seconds, ask=ask)
        self._let_go_of_ended(self._buffer)
        return done

    def keep_up(self) -> None:
        """Stores what has waited for others long enough.

        Raises:
            Exception: As of `stored`.
        """
        if self._buffer is not None:
            self._buffer.poll()
            self._let_go_of_ended(self._buffer)

    def _let_go_of_ended(self, buffer: BufferedStorage) -> None:
        """Trials that somebody ended by hand. Their decision counts."""
        for number in buffer.ended_elsewhere():
            self.live.pop(number, None)

    @property
    def trials(self) -> list[FrozenTrial]:
        """All trials as stored, in order of their number; not to be changed."""
        return self.study.get_trials(deepcopy=False)

    @property
    def own_trials(self) -> list[FrozenTrial]:
        """The trials that were requested: none that was imported, deleted, or is foreign."""
        trials = self.trials
        return [*compress(trials, self._own.look(trials))]

    @property
    def own_count(self) -> int:
        """How many these are."""
        return self._own.look(self.trials).count(True)

    @property
    def first_queued(self) -> FrozenTrial | None:
        """The first trial that waits for a worker; None where none does."""
        trials = self.trials
        queued = self._queued.look(trials)
        return trials[queued.index(True)] if True in queued else None

    def waiting(self) -> int:
        """Trials that are enqueued or were parked, and so come before any new one."""
        return self._queued.look(self.trials).count(True)

    def next_number(self) -> int:
        """Number of the trial that `start_trial` starts.

        A trial that was cut off while it was suggested keeps its number, and the random numbers
        that go with it: those of the next one would suggest the same twice.
        """
        first = self.first_queued
        return len(self.trials) if first is None else first.number

    @property
    def minimizes(self) -> bool:
        """Whether smaller values are better."""
        return self.spec.objective.direction == "minimize"
