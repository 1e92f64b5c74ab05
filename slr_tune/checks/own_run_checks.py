"""Checks of a custom run: driven for two epochs, stopped in between, and continued."""

from __future__ import annotations

import math
import subprocess
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from slr_tune.checks.estimate import trials_in_time
from slr_tune.checks.expected_epochs import expected_epochs
from slr_tune.checks.result import Finding, Unavailable
from slr_tune.checks.shared_files import snapshot, written
from slr_tune.checks.shared_inputs import CheckInputs
from slr_tune.errors import nearest_or_all
from slr_tune.study.folders import studies_root
from slr_tune.text import counted, duration, number, size_text
from trainables.building import build_run
from trainables.checked_run import CheckedRun, Row, RunRefused, ending_process
from trainables.errors import TrainablesError
from trainables.files.checkpoint import CheckpointFolder
from trainables.memory import forget_peak, peak_bytes
from trainables.script.command import Filling, arguments, program
from trainables.script.help_text import ScriptOption, options_in
from trainables.script.metrics import declared_columns
from trainables.script.spec import ScriptSpec, is_script, script_of

_EPOCHS = 2
_HELP_SECONDS = 60.0


@dataclass(frozen=True)
class TriedRun:
    """What two epochs of a run showed.

    Attributes:
        rows: Of the first epoch, and of the second after a stop; one where the run ends so early.
        facts: What the run reported about itself, before the stop and after it.
        peak: Most memory, bytes.
        size: Of its state with us, bytes; of what it keeps itself.
        own_size: Of what it wrote into its own folder.
        predictions: Utterances for which it reported what it recognised; None without any.
        notice: Message of the run about how it continued; None without one.
        failure: Why it could not continue; None where it could.
        shared: Files of the working folder that changed meanwhile: not in the run's own folder.
    """

    rows: tuple[Row, ...]
    facts: tuple[dict[str, Any], ...]
    peak: int
    size: int
    own_size: int
    predictions: int | None
    notice: str | None = None
    failure: TrainablesError | None = None
    shared: tuple[str, ...] = ()

    @property
    def seconds(self) -> float:
        """Of an epoch."""
        return max(float(row["seconds"]) for row in self.rows)


class OwnRunCheck:
    """A custom run, tried once, when it is first needed."""

    def __init__(self, inputs: CheckInputs) -> None:
        """Tries nothing yet."""
        self.inputs = inputs
        self._tried: TriedRun | Exception | None = None

    @property
    def tried(self) -> TriedRun:
        """What two epochs of it showed.

        Raises:
            Exception: What the first epoch raised, each time it is requested.
        """
        if self._tried is None:
            try:
                self._tried = try_run(self.inputs)
            except Exception as error:  # anybody's code
                known = isinstance(error, TrainablesError | OSError | RuntimeError | ValueError)
                text = f"{type(error).__name__}: {error}"
                self._tried = error if known else TrainablesError(text)
        if isinstance(self._tried, Exception):
            raise self._tried
        return self._tried


def options(own: OwnRunCheck) -> Finding:
    """The script knows the options that it will be given."""
    inputs = own.inputs
    script = _script(inputs)
    folder = inputs.scratch / "options"
    filling = Filling(inputs.config, seed=inputs.spec.seed, folder=folder)
    words = arguments(script, filling)
    known = _known_options(script)
    if not known:
        return "NOTE", "its --help shows no options to compare with", ""
    given = [w.partition("=")[0] for w in words[1:] if w.startswith("--")]
    names = sorted({option.flag for option in known} | {o.off for o in known if o.off})
    unknown = [flag for flag in given if flag not in names and flag.replace("_", "-") not in names]
    if unknown:
        return "FAIL", f"it has no option {unknown[0]}", nearest_or_all(unknown[0], names)
    left = [option.flag for option in known if option.flag not in given]
    found = f"{counted(len(given), 'option')} given, all known to it"
    return "PASS", found + (f"; kept at their defaults: {', '.join(left)}" if left else ""), ""


