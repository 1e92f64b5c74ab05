"""One run of a search: open or resume the study, prepare what it needs, hand it to Ray Tune."""

from __future__ import annotations

import signal
import time
from functools import partial
from typing import TYPE_CHECKING

from slr_tune.importing.history import take_history
from slr_tune.search.progress import Progress
from slr_tune.search.promotions import Promotions
from slr_tune.search.run_options import RunOptions, SearchOutcome
from slr_tune.search.sampler import repeats_note, trials_to_run
from slr_tune.search.search_on_ray import SearchOnRay
from slr_tune.search.study_clock import StudyClock
from slr_tune.space import StudySpec
from slr_tune.study.folders import cache_root, studies_in, study_folder, study_in
from slr_tune.study.lock import StudyLock, locked_folder
from slr_tune.study.manifest import write_manifest
from slr_tune.study.open_study import is_known, open_store
from slr_tune.study.presence import presence_of
from slr_tune.study.recovery import Recovery, recover, reopen_failed, reopen_pruned
from slr_tune.study.remote_files import remote_place, send_left
from slr_tune.study.storage import opened_storage, storage_errors, storage_url
from slr_tune.study.store import StudyStore
from slr_tune.trackers import open_mirror
from slr_tune.training.interrupt import StopRequest, interrupt_flag
from trainables.files.remote import RemoteError

if TYPE_CHECKING:
    from optuna.storages import RDBStorage


def run_search(spec: StudySpec, options: RunOptions, progress: Progress) -> SearchOutcome:
    """Runs a search until the study has the trials requested, its time is up, or it is stopped.

    Raises:
        SlrTuneError: Bad input, a study that is locked or of another space, a database that does
            not answer, a run that cannot continue. Finished work is stored.
    """
    with studies_in(spec.studies):
        return _run_search(spec, options, progress)


def _run_search(spec: StudySpec, options: RunOptions, progress: Progress) -> SearchOutcome:
    from trainables.data import prepare

    started = time.monotonic() if options.started is None else options.started
    url = storage_url(options.storage)
    progress.message("Preparing the data") if spec.data else None
    data = prepare(spec.data, cache_root()) if spec.data else None
    for warning in () if data is None else data.warnings:
        progress.message(f"Warning: {warning}")
    with (
        opened_storage(options.storage, create=True) as storage,
        storage_errors(url),
        study_in(spec.study, remote_place(spec.study, storage)),
        presence_of(storage, study_folder(spec.study), progress.message) as presence,
        StudyLock(storage.engine, spec.study, tell=progress.message) as lock,
        locked_folder(study_folder(spec.study)),
    ):
        known = is_known(spec.study, storage)
        if options.retry_failed:
            _retry_failed(spec.study, storage, progress)
        if not known:
            # Before the study is made: a space that has to be fixed would be another study's.
            _check(spec, options, progress)
        data_hash = None if data is None else data.hash
        presence.watch_folder()
        store = open_store(spec, storage, data_hash=data_hash, tell=progress.message)
        if reopen_pruned(spec.study, storage, trials=trials_to_run(store.spec)):
            # Only one that has read nothing so far sees them wait.
            store = open_store(spec, storage, data_hash=data_hash, tell=progress.message)
        if store.replaced:
            progress.message(
                f"Study {spec.study!r} had no epoch with a value; it starts over with the changed "
                "space"
            )
        if store.files is not None:
            store.files.check()
        for line in take_history(store, options.history, options.storage):
            progress.message(line)
        recovery = recover(store, idle_seconds=lock.idle_seconds)
        clock = StudyClock(store, started=started)
        progress.watch(store, clock)
        _tell_recovery(recovery, progress)
        with open_mirror(store, progress.message) as mirror:
            if _is_over(store):
                outcome = SearchOutcome(0, recovery)
                _send_left(store, outcome, progress)
                return outcome
            write_manifest(store.spec, store.folder, data=data, options=options.typed)
            if clock.is_too_late:
                return SearchOutcome(0, recovery, time_is_up=True)
            if known:
                _check(store.spec, options, progress)
            if note := repeats_note(store.spec):
                progress.message(f"Note: {note}")
            with interrupt_flag(progress.message) as asked:
                lock.stop_asked = partial(_stop, asked, progress)
                run = SearchOnRay(store, lock, presence, options, progress, asked, mirror, clock)
                outcome = run.execute(data, recovery)
                _send_left(store, outcome, progress)
                return outcome


def _send_left(store: StudyStore, outcome: SearchOutcome, progress: Progress) -> None:
    """Sends what no worker has sent; somebody who asked to end has to wait for no network."""
    if store.files is None:
        return
    try:
        send_left(store.files)
    except RemoteError as error:
        if not outcome.interrupted:
            raise
        progress.message(str(error))


def _stop(asked: StopRequest, progress: Progress) -> None:
    """Somebody typed `slr-tune stop`: as after SIGTERM. Called in the heartbeat's thread."""
    if not asked.is_set():
        asked.number = signal.SIGTERM
        asked.set()
        progress.message("Stopping (slr-tune stop): saving the state")


def _is_over(store: StudyStore) -> bool:
    """Whether nothing is left to run; trials that wait for a promotion are ended then."""
    target = trials_to_run(store.spec)
    if store.waiting() or target is None or store.own_count < target:
        return False
    if store.spec.search.scheduler == "promotion":
        promotions = Promotions(store, target=target)
        if promotions.due():
            return False
        promotions.prune()
    return True


def _retry_failed(study: str, storage: RDBStorage, progress: Progress) -> None:
    numbers = reopen_failed(study, storage)
    plural = "" if len(numbers) == 1 else "s"
    listed = ", ".join(map(str, numbers))
    progress.message(f"Failed trial{plural} back in the queue: {listed or 'none'}")


def _check(spec: StudySpec, options: RunOptions, progress: Progress) -> None:
    """Refuses a space that cannot work, before Ray starts."""
    if options.check is not None:
        progress.message(options.check(spec, options.storage))


def _tell_recovery(recovery: Recovery, progress: Progress) -> None:
    parts = {
        "Resuming {}": recovery.resumed,
        "Recorded as pruned: {}": recovery.pruned,
        "Given up after repeated crashes: {}": recovery.killed,
        "Paused at a rung: {}": recovery.paused,
    }
    for text, numbers in parts.items():
        if numbers:
            plural = "s" if len(numbers) > 1 else ""
            progress.message(text.format(f"trial{plural} {', '.join(map(str, numbers))}"))
