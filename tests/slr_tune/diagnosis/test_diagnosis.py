"""Runs that were spoilt on purpose, each recognised for what it is; a healthy one left in peace."""

from __future__ import annotations

import dataclasses
import math
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from small_runs import saved, small_run

from slr_tune.cli.train_settings import read_train_settings
from slr_tune.diagnosis import find_run as find_run_module
from slr_tune.diagnosis.causes import Cause, likely_causes
from slr_tune.diagnosis.diagnosis import Diagnosis, diagnose
from slr_tune.diagnosis.diagnostics import diagnostics, greedy, layer_gradients, log_likelihoods
from slr_tune.diagnosis.evidence import Evidence
from slr_tune.diagnosis.find_run import examine, find_run
from slr_tune.diagnosis.red_flags import RedFlag
from slr_tune.report.diagnosis import diagnosis_page
from slr_tune.report.page.html import render_html
from slr_tune.report.page.terminal import render_terminal
from trainables.config import StudentConfig
from trainables.data import Dataset
from trainables.data.subset import subset, take
from trainables.decoding.build import build_decoder
from trainables.files.stored_model import load_model

Store = Callable[..., Path]


@pytest.fixture
def of(known: Dataset, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Diagnosis]:
    """Diagnoses a checkpoint on the few sentences, or on others."""

    def examined(path: Path, data: Dataset = known) -> Diagnosis:
        monkeypatch.setattr(find_run_module, "find_data", lambda *_: data)
        return examine(find_run(str(path), study=None, trial=None, storage=None), data=None)

    return examined


def bad(found: Diagnosis) -> set[str]:
    """Names of the diagnostics that found something."""
    return {item.name for item in found.diagnostics if item.bad}


def test_a_healthy_run_raises_no_alarm(store: Store, of: Callable[..., Diagnosis]) -> None:
    # Broken if a good run were called sick: nobody would read the next diagnosis.
    found = of(store())
    assert found.healthy and not found.flags and not bad(found)
    assert found.verdict.startswith("No problem found: 60 epochs, best dev WER")
    assert [item.name for item in found.diagnostics] == [
        "features",
        "log-probs",
        "entropy",
        "blanks",
        "gradients",
        "decoding",
    ]
    assert not found.command


def test_a_collapsed_model(store: Store, of: Callable[..., Diagnosis]) -> None:
    # Broken if a model that says nothing were not told from one that is merely bad.
    def silence(state: dict[str, Any]) -> None:
        state["model"]["output.bias"][0] += 40
        for row in state["rows"]:
            row["val/wer"], row["val/blank_rate"] = 100.0, 1.0

    found = of(store(silence))
    assert "blanks" in bad(found)
    assert found.causes[0].name == "collapsed to blanks"
    assert found.causes[0].settings["learning_rate"] == pytest.approx(0.01 / 3)
    assert {flag.name for flag in found.flags} >= {"all blank", "high WER"}


def test_nan_features(store: Store, of: Callable[..., Diagnosis], known: Dataset) -> None:
    # Broken if the fault were looked for in the model while it lies in the files.
    spoilt = take(known.train, range(len(known.train)))
    spoilt.features[3] = np.nan
    data = dataclasses.replace(known)
    vars(data).update(train=spoilt, dev=known.dev)
    found = of(store(), data)
    assert bad(found) == {"features"}
    assert found.causes[0].name == "NaN features" and not found.causes[0].settings
    assert spoilt.ids[0] in found.causes[0].text
    assert [item.status for item in found.diagnostics[1:]] == ["unknown"] * 5


def test_vanishing_gradients(store: Store, of: Callable[..., Diagnosis]) -> None:
    # Broken if a layer that cannot learn were taken for one that has learnt.
    def cut(state: dict[str, Any]) -> None:
        state["model"]["expansion.weight"] *= 1e-20

    found = of(store(cut))
    assert "gradients" in bad(found)
    assert found.causes[0].name == "vanishing gradients"
    assert "projection" in found.causes[0].text


def test_gradients_agree_with_the_training(known: Dataset) -> None:
    # Broken if layers were left out or averaged twice: all squares together are the whole norm.
    run = small_run(known, batch_size=8, subsampling=1)
    per_layer = layer_gradients(run.model.eval(), known.train)
    sizes: dict[str, int] = {}
    for name, parameter in run.model.named_parameters():
        first, number = (name.split(".") + [""])[:2]
        layer = f"{first}.{number}" if number.isdecimal() else first
        sizes[layer] = sizes.get(layer, 0) + parameter.numel()
    assert per_layer.keys() == sizes.keys()
    norm = math.sqrt(sum(per_layer[name] ** 2 * sizes[name] for name in sizes))
    assert norm == pytest.approx(run.run_epoch()["train/gradient_norm"], rel=1e-4)


