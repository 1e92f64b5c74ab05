"""What a GPU's training does otherwise, each part of it made to run on the CPU."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest
import torch

from trainables.data.resident import ResidentFeatures
from trainables.decoding.best_path import emitted, greedy_decode
from trainables.runs import epoch as epoch_module
from trainables.runs.feeding import HostFeed, ResidentFeed
from trainables.runs.optimisation import Optimisation

CPU = torch.device("cpu")


def trained(run: Any, epochs: int = 2) -> Any:
    for _ in range(epochs):
        run.run_epoch()
    return run


def state_of(run: Any) -> dict[str, Any]:
    state = run.state_dict()
    return {name: state[name] for name in ("model", "helper", "optimizer", "rows")}


def deferred(run: Any) -> Any:
    parameters = [*run.model.parameters(), *run._helper.parameters()]
    precision = run._optimisation.precision
    run._optimisation = Optimisation(parameters, run.config, precision=precision, deferred=True)
    return run


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"teacher_top_k": 3},
        {"truncate_frames": 40},
        {"loss_weights": {"alpha": 1.0, "beta": 0.0, "gamma": 0.0}},
    ],
    ids=str,
)
def test_data_on_the_device_change_no_bit(
    settings: Any, make_run: Any, teacher_file: Path, assert_same_bits: Any
) -> None:
    """Features and teacher's answers gathered by index, against those read from the files."""
    mapped = trained(make_run("distill", teacher=teacher_file, **settings))
    resident = trained(
        make_run("distill", teacher=teacher_file, data_on_device="always", **settings)
    )
    assert resident._placement.answers_stay and not mapped._placement.answers_stay
    assert_same_bits(state_of(resident), state_of(mapped))
    where = [run.facts()["arithmetic"]["features"] for run in (mapped, resident)]
    assert where == ["mapped", "device"]


@pytest.mark.parametrize("augmentation", [{}, {"noise": 0.1, "time_jitter": 0.2}])
def test_reading_ahead_changes_no_bit(
    augmentation: Any, make_run: Any, teacher_file: Path, assert_same_bits: Any
) -> None:
    """A thread draws the augmentation and reads the teacher's answers; and ends each time."""
    options = {"teacher": teacher_file, "augmentation": augmentation}
    plain, ahead = make_run("distill", **options), make_run("distill", **options)
    ahead._placement.given = HostFeed(
        ahead.training_set, CPU, answered=ahead._loss.answered, ahead=True
    )
    assert_same_bits(state_of(trained(ahead)), state_of(trained(plain)))
    assert not [thread for thread in threading.enumerate() if thread.name == "prefetch"]


def test_an_error_while_reading_ahead_ends_the_epoch(make_run: Any) -> None:
    run = make_run()
    run._placement.given = HostFeed(run.training_set, CPU, ahead=True)

    def damaged(*_: Any, **__: Any) -> Any:
        raise OSError(5, "Input/output error")

    run.training_set.load = damaged
    with pytest.raises(OSError, match="Input/output"):
        run.run_epoch()
    assert not [thread for thread in threading.enumerate() if thread.name == "prefetch"]


def test_features_in_16_bits_change_nothing_that_matters(make_run: Any) -> None:
    """On real features the epochs' losses differ by less than a thousandth."""
    exact, rounded = make_run(dropout=0.0), make_run(dropout=0.0)
    features = ResidentFeatures(rounded._data.train, CPU, half=True)
    rounded._placement.given = ResidentFeed(rounded.training_set, features)
    for _ in range(4):
        ours, theirs = rounded.run_epoch(), exact.run_epoch()
        assert ours["train/loss"] == pytest.approx(theirs["train/loss"], rel=1e-3)
        assert ours["val/loss"] == pytest.approx(theirs["val/loss"], rel=1e-3)
    assert rounded.facts()["arithmetic"]["feature_bits"] == 16


def test_steps_that_wait_for_nothing_train_the_same(make_run: Any, teacher_file: Path) -> None:
    """The fused optimiser and sums kept where they are computed, against the eager ones."""
    options = {"teacher": teacher_file, "clip_norm": 0.5, "accumulation": 2}
    plain, later = make_run("distill", **options), deferred(make_run("distill", **options))
    for _ in range(3):
        ours, theirs = later.run_epoch(), plain.run_epoch()
        for name in theirs.keys() - {"seconds"}:
            assert ours[name] == pytest.approx(theirs[name], rel=1e-4, nan_ok=True), name


