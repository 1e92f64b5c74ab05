"""What a person named as the origin of runs: a file, a folder, a database or a study."""

from __future__ import annotations

import json
from pathlib import Path

from slr_tune.errors import SlrTuneError, StudyMissing
from slr_tune.importing.earlier_run import Source
from slr_tune.importing.event_files import event_folders, read_event_folders
from slr_tune.importing.optuna_studies import read_optuna, read_own
from slr_tune.importing.ray_results import is_ray_folder, read_ray_folder
from slr_tune.importing.result_files import read_result_file, read_result_folder
from slr_tune.importing.tables import read_csv, read_jsonl
from slr_tune.study.view import load_study

KINDS = (
    "a CSV or JSON lines of runs, W&B's exported CSV, a training_results.json, a folder of "
    "TensorBoard logs or Ray Tune results, an Optuna database (URL#STUDY, FILE.db#STUDY) or "
    "journal, or the name of a study"
)
_HEAD_BYTES = 4096


def open_source(place: str, storage: str | None = None) -> Source:
    """Reads runs.

    Args:
        place: One of `KINDS`.
        storage: Database in which a study of slr-tune is looked up, None for the default.

    Raises:
        SlrTuneError: There is nothing of that name, or it is not one of `KINDS`.
    """
    if "://" in place:
        return read_optuna(place)
    path = Path(place).expanduser()
    if path.is_dir():
        return _read_folder(path)
    if path.is_file():
        return _read_file(path)
    if "#" in place and Path(place.partition("#")[0]).expanduser().is_file():
        return read_optuna(place)
    if path.suffix or len(path.parts) > 1:
        raise SlrTuneError(f"there is no file or folder {path}", hint=f"It may be {KINDS}.")
    try:
        return read_own(load_study(place, storage))
    except StudyMissing as error:
        hint = f"{error.hint} Runs may also come from {KINDS}."
        raise StudyMissing(f"{error.message}, and no file or folder", hint=hint) from error


def _read_folder(path: Path) -> Source:
    if is_ray_folder(path):
        return read_ray_folder(path)
    if (found := read_result_folder(path)) is not None:
        return found
    if event_folders(path):
        return read_event_folders(path)
    raise SlrTuneError(
        f"{path} contains no known kind of run",
        hint="Looked for: params.json with result.json (Ray Tune), training_results.json, "
        "TensorBoard event files.",
    )


def _read_file(path: Path) -> Source:
    suffix = path.suffix.lower()
    if suffix in (".csv", ".tsv"):
        return read_csv(path)
    if suffix == ".json":
        return read_result_file(path)
    with path.open("rb") as file:
        head = file.read(_HEAD_BYTES)
    if head.startswith(b"SQLite format 3") or _is_journal(head):
        return read_optuna(str(path))
    if suffix in (".jsonl", ".ndjson", ".jsonlines"):
        return read_jsonl(path)
    if "tfevents" in path.name:
        return read_event_folders(path.parent)
    raise SlrTuneError(f"{path} is not a known file of runs", hint=f"It may be {KINDS}.")


def _is_journal(head: bytes) -> bool:
    """Whether a file begins as Optuna's journal does."""
    try:
        first = json.loads(head.split(b"\n", 1)[0])
    except ValueError:
        return False
    return isinstance(first, dict) and "op_code" in first
