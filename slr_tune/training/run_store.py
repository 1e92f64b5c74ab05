"""Trained runs in a folder: what is missing is trained, what is there is found.

`runs.json` lists the stages that each trained run passed through. A run that was trained before,
for whatever command, is found there and not planned again. Runs that were cut off are planned as
they were, so that their finished stages fit.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from filelock import FileLock
from numpy.typing import NDArray

from slr_tune.errors import RunFailed
from slr_tune.training.code_version import code_version
from slr_tune.training.execute import Execution
from slr_tune.training.interrupt import Interrupted, Talk
from slr_tune.training.plan import make_plan, state_names
from slr_tune.training.pool import Pool, Waiting, work_through
from slr_tune.training.runs import WER, Arm, ArmRun, Measure, planned_runs
from slr_tune.training.stages import (
    CountJob,
    Job,
    Stage,
    load_counts,
    predictions_file,
    read_off,
    read_stage,
)
from trainables.config import Scoring
from trainables.files.atomic import replace_file
from trainables.registry import UNTAUGHT
from trainables.scoring.cleaning import cleaned
from trainables.script.predictions import read_jsonl
from trainables.script.stored_predictions import prediction_counts, signers_of

if TYPE_CHECKING:
    from trainables.data import Dataset
    from trainables.files.stored_model import StoredModel

_INDEX = "runs.json"
_EPOCHS_BETWEEN_LINES = 5


@dataclass
class RunStore:
    """Trained runs of one data set and one teacher.

    Attributes:
        folder: Where they are kept.
        pool: Who trains; None where nothing is to be trained.
        data: The prepared data set, None for a custom run without.
        talk: How to speak with a person.
        teacher: The teacher's checkpoint, None without.
        teacher_hash: Of this file.
        share: Whether runs share what they agree in.
        measure: What runs are judged by.
        label: How a run is called in lines that report its epochs; None reports stages.
        runs: All that `train` gave.
        trained: Epochs that were trained for them now.
        unfinished: Of a `train` that was interrupted, the runs that are trained.
    """

    folder: Path
    pool: Pool | None
    data: Dataset | None
    talk: Talk
    teacher: Path | None = None
    teacher_hash: str | None = None
    share: bool = True
    measure: Measure = WER
    label: Callable[[ArmRun], str] | None = None
    runs: list[ArmRun] = field(default_factory=list, init=False)
    trained: int = field(default=0, init=False)
    unfinished: list[ArmRun] = field(default_factory=list, init=False)
    _printed: dict[str, int] = field(default_factory=dict, init=False)
    _signers: list[str] | None = field(default=None, init=False)

    def train(self, arms: Sequence[Arm], seeds: Sequence[int]) -> list[ArmRun]:
        """Trains every arm with every seed, and gives them arm by arm.

        Raises:
            Interrupted: Before it was done.
            TrainablesError: A run cannot be trained as it is configured.
            RunFailed: Workers keep dying.
        """
        found = self._trained(planned_runs(arms, seeds, measure=self.measure))
        runs = [found[ArmRun(arm, seed).name] for arm in arms for seed in seeds]
        self.runs += runs
        return runs

    def train_runs(self, wanted: Sequence[ArmRun]) -> list[ArmRun]:
        """Trains some runs, and gives them in their order.

        Raises:
            Interrupted: As `train`, and the others.
        """
        found = self._trained(wanted)
        runs = [found[run.name] for run in wanted]
        self.runs += runs
        return runs

    def _trained(self, wanted: Sequence[ArmRun]) -> dict[str, ArmRun]:
        """Trains what is missing of some runs; gives all of them by name."""
        found = self.find(wanted)
        missing = [run for run in wanted if run.name not in found]
        if missing:
            assert self.pool is not None
            execution = Execution(
                make_plan(missing, context=self.context, share=self.share),
                self.folder,
                teacher=self.teacher,
                tell=self.talk.tell if self.label is None else lambda line: None,
                show=self.talk.show,
            )
            try:
                trained = execution.run(self.pool, stopped=self.talk.stopped, watch=self._watch)
            except Interrupted:
                self.unfinished = [*found.values(), *execution.finished()]
                raise
            self.trained += execution.trained
            self._remember(trained)
            found |= {run.name: run for run in trained}
        return found

    @contextmanager
    def taught_by(self, checkpoint: Path, content_hash: str) -> Iterator[None]:
        """Trains with another teacher for a while.

        Args:
            checkpoint: The teacher's.
            content_hash: Of this file.
        """
        before = self.teacher, self.teacher_hash
        self.teacher, self.teacher_hash = checkpoint, content_hash
        try:
            yield
        finally:
            self.teacher, self.teacher_hash = before

    def find(self, wanted: Sequence[ArmRun]) -> dict[str, ArmRun]:
        """Those of some runs that are trained, maybe as longer ones, by name.

        A shorter patience may have its best epoch where no weights were kept: it is then missing.
        """
        known = self._known()
        found: dict[str, ArmRun] = {}
        for run in wanted:
            for names in known.get(self._identity(run), ()):
                outcome = read_off(run, (read_stage(self.folder / name) for name in names))
                if outcome is not None:
                    found.setdefault(run.name, outcome)
        return found

    def counts(self, runs: Sequence[ArmRun], split: str) -> dict[str, list[NDArray[np.int64]]]:
        """Errors by arm, a list over seeds of int64 (utterances, 4).

        A run without any finished epoch counts as one that recognises nothing.

        Raises:
            Interrupted: Before it was done.
            RunFailed: Two custom runs reported different utterances.
        """
        if self.measure.predicted:
            return self._prediction_counts(runs)
        jobs = [CountJob.of_run(run, split) for run in runs]
        self._count([job for job in jobs if job is not None])
        result: dict[str, list[NDArray[np.int64]]] = {}
        for run, job in zip(runs, jobs, strict=True):
            counts = self._nothing(run, split) if job is None else load_counts(job.file)
            result.setdefault(run.arm.name, []).append(counts)
        return result

    def _prediction_counts(self, runs: Sequence[ArmRun]) -> dict[str, list[NDArray[np.int64]]]:
        """Errors of the predictions of custom runs, utterance by utterance in one order."""
        result: dict[str, list[NDArray[np.int64]]] = {}
        first: tuple[str, Spoken] | None = None
        for run in runs:
            run.check_weights()
            assert run.folder is not None and run.best_epoch is not None
            predictions = read_jsonl(predictions_file(run.folder, run.best_epoch))
            spoken = {one.id: one.reference for one in predictions}
            first = first or (run.name, spoken)
            check_same_utterances(first, (run.name, spoken))
            result.setdefault(run.arm.name, []).append(prediction_counts(predictions))
            self._signers = signers_of(predictions)
        return result

    def signers(self, split: str) -> Sequence[str] | None:
        """Signer of each utterance that `counts` counted, where known."""
        if self.measure.predicted:
            return self._signers
        signers: Sequence[str] | None = getattr(self.data, split).signers
        return signers

    def count_given(self, model: StoredModel, scoring: Scoring) -> NDArray[np.int64]:
        """Errors on dev, as `counts`, of a checkpoint that was trained elsewhere, greedily."""
        context = self.context(ArmRun(Arm("given", {}, "teacher"), 0))
        rules = "" if scoring == "plain" else f" {scoring}"
        key = hashlib.sha256(f"{context} {model.content_hash}{rules}".encode()).hexdigest()[:24]
        job = CountJob(model.path, self.folder / f"given-{key}.npy", scoring=scoring)
        self._count([job])
        return load_counts(job.file)

    def context(self, run: ArmRun) -> str:
        """What shapes a run in addition to its configuration."""
        trainable = run.arm.trainable
        parts = [
            code_version(trainable),
            metadata.version("torch"),
            run.seed,
            None if self.data is None else self.data.hash,
            None if trainable in UNTAUGHT else self.teacher_hash,
        ]
        return json.dumps(parts)

    def _watch(self, job: Job) -> None:
        """Tells now and then how far a run is."""
        if self.label is None or not isinstance(job, Stage):
            return
        epoch, value = job.progress()
        if value is not None and epoch >= self._printed.get(job.id, 0) + _EPOCHS_BETWEEN_LINES:
            self._printed[job.id] = epoch
            name, length = self.label(job.longest), job.longest.max_epochs
            metric = self.measure.metric
            message = f"dev WER {value:.2f}" if self.measure.scored else f"{metric} {value:.4g}"
            self.talk.tell(f"{name}: epoch {epoch} of {length}, {message}")

    def _count(self, jobs: Sequence[CountJob]) -> None:
        missing = {job.file: job for job in jobs if not job.file.exists()}.values()
        if missing:
            assert self.pool is not None
            waiting: list[Waiting] = [(0, number, job) for number, job in enumerate(missing)]
            work_through(waiting, self.pool, stopped=self.talk.stopped)

    def _nothing(self, run: ArmRun, split: str) -> NDArray[np.int64]:
        """Of a run that recognises nothing: all glosses deleted."""
        signed = getattr(self.data, split).references
        _, references = cleaned((), signed, run.arm.config.get("scoring", "plain"))
        counts = np.zeros((len(references), 4), dtype=np.int64)
        counts[:, 1] = counts[:, 3] = [len(reference) for reference in references]
        return counts

    def _identity(self, run: ArmRun) -> str:
        """Names what is trained of a run: those that only stop otherwise have one name."""
        return state_names(run, context=self.context, share=self.share)(run.max_epochs)

    def _known(self) -> dict[str, list[list[str]]]:
        """Stages that runs passed through, by what was trained; several ways.

        Nothing where `runs.json` is not there or cannot be read.
        """
        known: dict[str, list[list[str]]] = {}
        with suppress(OSError, ValueError):
            known = json.loads((self.folder / _INDEX).read_text(encoding="utf-8"))
        return known

    def _remember(self, runs: Sequence[ArmRun]) -> None:
        with FileLock(self.folder / f".{_INDEX}.lock"):
            known = self._known()
            for run in runs:
                ways = known.setdefault(self._identity(run), [])
                if list(run.stages) not in ways:
                    ways.append(list(run.stages))
            replace_file(self.folder / _INDEX, json.dumps(known).encode())


Spoken = dict[str, tuple[str, ...]]
"""Reference by utterance."""


def check_same_utterances(one: tuple[str, Spoken], other: tuple[str, Spoken]) -> None:
    """Refuses to compare runs that were scored on other utterances or references.

    Raises:
        RunFailed: With the first utterance in which they differ.
    """
    (first, spoken), (name, theirs) = one, other
    if spoken == theirs:
        return
    differ = sorted(spoken.keys() ^ theirs.keys())
    differ += sorted(k for k in spoken.keys() & theirs.keys() if spoken[k] != theirs[k])
    raise RunFailed(
        f"{first} and {name} were scored on different utterances: {len(spoken)} and {len(theirs)}, "
        f"and they differ in {differ[0]!r}",
        hint="Every run must report the same utterances of dev, with the same references.",
    )
