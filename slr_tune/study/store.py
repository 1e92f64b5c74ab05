"""A study as its driver sees it: the only place that writes to the database.

Order of an epoch's writes: the worker's checkpoint, then the curve file, then the database. A
crash between any two leaves the later ones behind, and the next start brings them up from the
earlier: the database from the curve file, both from the checkpoint's own copy of the curve.
"""

from __future__ import annotations

import logging
import math
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import optuna
from optuna.exceptions import UpdateFinishedTrialError
from optuna.storages import BaseStorage, RDBStorage
from optuna.study import Study
from optuna.trial import FrozenTrial, TrialState

from slr_tune.errors import StudyChanged, StudyError
from slr_tune.space import StudySpec, difference
from slr_tune.space.strategies import PriorSpec, search_of
from slr_tune.study.belongings import adopt_folders, sort_out_folders, trial_origin
from slr_tune.study.buffered_storage import BufferedStorage
from slr_tune.study.folders import study_folder, trial_folder
from slr_tune.study.optuna_private import (
    begin_trial,
    forget_values,
    get_storage,
    study_key,
    trial_key,
)
from slr_tune.study.outage import WAIT_SECONDS, Outage
from slr_tune.study.record import (
    ATTRIBUTE,
    SCHEMA,
    RungEntry,
    TrialRecord,
    begun_anew,
    epochs_run,
    is_imported,
    is_own,
    is_queued,
    record_of,
    state_for,
)
from slr_tune.study.remote_files import KEY, bring_trial, files_of, remote_place
from slr_tune.text import counted, printable
from trainables.files.curve import CurveFile, EventFile
from trainables.files.origin import Origin, claim, read_origin
from trainables.files.remote import RemoteFolder
from trainables.registry import is_recogniser

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

logger = logging.getLogger(__name__)

PATIENCE_SECONDS = 0.25
"""How long to wait for a batch to be stored before continuing with other work."""

RETRY_LIMIT = 3
"""Starts of a trial that bring no new epoch before it is given up as `killed`."""


@dataclass
class LiveTrial:
    """A trial in the hands of a worker.

    Attributes:
        number: Optuna's number.
        trial_id: Optuna's key in the database.
        record: What will be stored; kept up to date here, written at rungs and at the end.
        origin: What its files belong to.
        values: Best value so far by epoch, as stored.
        curve: Its curve file.
        events: Its TensorBoard events.
        written: Whether this driver has written its curve, so that the file must be there.
    """

    number: int
    trial_id: int
    record: TrialRecord
    origin: Origin
    values: dict[int, float]
    curve: CurveFile
    events: EventFile
    written: bool = False


