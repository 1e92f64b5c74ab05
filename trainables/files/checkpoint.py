"""Checkpoints: written so that a crash leaves the old one, read so that no code can run.

A checkpoint is a dictionary of tensors and plain containers. It is loaded with torch's
`weights_only=True`: a file that asks for any other class or function is refused before anything
in it is called.
"""

from __future__ import annotations

import errno
import logging
import os
import pickle
import shutil
import time
import zlib
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import IO, Any, cast

import torch

from trainables.errors import CheckpointError, CheckpointUnreadable, first_line
from trainables.files.atomic import partial_file
from trainables.files.foreign_checkpoint import foreign_checkpoint, foreign_objects
from trainables.files.origin import FILE as ORIGIN_FILE
from trainables.files.origin import KEY as ORIGIN_KEY
from trainables.files.origin import Origin, move_aside, other_than, write_origin
from trainables.files.plain_state import plain_state, unloadable_keys
from trainables.memory import is_out_of_memory

FORMAT_VERSION = 1
"""Version of the dictionary's layout; a later one is refused rather than misread."""

_log = logging.getLogger(__name__)
_PAUSES_SECONDS = (0.1, 0.4, 1.5, 4.0)
"""Between tries to read a file that cannot be read now."""
_MARK = b"slr-tune crc32="
_END_RECORD_BYTES = 22


def save_checkpoint(path: Path, state: Mapping[str, Any]) -> None:
    """Writes a state to disk, at once or not at all, with a checksum over all of it.

    Args:
        path: File to write; its folder is made.
        state: Tensors, numbers, strings, None, and dicts, lists and tuples of them.

    Raises:
        TypeError: Something else is in the state, and could not be loaded safely again.
        CheckpointError: The folder cannot be written to, or the disk is full.
    """
    content, problems = plain_state({"format_version": FORMAT_VERSION, **state})
    if problems:
        raise TypeError("; ".join(problems))
    try:
        with partial_file(path) as partial, partial.open("wb") as file:
            summed = _Summed(file)
            torch.save(content, cast(IO[bytes], summed))
            _write_checksum(file, summed.crc)
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise CheckpointError(f"checkpoint {path} cannot be written: {error}") from error


def prove_checkpoint(path: Path, state: Mapping[str, Any]) -> None:
    """Loads back what was just written, and removes it where that fails.

    Args:
        path: The file.
        state: What was written.

    Raises:
        CheckpointError: It cannot be loaded; the message names the keys that are to blame.
    """
    try:
        load_checkpoint(path)
    except CheckpointUnreadable:
        raise
    except CheckpointError as error:
        path.unlink(missing_ok=True)
        keys = ", ".join(map(repr, unloadable_keys(state)))
        raise CheckpointError(
            f"the state was stored and cannot be loaded again: {keys or error.message}",
            hint="A state may contain tensors, numbers, strings, None, dicts, lists and tuples.",
        ) from error


def load_checkpoint(path: Path) -> dict[str, Any]:
    """Reads a checkpoint onto the CPU, without running any code from it.

    Where the disk or the system refuses to read, it is tried again for some seconds.

    Raises:
        CheckpointUnreadable: It still cannot be read; the file may be sound.
        CheckpointError: The file is missing, damaged, unsafe, or no checkpoint of this project.
    """
    for pause in (*_PAUSES_SECONDS, None):
        try:
            with path.open("rb") as file:
                content = _content(path, file)
            break
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError) as error:
            raise CheckpointError(
                f"checkpoint {path} does not exist", hint="Check the path, or train it first."
            ) from error
        except OSError as error:
            if pause is None or error.errno in (errno.EACCES, errno.EPERM):
                raise CheckpointUnreadable(
                    f"checkpoint {path} cannot be read now: {error.strerror or error}",
                    hint="The file may be intact. Fix what keeps it from being read, then run the "
                    "same command again.",
                ) from error
            _pause(pause)
    version = content.get("format_version") if isinstance(content, dict) else None
    if version is None and (foreign := foreign_checkpoint(path, content)) is not None:
        raise foreign
    if version != FORMAT_VERSION:
        raise CheckpointError(
            f"checkpoint {path} has format {version}, this version reads {FORMAT_VERSION}",
            hint="Update slr-tune.",
        )
    return {key: value for key, value in content.items() if key != "format_version"}


