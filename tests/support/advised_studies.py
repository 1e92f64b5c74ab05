"""Studies over the shipped space whose curves are made up, to see what advice is worth.

Each scenario is true or false ground for a rule: nothing matters, the optimum lies inside or beyond
an edge, the runs are cut short, the order at the first rung says nothing of the end.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from simulated_search import simulate

from slr_tune.space import StudySpec, load_spec
from slr_tune.study.rungs import budget_rungs
from slr_tune.study.view import StudyView

SPACE = Path(__file__).parents[2] / "search_spaces" / "distill.yaml"
Config = Mapping[str, Any]


@dataclass(frozen=True)
class SimulatedView(StudyView):
    """A study that is in no database; its curves are held in memory."""

    rows: Mapping[int, list[dict[str, float]]] = field(default_factory=dict)

    def curve(self, number: int) -> list[dict[str, float]]:
        """Rows of a trial's curve."""
        return self.rows[number]


@dataclass(frozen=True)
class Scenario:
    """Made-up ground for advice.

    Attributes:
        name: Of it.
        end: (configuration) -> WER that a long run ends at.
        tau: (configuration) -> epochs in which a curve falls to 1/e.
        matters: Units of more than half a point.
        right: Rules that are right to fire, each with what it may name; "" for any.
    """

    name: str
    end: Callable[[Config], float]
    tau: Callable[[Config], float]
    matters: frozenset[str]
    right: Mapping[str, str] = field(default_factory=dict)
    noise: float = 0.7


def _rate(config: Config) -> float:
    return math.log10(config["learning_rate"])


def _settings(config: Config) -> float:
    alpha = config["loss_weights"]["alpha"]
    return 2.5 * (config["kd_blank"] == "keep") + 9 * (alpha - 0.5) ** 2


def _inner(config: Config) -> float:
    return 18 + 14 * (_rate(config) + 2.1) ** 2 + _settings(config)


def _outside(config: Config) -> float:
    return 18 + 9 * (_rate(config) + 1.0) ** 2 + _settings(config)


def _crossing(config: Config) -> float:
    return 18 + 5 * (_rate(config) + 3.0) + _settings(config)


def _slow_where_good(config: Config) -> float:
    return 9.0 - 4.2 * (_rate(config) + 3.0)


_ALL = frozenset({"learning_rate", "kd_blank", "loss_weights"})

SCENARIOS = {
    one.name: one
    for one in (
        Scenario("nothing", lambda c: 20.0, lambda c: 3.0, frozenset()),
        Scenario("inside", _inner, lambda c: 3.0, _ALL),
        Scenario("outside", _outside, lambda c: 3.0, _ALL, {"edge": "learning_rate"}),
        Scenario("cut short", _inner, lambda c: 14.0, _ALL, {"longer": ""}),
        Scenario(
            "crossing",
            _crossing,
            _slow_where_good,
            _ALL,
            {"edge": "learning_rate", "longer": ""},
        ),
    )
}


def spec_of(overrides: Sequence[str] = (), **options: Any) -> StudySpec:
    """The shipped space, changed as `--set` would."""
    return load_spec(SPACE, study="advised", overrides=list(overrides), **options)


def study_of(scenario: Scenario, spec: StudySpec, search: str, seed: int) -> SimulatedView:
    """A search of the space over the scenario's curves."""
    rows: dict[int, list[dict[str, float]]] = {}
    space, length = spec.space, spec.budget.max_epochs

    def curve(params: Mapping[str, Any], number: int) -> list[float]:
        config = spec.config_for(space.decode(dict(params)))
        rng = np.random.default_rng([seed, number])
        end = scenario.end(config) + float(rng.normal(0, scenario.noise))
        shake = rng.normal(0, 0.3, length)
        told = []
        for epoch in range(1, length + 1):
            wer = end + (98 - end) * math.exp(-epoch / scenario.tau(config))
            told.append(wer + float(shake[epoch - 1]))
        ended = _patience_end(told, int(config["patience"]))
        rows[number] = [
            {"epoch": e, "seconds": 1.0, "val/wer": w, "val/loss": w / 20, "train/loss": w / 25}
            for e, w in enumerate(told[:ended], start=1)
        ]
        return told[:ended]

    trials = simulate(
        space,
        curve,
        search,
        trials=spec.budget.trials,
        seed=seed,
        baseline=space.encode(dict(spec.baseline)) if spec.baseline else None,
        config=lambda values: dict(spec.config_for(values)),
        audit=spec.budget.audit,
        max_epochs=length,
        at_rungs=budget_rungs(spec.budget),
    )
    return SimulatedView(spec, trials, None, Path("studies/advised"), rows=rows)


def _patience_end(told: Sequence[float], patience: int) -> int:
    best, stale = math.inf, 0
    for epoch, value in enumerate(told, start=1):
        best, stale = (value, 0) if value < best else (best, stale + 1)
        if stale >= patience:
            return epoch
    return len(told)


def true_best(scenario: Scenario, view: SimulatedView) -> float:
    """What the configuration that a search calls best is worth, without the luck of its seed."""
    best = view.best()
    assert best is not None
    config = view.spec.config_for(view.spec.space.decode(dict(best.params)))
    end, length = scenario.end(config), view.spec.budget.max_epochs
    return end + (98 - end) * math.exp(-length / scenario.tau(config))
