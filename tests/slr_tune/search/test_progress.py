"""The progress of a search: what it says, and what a terminal shows of it."""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from io import StringIO
from pathlib import Path

import pytest
from own_process import Command
from rich.console import Console
from screen import Screen, Terminal
from toy_space import toy_spec, write_toy_space

from slr_tune.search.picture import Remaining, bar, log_line, picture
from slr_tune.search.progress import Progress
from slr_tune.search.recorder import Recorder
from slr_tune.search.standing import (
    BestSoFar,
    RunningTrial,
    SearchStanding,
    confirmed_gain,
    standing_of,
)
from slr_tune.search.worker_report import Report
from slr_tune.study.confirmed import read_confirmed, write_confirmed
from slr_tune.study.lock import StudyLock
from slr_tune.study.open_study import open_store
from slr_tune.study.storage import open_storage
from slr_tune.study.store import StudyStore
from slr_tune.wrapping import wrap_text

STANDING = SearchStanding(
    metric="val/wer",
    max_epochs=9,
    epochs=22,
    expected=36,
    cost=22.0,
    cost_to_come=14.0,
    asked=6,
    ended=2,
    states={"running": 2, "paused": 2, "waiting": 0},
    failed=0,
    best=BestSoFar(2, 17.95, 20.57, 2.62),
    running=(RunningTrial(2, 8, 17.95), RunningTrial(15, 3, None)),
)
CONFIRMED = "confirmed on 5 new seeds: trial 2 at 18.37 ± 0.40, 2.10 better than the baseline"


def search(folder: Path, **changes: object) -> Iterator[StudyStore]:
    """A whole search by two workers, without Ray; gives the study after every epoch."""
    ends_early = changes.pop("ends_early", False)
    changes.setdefault("search", "{strategy: random-asha}")
    spec = toy_spec(folder, **changes)
    storage, draw = open_storage(create=True), random.Random(0)
    store = open_store(spec, storage)
    recorder = Recorder(
        store, StudyLock(storage.engine, "toy"), target=spec.budget.trials, workers=2
    )
    busy = []
    yield store
    while True:
        while len(busy) < 2 and (live := recorder.next_trial()) is not None:
            busy.append(live)
        if not busy:
            recorder.sweep()
            yield store
            return
        live = draw.choice(busy)
        epoch = max(live.values, default=0) + 1
        row = {"epoch": epoch, "seconds": 1.0, "val/wer": 100 * draw.random() / epoch}
        early = "patience" if ends_early and epoch > 4 and draw.random() < 0.3 else None
        if recorder.report(
            live.number, Report([row], ended_by="max_epochs" if epoch == 9 else early)
        ):
            busy.remove(live)
        yield store


@pytest.mark.parametrize(
    ("changes", "tolerance"),
    [
        ({"trials": 24, "audit": 0}, 0.0),
        ({"trials": 24, "audit": 0.05}, 0.15),
        ({"trials": 12, "search": "{strategy: random}"}, 0.0),
        ({"trials": 24, "search": "{optuna: {sampler: RandomSampler}}", "audit": 0}, 0.4),
        ({"trials": 24, "ends_early": True}, 0.3),
    ],
    ids=["promoted", "audited", "unstopped", "stopped", "impatient"],
)
def test_the_bar_is_filled(
    tmp_path: Path, database: Path, changes: dict[str, object], tolerance: float
) -> None:
    """To 100 % at the end and never before; what is expected is near to what comes."""
    shares, expected = [], []
    for store in search(tmp_path, **changes):
        standing = standing_of(store, store.own_trials)
        assert standing.expected is not None
        expected.append(standing.expected)
        shares.append(standing.epochs / standing.expected)
    assert shares[0] == 0 and shares[-1] == 1
    assert all(share < 1 for share in shares[:-2])
    assert all(abs(one / expected[-1] - 1) <= tolerance for one in expected)


@pytest.mark.parametrize("columns", [80, 40, 30])
def test_the_picture_fits(columns: int) -> None:
    """At any width, with everything that there is to say, no line is wider."""
    times = Remaining(70.0, 7200.0, 3600.0)
    lines = picture(STANDING, times, width=columns, height=24, confirmed=CONFIRMED)
    assert all(len(line) <= columns for line in lines)
    text = " ".join(lines)
    for said in ("61 %", "22 of about 36 epochs", "2 of 6 trials ended", "2 running", "2 paused"):
        assert said in text
    for said in ("about 70 s left", "60 min of its 2.0 h left", "best 17.95 (trial 2)"):
        assert said in text
    assert "2.62 better than the baseline" in text and CONFIRMED in text
    assert lines[-2].split() == "trial 2 epoch 8 of 9 17.95".split()
    many = replace(STANDING, running=STANDING.running * 30)
    low = picture(many, times, width=columns, height=20)
    assert len(low) < 20 and low[-1].endswith("more trials")


def test_a_bar_is_full_only_at_the_end() -> None:
    """99.9 % are not all."""
    assert bar(0.0, 20) == "░" * 14 + "   0 %"
    assert bar(0.999, 20) == "█" * 13 + "░" + "  99 %"
    assert bar(1.0, 20, ascii_only=True) == "#" * 14 + " 100 %"


def test_the_best_is_set_against_the_baseline() -> None:
    """A baseline that still trains is no measure yet, and it gains nothing over itself."""
    said = log_line(replace(STANDING, best=BestSoFar(2, 17.95, 30.0)), Remaining())
    assert said.endswith("best 17.95 (trial 2), baseline 30.00 so far")
    said = log_line(replace(STANDING, best=BestSoFar(0, 17.95, 17.95)), Remaining())
    assert said.endswith("best 17.95 (trial 0), the baseline itself")


