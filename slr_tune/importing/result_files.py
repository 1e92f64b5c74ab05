"""Result files that training scripts write at their end: `training_results.json` and the like."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from slr_tune.errors import SlrTuneError
from slr_tune.importing.earlier_run import EarlierRun, Source, as_number, flat_fields
from slr_tune.importing.tables import rows_of, run_of_mapping

CONFIG_FILES = (
    "config.yaml", "config.yml", "config.json", "hparams.yaml", "params.json", "args.json",
    "hyperparameters.json", "training_config.json", "training_config.yaml",
)  # fmt: skip
"""Where a run's settings are, next to its results."""
RESULT_FILES = ("training_results.json", "results.json", "training_history.json", "history.json")


def read_result_file(path: Path) -> Source:
    """A run, or a list of runs, from a JSON file.

    A curve is a list of rows, a mapping of lists, or lists of one length at the top, such as
    `val_wers`. Settings are in the file, or in a config file next to it.

    Raises:
        SlrTuneError: It is not JSON of that kind.
    """
    runs = tuple(_runs(path, path.parent.name))
    return Source("result file", str(path), runs)


def read_result_folder(folder: Path) -> Source | None:
    """The runs of all result files below a folder; None where there is none."""
    paths = sorted(path for name in RESULT_FILES for path in folder.rglob(name))
    paths = [path for path in paths if path.is_file()]
    if not paths:
        return None
    runs = [run for path in paths for run in _runs(path, str(path.parent.relative_to(folder)))]
    return Source("result files", str(folder), tuple(runs))


def settings_beside(folder: Path) -> dict[str, Any]:
    """Settings from the first config file in a folder, or in the one above it; empty without."""
    for place in (folder, folder.parent):
        for name in CONFIG_FILES:
            path = place / name
            if path.is_file():
                return flat_fields(_mapping(path))
    return {}


def _runs(path: Path, name: str) -> list[EarlierRun]:
    try:
        content = json.loads(path.read_text(encoding="utf-8-sig"))
    except (ValueError, UnicodeDecodeError) as error:
        raise SlrTuneError(f"{path} is not JSON: {error}") from error
    each = content if isinstance(content, list) else [content]
    if not each or not all(isinstance(one, Mapping) for one in each):
        raise SlrTuneError(f"{path} must contain a run or a list of runs, each a mapping")
    beside = settings_beside(path.parent)
    runs = []
    for number, one in enumerate(each):
        label = f"{name}/{path.name}" + (f", run {number + 1}" if len(each) > 1 else "")
        run = run_of_mapping(label, _with_lists_as_curve(one))
        fields = {**beside, **run.fields}
        runs.append(EarlierRun(run.name, fields, run.curve, run.state, error=run.error))
    return runs


def _with_lists_as_curve(content: Mapping[str, Any]) -> Mapping[str, Any]:
    """Lists of numbers of one length at the top are a curve."""
    lists = {
        key: value
        for key, value in content.items()
        if isinstance(value, list) and value and all(as_number(x) == as_number(x) for x in value)
    }
    longest = max(map(len, lists.values()), default=0)
    lists = {key: value for key, value in lists.items() if len(value) == longest}
    if not lists or rows_of(content.get("history")) or rows_of(content.get("curve")):
        return content
    kept = {key: value for key, value in content.items() if key not in lists}
    return {**kept, "history": lists}


def _mapping(path: Path) -> dict[str, Any]:
    text = path.read_text(encoding="utf-8-sig")
    try:
        content = json.loads(text) if path.suffix == ".json" else yaml.safe_load(text)
    except (ValueError, yaml.YAMLError) as error:
        raise SlrTuneError(f"{path}, the settings of a run, cannot be read: {error}") from error
    return dict(content) if isinstance(content, Mapping) else {}
