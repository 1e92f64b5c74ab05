"""A table of learning curves: configurations with what a training of each gave, epoch by epoch.

Needs numpy alone, so that peers read it in environments of their own.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

PATIENCE = "patience"

DRAWN = 25
"""Random configurations of which a bad prior is the worst."""


@dataclass(frozen=True)
class CurveAxis:
    """One parameter: a number in [low, high], or a choice.

    Attributes:
        key: Its name.
        low: Least number.
        high: Greatest number.
        log: Whether its logarithm is scaled.
        whole: Whether its numbers are whole.
        options: Of a choice, else empty.
        conditions: Keys, and the options they must have, for it to apply.
    """

    key: str
    low: float = 0.0
    high: float = 1.0
    log: bool = False
    whole: bool = False
    options: tuple[Any, ...] = ()
    conditions: tuple[tuple[str, Any], ...] = ()

    def coordinate(self, value: Any) -> float:
        """Scaled to [0, 1]; of a choice the place of the option."""
        if self.options:
            return float(self.options.index(value))
        low, high = (math.log(x) if self.log else x for x in (self.low, self.high))
        place = (math.log(value) if self.log else value) - low
        return min(1.0, max(0.0, place / (high - low)))


class Training(NamedTuple):
    """One training of a table.

    Attributes:
        row: Of the table.
        values: (R,) best value so far.
        end: Epoch after which it ends by itself.
        failed: Whether by a value that is not a number.
    """

    row: int
    values: np.ndarray
    end: int
    failed: bool


@dataclass
class CurveTable:
    """Curves of N configurations over R epochs.

    Attributes:
        name: Of the table.
        axes: The D parameters.
        configs: Of each configuration its parameters, those that do not apply left out.
        values: (N, R) best value so far, smaller is better; inf while there was none.
        ends: (N,) epoch after which a training ends by itself.
        failed: (N,) bool: whether it ends by a value that is not a number.
        grace: Epochs of the first rung.
        expert: What an expert would run first.
    """

    name: str
    axes: tuple[CurveAxis, ...]
    configs: tuple[dict[str, Any], ...]
    values: np.ndarray
    ends: np.ndarray
    failed: np.ndarray
    grace: int
    expert: dict[str, Any]

    def __post_init__(self) -> None:
        """Lists the rows as points."""
        self.points = np.array([self.point(config) for config in self.configs])
        self._choices = np.array([bool(axis.options) for axis in self.axes])
        self._weights = np.array([axis.key != PATIENCE for axis in self.axes], dtype=float)

    @property
    def key(self) -> str:
        """Name and content, so that what was simulated on another table is not taken for it."""
        output = json.dumps([self.configs, self.expert, self.grace], sort_keys=True).encode()
        content = output + self.values.astype(np.float32).tobytes()
        return f"{self.name}@{hashlib.sha256(content).hexdigest()[:8]}"

    @property
    def max_epochs(self) -> int:
        return int(self.values.shape[1])

    @property
    def rungs(self) -> tuple[int, ...]:
        """Epochs grace * 3^k below the last."""
        rungs, epoch = [], self.grace
        while epoch < self.max_epochs:
            rungs.append(epoch)
            epoch *= 3
        return tuple(rungs)

    def point(self, params: Mapping[str, Any]) -> np.ndarray:
        """Parameters in the unit cube: (D,); those that do not apply at the middle, or option 0."""
        return np.array(
            [
                axis.coordinate(params[axis.key])
                if axis.key in params
                and all(params.get(key) == option for key, option in axis.conditions)
                else (0.0 if axis.options else 0.5)
                for axis in self.axes
            ]
        )

    def nearest(self, params: Mapping[str, Any], taken: Collection[int] = ()) -> int:
        """The row whose configuration is nearest, a choice that differs counting 1.

        The patience is left out: `training` stops the curve where a run with it would have.

        Args:
            params: What is looked up.
            taken: Rows that are not to be given, unless all are taken.
        """
        apart = (self.points - self.point(params)) * self._weights
        apart[:, self._choices] = apart[:, self._choices] != 0
        distances = (apart**2).sum(axis=1)
        if len(taken) < len(distances):
            distances[list(taken)] = np.inf
        return int(np.argmin(distances))

    def training(self, params: Mapping[str, Any], taken: Collection[int] = ()) -> Training:
        """What a training with these parameters gives: the curve of the nearest row not taken."""
        row = self.nearest(params, taken)
        values, end, failed = self.values[row], int(self.ends[row]), bool(self.failed[row])
        patience = params.get(PATIENCE, self.max_epochs)
        before = np.concatenate([[np.inf], values[:-1]])
        better = np.flatnonzero(values < before)  # epochs from 0 that improve
        for last, following in pairwise([*better, len(values) + patience]):
            if last + 1 + patience < min(following + 1, end):
                return Training(row, values, int(last + 1 + patience), False)
        return Training(row, values, end, failed)

    def regret(self, value: float | np.ndarray) -> Any:
        """A value between the best known (0) and a median configuration's last one (1)."""
        last = self.values[:, -1]
        best, median = last.min(), np.median(last)
        return (value - best) / (median - best)

    def prior(self, kind: str, seed: int) -> dict[str, Any]:
        """A baseline: "good", an expert's, or "bad", the worst of 25 random rows."""
        if kind == "good":
            return self.expert
        rng = np.random.default_rng([seed, 25])
        drawn = rng.choice(len(self.configs), min(DRAWN, len(self.configs)), replace=False)
        return self.configs[int(drawn[np.argmax(self.values[drawn, -1])])]

    def save(self, path: Path) -> None:
        """One file, read by `load`."""
        output = {
            "name": self.name,
            "axes": [vars(axis) for axis in self.axes],
            "configs": self.configs,
            "grace": self.grace,
            "expert": self.expert,
        }
        np.savez_compressed(
            path,
            told=np.frombuffer(json.dumps(output).encode(), dtype=np.uint8),
            values=self.values.astype(np.float32),
            ends=self.ends.astype(np.int16),
            failed=self.failed,
        )

    @classmethod
    def load(cls, path: Path) -> CurveTable:
        """From what `save` wrote."""
        with np.load(path) as file:
            output = json.loads(file["told"].tobytes().decode())
            arrays = {name: file[name] for name in ("values", "ends", "failed")}
        axes = tuple(
            CurveAxis(
                **{
                    **axis,
                    "options": tuple(axis["options"]),
                    "conditions": tuple((key, option) for key, option in axis["conditions"]),
                }
            )
            for axis in output["axes"]
        )
        return cls(
            output["name"],
            axes,
            tuple(output["configs"]),
            arrays["values"].astype(float),
            arrays["ends"].astype(int),
            arrays["failed"],
            output["grace"],
            output["expert"],
        )


def best_so_far(raw: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """What `CurveTable` holds of raw curves (N, R), a value that is not a number ending a training.

    Returns:
        Values, ends and failed.
    """
    finite = np.isfinite(raw)
    failed = ~finite.all(axis=1)
    ends = np.where(failed, finite.argmin(axis=1) + 1, raw.shape[1])
    held = np.where(np.arange(raw.shape[1]) < (ends - failed)[:, None], raw, np.inf)
    return np.minimum.accumulate(held, axis=1), ends, failed


def rows_of(table: CurveTable, keep: Sequence[int]) -> CurveTable:
    """The same table with some of its rows."""
    return CurveTable(
        table.name,
        table.axes,
        tuple(table.configs[i] for i in keep),
        table.values[list(keep)],
        table.ends[list(keep)],
        table.failed[list(keep)],
        table.grace,
        table.expert,
    )
