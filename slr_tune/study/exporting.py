"""A study's trials as rows for other programs, under the names of the space file."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from slr_tune.study.record import record_of
from slr_tune.study.summary import searched_values
from slr_tune.study.view import StudyView, trial_row


def export_rows(view: StudyView) -> list[dict[str, Any]]:
    """One row per trial: number, state, the metric by its name, cost, then what was searched.

    `slr-tune import` takes them back.
    """
    metric = view.spec.objective.metric
    rows = []
    for trial in view.trials:
        row, record = trial_row(trial), record_of(trial)
        rows.append(
            {
                "number": trial.number,
                "state": trial.state.name,
                "ended_by": row["ended_by"],
                metric: row["value"],
                "epochs": row["epochs"],
                "best_epoch": row["best_epoch"],
                "seconds": row["seconds"],
                "seed": None if record is None else record.seed,
                "imported": row["imported"],
                "error": row["error"],
                "note": "; ".join(view.notes.get(str(trial.number), ())) or None,
                **searched_values(view, row),
            }
        )
    return rows


def csv_text(rows: Sequence[dict[str, Any]]) -> str:
    """A table with a header; a value that a trial does not have is an empty cell."""
    columns = list(dict.fromkeys(name for row in rows for name in row))
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows({key: _cell(value) for key, value in row.items()} for row in rows)
    return text.getvalue()


def jsonl_text(view: StudyView, rows: Sequence[dict[str, Any]]) -> str:
    """A trial a line, with its whole configuration and its curve."""
    lines = []
    for row, trial in zip(rows, view.trials, strict=True):
        record = record_of(trial)
        curve = [
            {key: value for key, value in point.items() if math.isfinite(value)}
            for point in view.curve(trial.number)
        ]
        config = {} if record is None else dict(record.config)
        content = {**row, "config": config, "curve": curve}
        lines.append(json.dumps(content, ensure_ascii=False))
    return "".join(f"{line}\n" for line in lines)


def write_parquet(rows: Sequence[dict[str, Any]], path: Path) -> None:
    """The table of `csv_text` as Parquet; a column of several types is text."""
    import pyarrow
    import pyarrow.parquet

    columns = list(dict.fromkeys(name for row in rows for name in row))
    table = {}
    for name in columns:
        values = [row.get(name) for row in rows]
        kinds = {type(value) for value in values if value is not None}
        numbers = kinds <= {int, float}
        plain = numbers or kinds <= {str} or kinds <= {bool}
        table[name] = values if plain else [None if v is None else json.dumps(v) for v in values]
        if numbers and float in kinds:
            table[name] = [None if v is None else float(v) for v in values]
    pyarrow.parquet.write_table(pyarrow.table(table), path)


def _cell(value: Any) -> Any:
    if value is None:
        return ""
    return json.dumps(value) if isinstance(value, dict | list | bool) else value
