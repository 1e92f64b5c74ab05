"""A script behind the protocol of a run: started, read, stopped, and continued."""

from __future__ import annotations

import logging
import math
import os
import tempfile
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

from pydantic import BaseModel

from trainables.errors import TrainablesError
from trainables.protocol import RunInputs
from trainables.script.code import git_state, script_folder
from trainables.script.command import Filling, arguments, environment, resume_arguments
from trainables.script.config_file import write_config
from trainables.script.epochs import EpochTable
from trainables.script.metrics import OUR_LINE, declared_columns, sources_of
from trainables.script.predictions import Prediction, read_ctm, read_jsonl
from trainables.script.process import ProcessEnd, ScriptProcess, last_lines
from trainables.script.source import Source
from trainables.script.spec import ScriptSpec

OUTPUT_LOG = "output.log"
"""What the script prints, in the run's folder."""
OUTPUT_FOLDER = "output"
"""The script's own folder for files, `{folder}`, in the run's folder."""

_FIRST_WAIT, _LONGEST_WAIT = 0.005, 0.25
_FINISH_SECONDS = 300.0
_PREEMPTED = (-9, -15, -2, -1, 137, 143, 130, 129)
"""Ends by a signal from outside: it is started again where it was getting on."""
_NO_MEMORY = ("out of memory", "OutOfMemoryError", "MemoryError", "Cannot allocate memory")
_log = logging.getLogger(__name__)


class ScriptFailed(TrainablesError):
    """A script ended with an error; the message has its last lines."""

    exit_code = 1


class ScriptOutOfMemory(ScriptFailed, MemoryError):
    """The same for lack of memory, of the GPU's or the machine's."""


