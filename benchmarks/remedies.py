"""Whether the remedies of `slr-tune diagnose` help: runs broken as each cause describes, mended.

    python benchmarks/remedies.py

Each case is trained on bundled sentences with settings that break it, and diagnosed from its last
epoch. Where the cause is found, the settings of its remedy, and no other, are changed and the run
is trained anew with the same seed. Printed are the best dev WERs of both, over the seeds, and in
how many seeds the cause was found and the remedy helped. Running out of memory is left out: what
it changes is no WER.
"""

from __future__ import annotations

import argparse
import math
import statistics
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from slr_tune.cli.train_settings import read_train_settings
from slr_tune.diagnosis.causes import Cause, shown
from slr_tune.diagnosis.diagnosis import diagnose
from slr_tune.diagnosis.diagnostics import diagnostics, greedy
from trainables.data import Dataset, prepare
from trainables.decoding.build import build_decoder
from trainables.files.checkpoint import load_checkpoint, save_checkpoint
from trainables.protocol import RunInputs
from trainables.registry import run_class
from trainables.runs.ctc_run import CtcRun


@dataclass(frozen=True)
class Case:
    """A way to break a run.

    Attributes:
        cause: Name of the cause that it stands for.
        settings: What breaks it.
        trainable: What is trained.
        utterances: Of train.
        teacher: Settings of the teacher; empty where there is none.
    """

    cause: str
    settings: Mapping[str, Any]
    trainable: str = "student"
    utterances: int = 150
    teacher: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Outcome:
    """What a case gave with one seed; `cause` and `after` are None where it was not recognised."""

    before: float
    after: float | None
    cause: Cause | None
    named: tuple[str, ...]


CONSTANT = "{name: constant, warmup_epochs: %s}"
HEAVY_LM = "{method: beam, width: 5, lm_weight: 6.0, gloss_bonus: 0.0}"

