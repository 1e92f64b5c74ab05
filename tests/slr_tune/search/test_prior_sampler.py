"""The default search's proposals: from an Optuna study as the driver keeps it, and nothing else."""

from __future__ import annotations

import math
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import optuna
import pytest
from optuna.distributions import FloatDistribution
from optuna.trial import TrialState, create_trial

from slr_tune.search.prior_sampler import PriorSampler, PriorSettings
from slr_tune.search.unit_space import UnitSpace
from slr_tune.space import FloatParameter, IntParameter, Space, load_spec
from slr_tune.study.record import ATTRIBUTE

RUNGS = (3, 9, 24)
SHIPPED = Path(__file__).parents[3] / "search_spaces"
SQUARE = Space(
    (
        FloatParameter(name="x", path=("x",), low=0.0, high=1.0),
        FloatParameter(name="y", path=("y",), low=1e-4, high=1.0, log=True),
    )
)


@pytest.fixture(autouse=True)
def _quiet() -> None:
    optuna.logging.set_verbosity(optuna.logging.ERROR)


def finished(
    params: dict[str, Any],
    value: float,
    *,
    epochs: int = 3,
    state: TrialState = TrialState.PRUNED,
    ended_by: str = "asha",
) -> optuna.trial.FrozenTrial:
    distributions = {
        "x": FloatDistribution(0.0, 1.0),
        "y": FloatDistribution(1e-4, 1.0, log=True),
    }
    return create_trial(
        state=state,
        params=params,
        distributions=distributions,
        value=value if state == TrialState.COMPLETE else None,
        intermediate_values={e: value for e in RUNGS if e <= epochs},
        user_attrs={ATTRIBUTE: {"ended_by": ended_by}},
    )  # fmt: skip


def loss(params: dict[str, float]) -> float:
    """Least at x = .7, y = .01."""
    return (params["x"] - 0.7) ** 2 + (math.log10(params["y"]) + 2) ** 2 / 16


def history(number: int, seed: int = 0) -> optuna.Study:
    """Random trials of the square."""
    rng = np.random.default_rng(seed)
    study = optuna.create_study()
    for _ in range(number):
        params = {"x": rng.random(), "y": 10 ** (-4 * rng.random())}
        study.add_trial(finished(params, loss(params)))
    return study


def point_of(params: dict[str, Any]) -> Any:
    """In the unit square."""
    encoded = UnitSpace(SQUARE).encode(params)
    assert encoded is not None
    return encoded[0]


def suggested(study: optuna.Study, space: Space = SQUARE, **options: Any) -> tuple[Any, Any]:
    """Parameters and source of the next trial; the study forgets it."""
    number = options.pop("number", len(study.trials))
    sampler = PriorSampler(space, RUNGS, **{"seed": 0, "number": number, **options})
    proposal = sampler.propose(study.get_trials(deepcopy=False))
    return dict(proposal.params), proposal.source


def searched(number: int, sampler: Any, space: Space = SQUARE) -> list[float]:
    study = optuna.create_study()
    for place in range(number):
        study.sampler = sampler(place)
        trial = study.ask()
        space.suggest(trial)
        trial.report(loss(trial.params), 3)
        study.tell(trial, state=TrialState.PRUNED)
    return [trial.intermediate_values[3] for trial in study.trials]


def test_it_finds_a_known_optimum() -> None:
    """30 trials without any belief: what is found is nearer than 30 random ones come."""
    found = searched(30, lambda n: PriorSampler(SQUARE, RUNGS, seed=1, number=n))
    random = searched(30, lambda n: optuna.samplers.RandomSampler(seed=n))
    assert min(found) < 0.002 < min(random)


def test_a_wrong_belief_is_dropped() -> None:
    """The prior is a corner far away; the search still arrives."""
    prior = {"x": 0.02, "y": 0.9}
    found = searched(40, lambda n: PriorSampler(SQUARE, RUNGS, seed=0, number=n, prior=prior))
    assert min(found) < 0.005


