"""Checks of what is around a run: data, memory, disk, database, teacher's worth, time."""

from __future__ import annotations

import hashlib
import os
import shutil
from pathlib import Path

import numpy as np
import torch

from slr_tune.checks.estimate import disk_parts, estimate, estimate_text
from slr_tune.checks.result import Finding, Unavailable
from slr_tune.checks.shared_inputs import CheckInputs
from slr_tune.diagnosis.diagnostics import not_finite
from slr_tune.errors import StudyMissing
from slr_tune.evaluation.decode import scored_split
from slr_tune.space import difference
from slr_tune.statistics.wer_interval import Counts, paired_difference, percent
from slr_tune.study.data_notes import data_notes
from slr_tune.study.folders import studies_root
from slr_tune.study.storage import check_disk, storage_url
from slr_tune.study.view import load_study
from slr_tune.text import size_text
from slr_tune.training.teacher import teacher_minus_student
from trainables.data import Dataset, Split
from trainables.files.stored_model import load_model
from trainables.registry import run_title

_SPLIT_AGAIN = "Remove them from one of the two, or the dev WER is too good."


def data(inputs: CheckInputs) -> Finding:
    """The data can be read, every value is finite, and dev is not in train."""
    found = inputs.data
    train, dev = found.train, found.dev
    for split in (train, dev):
        if bad := not_finite(split):
            text = f"{len(bad)} utterances of {split.name} contain NaN or infinite features, "
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
    text += "".join(f"; {line[:-1]}" for line in data_notes(inputs.spec))
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
        run = run_title(inputs.spec.trainable)
        return "NOTE", f"{size_text(free)} free in {folder}; what {run} will need is not known", ""
    needed = sum(part.size for part in disk_parts(inputs))
    text = f"{size_text(needed)} at most in {folder}, {size_text(free)} free"
    if needed > free:
        remedy = "Free some space, set SLR_TUNE_STUDIES to another disk, or set "
        return "FAIL", text, f"{remedy}checkpoint_every: 0 and teacher_cache: false."
    return "PASS", text, ""


def storage(inputs: CheckInputs) -> Finding:
    """The database can be written, and the study in it is of this space."""
    url = storage_url(inputs.storage)
    if url.startswith("sqlite:///"):
        database = Path(url.removeprefix("sqlite:///"))
        check_disk(database)
        _check_writable(database)
        if not database.exists():
            return "PASS", f"{url} will be created", ""
    name = inputs.spec.study
    try:
        view = load_study(name, inputs.storage)
    except StudyMissing:
        return "PASS", f"{url}; study {name!r} is new", ""
    lines = difference(view.spec.identity(), inputs.spec.identity())
    if lines:
        text = f"study {name!r} already exists, with another space: {'; '.join(lines[:3])}"
        return "FAIL", text, "Give the study another name: --study NAME, or study: in the file."
    return "PASS", f"{url}; study {name!r} has {len(view.trials)} trials already", ""


def worth(inputs: CheckInputs) -> Finding:
    """The teacher is better than the baseline student that it is to teach."""
    if inputs.spec.teacher is None:
        return "PASS", "no teacher", ""
    teacher, reference = inputs.trained
    if inputs.taught_by_files:
        raise Unavailable("only the teacher's soft targets are available")
    if teacher is None or reference is None:
        missing = "teacher" if teacher is None else "student without teacher"
        text = (
            f"not known yet: slr-tune run trains the {missing}, compares them, and stops if "
            f"the teacher is worse"
        )
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
    """What the search will take, from measured epochs, part by part."""
    return "PASS", estimate_text(inputs, estimate(inputs)), ""


def _dev_counts(path: Path, data: Dataset) -> Counts:
    return scored_split(load_model(path), data, "dev", device=torch.device("cpu")).greedy().counts


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