class CheckpointFolder:
    """The checkpoints of one run: best, latest, and one every so many epochs.

    Attributes:
        best: File of the epoch with the best value of the objective.
        latest: File of the last finished epoch.
    """

    def __init__(self, folder: Path, *, every: int = 0, origin: Origin | None = None) -> None:
        """Names the files; nothing is opened yet.

        Args:
            folder: Where the checkpoints lie.
            every: Keep one each that many epochs; 0 for none.
            origin: What they belong to; each carries it, and one that carries another is not
                resumed. None where nobody asks.
        """
        self._folder = folder
        self._every = every
        self._origin = origin
        self._proven = False
        self.best = folder / "checkpoint_best.pt"
        self.latest = folder / "checkpoint_latest.pt"

    def save(self, state: Mapping[str, Any], *, epoch: int, improved: bool) -> None:
        """Stores a run's state after `epoch` epochs; latest is last, never ahead of the others.

        What the first call wrote is loaded back at once.

        Raises:
            CheckpointError: The folder cannot be written to, or the state cannot be loaded again.
        """
        if self._origin is not None:
            state = {**state, ORIGIN_KEY: self._origin.to_json()}
            self._say_origin(self._origin)
        targets = [self.best] if improved else []
        if self._every and epoch % self._every == 0:
            targets.append(self._folder / f"checkpoint_epoch_{epoch:03d}.pt")
        first, *others = [*targets, self.latest]
        save_checkpoint(first, state)
        if not self._proven:
            prove_checkpoint(first, state)
            self._proven = True
        for other in others:
            _copy_file(first, other)
        if self._origin is not None:
            self._say_origin(self._origin)  # the folder may have been deleted meanwhile

    def load_latest(self) -> dict[str, Any] | None:
        """Reads the newest checkpoint that can be read; None where there is none.

        A damaged file is moved aside, and the best epoch's is taken instead: continuing from an
        earlier epoch gives the same run. So is one that belongs to another trial. One that merely
        cannot be read now stays where it is. Half a file of a writer that was killed is removed:
        nobody else writes here.

        Raises:
            CheckpointUnreadable: The disk or the system refuses to read one that is there.
        """
        with suppress(OSError):  # it can stay where the system has no room to look
            for partial in self._folder.glob(".*.partial"):
                partial.unlink()
        for path in (self.latest, self.best):
            if not os.path.lexists(path):
                continue
            try:
                state = load_checkpoint(path)
                if self._belongs(path, state):
                    return state
            except CheckpointUnreadable:
                raise
            except CheckpointError as error:
                aside = path.with_name(f"{path.name}.damaged")
                os.replace(path, aside)
                _log.warning("%s; moved to %s", error.message, aside.name)
        return None

    def _belongs(self, path: Path, state: dict[str, Any]) -> bool:
        """Whether a checkpoint may be used; one that may not is moved aside."""
        stored = state.pop(ORIGIN_KEY, None) if self._origin is not None else None
        if self._origin is None or (stored is None and self._origin.adopted):
            return True
        wrong = other_than(Origin.from_json(stored), self._origin)
        if wrong is not None:
            _log.warning(
                "%s does not belong to this trial; moved to %s", path, move_aside(path, wrong).name
            )
        return wrong is None

    def _say_origin(self, origin: Origin) -> None:
        """Where somebody deleted the trial's folder, new files must be registered again."""
        if not (self._folder.parent / ORIGIN_FILE).exists():
            try:
                write_origin(self._folder.parent, origin)
            except OSError as error:
                raise CheckpointError(
                    f"{self._folder.parent} cannot be written to: {error}"
                ) from error


def _copy_file(source: Path, target: Path) -> None:
    """Adds a second name to a file, by a link where the file system has links."""
    try:
        with partial_file(target) as partial:
            partial.unlink(missing_ok=True)
            try:
                os.link(source, partial)
            except OSError:
                shutil.copyfile(source, partial)
    except OSError as error:
        raise CheckpointError(f"checkpoint {target} cannot be written: {error}") from error


class _Summed:
    """Passes on what is written, and keeps the checksum of it."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self.crc = 0

    def write(self, data: bytes) -> int:
        self.crc = zlib.crc32(data, self.crc)
        return self._file.write(data)

    def flush(self) -> None:
        self._file.flush()


def _write_checksum(file: IO[bytes], crc: int) -> None:
    """Adds the checksum as the archive's comment, which every reader of archives skips."""
    comment = _MARK + f"{crc:08x}".encode()
    file.seek(-2, os.SEEK_END)  # the length of the comment, 0 so far
    file.write(len(comment).to_bytes(2, "little") + comment)


def _has_checksum(file: IO[bytes]) -> bool | None:
    """Whether a file's checksum is right; None where it has none, as those of before.

    The file is read once, a part at a time.
    """
    tail = len(_MARK) + 8
    size = file.seek(0, os.SEEK_END)
    file.seek(max(0, size - max(tail, _END_RECORD_BYTES)))
    end = file.read()
    comment = end[-tail:]
    if not comment.startswith(_MARK):
        # A whole archive without a comment ends with its end record.
        end = end[-_END_RECORD_BYTES:]
        return None if end.startswith(b"PK\5\6") and end.endswith(b"\0\0") else False
    file.seek(0)
    left, crc = size - tail - 2, 0
    while left:
        data = file.read(min(left, 1 << 20))
        if not data:
            return False
        crc, left = zlib.crc32(data, crc), left - len(data)
    length = file.read(2)
    crc = zlib.crc32(b"\0\0", crc)
    return length == tail.to_bytes(2, "little") and comment[len(_MARK) :] == b"%08x" % crc


def _content(path: Path, file: IO[bytes]) -> Any:
    """What an opened file holds.

    Raises:
        OSError: The disk or the system refuses to read.
        MemoryError: There is no room for it.
        CheckpointError: It is damaged or unsafe.
    """
    try:
        # torch would try other, older formats on what is not an archive; we never wrote those.
        if file.read(4) != b"PK\3\4":  # zipfile.is_zipfile hides what the disk says
            raise ValueError("it is not an archive of torch")
        if _has_checksum(file) is False:
            raise ValueError("its checksum does not fit its content")
        file.seek(0)
        return torch.load(file, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise _refusal(path, error) from error
    except (RuntimeError, ValueError, EOFError, KeyError) as error:
        if is_out_of_memory(error):
            raise
        raise foreign_checkpoint(path) or CheckpointError(
            f"checkpoint {path} is damaged: {first_line(error)}",
            hint="Take checkpoint_best.pt or checkpoint_latest.pt of the run, or train it again.",
        ) from error


def _pause(seconds: float) -> None:
    time.sleep(seconds)


def _refusal(path: Path, error: Exception) -> CheckpointError:
    """Tells a file that wants to run code from one that is merely broken."""
    text = str(error)
    if "Unsupported global" in text or "Unsupported operand" in text or "weights_only" in text:
        return foreign_objects(path)
    return foreign_checkpoint(path) or CheckpointError(
        f"checkpoint {path} is damaged: {first_line(error)}"
    )