def test_it_keeps_no_state_and_uses_no_other_random_numbers() -> None:
    """A driver that was started again suggests what the other would have."""
    study = history(12)
    first = suggested(study)
    np.random.default_rng(5).random(100)
    assert suggested(study) == first
    assert suggested(study, number=13) != first
    assert suggested(study, seed=1) != first


def test_the_direction_only_mirrors() -> None:
    """A study that maximizes the negative is the same search."""
    study, mirrored = history(12), optuna.create_study(direction="maximize")
    for trial in study.trials:
        mirrored.add_trial(finished(trial.params, -trial.intermediate_values[3]))
    assert suggested(mirrored, minimizes=False) == suggested(study)


def test_without_a_belief_nothing_is_near_one() -> None:
    sources = {suggested(history(n), number=n)[1] for n in range(25)}
    assert not any("baseline" in source for source in sources)
    assert any(source.startswith("model: ") for source in sources)


def test_the_first_trials_are_near_the_belief_or_uniform_in_equal_parts() -> None:
    """With 8 trials or fewer there is nothing to model."""
    prior = {"x": 0.5, "y": 0.01}
    counts = Counter(suggested(history(0), number=n, prior=prior)[1] for n in range(400))
    assert counts.keys() == {"uniform", "perturbed baseline"}
    assert counts["perturbed baseline"] == pytest.approx(180, abs=30)  # .9 * .5


@pytest.mark.parametrize(("confidence", "width"), [("high", 0.1), ("medium", 0.2), ("low", 0.4)])
def test_confidence_is_the_distance_from_the_belief(confidence: Any, width: float) -> None:
    """And what is not believed in is uniform: here y, whose prior is not given."""
    settings = PriorSettings(confidence=confidence)
    near = [
        params
        for params, source in (
            suggested(history(0), number=n, prior={"x": 0.5}, settings=settings) for n in range(600)
        )
        if source == "perturbed baseline"
    ]
    x = np.array([params["x"] for params in near])
    logs = np.array([math.log10(params["y"]) for params in near])
    # Reflected at 0 and 1: of a wide one the mean distance is less than sd * sqrt(2 / pi).
    expected = np.random.default_rng(0).normal(0.5, width, 100_000) % 2
    expected = np.where(expected > 1, 2 - expected, expected)
    assert np.abs(x - 0.5).mean() == pytest.approx(np.abs(expected - 0.5).mean(), rel=0.12)
    assert logs.std() == pytest.approx(4 / math.sqrt(12), rel=0.12)


@pytest.mark.parametrize("name", ["distill", "student", "teacher", "self_distill"])
def test_a_shipped_space_takes_every_suggestion(name: str) -> None:
    """Choices with branches, a simplex, whole numbers: Optuna and the trainable accept them all."""
    spec = load_spec(SHIPPED / f"{name}.yaml")
    prior = spec.space.encode(spec.baseline or {})
    study = optuna.create_study()
    for number in range(30):
        sampler = PriorSampler(spec.space, RUNGS, seed=2, number=number, prior=prior)
        study.sampler = sampler
        trial = study.ask()
        values = spec.space.suggest(trial)
        assert not spec.space.misfits(values)
        spec.config_for(values)
        assert sampler.proposal is not None
        assert dict(sampler.proposal.params) == trial.params
        trial.report(float(number % 7), 3)
        study.tell(trial, state=TrialState.PRUNED)


def test_a_grid_of_many_points_is_that_of_each() -> None:
    """The model sees each value where the study will have it, those of stepped axes too."""
    step = FloatParameter(name="s", path=("s",), low=0.0, high=1.0, step=0.3)
    whole = IntParameter(name="n", path=("n",), low=2, high=60, log=True)
    one = IntParameter(name="o", path=("o",), low=4, high=4)
    unit = UnitSpace(Space((step, whole, one)))
    points = unit.uniform(200, np.random.default_rng(0))
    for place, axis in enumerate(unit.axes):
        singly = [axis.coordinate(axis.value(x)) for x in points[:, place]]
        np.testing.assert_allclose(axis.on_grid(points[:, place]), singly, atol=1e-12)


