"""Checkpoints: written so that a crash leaves the old one, read so that no code can run.

A checkpoint is a dictionary of tensors and plain containers. It is loaded with torch's
`weights_only=True`: a file that asks for any other class or function is refused before anything
in it is called.
"""

from __future__ import annotations

import logging
import os
import pickle
import shutil
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from trainables.errors import CheckpointError
from trainables.files.atomic import partial_file
from trainables.files.foreign_checkpoint import foreign_checkpoint, foreign_objects

FORMAT_VERSION = 1
"""Version of the dictionary's layout; a later one is refused rather than misread."""

_log = logging.getLogger(__name__)
_PLAIN = (torch.Tensor, str, bytes, bool, int, float, type(None))


def save_checkpoint(path: Path, state: Mapping[str, Any]) -> None:
    """Writes a state to disk, at once or not at all.

    Args:
        path: File to write; its folder is made.
        state: Tensors, numbers, strings, None, and dicts, lists and tuples of them.

    Raises:
        TypeError: Something else is in the state, and could not be loaded safely again.
        CheckpointError: The folder cannot be written to, or the disk is full.
    """
    content = {"format_version": FORMAT_VERSION, **state}
    _check_plain(content, "state")
    try:
        with partial_file(path) as partial, partial.open("wb") as file:
            torch.save(content, file)
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise CheckpointError(f"checkpoint {path} cannot be written: {error}") from error


def load_checkpoint(path: Path) -> dict[str, Any]:
    """Reads a checkpoint onto the CPU, without running any code from it.

    Raises:
        CheckpointError: The file is missing, damaged, unsafe, or no checkpoint of this project.
    """
    if not path.is_file():
        raise CheckpointError(
            f"checkpoint {path} does not exist", hint="Check the path, or train it first."
        )
    try:
        # torch would try other, older formats on what is no archive; we never wrote those.
        if not zipfile.is_zipfile(path):
            raise ValueError("it is not an archive of torch")
        content = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise _refusal(path, error) from error
    except (OSError, RuntimeError, ValueError, EOFError, KeyError, zipfile.BadZipFile) as error:
        raise foreign_checkpoint(path) or CheckpointError(
            f"checkpoint {path} is damaged: {_first_line(error)}",
            hint="Take checkpoint_best.pt or checkpoint_latest.pt of the run, or train it again.",
        ) from error
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

    def __init__(self, folder: Path, *, every: int = 0) -> None:
        """Names the files; nothing is opened yet.

        Args:
            folder: Where the checkpoints lie.
            every: Keep one each that many epochs; 0 for none.
        """
        self._folder = folder
        self._every = every
        self.best = folder / "checkpoint_best.pt"
        self.latest = folder / "checkpoint_latest.pt"

    def save(self, state: Mapping[str, Any], *, epoch: int, improved: bool) -> None:
        """Stores a run's state after `epoch` epochs; latest is last, never ahead of the others.

        Raises:
            CheckpointError: The folder cannot be written to.
        """
        targets = [self.best] if improved else []
        if self._every and epoch % self._every == 0:
            targets.append(self._folder / f"checkpoint_epoch_{epoch:03d}.pt")
        first, *others = [*targets, self.latest]
        save_checkpoint(first, state)
        for other in others:
            _copy_file(first, other)

    def load_latest(self) -> dict[str, Any] | None:
        """Reads the newest checkpoint that can be read; None where there is none.

        A damaged file is moved aside, and the best epoch's is taken instead: going on from an
        earlier epoch gives the same run.
        """
        for path in (self.latest, self.best):
            if not path.exists():
                continue
            try:
                return load_checkpoint(path)
            except CheckpointError as error:
                aside = path.with_name(f"{path.name}.damaged")
                os.replace(path, aside)
                _log.warning("%s; moved to %s", error.message, aside.name)
        return None


def _copy_file(source: Path, target: Path) -> None:
    """Gives a file a second name, by a link where the file system has links."""
    try:
        with partial_file(target) as partial:
            partial.unlink(missing_ok=True)
            try:
                os.link(source, partial)
            except OSError:
                shutil.copyfile(source, partial)
    except OSError as error:
        raise CheckpointError(f"checkpoint {target} cannot be written: {error}") from error


def _check_plain(value: Any, where: str) -> None:
    """Refuses what `weights_only` would not load again."""
    if isinstance(value, Mapping):
        for key, item in value.items():
            _check_plain(key, f"a key of {where}")
            _check_plain(item, f"{where}[{key!r}]")
    elif isinstance(value, list | tuple):
        for index, item in enumerate(value):
            _check_plain(item, f"{where}[{index}]")
    elif type(value) not in _PLAIN and not isinstance(value, torch.Tensor):
        raise TypeError(
            f"{where} is a {type(value).__name__}; "
            "a state may hold tensors, numbers, strings, None, dicts, lists and tuples"
        )


def _refusal(path: Path, error: Exception) -> CheckpointError:
    """Tells a file that wants to run code from one that is merely broken."""
    text = str(error)
    if "Unsupported global" in text or "Unsupported operand" in text or "weights_only" in text:
        return foreign_objects(path)
    return foreign_checkpoint(path) or CheckpointError(
        f"checkpoint {path} is damaged: {_first_line(error)}"
    )


def _first_line(error: Exception) -> str:
    """The first line of an error's text; torch appends pages of advice."""
    return (str(error) or type(error).__name__).splitlines()[0]