def test_a_loss_that_is_no_number_is_found_later_and_changes_no_weight(
    make_run: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The weights stay as they were before it, though the epoch's later steps are computed."""
    run, calls = deferred(make_run()), 0
    terms = type(run._loss).terms
    weights: list[dict[str, Any]] = []

    def broken(self: Any, model: Any, batch: Any, *, epoch: int) -> Any:
        nonlocal calls
        calls += 1
        output, found = terms(self, model, batch, epoch=epoch)
        if calls == 3:
            weights.append({name: value.clone() for name, value in model.state_dict().items()})
            found = [type(term)(term.name, term.value * float("nan"), 1.0) for term in found]
        return output, found

    monkeypatch.setattr(type(run._loss), "terms", broken)
    row = run.run_epoch()
    assert run.ended_by == "nan" and row["train/loss"] != row["train/loss"]
    assert calls == 5  # all batches
    for name, value in run.model.state_dict().items():
        assert torch.equal(value, weights[0][name]), name


def test_numbers_are_looked_at_now_and_then(make_run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """An epoch of a thousand steps must not be trained to its end in vain."""
    monkeypatch.setattr(epoch_module, "_STEPS_BETWEEN_LOOKS", 2)
    run, calls = deferred(make_run()), 0
    terms = type(run._loss).terms

    def broken(self: Any, *given: Any, **options: Any) -> Any:
        nonlocal calls
        calls += 1
        output, found = terms(self, *given, **options)
        return output, [type(term)(term.name, term.value * float("inf"), 1.0) for term in found]

    monkeypatch.setattr(type(run._loss), "terms", broken)
    run.run_epoch()
    assert run.ended_by == "nan" and calls == 2


def test_without_room_the_data_leave_the_device_first(
    make_run: Any, teacher_file: Path, assert_same_bits: Any
) -> None:
    """Before batches are halved; the epoch is trained again, with the same bits."""
    options = {"teacher": teacher_file, "data_on_device": "always"}
    plain = trained(make_run("distill", teacher=teacher_file), 1)
    run = make_run("distill", **options)
    forward = run.model.forward

    def hungry(features: Any, *given: Any, **options: Any) -> Any:
        if run._placement.given.where == "device":
            raise torch.OutOfMemoryError("CUDA out of memory.")
        return forward(features, *given, **options)

    run.model.forward = hungry
    trained(run, 1)
    (remedy,) = run.facts()["remedies"]
    assert "read from their files" in remedy["remedy"] and remedy["batch_size"] == 4
    assert_same_bits(state_of(run), state_of(plain))


def test_train_wer_is_counted_every_so_many_epochs(make_run: Any, assert_same_bits: Any) -> None:
    """It costs time and shapes nothing."""
    every, second, never = (make_run(train_wer_every=number) for number in (1, 2, 0))
    rows = [trained(run, 4).rows for run in (every, second, never)]
    counted = [[row["train/wer"] == row["train/wer"] for row in each] for each in rows]
    assert counted == [[True] * 4, [False, True, False, True], [False] * 4]
    for run in (second, never):
        assert_same_bits(run.state_dict()["model"], every.state_dict()["model"])


def test_what_is_emitted_on_the_device_is_the_greedy_hypothesis() -> None:
    generator = torch.Generator().manual_seed(0)
    for frames in (1, 2, 9):
        scores = torch.randn(frames, 6, 4, generator=generator)
        lengths = torch.randint(1, frames + 1, (6,), generator=generator)
        paths = emitted(scores, lengths)
        assert paths.dtype == torch.int32
        found = [path[path > 0].tolist() for path in paths.T]
        assert found == greedy_decode(scores, lengths)


def test_stored_settings_name_what_is_not_as_it_was(make_run: Any) -> None:
    """Older configurations, and the trainings they name, stay what they are."""
    names = {"tf32", "deterministic", "data_on_device", "feature_bits", "train_wer_every"}
    assert not names & make_run().config.model_dump(mode="json").keys()
    stored = make_run(tf32=False, deterministic=True).config.model_dump(mode="json")
    assert (stored["tf32"], stored["deterministic"]) == (False, True)
