"""Tables of runs: CSV and JSON lines of any program, and the CSV files that W&B exports."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from slr_tune.errors import SlrTuneError
from slr_tune.importing.earlier_run import (
    EarlierRun,
    Source,
    as_number,
    cell_value,
    curve_rows,
    flat_fields,
    state_of,
)

_RUN = ("run", "run_id", "run_name", "trial", "trial_id", "number", "name", "id", "experiment")
_EPOCH = ("epoch", "step", "training_iteration", "iteration")
_STATE = ("state", "status")
_ERROR = ("error", "error_text")
_CURVE = ("curve", "history", "rows")
WANDB_OWN = frozenset(
    "Name State Notes User Tags Created Runtime Sweep Agent Hostname GitHub ID".split()
)
"""Columns that W&B itself puts into an export: they describe the run, not its settings."""
_WANDB_SERIES = re.compile(r"(.+) - (.+?)(__MIN|__MAX)?$")


def read_csv(path: Path) -> Source:
    """One run per line, or one epoch per line where each has a run's name and its epoch.

    Raises:
        SlrTuneError: It is not a table, or a line has more cells than the header.
    """
    rows = _csv_rows(path)
    columns = list(rows[0]) if rows else []
    wandb = {"Name", "State"} <= set(columns) and bool({"Runtime", "Created"} & set(columns))
    run, epoch = (_column(columns, names) for names in (_RUN, _EPOCH))
    keys = [row[run] for row in rows] if run is not None else []
    if not wandb and run is not None and epoch is not None and len(set(keys)) < len(keys):
        return Source("CSV of curves", str(path), tuple(_long(path, rows, run, epoch)))
    runs = [_wide(f"{path.name}, line {line}", row, wandb) for line, row in enumerate(rows, 2)]
    kind = "W&B's exported CSV" if wandb else "CSV"
    return Source(kind, str(path), tuple(runs), ignored=WANDB_OWN if wandb else frozenset())


def read_jsonl(path: Path) -> Source:
    """A run a line; settings may be nested, a curve a list of rows under `curve` or `history`.

    Raises:
        SlrTuneError: A line is not JSON mapping.
    """
    runs = []
    for line, text in enumerate(_text(path).splitlines(), start=1):
        if not text.strip():
            continue
        try:
            content = json.loads(text)
        except ValueError as error:
            raise SlrTuneError(f"{path}:{line}: is not JSON: {error}") from error
        if not isinstance(content, dict):
            raise SlrTuneError(f"{path}:{line}: must be a mapping, not {type(content).__name__}")
        runs.append(run_of_mapping(f"{path.name}, line {line}", content))
    return Source("JSON lines", str(path), tuple(runs))


def run_of_mapping(name: str, content: Mapping[str, Any]) -> EarlierRun:
    """A run from a mapping: its curve, its state and all other fields."""
    content = dict(content)
    curve: tuple[Mapping[str, float], ...] = ()
    for key in _CURVE:
        if key in content:
            curve = rows_of(content[key])
            if curve:
                del content[key]
                break
    fields = flat_fields(content)
    return _run(name, fields, curve)


def rows_of(history: Any) -> tuple[Mapping[str, float], ...]:
    """A curve from a list of rows or a mapping of lists; empty where it is neither."""
    if isinstance(history, Mapping):
        series = {key: item for key, item in history.items() if isinstance(item, list)}
        columns = {
            str(key): {n: value for n, x in enumerate(item, 1) if (value := as_number(x)) == value}
            for key, item in series.items()
            if key not in _EPOCH
        }
        return tuple(curve_rows(columns))
    if not isinstance(history, list) or not all(isinstance(row, Mapping) for row in history):
        return ()
    rows = []
    for place, row in enumerate(history, start=1):
        flat = flat_fields(row)
        key = _column(list(flat), _EPOCH)
        epoch = place if key is None else int(as_number(flat.pop(key)))
        values = {name: value for name, x in flat.items() if (value := as_number(x)) == value}
        rows.append({**values, "epoch": epoch})
    return tuple(_in_order(rows))


def with_wandb_curves(source: Source, path: Path) -> Source:
    """The runs of a W&B export with the curves of one of its charts, exported next to it.

    Args:
        source: The runs, each with its `Name`.
        path: CSV of a chart: `Step`, then a column `NAME - METRIC` a run.

    Raises:
        SlrTuneError: The file is of another kind, or names no run of the table.
    """
    series: dict[str, dict[str, dict[int, float]]] = {}
    for row in _csv_rows(path):
        step = row.get("Step", row.get("epoch", row.get("Epoch")))
        for column, cell in row.items():
            found = _WANDB_SERIES.match(column)
            value = as_number(cell)
            if found and not found[3] and step is not None and value == value:
                series.setdefault(found[1], {}).setdefault(found[2], {})[int(step)] = value
    runs = []
    for run in source.runs:
        own = series.get(str(run.fields.get("Name")))
        curve = run.curve if own is None else tuple(curve_rows(own))
        runs.append(EarlierRun(run.name, run.fields, curve, run.state, run.value, error=run.error))
    if not any(run.curve for run in runs):
        names = ", ".join(sorted(series)[:5]) or "none"
        raise SlrTuneError(
            f"{path} has curves of no run in {source.place}",
            hint=f"Its columns must be 'NAME - METRIC'; runs found there: {names}.",
        )
    return Source(source.kind, source.place, tuple(runs), source.notes, ignored=source.ignored)


def _wide(name: str, row: Mapping[str, str], wandb: bool) -> EarlierRun:
    fields = {key: value for key, text in row.items() if (value := cell_value(text)) is not None}
    return _run(name if not wandb else f"{name} ({row['Name']})", fields, ())


def _long(path: Path, rows: Sequence[Mapping[str, str]], run: str, epoch: str) -> list[EarlierRun]:
    """Runs of a table with a line an epoch: what changes is the curve, what stays a setting."""
    groups: dict[str, list[Mapping[str, str]]] = {}
    for row in rows:
        groups.setdefault(row[run], []).append(row)
    columns = [name for name in rows[0] if name not in (run, epoch)]
    changing = [
        name
        for name in columns
        if any(len({row[name] for row in group}) > 1 for group in groups.values())
        and all(
            as_number(row[name] or "nan") == as_number(row[name] or "nan") or not row[name]
            for row in rows
        )
    ]
    runs = []
    for key, group in groups.items():
        last = {name: group[-1][name] for name in columns if name not in changing}
        fields = {
            name: value for name, text in last.items() if (value := cell_value(text)) is not None
        }
        points = [
            {
                "epoch": int(as_number(row[epoch])),
                **{n: number for n in changing if (number := as_number(row[n] or "nan")) == number},
            }
            for row in group
        ]
        runs.append(_run(f"{path.name}, {run} {key}", fields, tuple(_in_order(points))))
    return runs


def _run(
    name: str, fields: Mapping[str, Any], curve: tuple[Mapping[str, float], ...]
) -> EarlierRun:
    """A run whose state and error are among its fields."""
    state, error = (_column(list(fields), names) for names in (_STATE, _ERROR))
    ended_by = fields.get("ended_by")
    kept = {key: value for key, value in fields.items() if key not in (state, error, "ended_by")}
    return EarlierRun(
        name,
        kept,
        curve,
        state=state_of(fields[state]) if state is not None else "",
        ended_by=None if ended_by is None else str(ended_by),
        error=str(fields[error]) if error is not None else None,
    )


def _in_order(rows: list[dict[str, float]]) -> list[dict[str, float]]:
    return sorted(rows, key=lambda row: row["epoch"])


def _column(columns: Sequence[str], names: Sequence[str]) -> str | None:
    lowered = {column.strip().lower(): column for column in columns}
    return next((lowered[name] for name in names if name in lowered), None)


def _csv_rows(path: Path) -> list[dict[str, str]]:
    text = _text(path)
    if not text.strip():
        raise SlrTuneError(f"{path} is empty", hint="It needs a header and one row per run.")
    first = text.split("\n", 1)[0]
    delimiter = max(",;\t", key=first.count)
    reader = csv.DictReader(text.splitlines(), delimiter=delimiter, restkey="")
    rows = []
    for row in reader:
        if "" in row and row[""]:
            raise SlrTuneError(f"{path}:{reader.line_num}: has more cells than the header")
        rows.append({key: value or "" for key, value in row.items() if key})
    if not rows:
        raise SlrTuneError(f"{path} has a header and no run")
    return rows


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise SlrTuneError(f"{path} cannot be read: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise SlrTuneError(f"{path} is not UTF-8 text: {error.reason}") from error
