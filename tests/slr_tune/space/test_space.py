"""Spaces: suggested, encoded and decoded, with fake trials and with Optuna's own."""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import optuna
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from slr_tune.errors import SpecError
from slr_tune.space import Space, load_spec
from slr_tune.space.parse_space import parse_space
from slr_tune.space.problems import ProblemList
from slr_tune.space.yaml_reader import parse_yaml

optuna.logging.set_verbosity(optuna.logging.ERROR)

EVERY_KIND = """
dropout: {float: [0.0, 0.5]}
rate: {float: [1e-5, 1e-1], log: true}
grid: {float: [0.1, 0.7], step: 0.1}
units: {int: [8, 512], log: true}
width: {int: [3, 11], step: 2}
blank: {choice: [keep, drop]}
betas: {choice: [[0.9, 0.999], [0.9, 0.98]]}
weights: {simplex: [alpha, beta, gamma, delta]}
constant: {fixed: {deep: [1, 2]}}
temperature:
  schedule:
    choice:
      constant: {start: {float: [1, 8]}}
      step:
        start: {float: [2, 8]}
        end: {float: [1, 4]}
        milestones: {fixed: [0.375, 0.875]}
        shape:
          choice:
            soft: {width: {int: [1, 3]}}
            hard: {}
optimizer:
  choice:
    adam:
    adamw: {weight_decay: {float: [1e-6, 1e-2], log: true}}
depth:
  choice:
    2: {}
    4: {skip: {choice: [true, false]}}
"""


def parse(text: str) -> Space:
    node, found = parse_yaml(text, "f")
    assert node is not None and not found
    problems = ProblemList()
    parsed = parse_space(node, lambda path: path == ("temperature",), problems)
    assert not problems, [str(problem) for problem in problems.sorted()]
    return parsed.space


SPACE = parse(EVERY_KIND)


class FakeTrial:
    """Draws at random, at the ends more often, and checks what it is asked."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)
        self.params: dict[str, Any] = {}

    def _keep(self, name: str, value: Any) -> Any:
        assert name not in self.params, f"{name} asked for twice"
        self.params[name] = value
        return value

    def suggest_float(
        self, name: str, low: float, high: float, *, step: float | None = None, log: bool = False
    ) -> float:
        assert low < high and not (log and low <= 0) and not (log and step)
        if step is not None:
            return self._keep(name, low + self.rng.randint(0, round((high - low) / step)) * step)
        return self._keep(name, self.rng.choice((low, high, self.rng.uniform(low, high))))

    def suggest_int(
        self, name: str, low: int, high: int, *, step: int = 1, log: bool = False
    ) -> int:
        assert low < high and not (log and low < 1)
        return self._keep(name, self.rng.randrange(low, high + 1, step))

    def suggest_categorical(self, name: str, choices: Sequence[Any]) -> Any:
        return self._keep(name, self.rng.choice(choices))


seeds = st.integers(0, 2**32)


@given(seeds)
@settings(max_examples=300)
def test_suggested_values_lie_in_the_space(seed: int) -> None:
    """`misfits` is written apart from `suggest`, and must agree with it."""
    assert SPACE.misfits(SPACE.suggest(FakeTrial(seed))) == []


@given(seeds)
@settings(max_examples=300)
def test_decode_is_the_inverse_of_encode(seed: int) -> None:
    values = SPACE.suggest(FakeTrial(seed))
    assert SPACE.decode(SPACE.encode(values)) == values


@given(seeds)
def test_encode_is_the_inverse_of_suggest(seed: int) -> None:
    """Same names, and the same values where they are not of a simplex or a grid."""
    trial = FakeTrial(seed)
    params = SPACE.encode(SPACE.suggest(trial))
    assert set(params) == set(trial.params) <= set(SPACE.names)
    plain = [name for name in params if not name.startswith(("weights", "grid"))]
    assert [params[name] for name in plain] == [trial.params[name] for name in plain]
    assert params["grid"] == pytest.approx(trial.params["grid"], abs=1e-12)


def test_flat_names() -> None:
    """Other people's scripts read them from the database."""
    assert SPACE.names == (
        "dropout",
        "rate",
        "grid",
        "units",
        "width",
        "blank",
        "betas",
        "weights.u1",
        "weights.u2",
        "weights.u3",
        "temperature.schedule",
        "temperature.constant.start",
        "temperature.step.start",
        "temperature.step.end",
        "temperature.step.shape",
        "temperature.step.soft.width",
        "optimizer",
        "optimizer.adamw.weight_decay",
        "depth",
        "depth.4.skip",
    )


def test_values_of_a_branch_sit_beside_its_choice() -> None:
    params = {
        "dropout": 0.1, "rate": 0.01, "grid": 0.2, "units": 8, "width": 3, "blank": "keep",
        "betas": "[0.9, 0.98]", "weights.u1": 1.0, "weights.u2": 1.0, "weights.u3": 1.0,
        "temperature.schedule": "step", "temperature.step.start": 4.0,
        "temperature.step.end": 3.0, "temperature.step.shape": "soft",
        "temperature.step.soft.width": 2, "optimizer": "adam", "depth": 4, "depth.4.skip": True,
    }  # fmt: skip
    values = SPACE.decode(params)
    assert values["temperature"] == {
        "schedule": "step", "start": 4.0, "end": 3.0, "milestones": [0.375, 0.875],
        "shape": "soft", "width": 2,
    }  # fmt: skip
    assert values["optimizer"] == "adam" and "weight_decay" not in values
    assert (values["depth"], values["skip"]) == (4, True)
    assert values["weights"] == {"alpha": 1.0, "beta": 0.0, "gamma": 0.0, "delta": 0.0}