class StudyStore:
    """Reads and writes one study; held by the driver that has the study's lock.

    Attributes:
        database: The opened database.
        id: Made once with the study, and stored in its database.
        data_hash: Of the prepared data, None without.
        teacher_hash: Of the teacher's file; None without, and while it is not known.
        tell: Called with each message.
        files: Their remote place; None of files that are on this machine alone.
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
        self.data_hash: str | None = None
        self.teacher_hash: str | None = None
        self.tell: Callable[[str], None] = logger.warning
        self.files: RemoteFolder | None = files_of(study.user_attrs[ATTRIBUTE], spec.study)
        self.folder = study_folder(spec.study)
        self.live: dict[int, LiveTrial] = {}
        self.replaced = False
        self._buffer: BufferedStorage | None = None

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
            Exception: Error of the database, where waiting does not help or lasted too long.
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
        return [*filter(is_own, self.trials)]

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

    def waiting(self) -> int:
        """Trials that are enqueued or were parked, and so come before any new one."""
        return sum(map(is_queued, self.trials))

    def next_number(self) -> int:
        """Number of the trial that `start_trial` starts.

        A trial that was cut off while it was suggested keeps its number, and the random numbers
        that go with it: those of the next one would suggest the same twice.
        """
        trials = self.trials
        return next((trial.number for trial in trials if is_queued(trial)), len(trials))

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
        for trial in filter(is_queued, self.trials):
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

    @property
    def minimizes(self) -> bool:
        """Whether smaller values are better."""
        return self.spec.objective.direction == "minimize"


def open_store(
    spec: StudySpec,
    storage: RDBStorage,
    *,
    data_hash: str | None = None,
    tell: Callable[[str], None] | None = None,
) -> StudyStore:
    """Opens the study of a search-space file, or makes it. The caller holds the study's lock.

    Args:
        spec: The search.
        storage: The opened database.
        data_hash: Of the prepared data, None without.
        tell: Called with each message, None for the log.

    Raises:
        StudyChanged: The stored study was made with another space; the differences are listed.
        StudyError: The study was made by another program, or by another version of this one.
    """
    cached = get_storage(storage)
    study = optuna.create_study(
        study_name=spec.study,
        storage=cached,
        direction=spec.objective.direction,
        load_if_exists=True,
    )
    stored = study.user_attrs.get(ATTRIBUTE)
    if stored is None:
        if study.get_trials(deepcopy=False):
            raise StudyError(
                f"study {spec.study!r} contains trials that slr-tune did not create",
                hint="Choose another name with --study.",
            )
        stored = {"schema": SCHEMA, "identity": spec.identity()}
    else:
        check_schema(spec.study, stored)
        asked, spec = spec, _with_its_strategy(spec, stored["identity"])
        lines = difference(_whole(stored["identity"]), spec.identity())
        if lines and not _has_epochs(study, spec.study):
            optuna.delete_study(study_name=spec.study, storage=cached)
            store = open_store(asked, storage, data_hash=data_hash, tell=tell)
            store.replaced = True
            return store
        if lines:
            raise StudyChanged(
                f"study {spec.study!r} was made with another space:\n  " + "\n  ".join(lines),
                hint="Trials of different spaces cannot be compared. Choose another name with "
                "--study, or undo the change.",
            )
    of_before_ids = "id" not in stored and bool(study.get_trials(deepcopy=False))
    stored_text = {
        "id": uuid.uuid4().hex,
        **stored,
        "latest": spec.latest(),
        "recogniser": is_recogniser(spec.trainable),
    }
    if (place := remote_place(spec.study, storage)) is not None:
        stored_text[KEY] = place
    if stored != stored_text:
        study.set_user_attr(ATTRIBUTE, stored_text)
    store = StudyStore(study, cached, spec, storage)
    store.data_hash, store.tell = data_hash, tell or logger.warning
    store.folder.mkdir(parents=True, exist_ok=True)
    if of_before_ids:
        adopt_folders(store.folder, store.id, spec.study, store.trials, spec.objective.metric)
    sort_out_folders(store.folder, store.id, store.tell)
    store.enqueue_baseline()
    return store


def _with_its_strategy(spec: StudySpec, identity: Mapping[str, Any]) -> StudySpec:
    """The spec with the strategy that the study was made with, where its file names none."""
    return spec if spec.search.explicit else replace(spec, search=search_of(identity))


def _whole(identity: Mapping[str, Any]) -> dict[str, Any]:
    """An identity of before there were strategies, with what was the only one."""
    prior = asdict(PriorSpec())
    return {"prior": prior, "search": search_of(identity).to_json(), **identity}


def _has_epochs(study: Study, name: str) -> bool:
    """Whether any epoch of a study is stored, in the database or on disk."""
    trials = study.get_trials(deepcopy=False)
    return any(
        trial.intermediate_values
        or is_imported(trial)
        or any(trial_folder(name, trial.number).glob("c*/*.pt"))
        for trial in trials
    )


def is_known(study: str, storage: RDBStorage) -> bool:
    """Whether a database holds a study of that name, of whatever kind."""
    return study in optuna.get_all_study_names(storage)


def check_schema(study: str, stored: Any) -> None:
    """Refuses a study whose layout this version does not know.

    Raises:
        StudyError: With both versions.
    """
    schema = stored.get("schema") if isinstance(stored, Mapping) else None
    if schema != SCHEMA or "identity" not in stored:
        raise StudyError(
            f"study {study!r} is of schema {schema!r}, this version of slr-tune reads {SCHEMA}",
            hint="Use the version that made it, or choose another name with --study.",
        )


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
