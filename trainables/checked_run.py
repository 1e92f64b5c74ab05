"""The one gate for all that comes from a run, before anything is stored or decided.

A run may be anybody's code. Its rows, facts and state come as numbers of numpy, torch or the
standard library, its epochs count from 0 or not at all, it may call `sys.exit`. Here numbers become
Python's, epochs are counted, seconds are measured, and what cannot be used is refused by name. The
first epoch is looked at as a whole, so that one message lists all that is to be changed.
"""

from __future__ import annotations

import logging
import math
import time
import traceback
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from trainables.errors import ConfigError, TrainablesError
from trainables.files.plain_state import plain_state
from trainables.plain_values import number_or_none, plain_facts
from trainables.protocol import Run
from trainables.runs.ctc_run import CtcRun
from trainables.script.predictions import Prediction, predictions_from

Row = dict[str, float]

ENDINGS = ("max_epochs", "patience", "nan")
"""What a run may say in `ended_by`; other words are the search's own."""

_OUR_KEYS = ("rows", "origin", "format_version")
"""Keys that checkpoints add to a run's state."""

_HINT = "docs/own-run.md says what a run must offer."

_log = logging.getLogger(__name__)


class RunExited(TrainablesError):
    """A run's code called `sys.exit`, or raised what else would end the process."""


class RunRefused(ConfigError):
    """What a run returned cannot be used; the message lists all of it."""

    def __init__(self, problems: Sequence[str]) -> None:
        """One problem is the message; several are listed below it."""
        if len(problems) == 1:
            super().__init__(problems[0], hint=_HINT)
        else:
            lines = "".join(f"\n  - {problem}" for problem in problems)
            super().__init__(f"the run needs {len(problems)} changes:{lines}", hint=_HINT)


