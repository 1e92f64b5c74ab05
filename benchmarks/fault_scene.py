"""A place of its own for one fault: commands are given there, and what they leave is looked at."""

from __future__ import annotations

import csv
import math
import os
import random
import signal
import sys
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

sys.path.append(str(Path(__file__).parents[1] / "tests" / "support"))
from own_process import Command, gone
from toy_space import TOY
from trial_record import check_record

Key = tuple[str, int]
"""A run of the toy, as its journal names it, and an epoch."""

MAX_EPOCHS = 9
_STARTS = 8
"""Times that a command may be given until it is done."""


@dataclass
class Scene:
    """A folder with a toy space, a journal of the epochs that are trained, and what was found.

    Attributes:
        folder: Of this fault alone.
        rng: For the moments.
        faults: How many were injected.
        trials: Trials, runs of an ablation or trainings that were asked for.
        epochs: That were trained.
        wrong: Values that are not what they must be.
        tracebacks: On a terminal.
        problems: What else is not as it must be, in words.
    """

    folder: Path
    rng: random.Random
    faults: int = 0
    trials: int = 0
    epochs: int = 0
    wrong: int = 0
    lost: int = 0
    tracebacks: int = 0
    problems: list[str] = field(default_factory=list)
    _stored: list[tuple[int, set[Key]]] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Makes the folder, in which all that is run from here on stores."""
        self.marks.mkdir(parents=True)
        os.environ["SLR_TUNE_STUDIES"] = str(self.studies)

    @property
    def studies(self) -> Path:
        """The studies folder."""
        return self.folder / "studies"

    @property
    def marks(self) -> Path:
        """Where the faulty run counts."""
        return self.folder / "marks"

    @property
    def journal(self) -> Path:
        """One line for each epoch that was trained."""
        return self.folder / "journal"

    def space(self, *, trials: int = 5, workers: int = 2, **fixed: Any) -> Path:
        """A search of some trials of nine epochs with the faulty run."""
        settings = {"journal": self.journal, "marks": self.marks, "milliseconds": 60, **fixed}
        flow = ", ".join(f"{key}: {value}" for key, value in settings.items())
        text = TOY.format(
            trials=trials,
            max_epochs=MAX_EPOCHS,
            workers=workers,
            fixed="{" + flow + "}",
            more="",
            baseline="baseline: {level: 0.5, width: 1}",
        )
        path = self.folder / "toy.yaml"
        path.write_text(text.replace("toy_runs:ToyRun", "faulty_runs:FaultyRun"))
        return path

    def start(
        self, name: str, *arguments: str | Path, ray: bool = True, folder: Path | None = None
    ) -> Command:
        """Gives a command; what is stored now may not be trained again."""
        self._stored.append((len(self.lines()), self.stored()))
        return Command(name, *arguments, ray=ray, folder=folder)

    def lines(self) -> list[str]:
        """Of the journal."""
        return self.journal.read_text().splitlines() if self.journal.exists() else []

    def stored(self) -> set[Key]:
        """Epochs whose checkpoints are there, in a folder that says whose they are.

        A folder that is deleted at the moment of a save may leave a checkpoint of unknown origin.
        """
        from trainables.errors import CheckpointError
        from trainables.files.checkpoint import load_checkpoint

        found: set[Key] = set()
        for path in self.studies.rglob("*latest*.pt"):
            of_trial = path.parent.name == "checkpoints" and path.parents[2].name == "trials"
            if ".of-" in str(path) or (of_trial and not (path.parents[1] / "origin.json").exists()):
                continue
            try:
                state = load_checkpoint(path)
            except (CheckpointError, OSError):
                continue
            if "key" in state:
                found |= {(state["key"], epoch) for epoch in range(1, state["epoch"] + 1)}
        return found

    def forget(self) -> None:
        """Something that was stored was taken away: that may be trained again."""
        self._stored.clear()

    def moment(self, command: Command) -> None:
        """Waits until a command has trained a few epochs more."""
        wanted = len(self.lines()) + self.rng.randint(2, 6)
        if not command.wait_for_lines(self.journal, wanted):
            self.problems.append(f"over before the fault: {command.end()[1][-300:]}")
        self.faults += 1

    def end(
        self, command: Command, codes: Collection[int], number: signal.Signals | None = None
    ) -> str:
        """Waits for a command, after a signal where one is named; gives what it said."""
        code, output = command.end(number)
        self.tracebacks += output.count("Traceback") + output.count("*** SIG")
        if code not in codes:
            self.problems.append(f"exit code {code}, not {sorted(codes)}: {output.strip()[-400:]}")
        return output

    def refused(self, name: str, *arguments: str | Path, code: int = 2, message: str = "") -> None:
        """Gives a command that has to be refused, in such words."""
        self.faults += 1
        output = self.end(self.start(name, *arguments), {code})
        if message not in output:
            self.problems.append(f"{message!r} is not in: {output.strip()[-300:]}")

    def until_done(
        self, name: str, *arguments: str | Path, ray: bool = True, folder: Path | None = None
    ) -> None:
        """Gives the same command again until it is done."""
        for _ in range(_STARTS):
            command = self.start(name, *arguments, ray=ray, folder=folder)
            self.end(command, {0, 1})
            if command.process.returncode != 1:
                return
        self.problems.append(f"not done after {_STARTS} starts")

    def judge(self, *, trials: int = 5, storage: str | None = None, failed: int = 0) -> None:
        """Looks at the search that is done: its record, its values, what is left."""
        from slr_tune.study.rungs import Rungs, budget_rungs
        from slr_tune.study.view import load_study

        view = load_study("toy", storage)
        budget = view.spec.budget
        found = check_record(view, Rungs(budget_rungs(budget), budget.reduction_factor, True))
        states = found.states
        self.trials += len(view.trials)
        self.wrong += found.wrong_values + found.wrong_lengths + found.wrong_decisions
        done = states["COMPLETE"] + states["PRUNED"]
        if (len(view.trials), done, states["FAIL"]) != (trials, trials - failed, failed):
            self.problems.append(f"{dict(states)} of {trials} trials, {failed} to have failed")
        for trial in view.trials:
            for row in view.curve(trial.number):
                self._check_value(trial.params["level"], row["epoch"], row["val/wer"])
        if view.running:
            self.problems.append("the study's lock is held")
        self.leave()

    def judge_ablation(self) -> None:
        """Looks at the result of an ablation: each run at the value of its formula."""
        tables = list(self.studies.glob("toy/ablations/*/runs.csv"))
        if not tables:
            self.problems.append("there is no runs.csv")
        for path in tables:
            runs = list(csv.DictReader(path.read_text().splitlines()))
            self.trials += len(runs)
            for run in runs:
                if int(run["epochs"]) != MAX_EPOCHS:
                    self.problems.append(f"a run of {run['epochs']} epochs")
                self._check_value(0.5, MAX_EPOCHS, float(run["value"]))
        self.leave()

    def leave(self) -> None:
        """Counts what was trained, and looks for what nobody cleared away."""
        lines = self.lines()
        self.epochs += len(lines)
        for before, stored in self._stored:
            for line in lines[before:]:
                key, epoch = line.rsplit(" ", 1)
                self.lost += (key, int(epoch)) in stored
        left = [path for path in self.studies.rglob("*") if _is_left(path.name)]
        if left:
            self.problems.append(f"left: {', '.join(str(path) for path in left)}")
        helpers = [int(path.name.split("-")[1]) for path in self.marks.glob("helper-*")]
        if not gone(helpers, seconds=5.0):
            self.problems.append("a helper process lives on")

    def _check_value(self, level: float, epoch: float, value: float) -> None:
        """The toy's formula; epochs without a value have none."""
        true = 100 * (level + (1 - level) / epoch)
        self.wrong += not (math.isnan(value) or math.isclose(value, true, rel_tol=1e-6))


Kind = Callable[[Scene], None]
"""Injects one kind of fault and brings the work to its end."""


def _is_left(name: str) -> bool:
    return "partial" in name or name == ".workers"
