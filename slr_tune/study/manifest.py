"""`study.yaml`: what was run, for anyone who asks later."""

from __future__ import annotations

import platform
import subprocess
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any, Protocol

import yaml

from slr_tune.space import StudySpec
from trainables.curve import replace_file

_PACKAGES = ("slr-tune", "torch", "ray", "optuna", "numpy", "jiwer", "sqlalchemy")


class HashedData(Protocol):
    """What the manifest says of a data set."""

    @property
    def folder(self) -> Path:
        """Where it lies, prepared."""

    @property
    def hash(self) -> str:
        """Of everything that shaped it."""


class HashedTeacher(Protocol):
    """What the manifest says of a teacher."""

    @property
    def checkpoint(self) -> Path:
        """Its file."""

    @property
    def hash(self) -> str:
        """SHA-256 of the file."""

    @property
    def wer(self) -> float | None:
        """Its WER on dev, percent."""


def write_manifest(
    spec: StudySpec, folder: Path, *, data: HashedData | None, teacher: HashedTeacher | None
) -> Path:
    """Writes `study.yaml` into the study's folder; earlier runs stay listed under `runs`.

    Args:
        spec: The search.
        folder: The study's folder.
        data: The prepared data, None without.
        teacher: The teacher, None without.

    Returns:
        The file.
    """
    path = folder / "study.yaml"
    earlier = _read(path).get("runs", [])
    content = {
        **spec.identity(),
        "trials": spec.budget.trials,
        "data_hash": None if data is None else data.hash,
        "teacher": None
        if teacher is None
        else {"checkpoint": str(teacher.checkpoint), "sha256": teacher.hash, "wer": teacher.wer},
        "runs": [*earlier, _this_run(spec)],
    }
    replace_file(path, yaml.safe_dump(content, sort_keys=False, allow_unicode=True).encode())
    return path


def _read(path: Path) -> dict[str, Any]:
    try:
        content = yaml.safe_load(path.read_text())
    except (OSError, yaml.YAMLError):
        return {}
    return content if isinstance(content, dict) else {}


def _this_run(spec: StudySpec) -> dict[str, Any]:
    return {
        "started": datetime.now(UTC).isoformat(timespec="seconds"),
        "trials": spec.budget.trials,
        "audit": spec.budget.audit,
        "space_file": str(spec.path),
        "python": platform.python_version(),
        "platform": platform.platform(),
        "packages": {name: _version(name) for name in _PACKAGES},
        "git_commit": _git_commit(),
    }


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def _git_commit() -> str | None:
    """Commit of the working directory's repository, with "+changes" where files differ from it."""
    try:
        done = subprocess.run(
            ["git", "describe", "--always", "--abbrev=40", "--dirty=+changes", "--exclude=*"],
            capture_output=True,
            text=True,
            timeout=10,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip() or None