def test_an_overfitted_run(
    sentences: Dataset, tmp_path: Path, of: Callable[..., Diagnosis]
) -> None:
    # Broken if a run that learns by heart were not told from one that learns.
    data = subset(sentences, train=range(6), dev=range(12))
    run = small_run(
        data, hidden=24, projection=24, learning_rate=0.01, batch_size=2, max_epochs=45, patience=45
    )
    while run.ended_by is None:
        run.run_epoch()
    path = saved(run, tmp_path / "over" / "checkpoint_latest.pt", epochs=0)
    found = of(path, data)
    assert found.causes[0].name == "overfitting"
    assert {flag.name for flag in found.flags} & {"loss gap", "overfitting"}
    augmented = {"augmentation.noise": 0.1, "augmentation.time_jitter": 0.1}
    assert found.causes[0].settings == augmented


def _blank_last(frames: Any) -> list[list[int]]:
    """A decoder that takes the last class for the blank."""
    found = []
    for item in frames:
        best = item.argmax(axis=1)
        kept = [int(c) for i, c in enumerate(best) if i == 0 or c != best[i - 1]]
        found.append([c for c in kept if c not in (item.shape[1] - 1, 0)])
        found[-1] = [c % (item.shape[1] - 1) + 1 for c in found[-1]]
    return found


@pytest.mark.parametrize(
    "decode",
    [
        _blank_last,
        lambda frames: [[int(c) for c in item.argmax(axis=1) if c] for item in frames],
    ],
    ids=["another vocabulary", "repeats not merged"],
)
def test_a_wrong_decoder(store: Store, known: Dataset, learnt: dict[str, Any], decode: Any) -> None:
    # Broken if months went into training a model whose decoder was at fault.
    model = load_model(store()).model
    right = diagnostics(model, known, decode=greedy)[-1]
    wrong = diagnostics(model, known, decode=decode, recorded_wer=learnt["rows"][-1]["val/wer"])
    assert not right.bad and right.value is not None and right.value < 0.2
    assert [item.name for item in wrong if item.bad] == ["decoding"]
    found = diagnose("run", diagnostics=wrong, rows=[], config={"max_epochs": 1})
    assert found.causes[0].name == "wrong decoder"


def test_a_wrong_decoder_shows_without_a_recorded_wer(store: Store, known: Dataset) -> None:
    # Broken if only a WER from the training could tell: on other data there is none.
    found = diagnostics(load_model(store()).model, known, decode=_blank_last)[-1]
    assert found.bad and found.value is not None and found.value > 0.9


def test_a_language_model_that_drowns_the_model(store: Store, known: Dataset) -> None:
    # Broken if a search with absurd weights were told as a model that learns no more.
    heavy = StudentConfig.model_validate(
        {"decoding": {"method": "beam", "width": 5, "lm_weight": 20.0, "gloss_bonus": 0.0}}
    )
    beam = build_decoder(heavy.decoding, known)
    assert beam is not None
    model = load_model(store()).model
    found = diagnostics(model, known, decode=lambda scores: beam.decode_batch(list(scores)))[-1]
    assert found.bad and "that of greedy decoding" in found.found
    config = heavy.model_dump(mode="json")
    (cause,) = diagnose("run", diagnostics=[found], rows=[], config=config).causes
    assert (cause.name, cause.set_line) == ("wrong decoder", "--set decoding={method: greedy}")
    assert "slr-tune tune-decoder" in cause.advice


def test_a_vocabulary_in_another_order(store: Store, of: Callable[..., Diagnosis]) -> None:
    # Broken if outputs that stand for other glosses than in training went unseen.
    def permute(state: dict[str, Any]) -> None:
        for name in ("output.weight", "output.bias"):
            weight = state["model"][name]
            state["model"][name] = torch.cat([weight[:1], weight[1:].roll(1, dims=0)])

    found = of(store(permute))
    assert found.causes[0].name == "wrong decoder"
    assert "in training" in found.causes[0].text


def test_a_diverged_run(known: Dataset, store: Store, of: Callable[..., Diagnosis]) -> None:
    # Broken if weights that are not numbers ended in an error, where the cause can be told.
    def spoil(state: dict[str, Any]) -> None:
        state["model"]["output.bias"][2] = math.nan

    found = of(store(spoil))
    assert found.causes[0].name == "diverged"
    assert found.causes[0].set_line == "--set learning_rate=0.00333 --set clip_norm=1"
    rows = [{"epoch": 1, "train/loss": math.nan, "val/wer": math.nan}]
    by_curve = diagnose("x", diagnostics=[], rows=rows, config={"max_epochs": 9}, ended_by="nan")
    assert by_curve.causes[0].name == "diverged"


def test_a_young_run_is_not_judged(
    known: Dataset, tmp_path: Path, of: Callable[..., Diagnosis]
) -> None:
    # Broken if every run were called collapsed in its first epochs.
    run = small_run(known, hidden=24, learning_rate=0.02, batch_size=2, max_epochs=40)
    found = of(saved(run, tmp_path / "young.pt", epochs=4))
    assert "blanks" in bad(found) and found.healthy
    assert found.verdict.startswith("Too early to tell: after 4 epochs")


