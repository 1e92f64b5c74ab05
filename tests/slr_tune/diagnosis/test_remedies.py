"""Remedies start from where a run stands: none turns a setting the other way, or is refused."""

from __future__ import annotations

import importlib.util
import itertools
import math
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from small_runs import saved, small_run

from slr_tune.cli.train_settings import read_train_settings
from slr_tune.diagnosis import red_flags
from slr_tune.diagnosis.causes import Cause, likely_causes
from slr_tune.diagnosis.diagnostics import BLANKS, ENTROPY, GRADIENTS, Diagnostic
from slr_tune.diagnosis.evidence import Evidence
from slr_tune.diagnosis.red_flags import RedFlag
from trainables.config import DistillConfig
from trainables.data import Dataset
from trainables.files.stored_model import load_model
from trainables.runs import ctc_run
from trainables.teaching.soft_target_writer import write_soft_targets
from trainables.teaching.soft_targets import SoftTargets

QUICKLY_BLANK: dict[str, Any] = {
    "learning_rate": 3e-3,
    "batch_size": 4,
    "max_epochs": 9,
    "hidden": 24,
    "projection": 24,
}
"""Still blank after nine epochs of a few sentences."""
SOFT: dict[str, Any] = {
    "loss_weights": {"alpha": 0.5, "beta": 0.5, "gamma": 0.0},
    "temperature": {"schedule": "constant", "start": 4.0, "end": None, "milestones": []},
    "dropout": 0.6,
}
"""What a student of soft targets has to have, and a dropout that is high already."""


def cause_of(config: Mapping[str, Any], *signs: str, **known: Any) -> Cause:
    """The first cause of a run of 100 epochs with these red flags or bad diagnostics."""
    measured = (ENTROPY, GRADIENTS)
    bad = [Diagnostic(name, "bad", "seen", "", value=0.0) for name in signs if name in measured]
    flags = [RedFlag(name, 50, "seen") for name in signs if name not in measured]
    return likely_causes(Evidence(bad, flags, {"max_epochs": 100, **config}, 60, **known))[0]


@pytest.mark.parametrize(
    ("sign", "config", "settings", "advice"),
    [
        (
            "not a number",
            {"learning_rate": 0.3, "clip_norm": 0.5},
            {"learning_rate": 0.1},
            "Take a third of the learning rate.",
        ),
        (
            "not a number",
            {"learning_rate": 0.3, "clip_norm": None},
            {"learning_rate": 0.1, "clip_norm": 1.0},
            "Take a third of the learning rate and clip the gradient harder.",
        ),
        (
            GRADIENTS,
            {"learning_rate": 0.3},
            {"learning_rate": 0.1, "learning_rate_schedule.warmup_epochs": 10.0},
            "Take a third of the learning rate and warm up longer.",
        ),
        (
            GRADIENTS,
            {"learning_rate": 0.3, "learning_rate_schedule": {"warmup_epochs": 12.0}},
            {"learning_rate": 0.1, "learning_rate_schedule.warmup_epochs": 24.0},
            "Take a third of the learning rate and warm up longer.",
        ),
        (
            "overfitting",
            {"weight_decay": 1e-2, "augmentation": {"noise": 0.1, "time_jitter": 0.2}},
            {"label_smoothing": 0.1},
            "Smooth the labels.",
        ),
        (
            "overfitting",
            {"augmentation": {"time_jitter": 0.2}},
            {"augmentation.noise": 0.1},
            "Add noise.",
        ),
        (
            "overfitting",
            {
                "dropout": 0.6,
                "weight_decay": 1e-3,
                "label_smoothing": 0.2,
                "augmentation": {"noise": 0.3, "time_jitter": 0.1},
            },
            {},
            "It is regularised already: take a smaller model, or more data.",
        ),
        (
            ENTROPY,
            {"learning_rate": 0.1, "dropout": 0.05},
            {"learning_rate": 0.3},
            "Take three times the learning rate. Check with slr-tune overfit whether it can "
            "learn five utterances.",
        ),
        (
            "flat loss",
            {"learning_rate": 0.3, "learning_rate_schedule": {"min_learning_rate": 0.2}},
            {"learning_rate": 0.1, "learning_rate_schedule.min_learning_rate": 0.2 / 3},
            "Take a third of the learning rate.",
        ),
    ],
)
def test_a_remedy_never_goes_the_other_way(
    sign: str, config: dict[str, Any], settings: dict[str, float], advice: str
) -> None:
    # Broken if "clip harder" raised the limit, or a sentence told of what its settings leave out.
    cause = cause_of(config, sign)
    assert cause.advice == advice
    assert cause.settings == pytest.approx(settings)


