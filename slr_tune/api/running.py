"""A search, for Python and for `slr-tune run`."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from slr_tune.api.studies import Study, load
from slr_tune.errors import SlrTuneError
from slr_tune.space import StudySpec, load_spec
from slr_tune.space.shipped import find_space
from slr_tune.training.interrupt import Terminated
from slr_tune.training.ray_private import prepare_environment

if TYPE_CHECKING:
    from slr_tune.ablation.interim import Interim
    from slr_tune.search.progress import Progress
    from slr_tune.search.run_options import RunOptions, SearchOutcome
    from slr_tune.training.card_use import CardUse


class Stopped(Terminated):
    """A search or an ablation was stopped, for example by Ctrl-C. A KeyboardInterrupt.

    Finished work is stored; the same call resumes.

    Attributes:
        exit_code: Exit code of the command: 130 after Ctrl-C, 143 after SIGTERM, 129 after SIGHUP.
        interim: What an ablation had finished; None for a search. Its class is private.
    """

    interim: Interim | None = None


def run(
    space: str | Path,
    *,
    study: str | None = None,
    trials: int | None = None,
    max_epochs: int | None = None,
    workers: int | None = None,
    seed: int | None = None,
    settings: Mapping[str, Any] | None = None,
    storage: str | None = None,
    address: str | None = None,
    verify: bool = True,
    allow_weak_teacher: bool = False,
    retry_failed: bool = False,
    history: Sequence[str] = (),
    wait_for_database: float = 600.0,
    on_end: str | None = None,
    progress: bool = True,
) -> Study:
    """Searches a space until its study has the requested trials, or resumes a search.

    Args:
        space: A search-space file, or the name of a shipped one: "distill".
        study: Name of the study; None for the file's.
        trials: Total number of trials; None for the file's.
        max_epochs: Epochs of a trial; None for the file's.
        workers: Trials at the same time; None for the file's.
        seed: Random seed for the sampler and for training; None for the file's.
        settings: Changes to the file by dotted keys: `{"fixed.batch_size": 8}`.
        storage: Database URL; None for `SLR_TUNE_STORAGE`, or SQLite in the studies folder.
        address: A running Ray cluster; None for this machine.
        verify: Whether to start with the quick checks of `slr-tune verify`.
        allow_weak_teacher: Whether to continue if the teacher is worse than the baseline student.
        retry_failed: Whether to put failed trials back into the queue first.
        history: Earlier runs to start from: studies, or files that `slr-tune import` takes.
        wait_for_database: Seconds that a running search waits for a database that does not answer.
        on_end: A command to run when the search has ended, such as "notify-send
            {study} {best}", or a URL to POST JSON to; `slr-tune run --on-end` is the same.
        progress: Whether to show progress: on stderr, in a notebook below the cell.

    Returns:
        The study in its new state.

    Raises:
        SlrTuneError: Bad input, a locked study, a database that does not answer, a run that cannot
            continue. Finished work is stored.
        Stopped: It was interrupted. Finished work is stored.
    """
    prepare_environment()
    changes = [f"{key}={json.dumps(_plain(value))}" for key, value in (settings or {}).items()]
    limits = {
        "study": study,
        "trials": trials,
        "max_epochs": max_epochs,
        "workers": workers,
        "seed": seed,
    }
    spec = load_spec(find_space(space), overrides=changes, **limits)  # type: ignore[arg-type]
    typed: dict[str, Any] = {
        f"--{name.replace('_', '-')}": value
        for name, value in limits.items()
        if value is not None and name != "study"
    }
    typed |= {"--set": changes} if changes else {}
    typed |= {"--address": address} if address else {}
    typed |= {"--allow-weak-teacher": True} if allow_weak_teacher else {}
    typed |= {} if verify else {"--no-verify": True}
    options = run_options(
        storage=storage,
        address=address,
        allow_weak_teacher=allow_weak_teacher,
        verify=verify,
        retry_failed=retry_failed,
        history=tuple(history),
        wait_for_database=wait_for_database,
        typed=typed,
    )
    from slr_tune.api.progress import progress_for

    found, outcome = search(spec, options, progress_for(progress), on_end=on_end)
    if outcome.stop is not None:
        raise Stopped(outcome.stop.number)
    return found


def run_options(*, verify: bool, address: str | None, **options: Any) -> RunOptions:
    """How to run a search: `RunOptions`, with the quick checks of `slr-tune verify` or without."""
    from slr_tune.search.run_options import RunOptions

    check = partial(_quick_check, cluster=address is not None) if verify else None
    return RunOptions(address=address, check=check, measure=_measure, **options)


def search(
    spec: StudySpec, options: RunOptions, progress: Progress, *, on_end: str | None = None
) -> tuple[Study, SearchOutcome]:
    """Runs a search, and reads the study afterwards.

    Args:
        spec: The search.
        options: How to run it.
        progress: Shows how far it is.
        on_end: As in `run`.

    Raises:
        SlrTuneError: As `run`.
    """
    from slr_tune.search.engine import run_search
    from slr_tune.search.on_end import check_on_end

    if on_end is None:
        with progress:
            outcome = run_search(spec, options, progress)
        return load(spec.study, storage=options.storage), outcome
    check_on_end(on_end)
    try:
        found, outcome = search(spec, options, progress)
    except BaseException as error:
        status = "stopped" if isinstance(error, KeyboardInterrupt) else "failed"
        _announce(on_end, spec, options, progress, status, error=error)
        raise
    _announce(on_end, spec, options, progress, "stopped" if outcome.interrupted else "done")
    return found, outcome


def _announce(
    on_end: str,
    spec: StudySpec,
    options: RunOptions,
    progress: Progress,
    status: str,
    *,
    error: BaseException | None = None,
) -> None:
    from slr_tune.search.on_end import announce_end, end_fields

    view = None
    with suppress(SlrTuneError):  # a search may fail because its database is gone
        view = load(spec.study, storage=options.storage).view
    announce_end(on_end, end_fields(spec.study, status, view, error), progress.message)


def _quick_check(spec: StudySpec, storage: str | None, *, cluster: bool) -> str:
    from slr_tune.checks.verify import quick_check

    return quick_check(spec, storage=storage, cluster=cluster)


def _measure(spec: StudySpec, storage: str | None) -> CardUse | None:
    from slr_tune.checks.card_trial import measure_card_use

    return measure_card_use(spec, storage)


def _plain(value: Any) -> Any:
    """A value as JSON has it: numpy's numbers and paths too."""
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, Path):
        return str(value)
    return value.item() if hasattr(value, "item") else value
