"""Checks of what is around a run: data, memory, disk, database, teacher's worth, time."""

from __future__ import annotations

import hashlib
import os
import shutil
from pathlib import Path

import numpy as np
import torch

from slr_tune.checks.largest_config import model_parameters
from slr_tune.checks.result import Finding, Unavailable
from slr_tune.checks.shared_inputs import CheckInputs
from slr_tune.diagnosis.diagnostics import not_finite
from slr_tune.errors import StudyMissing
from slr_tune.evaluation.decode import scored_split
from slr_tune.space import difference
from slr_tune.statistics.wer_interval import Counts, paired_difference, percent
from slr_tune.study.folders import studies_root
from slr_tune.study.rungs import budget_rungs
from slr_tune.study.storage import storage_url
from slr_tune.study.view import load_study
from slr_tune.text import counted, duration
from slr_tune.training.teacher import teacher_minus_student
from trainables.data import Dataset, Split
from trainables.files.stored_model import load_model

_BYTES = 4
_OF_STATE = 3
"""A checkpoint holds the weights and Adam's two means."""
_SPLIT_AGAIN = "Remove them from one of the two: dev WER would be too good."


def data(inputs: CheckInputs) -> Finding:
    """The data can be read, every value is finite, and dev is not in train."""
    found = inputs.data
    train, dev = found.train, found.dev
    for split in (train, dev):
        if bad := not_finite(split):
            text = f"{len(bad)} utterances of {split.name} hold NaN or infinite features, "
            remedy = "slr-tune prepare lists them; extract their features again."
            return "FAIL", f"{text}first {bad[0]}", remedy
    shared = sorted(set(train.ids) & set(dev.ids))
    if shared:
        return "FAIL", f"{len(shared)} ids are in train and dev, first {shared[0]}", _SPLIT_AGAIN
    known = {_digest(train, i): train.ids[i] for i in range(len(train))}
    twins = [(dev.ids[i], known.get(_digest(dev, i))) for i in range(len(dev))]
    leaked = [(name, other) for name, other in twins if other is not None]
    if leaked:
        name, other = leaked[0]
        text = f"{len(leaked)} utterances of dev have the frames of one of train, first {name}"
        return "FAIL", f"{text} = {other}", _SPLIT_AGAIN
    sizes = ", ".join(f"{item.name} {item.sentences}" for item in found.statistics)
    text = f"{found.name}: {sizes} utterances, {len(found.vocabulary) - 1} glosses, "
    text += f"{found.feature_size} features; dev is not in train"
    notes = list(found.warnings)
    short = len(train) - len(inputs.alignable) if inputs.built_in else 0
    if short:
        notes.append(
            f"{short} training utterances are too short for subsampling and will be left out"
        )
    return ("NOTE" if notes else "PASS"), "\n".join([text, *notes]), ""


def _digest(split: Split, utterance: int) -> bytes:
    return hashlib.sha256(np.ascontiguousarray(split.frames(utterance)).data).digest()


def disk(inputs: CheckInputs) -> Finding:
    """There is room for checkpoints and the teacher's outputs."""
    folder = studies_root()
    existing = next(path for path in (folder, *folder.parents) if path.exists())
    free = shutil.disk_usage(existing).free
    if not inputs.built_in:
        run = inputs.spec.trainable
        return "NOTE", f"{_size(free)} free in {folder}; what {run} will need is not known", ""
    needed = _disk_bytes(inputs)
    text = f"{_size(needed)} at most in {folder}, {_size(free)} free"
    if needed > free:
        remedy = "Free some space, set SLR_TUNE_STUDIES to another disk, or set "
        return "FAIL", text, f"{remedy}checkpoint_every: 0 and teacher_cache: false."
    return "PASS", text, ""


def storage(inputs: CheckInputs) -> Finding:
    """The database can be written, and the study in it is of this space."""
    url = storage_url(inputs.storage)
    if url.startswith("sqlite:///"):
        database = Path(url.removeprefix("sqlite:///"))
        _check_writable(database)
        if not database.exists():
            return "PASS", f"{url} will be made", ""
    name = inputs.spec.study
    try:
        view = load_study(name, inputs.storage)
    except StudyMissing:
        return "PASS", f"{url}; study {name!r} is new", ""
    lines = difference(view.spec.identity(), inputs.spec.identity())
    if lines:
        text = f"study {name!r} is there already, of another space: {'; '.join(lines[:3])}"
        return "FAIL", text, "Give the study another name: --study NAME, or study: in the file."
    return "PASS", f"{url}; study {name!r} has {len(view.trials)} trials already", ""


