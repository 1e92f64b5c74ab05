"""Prepares data once and finds it again; any number of processes may ask at the same time.

```
<cache>/data/<hash>/           a packed data set, or the index of a part of one
<cache>/data/keys/<key>        names the hash of what was made from one choice of data
<cache>/data/<key>.partial/    being made; a crash leaves it, and the next who packs removes it
```
"""

from __future__ import annotations

import logging
import shutil
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from trainables.data.config import LibrasSpec, parse_data_spec
from trainables.data.dataset import Dataset, open_dataset
from trainables.data.libras_source import LibrasSource
from trainables.data.packing import PackingProblems, Progress
from trainables.data.parts import open_part
from trainables.data.phoenix_source import PhoenixSource
from trainables.errors import DataError
from trainables.files.atomic import replace_file
from trainables.files.full_disk import full_disk_reported

SHOWN_PROBLEMS = 20

Source = LibrasSource | PhoenixSource
"""Data that can be packed."""

_log = logging.getLogger(__name__)


def prepare(
    section: Mapping[str, Any], cache: Path, *, progress: Progress | None = None
) -> Dataset:
    """Packs a data set, or finds it where it was packed before.

    Args:
        section: The `data:` section of a search-space file, such as `{"name": "libras"}`.
        cache: Folder that all runs share.
        progress: Called after each utterance of a long packing.

    Returns:
        The data set, in `cache/data/<hash>`.

    Raises:
        ConfigError: The section is wrong.
        DataError: The data is missing or malformed (all its problems are named), or the cache
            cannot be written.
    """
    spec = parse_data_spec(section)
    whole = spec.whole()
    source = LibrasSource(whole) if isinstance(whole, LibrasSpec) else PhoenixSource(whole)
    store = Path(cache).absolute() / "data"
    try:
        key = source.key()
        return open_part(_find(store, key) or _make(source, store, key, progress), spec)
    except OSError as error:
        raise DataError(
            f"{error.filename or store}: {error.strerror or error}",
            hint=f"The data is packed into {store}, which must be writable and have free space.",
        ) from error


def _find(store: Path, key: str, *, warn: bool = False) -> Dataset | None:
    try:
        digest = (store / "keys" / key).read_text(encoding="ascii").strip()
        return open_dataset(store / digest) if digest and (store / digest).is_dir() else None
    except (FileNotFoundError, UnicodeDecodeError):
        return None
    except DataError as error:
        if warn:
            _log.warning("%s; it is rebuilt", error.message)
        return None


def _make(source: Source, store: Path, key: str, progress: Progress | None) -> Dataset:
    (store / "keys").mkdir(parents=True, exist_ok=True)
    # One process packs, the others wait for it; the system frees the lock of a dead one.
    with FileLock(store / "keys" / f"{key}.lock"):
        # Another process may have made it while it held the lock.
        if (found := _find(store, key, warn=True)) is not None:
            return found
        partial = store / f"{key}.partial"
        _sweep(store, key)
        partial.mkdir()
        try:
            with full_disk_reported(partial):
                digest = source.build(partial, progress)
                _publish(partial, store / digest)
        except PackingProblems as error:
            raise _data_error(source.name, store / f"{key}.problems.txt", error) from error
        finally:
            shutil.rmtree(partial, ignore_errors=True)
        replace_file(store / "keys" / key, digest.encode())
    return open_dataset(store / digest)


def _sweep(store: Path, own_key: str) -> None:
    """Removes what packings left that were killed; those still alive hold their lock."""
    for partial in store.glob("*.partial"):
        key = partial.name.removesuffix(".partial")
        if key == own_key:
            shutil.rmtree(partial)
        else:
            with suppress(Timeout), FileLock(store / "keys" / f"{key}.lock", timeout=0):
                shutil.rmtree(partial, ignore_errors=True)


def _publish(partial: Path, target: Path) -> None:
    """Gives a finished data set its name, at once and only where no sound one has it."""
    if target.exists():
        with suppress(DataError):
            open_dataset(target)
            return
        # Those who have the damaged files mapped keep them until they close them.
        shutil.rmtree(target)
    try:
        partial.rename(target)
    except OSError:
        # The same data under another key was packed in the same moment.
        if not target.exists():
            raise


def _data_error(name: str, full_list: Path, error: PackingProblems) -> DataError:
    problems = error.problems
    plural = "problem" if len(problems) == 1 else "problems"
    lines = [f"{name} data: {len(problems)} {plural}"]
    lines += [f"  {problem}" for problem in problems[:SHOWN_PROBLEMS]]
    if len(problems) > SHOWN_PROBLEMS:
        replace_file(full_list, ("\n".join(problems) + "\n").encode())
        lines.append(f"  and {len(problems) - SHOWN_PROBLEMS} more; all are listed in {full_list}")
    return DataError("\n".join(lines), hint="Repair the data, then prepare it again.")
