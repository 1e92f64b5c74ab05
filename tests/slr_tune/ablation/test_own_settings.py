"""A user's own run: its gaps, its names and its nulls are taken as they are meant."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ablation_designs import make_design
from sparse_runs import SparseConfig

from slr_tune.ablation.dry_run import dry_run, dry_text
from slr_tune.ablation.factors import find_factor
from slr_tune.ablation.path import TRIED, walk
from slr_tune.ablation.result import PUT_BACK
from slr_tune.ablation.until_decided import SequentialPlan, decide
from slr_tune.errors import RunFailed, SlrTuneError
from slr_tune.space import load_spec
from slr_tune.training.interrupt import Talk
from slr_tune.training.pool import LocalPool
from slr_tune.training.run_store import RunStore
from slr_tune.training.runs import Arm, Measure, best_epoch

RUN = "sparse_runs:SparseRun"
LOSS = Measure("loss", minimize=True, scored=False)
SPACE = f"""
study: sparse
trainable: {RUN}
objective: {{metric: loss, direction: minimize}}
budget: {{trials: 2, max_epochs: 6, grace_epochs: 1}}
space:
  level: {{float: [1.0, 5.0]}}
baseline: {{level: 4.0}}
"""

pytestmark = pytest.mark.usefixtures("database")


@pytest.fixture
def store(tmp_path: Path) -> RunStore:
    """Trains in this process, without data or teacher."""
    return RunStore(
        tmp_path / ".stages",
        LocalPool(data=None, cache=tmp_path),
        data=None,
        talk=Talk(lambda text: None, lambda: False),
        measure=LOSS,
    )


@pytest.fixture
def arms_of(tmp_path: Path) -> Callable[..., list[str]]:
    """Names of the arms of a factor."""

    def names(*factors: str, more: str = "", crossed: bool = False) -> list[str]:
        path = tmp_path / "sparse.yaml"
        path.write_text(SPACE + more)
        design = make_design(path, factors=factors, factorial=crossed)
        return [arm.name for arm in design.arms]

    return names


def plain(**changes: Any) -> dict[str, Any]:
    return SparseConfig(**changes).model_dump()


def test_a_run_that_seldom_looks_at_dev_is_trained_to_its_end(store: RunStore) -> None:
    """Its odd epochs have no value: ended at the first of them it would be compared by nothing."""
    (run,) = store.train([Arm("a", plain(every=2), RUN)], [1])
    assert (len(run.rows), run.ended_by, run.best_epoch) == (6, "max_epochs", 6)
    assert best_epoch(run.rows[:5], LOSS) == 4
    assert run.value == 4.0 / 6


def test_a_dry_run_of_a_run_without_patience(tmp_path: Path) -> None:
    """It has no such setting to be looked up: two arms of six epochs with five seeds."""
    path = tmp_path / "sparse.yaml"
    path.write_text(SPACE + "factors: {level: [1.0]}\n")
    design = make_design(path, factors=["level"])
    plan = dry_run(design)
    assert (plan.runs, plan.epochs_asked, plan.epochs_run) == (10, 60, 60)
    assert "60 epochs requested" in dry_text(plan, design)


def test_null_is_a_level_of_its_own(arms_of: Callable[..., list[str]]) -> None:
    """Under the baseline's name nobody would know which row is the run without a limit."""
    more = "factors: {limit: [null, 1.0], every: [1]}\n"
    assert arms_of("limit", more=more) == ["limit 5", "limit none", "limit 1"]
    crossed = arms_of("limit", "every", more=more, crossed=True)
    assert crossed == [
        "baseline",
        "limit 5 + every 1",
        "limit none + every 2",
        "limit none + every 1",
        "limit 1 + every 2",
        "limit 1 + every 1",
    ]


@pytest.mark.parametrize(
    ("factor", "expected"),
    [
        ("augmentation", ["augmentation off", "augmentation on"]),
        ("temperature", ["temperature 1", "temperature 0.333", "temperature 3"]),
        ("lr", ["lr 0.1", "lr 0.0333", "lr 0.3"]),
        ("max_epochs", ["max_epochs 6", "max_epochs 3", "max_epochs 4"]),
    ],
)
def test_own_settings_have_levels_of_their_type(
    arms_of: Callable[..., list[str]], factor: str, expected: list[str]
) -> None:
    """What a built-in run calls so is a group there, or short for another setting."""
    assert arms_of(factor) == expected


def test_the_level_of_the_best_trial_is_no_arm_of_its_own(tmp_path: Path) -> None:
    """A search finds 0.017940869380789614: rounded it would be trained again and compared."""
    path = tmp_path / "sparse.yaml"
    path.write_text(SPACE.replace("level: 4.0", "level: 1.7940869380789614"))
    design = make_design(path, factors=["level"])
    assert [arm.config["level"] for arm in design.arms] == [1.7940869380789614, 0.598, 5.38]


