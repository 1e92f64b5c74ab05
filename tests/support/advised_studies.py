"""Studies over the shipped space whose curves are made up, to see what advice is worth.

Each scenario is true or false ground for a rule: nothing matters; the optimum lies inside or beyond
an edge, or where the baseline is; the runs are cut short, or still in the blank phase; the order at
the first rung is that of the end turned round; two settings act only together; runs diverge above a
learning rate, or by chance; some runs get better late.
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
        noise: Standard deviation of the seed, points.
        diverges: (configuration) -> chance to diverge in the first three epochs.
        late: Share of the runs that get 4 points better only after 60 % of the epochs.
        blank: Whether nothing is recognised within the usual number of epochs.
    """

    name: str
    end: Callable[[Config], float]
    tau: Callable[[Config], float]
    matters: frozenset[str]
    right: Mapping[str, str] = field(default_factory=dict)
    noise: float = 0.7
    diverges: Callable[[Config], float] = lambda _: 0.0
    late: float = 0.0
    blank: bool = False


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


def _at_baseline(config: Config) -> float:
    alpha = config["loss_weights"]["alpha"]
    worse = 2.5 * (config["kd_blank"] == "drop") + 9 * (alpha - 0.7) ** 2
    return 18 + 14 * (_rate(config) + 2) ** 2 + 6 * abs(config["dropout"] - 0.2) + worse


def _together(config: Config) -> float:
    """What the rate does is turned round by `kd_blank`; neither does anything by itself."""
    sign = 1 if config["kd_blank"] == "keep" else -1
    return 26 + 10 * sign * (_rate(config) + 2.26) + 3 * config["dropout"]


def _slow_where_good(config: Config) -> float:
    return 9.0 - 4.2 * (_rate(config) + 3.0)


def _cliff(config: Config) -> float:
    return 0.95 if config["learning_rate"] > 0.015 else 0.0


_ALL = frozenset({"learning_rate", "kd_blank", "loss_weights"})
_FAST, _SLOW = (lambda c: 3.0), (lambda c: 14.0)
_BEYOND = {"edge": "learning_rate"}

SCENARIOS = {
    one.name: one
    for one in (
        Scenario("nothing", lambda c: 20.0, _FAST, frozenset()),
        Scenario("inside", _inner, _FAST, _ALL),
        Scenario("outside", _outside, _FAST, _ALL, _BEYOND),
        Scenario("baseline best", _at_baseline, _FAST, _ALL, noise=0.2),
        Scenario(
            "together",
            _together,
            _FAST,
            frozenset({"learning_rate", "kd_blank"}),
            {"act together": "learning_rate", "edge": "learning_rate"},
        ),
        Scenario("cut short", _inner, _SLOW, _ALL, {"longer": ""}),
        Scenario("blank", _inner, _SLOW, _ALL, {"blank phase": ""}, blank=True),
        Scenario("crossing", _crossing, _slow_where_good, _ALL, {**_BEYOND, "longer": ""}),
        Scenario("cliff", _inner, _FAST, _ALL, {"diverged": ""}, diverges=_cliff),
        Scenario("unlucky", _inner, _FAST, _ALL, diverges=lambda _: 0.15),
        Scenario("late", _inner, _FAST, _ALL, late=0.1),
    )
}


def spec_of(overrides: Sequence[str] = (), **options: Any) -> StudySpec:
    """The shipped space, changed as `--set` would."""
    return load_spec(SPACE, study="advised", overrides=list(overrides), **options)


def curve_of(
    scenario: Scenario, config: Config, length: int, rng: np.random.Generator
) -> list[float]:
    """Dev WER of each epoch of one run, to the last; it ends with no number where it diverges."""
    end = scenario.end(config) + float(rng.normal(0, scenario.noise))
    shake, late, fails, when = rng.normal(0, 0.3, length), *rng.random(3)
    output = []
    for epoch in range(1, length + 1):
        if fails < scenario.diverges(config) and epoch > 3 * when:
            return [*output, math.nan]
        wer = end + (98 - end) * math.exp(-epoch / scenario.tau(config))
        wer += 4.0 * (late < scenario.late and epoch <= 0.6 * length)
        output.append(_blank_until(wer, epoch) if scenario.blank else wer + float(shake[epoch - 1]))
    return output


def _blank_until(wer: float, epoch: int) -> float:
    """Next to nothing is named in the first 30 epochs."""
    return 100.0 - 0.05 * epoch + 0.001 * wer if epoch <= 30 else wer


def study_of(scenario: Scenario, spec: StudySpec, search: str, seed: int) -> SimulatedView:
    """A search of the space over the scenario's curves."""
    rows: dict[int, list[dict[str, float]]] = {}
    space, length = spec.space, spec.budget.max_epochs

    def curve(params: Mapping[str, Any], number: int) -> list[float]:
        config = spec.config_for(space.decode(dict(params)))
        output = curve_of(scenario, config, length, np.random.default_rng([seed, number]))
        ended = patience_end(output, int(config["patience"]))
        if scenario.blank and length <= 30:
            ended = length  # a patience that cannot hurt: nothing has begun
        rows[number] = [_row(e, w) for e, w in enumerate(output[:ended], start=1) if w == w]
        return output[:ended]

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


def _row(epoch: int, wer: float) -> dict[str, float]:
    """A row of a curve; while next to nothing is named the training loss falls all the same."""
    loss = 20.0 * 0.97**epoch if wer > 95 else wer / 20
    blank = 0.99 if wer > 95 else 0.7
    output = {"val/loss": loss, "train/loss": 0.9 * loss, "val/blank_rate": blank}
    ctc = "train/loss_components/hard_ctc_loss"
    return {"epoch": epoch, "seconds": 1.0, "val/wer": wer, ctc: 0.9 * loss, **output}


def patience_end(output: Sequence[float], patience: int) -> int:
    """Epoch at which a patience ends a run."""
    best, stale = math.inf, 0
    for epoch, value in enumerate(output, start=1):
        best, stale = (value, 0) if value < best else (best, stale + 1)
        if stale >= patience:
            return epoch
    return len(output)


def true_value(scenario: Scenario, config: Config, length: int) -> float:
    """Mean WER of a configuration over seeds; of one that diverges, that of an untrained run."""
    end = scenario.end(config)
    wer = end + (98 - end) * math.exp(-length / scenario.tau(config))
    wer = wer if not scenario.blank or length > 30 else _blank_until(wer, length)
    chance = scenario.diverges(config)
    return (1 - chance) * wer + chance * 98.0


def true_best(scenario: Scenario, view: SimulatedView) -> float:
    """What the configuration that a search calls best is worth, without the luck of its seed."""
    best = view.best()
    assert best is not None
    config = view.spec.config_for(view.spec.space.decode(dict(best.params)))
    return true_value(scenario, config, view.spec.budget.max_epochs)
