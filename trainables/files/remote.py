"""A folder that has a second place: any file system that pyarrow knows, S3 and GCS among them.

What is in the local folder was written first and is what a process works on. `push` sends what
the remote place lacks, `pull` brings what the local folder lacks. `.remote.json` next to the files
remembers what both have, so that nothing is sent twice and no newer local file is overwritten.
Nothing here imports torch.
"""

from __future__ import annotations

import json
import os
import re
import socket
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from trainables.errors import TrainablesError, first_line
from trainables.files.atomic import replace_file

MARKS = ".remote.json"
CURVE = "curve.csv"

_OBJECT_STORES = ("s3", "gcs", "abfs")
"""Where a file appears when it is whole, and has no cheap way to another name."""

_AT_A_TIME = 8
_FIRST = ("study.yaml", "origin.json")
_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://")


class RemoteError(TrainablesError):
    """The remote place of a study's files does not answer, or refuses them."""

    exit_code = 1


class RemoteUnusable(RemoteError):
    """What was named is not a place that files can be sent to."""

    exit_code = 2


def is_url(place: str) -> bool:
    """Whether a place is named by a URL, not by a path."""
    return _URL.match(place) is not None


def check_url(url: str) -> str:
    """A URL in its one spelling; one with a password is refused: it would be stored, and shown.

    Raises:
        ValueError: With the way out.
    """
    if not is_url(url):
        raise ValueError(
            f"{url!r} is not a URL such as s3://bucket/folder, gs://bucket/folder or file:///folder"
        )
    if "@" in url.split("://", 1)[1].split("/")[0] or "secret_key" in url:
        raise ValueError(
            "it contains a key or a password, which would be stored with the study: pass them in "
            "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or GOOGLE_APPLICATION_CREDENTIALS"
        )
    place, mark, options = url.partition("?")
    return f"{place.rstrip('/')}{mark}{options}"


def join_url(url: str, name: str) -> str:
    """A name below a URL, whose options (`?region=...`) stay at its end."""
    place, mark, options = url.partition("?")
    return f"{place.rstrip('/')}/{name}{mark}{options}"


