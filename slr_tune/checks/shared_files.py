"""Files that a script writes outside of its own folder: trials side by side would share them."""

from __future__ import annotations

import os
from collections.abc import Collection
from pathlib import Path

_MOST_FILES = 5000
"""A folder of more is not looked through: it holds data."""
_NOT_ITS_OWN = frozenset({"__pycache__", "node_modules", "site-packages", "wandb", "mlruns"})

Snapshot = dict[Path, tuple[int, int]]
"""Time of the last change in ns and size in bytes, by file."""


def snapshot(folder: Path, *, but: Collection[Path]) -> Snapshot | None:
    """The files in a folder and below it, hidden folders left out.

    Args:
        folder: The folder.
        but: Folders in it that are not looked into.

    Returns:
        None for a folder of too many files.
    """
    left_out = {str(path.absolute()) for path in but}
    found: Snapshot = {}
    for above, folders, files in os.walk(folder):
        folders[:] = [
            name
            for name in folders
            if not name.startswith(".")
            and name not in _NOT_ITS_OWN
            and os.path.join(above, name) not in left_out
        ]
        for name in files:
            try:
                facts = os.stat(os.path.join(above, name))
            except OSError:
                continue
            found[Path(above, name)] = facts.st_mtime_ns, facts.st_size
        if len(found) > _MOST_FILES:
            return None
    return found


def written(before: Snapshot | None, after: Snapshot | None, folder: Path) -> list[str]:
    """Names of the files that are new or other, from the folder on; none where it is not known."""
    if before is None or after is None:
        return []
    changed = [path for path, facts in after.items() if before.get(path) != facts]
    return sorted(str(path.relative_to(folder)) for path in changed)
