"""A full disk, reported as one, whatever error the writing library raised.

torch says "unexpected pos", safetensors an error of its own, sqlite "disk I/O error": only the
system's error number would say it, and libraries swallow that. So the disk itself is asked.
Nothing here imports torch.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from trainables.errors import TrainablesError

_NUMBERS = (errno.ENOSPC, errno.EDQUOT)
_PROBE_BYTES = 256 * 1024
"""Written to find out: more than what a file system keeps back at the end of its last blocks."""


@contextmanager
def full_disk_reported(path: Path) -> Iterator[None]:
    """Turns what a writer raises on a full disk into the system's own error for it.

    To be left before what was written is removed, for that makes room again.

    Args:
        path: What is written; its folder is asked.

    Raises:
        OSError: ENOSPC or EDQUOT, with the path, where there is no room.
    """
    try:
        yield
    except TrainablesError:
        raise
    except Exception as error:
        number = full_disk_number(error) or no_room(path.parent)
        if number is None or (isinstance(error, OSError) and error.errno == number):
            raise
        raise OSError(number, os.strerror(number), str(path)) from error


def full_disk_number(error: BaseException) -> int | None:
    """ENOSPC or EDQUOT where an error, or one that it came of, says so; else None."""
    seen: set[int] = set()
    found: BaseException | None = error
    while found is not None and id(found) not in seen:
        seen.add(id(found))
        if isinstance(found, OSError) and found.errno in _NUMBERS:
            return found.errno
        # Libraries in Rust put the number into their text.
        numbers = [n for n in _NUMBERS if f"os error {n})" in str(found)]
        if numbers:
            return numbers[0]
        found = found.__cause__ or found.__context__
    return None


def no_room(folder: Path) -> int | None:
    """ENOSPC or EDQUOT where nothing more can be written to a folder, else None.

    The free space shows nothing about a quota, so a small file is written and removed.
    """
    probe = folder / f".room.{os.getpid()}.partial"
    try:
        with probe.open("wb", buffering=0) as file:
            written = 0
            while written < _PROBE_BYTES:
                written += file.write(bytes(_PROBE_BYTES - written))
            os.fsync(file.fileno())
    except OSError as error:
        return error.errno if error.errno in _NUMBERS else None
    finally:
        try:
            probe.unlink(missing_ok=True)
        except OSError:
            pass
    return None
