"""The progress of a run on stderr: one picture at a terminal, plain lines elsewhere."""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from optuna.trial import FrozenTrial
from rich.console import Console, Group
from rich.control import Control
from rich.live import Live
from rich.segment import ControlType
from rich.text import Text

from slr_tune.search.picture import (
    Remaining,
    done_share,
    epochs_picture,
    log_line,
    picture,
    run_picture,
)
from slr_tune.search.standing import (
    RunStanding,
    SearchStanding,
    confirmed_gain,
    last_value,
    standing_of,
)
from slr_tune.search.study_clock import StudyClock
from slr_tune.space import StudySpec
from slr_tune.study.confirmed import read_confirmed
from slr_tune.study.record import ended_by, epochs_run, is_paused, record_of
from slr_tune.study.store import StudyStore
from slr_tune.text import counted, error_summary, metric_text
from slr_tune.wrapping import text_width, wrap_text

Lines = Callable[[int, int], list[str]]
"""The picture for so many columns and rows."""

_DRAW_SECONDS = 1.0
_DRAW_SHARE = 0.05
"""Of the driver's time, that drawing takes at most."""
_LOG_SHARE = 0.05
"""Of a search, between two lines of a log."""

_ENDINGS = {
    "max_epochs": "complete",
    "patience": "complete, stopped by its patience",
    "asha": "pruned",
    "nan": "failed: NaN",
    "oom": "failed: out of memory",
    "error": "failed",
    "killed": "failed: its worker died",
    "timeout": "failed: timed out",
    "aborted": "stopped by hand",
}


