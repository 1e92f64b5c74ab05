"""Whether a model can learn a few utterances by heart: if not, no search will help.

Settings of the users' own test, which reached a WER of 0 after 1,712 epochs: 5 utterances, at most
2,000 epochs, learning rate 1e-3 after a warm-up of 50 epochs, dropout 0.1, no weight decay, no
augmentation, no accumulation, no label smoothing. Architecture and sizes are the space's.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from slr_tune.checks.shared_inputs import CheckInputs
from slr_tune.diagnosis.diagnostics import GRADIENTS, LOG_PROBS, diagnostics, greedy
from slr_tune.errors import SlrTuneError
from slr_tune.space import StudySpec
from trainables.data import Dataset, Split
from trainables.data.subset import subset
from trainables.registry import config_class, run_title
from trainables.runs.ctc_run import CtcRun
from trainables.runs.evaluation import evaluate

WARM_UP = 50
DROPOUT = 0.1
_STILL_FALLING = 0.05
"""Share by which the loss fell over the last tenth of the epochs."""

Row = dict[str, float]


@dataclass(frozen=True)
class Overfit:
    """What came of it.

    Attributes:
        utterances: How many were to be learnt.
        epochs: Epochs that it took, or that were tried.
        wer: At the end, percent.
        loss: CTC at the end, nats per gloss.
        seconds: It took.
        obstacles: What prevents it; empty where the WER is 0.
        wrong: Utterances that are not right: id, signed glosses, recognised ones.
    """

    utterances: int
    epochs: int
    wer: float
    loss: float
    seconds: float
    obstacles: tuple[str, ...] = ()
    wrong: tuple[tuple[str, tuple[str, ...], tuple[str, ...]], ...] = ()

    @property
    def learnt(self) -> bool:
        """Whether every utterance is right."""
        return self.wer == 0


def overfit(
    spec: StudySpec,
    *,
    utterances: int = 5,
    epochs: int = 2000,
    learning_rate: float = 1e-3,
    report: Callable[[Row], None] = lambda row: None,
) -> Overfit:
    """Trains the space's model on a few utterances until it knows them.

    Args:
        spec: The search; a distillation is tried on the glosses alone.
        utterances: How many, the first of train that CTC can align.
        epochs: At most so many.
        learning_rate: After the warm-up.
        report: Told of every epoch.

    Raises:
        SlrTuneError: The run is a custom one, or no utterance can be learnt at all.
    """
    with closing(CheckInputs(spec, storage=None, device=None)) as inputs:
        if not inputs.built_in:
            raise SlrTuneError(
                f"overfit works on built-in runs only, not on {run_title(spec.trainable)}",
                hint="Give your run a few utterances of its data and see whether it learns them.",
            )
        few = _few(inputs, utterances)
        config = _config(inputs.config, len(few.train), epochs, learning_rate)
        return _learn(_student(config, few, inputs), few, report)


def _few(inputs: CheckInputs, count: int) -> Dataset:
    possible = inputs.alignable
    if not len(possible):
        raise SlrTuneError(
            f"no training utterance has the frames that CTC needs for its glosses at subsampling "
            f"{inputs.config['subsampling']}",
            hint="Lower subsampling: nothing can be learnt like this.",
        )
    return subset(inputs.data, train=possible[:count])


def _config(
    config: dict[str, Any], count: int, epochs: int, learning_rate: float
) -> dict[str, Any]:
    warm_up = float(min(WARM_UP, epochs // 4))
    return {
        **config,
        "batch_size": count,
        "accumulation": 1,
        "dropout": DROPOUT,
        "weight_decay": 0.0,
        "label_smoothing": 0.0,
        "learning_rate": learning_rate,
        "learning_rate_schedule": {"name": "constant", "warmup_epochs": warm_up},
        "augmentation": {},
        "truncate_frames": None,
        "decoding": {"method": "greedy"},
        "max_epochs": epochs,
        "patience": epochs,
    }


def _student(config: dict[str, Any], few: Dataset, inputs: CheckInputs) -> CtcRun:
    """The model, to be trained on the glosses alone."""
    fields = config_class("student").model_fields
    known = {name: value for name, value in config.items() if name in fields}
    return inputs.build_run("student", known, few, teacher=None)


def _learn(run: CtcRun, few: Dataset, report: Callable[[Row], None]) -> Overfit:
    started = time.perf_counter()
    row: Row = {}
    while run.ended_by is None and row.get("val/wer") != 0:
        row = run.run_epoch()
        report(row)
    seconds, wer = time.perf_counter() - started, row["val/wer"]
    found = Overfit(len(few.train), run.epoch, wer, row["train/loss"], seconds)
    if found.learnt:
        return found
    wrong = () if math.isnan(wer) else tuple(_wrong(run, few))
    return replace(found, obstacles=tuple(_obstacles(run, few)), wrong=wrong)


def _wrong(run: CtcRun, few: Dataset) -> list[tuple[str, tuple[str, ...], tuple[str, ...]]]:
    found = evaluate(run.model, few.train, few.vocabulary, device=run.device)
    rows = zip(few.train.ids, few.train.references, found.hypotheses, strict=True)
    return [(name, signed, given) for name, signed, given in rows if signed != given]


def _obstacles(run: CtcRun, few: Dataset) -> list[str]:
    """Possible causes, the most certain first."""
    found = [*_of_the_data(few.train)]
    if run.ended_by == "nan":
        return [*found, "the loss became NaN or infinite: lower --learning-rate, or set clip_norm"]
    model = run.model.to("cpu")
    for item in diagnostics(model, few, decode=greedy):
        if item.bad and item.name in (LOG_PROBS, GRADIENTS):
            found.append(f"{item.name}: {item.found}")
    return [*found, *_of_the_curve(run)]


def _of_the_data(train: Split) -> list[str]:
    found, frames = [], [train.frames(index) for index in range(len(train))]
    for name, item in zip(train.ids, frames, strict=True):
        if not np.isfinite(item).all():
            found.append(f"utterance {name} contains NaN or infinite features")
        elif len(item) > 1 and (item == item[0]).all():
            found.append(
                f"utterance {name}: all its frames are identical, so its glosses cannot be "
                f"recognised"
            )
    for one in range(len(train)):
        for other in range(one):
            same = np.array_equal(frames[one], frames[other])
            if same and train.references[one] != train.references[other]:
                found.append(
                    f"utterances {train.ids[other]} and {train.ids[one]} have the same frames and "
                    "different glosses"
                )
    return found


def _of_the_curve(run: CtcRun) -> list[str]:
    rows = run.rows
    before = rows[-max(2, len(rows) // 10)]["train/loss"]
    last = rows[-1]["train/loss"]
    if last < (1 - _STILL_FALLING) * before:
        return [
            f"the loss is still falling, from {before:.2f} to {last:.2f}: give it more --epochs"
        ]
    if last < rows[0]["train/loss"] / 10:
        return [f"the loss is stuck at {last:.2f}: a larger hidden, or another --learning-rate"]
    return [
        f"the loss is stuck at {last:.2f}, from {rows[0]['train/loss']:.2f} at the start: try "
        "another --learning-rate, then look at the model"
    ]
