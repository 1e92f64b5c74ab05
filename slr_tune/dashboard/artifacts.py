"""Files about a study and its trials as the dashboard's artifacts; none is copied."""

from __future__ import annotations

import io
import json
import mimetypes
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO

from optuna.artifacts.exceptions import ArtifactNotFound
from optuna.trial import FrozenTrial

from slr_tune.errors import StudyError
from slr_tune.study.record import TrialRecord, record_of

_NAMES = uuid.UUID("6b1f2c5e-6f0e-4a8e-9a53-0d1c8f6f5a10")
_PREFIX = "artifacts:"

_PAGES = (
    ("report", ("report.html",)),
    ("importance", ("importance/importance.html",)),
)
"""What a study's note links, by its title, and where it may lie in the study's folder."""


class FileArtifacts:
    """Optuna's artifact store over files that are already there; it writes and removes nothing."""

    def __init__(self) -> None:
        """Knows no file yet."""
        self._content: dict[str, Path | bytes] = {}

    def show(self, name: str, content: Path | bytes) -> tuple[str, str]:
        """Makes a file, or something made up for the reader, available.

        Args:
            name: Unique name; its last part is the name that a reader sees.
            content: The file, or what it would hold.

        Returns:
            The artifact's key, and the attribute's value that describes it to the dashboard.
        """
        key = str(uuid.uuid5(_NAMES, name))
        self._content[key] = content
        shown = name.rpartition("/")[2]
        kind, encoding = mimetypes.guess_type(shown)
        described = {
            "artifact_id": key,
            "filename": shown,
            "mimetype": kind or "text/plain",
            "encoding": encoding,
        }
        return key, json.dumps(described)

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
        raise ArtifactNotFound("the file is not there any more")

    def write(self, artifact_id: str, content_body: BinaryIO) -> None:
        """Refused."""
        raise StudyError("the dashboard only reads: it takes no files")

    def remove(self, artifact_id: str) -> None:
        """Refused."""
        raise StudyError("the dashboard only reads: it removes no files")


def study_artifacts(
    store: FileArtifacts, folder: Path, study_id: int
) -> tuple[dict[str, str], dict[str, str]]:
    """What was written about a study as a whole.

    Returns:
        The attributes that show it in the dashboard, and the pages' addresses by their titles.
    """
    attributes, links = {}, {}
    found = [
        (title, path)
        for title, places in _PAGES
        for path in [next((folder / p for p in places if (folder / p).is_file()), None)]
        if path is not None
    ]
    found += [(f"ablation of {p.parent.name}", p) for p in folder.glob("ablations/*/report.html")]
    for title, path in found:
        # Several are called report.html; a reader must tell them apart.
        name = f"{folder.name}/{title.replace(' ', '-')}{path.suffix}"
        key, described = store.show(name, path)
        attributes[_PREFIX + key] = described
        links[title] = f"/artifacts/{study_id}/{key}"
    if (folder / "study.yaml").is_file():
        key, described = store.show(f"{folder.name}/study.yaml", folder / "study.yaml")
        attributes[_PREFIX + key] = described
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
        shown: list[tuple[str, Path | bytes]] = []
        curve = folder / "trials" / str(trial.number) / "curve.csv"
        if curve.is_file():
            shown.append((f"{name}/curve.csv", curve))
        if record.checkpoint:
            described = json.dumps(_checkpoint(folder, trial, record), indent=2).encode()
            shown.append((f"{name}/checkpoint_best.json", described))
        pairs = [store.show(*one) for one in shown]
        found[trial._trial_id] = {_PREFIX + key: text for key, text in pairs}
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
