"""Runs from TensorBoard logs: a folder with event files is a run; its settings are there too."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from slr_tune.errors import SlrTuneError
from slr_tune.importing.earlier_run import EarlierRun, Source, curve_rows, state_of
from slr_tune.importing.result_files import settings_beside

_PARTS = ("train", "training", "val", "valid", "validation", "dev", "eval", "test")
"""Folders that some programs write a run's splits into."""
_MEASURED = ("val", "dev", "eval", "valid", "test", "hp_metric", "wer")
_PATTERN = "*tfevents*"

_STATUS = {1: "success", 2: "failure", 3: "running"}
"""Of tensorboard's hparams plugin."""

Series = dict[str, dict[int, float]]


def event_folders(folder: Path) -> list[Path]:
    """Folders at or below one that hold event files."""
    return sorted({path.parent for path in folder.rglob(_PATTERN) if path.is_file()})


def read_event_folders(folder: Path) -> Source:
    """Every run below a folder.

    Settings are those that `add_hparams` wrote, else a config.yaml, config.json, hparams.yaml,
    params.json or args.json in the run's folder or in the one above it.

    Raises:
        SlrTuneError: There are no event files, or one is damaged.
    """
    folders = event_folders(folder)
    if not folders:
        raise SlrTuneError(f"{folder} contains no TensorBoard event files")
    members: dict[Path, list[Path]] = {}
    for one in folders:
        above = one.parent
        belongs = one != folder and (above in members or one.name.lower() in _PARTS)
        members.setdefault(above if belongs else one, []).append(one)
    runs = tuple(_read_run(folder, run, parts) for run, parts in members.items())
    return Source("TensorBoard logs", str(folder), runs)


def _read_run(top: Path, run: Path, parts: list[Path]) -> EarlierRun:
    series: Series = {}
    settings: dict[str, Any] = {}
    state = ""
    for part in parts:
        split = part.name.lower() if part != run and part.name.lower() in _PARTS else ""
        for path in sorted(part.glob(_PATTERN)):
            for tag, step, value in _values(path):
                if step is not None:
                    name = tag if not split or tag.startswith(f"{split}/") else f"{split}/{tag}"
                    series.setdefault(name, {})[step] = value
                elif tag == "status":
                    state = state_of(value)
                else:
                    settings[tag] = value
    settings = settings or settings_beside(run)
    name = str(run.relative_to(top)) if run != top else run.name
    return EarlierRun(name, settings, tuple(_by_epoch(series)), state)


def _by_epoch(series: Series) -> Iterator[dict[str, float]]:
    """Rows at the steps at which something was measured; of the rest the last value until then.

    Losses of every batch would otherwise be taken for epochs.
    """
    measured = {k: v for k, v in series.items() if any(word in k.lower() for word in _MEASURED)}
    measured = {k: v for k, v in measured.items() if len(v) > 1} or measured or series
    for row in curve_rows(measured):
        step = int(row["epoch"])
        for name, values in series.items():
            if name not in row and (before := [s for s in values if s <= step]):
                row[name] = values[max(before)]
        yield row


def _values(path: Path) -> Iterator[tuple[str, int | None, Any]]:
    """(tag, step, value) of scalars; (name, None, setting) of what `add_hparams` wrote."""
    from tensorboard.backend.event_processing.event_file_loader import EventFileLoader
    from tensorboard.util.tensor_util import make_ndarray

    try:
        for event in EventFileLoader(str(path)).Load():
            for value in event.summary.value:
                plugin = value.metadata.plugin_data
                if plugin.plugin_name == "hparams":
                    yield from ((name, None, setting) for name, setting in _hparams(plugin.content))
                elif value.HasField("tensor"):
                    array = make_ndarray(value.tensor)
                    if (
                        array.size == 1
                        and array.dtype.kind in "fiu"
                        and math.isfinite(array.item())
                    ):
                        yield value.tag, int(event.step), float(array.item())
    except (OSError, ValueError) as error:
        raise SlrTuneError(f"{path} cannot be read as TensorBoard events: {error}") from error


def _hparams(content: bytes) -> Iterator[tuple[str, Any]]:
    from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData

    found = HParamsPluginData.FromString(content)
    for name, value in found.session_start_info.hparams.items():
        kind = value.WhichOneof("kind")
        if kind == "number_value":
            number = value.number_value  # whole numbers are stored as floats too
            yield name, int(number) if number.is_integer() else number
        elif kind in ("string_value", "bool_value"):
            yield name, getattr(value, kind)
    if found.HasField("session_end_info"):
        yield "status", _STATUS.get(found.session_end_info.status, "")