class ScriptRun:
    """One run of a script. `config_class` and `script` are set by `script_run`.

    Attributes:
        config: Its settings.
        metric: Column that it is judged by.
        notice: What a person should know of how it was started; None where there is nothing.
    """

    config_class: ClassVar[type[BaseModel]]
    script: ClassVar[ScriptSpec]

    def __init__(self, config: BaseModel, inputs: RunInputs) -> None:
        """Builds the command line; the script is started with its first epoch."""
        self.config = config.model_dump(mode="json")
        self.metric = inputs.metric
        self.notice: str | None = None
        self._scratch = None if inputs.folder else tempfile.TemporaryDirectory(prefix="slr-tune-")
        folder = Path(inputs.folder or (self._scratch and self._scratch.name) or "").absolute()
        self._log = folder / OUTPUT_LOG
        self._folder = folder / OUTPUT_FOLDER
        self._filling = Filling(self.config, seed=inputs.seed, folder=self._folder)
        where = self._filling.text(self.script.working_folder or ".")
        self._where = (Path.cwd() / Path(where).expanduser()).absolute()
        self._max_epochs = int(self.config["max_epochs"])
        self._epoch = 0
        self._ended_by: str | None = None
        self._state: dict[str, Any] = {}
        self._process: ScriptProcess | None = None
        self._sources: list[Source] = []
        self._table: EpochTable | None = None
        self._starts: list[str] = []
        self._deaths = 0
        self._facts: dict[str, Any] = {}

    @property
    def epoch(self) -> int:
        """Epochs finished so far."""
        return self._epoch

    @property
    def ended_by(self) -> str | None:
        """As the protocol has it; "patience" for a script that ended itself before its time."""
        return "max_epochs" if self._epoch >= self._max_epochs else self._ended_by

    def run_epoch(self) -> dict[str, float] | None:
        """Waits for the script's next epoch.

        Returns:
            Its row; None where the script ended before another one.

        Raises:
            ScriptFailed: It ended with an error.
            RunRefused: It ended well, and no epoch of it was found.
        """
        if self._process is None:
            self._start()
        assert self._table is not None
        while True:
            ended, row = self._look()
            if row is not None:
                self._epoch, self._deaths = self._table.taken, 0
                if self._epoch >= self._max_epochs:
                    self._finish()
                return row
            if ended is not None and not self._goes_on(ended):
                self._ended_by = "patience"
                return None

    def catch_up(self) -> bool:
        """Waits for one more epoch of those that a script trains again from scratch.

        Returns:
            Whether there are more of them.
        """
        if self._process is None and self._epoch:
            self._start()
        table = self._table
        if table is None or table.known >= table.taken:
            return False
        before = table.known
        while table.known == before:
            ended = self._wait()
            if ended is not None:
                return False
        return table.known < table.taken

    def state_dict(self) -> dict[str, Any]:
        """How far its sources were read; what the script stores of itself is its own affair."""
        if self._table is None:
            return {"epoch": self._epoch, **self._state}
        positions = []
        for number, source in enumerate(self._sources):
            start = self._table.start_of(number)
            positions.append(source.position if start is None else start)
        return {
            "epoch": self._epoch,
            "positions": positions,
            "first_label": self._table.first_label,
            "starts": list(self._starts),
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continues after an epoch: see `_start`."""
        self._epoch = int(state["epoch"])
        self._state = {key: value for key, value in state.items() if key != "epoch"}
        self._starts = list(state.get("starts", []))

    def facts(self) -> dict[str, Any]:
        """The command, the environment, the code's commit, how often it was started."""
        if self._process is not None and self._process.pid is not None:
            peak = self._process.peak()
            self._facts["peak_memory_bytes"] = max(peak, self._facts.get("peak_memory_bytes", 0))
        return {**self._facts, "starts": list(self._starts)}

    def predictions(self) -> list[Prediction] | None:
        """What it wrote of each utterance, once it has ended; None where nothing is there."""
        given = self.script.predictions
        runs_still = self._process is not None and self._process.end() is None
        if given is None or runs_still:
            return None
        path = self._where / self._filling.text(given.jsonl or given.ctm or "")
        begun = self._facts.get("started_at", 0.0)
        if not path.is_file() or path.stat().st_mtime < begun - 1:
            return None
        if given.jsonl is not None:
            return read_jsonl(path)
        return read_ctm(path, self._where / self._filling.text(given.stm or ""))

    def close(self) -> None:
        """Ends the script and all that it started."""
        process, self._process = self._process, None
        if process is not None:
            self._note_end(process.stop())
        if self._scratch is not None:
            self._scratch.cleanup()

    def _start(self, *, anew: bool = False) -> None:
        """Starts the script: at its first epoch, or where it was left.

        It continues by `resume` where the file exists that this names. Else it starts from scratch:
        the stored epochs are trained again and not stored twice.
        """
        more = None if anew or not self._epoch else resume_arguments(self.script, self._filling)
        goes_on = more is not None
        if goes_on:
            how = f"with {' '.join(more)}" if more else "by itself"
            message = f"resumes after epoch {self._epoch} {how}"
        else:
            message = f"starts from scratch after epoch {self._epoch}" if self._epoch else "begins"
            message += self._why_anew(anew) if self._epoch else ""
            _move_aside(self._folder)
        self._folder.mkdir(parents=True, exist_ok=True)
        if self.script.config is not None:
            write_config(self.script.config, self._filling)
        command = [*arguments(self.script, self._filling), *(more or [])]
        self._starts.append(message)
        if self._epoch:
            self.notice = f"{self.script.title} {message}"
        with self._log.open("a", encoding="utf-8") as log:
            log.write(f"{OUR_LINE} {message}: {' '.join(command)}\n")
        self._read_from(goes_on=goes_on)
        given = environment(self.script, self._filling)
        self._note_start(command, given)
        self._process = ScriptProcess(command, self._log, self.script.stop_seconds)
        self._process.start(working_folder=self._where, environment=given)

    def _why_anew(self, failed: bool) -> str:
        if self.script.resume is None:
            return ", because its trainable section has no resume"
        if failed:
            return ", because it could not resume from its file"
        return ", because the file that resume names does not exist"

    def _read_from(self, *, goes_on: bool) -> None:
        """Opens the sources, where the last start was left or at what comes now."""
        before = self._state if self._table is None else self.state_dict()
        self._sources = sources_of(
            self.script,
            self._filling,
            output=self._log,
            working_folder=self._where,
            metric=self.metric,
        )
        for source, position in zip(self._sources, before.get("positions", []), strict=False):
            source.position = int(position)
        if not goes_on:
            for source in self._sources:
                source.position = 0
                source.skip_what_is_there()
        label = before.get("first_label") if goes_on else None
        self._table = EpochTable(
            len(self._sources),
            metric=self.metric,
            declared=declared_columns(self.script, self.metric),
            max_epochs=self._max_epochs,
            taken=self._epoch,
            first_label=label,
            starts_anew=not goes_on,
        )

    def _look(self) -> tuple[ProcessEnd | None, dict[str, float] | None]:
        """Reads until a row is whole or the script has ended."""
        assert self._table is not None
        row = self._table.take()
        if row is not None:
            return None, row
        wait = _FIRST_WAIT
        while True:
            ended = self._read()
            row = self._table.take(ended=ended is not None)
            if row is not None or ended is not None:
                return ended, row
            _sleep(wait)
            wait = min(1.5 * wait, _LONGEST_WAIT)

    def _wait(self) -> ProcessEnd | None:
        ended = self._read()
        if ended is None:
            _sleep(_LONGEST_WAIT / 5)
        return ended

    def _read(self) -> ProcessEnd | None:
        """Takes the figures of the sources; how the script ended, None while it runs."""
        assert self._process is not None and self._table is not None
        ended = self._process.end()  # before the sources are read: then all of it is
        for number, source in enumerate(self._sources):
            for record in source.new_records(ended=ended is not None):
                self._table.add(number, record)
        return ended

    def _finish(self) -> None:
        """Lets the script end after its last epoch: it may store or test something."""
        until = time.monotonic() + _FINISH_SECONDS
        while self._process is not None:
            ended = self._read()
            if ended is not None:
                self._note_end(ended)
                if ended.code:
                    self.notice = f"{self.script.title}: {ended.text} after its last epoch"
                return
            if time.monotonic() > until:
                self.notice = f"{self.script.title} did not end after its last epoch; stopped"
                self._note_end(self._process.stop())
                return
            _sleep(_FIRST_WAIT * 4)

    def _goes_on(self, ended: ProcessEnd) -> bool:
        """Starts the script again where its end was nobody's fault; whether it did.

        Raises:
            ScriptFailed: It ended with an error.
            RunRefused: It ended well, and no epoch of it was found.
        """
        assert self._process is not None
        self._note_end(ended)
        if ended.code == 0:
            if self._epoch == 0:
                self._refuse()
            return False
        self._deaths += 1
        resumed = bool(self._starts) and self._starts[-1].startswith("resumes")
        if ended.code in _PREEMPTED and self._deaths < 2:
            self._start()
            self.notice = f"{self.script.title}: {ended.text}; it {self._starts[-1]}"
            return True
        if resumed and self._deaths < 2 and self._table and self._table.known <= self._epoch:
            self._start(anew=True)
            return True
        lines = "\n".join(f"    {line}" for line in last_lines(self._log))
        after = f"after epoch {self._epoch}" if self._epoch else "before its first epoch"
        text = f"{self.script.title} ended with {ended.text} {after}; its last lines:\n{lines}"
        no_memory = ended.code in (-9, 137) or any(word in lines for word in _NO_MEMORY)
        raise (ScriptOutOfMemory if no_memory else ScriptFailed)(
            text, hint=f"Its whole output is in {self._log}"
        )

    def _refuse(self) -> None:
        from trainables.checked_run import RunRefused

        sources = self.script.metrics
        places = [f"{k} {v}" for k in ("stdout", "jsonl", "csv", "tensorboard")
                  if (v := getattr(sources, k))]  # fmt: skip
        lines = "\n".join(f"    {line}" for line in last_lines(self._log, 8))
        raise RunRefused(
            [
                f"{self.script.title} ended with exit code 0, but no epoch was found in "
                f"{'; '.join(places)}. Its last lines:\n{lines}"
            ]
        )

    def _note_start(self, command: list[str], given: Mapping[str, str]) -> None:
        commit, dirty = git_state(script_folder(self.script, self._where))
        devices = os.environ.get("CUDA_VISIBLE_DEVICES")
        shown = dict(given) | ({} if devices is None else {"CUDA_VISIBLE_DEVICES": devices})
        self._facts |= {
            "command": command,
            "working_folder": str(self._where),
            "environment": shown,
            "git_commit": commit,
            "git_dirty": dirty,
            "started_at": math.floor(time.time()),
        }

    def _note_end(self, ended: ProcessEnd | None) -> None:
        if ended is not None:
            self._facts["ended_with"] = ended.text
            self._facts["peak_memory_bytes"] = max(
                ended.peak, self._facts.get("peak_memory_bytes", 0)
            )
            if ended.left:
                self._facts["processes_left_behind"] = ended.left


def _move_aside(folder: Path) -> None:
    """Nothing of an earlier start is taken for this one's; it is kept next to it."""
    if not folder.is_dir() or not any(folder.iterdir()):
        return
    number = 1
    while (aside := folder.with_name(f"{folder.name}.{number}")).exists():
        number += 1
    folder.rename(aside)


def _sleep(seconds: float) -> None:
    threading.Event().wait(seconds)