class Progress:
    """Shows how far a run is. Use it as a context: it owns the terminal's last lines meanwhile.

    Attributes:
        confirmed: Result of the study's confirmation; None without one.
    """

    def __init__(self, console: Console | None = None) -> None:
        """Draws on stderr, or on a given console."""
        self._console = console or Console(stderr=True, highlight=False, soft_wrap=True)
        self._live: Live | None = None
        self._drawn: tuple[int, list[str]] = (0, [])
        self._picture: Lines | None = None
        self._training: tuple[float, int] | None = None
        self._store: StudyStore | None = None
        self._ended: set[int] = set()
        self._next_draw = 0.0
        self._next_line = _LOG_SHARE
        self._from: tuple[float, float] | None = None
        self._cost_before = 0.0
        self._paused: dict[int, int] = {}
        self._clock: StudyClock | None = None
        self._writes = False
        self._late: deque[str] = deque()
        self.confirmed: str | None = None

    def __enter__(self) -> Progress:
        """Takes the terminal's last lines."""
        if self._console.is_terminal and not self._console.is_dumb_terminal:
            self._live = Live(console=self._console, auto_refresh=False, transient=True)
            self._live.start()
        return self

    def __exit__(self, *raised: object) -> None:
        """Gives them back, empty."""
        if self._live is not None:
            with self._whole():
                self._fit_to_resized()
                self._live.stop()
                self._live = None

    def message(self, text: str) -> None:
        """One line that stays; at a terminal, broken between words."""
        self._late.append(text)
        while self._late and not self._writes:
            with self._whole():
                pass

    @contextmanager
    def _whole(self) -> Iterator[None]:
        """What is written in the block stays together.

        A signal's handler may have a message in the middle of a drawing, which would never be
        cleared then: the message comes after it.
        """
        if self._writes:
            yield
            return
        self._writes = True
        try:
            yield
        finally:
            try:
                while self._late:
                    self._print(self._late.popleft())
            finally:
                self._writes = False

    def _print(self, text: str) -> None:
        if self._console.is_terminal:
            text = wrap_text(text, self._console.width)
        self._fit_to_resized()
        self._console.print(Text(text))

    def watch(self, store: StudyStore, clock: StudyClock | None = None) -> None:
        """Shows this study from now on; time left is estimated from what happens from now on.

        Args:
            store: The study.
            clock: Of its time, where that has a limit.
        """
        self._store, self._clock = store, clock
        trials = store.own_trials
        self._ended = {trial.number for trial in trials if trial.state.is_finished()}
        self._paused = {trial.number: epochs_run(trial) for trial in trials if is_paused(trial)}
        standing = standing_of(store, trials)
        self._cost_before = standing.cost
        share = done_share(standing, Remaining()) or 0.0
        self._next_line = _LOG_SHARE * (math.floor(share / _LOG_SHARE) + 1)
        self.confirmed = confirmed_gain(read_confirmed(store.folder))

    def tick(self, *, force: bool = False) -> None:
        """Draws where the last drawing is old enough, or in any case."""
        now = time.monotonic()
        if self._store is None or (now < self._next_draw and not force):
            return
        trials = self._store.own_trials
        standing = standing_of(self._store, trials)
        self._say_news(self._store.spec, trials, standing)
        remaining = self._remaining(standing, now)
        if self.draws:
            self.draw(standing, remaining)
        else:
            self._log(standing, remaining)
        self._next_draw = now + max(_DRAW_SECONDS, (time.monotonic() - now) / _DRAW_SHARE)

    @property
    def draws(self) -> bool:
        """Whether there is a place for the picture."""
        return self._live is not None

    def draw(self, standing: SearchStanding, remaining: Remaining) -> None:
        """Puts the picture into its place."""
        self._draw_lines(
            lambda width, height: picture(
                standing,
                remaining,
                width=width,
                height=height,
                confirmed=self.confirmed,
                ascii_only=self._ascii_only,
            )
        )

    @property
    def training(self) -> Callable[[int, int], None] | None:
        """Draws how far trainings outside of a search are, at a terminal; see `Talk`."""
        return None if self._live is None else self._show_epochs

    def _show_epochs(self, done: int, expected: int) -> None:
        """Draws epochs where the last drawing is old enough.

        Args:
            done: Epochs trained so far.
            expected: Epochs in all where no run ends before its time.
        """
        now = time.monotonic()
        if self._live is None or now < self._next_draw:
            return
        self._next_draw = now + _DRAW_SECONDS
        if self._training is None or done < self._training[1]:
            self._training = now, done
        since, first = self._training
        pace = (now - since) / (done - first) if done > first else None
        seconds = None if pace is None else pace * max(0, expected - done)
        self._draw_lines(
            lambda width, height: epochs_picture(
                done, expected, seconds, width=width, ascii_only=self._ascii_only
            )
        )

    def show_run(self, run: RunStanding, seconds: float | None) -> None:
        """Draws how far a single training is, at a terminal; elsewhere nothing.

        Args:
            run: Its state.
            seconds: Expected time of the rest; None where not known.
        """
        self._draw_lines(
            lambda width, height: run_picture(
                run, seconds, width=width, ascii_only=self._ascii_only
            )
        )

    @property
    def _ascii_only(self) -> bool:
        return not self._console.encoding.lower().startswith("utf")

    def _draw_lines(self, lines: Lines) -> None:
        self._picture = lines
        with self._whole():
            self._fit_to_resized()
            self._compose()

    def _compose(self) -> None:
        """Draws the picture for the terminal as it is now."""
        if self._live is None or self._picture is None:
            return
        size = self._console.size
        # Some terminals break a line that fills them.
        lines = self._picture(size.width - 1, size.height)
        self._drawn = size.width, lines
        self._live.update(Group(*map(Text, lines)), refresh=True)

    def _fit_to_resized(self) -> None:
        """Clears what a narrower terminal has broken into more lines than were drawn.

        rich clears as many lines as it drew; what is left above would stay.
        """
        width, lines = self._drawn
        now = self._console.width
        if self._live is None or not lines or now >= width:
            return
        rows = sum(max(1, math.ceil(text_width(line) / now)) for line in lines)
        up = (ControlType.CURSOR_UP, rows - 1)
        self._console.control(
            Control(ControlType.CARRIAGE_RETURN, *([up] if rows > 1 else [])),
        )
        # Erases to the end of the screen, and goes to where rich takes the last line to be.
        self._console.file.write("\x1b[J" + "\n" * (len(lines) - 1))
        self._compose()

    def _say_news(
        self, spec: StudySpec, trials: Sequence[FrozenTrial], standing: SearchStanding
    ) -> None:
        """A line for each trial that ended or paused since the last look."""
        for trial in trials:
            if trial.state.is_finished() and trial.number not in self._ended:
                self._ended.add(trial.number)
                of = "" if standing.asked is None else f"/{standing.asked}"
                ending = _ending_text(trial)
                self.message(f"[{len(self._ended)}{of}] {_trial_text(spec, trial)}, {ending}")
            elif is_paused(trial) and self._paused.get(trial.number) != epochs_run(trial):
                self._paused[trial.number] = epochs_run(trial)
                self.message(f"{_trial_text(spec, trial)}, paused")

    def _log(self, standing: SearchStanding, remaining: Remaining) -> None:
        """A line for a log, each time that another twentieth of the search is done."""
        share = done_share(standing, remaining)
        if share is not None and share >= self._next_line:
            self._next_line = _LOG_SHARE * (math.floor(share / _LOG_SHARE + 1e-9) + 1)
            self.message(log_line(standing, remaining))

    def _remaining(self, standing: SearchStanding, now: float) -> Remaining:
        """Time that it may take: at the pace since this run's first epoch."""
        clock = self._clock
        limit, left = (None, None) if clock is None else (clock.limit, clock.left)
        if standing.cost > self._cost_before and self._from is None:
            self._from = now, standing.cost
        seconds = None
        if self._from is not None and standing.cost_to_come is not None:
            since, cost = self._from
            if standing.cost > cost:
                seconds = standing.cost_to_come * (now - since) / (standing.cost - cost)
        return Remaining(seconds, limit, left)


def _ending_text(trial: FrozenTrial) -> str:
    ended = ended_by(trial)
    record = record_of(trial) if ended == "error" else None
    why = "" if record is None else error_summary(record.error)
    return f"failed: {why}" if why else _ENDINGS.get(ended, ended)


def _trial_text(spec: StudySpec, trial: FrozenTrial) -> str:
    value = last_value(trial)
    text = "no value" if value is None else metric_text(value, spec.objective.metric)
    return f"trial {trial.number}: {text} after {counted(epochs_run(trial), 'epoch')}"
