"""What a search will take in time and on disk, part by part: one estimate for all callers."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import torch

from slr_tune.checks.expected_epochs import ExpectedEpochs, expected_epochs
from slr_tune.checks.largest_config import model_parameters, probed_configs
from slr_tune.checks.shared_inputs import CheckInputs
from slr_tune.search.sampler import trials_to_run
from slr_tune.space import StudySpec
from slr_tune.space.sections import Budget
from slr_tune.study.pace import Pace, Schedule
from slr_tune.study.segments import study_segments
from slr_tune.text import counted, duration, size_text
from slr_tune.training.runs import Arm
from slr_tune.training.teacher import untrained
from trainables.config import DistillConfig
from trainables.losses.features import matched_layers
from trainables.runs.training_set import TrainingSet
from trainables.teaching.frozen_teacher import FrozenTeacher
from trainables.teaching.rounding import Rounding
from trainables.teaching.teacher_outputs import LiveOutputs

_BYTES = 4
_OF_STATE = 3
"""A checkpoint holds the weights and Adam's two means."""
_BYTES_OF_SCORES = 2
_BATCHES = 3
_TIMED_UTTERANCES = 8


@dataclass(frozen=True)
class EstimatePart:
    """One thing that a search does.

    Attributes:
        name: What.
        seconds: Wall-clock time; None where it was not measured.
        most_seconds: Maximum time.
        size: Bytes on disk, at most.
        note: How it was counted.
    """

    name: str
    seconds: float | None
    most_seconds: float | None
    size: int
    note: str


@dataclass(frozen=True)
class Estimate:
    """The parts in the order in which they happen, and their sums.

    Attributes:
        workers: Trials side by side.
        trials: Trials of the search: the requested ones, or as many as fit into its hours.
        epoch_seconds: Of the baseline, measured on a few batches.
        epochs: Of all trials.
        parts: See `EstimatePart`. Teacher and reference student train side by side where there
            are two workers.
        seconds: Of the whole, by what is expected of its trials' epochs.
        most_seconds: Of the whole with the most epochs.
        size: Bytes on disk of the whole, at most.
    """

    workers: int
    trials: int
    epoch_seconds: float
    epochs: ExpectedEpochs
    parts: tuple[EstimatePart, ...]
    seconds: float
    most_seconds: float
    size: int

    def to_json(self) -> dict[str, Any]:
        """For a script."""
        return asdict(self)


def estimate(inputs: CheckInputs) -> Estimate:
    """Measures an epoch of each training and a pass of the teacher on a few utterances.

    Raises:
        Unavailable: The run is a custom one.
        TrainablesError: The space cannot work.
    """
    inputs.needs_built_in()
    spec, workers = inputs.spec, inputs.workers
    with _threads_of_a_trial(inputs):
        before = [_timed(inputs, part, arm) for part, arm in _trainings(inputs)]
        teaching = [_timed_outputs(inputs, part) for part in _outputs(inputs)]
        each = _epoch_seconds(inputs, spec.trainable, inputs.config)
    first = [part.most_seconds or 0.0 for part in before]
    ahead = (max(first, default=0.0) if workers > 1 else sum(first)) + sum(
        part.seconds or 0.0 for part in teaching
    )
    trials = trials_in_time(spec, each, ahead=ahead, workers=workers)
    part, epochs = _trials_part(inputs, trials, each)
    parts = (*before, *teaching, part, *_caches(inputs))
    assert part.seconds is not None and part.most_seconds is not None
    whole, most = ahead + part.seconds, ahead + part.most_seconds
    if spec.budget.hours is not None:
        whole, most = (min(one, 3600 * spec.budget.hours) for one in (whole, most))
    size = sum(one.size for one in parts)
    return Estimate(workers, trials, each, epochs, parts, whole, most, size)


def trials_in_time(spec: StudySpec, each: float, *, ahead: float, workers: int) -> int:
    """Trials that a search will have: the requested ones, or as many as fit into its hours.

    Args:
        spec: The search.
        each: Seconds of an epoch over all training utterances.
        ahead: Seconds before the first trial.
        workers: Trials side by side.
    """
    budget, most = spec.budget, trials_to_run(spec)
    if budget.hours is None:
        assert most is not None  # a budget has one of the two
        return most
    pace = Pace(study_segments(spec))
    pace.note(budget.max_epochs, each)
    schedule = Schedule.of(spec)
    fitting = schedule.trials(max(0.0, 3600 * budget.hours - ahead) * workers, pace)
    return fitting if most is None else min(most, fitting)


