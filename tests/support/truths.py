"""Made-up studies whose truth is known: which parameter matters, by how much, and when.

Each truth is a space, a last value for each configuration and how fast it is reached. What a unit
matters is worked out by drawing the space evenly, one unit anew at a time (Saltelli et al. 2010).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from simulated_search import MAX_EPOCHS
from space_truth import true_wer, truth_space

from slr_tune.importance.parameter_columns import unit_of
from slr_tune.space import ChoiceParameter, FloatParameter, IntParameter, SimplexParameter, Space
from slr_tune.space.parameters import from_json

Params = Mapping[str, Any]
_START_WER = 98.0
_DRAWS = 3000


def number(name: str, low: float = 0.0, high: float = 1.0, **more: Any) -> dict[str, Any]:
    """A number of a space, as JSON."""
    return {"name": name, "kind": "float", "low": low, "high": high, **more}


def made_space(*entries: dict[str, Any]) -> Space:
    """A space of parameters given as JSON; their path is their name."""
    return Space(tuple(from_json({"path": e["name"].split("."), **e}) for e in entries))


@dataclass(frozen=True)
class Truth:
    """A made-up study.

    Attributes:
        name: Of it.
        space: What is searched.
        end: (parameters) -> last value, points of WER.
        noise: Standard deviation of the seed, points.
        tau: (parameters) -> epochs in which a curve falls to 1/e.
        fails: Share of the trials that end near where they began, whatever their configuration.
    """

    name: str
    space: Space
    end: Callable[[Params], float]
    noise: float = 0.7
    tau: Callable[[Params], float] = lambda _: 5.0
    fails: float = 0.0

    def curve(self, seed: int) -> Callable[[Params, int], list[float]]:
        """The curves of a study with this seed."""

        def told(params: Params, trial: int) -> list[float]:
            rng = np.random.default_rng([seed, trial])
            end = self.end(params) + float(rng.normal(0, self.noise))
            if rng.random() < self.fails:
                end = 90.0
            fall, shake = self.tau(params), rng.normal(0, 0.3, MAX_EPOCHS)
            epochs = range(1, MAX_EPOCHS + 1)
            return [
                end
                + (_START_WER - end) * math.exp(-e / fall)
                + float(shake[e - 1] * math.exp(-e / 9))
                for e in epochs
            ]

        return told

    @cached_property
    def last(self) -> Callable[[Params], float]:
        """(parameters) -> value at the last epoch without noise."""

        def value(params: Params) -> float:
            end = self.end(params)
            return end + (_START_WER - end) * math.exp(-MAX_EPOCHS / self.tau(params))

        return value

    @cached_property
    def effects(self) -> dict[str, tuple[float, float]]:
        """Of each unit: Shapley share of the variance, and standard deviation it causes, points.

        The share is the mean of first-order and total effect, which is Shapley's where no three
        units act together.
        """
        rng = np.random.default_rng(1)
        one, other = (draw(self.space, rng, _DRAWS) for _ in range(2))
        self.prepare([*one, *other])
        values, others = (np.array([self.last(p) for p in drawn]) for drawn in (one, other))
        centred = values - values.mean()
        found = {}
        for unit, names in unit_names(self.space).items():
            mixed = [
                [_mixed(a, b, names) for a, b in zip(left, right, strict=True)]
                for left, right in ((one, other), (other, one))
            ]
            self.prepare([*mixed[0], *mixed[1]])
            anew, kept = ([self.last(params) for params in some] for some in mixed)
            total = float(np.mean((values - anew) ** 2)) / 2
            first = float(np.mean(centred * (kept - others)))
            found[unit] = ((total + max(first, 0.0)) / 2, math.sqrt(total))
        whole = sum(share for share, _ in found.values())
        return {unit: (share / whole, points) for unit, (share, points) in found.items()}

    def prepare(self, drawn: list[dict[str, Any]]) -> None:
        """Called with the configurations of which the last value is asked next."""

    def baseline(self, seed: int) -> dict[str, Any]:
        """The best of ten drawn at random: what an expert would run."""
        drawn = draw(self.space, np.random.default_rng([7, seed]), 10)
        return min(drawn, key=self.last)


def unit_names(space: Space) -> dict[str, set[str]]:
    """Names of the study's parameters by unit."""
    found: dict[str, set[str]] = {}
    for parameter in space.parameters:
        if parameter.keys:
            found.setdefault(unit_of(parameter, space), set()).update(parameter.keys)
    return found


