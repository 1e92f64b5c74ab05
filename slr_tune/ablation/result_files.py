"""`result.json` and `runs.csv`: what was written reads back as an equal object.

So a report can be made again from `result.json` alone.
"""

from __future__ import annotations

import csv
import io
import json
import re
from dataclasses import asdict
from pathlib import Path
from typing import Any

from slr_tune.ablation.result import SCHEMA, AblationResult
from slr_tune.errors import SlrTuneError
from trainables.errors import first_line
from trainables.files.atomic import replace_file

RESULT_FILE = "result.json"
RUNS_FILE = "runs.csv"
_ERROR_COLUMNS = ("substitutions", "deletions", "insertions", "words", "wer")


def write_result(folder: Path, result: AblationResult) -> None:
    """Writes `result.json` and `runs.csv`, each at once or not at all.

    Raises:
        ValueError: A number in it is not finite.
    """
    content = json.dumps(asdict(result), indent=1, ensure_ascii=False, allow_nan=False)
    replace_file(folder / RESULT_FILE, _numbers_on_one_line(content).encode())
    replace_file(folder / RUNS_FILE, runs_csv(result).encode())


_RENAMED = {
    "shown better": "better",
    "shown worse": "worse",
    "not shown": "no clear difference",
    "not shown, one seed": "no clear difference, one seed",
    "shown": "interaction",
}


def read_result(folder: Path) -> AblationResult:
    """Reads `result.json` back.

    Raises:
        SlrTuneError: There is none, or it is not one of this version.
    """
    from pydantic import TypeAdapter, ValidationError

    path = folder / RESULT_FILE
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(content, dict) or content.get("schema") != SCHEMA:
            raise ValueError(f"it is not of schema {SCHEMA}")
        _rename_outcomes(content)
        result: AblationResult = TypeAdapter(AblationResult).validate_python(content)
    except (OSError, ValueError, ValidationError) as error:
        reason = first_line(error)
        raise SlrTuneError(
            f"{path} cannot be read: {reason}", hint="Run slr-tune ablate again to rewrite it."
        ) from error
    return result


def _rename_outcomes(content: dict[str, Any]) -> None:
    """Gives the verdicts of results from before version 2 the names of today."""
    for table in content.get("tables", ()):
        for row in table.get("rows", ()):
            row["outcome"] = _RENAMED.get(row.get("outcome"), row.get("outcome", ""))


def runs_csv(result: AblationResult) -> str:
    """One line a run: arm, seed, how it ended, its metric, and its errors on each split."""
    splits = list(dict.fromkeys(split for run in result.runs for split in run.errors))
    columns = ["part", "arm", "seed", "epochs", "best_epoch", "ended_by", "value"]
    if any(run.data_seed is not None for run in result.runs):
        columns.insert(3, "data_seed")
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([*columns, *(f"{s}_{kind}" for s in splits for kind in _ERROR_COLUMNS)])
    for run in result.runs:
        cells = [getattr(run, name) for name in columns]
        for split in splits:
            cells += [*run.errors[split], run.wer(split)] if split in run.errors else [""] * 5
        writer.writerow(cells)
    return text.getvalue()


def _numbers_on_one_line(text: str) -> str:
    """Lists without lists or objects in them on one line: a curve is then a line, not a page."""
    return re.sub(
        r"\[\n([^\[\]{}]*?)\n\s*\]",
        lambda found: "[" + re.sub(r"\n\s*", " ", found[1]).strip() + "]",
        text,
    )