def _trials_part(
    inputs: CheckInputs, trials: int, each: float
) -> tuple[EstimatePart, ExpectedEpochs]:
    """What so many trials take; and their epochs."""
    spec = inputs.spec
    spec = replace(spec, budget=replace(spec.budget, trials=max(1, trials)))
    epochs = expected_epochs(spec, inputs.workers)
    side_by_side = max(1, min(inputs.workers, trials))
    seconds, tied, most = (
        each * epochs.share * count / side_by_side
        for count in (epochs.likely, epochs.tied, epochs.most)
    )
    note = _epochs_note(epochs, tied=tied, most=most)
    if epochs.share < 1:
        note += f"; they see {epochs.share:.0%} of the training utterances on average"
    size = _trials_size(inputs, trials)
    return EstimatePart("trials", seconds, most, size, note), epochs


def _epochs_note(epochs: ExpectedEpochs, *, tied: float, most: float) -> str:
    """How the epochs of the trials were counted, with the seconds of the other two cases."""
    if epochs.known:
        note = f"{epochs.likely:.0f} epochs, fewer if trials end early"
        audit = epochs.most - epochs.likely
        return f"{note}; the pruning audit adds at most {audit:.0f}" if audit else note
    note = f"{epochs.likely:.0f} epochs if trials differ (ASHA's expectation); "
    note += f"{epochs.tied:.0f} ({duration(tied)}) if all tie at the first rung, as at 100 % WER "
    note += f"before the first glosses, because ASHA does not stop ties; {epochs.most} "
    return note + f"({duration(most)}) at most"


def estimate_text(inputs: CheckInputs, found: Estimate) -> str:
    """The same for a person: the whole, then a line for each part."""
    trials = counted(found.trials, "trial")
    lines = [
        f"{duration(found.epoch_seconds)} per epoch of the baseline; {trials} on "
        f"{counted(found.workers, 'worker')}: about {duration(found.seconds)} in all, "
        f"{duration(found.most_seconds)} at most; disk {size_text(found.size)} at most"
    ]
    if inputs.spec.budget.hours is not None:
        lines.append(_fit_text(inputs.spec.budget, found.trials))
    for part in found.parts:
        seconds = "" if part.seconds is None else f"{duration(part.seconds)}, "
        lines.append(f"{part.name}: {seconds}{size_text(part.size)}; {part.note}")
    return "\n".join(lines)


def _fit_text(budget: Budget, trials: int) -> str:
    """How many trials fit into the hours."""
    asked = "" if budget.trials is None else f" of the {budget.trials:,} asked for"
    message = (
        f"time: {duration(3600 * (budget.hours or 0))} is enough for about "
        f"{counted(trials, 'trial')}"
    )
    return f"{message}{asked}, with all that comes before them and the pruning audit"


def disk_parts(inputs: CheckInputs) -> list[EstimatePart]:
    """What goes to disk; nothing is measured."""
    # How many fit into the hours is not known before an epoch is measured.
    count = inputs.spec.budget.trials or inputs.workers
    trials = EstimatePart("trials", None, None, _trials_size(inputs, count), "")
    trainings = [part for part, _ in _trainings(inputs)]
    return [*trainings, *_outputs(inputs), trials, *_caches(inputs)]


def _trainings(inputs: CheckInputs) -> Iterator[tuple[EstimatePart, Arm]]:
    """What is trained before the first trial: the teacher, and the student that it has to beat."""
    for name, arm in untrained(inputs.spec, inputs.data).items():
        parameters, _ = model_parameters(arm.config, inputs.data)
        size = _kept(arm.config, int(arm.config["max_epochs"])) * parameters * _BYTES * _OF_STATE
        note = f"{arm.config['max_epochs']} epochs, fewer if its patience ends it"
        yield EstimatePart(name, None, None, size, note), arm


@contextmanager
def _threads_of_a_trial(inputs: CheckInputs) -> Iterator[None]:
    """Computes with as many threads as Ray gives a trial: this variable sets them."""
    threads, message = torch.get_num_threads(), os.environ.get("OMP_NUM_THREADS")
    of_trial = max(1, int(inputs.spec.resources.cpus_per_trial))
    torch.set_num_threads(of_trial)
    os.environ["OMP_NUM_THREADS"] = str(of_trial)
    try:
        yield
    finally:
        torch.set_num_threads(threads)
        del os.environ["OMP_NUM_THREADS"]
        os.environ |= {} if message is None else {"OMP_NUM_THREADS": message}


def _timed(inputs: CheckInputs, part: EstimatePart, arm: Arm) -> EstimatePart:
    each = _epoch_seconds(inputs, arm.trainable, arm.config)
    seconds = each * int(arm.config["max_epochs"])
    return EstimatePart(part.name, seconds, seconds, part.size, part.note)