@dataclass(frozen=True)
class RemoteFolder:
    """A local folder and the remote one that holds the same.

    Attributes:
        url: Of the remote folder; a file system's options may follow a `?`.
        local: The local folder.
    """

    url: str
    local: Path

    @cached_property
    def _opened(self) -> tuple[Any, str]:
        """The file system, and the folder's path on it.

        Raises:
            RemoteUnusable: pyarrow knows no such file system.
        """
        from pyarrow.fs import FileSystem

        try:
            system, path = FileSystem.from_uri(self.url)
        except (ValueError, TypeError) as error:
            raise RemoteUnusable(
                f"{self.url} is not a place for files: {first_line(error)}",
                hint="Such as s3://bucket/folder?region=eu-central-1, gs://bucket/folder or "
                "file:///folder.",
            ) from error
        return system, path.rstrip("/")

    def check(self) -> None:
        """Writes a file there, reads it back and removes it.

        Raises:
            RemoteError: One of the three does not work.
        """
        probe = f".probe-{uuid.uuid4().hex}"
        with remote_errors(self.url):
            self._write(probe, probe.encode())
            found = self._read(probe)
            self._opened[0].delete_file(self._path(probe))
        if found != probe.encode():
            raise RemoteError(f"{self.url} does not give back what was written there")

    def push(self, folder: Path, curve: bytes | None = None) -> int:
        """Sends what has changed below a local folder: checkpoints first, its curve last.

        A file is there whole or not at all; a crash in between leaves the curve behind its
        checkpoint, never ahead. Where another machine has continued the run meanwhile, what is
        here is behind and stays here.

        Args:
            folder: Below `local`.
            curve: Content of its `curve.csv`, of the epochs that the checkpoints hold; None for
                the file as it is there.

        Returns:
            How many files were sent.

        Raises:
            OSError: The remote place refuses one; those before it are sent.
        """
        marks = self._marks(folder)
        sent = 0
        for path in sorted(files_below(folder), key=_order):
            if path.name == CURVE and curve is not None:
                continue
            if path.parent.name == "checkpoints" and self._is_ahead(path, folder, marks):
                return sent
            sent += self._send(path, folder, marks)
        if curve is not None and marks.get(CURVE, [None])[0] != len(curve):
            marks[CURVE] = [len(curve), None, self._write(self._name(folder / CURVE), curve)]
            self._keep(folder, marks)
            sent += 1
        return sent

    def send(self, path: Path) -> None:
        """Sends one file where it has changed.

        Raises:
            OSError: The remote place refuses it.
        """
        self._send(path, path.parent, self._marks(path.parent))

    def left(self, folder: Path) -> list[Path]:
        """Files below a local folder that the remote place does not have as they are."""
        marks = self._marks(folder)
        return [
            path
            for path in files_below(folder)
            if not _is_clean(path, marks.get(str(path.relative_to(folder))))
        ]

    def pull(self, folder: Path, wanted: Callable[[str], bool]) -> int:
        """Brings the files of a remote folder that are not here, or changed there alone.

        Args:
            folder: Below `local`; made.
            wanted: Whether a file is wanted, by its path below the folder.

        Returns:
            How many files were brought.

        Raises:
            OSError: The remote place does not answer.
        """
        marks = self._marks(folder)
        lacking = [
            (name, info)
            for name, info in self._listed(folder)
            if wanted(name)
            and _is_inside(folder, name)
            and _lacks(folder / name, marks.get(name), info)
        ]
        try:
            with ThreadPoolExecutor(_AT_A_TIME) as pool:
                names = [self._name(folder / name) for name, _ in lacking]
                for (name, info), content in zip(lacking, pool.map(self._read, names), strict=True):
                    private_folder((folder / name).parent)
                    replace_file(folder / name, content)
                    found = (folder / name).stat()
                    marks[name] = [found.st_size, found.st_mtime_ns, info.mtime_ns]
        finally:
            if lacking:
                private_folder(folder)
                self._keep(folder, marks)
        return len(lacking)

    def fetch(self, path: Path) -> bool:
        """Brings one file where it is not here or changed there alone; whether it then is here."""
        folder = path.parent.parent if path.parent.name == "checkpoints" else path.parent
        name = str(path.relative_to(folder))
        self.pull(folder, lambda other: other == name)
        return path.exists()

    def epochs(self, folder: Path) -> int:
        """Epochs that the remote curve of a trial holds, so that its checkpoint has them too."""
        try:
            return max(0, self._read(self._name(folder / CURVE)).count(b"\n") - 1)
        except FileNotFoundError:
            return 0

    def delete(self, folder: Path) -> None:
        """Removes a folder there; one that is not there is no error.

        Raises:
            RemoteError: The remote place refuses it.
        """
        with remote_errors(self.url), suppress(FileNotFoundError):
            self._opened[0].delete_dir(self._path(self._name(folder)))

    def _is_ahead(self, path: Path, folder: Path, marks: dict[str, Any]) -> bool:
        """Whether somebody else has sent a later file of this name."""
        name = str(path.relative_to(folder))
        known = marks.get(name)
        if _is_clean(path, known):
            return False
        info = self._opened[0].get_file_info(self._path(self._name(path)))
        if info.size is None or (known and known[2] == info.mtime_ns):
            return False  # none, or of our own
        found = path.stat()
        if info.mtime_ns <= found.st_mtime_ns:
            return False
        # It may be ours: a process that was killed has sent it and not noted so.
        if self._read(self._name(path)) != path.read_bytes():
            return True
        marks[name] = [found.st_size, found.st_mtime_ns, info.mtime_ns]
        self._keep(folder, marks)
        return False

    def _send(self, path: Path, folder: Path, marks: dict[str, Any]) -> bool:
        name = str(path.relative_to(folder))
        if _is_clean(path, marks.get(name)):
            return False
        try:
            # Read whole before the remote file is begun: a disk that fails half-way would
            # otherwise end it there as if it were whole.
            with path.open("rb") as file:
                found, content = os.fstat(file.fileno()), file.read()
        except FileNotFoundError:  # deleted meanwhile, for its room
            return False
        written = self._write(self._name(path), content)
        marks[name] = [len(content), found.st_mtime_ns, written]
        self._keep(folder, marks)
        return True

    def _write(self, name: str, content: bytes) -> int | None:
        """Writes a remote file; its time there, in ns."""
        system, _ = self._opened
        path = self._path(name)
        if system.type_name in _OBJECT_STORES:
            place = path
        else:
            above, _, last = path.rpartition("/")
            system.create_dir(above, recursive=True)
            place = f"{above}/.{last}.{socket.gethostname()}.{os.getpid()}.partial"
        with system.open_output_stream(place) as stream:
            stream.write(content)
        if place != path:
            system.move(place, path)
        written: int | None = system.get_file_info(path).mtime_ns
        return written

    def _read(self, name: str) -> bytes:
        with self._opened[0].open_input_stream(self._path(name)) as stream:
            content: bytes = stream.read()
        return content

    def _listed(self, folder: Path) -> list[tuple[str, Any]]:
        """The remote files below a folder, each with its path below it."""
        from pyarrow.fs import FileSelector, FileType

        start = self._path(self._name(folder))
        chosen = FileSelector(start, recursive=True, allow_not_found=True)
        found = self._opened[0].get_file_info(chosen)
        files = [info for info in found if info.type == FileType.File]
        named = [(info.path.removeprefix(start).lstrip("/"), info) for info in files]
        return sorted((pair for pair in named if not _is_hidden(pair[0])), key=lambda p: p[0])

    def _name(self, path: Path) -> str:
        name = path.relative_to(self.local).as_posix()
        return "" if name == "." else name

    def _path(self, name: str) -> str:
        return f"{self._opened[1]}/{name}".rstrip("/")

    def _marks(self, folder: Path) -> dict[str, Any]:
        """Of each file: its size, its time here, its time there."""
        try:
            found = json.loads((folder / MARKS).read_bytes())
        except (OSError, ValueError):
            return {}
        return found if isinstance(found, dict) else {}

    def _keep(self, folder: Path, marks: dict[str, Any]) -> None:
        replace_file(folder / MARKS, json.dumps(marks).encode())