def test_a_student_at_its_teacher() -> None:
    # Broken if the remedy for it were lost, or given where there is no teacher.
    flag = RedFlag("early plateau", 20, "it stands")
    evidence = Evidence([], [flag], {"max_epochs": 80}, 60, wer=51.0, teacher_wer=50.1)
    cause = likely_causes(evidence)[0]
    assert cause.name == "stuck at its teacher"
    assert cause.set_line == "--set loss_weights={alpha: 0.3, beta: 0.65, gamma: 0.05}"
    alone = dataclasses.replace(evidence, teacher_wer=math.nan)
    assert [cause.name for cause in likely_causes(alone)] == ["learns no more"]


def test_a_rate_that_is_too_small_is_not_lowered() -> None:
    # Broken if a run whose loss still falls were told to learn more slowly yet.
    slow = Evidence(
        [], [RedFlag("high WER", 5, "late")], {"max_epochs": 8, "learning_rate": 1e-5}, 8
    )
    (cause,) = likely_causes(slow)
    assert cause.name == "learns too slowly" and cause.settings["learning_rate"] > 1e-5
    flat = dataclasses.replace(slow, flags=[*slow.flags, RedFlag("flat loss", 8, "it stands")])
    assert [cause.name for cause in likely_causes(flat)] == ["learns no more"]


def test_a_failed_trial_without_checkpoint_names_its_error() -> None:
    # Broken if the run that most needs an answer got none.
    error = "Traceback (most recent call last):\n  File x\nValueError: made to fail"
    found = diagnose("x", diagnostics=[], rows=[], config={}, ended_by="error", error=error)
    assert found.causes[0].text == "The run ended by error: ValueError: made to fail."
    full = diagnose(
        "x", diagnostics=[], rows=[], config={"batch_size": 64, "accumulation": 1}, ended_by="oom"
    )
    assert full.causes[0].settings == {"batch_size": 16, "accumulation": 4}
    late = diagnose(
        "x", diagnostics=[], rows=[], config={}, ended_by="timeout", error="no epoch within 4 s"
    )
    assert late.verdict == "Timeout. The run ended by timeout: no epoch within 4 s."


def test_likelihoods_agree_with_a_sum_over_all_paths() -> None:
    # Broken if the decoder were judged by something else than CTC's probability.
    rng = np.random.default_rng(0)
    logits = rng.normal(size=(3, 3)).astype(np.float32)
    frames = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
    total = 0.0
    for path in np.ndindex(3, 3, 3):
        merged = [c for i, c in enumerate(path) if i == 0 or c != path[i - 1]]
        if [c for c in merged if c] == [2, 1]:
            total += math.exp(sum(float(frames[i, c]) for i, c in enumerate(path)))
    scores = (frames, frames)
    found = log_likelihoods(scores, [[2, 1], []])
    assert found[0] == pytest.approx(math.log(total), rel=1e-6)
    assert found[1] == pytest.approx(float(frames[:, 0].sum()), rel=1e-6)
    assert log_likelihoods(scores, [[1, 1, 1], [1]])[0] == -math.inf


def test_the_command_trains_the_same_run_but_for_the_remedy(
    store: Store, of: Callable[..., Diagnosis]
) -> None:
    # Broken if the line that is to be copied were refused, or changed more than it says.
    def gape(state: dict[str, Any]) -> None:
        for row in state["rows"]:
            row["val/loss"] += 0.2 * row["epoch"]

    found = of(store(gape))
    words = shlex.split(found.command)
    assert words[:3] == ["slr-tune", "train", "student"]
    options = dict(zip(words[3::2], words[4::2], strict=True))
    assert options["--data"]
    settings = [words[i + 1] for i, word in enumerate(words) if word == "--set"]
    read = read_train_settings(
        "student", None, overrides=settings, data=None, teacher=None, seed=None
    )
    ours = StudentConfig.model_validate(read.config)
    assert (ours.hidden, ours.batch_size, ours.max_epochs) == (24, 2, 60)
    assert (ours.learning_rate, ours.weight_decay) == (0.01, StudentConfig().weight_decay)
    assert (ours.augmentation.noise, ours.augmentation.time_jitter) == (0.1, 0.1)


@pytest.mark.parametrize(
    "cause",
    likely_causes(
        Evidence(
            [],
            [RedFlag(name, 9, "seen") for name in ("not a number", "all blank", "overfitting")],
            {"max_epochs": 24, "learning_rate": 0.3, "dropout": 0.5},
            20,
            ended_by="oom",
        )
    ),
    ids=lambda cause: cause.name,
)
def test_every_remedy_is_a_setting_that_a_run_accepts(cause: Cause) -> None:
    # Broken if a remedy named a setting that does not exist.
    overrides = [f"{key}={value}" for key, value in cause.settings.items()]
    read_train_settings("student", None, overrides=overrides, data=None, teacher=None, seed=None)


def test_text_and_page_say_the_same(store: Store, of: Callable[..., Diagnosis]) -> None:
    # Broken if page and terminal gave two verdicts, or the page asked a server for something.
    found = of(store())
    text = "\n".join(map(str, render_terminal(diagnosis_page(found))))
    page = render_html(diagnosis_page(found))
    assert found.verdict in text and found.verdict in page
    assert text.count("[ OK ]") == 6
    assert "<figure" in page and 'src="http' not in page