def test_what_was_confirmed_is_said(tmp_path: Path) -> None:
    """From the file that `slr-tune confirm` writes."""
    rows = [
        {"trial": 0, "name": "baseline", "claimed": 20.0, "wer": {"dev": [20.0, 21.0]}},
        {"trial": 4, "name": "best", "claimed": 17.0, "wer": {"dev": [18.0, 19.0]}},
    ]
    write_confirmed(tmp_path, rows)
    assert confirmed_gain(read_confirmed(tmp_path)) == (
        "confirmed on 2 new seeds: trial 4 at 18.50 ± 0.71, 2.00 better than the baseline"
    )
    assert confirmed_gain([]) is None


def test_a_log_gets_a_line_for_each_trial_and_each_twentieth(
    tmp_path: Path, database: Path
) -> None:
    """No control characters, no line twice."""
    out = StringIO()
    with Progress(Console(file=out, width=200)) as progress:
        for place, store in enumerate(search(tmp_path, trials=8, audit=0)):
            if place == 0:
                progress.watch(store)
            progress.tick(force=True)
    lines = out.getvalue().splitlines()
    assert "\x1b" not in out.getvalue()
    assert len({*lines}) == len(lines)
    ended = [line for line in lines if line.startswith("[")]
    assert len(ended) == 8 and ended[-1].startswith("[8/8] trial ")
    assert all(line.endswith((", complete", ", pruned")) for line in ended)
    shares = [int(line.split(" %")[0]) for line in lines if " % " in line or " %," in line]
    assert shares == sorted(shares) and shares[-1] == 100 and len(shares) <= 20


def test_commands_can_be_pasted_and_paths_copied() -> None:
    """A line that is too long breaks where a shell lets it go on; a path never."""
    command = "slr-tune run distill.yaml --set fixed.batch_size=8 --study wider --trials 60"
    said = wrap_text(f"To resume:\n  {command}", 40).splitlines()
    assert all(len(line) <= 40 for line in said) and len(said) > 3
    assert all(line.endswith(" \\") for line in said[1:-1])
    assert "".join(line.strip().rstrip("\\") for line in said[1:]) == command
    path = "/a/path/that/is/longer/than/the/terminal/is/wide"
    assert wrap_text(f"Report: {path}", 30).splitlines() == ["Report:", path]
    prose = "slr-tune list shows the studies that there are in this folder."
    assert "\\" not in wrap_text(prose, 30)


class WithSignal(StringIO):
    """A terminal's file; while it takes the n-th text, a signal's handler has a message."""

    def __init__(self, at: int) -> None:
        super().__init__()
        self.left, self.progress = at, Progress()

    def write(self, text: str) -> int:
        self.left -= 1
        if self.left == 0:
            self.progress.message("Stopping: saving the state.")
        return super().write(text)


@pytest.mark.parametrize("at", range(1, 12))
def test_a_message_in_the_middle_of_a_drawing_comes_after_it(at: int) -> None:
    """Ctrl-C strikes anywhere. Half of a picture would stay above the message for good."""
    file = WithSignal(at)
    console = Console(file=file, force_terminal=True, width=60, color_system=None)
    file.progress = Progress(console)
    with file.progress as progress:
        for epochs in (22, 23, 24):
            progress.draw(replace(STANDING, epochs=epochs), Remaining(60.0))
        screen = Screen(60)
        screen.feed(file.getvalue().replace("\n", "\r\n").encode())
        assert sum("░" in row for row in screen.rows) == 1, screen.text
    screen = Screen(60)
    screen.feed(file.getvalue().replace("\n", "\r\n").encode())
    assert "░" not in screen.text
    assert screen.text.count("Stopping: saving the state.") == (file.left <= 0)


def has_ended(trials: int, screen: Screen) -> bool:
    """Whether so many trials have, and the picture stands below."""
    return screen.text.count("/30] trial ") >= trials and "best " in screen.text


@pytest.mark.usefixtures("ray_two_cores", "database")
def test_a_terminal_that_is_resized_and_left_by_ctrl_c(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One picture at any time; afterwards none, but the best so far and the command to resume."""
    for name in ("COLUMNS", "LINES"):  # where they are set, they are the size, whatever is resized
        monkeypatch.delenv(name, raising=False)
    space = write_toy_space(tmp_path, trials=30, fixed={"milliseconds": 60})
    terminal = Terminal(80)
    command = Command("run", "toy.yaml", "--no-verify", terminal=terminal.theirs, folder=tmp_path)
    assert space.name == "toy.yaml"
    os.close(terminal.theirs)
    for columns in (40, 100):
        # Two trials more each time: the picture is drawn at the width that it now has.
        seen = terminal.screen.text.count("/30] trial ")
        assert terminal.read_until(partial(has_ended, seen + 1), command.process)
        terminal.resize(columns, command.process)
        seen = terminal.screen.text.count("/30] trial ")
        assert terminal.read_until(partial(has_ended, seen + 2), command.process)
        text = terminal.screen.text
        bars = [row for row in terminal.screen.rows if "█" in row or "░" in row]
        assert len(bars) == 1 and bars[0].endswith(" %"), text
        assert text.count("best ") == 1, text
    terminal.type(b"\x03")
    assert not terminal.read_until(lambda screen: False, command.process)
    assert command.process.wait(timeout=60) == 130
    text = terminal.screen.text
    assert "░" not in text and "trials ended" not in text
    assert "Best val/wer: " in text and "baseline" in text
    assert "To resume:\n  slr-tune run toy.yaml --no-verify" in text
    os.close(terminal.ours)