def test_a_student_at_its_teacher_listens_to_the_glosses() -> None:
    # Broken if it were told to listen more to a teacher that knows no more than itself: measured,
    # that made it worse.
    near = {"wer": 51.0, "teacher_wer": 50.1}
    cause = cause_of(
        {"loss_weights": {"alpha": 0.9, "beta": 0.05, "gamma": 0.05}}, "early plateau", **near
    )
    assert cause.settings == {"loss_weights": "{alpha: 0.3, beta: 0.65, gamma: 0.05}"}
    assert cause.advice == "Give the glosses more weight; or find a better teacher."
    gone_further = {"loss_weights": {"alpha": 0.2, "beta": 0.7, "gamma": 0.1}}
    cause = cause_of(gone_further, "early plateau", **near)
    assert (cause.name, cause.settings) == ("stuck at its teacher", {})
    assert cause.advice == "Find a better teacher."


def test_a_run_without_room_for_one_utterance_is_not_given_smaller_batches(
    known: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Broken if the remedy were batches that cannot be smaller, or that the run has tried itself; or
    # to cut the utterances of train where those of dev are too long.
    alone = cause_of({"batch_size": 1, "hidden": 48}, ended_by="oom")
    assert alone.settings == {"hidden": 24} and "truncate_frames" in alone.advice
    for name, helps in (("forward", True), ("evaluate", False)):
        run = small_run(known, batch_size=4, hidden=8)
        with monkeypatch.context() as patch:
            patch.setattr(run.model if name == "forward" else ctc_run, name, _out_of_memory)
            with pytest.raises(MemoryError) as caught:
                run.run_epoch()
        config = run.config.model_dump(mode="json")
        cause = cause_of(config, ended_by="oom", error=str(caught.value))
        assert cause.settings == {"hidden": 4}
        assert ("truncate_frames" in cause.advice) is helps
    batches = cause_of({"batch_size": 3, "accumulation": 2}, ended_by="oom")
    assert batches.settings == {"batch_size": 1, "accumulation": 6}
    assert batches.advice == "Take batches of 1, and 3 times as many per step."


def _out_of_memory(*_: object, **__: object) -> None:
    raise torch.OutOfMemoryError("CUDA out of memory")


@pytest.fixture(scope="module")
def targets(sentences: Dataset, root: Path) -> SoftTargets:
    """Soft targets at temperature 4."""
    teacher = load_model(saved(small_run(sentences, "teacher"), root / "teacher.pt", epochs=0))
    folder, cpu = root / "targets", torch.device("cpu")
    write_soft_targets(teacher, sentences, "train", folder, temperature=4.0, device=cpu)
    return SoftTargets(folder)


@pytest.mark.parametrize("sign", ["overfitting", "early plateau"])
def test_a_student_of_soft_targets_can_take_its_remedy(sign: str, targets: SoftTargets) -> None:
    # Broken if the advice were refused: files hold no hidden states, and no frames with noise.
    wer, theirs = (51.0, 50.1) if sign == "early plateau" else (20.0, math.nan)
    cause = cause_of(SOFT, sign, wer=wer, teacher_wer=theirs)
    assert cause.settings
    given = {**SOFT, **cause.settings}
    overrides = [f"{key}={value}".replace("None", "null") for key, value in given.items()]
    read = read_train_settings(
        "distill", None, overrides=overrides, data=None, teacher=None, seed=None
    )
    targets.check_settings(DistillConfig.model_validate(read.config))


def test_a_student_of_a_live_teacher_gets_all_of_it() -> None:
    # Broken if every distillation were treated as one of soft targets.
    live = {**SOFT, "loss_weights": {"alpha": 0.5, "beta": 0.4, "gamma": 0.1}}
    regularised = {"weight_decay": 1e-2, "label_smoothing": 0.1}
    assert "augmentation.noise" in cause_of({**live, **regularised}, "overfitting").settings
    assert not cause_of({**SOFT, **regularised}, "overfitting").settings
    plateau = cause_of(live, "early plateau", wer=51.0, teacher_wer=50.1)
    assert "gamma: 0.05" in plateau.settings["loss_weights"]


@pytest.mark.parametrize(
    "flag",
    [
        red_flags.NOT_A_NUMBER,
        red_flags.ALL_BLANK,
        red_flags.BLANK_PHASE,
        red_flags.LOSS_GAP,
        red_flags.OVERFITTING,
        red_flags.EARLY_PLATEAU,
        red_flags.FLAT_LOSS,
        red_flags.HIGH_WER,
    ],
)
def test_the_documented_table_names_the_cause_of_each_flag(flag: str) -> None:
    # Broken if a reader of the docs did the opposite of what the command says.
    page = Path(__file__).parents[3] / "docs" / "diagnosis.md"
    table = page.read_text().split("| cause | recognised by | remedy |")[1].split("\n\n")[0]
    rows = [line.strip("| ").split(" | ") for line in table.splitlines()[2:]]
    told_by = {row[0]: row[1] for row in rows}
    named = [cause for cause, signs in told_by.items() if re.search(rf"\b{flag}\b", signs)]
    assert named == [cause_of({}, flag).name]


SIGNS = (
    *(red_flags.NOT_A_NUMBER, red_flags.ALL_BLANK, red_flags.BLANK_PHASE, red_flags.LOSS_GAP),
    *(red_flags.OVERFITTING, red_flags.EARLY_PLATEAU, red_flags.FLAT_LOSS, red_flags.HIGH_WER),
    *(ENTROPY, GRADIENTS),
)


@pytest.mark.parametrize("config", [{}, {"learning_rate": 0.3, "dropout": 0.4, "layers": 3}])
def test_no_two_remedies_of_one_diagnosis_contradict_each_other(config: dict[str, Any]) -> None:
    # Broken if a run were told to take a third of the learning rate and three times of it.
    for chosen in itertools.product((False, True), repeat=len(SIGNS)):
        signs = list(itertools.compress(SIGNS, chosen))
        bad = [Diagnostic(n, "bad", "", "", value=0.0) for n in signs if n in (ENTROPY, GRADIENTS)]
        flags = [RedFlag(name, 50, "seen") for name in signs if name not in (ENTROPY, GRADIENTS)]
        evidence = Evidence(bad, flags, {"max_epochs": 100, **config}, 60, ended_by="patience")
        causes = likely_causes(evidence)
        settings = [name for cause in causes for name in cause.settings]
        assert len(settings) == len(set(settings)), signs
        advice = " ".join(cause.advice for cause in causes).lower()
        assert not ("a third of" in advice and "three times the learning rate" in advice), signs
        assert not ("drop less out" in advice and "drop half out" in advice), signs


def test_a_run_in_the_blank_phase_is_reported_to_train_longer_and_nothing_else() -> None:
    # Broken if blanks at the start were treated as a fault that other settings mend.
    bad = [Diagnostic(name, "bad", "seen", "", value=0.0) for name in (ENTROPY, BLANKS)]
    flags = [RedFlag(red_flags.BLANK_PHASE, 6, "seen")]
    (cause,) = likely_causes(Evidence(bad, flags, {"patience": 12}, 24, ended_by="patience"))
    assert cause.name == "still in the blank phase"
    assert cause.settings == {"max_epochs": 72, "patience": 72}
    assert cause.advice == "Train three times as long."
    named = {"early_stopping": {"metric": "val/loss", "patience": 12}}
    (cause,) = likely_causes(Evidence(bad, flags, named, 24))
    assert cause.settings == {"max_epochs": 72, "early_stopping.patience": 72}


def test_the_remedy_of_the_blank_phase_helps_a_real_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Broken if the advice cost three times the epochs and brought nothing.
    path = Path(__file__).parents[3] / "benchmarks" / "remedies.py"
    spec = importlib.util.spec_from_file_location("remedies_benchmark", path)
    assert spec is not None and spec.loader is not None
    remedies = importlib.util.module_from_spec(spec)  # the benchmarks are scripts, not a package
    monkeypatch.setitem(sys.modules, spec.name, remedies)
    spec.loader.exec_module(remedies)
    case = remedies.Case("still in the blank phase", QUICKLY_BLANK, utterances=60)
    outcome = remedies.try_remedy(case, 0, tmp_path)
    assert outcome.named == ("still in the blank phase",)
    assert outcome.after is not None and outcome.after < outcome.before - 20
