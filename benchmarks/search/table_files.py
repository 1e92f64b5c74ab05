"""Reads the tables: this project's own, and folders of LCBench and TaskSet curves."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.search.curve_table import CurveAxis, CurveTable, best_so_far
from slr_tune.search.unit_space import UnitSpace
from slr_tune.space import FloatParameter, IntParameter, Space, load_spec

ROOT = Path(__file__).parents[2]
OWN = Path(__file__).parent / "tables"

_GRACE = 3
_LOG = ("learning_rate", "epsilon", "l1", "l2", "linear_decay", "exponential_decay")
_LOG_LCBENCH = ("learning_rate", "batch_size", "max_units")
_WHOLE = ("batch_size", "num_layers", "max_units")
_EXPERT = {
    "batch_size": 128,
    "learning_rate": 1e-2,
    "momentum": 0.9,
    "weight_decay": 1e-4,
    "num_layers": 3,
    "max_units": 256,
    "max_dropout": 0.2,
}
"""What an expert would run on LCBench's networks, trained by SGD."""

_EXPERT_ADAM = {
    "learning_rate": 1e-3,
    "one_minus_beta1": 0.1,
    "one_minus_beta2": 1e-3,
    "epsilon": 1e-8,
    "l1": 1e-7,
    "l2": 1e-7,
    "linear_decay": 1e-7,
    "exponential_decay": 1e-6,
}
"""Adam's own defaults, with next to no decay and no penalty."""


def read_folder(folder: Path, *, grace: int = _GRACE) -> list[CurveTable]:
    """Tables of LCBench (`valid_error`) and TaskSet (`valid_loss`) in a folder and below."""
    return [read_foreign(path, grace=grace) for path in sorted(folder.rglob("*.npz"))]


def read_foreign(path: Path, *, grace: int = _GRACE) -> CurveTable:
    """One table as LCBench or TaskSet files have it; `grace` are the epochs of its first rung."""
    with np.load(path) as file:
        names = [str(name) for name in file["names"]]
        columns = dict(zip(names, file["configs"].T, strict=True))
        # The first value of TaskSet is that of the untrained network.
        taskset = "valid_loss" in file
        raw = file["valid_loss"][:, 1:] if taskset else file["valid_error"]
    if taskset:
        columns = {_adam_name(n): 1 - c if "beta" in n else c for n, c in columns.items()}
    logs = [name for name in columns if name.startswith("one_minus")] + list(
        _LOG if taskset else _LOG_LCBENCH
    )
    axes = tuple(
        CurveAxis(name, float(c.min()), float(c.max()), log=name in logs, whole=name in _WHOLE)
        for name, c in columns.items()
    )
    configs = tuple(
        {a.key: int(x) if a.whole else float(x) for a, x in zip(axes, row, strict=True)}
        for row in zip(*columns.values(), strict=True)
    )
    expert = _EXPERT_ADAM if taskset else _EXPERT
    return CurveTable(
        path.stem,
        axes,
        configs,
        *best_so_far(raw.astype(float)),
        grace,
        {a.key: min(a.high, max(a.low, expert[a.key])) for a in axes},
    )


def _adam_name(name: str) -> str:
    return f"one_minus_{name}" if "beta" in name else name


def read_own(space: str, *, metric: str = "wer", folder: Path = OWN) -> CurveTable:
    """A table of this project's: seed 0 of each configuration."""
    spec = load_spec(ROOT / "search_spaces" / f"{space}.yaml")
    with np.load(folder / f"{space}.npz") as file:
        params = json.loads(file["params"].tobytes().decode())
        first = file["seed"] == 0
        raw, places = file[metric][first], file["configuration"][first]
    baseline = spec.space.encode(spec.baseline or {})
    return CurveTable(
        f"libras-{space}",
        _own_axes(spec.space),
        tuple(params[int(place)] for place in places),
        *best_so_far(raw.astype(float)),
        _GRACE,
        baseline,
    )


def _own_axes(space: Space) -> tuple[CurveAxis, ...]:
    unit = UnitSpace(space)
    return tuple(
        CurveAxis(
            axis.key,
            axis.low,
            axis.high,
            axis.log,
            axis.whole,
            axis.options,
            tuple((unit.axes[c].key, unit.axes[c].options[o]) for c, o in axis.conditions),
        )
        for axis in unit.axes
    )


def space_of(table: CurveTable) -> Space:
    """The search space of a table, as a space file would have it."""
    if table.name.startswith("libras-"):
        name = table.name.removeprefix("libras-")
        return load_spec(ROOT / "search_spaces" / f"{name}.yaml").space
    return Space(
        tuple(
            IntParameter(
                name=axis.key, path=(axis.key,), low=int(axis.low), high=int(axis.high),
                log=axis.log,
            )
            if axis.whole
            else FloatParameter(
                name=axis.key, path=(axis.key,), low=axis.low, high=axis.high, log=axis.log
            )
            for axis in table.axes
        )
    )  # fmt: skip


def pack(rows: Sequence[dict[str, Any]], folder: Path) -> None:
    """Writes the lines of `tables.py` as one compressed file a space."""
    folder.mkdir(parents=True, exist_ok=True)
    for space in sorted({row["space"] for row in rows}):
        own = sorted(
            (row for row in rows if row["space"] == space),
            key=lambda row: (row["configuration"], row["seed"]),
        )
        epochs = max(len(row["wer"]) for row in own)
        params: list[Any] = [None] * (1 + max(row["configuration"] for row in own))
        for row in own:
            params[row["configuration"]] = row["params"]
        arrays = {
            metric: np.array([_padded(row[metric], epochs) for row in own], dtype=np.float32)
            for metric in ("wer", "loss")
        }
        np.savez_compressed(
            folder / f"{space}.npz",
            params=np.frombuffer(json.dumps(params).encode(), dtype=np.uint8),
            configuration=np.array([row["configuration"] for row in own], dtype=np.int16),
            seed=np.array([row["seed"] for row in own], dtype=np.int8),
            seconds=np.array([row["seconds"] for row in own], dtype=np.float32),
            **arrays,
        )
        print(f"{space}: {len(own)} trainings of {len(params)} configurations")


def _padded(curve: Sequence[float | None], epochs: int) -> list[float]:
    values = [float("nan") if value is None else value for value in curve]
    return values + [float("nan")] * (epochs - len(values))
