"""Driving a run to its end without any search: curve, TensorBoard and checkpoints in a folder."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager, nullcontext
from pathlib import Path
from typing import Any, Literal

from trainables.checked_run import CheckedRun, Row
from trainables.errors import CheckpointError, ConfigError, FolderGone
from trainables.files.checkpoint import CheckpointFolder
from trainables.files.curve import CurveFile, EventFile
from trainables.files.folder_lock import FolderHeld, folder_lock
from trainables.protocol import Run

_MAY_CHANGE = {"checkpoint_every", "teacher_cache", "device", "data_on_device"}
"""Settings that do not change what a run computes, so it may continue with others."""

_TRIES = 5
"""Times that an epoch is written into a folder that somebody deletes meanwhile."""

_IDENTITY = ("trainable", "seed", "data_hash", "teacher_hash", "started_from")
"""What a built-in run's state says of where it comes from, next to its settings."""


def train(
    run: Run,
    folder: Path | None = None,
    *,
    metric: str = "val/wer",
    direction: Literal["minimize", "maximize"] = "minimize",
    checkpoint_every: int = 0,
) -> Iterator[Row]:
    """Trains until the run has ended, and yields the row of each epoch that it trained.

    In the folder lie `curve.csv`, TensorBoard events and `checkpoints/`. Each epoch is stored
    before its row is yielded, the latest checkpoint last: stopped anywhere, the same call continues
    after the last stored epoch, and ends with the same bits as if it had never been stopped.

    Args:
        run: At epoch 0.
        folder: Where to store; None stores nothing.
        metric: Column that says which epoch is best.
        direction: Whether small or large values of it are.
        checkpoint_every: Keep a checkpoint each that many epochs; 0 for none.

    Yields:
        Rows of the curve, the first after what the folder already holds.

    Raises:
        ConfigError: The folder cannot be written to, another process trains into it, or it holds
            a run with other settings, seed, data or teacher.
        FolderGone: The folder was deleted meanwhile; the same call continues.
        CheckpointError: The folder holds a run of another model, or cannot be written to.
        RunRefused: What the run returns cannot be used.
    """
    with nullcontext() if folder is None else _held(folder):
        store = None if folder is None else _Store(folder, every=checkpoint_every)
        with closing(CheckedRun(run, metric=metric, minimizes=direction == "minimize")) as checked:
            if store is not None:
                store.take_up(checked, run)
            while checked.ended_by is None:
                row = checked.run_epoch()
                if row is None:
                    break
                if store is not None:
                    store.save(checked)
                yield row


def checkpoints(folder: Path, *, every: int = 0) -> CheckpointFolder:
    """The checkpoints in the folder of a run."""
    return CheckpointFolder(folder / "checkpoints", every=every)


@contextmanager
def _held(folder: Path) -> Iterator[None]:
    """Holds a run's folder against other processes: two would overwrite each other's epochs."""
    with ExitStack() as stack:
        try:
            stack.enter_context(folder_lock(folder))
        except FolderHeld as error:
            raise ConfigError(
                f"another command is training into {folder}: {error}",
                hint="Wait for it, stop it, or choose another folder.",
            ) from error
        except OSError as error:
            raise ConfigError(f"{folder} cannot be written to: {error.strerror}") from error
        yield


class _Store:
    """A run's files."""

    def __init__(self, folder: Path, *, every: int) -> None:
        # Found out now, not after the first epoch.
        try:
            (folder / "checkpoints").mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=folder):
                pass
        except OSError as error:
            raise ConfigError(f"{folder} cannot be written to: {error.strerror}") from error
        self._folder = folder
        self._checkpoints = checkpoints(folder, every=every)
        self._curve = CurveFile(folder / "curve.csv")
        self._events = EventFile(folder)

    def take_up(self, run: CheckedRun, given: Run) -> None:
        """Brings a run to where its files are, and the files to where its checkpoint is."""
        state = self._checkpoints.load_latest()
        if state is not None:
            _check_same_run(self._folder, state, given)
            run.load(state)
        if run.rows or self._curve.path.exists():
            self._curve.repair(run.rows)
            self._events.repair(run.rows)

    def save(self, run: CheckedRun) -> None:
        """Stores an epoch. The latest checkpoint comes last: it says that the rest is there."""
        state = run.state()
        gone = len(run.rows) > 1 and not self._curve.path.exists()
        for _ in range(_TRIES):
            try:
                self._write(run, state, whole=gone)
                break
            except (CheckpointError, OSError) as error:
                if not _is_missing(error):
                    raise
                gone = True  # deleted just now, maybe not yet to the end
        if gone:
            raise FolderGone(
                f"{self._curve.path} was deleted while the run was trained",
                hint="Its curve and its latest checkpoint were written again: run the same "
                "command again to resume. Checkpoints of earlier epochs are lost.",
            )

    def _write(self, run: CheckedRun, state: Mapping[str, Any], *, whole: bool) -> None:
        """Writes the last row, or where the file was deleted all of them, and the checkpoints."""
        if whole:
            self._curve.repair(run.rows)
            self._events.repair(run.rows)
        else:
            self._curve.append(run.rows[-1])
            self._events.append(run.rows[-1])
        self._checkpoints.save(state, epoch=run.epoch, improved=run.improved)


def _is_missing(error: Exception) -> bool:
    """Whether something was not there that a file was to be written into."""
    cause = error.__cause__ if isinstance(error, CheckpointError) else error
    return isinstance(cause, FileNotFoundError)


def _check_same_run(folder: Path, state: Mapping[str, Any], run: Run) -> None:
    """Refuses to continue with a run that was started otherwise."""
    old, new = _identity(state), _identity(run.state_dict())
    differences = [
        f"{name}: {old.get(name)!r} in the folder, {new.get(name)!r} now"
        for name in dict.fromkeys([*old, *new])
        if old.get(name) != new.get(name)
    ]
    if differences:
        raise ConfigError(
            f"{folder} contains another run:\n  " + "\n  ".join(differences),
            hint="Choose another folder, or delete this one to start again.",
        )


def _identity(state: Mapping[str, Any]) -> dict[str, Any]:
    """What makes a run the one it is, flat; of a user's own run only what it offers."""
    flat = {name: state.get(name) for name in _IDENTITY}
    settings = state.get("config")
    if isinstance(settings, Mapping):
        flat |= {name: value for name, value in settings.items() if name not in _MAY_CHANGE}
    return flat