def _known_options(script: ScriptSpec) -> list[ScriptOption]:
    """What the script itself says; nothing where it cannot be asked."""
    words = [word for word in script.words if "{" not in word]
    words[:1] = [program(word) for word in words[:1]]
    place = next((i for i, word in enumerate(words) if word.startswith("-") and i), len(words))
    try:
        done = subprocess.run(
            [*words[:place], "--help"],
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_HELP_SECONDS,
            stdin=subprocess.DEVNULL,
            cwd=None if "{" in (script.working_folder or "") else script.working_folder,
        )
    except (OSError, subprocess.SubprocessError):
        return []
    found = options_in(done.stdout) if done.returncode == 0 else []
    return [option for option in found if option.flag.startswith("--")]


def seed(own: OwnRunCheck) -> Finding:
    """The seed reaches the script, so that new seeds are new."""
    script = _script(own.inputs)
    if script.uses_seed:
        return "PASS", "the seed is passed on", ""
    remedy = "Pass it on: --seed {seed} in the command, or environment: {SEED: '{seed}'}."
    text = "{seed} is not used: confirm and ablate would compare runs with the same seed, or an "
    return "NOTE", f"{text}unknown; SLR_TUNE_SEED is set for a script that reads it", remedy


def first_epoch(own: OwnRunCheck) -> Finding:
    """It is built and brings an epoch with the objective's metric."""
    inputs, tried = own.inputs, own.tried
    metric = inputs.spec.objective.metric
    values = [row[metric] for row in tried.rows]
    columns = {name for row in tried.rows for name in row} - {"epoch", "seconds"}
    reported = ", ".join(f"{n} {number(tried.rows[0].get(n, math.nan))}" for n in sorted(columns))
    text = f"{reported}; {duration(tried.seconds)}, at most {size_text(tried.peak)} of memory"
    if is_script(inputs.spec.trainable):
        script = script_of(inputs.spec.trainable)
        missing = [n for n in declared_columns(script, metric) if n not in columns | {"epoch"}]
        if missing:
            return "NOTE", f"{text}; never found: {', '.join(missing)}", "Fix the expression."
        text += _code(tried.facts[-1])
        if tried.shared and not all(map(math.isnan, values)):
            names = ", ".join(tried.shared[:3]) + (", ..." if len(tried.shared) > 3 else "")
            message = f"{text}; written outside of its own folder: {names}"
            remedy = "Trials side by side share these files: let the script write into {folder}."
            return "NOTE", message, remedy
    unread = tried.facts[-1].get("settings_not_read")
    if unread and not all(map(math.isnan, values)):
        message = f"{text}; settings that it never reads: {', '.join(unread)}"
        return "NOTE", message, "They have no effect: check how the function reads its settings."
    if all(map(math.isnan, values)):
        others = sorted(columns - {metric})
        remedy = nearest_or_all(metric, others) if others else "See docs/own-run.md."
        return "FAIL", f"{metric} was not found in {counted(len(values), 'epoch')}: {text}", remedy
    if math.isnan(values[0]):
        return "NOTE", f"{text}; {metric} appeared only with epoch 2", ""
    if tried.predictions is not None:
        text += f"; {counted(tried.predictions, 'utterance')} recognised"
    return "PASS", text, ""


def state(own: OwnRunCheck) -> Finding:
    """Stopped after its first epoch, it continues with its second."""
    tried = own.tried
    if tried.failure is not None:
        return "FAIL", tried.failure.message, tried.failure.hint
    text = f"{size_text(tried.size)} of state"
    if tried.own_size:
        text += f", {size_text(tried.own_size)} in its own folder"
    if len(tried.rows) < _EPOCHS:
        return "NOTE", f"{text}; it ended with its first epoch, so there was nothing to resume", ""
    starts = tried.facts[-1].get("starts", [])
    if starts and starts[-1].startswith("starts from scratch"):
        remedy = "Add resume, with the arguments that make the script resume from its file."
        sentence = f"{text}; after an interruption it {starts[-1]}: its epochs are trained again"
        return "NOTE", sentence, remedy if "no resume" in starts[-1] else "See its output.log."
    if tried.notice is not None and "starts from scratch" in tried.notice:
        return "NOTE", f"{text}; {tried.notice}", "Give report() a state."
    return "PASS", f"{text}; stopped after epoch 1, it resumed with epoch 2", ""


