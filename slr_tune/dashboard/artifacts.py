"""Files about a study and its trials as the dashboard's artifacts; none is copied."""

from __future__ import annotations

import io
import json
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO

from optuna.artifacts.exceptions import ArtifactNotFound
from optuna.trial import FrozenTrial

from slr_tune.dashboard.optuna_dashboard_private import artifact_address, artifact_attributes
from slr_tune.errors import StudyError
from slr_tune.study.manifest import FILE as MANIFEST
from slr_tune.study.optuna_private import trial_key
from slr_tune.study.record import TrialRecord, record_of

_NAMES = uuid.UUID("6b1f2c5e-6f0e-4a8e-9a53-0d1c8f6f5a10")


class FileArtifacts:
    """Optuna's artifact store over files that are already there; it writes and removes nothing."""

    def __init__(self) -> None:
        """Knows no file yet."""
        self._content: dict[str, Path | bytes] = {}

    def show(self, name: str, content: Path | bytes) -> tuple[str, dict[str, str]]:
        """Makes a file, or something made up for the reader, available.

        Args:
            name: Unique name; its last part is the name that a reader sees.
            content: The file, or what it would hold.

        Returns:
            The artifact's key, and the attribute that describes it to the dashboard.
        """
        key = str(uuid.uuid5(_NAMES, name))
        self._content[key] = content
        return key, artifact_attributes(key, name.rpartition("/")[2])

    def open_reader(self, artifact_id: str) -> BinaryIO:
        """Opens one.

        Raises:
            ArtifactNotFound: There is none of that key, or its file is gone.
        """
        content = self._content.get(artifact_id)
        if isinstance(content, bytes):
            return io.BytesIO(content)
        try:
            if content is not None:
                return content.open("rb")
        except OSError:
            pass
        raise ArtifactNotFound("the file no longer exists")

    def write(self, artifact_id: str, content_body: BinaryIO) -> None:
        """Refused."""
        raise StudyError("the dashboard is read-only: it accepts no files")

    def remove(self, artifact_id: str) -> None:
        """Refused."""
        raise StudyError("the dashboard is read-only: it removes no files")


def study_artifacts(
    store: FileArtifacts, folder: Path, study_id: int
) -> tuple[dict[str, str], dict[str, str]]:
    """What was written about a study as a whole.

    Returns:
        The attributes that show it in the dashboard, and the pages' addresses by their titles.
    """
    attributes: dict[str, str] = {}
    links: dict[str, str] = {}
    pages = {"report": folder / "report.html", "importance": folder / "importance/importance.html"}
    pages |= {f"ablation of {p.parent.name}": p for p in folder.glob("ablations/*/report.html")}
    for title, path in pages.items():
        if path.is_file():
            # Several are called report.html; a reader must tell them apart.
            name = f"{folder.name}/{title.replace(' ', '-')}{path.suffix}"
            key, shown = store.show(name, path)
            attributes |= shown
            links[title] = artifact_address(study_id, key)
    if (folder / MANIFEST).is_file():
        attributes |= store.show(f"{folder.name}/{MANIFEST}", folder / MANIFEST)[1]
    return attributes, links


def trial_artifacts(
    store: FileArtifacts, folder: Path, trials: Sequence[FrozenTrial]
) -> dict[int, dict[str, str]]:
    """Each trial's curve, and what its best checkpoint is; by the database's key of the trial."""
    found: dict[int, dict[str, str]] = {}
    for trial in trials:
        record = record_of(trial)
        if record is None:
            continue
        name = f"{folder.name}/trials/{trial.number}"
        shown: dict[str, str] = {}
        curve = folder / "trials" / str(trial.number) / "curve.csv"
        if curve.is_file():
            shown |= store.show(f"{name}/curve.csv", curve)[1]
        if record.checkpoint:
            described = json.dumps(_checkpoint(folder, trial, record), indent=2).encode()
            shown |= store.show(f"{name}/checkpoint_best.json", described)[1]
        found[trial_key(trial)] = shown
    return found


def _checkpoint(folder: Path, trial: FrozenTrial, record: TrialRecord) -> Mapping[str, Any]:
    path = folder / str(record.checkpoint)
    return {
        "file": str(path),
        "bytes": path.stat().st_size if path.is_file() else None,
        "epoch": record.best_epoch,
        "value": trial.values[0] if trial.values else None,
        "parameters": record.parameters,
        "seed": record.seed,
        "config": dict(record.config),
    }