def test_a_whole_number_of_zero_has_the_levels_of_its_range(tmp_path: Path) -> None:
    """Half and double of 0 are 0: as the page says, both ends of the range and the middle."""
    path = tmp_path / "sparse.yaml"
    space = SPACE.replace("{level: 4.0}", "{level: 4, first: 0}")
    path.write_text(space.replace("space:\n", "space:\n  first: {int: [0, 8]}\n"))
    design = make_design(path, factors=["first"])
    assert [arm.name for arm in design.arms] == ["first 0", "first 4", "first 8"]


def test_a_setting_inside_a_group_is_found_by_its_own_name(tmp_path: Path) -> None:
    """`lr` is `optim.lr` here, and no message speaks of a learning_rate that nobody has."""
    config = {"optim": {"lr": 0.1, "name": "adam"}, "width": 8, "max_epochs": 6}
    path = tmp_path / "sparse.yaml"
    path.write_text(SPACE)
    with pytest.raises(SlrTuneError) as caught:
        find_factor("lr", config, load_spec(path))
    assert caught.value.message == "there is no factor 'lr'"
    assert caught.value.hint.startswith("Known, nearest first: optim.lr, ")


def test_a_factor_that_is_retuned_is_called_as_it_was_typed(tmp_path: Path) -> None:
    """This run has an `lr` and no learning_rate."""
    path = tmp_path / "sparse.yaml"
    path.write_text(SPACE)
    with pytest.raises(SlrTuneError, match=r"--retune lr: .* of the factor lr\b"):
        make_design(path, factors=["lr"], retune="lr")


def test_an_own_setting_with_a_short_name_can_be_retuned(tmp_path: Path) -> None:
    """`lr` is short for `learning_rate` only where there is one."""
    path = tmp_path / "sparse.yaml"
    path.write_text(SPACE)
    design = make_design(path, factors=["temperature"], retune="lr")
    assert design.retune == "lr"


def test_an_own_setting_called_loss_weights_has_the_levels_of_the_file(
    arms_of: Callable[..., list[str]],
) -> None:
    """It is a word here, which has no terms to leave out."""
    more = "factors: {loss_weights: [even, odd]}\n"
    assert arms_of("loss_weights", more=more) == ["loss_weights even", "loss_weights odd"]


def test_differences_that_do_not_vary_are_never_decided_and_never_end_in_a_traceback(
    store: RunStore,
) -> None:
    """Without spread there is no power to work out: it counted seeds up to an overflow."""
    arms = [Arm(f"level {level:g}", plain(level=level), RUN) for level in (4.0, 2.0, 3.0)]
    found = decide(store, arms, SequentialPlan.of(arms, range(1000, 1003), None, None))
    assert set(found.seeds.values()) == {3} and not any(d.shown for d in found.judged.values())
    assert all("Not decided after 3 seeds" in d.stopped for d in found.judged.values())


def walked(store: RunStore, start: dict[str, Any], goal: dict[str, Any]) -> Any:
    return walk(store, start, goal, trainable=RUN, seeds=[1, 2])


def test_a_path_steps_around_what_has_no_value(store: RunStore) -> None:
    """To look at every seventh of six epochs gives no value: that is no step, even tried first.

    Lengthened before, the run has one. The step that was not taken is told without a number, and
    the best with the short run put back, which has no value either, is no row of the table.
    """
    found, steps = walked(store, plain(every=2), plain(every=7, level=2.0, max_epochs=14))
    assert [step.parameter for step in steps] == ["max_epochs", "level", "every"]
    first = steps[0]
    assert first.gain == pytest.approx(4 / 14 - 4 / 6)
    assert first.others == {"every": None, "level": pytest.approx(2 / 6 - 4 / 6)}
    json.dumps([dataclasses.asdict(step) for step in steps], allow_nan=False)
    assert {run.arm.name for run in found[PUT_BACK]} == {
        "best",
        "best, level 4 put back",
        "best, every 2 put back",
    }
    assert "best, max_epochs 6 put back" in {run.arm.name for run in found[TRIED]}


def test_a_path_without_a_way_ends_in_words(store: RunStore) -> None:
    """At once, not after the training of all that would follow."""
    with pytest.raises(RunFailed, match="never reported a finite loss"):
        walked(store, plain(blind=True), plain(level=2.0))
    with pytest.raises(RunFailed, match="blind on"):
        walked(store, plain(), plain(level=2.0, blind=True))


def test_a_number_of_zero_takes_its_levels_from_the_range_that_is_searched(tmp_path: Path) -> None:
    """A momentum of 0 has no third and no triple, but the space says what is worth a try."""
    path = tmp_path / "sparse.yaml"
    path.write_text(SPACE.replace("baseline: {level: 4.0}", "  lr: {float: [0.0, 0.5]}\n"))
    path.write_text(path.read_text() + "baseline: {level: 4.0, lr: 0.0}\n")
    design = make_design(path, factors=("lr",))
    assert [arm.name for arm in design.arms] == ["lr 0", "lr 0.25", "lr 0.5"]
