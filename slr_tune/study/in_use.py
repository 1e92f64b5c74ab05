"""Files that a process has mapped: nobody may remove them, whatever a `study.yaml` says."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

_PROCESSES = Path("/proc")
_PATH = 5
"""Place of the path in a line of proc_pid_maps(5)."""


def mapped_below(folder: Path) -> list[Path]:
    """Files below a folder that processes of this machine have mapped.

    Those of other users cannot be looked at; nothing is found where there is no /proc.
    """
    root, found = os.path.realpath(folder) + os.sep, set()
    for maps in _PROCESSES.glob("[0-9]*/maps"):
        with suppress(OSError):
            for line in maps.read_text(errors="surrogateescape").splitlines():
                words = line.split(maxsplit=_PATH)
                if len(words) > _PATH and words[_PATH].startswith(root):
                    found.add(folder / words[_PATH][len(root) :])
    return sorted(found)
