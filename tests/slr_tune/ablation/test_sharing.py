"""Sharing is exact: the same bits as without, fewer epochs, and a receipt that says how many."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from slr_tune.ablation.arms import one_at_a_time, resolve
from slr_tune.ablation.factors import Factor, find_factor
from slr_tune.ablation.receipt import make_receipt
from slr_tune.space import StudySpec
from slr_tune.training.interrupt import Interrupted
from slr_tune.training.kinds import Kind
from slr_tune.training.run_store import RunStore
from slr_tune.training.runs import Arm, ArmRun, weights_file
from trainables.protocol import RunInputs
from trainables.registry import run_class
from trainables.runs.ctc_run import CtcRun
from trainables.runs.early_stopping import StoppingRule
from trainables.runs.training import train

EPOCHS = 6
SEEDS = (1000, 1001)
TEMPERATURES = (
    {"schedule": "constant", "start": 4.0},
    {"schedule": "step", "start": 4.0, "end": 2.0, "milestones": [2, 4]},
    {"schedule": "constant", "start": 1.0},
)
MakeStore = Callable[..., RunStore]
Executed = list[tuple[int, int]]


def baseline(spec: StudySpec, **changes: Any) -> dict[str, Any]:
    config = spec.baseline_config()
    assert config is not None
    step = {"schedule": "step", "start": 4.0, "end": 3.0, "milestones": [2, 4]}
    return resolve("distill", {**config, "temperature": step, **changes}, what="baseline")


def arms_of(spec: StudySpec, *factors: Factor) -> list[Arm]:
    return one_at_a_time(baseline(spec), factors, trainable=spec.trainable)


def temperature_arms(spec: StudySpec) -> list[Arm]:
    return arms_of(spec, Factor("temperature", Kind.TRAINED, TEMPERATURES))


def patience_arms(spec: StudySpec) -> list[Arm]:
    return arms_of(spec, Factor("patience", Kind.STOPPING, (1, 2, 3)))


def without_clock(rows: Sequence[Mapping[str, float]]) -> list[dict[str, float | str]]:
    """Rows that can be compared: NaN equals nothing, not even itself."""
    return [
        {
            name: "nan" if math.isnan(value) else value
            for name, value in row.items()
            if name != "seconds"
        }
        for row in rows
    ]


def curves(runs: Sequence[ArmRun]) -> dict[tuple[str, int], Any]:
    return {(run.arm.name, run.seed): without_clock(run.rows) for run in runs}


def test_shared_runs_are_the_same_bits_as_runs_by_themselves(
    spec: StudySpec, make_store: MakeStore, executed: Executed
) -> None:
    """If a shared prefix changed one bit, an ablation would compare runs that nobody trained.

    The receipt is held to the epochs that were trained, counted where they are trained.
    """
    arms = temperature_arms(spec)
    shared, apart = make_store(), make_store(share=False)
    together = shared.train(arms, SEEDS)
    shared_epochs = len(executed)
    alone = apart.train(arms, SEEDS)
    apart_epochs = len(executed) - shared_epochs
    assert curves(together) == curves(alone)
    assert shared.counts(together, "dev").keys() == {arm.name for arm in arms}
    for name, runs in shared.counts(together, "dev").items():
        for ours, theirs in zip(runs, apart.counts(alone, "dev")[name], strict=True):
            assert np.array_equal(ours, theirs)
    for store, trained in ((shared, shared_epochs), (apart, apart_epochs)):
        receipt = make_receipt(store, arms)
        assert receipt.epochs_run == receipt.epochs_now == trained
    assert shared_epochs < apart_epochs == make_receipt(shared, arms).epochs_asked


def test_steps_of_one_start_share_the_epochs_before_the_first_milestone(
    spec: StudySpec, make_store: MakeStore
) -> None:
    """Three schedules are at 4 in epochs 1 and 2; two of them part only then."""
    store = make_store()
    arms = temperature_arms(spec)
    store.train(arms, SEEDS[:1])
    receipt = make_receipt(store, arms)
    assert receipt.reasons[0] == (
        "Trained once per seed, epochs 1 to 2: step 4 -> 3.5 -> 3, constant 4, step 4 -> 3 -> 2."
    )


def test_the_errors_are_those_of_the_best_epoch(spec: StudySpec, make_store: MakeStore) -> None:
    """The intervals come from these counts, the curve from the run: they must agree."""
    store = make_store()
    runs = store.train(temperature_arms(spec), SEEDS[:1])
    for run in runs:
        (counts,) = store.counts([run], "dev")[run.arm.name]
        wer = 100 * counts[:, :3].sum() / counts[:, 3].sum()
        assert wer == pytest.approx(min(row["val/wer"] for row in run.rows), abs=1e-9)


def test_patience_is_one_run_a_seed_and_equals_runs_with_each_patience(
    spec: StudySpec,
    make_store: MakeStore,
    executed: Executed,
    teacher_file: Path,
    libras: Any,
    tmp_path: Path,
) -> None:
    """A replay that ended an epoch early or late would change the result of every arm."""
    store = make_store()
    arms = patience_arms(spec)
    runs = store.train(arms, SEEDS)
    assert sorted(executed) == [(seed, epoch) for seed in SEEDS for epoch in range(1, 7)]
    receipt = make_receipt(store, arms)
    assert receipt.epochs_run == 6 * len(SEEDS)
    assert "Replayed from one longer curve: patience 1, patience 2, patience 3." in receipt.reasons
    lengths = set()
    for run in runs:
        cls: Any = run_class("distill")
        inputs = RunInputs(
            data=libras, seed=run.seed, teacher=teacher_file, cache=tmp_path / "cache"
        )
        run = cls(cls.config_class.model_validate(run.arm.config), inputs)
        assert without_clock(list(train(run))) == without_clock(run.rows)
        assert run.ended_by == run.ended_by
        lengths.add(len(run.rows))
    assert len(lengths) > 1, "no patience ended a run: the test compares nothing"


def test_early_stopping_is_replayed_as_patience_is(
    spec: StudySpec, make_store: MakeStore, executed: Executed
) -> None:
    """By the metric that a level names, in its own unit; nothing is trained for it."""
    levels = (
        {"metric": "val/loss", "patience": 1, "min_delta": 10.0},
        {"metric": "val/loss", "patience": 6, "min_delta": 0.0},
    )
    store = make_store()
    arms = arms_of(spec, Factor("early_stopping", Kind.STOPPING, levels))
    runs = store.train(arms, SEEDS[:1])
    assert sorted(executed) == [(SEEDS[0], epoch) for epoch in range(1, 7)]
    lengths = {run.arm.name: len(run.rows) for run in runs}
    for run in runs:
        rule = StoppingRule.of(run.arm.config)
        ends = [rule.verdict(run.rows[:epoch]) for epoch in range(1, len(run.rows) + 1)]
        assert ends[-1] is not None and not any(ends[:-1])
    assert sorted(lengths.values()) == [2, 6, 6], lengths


def test_a_replay_that_would_be_wrong_is_trained(spec: StudySpec, make_store: MakeStore) -> None:
    """A cosine learning rate ends at max_epochs: a shorter run is another run, and it is said."""
    store = make_store()
    arms = arms_of(spec, Factor("max_epochs", Kind.STOPPING, (3,)))
    store.train(arms, SEEDS[:1])
    receipt = make_receipt(store, arms)
    (message,) = [line for line in receipt.reasons if line.startswith("Trained separately")]
    assert "cosine ends at max_epochs" in message and "max_epochs 3" in message
    # Epoch 1 is the warm-up, which is the same in both.
    assert receipt.epochs_run == 6 + 3 - 1


def test_a_constant_learning_rate_lets_max_epochs_be_replayed(
    spec: StudySpec, make_store: MakeStore, executed: Executed
) -> None:
    """Where nothing depends on the length, a shorter run is the beginning of the longer one."""
    config = baseline(
        spec,
        learning_rate_schedule={"name": "constant"},
        temperature={"schedule": "constant", "start": 2.0},
    )
    factor = find_factor("max_epochs", config, spec)
    arms = one_at_a_time(config, [factor], trainable="distill")
    store = make_store()
    runs = store.train(arms, SEEDS[:1])
    assert [epoch for _, epoch in executed] == [1, 2, 3, 4, 5, 6]
    assert sorted(len(run.rows) for run in runs) == [3, 4, 6]


def test_the_temperature_of_no_soft_targets_makes_identical_runs(
    spec: StudySpec, make_store: MakeStore, executed: Executed
) -> None:
    """With alpha 0 the temperature has no effect, so one run stands for all of them."""
    config = baseline(spec, loss_weights={"alpha": 0.0, "beta": 0.8, "gamma": 0.2})
    factor = Factor("temperature", Kind.TRAINED, TEMPERATURES)
    store = make_store()
    store.train(one_at_a_time(config, [factor], trainable="distill"), SEEDS[:1])
    assert len(executed) == 6


def test_what_is_trained_is_found_again(
    spec: StudySpec, make_store: MakeStore, executed: Executed
) -> None:
    """The same ablation again, and another one with the same baseline, repeat nothing."""
    make_store().train(temperature_arms(spec), SEEDS[:1])
    before = len(executed)
    again = make_store()
    again.train(temperature_arms(spec), SEEDS[:1])
    assert len(executed) == before and again.trained == 0
    other = make_store()
    arms = arms_of(spec, Factor("patience", Kind.STOPPING, (EPOCHS - 1,)))
    runs = other.train(arms, SEEDS[:1])
    assert len(executed) == before and len(runs[0].rows) == EPOCHS
    assert make_receipt(other, arms).epochs_run == EPOCHS


def test_a_stop_keeps_what_is_done(
    spec: StudySpec, make_store: MakeStore, executed: Executed
) -> None:
    """Stopped after each stage in turn and started again: no stage is trained twice."""

    arms = temperature_arms(spec)
    whole = make_store(folder="whole")
    expected = curves(whole.train(arms, SEEDS[:1]))
    once = len(executed)
    executed.clear()
    for _ in range(20):
        store = make_store(stopped=lambda: True)
        try:
            runs = store.train(arms, SEEDS[:1])
            break
        except Interrupted:
            continue
    else:
        pytest.fail("a stop after every stage never came to an end")
    assert curves(runs) == expected
    assert len(executed) == once


def stopped_by(spec: StudySpec, patience: int) -> list[Arm]:
    return [Arm("arm", baseline(spec, patience=patience), spec.trainable)]


@pytest.fixture
def scripted(monkeypatch: pytest.MonkeyPatch, executed: Executed) -> None:
    """Whatever is trained, epoch 6 is the best; a patience of 2 stops before it, epoch 3 best."""
    curve = (90.0, 85.0, 80.0, 82.0, 84.0, 70.0)
    run_epoch = CtcRun.run_epoch

    def told(run: CtcRun) -> dict[str, float]:
        row = dict(run_epoch(run))
        return {**row, "val/wer": curve[int(row["epoch"]) - 1]}

    monkeypatch.setattr(CtcRun, "run_epoch", told)


@pytest.mark.usefixtures("scripted")
def test_patiences_by_turns_keep_what_the_others_need(
    spec: StudySpec, make_store: MakeStore, executed: Executed
) -> None:
    """A shorter patience may need weights that were not kept: what it trains must overwrite
    nothing, or the longer one is trained again, or its test errors cannot be counted any more.
    """
    trained = []
    for patience, best in ((EPOCHS, 6), (2, 3), (EPOCHS, 6), (2, 3)):
        store = make_store()
        runs = store.train(stopped_by(spec, patience), SEEDS[:1])
        assert runs[0].best_epoch == best
        assert store.counts(runs, "test")["arm"][0].shape == (4, 4)
        trained.append(len(executed))
    assert trained == [6, 11, 11, 11]


@pytest.mark.usefixtures("scripted")
def test_a_round_of_another_patience_leaves_the_ways_of_the_first(
    spec: StudySpec, make_store: MakeStore, executed: Executed
) -> None:
    """Rounds that only stop otherwise have one name. If the second took the first one's list, an
    arm that had shared its first epochs would be planned by itself, and trained again.
    """
    first, second = temperature_arms(spec)[:2]
    make_store().train([first, second], SEEDS[:1])
    shorter = replace(first, config={**first.config, "patience": 2})
    make_store().train([shorter, second], SEEDS[:1])
    before = len(executed)
    make_store().train([second], SEEDS[:1])
    assert len(executed) == before


def test_a_run_whose_weights_are_gone_is_trained_again(
    spec: StudySpec, make_store: MakeStore, executed: Executed
) -> None:
    """Recalled without them, it could be decoded by no other decoder, and never be repaired."""
    store = make_store()
    (run,) = store.train(stopped_by(spec, EPOCHS), SEEDS[:1])
    folder, best = run.folder, run.best_epoch
    assert folder is not None and best is not None
    weights_file(folder, best).unlink()
    before = len(executed)
    again = make_store()
    runs = again.train(stopped_by(spec, EPOCHS), SEEDS[:1])
    assert len(executed) == before + EPOCHS
    assert again.counts(runs, "test")["arm"][0].shape == (4, 4)