def worth(inputs: CheckInputs) -> Finding:
    """The teacher is better than the baseline student that it is to teach."""
    if inputs.spec.teacher is None:
        return "PASS", "no teacher", ""
    teacher, reference = inputs.trained
    if inputs.taught_by_files:
        raise Unavailable("of the teacher there are only its soft targets")
    if teacher is None or reference is None:
        missing = "teacher" if teacher is None else "student without teacher"
        text = f"not known yet: run trains the {missing}, compares, and stops if it is worse"
        return "NOTE", text, ""
    counts = [_dev_counts(path, inputs.data) for path in (teacher, reference)]
    wers = [percent(item) for item in counts]
    signers = inputs.data.dev.signers
    difference = paired_difference(counts[0], counts[1], signers)
    text = f"teacher {wers[0]:.2f}, student without teacher {wers[1]:.2f} on dev: "
    text += teacher_minus_student(difference, signers)
    if difference is not None and difference.low > 0:
        return "FAIL", text, "Train the teacher longer or larger, or take the student as teacher."
    return ("PASS" if wers[0] <= wers[1] else "NOTE"), text, ""


def cost(inputs: CheckInputs) -> Finding:
    """What the search will take, from a measured epoch of the baseline."""
    inputs.needs_built_in()
    batches = 3
    count = min(batches * int(inputs.config["batch_size"]), len(inputs.data.train))
    rng = np.random.default_rng(0)
    part = np.sort(rng.permutation(len(inputs.data.train))[:count])
    share = inputs.data.train.lengths[part].sum() / inputs.data.train.lengths.sum()
    few = inputs.chosen(part, dev=max(1, round(share * len(inputs.data.dev))))
    run = inputs.build({**inputs.config, "max_epochs": 2, "patience": 2}, few)
    first = run.run_epoch()["seconds"]
    second = run.run_epoch()["seconds"] if run.ended_by is None else first
    epoch = second / share
    budget, workers = inputs.spec.budget, inputs.workers
    most = budget.trials * budget.max_epochs
    likely = _expected_epochs(inputs)
    seconds = [epoch * epochs / workers for epochs in (likely, most)]
    text = f"{duration(epoch)} an epoch of the baseline; {counted(budget.trials, 'trial')} on "
    text += f"{counted(workers, 'worker')}: about {duration(seconds[0])} with "
    text += f"ASHA ({likely:.0f} epochs), {duration(seconds[1])} without; "
    text += f"disk {_size(_disk_bytes(inputs))} at most"
    if inputs.spec.teacher is not None and inputs.trained[0] is None:
        text += "; and the teacher's training before"
    return "PASS", text, ""


def _dev_counts(path: Path, data: Dataset) -> Counts:
    return scored_split(load_model(path), data, "dev", device=torch.device("cpu")).greedy().counts


def _disk_bytes(inputs: CheckInputs) -> int:
    """Checkpoints of all trials, and the teacher's outputs on train."""
    spec, config = inputs.spec, inputs.largest
    parameters, _ = model_parameters(config, inputs.data)
    every = int(config["checkpoint_every"])
    kept = 2 + (spec.budget.max_epochs // every if every else 0)
    total = spec.budget.trials * kept * parameters * _BYTES * _OF_STATE
    if spec.teacher is not None and config.get("teacher_cache") and not inputs.taught_by_files:
        frames = int((-(-inputs.data.train.lengths // int(config["subsampling"]))).sum())
        widths = inputs.teacher.model.hidden_sizes
        hidden = sum(widths) if config.get("feature_layers") == "all" else widths[-1]
        total += frames * (len(inputs.data.vocabulary) + hidden) * _BYTES
    return total


def _expected_epochs(inputs: CheckInputs) -> float:
    """Epochs of all trials if each rung lets its share go on; the baseline runs to its end."""
    budget = inputs.spec.budget
    ends = [*budget_rungs(budget), budget.max_epochs]
    reached = [budget.trials / budget.reduction_factor**number for number in range(len(ends))]
    steps = [end - start for start, end in zip([0, *ends], ends, strict=False)]
    total = sum(step * max(1.0, trials) for step, trials in zip(steps, reached, strict=True))
    return float(min(total, budget.trials * budget.max_epochs))


def _check_writable(database: Path) -> None:
    """Raises OSError where SQLite could not write."""
    if database.exists():
        if not os.access(database, os.W_OK):
            raise PermissionError(13, "the database is not writable", str(database))
        return
    folder = next(path for path in database.absolute().parents if path.exists())
    if not folder.is_dir():
        raise NotADirectoryError(20, "the folder of the database is a file", str(folder))
    if not os.access(folder, os.W_OK):
        raise PermissionError(13, "the folder of the database is not writable", str(folder))


def _size(count: float) -> str:
    for unit in ("B", "KiB", "MiB", "GiB"):
        if count < 1024:
            return f"{count:.0f} {unit}" if unit in ("B", "KiB") else f"{count:.1f} {unit}"
        count /= 1024
    return f"{count:.1f} TiB"