class CheckedRun:
    """A run behind the gate: driven like a run, with rows, facts and states that can be used.

    Attributes:
        rows: The curve so far: `epoch` 1, 2, 3, ..., `seconds`, the metric, then the run's columns.
        improved: Whether the last epoch is the best so far.
        columns: Names in the last row that the run gave.
    """

    def __init__(
        self, run: Run, *, metric: str, minimizes: bool = True, max_epochs: int | None = None
    ) -> None:
        """Takes a run at epoch 0.

        Args:
            run: The run.
            metric: Column that it is judged by.
            minimizes: Whether smaller values are better.
            max_epochs: Epochs after which it ends, whatever it says; None to ask it alone.
        """
        self.rows: list[Row] = []
        self.improved = False
        self.columns: list[str] = []
        self._run = run
        self._metric = metric
        self._minimizes = minimizes
        self._max_epochs = max_epochs
        self._has_metric = False
        self._looked_at = False
        self._closed = False

    @property
    def epoch(self) -> int:
        """Epochs finished so far."""
        return len(self.rows)

    @property
    def notice(self) -> str | None:
        """What a person should know: no row has the metric's column, or what the run says."""
        if self._has_metric or not self.columns:
            message = getattr(self._run, "notice", None)
            return message if isinstance(message, str) else None
        return (
            f"the run's rows have no column {self._metric!r} yet, which is the objective's metric; "
            f"they have {', '.join(self.columns)}"
        )

    @property
    def ended_in_vain(self) -> bool:
        """Whether it is over and no row has the metric: a fixed run can only start from scratch."""
        known = any(not math.isnan(row[self._metric]) for row in self.rows)
        return bool(self.rows) and not known and bool(self._ending(len(self.rows))[1])

    @property
    def diverged(self) -> bool:
        """Whether the run diverged: its state is of no use."""
        return getattr(self._run, "ended_by", None) == "nan"

    @property
    def ended_by(self) -> str | None:
        """None while there is more to do, else "max_epochs", "patience" or "nan".

        Raises:
            RunRefused: The run says something else, or ended without one row that has the metric.
        """
        word, problems = self._ending(len(self.rows))
        if problems:
            raise RunRefused(problems)
        return word

    def run_epoch(self) -> Row | None:
        """Trains one more epoch and returns its row; None where there was no further epoch.

        An epoch without the metric, with None or with NaN there, is one without a value.

        Raises:
            RunRefused: What the run returns cannot be used.
        """
        started = time.perf_counter()
        with ending_process("run_epoch()"):
            given = self._run.run_epoch()
        if given is None and self.rows and self.ended_by is not None:
            return None
        row, problems = self._row(given, time.perf_counter() - started)
        count = len(self.rows) + 1
        problems += self._epoch_problems(count, f"after epoch {count}")
        if not self._looked_at:
            problems += self._ending(count)[1] + self._state()[1] + self._facts()[1]
        if problems:
            raise RunRefused(problems)
        self._looked_at = True
        self.improved = self._improves(row)
        self.rows.append(row)
        return dict(row)

    def state(self) -> dict[str, Any]:
        """The state after the last epoch in plain types, with the rows that fix the curve.

        Raises:
            RunRefused: Something in it could not be loaded again, or has a key of the checkpoint.
        """
        state, problems = self._state()
        if problems:
            raise RunRefused(problems)
        return {**state, "rows": [dict(row) for row in self.rows]}

    def load(self, state: Mapping[str, Any]) -> None:
        """Loads what `state` gave.

        Raises:
            CheckpointError: As the run says.
            RunRefused: The run is at another epoch then.
        """
        with ending_process("load_state_dict()"):
            self._run.load_state_dict(state)
        rows = enumerate(state["rows"], 1)
        self.rows = [{self._metric: math.nan, **row, "epoch": place} for place, row in rows]
        self._has_metric = any(not math.isnan(row[self._metric]) for row in self.rows)
        problems = self._epoch_problems(len(self.rows), "after load_state_dict()")
        if problems:
            raise RunRefused(problems)

    def facts(self) -> dict[str, Any]:
        """What the run reports about itself, as JSON.

        Raises:
            RunRefused: Something in it is not a plain value.
        """
        facts, problems = self._facts()
        if problems:
            raise RunRefused(problems)
        return facts

    def catch_up(self) -> bool:
        """Has the run train a part of what it has to train once again; False where there is none.

        A script that cannot continue from where it stopped starts from scratch, for instance.
        """
        catch_up = getattr(self._run, "catch_up", None)
        if not callable(catch_up):
            return False
        with ending_process("catch_up()"):
            return bool(catch_up())

    def predictions(self) -> list[Prediction] | None:
        """What the run recognises in each utterance of dev; None where it does not report it.

        Raises:
            DataError: Its report is not one.
        """
        method = getattr(self._run, "predictions", None)
        if not callable(method):
            return None
        with ending_process("predictions()"):
            given = method()
        return None if given is None else predictions_from(given, what="predictions() of the run")

    def close(self) -> None:
        """Lets the run end what it holds, once; what goes wrong there is logged, not raised."""
        close = getattr(self._run, "close", None)
        if self._closed or not callable(close):
            return
        self._closed = True
        try:
            with ending_process("close()"):
                close()
        except Exception:
            _log.exception("close() of the run failed")

    def _row(self, given: Any, seconds: float) -> tuple[Row, list[str]]:
        """A row in order, and what is wrong with it."""
        if not isinstance(given, Mapping):
            kind = type(given).__name__
            return {}, [f"run_epoch() returned a {kind}; it must return a dict of numbers"]
        count = len(self.rows) + 1
        row: Row = {"epoch": count, "seconds": seconds, self._metric: math.nan}
        problems: list[str] = []
        for key, value in given.items():
            if not isinstance(key, str):
                problems.append(f"a column of the row is named {key!r}; names are text")
                continue
            number = math.nan if value is None and key != "epoch" else number_or_none(value)
            if number is None and key != "epoch":
                message = f"the row's {str(key)!r} is {_short(value)}; a column is one number"
                problems.append(message)
            elif key == "epoch" and number != count:
                problems.append(
                    f"row {count} says epoch {_short(value)}; rows count 1, 2, 3, ..., one for "
                    "each call of run_epoch(). Leave 'epoch' out and it is counted"
                )
            elif key not in ("epoch", "seconds") and number is not None:
                row[str(key)] = number
        self.columns = [str(key) for key in given]
        self._has_metric = self._has_metric or self._metric in given
        return row, problems

    def _ending(self, count: int) -> tuple[str | None, list[str]]:
        """How the run ended after so many epochs, and what is wrong with that."""
        with ending_process("ended_by"):
            word = getattr(self._run, "ended_by", None)
        if word is not None and word not in ENDINGS:
            return None, [
                f"the run says that it ended by {word!r}, and must say max_epochs, patience or "
                "nan; None while there is more to do"
            ]
        if word is None and self._max_epochs is not None and count >= self._max_epochs:
            word = "max_epochs"
        if word in (None, "nan") or self._has_metric or not count:
            return (None if word is None else str(word)), []
        return None, [
            f"the run's rows have no column {self._metric!r}, which is the objective's metric; "
            f"they have {', '.join(self.columns) or 'none'}"
        ]

    def _epoch_problems(self, count: int, when: str) -> list[str]:
        missing = [name for name in ("epoch", "ended_by") if not hasattr(self._run, name)]
        if missing:
            return [f"the run has no {' and no '.join(missing)}"]
        epoch = self._run.epoch
        if number_or_none(epoch) == count:
            return []
        return [f"the run's epoch is {_short(epoch)} {when}, and must be {count}"]

    def _state(self) -> tuple[dict[str, Any], list[str]]:
        with ending_process("state_dict()"):
            given = self._run.state_dict()
        if not isinstance(given, Mapping):
            return {}, [f"state_dict() returned a {type(given).__name__}; it must return a dict"]
        ours = () if isinstance(self._run, CtcRun) else _OUR_KEYS  # it stores the same rows
        problems = [
            f"the run's state has a key {name!r}, which checkpoints use themselves"
            for name in ours
            if name in given
        ]
        state, more = plain_state(given)
        return state, problems + more

    def _facts(self) -> tuple[dict[str, Any], list[str]]:
        with ending_process("facts()"):
            return plain_facts(self._run.facts())

    def _improves(self, row: Row) -> bool:
        sign = 1.0 if self._minimizes else -1.0
        past = [sign * old[self._metric] for old in self.rows if math.isfinite(old[self._metric])]
        value = row[self._metric]
        return math.isfinite(value) and sign * value < min(past, default=math.inf)


@contextmanager
def ending_process(where: str) -> Iterator[None]:
    """Turns `sys.exit` and its kind in a run's code into an error of that run.

    Raises:
        RunExited: The code inside tried to end the process. What Ray raises to end a worker, and
            Ctrl-C, pass.
    """
    try:
        yield
    except (Exception, KeyboardInterrupt):
        raise
    except BaseException as error:
        if hasattr(error, "ray_terminate_msg"):  # how Ray ends a worker, in whatever code it is
            raise
        frame = traceback.extract_tb(error.__traceback__)[-1]
        raise RunExited(
            f"{where} of the run raised {type(error).__name__}({error}) at "
            f"{frame.filename}:{frame.lineno}",
            hint="A run must not end its process; raise an ordinary error instead.",
        ) from error


def _short(value: object) -> str:
    text = repr(value)
    shown = text if len(text) <= 60 else f"{text[:57]}..."
    return shown if isinstance(value, int | float | str) else f"{shown} ({type(value).__name__})"
