"""Ranges whose edge the best trials press against, and what to widen them to."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from scipy.stats import mannwhitneyu

from slr_tune.importance.acting import Acting
from slr_tune.importance.effects import EdgeReading
from slr_tune.report.study.study_data import StudyData, TrialData
from slr_tune.space import ChoiceParameter, FloatParameter, IntParameter, Parameter, Space
from slr_tune.text import in_percent, number
from trainables.registry import CodeRefused

Number = FloatParameter | IntParameter

LEAST_TRIALS = 60
LEAST_POINTS = 0.25
SURELY = 0.01
_LEAST_DIVERGED = 3
_ROUND = (1.0, 1.5, 2.0, 3.0, 5.0, 7.0, 10.0)


@dataclass(frozen=True)
class Edge:
    """A range that ends too early.

    Attributes:
        parameter: The parameter.
        upper: Whether it is the upper end.
        gain: By how much the outer tenth of the range is better than the inner 80 % around the best
            trial, metric's unit.
        bound: The end as it is.
        wider: A bound further out that the trainable takes.
        key: Its place in the search-space file.
    """

    parameter: Number
    upper: bool
    gain: float
    bound: float
    wider: float
    key: str

    @property
    def setting(self) -> str:
        """What `--set` takes to widen it."""
        low, high, kind = self.parameter.low, self.parameter.high, self.parameter.kind
        ends = (low, self.wider) if self.upper else (self.wider, high)
        shown = (str(int(end)) if kind == "int" else number(end, 4) for end in ends)
        return f"{self.key}.{kind}=[{', '.join(shown)}]"


def edges(study: StudyData) -> list[Edge]:
    """Numbers that keep getting better at an end of their range that could be moved.

    Read off the model's slices through the best trial; `benchmarks/advice.py` gives the rates.
    """
    found = study.importance
    if found is None or found.main.trials < LEAST_TRIALS:
        return []
    by_name = study.view.spec.space.by_name
    large = [edge for edge in found.edges if edge.gain >= least_gain(study, LEAST_POINTS)]
    numbers = [(by_name.get(edge.name), edge) for edge in large]
    return [
        edge
        for parameter, reading in numbers
        if isinstance(parameter, FloatParameter | IntParameter)
        and (edge := _edge(study, parameter, reading))
    ]


def least_gain(study: StudyData, wer_points: float) -> float:
    """So many points; of a metric that is not a percentage, the same share of the best value.

    The share is that of a WER of 25: half a point is a fiftieth.
    """
    if in_percent(study.metric):
        return wer_points
    return wer_points * 0.04 * abs((study.best.value if study.best else None) or 0.0)


def diverged_rates(study: StudyData) -> tuple[list[float], list[float]]:
    """Learning rates of the trials that diverged, and of all others that trained."""
    name = "learning_rate"
    having = [trial for trial in study.trials if name in trial.record.config]
    bad = [float(t.record.config[name]) for t in having if t.reason == "nan"]
    good = [float(t.record.config[name]) for t in having if t.ending != "failed" and t.epochs]
    return bad, good


def are_higher(some: Sequence[float], others: Sequence[float]) -> bool:
    """Whether numbers are surely higher than others, by the test of Mann and Whitney (1947)."""
    if len(some) < _LEAST_DIVERGED or not others:
        return False
    found = mannwhitneyu(some, others, alternative="greater")
    return bool(found.pvalue < SURELY)


def file_key(space: Space, parameter: Parameter) -> str:
    """Place in the search-space file: `space.temperature.schedule.choice.step.end`."""
    if parameter.when is None:
        return ".".join(("space", *parameter.path))
    choice = next(p for p in space.parameters if p.name == parameter.when.choice)
    assert isinstance(choice, ChoiceParameter)
    rest = parameter.path[len(choice.path) - 1 :]
    return ".".join((file_key(space, choice), "choice", str(parameter.when.branch), *rest))


def _edge(study: StudyData, parameter: Number, reading: EdgeReading) -> Edge | None:
    best = study.best
    if parameter.high <= parameter.low or best is None:
        return None
    name, upper = ".".join(parameter.path), reading.upper
    if upper and name == "learning_rate" and are_higher(*diverged_rates(study)):
        return None  # beyond it runs diverge
    ceiling = Acting(study.view.spec).ceilings.get(name, math.inf)
    if upper and float(parameter.high) >= ceiling:
        return None  # beyond it nothing changes any more
    wider = _wider(parameter, upper=upper)
    if wider is None or not _taken(study, parameter, wider, best):
        return None
    bound = parameter.high if upper else parameter.low
    key = file_key(study.view.spec.space, parameter)
    return Edge(parameter, upper, reading.gain, float(bound), wider, key)


def _wider(parameter: Number, *, upper: bool) -> float | None:
    """A round bound about a sixth of the range further out; on a step where there is one."""
    low, high = float(parameter.low), float(parameter.high)
    end, out = (high, 1) if upper else (low, -1)
    if parameter.log:
        factor = max(1.5, (high / low) ** 0.15)
        rounded = _rounded(high * factor if upper else low / factor)
        if parameter.kind == "int":
            rounded = float(math.ceil(rounded) if upper else math.floor(rounded))
            if rounded < 1:
                return None  # 0 has no logarithm
    else:
        aim = end + out * (high - low) / 6
        if parameter.step is not None and parameter.step > 0:
            steps = max(1, round(abs(aim - end) / parameter.step))
            return float(f"{end + out * steps * parameter.step:.12g}")
        grid = 10.0 ** math.floor(math.log10((high - low) / 3)) / 2
        rounded = float(f"{round(aim / grid) * grid:.6g}")
    return rounded if out * rounded > out * end else None


def _rounded(value: float) -> float:
    """The nearest number of the kind 1, 1.5, 2, 3, 5, 7 times a power of ten."""
    power = 10.0 ** math.floor(math.log10(value))
    nearest = min(_ROUND, key=lambda step: abs(math.log(value / (step * power))))
    return float(f"{nearest * power:.3g}")


def _taken(study: StudyData, parameter: Number, value: float, trial: TrialData) -> bool:
    """Whether the trainable accepts the value in place of a good trial's."""
    spec = study.view.spec
    given: Any = int(value) if parameter.kind == "int" else value
    values = _replaced(spec.space.decode(dict(trial.params)), parameter.path, given)
    try:
        spec.config_for(values)
    except CodeRefused:
        return True  # its code is not run to draw a report; the next search will say
    except Exception:  # not only SpecError: a user's class may refuse in any way
        return False
    return True


def _replaced(values: Mapping[str, Any], path: tuple[str, ...], given: Any) -> dict[str, Any]:
    head, *rest = path
    if not rest:
        return {**values, head: given}
    below = values.get(head)
    inner = _replaced(below if isinstance(below, Mapping) else {}, tuple(rest), given)
    return {**values, head: inner}
