"""Which code a script is: its commit, and a hash of its sources. No copy of it is made."""

from __future__ import annotations

import hashlib
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

from trainables.script.spec import ScriptSpec

_MOST_FILES = 2000
_GIT_SECONDS = 10
_NO_SOURCES = ("__pycache__", "node_modules", "site-packages", "studies")


def git_state(folder: Path) -> tuple[str | None, bool]:
    """Commit of the repository that a folder is in, and whether files differ from it.

    Returns:
        None where it is in none, or git is not there.
    """
    command = ["git", "describe", "--always", "--abbrev=40", "--dirty=+changes", "--exclude=*"]
    try:
        done = subprocess.run(
            command, cwd=folder, capture_output=True, text=True, timeout=_GIT_SECONDS, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return None, False
    commit, _, changes = done.stdout.strip().partition("+")
    return commit or None, bool(changes)


def script_files(script: ScriptSpec, folder: Path) -> list[Path]:
    """Files that the command names: the script, and what else of it is there."""
    return [folder / word for word in script.words[1:] if (folder / word).is_file()]


def script_folder(script: ScriptSpec, folder: Path) -> Path:
    """Folder of the script; the working folder where the command names no file."""
    files = script_files(script, folder)
    return files[0].resolve().parent if files else folder


def sources_of(script: ScriptSpec, folder: Path) -> Iterator[Path]:
    """The script's files, and the Python files next to and below the script."""
    yield from script_files(script, folder)
    if not script_files(script, folder) and "-m" not in script.words:
        return
    count = 0
    for place, below, names in os.walk(script_folder(script, folder)):
        below[:] = sorted(n for n in below if not n.startswith(".") and n not in _NO_SOURCES)
        if any((Path(place) / name).exists() for name in ("pyvenv.cfg", "slr-tune.db")):
            below.clear()
            continue
        for name in sorted(names):
            if name.endswith(".py"):
                count += 1
                if count > _MOST_FILES:
                    return
                yield Path(place) / name


def sources_hash(script: ScriptSpec, folder: Path) -> str:
    """SHA-256 over what shapes what a script trains, as far as it can be seen from outside."""
    digest = hashlib.sha256(script.name.encode())
    for path in sources_of(script, folder):
        digest.update(f"{path.name}\n".encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()