def cost(own: OwnRunCheck) -> Finding:
    """What the search will take, from the epochs that were tried."""
    inputs, tried = own.inputs, own.tried
    spec, workers = inputs.spec, inputs.workers
    each = tried.seconds
    trials = trials_in_time(spec, each, ahead=0.0, workers=workers)
    spec = replace(spec, budget=replace(spec.budget, trials=max(1, trials)))
    epochs, side = expected_epochs(spec, workers), max(1, min(workers, trials))
    size = (tried.own_size + 2 * tried.size) * trials
    text = f"{duration(each)} per epoch; {counted(trials, 'trial')} on "
    text += f"{counted(workers, 'worker')}: about {duration(each * epochs.likely / side)} in all, "
    text += f"{duration(each * epochs.most / side)} at most; disk about {size_text(size)}"
    return "PASS", text, ""


def try_run(inputs: CheckInputs) -> TriedRun:
    """Drives a run for two epochs, with a stop after the first.

    Raises:
        TrainablesError: The first epoch fails.
    """
    folder = inputs.scratch / "tried"
    where, before = _working_folder(inputs), None
    if where is not None:
        before = snapshot(where, but=[studies_root(), inputs.scratch])
    places = CheckpointFolder(folder / "checkpoints")
    forget_peak()
    with closing(_built(inputs, folder)) as run:
        first = run.run_epoch()
        if first is None:
            raise RunRefused(["it ended before its first epoch"])
        stored = run.state()
        places.save(stored, epoch=1, improved=run.improved)
        reported = run.predictions()
        facts = [run.facts()]
        ended = run.ended_by
    rows, failure, notice = [first], None, None
    try:
        if ended is None:
            with closing(_built(inputs, folder)) as run:
                loaded = places.load_latest()
                assert loaded is not None
                run.load(loaded)
                while run.catch_up():
                    pass
                second = run.run_epoch()
                notice = run.notice
                rows += [] if second is None else [second]
                reported = run.predictions() or reported
                facts.append(run.facts())
    except (TrainablesError, ArithmeticError, LookupError, TypeError, ValueError) as error:
        mine = isinstance(error, TrainablesError)
        message = f"it cannot resume: {error if mine else f'{type(error).__name__}: {error}'}"
        failure = TrainablesError(message, hint="See load_state_dict, or resume.")
    peak = max(int(f.get("peak_memory_bytes") or 0) for f in facts)
    if not is_script(inputs.spec.trainable):
        peak = max(peak, peak_bytes())
    own = sum(path.stat().st_size for path in (folder / "output").rglob("*") if path.is_file())
    size = sum(path.stat().st_size for path in (folder / "checkpoints").glob("*latest*"))
    count = None if reported is None else len(reported)
    shared: list[str] = []
    if where is not None:
        shared = written(before, snapshot(where, but=[studies_root(), inputs.scratch]), where)
    return TriedRun(
        tuple(rows), tuple(facts), peak, size, own, count, notice, failure, tuple(shared)
    )


def _working_folder(inputs: CheckInputs) -> Path | None:
    """Where a script is started; None for another run, and where each has a folder of its own."""
    if not is_script(inputs.spec.trainable):
        return None
    given = script_of(inputs.spec.trainable).working_folder or "."
    return None if "{" in given else Path(given).expanduser().absolute()


def _built(inputs: CheckInputs, folder: Path) -> CheckedRun:
    spec = inputs.spec
    config = {**inputs.config, "max_epochs": min(_EPOCHS, spec.budget.max_epochs)}
    with ending_process("the constructor"):
        run = build_run(
            spec.trainable,
            config,
            data=inputs.data if spec.data else None,
            seed=spec.seed,
            cache=inputs.scratch,
            teacher=inputs.teacher_file if spec.teacher is not None else None,
            folder=folder,
            metric=spec.objective.metric,
        )
    minimizes = spec.objective.direction == "minimize"
    return CheckedRun(
        run, metric=spec.objective.metric, minimizes=minimizes, max_epochs=config["max_epochs"]
    )


def _script(inputs: CheckInputs) -> ScriptSpec:
    if not is_script(inputs.spec.trainable):
        raise Unavailable("it is not a script")
    return script_of(inputs.spec.trainable)


def _code(facts: Mapping[str, Any]) -> str:
    commit = facts.get("git_commit")
    if commit is None:
        return "; its code is not in a git repository, so no commit is recorded"
    return f"; commit {commit[:10]}" + (" with changes" if facts.get("git_dirty") else "")
