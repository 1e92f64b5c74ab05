"""Real tables of learning curves as truths: a forest over the whole table, and its own curves.

A table is an `.npz` with `names` (D,), `configs` (N, D) and `valid_error` (N, E) or `valid_loss`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from simulated_search import MAX_EPOCHS
from truths import Truth, made_space, number

Floats = NDArray[np.float64]
_LOGARITHMIC = 20.0
"""Ratio of largest to smallest value from which a column was drawn on a logarithmic scale."""


def table_truths(folder: Path) -> dict[str, Truth]:
    """Every table below a folder, by its name."""
    found = {path.stem: _truth(path) for path in sorted(folder.rglob("*.npz"))}
    if not found:
        raise SystemExit(f"no .npz below {folder}")
    return found


def _truth(path: Path) -> Truth:
    with np.load(path) as table:
        configs = np.asarray(table["configs"], dtype=float)
        key = "valid_error" if "valid_error" in table else "valid_loss"
        curves = np.asarray(table[key], dtype=float)
        names = [str(name) for name in table["names"]]
    if len(names) != configs.shape[1]:
        names = [f"x{place}" for place in range(configs.shape[1])]
    names = [name.replace(".", "_") for name in names]
    known = np.isfinite(curves).all(axis=1)
    table_ = _Table(path.stem, names, configs[known], curves[known])
    return TableTruth(path.stem, table_.space, table_.end, table=table_)


class _Table:
    """A forest that predicts the whole curve of a configuration."""

    def __init__(self, name: str, names: list[str], configs: Floats, curves: Floats) -> None:
        from sklearn.ensemble import ExtraTreesRegressor

        low, high = configs.min(axis=0), configs.max(axis=0)
        use = high > low
        self.names = [n for n, u in zip(names, use, strict=True) if u]
        self.low, self.high, configs = low[use], high[use], configs[:, use]
        positive = self.low > 0
        ratio = np.divide(self.high, self.low, out=np.ones_like(self.low), where=positive)
        self.log = positive & (ratio > _LOGARITHMIC)
        entries = [
            number(n, float(a), float(b), log=bool(g))
            for n, a, b, g in zip(self.names, self.low, self.high, self.log, strict=True)
        ]
        self.space = made_space(*entries)
        best = np.minimum.accumulate(curves, axis=1)
        cut = np.quantile(best, 0.9)  # a loss that exploded says nothing more than a bad one
        best = np.minimum(best, cut)
        at = np.unique(np.linspace(0, best.shape[1] - 1, MAX_EPOCHS).round().astype(int))
        columns = best[:, at]
        # On the scale of WER: 10 points of standard deviation at the end.
        self._scale = 10.0 / float(columns[:, -1].std() or 1.0)
        forest = ExtraTreesRegressor(n_estimators=60, min_samples_leaf=2, random_state=0, n_jobs=1)
        self._forest = forest.fit(self._unit(configs), columns * self._scale)
        self._known: dict[tuple[float, ...], Floats] = {}

    def _unit(self, configs: Floats) -> Floats:
        plain = (configs - self.low) / (self.high - self.low)
        with np.errstate(divide="ignore", invalid="ignore"):
            logarithm = np.log(np.maximum(configs, 1e-300) / np.maximum(self.low, 1e-300))
            scaled = logarithm / np.log(
                np.where(self.log, self.high / np.where(self.log, self.low, 1), math.e)
            )
        return np.asarray(np.where(self.log, scaled, plain))

    def curve(self, params: Mapping[str, Any]) -> Floats:
        """Best values so far over the epochs."""
        key = tuple(float(params[name]) for name in self.names)
        if key not in self._known:
            self._known[key] = self._forest.predict(self._unit(np.array([key])))[0]
        return self._known[key]

    def curves(self, drawn: list[dict[str, Any]]) -> None:
        """Foretells many at once."""
        keys = [tuple(float(p[name]) for name in self.names) for p in drawn]
        for key, curve in zip(keys, self._forest.predict(self._unit(np.array(keys))), strict=True):
            self._known[key] = curve

    def end(self, params: Mapping[str, Any]) -> float:
        """The last one."""
        return float(self.curve(params)[-1])


@dataclass(frozen=True)
class TableTruth(Truth):
    """A truth whose curves are a table's."""

    table: Any = None

    def curve(self, seed: int) -> Callable[[Mapping[str, Any], int], list[float]]:
        """The table's, with the seed's noise on all epochs."""

        def told(params: Mapping[str, Any], trial: int) -> list[float]:
            rng = np.random.default_rng([seed, trial])
            curve = self.table.curve(params)
            longer = np.interp(
                np.linspace(0, len(curve) - 1, MAX_EPOCHS), np.arange(len(curve)), curve
            )
            return list(map(float, longer + rng.normal(0, self.noise)))

        return told

    def prepare(self, drawn: list[dict[str, Any]]) -> None:
        """Foretells them at once, which is a thousand times faster than one by one."""
        self.table.curves(drawn)

    @cached_property
    def last(self) -> Callable[[Mapping[str, Any]], float]:
        """The table's last value."""
        return self.end
