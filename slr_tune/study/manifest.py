"""`study.yaml`: what was run, for anyone who asks later."""

from __future__ import annotations

import platform
import subprocess
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
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
SPACE_OPTIONS = {
    "--trials": "budget.trials",
    "--max-epochs": "budget.max_epochs",
    "--workers": "resources.workers",
    "--seed": "seed",
}
"""Options of `slr-tune run` that change a value of the space, and the value's key."""
_HOURS = "budget.hours="
_PACKAGES = ("slr-tune", "torch", "ray", "optuna", "numpy", "jiwer", "sqlalchemy")


@dataclass(frozen=True)
class LastRun:
    """What was typed when a study was last run: without it the same file may mean another study.

    Attributes:
        space_file: The search-space file; SPACE where it is not known.
        options: Command-line options without the study's name and the database: a value, a list
            of them, or True for a flag, as `{"--seed": 3, "--set": ["a=1"], "--no-verify": True}`.
        from_study: Study from which the command takes the space and its options; empty to name
            the file.
    """

    space_file: str
    options: Mapping[str, Any]
    from_study: str = ""

    def command(self, study: str, changes: Mapping[str, Any] | None = None) -> str:
        """The command that continues a study, or runs a changed one under another name.

        Args:
            study: Its name.
            changes: Options over those of the last run; of `--set`, which adds up, more of them.
        """
        changes = changes or {}
        if self.from_study:
            stored = (*SPACE_OPTIONS, "--set")
            kept = {key: value for key, value in self.options.items() if key not in stored}
            name = None if study == self.from_study else study
            options = {"--from-study": self.from_study, "--study": name, **kept, **changes}
            return command_line("run", options=options)
        sets = [*self.options.get("--set", ()), *changes.get("--set", ())]
        options = {"--study": study, **self.options, **changes, "--set": sets}
        return command_line("run", self.space_file, options=options)

    @property
    def sets(self) -> list[str]:
        """All changes of the space as values of `--set`, such as `budget.trials=5`."""
        changed = [
            f"{key}={self.options[option]}"
            for option, key in SPACE_OPTIONS.items()
            if self.options.get(option) is not None
        ]
        return [*self.options.get("--set", ()), *changed]

    def with_hours(self, study: str, hours: float) -> str:
        """The command that continues a study for so many hours in all."""
        if self.from_study:
            return self.command(study, {"--set": [f"{_HOURS}{hours:.6g}"]})
        given = [one for one in self.options.get("--set", ()) if not one.startswith(_HOURS)]
        options = {**self.options, "--set": [*given, f"{_HOURS}{hours:.6g}"]}
        return replace(self, options=options).command(study)


def last_run(folder: Path, *, anywhere: bool = False) -> LastRun:
    """Reads the last run from a study's folder; what `study.yaml` lacks is left out.

    Args:
        folder: The study's folder.
        anywhere: Whether the command has to work where the search-space file is not. Else the file
            is named as long as it exists: the user may have changed it since.
    """
    runs = _read(folder / FILE).get("runs")
    run = runs[-1] if isinstance(runs, list) and runs and isinstance(runs[-1], dict) else {}
    path = Path(str(run.get("space_file", "SPACE")))
    a_copy = path.name == SPACE_COPY and path.parent.parent == folder.absolute().parent
    stored = (folder / SPACE_COPY).is_file() and (anywhere or a_copy or not path.is_file())
    if path.is_absolute() and path.is_relative_to(Path.cwd()):
        path = path.relative_to(Path.cwd())
    options = run.get("options")
    known = options if isinstance(options, dict) else {}
    return LastRun(str(path), known, folder.name if stored else "")


def write_manifest(
    spec: StudySpec,
    folder: Path,
    *,
    data: Dataset | None,
    options: Mapping[str, Any],
) -> Path:
    """Writes `study.yaml` into the study's folder; earlier runs stay listed under `runs`.

    It is there before the teacher is trained, which may take hours: whoever stops that resumes
    with the options of this run. The teacher of an earlier run stays until `write_teacher`.

    Args:
        spec: The search.
        folder: The study's folder.
        data: The prepared data, None without.
        options: Command-line options, as `LastRun` has them.

    Returns:
        The file.
    """
    path = folder / FILE
    earlier = _read(path)
    runs = earlier.get("runs")
    content = {
        **spec.identity(),
        "trials": spec.budget.trials,
        "data_hash": None if data is None else data.hash,
        "teacher": earlier.get("teacher") if spec.teacher is not None else None,
        "runs": [*(runs if isinstance(runs, list) else ()), _this_run(spec, options)],
    }
    keep_space(spec, folder)
    _write(path, content)
    return path


def write_teacher(folder: Path, teacher: Mapping[str, Any]) -> None:
    """Puts the teacher into `study.yaml`: its `checkpoint`, `sha256`, and `wer` on dev, percent."""
    path = folder / FILE
    _write(path, {**_read(path), "teacher": dict(teacher)})


def _write(path: Path, content: Mapping[str, Any]) -> None:
    text = yaml.safe_dump(dict(content), sort_keys=False, allow_unicode=True)
    replace_file(path, text.encode())


def keep_space(spec: StudySpec, folder: Path) -> None:
    """Copies the search-space file into the study's folder, which may be moved without the file."""
    with suppress(OSError):  # of a space that was given as a pipe, say
        if spec.path.is_file():
            replace_file(folder / SPACE_COPY, spec.path.read_bytes())


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