def test_decode_says_what_is_missing() -> None:
    """A study made with another space must not give a traceback."""
    with pytest.raises(SpecError, match="dropout: a trial of this space cannot have none"):
        SPACE.decode({})
    with pytest.raises(SpecError, match='blank: .* cannot have {"blank": "kep"}'):
        SPACE.decode(
            SPACE.encode(SPACE.suggest(FakeTrial(0))) | {"blank": "kep"},
        )


def misfits(text: str, values: dict[str, Any]) -> list[str]:
    found = parse(text).misfits(values)
    return [f"{'.'.join(m.path)}: {m.message}|{m.hint}" for m in found]


TEMPERATURE = """
dropout: {float: [0.0, 0.5]}
temperature:
  schedule: {choice: {constant: {start: {float: [1, 8]}}, linear: {end: {int: [1, 4]}}}}
"""


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (
            {"temperature": {"schedule": "constant", "start": 9}},
            [
                "dropout: is missing|Give it a value, for example 0.0.",
                "temperature.start: 9 is outside the space, 1.0 to 8.0|",
            ],
        ),
        (
            {"dropout": 0.1, "temperature": {"schedule": "constant", "start": 2, "end": 1}},
            ['temperature.end: applies only where temperature.schedule is "linear"|Leave it out.'],
        ),
        (
            {"dropuot": 0.1, "dropout": 0.1, "temperature": {"schedule": "linear", "end": 1}},
            ["dropuot: is not a parameter of the space|Did you mean dropout?"],
        ),
        (
            {"dropout": 0.1, "temperature": {"schedule": "cosine"}},
            ['temperature.schedule: "cosine" is not one of "constant", "linear"|'],
        ),
        (
            {"dropout": 0.1, "temperature": {"schedule": ["linear"], "end": 1}},
            [
                'temperature.schedule: ["linear"] is not one of "constant", "linear"|',
                'temperature.end: applies only where temperature.schedule is "linear"|'
                "Leave it out.",
            ],
        ),
        (
            {"dropout": 0.1, "temperature": 3},
            ['temperature.schedule: is missing|Give it one of "constant", "linear".'],
        ),
    ],
)
def test_misfits_are_all_reported(values: dict[str, Any], message: list[str]) -> None:
    assert misfits(TEMPERATURE, values) == message


def test_optuna_repeats_the_baseline_exactly() -> None:
    """The first trial is what an expert would run: 0.7, and not 0.7000000000000001."""
    space = parse(EVERY_KIND)
    baseline = {
        "dropout": 0.2, "rate": 3e-4, "grid": 0.3, "units": 96, "width": 5, "blank": "drop",
        "betas": [0.9, 0.98],
        "weights": {"alpha": 0.7, "beta": 0.2, "gamma": 0.1, "delta": 0.0},
        "constant": {"deep": [1, 2]},
        "temperature": {
            "schedule": "step", "start": 4.0, "end": 3.0, "milestones": [0.375, 0.875],
            "shape": "soft", "width": 2,
        },
        "optimizer": "adamw", "weight_decay": 1e-4, "depth": 4, "skip": False,
    }  # fmt: skip
    fixed_trial = optuna.trial.FixedTrial(space.encode(baseline))
    assert space.suggest(fixed_trial) == baseline

    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    study.enqueue_trial(space.encode(baseline))
    first = study.ask()
    assert space.suggest(first) == baseline
    assert space.decode(first.params) == baseline


def test_optuna_trials_come_back_from_a_database(tmp_path: Path) -> None:
    """Values must be what was run, after the study is closed and opened again."""
    storage = f"sqlite:///{tmp_path / 'studies.db'}"
    study = optuna.create_study(
        storage=storage, study_name="s", sampler=optuna.samplers.RandomSampler(seed=3)
    )
    run = []
    for _ in range(4):
        trial = study.ask()
        run.append(SPACE.suggest(trial))
        study.tell(trial, 1.0)
    again = optuna.load_study(storage=storage, study_name="s")
    assert [SPACE.decode(trial.params) for trial in again.trials] == run
    assert all(SPACE.misfits(values) == [] for values in run)


def test_the_shipped_baseline_keeps_its_decimals() -> None:
    """Must be shown as 0.7 / 0.2 / 0.1 in the trial's resolved configuration."""
    root = Path(__file__).parents[3]
    spec = load_spec(root / "search_spaces" / "distill.yaml")
    assert spec.baseline is not None
    values = spec.space.suggest(optuna.trial.FixedTrial(spec.space.encode(spec.baseline)))
    config = spec.config_for(values)
    assert config["loss_weights"] == {"alpha": 0.7, "beta": 0.2, "gamma": 0.1}
    assert config == spec.baseline_config()
