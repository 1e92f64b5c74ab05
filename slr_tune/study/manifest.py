"""`study.yaml`: what was run, for anyone who asks later."""

from __future__ import annotations

import platform
import subprocess
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from slr_tune.space import StudySpec
from slr_tune.study.commands import command_line
from trainables.files.atomic import replace_file

if TYPE_CHECKING:
    from trainables.data import Dataset

FILE = "study.yaml"
SPACE_COPY = "space.yaml"
"""The search-space file as it was at the last run: a study may be copied to where it is not."""
_HOURS = "budget.hours="
_PACKAGES = ("slr-tune", "torch", "ray", "optuna", "numpy", "jiwer", "sqlalchemy")


@dataclass(frozen=True)
class LastRun:
    """What was typed when a study was last run: without it the same file may mean another study.

    Attributes:
        space_file: The search-space file; SPACE where it is not known.
        options: What was typed beside it but the study's name and database: a value, a list of
            them, or True for a flag, as `{"--seed": 3, "--set": ["a=1"], "--no-verify": True}`.
    """

    space_file: str
    options: Mapping[str, Any]

    def command(self, study: str, changes: Mapping[str, Any] | None = None) -> str:
        """The command that goes on with a study, or runs a changed one under another name.

        Args:
            study: Its name.
            changes: Options over those of the last run; of `--set`, which adds up, more of them.
        """
        changes = changes or {}
        sets = [*self.options.get("--set", ()), *changes.get("--set", ())]
        options = {"--study": study, **self.options, **changes, "--set": sets}
        return command_line("run", self.space_file, options=options)

    def with_hours(self, study: str, hours: float) -> str:
        """The command that goes on with a study for so many hours in all."""
        given = [one for one in self.options.get("--set", ()) if not one.startswith(_HOURS)]
        options = {**self.options, "--set": [*given, f"{_HOURS}{hours:.6g}"]}
        return LastRun(self.space_file, options).command(study)


def last_run(folder: Path) -> LastRun:
    """Reads it from a study's folder; what `study.yaml` does not tell is left out."""
    runs = _read(folder / FILE).get("runs")
    run = runs[-1] if isinstance(runs, list) and runs and isinstance(runs[-1], dict) else {}
    path = Path(str(run.get("space_file", "SPACE")))
    if not path.is_file() and (folder / SPACE_COPY).is_file():
        path = (folder / SPACE_COPY).absolute()
    if path.is_absolute() and path.is_relative_to(Path.cwd()):
        path = path.relative_to(Path.cwd())
    options = run.get("options")
    return LastRun(str(path), options if isinstance(options, dict) else {})


def write_manifest(
    spec: StudySpec,
    folder: Path,
    *,
    data: Dataset | None,
    teacher: Mapping[str, Any] | None,
    options: Mapping[str, Any],
) -> Path:
    """Writes `study.yaml` into the study's folder; earlier runs stay listed under `runs`.

    Args:
        spec: The search.
        folder: The study's folder.
        data: The prepared data, None without.
        teacher: Of the teacher `checkpoint`, `sha256` and `wer` on dev in percent; None without.
        options: What was typed beside the file, as `LastRun` has it.

    Returns:
        The file.
    """
    path = folder / FILE
    earlier = _read(path).get("runs", [])
    content = {
        **spec.identity(),
        "trials": spec.budget.trials,
        "data_hash": None if data is None else data.hash,
        "teacher": teacher,
        "runs": [*earlier, _this_run(spec, options)],
    }
    with suppress(OSError):  # of a space that was given as a pipe, say
        if spec.path.is_file():
            replace_file(folder / SPACE_COPY, spec.path.read_bytes())
    replace_file(path, yaml.safe_dump(content, sort_keys=False, allow_unicode=True).encode())
    return path


def _read(path: Path) -> dict[str, Any]:
    try:
        content = yaml.safe_load(path.read_text())
    except (OSError, yaml.YAMLError):
        return {}
    return content if isinstance(content, dict) else {}


def _this_run(spec: StudySpec, options: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "started": datetime.now(UTC).isoformat(timespec="seconds"),
        "trials": spec.budget.trials,
        "audit": spec.budget.audit,
        "space_file": str(spec.path.absolute()),
        "options": dict(options),
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
