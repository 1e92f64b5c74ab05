"""Truths drawn by chance, to set limits on: those of `truths.py` stay for the report."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from truths import Truth, made_space, number

Params = Mapping[str, Any]
_Part = Callable[[Params], float]


def drawn_truth(seed: int) -> Truth:
    """A truth: two to four parameters that matter, one to three that do not, perhaps a pair.

    A parameter is a number (of any scale), a whole number, or an option; what it does is a bowl, a
    slope or a step of 1 to 15 points. In a fourth of the truths one more changes only the speed.
    """
    rng = np.random.default_rng([seed, 77])
    alive, dead = int(rng.integers(2, 5)), int(rng.integers(1, 4))
    entries, parts = [], []
    places: list[Callable[[Params], float]] = []
    for place in range(alive + dead):
        entry, at = _entry(f"p{place}", rng)
        entries.append(entry)
        if place < alive:
            places.append(at)
            parts.append(_part(at, rng))
    if rng.random() < 0.4:
        parts.append(_pair(places[0], places[1], float(rng.uniform(4, 25))))
    tau: _Part = _constant(float(rng.uniform(3, 7)))
    if rng.random() < 0.25:
        entry, at = _entry("speed", rng)
        entries.append(entry)
        tau = _slowed(at, float(rng.uniform(2, 3)))
    order = rng.permutation(len(entries))

    def end(params: Params) -> float:
        return 20.0 + sum(part(params) for part in parts)

    space = made_space(*(entries[n] for n in order))
    return Truth(f"drawn {seed}", space, end, noise=float(rng.uniform(0.4, 1.4)), tau=tau)


def _entry(name: str, rng: np.random.Generator) -> tuple[dict[str, Any], _Part]:
    """A parameter as JSON, and its place in the range, 0..1."""
    kind = rng.choice(["float", "log", "int", "choice"], p=[0.45, 0.2, 0.15, 0.2])
    if kind == "float":
        return number(name), lambda p: float(p[name])
    if kind == "log":
        return (
            number(name, 1e-4, 1e-1, log=True),
            lambda p: (math.log10(float(p[name])) + 4) / 3,
        )
    if kind == "int":
        most = int(rng.integers(4, 13))
        entry = {"name": name, "kind": "int", "low": 1, "high": most}
        return entry, lambda p: (int(p[name]) - 1) / (most - 1)
    options = [f"o{place}" for place in range(int(rng.integers(2, 5)))]
    levels = dict(zip(options, rng.permutation(np.linspace(0, 1, len(options))), strict=True))
    return {"name": name, "kind": "choice", "options": options}, lambda p: float(levels[p[name]])


def _part(at: _Part, rng: np.random.Generator) -> _Part:
    size, middle = float(np.exp(rng.uniform(0, math.log(15)))), float(rng.uniform(0, 1))
    shape = rng.choice(["bowl", "slope", "step"], p=[0.6, 0.3, 0.1])
    if shape == "bowl":
        far = max(middle, 1 - middle) ** 2
        return lambda p: size * (at(p) - middle) ** 2 / far
    if shape == "slope":
        return lambda p: size * at(p)
    return lambda p: size / (1 + math.exp(-25 * (at(p) - middle)))


def _pair(one: _Part, other: _Part, size: float) -> _Part:
    return lambda p: size * (one(p) - 0.5) * (other(p) - 0.5)


def _constant(value: float) -> _Part:
    return lambda p: value


def _slowed(at: _Part, least: float) -> _Part:
    return lambda p: least + 2.5 * at(p)