BLANK_PHASE = Case("still in the blank phase", {"learning_rate": 1e-3})
"""The quickest of them, for a test."""
CASES = (
    BLANK_PHASE,
    Case("vanishing gradients", {"learning_rate": 0.05}),
    Case(
        "collapsed to blanks",
        {"learning_rate": 0.06, "batch_size": 8, "learning_rate_schedule": CONSTANT % 20},
    ),
    Case("learns too slowly", {"learning_rate": 1e-5}),
    Case("overfitting", {"dropout": 0.0, "weight_decay": 0.0, "hidden": 96, "max_epochs": 60}),
    Case("diverged", {"learning_rate": 1000.0, "clip_norm": None}),
    Case(
        "learns no more",
        {
            "learning_rate": 0.008,
            "batch_size": 4,
            "clip_norm": None,
            "betas": "[0.5, 0.9]",
            "learning_rate_schedule": CONSTANT % 1,
        },
    ),
    Case("guessing", {"learning_rate": 1e-6}),
    Case("wrong decoder", {"decoding": HEAVY_LM}, utterances=300),
    Case(
        "stuck at its teacher",
        {"max_epochs": 40, "loss_weights": "{alpha: 0.95, beta: 0.05, gamma: 0.0}"},
        trainable="distill",
        teacher={
            "layers": 1,
            "hidden": 48,
            "learning_rate": 0.01,
            "dropout": 0.2,
            "max_epochs": 40,
        },
    ),
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--cause", help="only the cases of this one")
    given = parser.parse_args()
    torch.set_num_threads(1)
    cases = [case for case in CASES if given.cause in (None, case.cause)]
    print("| cause | broken by | utterances | WER before | remedy | WER after | found | helped |")
    print("|---|---|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        for case in cases:
            outcomes = [try_remedy(case, seed, Path(folder)) for seed in range(given.seeds)]
            print(line(case, outcomes), flush=True)


def line(case: Case, outcomes: list[Outcome]) -> str:
    """A row of the table."""
    output = [outcome for outcome in outcomes if outcome.cause is not None]
    helped = sum(o.after < o.before for o in output if o.after is not None)
    broken = " ".join(f"{name}={shown(value)}" for name, value in case.settings.items())
    after = [outcome.after for outcome in output if outcome.after is not None]
    cells = [
        case.cause,
        f"`{broken}`",
        str(case.utterances),
        spread([outcome.before for outcome in outcomes]),
        f"`{output[0].cause.set_line}`" if output and output[0].cause else str(outcomes[0].named),
        spread(after) if after else "-",
        f"{len(output)} of {len(outcomes)}",
        f"{helped} of {len(output)}",
    ]
    return f"| {' | '.join(cells)} |"


def spread(values: list[float]) -> str:
    return f"{statistics.mean(values):.1f} ({min(values):.1f} to {max(values):.1f})"


def try_remedy(case: Case, seed: int, folder: Path) -> Outcome:
    """Trains a broken run, diagnoses it, and trains it with the remedy of its cause.

    Args:
        case: How it is broken.
        seed: Of both trainings.
        folder: For data and teachers.
    """
    sizes = {"train": case.utterances, "dev": 60, "test": 2}
    data = prepare({"name": "libras", **sizes}, folder)
    teacher = trained_teacher(case, data, folder) if case.teacher else None
    broken = train(case, seed, data, {}, teacher)
    causes = found_causes(broken, data, teacher)
    cause = next((cause for cause in causes if cause.name == case.cause and cause.settings), None)
    named = tuple(cause.name for cause in causes)
    before = 100.0 if broken.best_wer is None else broken.best_wer
    if cause is None:
        return Outcome(before, None, None, named)
    mended = train(case, seed, data, cause.settings, teacher)
    return Outcome(before, 100.0 if mended.best_wer is None else mended.best_wer, cause, named)


def train(
    case: Case, seed: int, data: Dataset, remedy: Mapping[str, Any], teacher: Path | None
) -> CtcRun:
    """The run to its end, its settings read as `slr-tune train --set` reads them."""
    overrides = [f"{key}={shown(value)}" for key, value in remedy.items()]
    given = {"patience": 1000, "device": "cpu", **case.settings}
    read = read_train_settings(
        case.trainable,
        None,
        overrides=[*(f"{key}={shown(value)}" for key, value in given.items()), *overrides],
        data=None,
        teacher=None if teacher is None else str(teacher),
        seed=None,
    )
    cls: Any = run_class(case.trainable)
    inputs = RunInputs(data=data, seed=seed, teacher=teacher, cache=data.folder.parent)
    run: CtcRun = cls(cls.config_class.model_validate(read.config), inputs)
    while run.ended_by is None:
        run.run_epoch()
    return run


def found_causes(run: CtcRun, data: Dataset, teacher: Path | None = None) -> tuple[Cause, ...]:
    """What `slr-tune diagnose` would say of a run, from its last epoch."""
    taught = [] if teacher is None else load_checkpoint(teacher)["rows"]
    teacher_wer = min((row["val/wer"] for row in taught), default=math.nan)
    config = run.config.model_dump(mode="json")
    found = []
    if run.ended_by != "nan":
        beam = build_decoder(run.config.decoding, data)
        decode = greedy if beam is None else lambda frames: beam.decode_batch(list(frames))
        found = diagnostics(run.model, data, decode=decode)
    output = diagnose(
        "run",
        diagnostics=found,
        rows=run.rows,
        config=config,
        teacher_wer=teacher_wer,
        ended_by=run.ended_by or "",
    )
    return output.causes


def trained_teacher(case: Case, data: Dataset, folder: Path) -> Path:
    """A teacher of the case's settings, its checkpoint in the folder."""
    path = folder / "teacher.pt"
    if not path.exists():
        run = train(Case("", case.teacher, "teacher"), 0, data, {}, None)
        save_checkpoint(path, run.state_dict())
    return path


if __name__ == "__main__":
    main()