def draw(space: Space, rng: np.random.Generator, count: int) -> list[dict[str, Any]]:
    """Even draws of a space, as the study's parameters."""
    found: list[dict[str, Any]] = []
    for _ in range(count):
        params: dict[str, Any] = {}
        for p in space.parameters:
            if p.when is not None and params.get(p.when.choice) != p.when.branch:
                continue
            if isinstance(p, ChoiceParameter):
                params[p.name] = p.options[int(rng.integers(len(p.options)))]
            elif isinstance(p, SimplexParameter):
                params |= dict(zip(p.keys, rng.random(len(p.keys)).tolist(), strict=True))
            elif isinstance(p, IntParameter):
                params[p.name] = int(rng.integers(p.low, p.high + 1))
            elif isinstance(p, FloatParameter):
                u = float(rng.random())
                ratio = p.high / p.low if p.log else 0.0
                params[p.name] = p.low * ratio**u if p.log else p.low + u * (p.high - p.low)
        found.append(params)
    return found


def _mixed(one: Params, other: Params, names: set[str]) -> dict[str, Any]:
    """`one` with a unit's parameters from `other`."""
    kept = {name: value for name, value in one.items() if name not in names}
    return kept | {name: value for name, value in other.items() if name in names}


def _rate(params: Params) -> float:
    return (math.log10(params["learning_rate"]) + 4) / 3


_LR = number("learning_rate", 1e-4, 1e-1, log=True)


def _additive(p: Params) -> float:
    value = 20 + 30 * (_rate(p) - 0.62) ** 2 + 4.0 * p["dropout"]
    return value + {"a": 0.0, "b": 1.2, "c": 2.5}[p["norm"]] + 1.0 * abs(p["layers"] - 3) / 3


def _pair(p: Params) -> float:
    return 25 + 26 * (p["x"] - 0.5) * (p["y"] - 0.5) + 2.5 * (p["z"] - 0.3) ** 2


def _bump(p: Params) -> float:
    """A narrow valley, turned against another parameter, and a plain one."""
    gap = (p["x"] - 0.3 - 0.4 * p["y"]) / 0.22
    return 30 - 9 * math.exp(-gap * gap) + 3.0 * p["z"]


def _distil(p: Params) -> float:
    s2 = math.sqrt(p["weights.u2"])
    alpha, beta = p["weights.u1"] * s2, (1 - p["weights.u1"]) * s2
    value = 22 + 14 * (alpha - 0.6) ** 2 + 8 * max(0.0, 0.15 - beta) / 0.15 + 1.5 * p["dropout"]
    value += 1.0 if p["blank"] == "keep" else 0.0
    if p["schedule"] == "fixed":
        return value + 3.0
    return value + 6.0 * abs(p["schedule.warm.start"] - 0.3)


def _speedy(p: Params) -> float:
    return 24 + 7 * (p["x"] - 0.4) ** 2 / 0.36 + 2.0 * abs(p["z"] - 0.5)


def _speed(p: Params) -> float:
    return 2.5 + 2.0 * float(p["speed"])


_WARM = {"choice": "schedule", "branch": "warm"}
_SIMPLEX = {"name": "weights", "kind": "simplex", "weights": ["alpha", "beta", "gamma"]}


def _choice(name: str, *options: str) -> dict[str, Any]:
    return {"name": name, "kind": "choice", "options": list(options)}


TRUTHS = {
    truth.name: truth
    for truth in (
        Truth("strong", truth_space(), lambda p: true_wer(dict(p))),
        Truth(
            "additive",
            made_space(
                _LR,
                number("dropout"),
                _choice("norm", "a", "b", "c"),
                {"name": "layers", "kind": "int", "low": 1, "high": 6},
                number("dead"),
                _choice("none", "p", "q"),
            ),
            _additive,
        ),
        Truth(
            "pair",
            made_space(*map(number, ("x", "y", "z", "dead", "still", "idle"))),
            _pair,
            noise=1.2,
        ),
        Truth(
            "valley", made_space(*map(number, ("x", "y", "z", "dead", "still"))), _bump, noise=1.0
        ),
        Truth(
            "distil",
            made_space(
                _SIMPLEX,
                _choice("schedule", "fixed", "warm"),
                number("schedule.warm.start", path=["warm_start"], when=_WARM),
                number("dropout"),
                _choice("blank", "keep", "drop"),
                number("dead"),
                number("still"),
            ),
            _distil,
        ),
        Truth(
            "speed",
            made_space(*map(number, ("speed", "x", "z", "dead", "still"))),
            _speedy,
            tau=_speed,
        ),
        Truth(
            "failing",
            made_space(
                _LR,
                number("dropout"),
                _choice("norm", "a", "b", "c"),
                {"name": "layers", "kind": "int", "low": 1, "high": 6},
                number("dead"),
            ),
            _additive,
            fails=0.03,
        ),
    )
}