def _outputs(inputs: CheckInputs) -> Iterator[EstimatePart]:
    """The teacher's outputs on train, once for each kind of them that trials ask for."""
    if inputs.spec.teacher is None or inputs.taught_by_files or not inputs.built_in:
        return
    widths = inputs.teacher.model.hidden_sizes
    kinds: dict[tuple[Any, ...], tuple[int, int]] = {}
    classes = len(inputs.data.vocabulary)
    for config in (inputs.largest, *probed_configs(inputs.spec)):
        settings = DistillConfig.model_validate(config)
        weights = settings.loss_weights
        taught = weights.alpha > 0 or weights.gamma > 0
        if not taught or settings.augmentation.active or not settings.teacher_cache:
            continue
        _, student = model_parameters(config, inputs.data)
        pairs = matched_layers(len(student), len(widths), which=settings.feature_layers)
        layers = tuple(layer for _, layer in pairs)
        training_set = TrainingSet(inputs.data.train, settings)
        frames = int(training_set.output_lengths.sum())
        rounding = Rounding(settings.teacher_cache_bits, settings.teacher_top_k)
        size = rounding.frame_bytes(classes, sum(widths[layer] for layer in layers))
        kinds[settings.subsampling, settings.truncate_frames, layers, rounding] = (frames, size)
    for number, (frames, size) in enumerate(kinds.values(), start=1):
        name = "teacher's outputs" + (f", kind {number}" if len(kinds) > 1 else "")
        note = f"one pass over {frames:,} frames, kept for all trials"
        yield EstimatePart(name, None, None, frames * size, note)


def _timed_outputs(inputs: CheckInputs, part: EstimatePart) -> EstimatePart:
    """A pass goes utterance by utterance in one worker, while the others wait for it."""
    device = inputs.device_of(inputs.config)
    teacher = FrozenTeacher(inputs.teacher.path, device=device, half=False)
    training_set = TrainingSet(inputs.data.train, DistillConfig.model_validate(inputs.config))
    live = LiveOutputs(teacher, training_set, layers=[*range(len(teacher.hidden_sizes))])
    chosen = np.random.default_rng(0).permutation(training_set.indices)[:_TIMED_UTTERANCES]
    live.of(int(chosen[0]))  # warms up
    started = time.perf_counter()
    for index in chosen.tolist():
        live.of(index)
    share = training_set.lengths[chosen].sum() / training_set.lengths.sum()
    seconds = float((time.perf_counter() - started) / share)
    return EstimatePart(part.name, seconds, seconds, part.size, part.note)


def _epoch_seconds(inputs: CheckInputs, trainable: str, config: Mapping[str, Any]) -> float:
    """Of the second of two epochs on a few batches: the first fills caches."""
    train = inputs.data.train
    count = min(_BATCHES * int(config["batch_size"]), len(train))
    part = np.sort(np.random.default_rng(0).permutation(len(train))[:count])
    share = train.lengths[part].sum() / train.lengths.sum()
    few = inputs.chosen(part, dev=max(1, round(share * len(inputs.data.dev))))
    teacher = inputs.teacher_file if trainable == inputs.spec.trainable else None
    shortened = {**config, "max_epochs": 2, "patience": 2}
    with torch.random.fork_rng(devices=[]):
        run = inputs.build_run(trainable, shortened, few, teacher=teacher)
        first = run.run_epoch()["seconds"]
        second = run.run_epoch()["seconds"] if run.ended_by is None else first
    return float(second / share)


def _trials_size(inputs: CheckInputs, trials: int) -> int:
    budget, config = inputs.spec.budget, inputs.largest
    parameters, _ = model_parameters(config, inputs.data)
    kept = _kept(config, budget.max_epochs)
    size = trials * kept * parameters * _BYTES * _OF_STATE
    return size if budget.disk is None else min(size, budget.disk)


def _kept(config: Mapping[str, Any], epochs: int) -> int:
    """Checkpoints that a run keeps: the best, the last, and every so many."""
    every = int(config["checkpoint_every"])
    return 2 + (epochs // every if every else 0)


def _caches(inputs: CheckInputs) -> Iterator[EstimatePart]:
    """Scores on dev of the two that the gate compares; the data are there already."""
    if inputs.spec.teacher is None or inputs.taught_by_files:
        return
    frames = int((-(-inputs.data.dev.lengths // int(inputs.config["subsampling"]))).sum())
    size = 2 * frames * len(inputs.data.vocabulary) * _BYTES_OF_SCORES
    note = "scores on dev of teacher and reference student; the prepared data already exist"
    yield EstimatePart("caches", None, None, size, note)
