"""The strategy, the prior and the disk limit of a file: read, checked with places, remembered."""

from __future__ import annotations

import dataclasses
import inspect
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import optuna
import pytest

from slr_tune.errors import SpecError
from slr_tune.space import StudySpec, load_spec
from slr_tune.space.strategies import OPTUNA_SAMPLERS, STRATEGIES, SearchSpec

WriteFile = Callable[..., Path]


def read(write: WriteFile, *lines: str) -> StudySpec:
    return load_spec(write(), overrides=list(lines))


def test_default_and_what_is_named(write: WriteFile) -> None:
    """Nobody has to name a strategy; a stored spec has every setting of it."""
    spec = load_spec(write())
    assert (spec.search.strategy, spec.search.scheduler) == ("prior-asha", "promotion")
    assert not spec.search.explicit and spec.prior.confidence == "medium"
    spec = read(write, "search={strategy: tpe-asha, multivariate: true}", "prior.confidence=high")
    assert spec.search.explicit and spec.search.settings["multivariate"] is True
    assert spec.search.settings["n_startup_trials"] == 10
    assert spec.prior.confidence == "high"
    spec = read(write, "search={optuna: {sampler: GPSampler, n_startup_trials: 4}}")
    assert spec.search.strategy == "optuna" and spec.search.scheduler == "stopping"
    assert spec.search.settings == {
        "sampler": "GPSampler", "n_startup_trials": 4, "deterministic_objective": False
    }  # fmt: skip


def test_remembered_and_reported_when_it_differs(write: WriteFile) -> None:
    """The identity gives it back; a study of before has the one strategy that there was."""
    spec = read(write, "search={strategy: grid, points: 5}", "prior.confidence=low")
    stored = json.loads(json.dumps(spec.identity()))
    again = StudySpec.from_identity(stored)
    assert again.search == spec.search and again.prior == spec.prior
    for section in ("search", "prior"):
        del stored[section]
    older = StudySpec.from_identity(stored)
    assert (older.search.strategy, older.search.scheduler) == ("tpe-asha", "stopping")


# (what is added to the good file, which has 33 lines; everything that is said of it)
MISTAKES = [
    ("search: prior-asha", '34:9: search: must be a mapping, not "prior-asha"'),
    ("search: {strategy: prior-ahsa}", '34:20: search.strategy: "prior-ahsa" is not a strategy'),
    ("search: {strategy: random, points: 3}", "34:28: search.points: is not a setting of random"),
    ("search: {strategy: grid, points: 1}", "34:34: search.points: must be at least 2, not 1"),
    (
        "search: {strategy: prior-asha, candidate: 10}",
        "34:32: search.candidate: is not a setting of prior-asha\n  Did you mean candidates?",
    ),
    (
        "search: {strategy: prior-asha, uniform_share: 2}",
        "34:47: search.uniform_share: must be at most 1, not 2",
    ),
    ("search: {strategy: optuna}", "34:20: search: needs the sampler's name"),
    (
        "search: {optuna: {sampler: GPSample}}",
        '34:28: search.optuna.sampler: "GPSample" is not one of the supported Optuna samplers\n'
        "  Did you mean GPSampler?",
    ),
    (
        "search: {optuna: {sampler: GPSampler, scheduler: asha}}",
        '34:50: search.optuna.scheduler: "asha" is not a scheduler',
    ),
    (
        "search: {optuna: {sampler: GPSampler}, points: 3}",
        "34:40: search.points: cannot be combined with optuna",
    ),
    ("prior: {confidence: strong}", "34:21: prior.confidence: must be "),
    ("prior: {trust: high}", "34:9: prior.trust: "),
]


@pytest.mark.parametrize(("line", "message"), MISTAKES)
def test_mistakes_are_reported_at_their_places(
    line: str, message: str, write: WriteFile, good: str
) -> None:
    """A misspelt strategy must not run a night with another."""
    path = write(good + line + "\n")
    assert good.count("\n") == 33
    with pytest.raises(SpecError) as caught:
        load_spec(path)
    assert f"space.yaml:{message}" in str(caught.value)


def test_prior_of_a_parameter(write: WriteFile, good: str) -> None:
    """It lies in the range, and the study remembers it; without one nothing changes."""
    output = good.replace("log: true}", "log: true, prior: 1.0e-2}")
    output = output.replace("{choice: [keep, drop]}", "{choice: [keep, drop], prior: drop}")
    spec = load_spec(write(output))
    priors = {p.name: p.prior for p in spec.space.parameters if p.prior is not None}
    assert priors == {"learning_rate": 0.01, "kd_blank": "drop"}
    again = StudySpec.from_identity(json.loads(json.dumps(spec.identity())))
    assert again.space == spec.space
    assert "prior" not in json.dumps(load_spec(write()).identity()["space"])
    with pytest.raises(SpecError, match=r"13:58: space.learning_rate.prior: 1.0 is outside"):
        load_spec(write(good.replace("log: true}", "log: true, prior: 1.0}")))


def test_prior_needs_something_to_believe_in(write: WriteFile, good: str) -> None:
    head, rest = good.split("baseline:\n")
    bare = head + "prior: {confidence: high}\n"
    with pytest.raises(SpecError, match="prior: there is neither a baseline nor"):
        load_spec(write(bare))
    load_spec(write(bare.replace("log: true}", "log: true, prior: 1.0e-2}")))


@pytest.mark.parametrize(
    ("text", "size"), [("20GB", 20 * 10**9), ("1.5 MB", 1_500_000), ("2GiB", 2**31), ("700", 700)]
)
def test_disk_limit(text: str, size: int, write: WriteFile) -> None:
    """It may change from start to start, so it is no part of the identity."""
    spec = read(write, f"budget.disk={text}")
    assert spec.budget.disk == size
    assert spec.identity() == load_spec(write()).identity()


@pytest.mark.parametrize("text", ["20 gigs", "0GB", "-1", "true"])
def test_wrong_disk_limit(text: str, write: WriteFile) -> None:
    with pytest.raises(SpecError, match=r"budget\.disk: .* is not a size such as 20GB or 500MB"):
        read(write, f"budget.disk={text}")


@pytest.mark.parametrize("name", sorted(OPTUNA_SAMPLERS))
def test_settings_are_what_optuna_takes(name: str) -> None:
    """Checked here without Optuna, they must not be refused by it in the middle of a run."""
    kind: Any = OPTUNA_SAMPLERS[name]
    known = inspect.signature(getattr(optuna.samplers, name)).parameters
    assert {field.name for field in dataclasses.fields(kind)} <= set(known)


def test_every_strategy_is_described() -> None:
    text = (Path(__file__).parents[3] / "docs" / "search-space.md").read_text()
    for name, (kind, _) in STRATEGIES.items():
        assert f"| `{name}` |" in text
        assert all(f"`{field.name}`" in text for field in dataclasses.fields(kind))
    assert all(f"`{name}`" in text for name in OPTUNA_SAMPLERS)
    assert SearchSpec.__dataclass_fields__["explicit"].compare is False
