"""One pass of the teacher over the training data before the first trial, with its progress shown.

Its outputs are kept for all trials (`trainables.teaching.teacher_outputs`). A kind of them that
only some trials ask for, as with another frame rate, is computed by the first of these.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from slr_tune.space import Point, StudySpec
from slr_tune.study.folders import cache_root
from slr_tune.text import counted
from slr_tune.training.interrupt import Interrupted, Talk
from slr_tune.training.pool import Pool, work_through
from slr_tune.training.stages import Job, TeachJob
from slr_tune.training.teacher import Teacher
from trainables.config import DistillConfig
from trainables.data import Dataset
from trainables.files.atomic import NOT_WHOLE, PROGRESS

_TELL_SECONDS = 5.0
_OUTPUTS = "teacher-outputs"


def compute_outputs(
    spec: StudySpec, data: Dataset, teacher: Teacher, *, pool: Pool, talk: Talk
) -> bool:
    """Has the teacher answer for all training utterances, unless that is done or not needed.

    Args:
        spec: The search.
        data: The prepared data.
        teacher: Ready to teach.
        pool: Who computes.
        talk: How to speak with a person.

    Returns:
        Whether there was anything to compute. Where somebody stops it, it is computed next time.

    Raises:
        SlrTuneError: Workers keep dying.
        TrainablesError: The outputs cannot be stored.
    """
    config = _config(spec)
    if config is None or not teacher.checkpoint.is_file() or _is_there(teacher, data):
        return False
    talk.tell(f"Computing the teacher's outputs on {counted(len(data.train), 'utterance')}")
    job = TeachJob(teacher.checkpoint, config, spec.seed)
    with suppress(Interrupted):
        work_through([(0, 0, job)], pool, stopped=talk.stopped, watch=_teller(talk.tell))
        talk.tell("The teacher's outputs are kept for all trials")
    return True


def _config(spec: StudySpec) -> dict[str, Any] | None:
    """Settings of a run that asks the teacher; None where no trial reads kept outputs."""
    if spec.trainable != "distill":
        return None
    config = spec.baseline_config() or spec.config_for(spec.space.suggest(Point({})))
    settings = DistillConfig.model_validate(config)
    weights = settings.loss_weights
    searched = any(name.startswith("loss_weights") for name in spec.space.names)
    taught = searched or weights.alpha > 0 or weights.gamma > 0
    if not taught or settings.augmentation.active or not settings.teacher_cache:
        return None
    return {**config, "loss_weights": {"alpha": 1.0, "beta": 0.0, "gamma": 0.0}}


def _is_there(teacher: Teacher, data: Dataset) -> bool:
    """Whether outputs of this teacher on these data are kept, of whatever kind."""
    for index in (cache_root() / _OUTPUTS).glob("*/index.json"):
        with suppress(*NOT_WHOLE):
            key = json.loads(index.read_text(encoding="utf-8"))["key"]
            if key[0] == teacher.hash and key[2] == data.hash:
                return True
    return False


def _teller(tell: Callable[[str], None]) -> Callable[[Job], None]:
    """Tells now and then how far a pass is."""
    last_line = [time.monotonic()]

    def watch(job: Job) -> None:
        now = time.monotonic()
        if now - last_line[0] < _TELL_SECONDS:
            return
        last_line[0] = now
        for done, whole in _progress():
            tell(f"The teacher's outputs: {done:,} of {whole:,} utterances, {done / whole:.0%}")

    return watch


def _progress() -> Iterator[tuple[int, int]]:
    for file in Path(cache_root() / _OUTPUTS).glob(f"*.partial/{PROGRESS}"):
        with suppress(*NOT_WHOLE):
            done, whole = file.read_text(encoding="ascii").split()
            yield int(done), int(whole)
