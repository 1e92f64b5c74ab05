"""An earlier run, as its files describe it, and values read from their text."""

from __future__ import annotations

import ast
import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

STATES = ("complete", "pruned", "failed", "unfinished", "")
"""How a run ended; empty where its files do not say."""

_STATE_WORDS = {
    **dict.fromkeys(("complete", "completed", "finished", "terminated", "done", "success"), 0),
    **dict.fromkeys(("pruned", "stopped", "early_stopped", "preempted"), 1),
    **dict.fromkeys(("fail", "failed", "failure", "crashed", "error", "killed"), 2),
    **dict.fromkeys(("running", "pending", "waiting", "paused", "queued"), 3),
}


@dataclass(frozen=True)
class EarlierRun:
    """One run as its source has it; nothing is renamed yet.

    Attributes:
        name: Where it was read: "runs.csv, line 3".
        fields: Settings, last values and all else that is reported of it, by dotted names.
        curve: Rows in order, the step of each under "epoch" as the source counts it; empty where
            only last values are reported.
        state: One of `STATES`.
        value: Value of the objective where the source itself has one; None where it is a field.
        ended_by: Reason of our own record; None from other programs.
        error: Text of its error.
    """

    name: str
    fields: Mapping[str, Any]
    curve: tuple[Mapping[str, float], ...] = ()
    state: str = ""
    value: float | None = None
    ended_by: str | None = None
    error: str | None = None


@dataclass(frozen=True)
class Source:
    """Runs of one origin.

    Attributes:
        kind: What it is: "CSV", "Ray Tune results", ...
        place: What a person named.
        runs: The runs.
        notes: What a person should know of how it was read.
        direction: "minimize" or "maximize" where the source says it.
        own: Whether it is a study of slr-tune: its fields are nested settings by our names.
        ignored: Names of fields that describe a run and are not settings.
        about: Of a study of ours: its metric, trainable, data and teacher.
        study_id: Of a study of ours that has one.
    """

    kind: str
    place: str
    runs: tuple[EarlierRun, ...]
    notes: tuple[str, ...] = ()
    direction: str | None = None
    own: bool = False
    ignored: frozenset[str] = frozenset()
    about: Mapping[str, Any] = field(default_factory=dict)
    study_id: str | None = None


def state_of(word: object) -> str:
    """The state that a word of any program stands for, empty for an unknown one."""
    text = str(word).strip().lower().rpartition(".")[2]  # "TrialState.COMPLETE"
    place = _STATE_WORDS.get(text)
    return "" if place is None else STATES[place]


def cell_value(text: str) -> Any:
    """What a cell of a table stands for; None for an empty one."""
    stripped = text.strip()
    if not stripped or stripped.lower() in ("none", "null", "n/a"):
        return None
    if stripped.lower() in ("true", "false"):
        return stripped.lower() == "true"
    for read in (int, float):
        try:
            return read(stripped)
        except ValueError:
            continue
    if stripped[0] in "[{('\"":
        for parse in (json.loads, ast.literal_eval):
            try:
                found = parse(stripped)
            except (ValueError, SyntaxError, MemoryError, RecursionError):
                continue
            return list(found) if isinstance(found, tuple) else found
    return stripped


def flat_fields(values: Mapping[Any, Any], prefix: str = "") -> dict[str, Any]:
    """Nested values by dotted names; None is left out. A W&B `{value: ...}` is its value."""
    found: dict[str, Any] = {}
    for key, value in values.items():
        name = f"{prefix}{key}"
        if isinstance(value, Mapping) and set(value) - {"desc"} == {"value"}:
            value = value["value"]
        if isinstance(value, Mapping):
            found |= flat_fields(value, f"{name}.")
        elif value is not None:
            found[name] = value
    return found


def as_number(value: object) -> float:
    """A value as a number, NaN for what is none."""
    if isinstance(value, bool):
        return math.nan
    if isinstance(value, int | float):
        return float(value)
    try:
        return float(str(value))
    except ValueError:
        return math.nan


def curve_rows(columns: Mapping[str, Mapping[int, float]]) -> Iterator[dict[str, float]]:
    """Series by name, each value by its step, as rows."""
    for step in sorted({step for series in columns.values() for step in series}):
        values = {name: series[step] for name, series in columns.items() if step in series}
        yield {**values, "epoch": step}
