"""Studies of Optuna: a database, a journal file, or one of slr-tune itself."""

from __future__ import annotations

import math
import sqlite3
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import quote

import optuna
import sqlalchemy as sa
from optuna.storages import BaseStorage
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

from slr_tune.errors import SlrTuneError, StudyError, nearest_or_all
from slr_tune.importing.earlier_run import EarlierRun, Source
from slr_tune.space import StudySpec
from slr_tune.study.record import ATTRIBUTE, epochs_run, record_of
from slr_tune.study.storage import opened_storage, shown_url, storage_errors
from slr_tune.study.view import StudyView, load_study

_STATES = {
    TrialState.COMPLETE: "complete",
    TrialState.PRUNED: "pruned",
    TrialState.FAIL: "failed",
    TrialState.RUNNING: "unfinished",
    TrialState.WAITING: "unfinished",
}


def read_optuna(place: str, study: str | None = None) -> Source:
    """The trials of an Optuna study.

    Args:
        place: An SQLAlchemy URL, an SQLite file, or a journal file; after a `#` the study.
        study: The study's name; None where it is the only one, or follows the `#`.

    Raises:
        SlrTuneError: There is none, or several and none is named.
    """
    place, _, named = place.partition("#")
    study = study or named or None
    path = Path(place).expanduser()
    if "://" not in place and not path.is_file():
        raise SlrTuneError(f"there is no file {path}")
    if "://" not in place and not _is_sqlite(path):
        return _of_storage(_journal(path), place, study)
    url = _parsed(place if "://" in place else f"sqlite:///{quote(str(path.absolute()))}")
    with storage_errors(url), _untouched(url) as copied, opened_storage(copied) as storage:
        names = optuna.get_all_study_names(storage)
        chosen = _choose(names, study, shown_url(url))
        key = storage.get_study_id_from_name(chosen)
        if ATTRIBUTE in storage.get_study_user_attrs(key):
            return read_own(load_study(chosen, copied))
        return _of_storage(storage, shown_url(url), chosen)


def _parsed(text: str) -> URL:
    try:
        return make_url(text)
    except (ArgumentError, ValueError) as error:
        raise SlrTuneError(
            f"{text.rpartition('@')[2]!r} is not a database URL",
            hint="Such as sqlite:///old.db#STUDY or postgresql://user@host/database#STUDY.",
        ) from error


@contextmanager
def _untouched(url: URL) -> Iterator[str]:
    """A URL under which a database can be opened without a change to it.

    To open one makes Optuna's tables where they are missing, and sets a file's journal mode. So an
    SQLite file is copied first, and a server's database is looked at.

    Raises:
        StudyError: It holds no tables of Optuna.
    """
    with ExitStack() as stack:
        if url.get_backend_name() == "sqlite":
            scratch = Path(stack.enter_context(TemporaryDirectory(prefix="slr-tune-")))
            _copy_file(Path(url.database or "").expanduser(), scratch / "copy.db")
            url = URL.create("sqlite", database=str(scratch / "copy.db"))
        elif url.drivername in ("postgresql", "postgres"):
            url = url.set(drivername="postgresql+psycopg")
        engine = sa.create_engine(url)
        try:
            if not sa.inspect(engine).has_table("studies"):
                raise StudyError(f"{shown_url(url)} contains no Optuna studies")
        finally:
            engine.dispose()
        yield url.render_as_string(hide_password=False)


def _copy_file(path: Path, target: Path) -> None:
    """A database that is in use comes whole, with the log of its last writes."""
    if not path.is_file():
        raise StudyError(f"there is no database {path}")
    with closing(sqlite3.connect(f"file:{quote(str(path.absolute()))}?mode=ro", uri=True)) as old:
        with closing(sqlite3.connect(target)) as new:
            old.backup(new)


def read_own(view: StudyView) -> Source:
    """The trials of a study of slr-tune, with whole configurations and curves."""
    runs = []
    for trial in view.trials:
        record = record_of(trial)
        if record is None or not trial.state.is_finished():
            continue
        curve = tuple(view.curve(trial.number)) or _curve(trial, view.spec.objective.metric)
        runs.append(
            EarlierRun(
                f"{view.spec.study}, trial {trial.number}",
                {**record.config, "seed": record.seed, "epochs": epochs_run(trial)},
                curve[: epochs_run(trial)],
                _STATES[trial.state],
                trial.values[0] if trial.values else None,
                record.ended_by,
                record.error,
            )
        )
    direction = view.spec.objective.direction
    return Source(
        "study",
        view.spec.study,
        tuple(runs),
        direction=direction,
        own=True,
        about=about(view.spec),
        study_id=view.id,
    )


def about(spec: StudySpec) -> dict[str, Any]:
    """What two studies have to share for their values to be compared, and the teacher."""
    identity = spec.identity()
    parts = {name: identity[name] for name in ("trainable", "data", "teacher")}
    return {**parts, "metric": spec.objective.metric, "fidelity": spec.budget.fidelity}


def _of_storage(storage: BaseStorage, place: str, study: str | None) -> Source:
    chosen = _choose(optuna.get_all_study_names(storage), study, place)
    loaded = optuna.load_study(study_name=chosen, storage=storage)
    if len(loaded.directions) > 1:
        raise StudyError(
            f"study {chosen!r} has {len(loaded.directions)} objectives, this needs one"
        )
    runs = tuple(_run(chosen, trial) for trial in loaded.get_trials(deepcopy=False))
    smaller = loaded.direction == StudyDirection.MINIMIZE
    direction = "minimize" if smaller else "maximize"
    return Source("Optuna study", f"{place}#{chosen}", runs, direction=direction)


def _run(study: str, trial: FrozenTrial) -> EarlierRun:
    attributes: dict[str, Any] = {f"user_attrs.{k}": v for k, v in trial.user_attrs.items()}
    value = trial.values[0] if trial.values else None
    return EarlierRun(
        f"{study}, trial {trial.number}",
        {**attributes, **trial.params},
        _curve(trial, "value"),
        _STATES[trial.state],
        value,
        error=str(trial.system_attrs.get("fail_reason") or "") or None,
    )


def _curve(trial: FrozenTrial, column: str) -> tuple[dict[str, float], ...]:
    values = sorted(trial.intermediate_values.items())
    return tuple({"epoch": s, column: v} for s, v in values if math.isfinite(v))


def _choose(names: list[str], study: str | None, place: str) -> str:
    if study is None and len(names) == 1:
        return names[0]
    listed = ", ".join(sorted(names)[:10]) or "none"
    if study is None:
        raise SlrTuneError(
            f"{place} has {len(names)} studies: {listed}", hint=f"Name one: {place}#STUDY."
        )
    if study not in names:
        hint = nearest_or_all(study, names) if names else "It has none."
        raise SlrTuneError(f"{place} has no study {study!r}", hint=hint)
    return study


def _is_sqlite(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(15) == b"SQLite format 3"


def _journal(path: Path) -> BaseStorage:
    """Optuna's journal; it would be made where it is not there, so this comes after a look."""
    from optuna.storages import JournalStorage
    from optuna.storages.journal import JournalFileBackend

    try:
        return JournalStorage(JournalFileBackend(str(path)))
    except (ValueError, KeyError, TypeError) as error:
        raise SlrTuneError(
            f"{path} is neither a database nor an Optuna journal: {error}"
        ) from error
