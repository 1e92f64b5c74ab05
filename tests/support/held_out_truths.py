"""Truths of other kinds than those of `truths.py`, on which nothing was set or chosen.

Each is a kind of study that people have: few or many parameters, mostly choices, runs that diverge,
noise that depends on the configuration, differences that are seen late.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from simulated_search import MAX_EPOCHS
from truths import Truth, made_space, number

Params = Mapping[str, Any]
_START_WER = 98.0


def _equal_noise(_: Params, rng: np.random.Generator, size: float) -> float:
    return float(rng.normal(0, size))


@dataclass(frozen=True)
class HeldOutTruth(Truth):
    """A made-up study whose curves need not fall alike.

    Attributes:
        wait: Epochs at the start in which every run stands at exactly 100 %.
        diverges: (parameters) -> whether the run ends as not a number in its second epoch.
        later: (parameters) -> points that are added from epoch `since` on.
        since: First epoch of `later`.
        seed_noise: (parameters, random numbers, `noise`) -> what the seed adds, points.
    """

    wait: int = 0
    diverges: Callable[[Params], bool] = lambda _: False
    later: Callable[[Params], float] = lambda _: 0.0
    since: int = MAX_EPOCHS + 1
    seed_noise: Callable[[Params, np.random.Generator, float], float] = _equal_noise

    def curve(self, seed: int) -> Callable[[Params, int], list[float]]:
        """The curves of a study with this seed."""

        def told(params: Params, trial: int) -> list[float]:
            rng = np.random.default_rng([seed, trial])
            added = self.later(params)
            luck = self.seed_noise(params, rng, self.noise)
            end = self.end(params) - added + luck
            if rng.random() < self.fails:
                end = 90.0
            fall, shake = self.tau(params), rng.normal(0, 0.3, MAX_EPOCHS)
            found = []
            for epoch in range(1, MAX_EPOCHS + 1):
                value = end + (_START_WER - end) * math.exp(-max(0, epoch - self.wait) / fall)
                value += float(shake[epoch - 1] * math.exp(-epoch / 9))
                value += added if epoch >= self.since else 0.0
                found.append(100.0 if epoch <= self.wait else value)
            return [found[0], math.nan] if self.diverges(params) else found

        return told


def _rate(params: Params) -> float:
    return (math.log10(params["learning_rate"]) + 4) / 3


_LR = number("learning_rate", 1e-4, 1e-1, log=True)


def _choice(name: str, *options: Any) -> dict[str, Any]:
    return {"name": name, "kind": "choice", "options": list(options)}


def _whole(name: str, low: int, high: int) -> dict[str, Any]:
    return {"name": name, "kind": "int", "low": low, "high": high}


_LEVELS = dict(zip("abcdefgh", (0.0, 7.0, 3.0, 9.0, 1.0, 5.0, 12.0, 4.0), strict=True))
_NORMS = {"batch": 0.0, "layer": 2.0, "none": 5.0}


def _few(p: Params) -> float:
    return 20 + 22 * (_rate(p) - 0.55) ** 2 + 3.0 * p["dropout"]


def _many(p: Params) -> float:
    return 25 + 18 * (p["p03"] - 0.4) ** 2 + 4.0 * p["p11"]


def _options(p: Params) -> float:
    return 20 + _LEVELS[p["model"]] + _NORMS[p["norm"]] + (1.0 if p["clip"] else 0.0)


def _branch(p: Params) -> float:
    value = 24 + 3.0 * (p["dropout"] - 0.3) ** 2 + 1.5 * p["width"]
    if p["optimizer"] == "sgd":
        return value + 36 * (p["optimizer.sgd.momentum"] - 0.7) ** 2
    return value + 2.0


def _cliff(p: Params) -> float:
    return 20 + 24 * (_rate(p) - 0.6) ** 2 + 4.0 * p["dropout"] + _NORMS[p["norm"]] / 4


def _unequal(p: Params, rng: np.random.Generator, size: float) -> float:
    return float(rng.normal(0, size * (0.3 + 4.0 * abs(_rate(p) - 0.55))))


def _heavy(_: Params, rng: np.random.Generator, size: float) -> float:
    return float(size * rng.standard_t(2.5))


def _late(p: Params) -> float:
    return 8.0 * abs(p["late"] - 0.4)


def _acts_late(p: Params) -> float:
    return 22 + 8 * (p["x"] - 0.4) ** 2 + 1.5 * p["z"] + _late(p)


def _xor(p: Params) -> float:
    apart = (p["x"] > 0.5) != (p["kind"] == "a")
    return 24 + (7.0 if apart else 0.0) + 1.5 * p["z"]


def _needle(p: Params) -> float:
    gap = (p["x"] - 0.37) / 0.06
    return 32 - 10 * math.exp(-gap * gap) + 1.5 * p["z"]


def _tiny(p: Params) -> float:
    return 24 + 0.2 * p["x"] + 0.1 * p["z"]


def _saturated(p: Params) -> float:
    """Four configurations in ten learn nothing at all."""
    return min(96.0, 22 + 420 * max(0.0, abs(_rate(p) - 0.6) - 0.2) ** 1.5 + 6.0 * p["dropout"])


def _two_values(p: Params) -> float:
    return 22 + 6.0 * (p["layers"] == 1) + 3.0 * (p["x"] - 0.5) ** 2


def _threefold(p: Params) -> float:
    product = (p["x"] - 0.5) * (p["y"] - 0.5) * (p["z"] - 0.5)
    return 24 + 90 * product + 8.0 * (p["x"] - 0.4) ** 2


def _waves(p: Params) -> float:
    return 24 + 3.0 * math.sin(4 * math.pi * p["x"]) + 1.5 * p["z"]


_SGD = {"choice": "optimizer", "branch": "sgd"}
_NORM = _choice("norm", *_NORMS)
_DEAD = (number("dead"), _choice("none", "p", "q"))

HELD_OUT = {
    truth.name: truth
    for truth in (
        HeldOutTruth("few", made_space(_LR, number("dropout"), number("dead")), _few),
        HeldOutTruth("many", made_space(*(number(f"p{n:02d}") for n in range(20))), _many),
        HeldOutTruth(
            "options",
            made_space(
                _choice("model", *_LEVELS),
                _NORM,
                _choice("clip", True, False),
                _choice("idle", "p", "q", "r", "s"),
                number("dead"),
            ),
            _options,
        ),
        HeldOutTruth(
            "branch",
            made_space(
                _choice("optimizer", "adam", "sgd"),
                number("optimizer.sgd.momentum", path=["momentum"], when=_SGD),
                number("dropout"),
                number("width"),
                *_DEAD,
            ),
            _branch,
        ),
        HeldOutTruth(
            "cliff",
            made_space(_LR, number("dropout"), _NORM, *_DEAD),
            _cliff,
            diverges=lambda p: _rate(p) > 0.75,
        ),
        HeldOutTruth(
            "unequal",
            made_space(_LR, number("dropout"), _NORM, *_DEAD),
            _cliff,
            noise=1.5,
            seed_noise=_unequal,
        ),
        HeldOutTruth(
            "heavy",
            made_space(_LR, number("dropout"), _NORM, *_DEAD),
            _cliff,
            noise=0.8,
            seed_noise=_heavy,
        ),
        HeldOutTruth("flat", made_space(_LR, number("dropout"), _NORM, *_DEAD), _cliff, wait=5),
        HeldOutTruth(
            "late",
            made_space(number("late"), number("x"), number("z"), *_DEAD),
            _acts_late,
            later=_late,
            since=15,
        ),
        HeldOutTruth(
            "xor",
            made_space(number("x"), _choice("kind", "a", "b"), number("z"), *_DEAD),
            _xor,
            noise=1.0,
        ),
        HeldOutTruth("needle", made_space(*map(number, ("x", "z")), *_DEAD), _needle),
        HeldOutTruth("tiny", made_space(*map(number, ("x", "z")), *_DEAD), _tiny),
        HeldOutTruth("saturated", made_space(_LR, number("dropout"), *_DEAD), _saturated),
        HeldOutTruth(
            "two values",
            made_space(_whole("layers", 1, 2), number("x"), *_DEAD),
            _two_values,
        ),
        HeldOutTruth("threefold", made_space(*map(number, "xyz"), *_DEAD), _threefold),
        HeldOutTruth("waves", made_space(*map(number, "xz"), *_DEAD), _waves),
        HeldOutTruth(
            "collapsing",
            made_space(_LR, number("dropout"), _NORM, *_DEAD),
            _cliff,
            fails=0.12,
        ),
    )
}