def test_an_enqueued_trial_has_no_source() -> None:
    """Its values were given beforehand, so the record must not say that they were proposed."""
    study = optuna.create_study()
    study.enqueue_trial({"x": 0.5, "y": 0.5})
    sampler = study.sampler = PriorSampler(SQUARE, RUNGS, seed=0, number=0)
    SQUARE.suggest(study.ask())
    assert sampler.source is None


def test_what_diverges_is_avoided_and_what_was_killed_is_not() -> None:
    """A NaN is the configuration's fault, a dead worker is not."""
    shares = {}
    rng = np.random.default_rng(3)
    below, beyond = 0.7 * rng.random(14), 0.75 + 0.25 * rng.random(8)
    for ended_by in ("nan", "killed"):
        study = optuna.create_study()
        for x in below:  # the larger x the better, up to where it fails
            study.add_trial(finished({"x": x, "y": 0.01}, 1 - x))
        for x in beyond:
            params = {"x": x, "y": 0.01}
            study.add_trial(finished(params, 0.0, state=TrialState.FAIL, ended_by=ended_by))
        near = [suggested(study, number=n)[0] for n in range(30, 50)]
        shares[ended_by] = np.mean([params["x"] > 0.75 for params in near])
    assert shares["nan"] < 0.5 * shares["killed"]


def test_where_all_values_tie_it_still_proposes() -> None:
    """A flat start at 100 % WER: there is nothing to model, and no reason to end."""
    study = optuna.create_study()
    for x in np.linspace(0.1, 0.9, 9):
        study.add_trial(finished({"x": x, "y": 0.01}, 100.0))
    params, source = suggested(study, number=9)
    assert params.keys() == {"x", "y"}
    assert not source.startswith("model")


def test_what_is_nearly_known_is_not_proposed_again() -> None:
    """Late in a search most proposals would be trials of before with another seventh digit."""
    study = history(15)
    known = np.array([point_of(t.params) for t in study.trials])
    nearest: dict[bool, list[float]] = {True: [], False: []}
    for number in range(100, 140):
        for new in (True, False):
            settings = PriorSettings(least_distance=0.1 if new else 0.0)
            params, source = suggested(study, number=number, settings=settings)
            if source.startswith("model"):
                nearest[new].append(np.abs(known - point_of(params)).max(axis=1).min())
    assert min(nearest[True]) >= 0.1 > np.median(nearest[False])


def test_where_all_is_known_it_still_proposes() -> None:
    """Trials fill a grid so that nothing is far from all of them."""
    study = optuna.create_study()
    for x in np.linspace(0, 1, 12):
        for y in np.linspace(0, 1, 12):
            params = {"x": x, "y": 10 ** (-4 * (1 - y))}
            study.add_trial(finished(params, loss(params)))
    params, _ = suggested(study, number=200)
    assert params.keys() == {"x", "y"}


def test_trials_of_other_parameters_are_left_out() -> None:
    """Another tool may have added trials; they must not end the search."""
    study = history(10)
    before = suggested(study, number=50)
    study.add_trial(
        create_trial(
            params={"z": 1.0}, distributions={"z": FloatDistribution(0, 2)}, value=0.0,
            intermediate_values={3: 0.0},
        )
    )  # fmt: skip
    assert suggested(study, number=50) == before


def test_a_trial_that_ended_by_its_patience_counts_at_later_rungs() -> None:
    """Its value is final; else the best trial would be no incumbent because it ended early."""
    study = history(12)
    best = {"x": 0.7, "y": 0.01}
    study.add_trial(finished(best, 0.0, state=TrialState.COMPLETE, ended_by="patience"))
    sources = {suggested(study, number=n)[1] for n in range(20, 50)}
    assert {s for s in sources if "trial" in s} == {"model: perturbed trial 12"}


@pytest.mark.parametrize("trials", [135, 1500])
def test_a_suggestion_is_fast(trials: int) -> None:
    """The driver makes it between two reports. 15 ms on a free core; this machine may be busy."""
    import time

    study = history(trials)
    began = time.process_time()
    suggested(study, number=2000)
    assert time.process_time() - began < 1.0