@contextmanager
def remote_errors(url: str) -> Iterator[None]:
    """Turns what a remote place can raise into one `RemoteError`."""
    try:
        yield
    except OSError as error:
        raise RemoteError(
            f"{url} cannot be read or written: {first_line(error)}",
            hint="Check the address, the network and the credentials (AWS_ACCESS_KEY_ID, "
            "GOOGLE_APPLICATION_CREDENTIALS); then run the same command again.",
        ) from error


def files_below(folder: Path) -> list[Path]:
    """Files of a folder that have a remote place: no hidden and no partial ones."""
    found = [path for path in folder.rglob("*") if not _is_hidden(str(path.relative_to(folder)))]
    return [path for path in found if path.is_file() and not path.is_symlink()]


def private_folder(folder: Path) -> None:
    """Makes a folder that nobody else can look into."""
    for above in (*reversed(folder.parents), folder):
        if not above.exists():
            above.mkdir(mode=0o700, exist_ok=True)


def _is_hidden(name: str) -> bool:
    return any(part.startswith(".") for part in name.split("/"))


def _is_inside(folder: Path, name: str) -> bool:
    """A remote listing is foreign: nothing is written outside the folder."""
    return Path(os.path.normpath(folder / name)).is_relative_to(folder)


def _order(path: Path) -> tuple[int, str]:
    """What others rest on goes first: a name, then checkpoints with the latest last, the curve."""
    if path.name in _FIRST:
        return 0, path.name
    if path.parent.name == "checkpoints":
        return 1 + ("latest" in path.name), path.name
    return 3 + (path.name == CURVE), path.name


def _lacks(path: Path, known: Any, info: Any) -> bool:
    """Whether a remote file is to be brought: it is not here, or changed there and not here."""
    if not path.exists():
        return True
    return bool(known) and known[2] != info.mtime_ns and _is_clean(path, known)


def _is_clean(path: Path, known: Any) -> bool:
    """Whether a local file is what was last sent or brought."""
    try:
        found = path.stat()
    except FileNotFoundError:
        return True
    return bool(known) and found.st_size == known[0] and known[1] in (None, found.st_mtime_ns)
