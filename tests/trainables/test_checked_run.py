"""What comes from a run is made usable, or refused by name, before anything is stored."""

from __future__ import annotations

import math
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
import torch
from pydantic import BaseModel
from toy_runs import ToyConfig

from trainables.checked_run import CheckedRun, RunExited, RunRefused
from trainables.runs.training import train

Row = Callable[[int], Any]


class Given:
    """Gives what a test says; counts its epochs as it should."""

    config_class: ClassVar[type[BaseModel]] = ToyConfig

    def __init__(self, row: Row, *, facts: Any = None, state: Any = None, last: int = 3) -> None:
        self.epoch = 0
        self.last = last
        self.given = (row, {} if facts is None else facts, {} if state is None else state)
        self.closed = 0

    @property
    def ended_by(self) -> str | None:
        return "max_epochs" if self.epoch >= self.last else None

    def run_epoch(self) -> Any:
        self.epoch += 1
        return self.given[0](self.epoch)

    def state_dict(self) -> Any:
        return {"epoch": self.epoch, **self.given[2]}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        self.epoch = state["epoch"]

    def facts(self) -> Any:
        return self.given[1]

    def close(self) -> None:
        self.closed += 1


def checked(row: Row, **more: Any) -> CheckedRun:
    return CheckedRun(Given(row, **more), metric="m")  # type: ignore[arg-type]


def refusal(row: Row, **more: Any) -> str:
    run = checked(row, **more)
    with pytest.raises(RunRefused) as caught:
        while run.ended_by is None:
            run.run_epoch()
    return str(caught.value)


@pytest.mark.parametrize(
    "half",
    [0.5, np.float32(0.5), np.float64(0.5), np.array([0.5]), np.array(0.5), Decimal("0.5")]
    + [torch.tensor(0.5), torch.tensor([0.5], requires_grad=True), Fraction(1, 2)],
    ids=lambda value: f"{type(value).__name__}{np.shape(value) or ''}",
)
def test_numbers_of_every_library_are_numbers(half: Any) -> None:
    row = checked(lambda epoch: {"m": half, "epoch": np.int64(epoch)}).run_epoch()
    assert row["m"] == 0.5 and type(row["m"]) is float and type(row["epoch"]) is int


@pytest.mark.parametrize("value", ["0.5", np.zeros(3), 1j, torch.zeros(2), [0.5], object(), b"1"])
def test_what_is_no_number_is_named(value: Any) -> None:
    assert "the row's 'loss' is" in refusal(lambda epoch: {"m": 1.0, "loss": value})


@pytest.mark.parametrize("row", [None, [1.0], "text"])
def test_a_row_that_is_no_dict_is_named(row: Any) -> None:
    assert "run_epoch() returned a " in refusal(lambda epoch: row)


@pytest.mark.parametrize(
    ("message", "value", "at"),
    [
        (lambda e: e - 1, "0", 1),
        (lambda e: 3 * e, "3", 1),
        (lambda e: 10 - e, "9", 1),
        (lambda e: 1, "1", 2),
        (lambda e: [1, 2, 7][e - 1], "7", 3),
        (lambda e: math.nan, "nan", 1),
        (lambda e: None, "None", 1),
        (lambda e: 1.5, "1.5", 1),
    ],
    ids=["from zero", "jumps", "falls", "repeats", "jumps later", "nan", "none", "half"],
)
def test_rows_count_from_one(message: Callable[[int], Any], value: str, at: int) -> None:
    """Taken as they are, the curve loses its first row and the best is of another epoch."""
    text = refusal(lambda epoch: {"epoch": message(epoch), "m": 1.0})
    assert text.startswith(f"row {at} says epoch {value}") and "1, 2, 3" in text


def test_epochs_are_counted_and_seconds_measured() -> None:
    """A run need not say either; what it says of its seconds does not matter."""
    run = checked(lambda epoch: {"m": 1.0, "seconds": 1e9})
    rows = [run.run_epoch() for _ in range(3)]
    assert [row["epoch"] for row in rows] == [1, 2, 3]
    assert all(0 <= row["seconds"] < 60 for row in rows)


@pytest.mark.parametrize("missing", [{}, {"m": None}, {"m": math.nan}])
def test_an_epoch_without_the_metric_has_no_value(missing: dict[str, Any]) -> None:
    """Validation is dear, and many loops do it after every few epochs."""
    run = checked(lambda epoch: {"loss": 1.0, **({"m": 0.5} if epoch == 3 else missing)})
    values = [run.run_epoch()["m"] for _ in range(3)]
    assert math.isnan(values[0]) and math.isnan(values[1]) and values[2] == 0.5
    assert run.improved and run.ended_by == "max_epochs"


def test_a_metric_that_never_comes_is_named() -> None:
    run = checked(lambda epoch: {"loss": 1.0}, last=2)
    run.run_epoch()
    assert run.ended_by is None and run.notice is not None and "they have loss" in run.notice
    run.run_epoch()
    with pytest.raises(RunRefused, match="no column 'm', .* they have loss"):
        _ = run.ended_by


def test_facts_are_plain() -> None:
    given = {
        "parameters": np.sum([np.int64(2)]),
        "log": Path("a") / "b",
        "flag": np.bool_(True),
        "list": (np.float32(0.5), torch.tensor(2), Decimal(1)),
        "none": None,
        "gradient": math.nan,
    }
    facts = checked(lambda epoch: {"m": 1.0}, facts=given).facts()
    assert facts == {
        "parameters": 2,
        "log": "a/b",
        "flag": True,
        "list": [0.5, 2, 1.0],
        "none": None,
        "gradient": None,
    }
    assert type(facts["parameters"]) is int


@pytest.mark.parametrize(
    ("facts", "place"),
    [
        ({"a": {"b": [object()]}}, "facts()['a']['b'][0] is a object"),
        ({"a": np.zeros(3)}, "facts()['a'] is a ndarray"),
        ({3: 1}, "a key of facts() is 3"),
        ({"parameters": "2M"}, "facts()['parameters'] is '2M'"),
        ([1], "facts() returned a list"),
    ],
)
def test_other_facts_are_named(facts: Any, place: str) -> None:
    assert place in refusal(lambda epoch: {"m": 1.0}, facts=facts)


def test_the_first_epoch_shows_all_at_once() -> None:
    """Whoever brings a loop mends it once, not once for each fault."""
    text = refusal(
        lambda epoch: {"epoch": epoch - 1, "m": "low", 3: 1.0},
        facts={"parameters": object()},
        state={"rows": [], "seen": {1, 2}},
    )
    assert text.startswith("the run needs 6 changes:")
    for place in ("row 1 says epoch 0", "'m' is 'low'", "named 3", "['parameters']", "'rows'"):
        assert place in text
    assert "state['seen'] is a set" in text


def test_a_run_that_does_not_take_up_its_epoch_is_refused() -> None:
    """It would train other epochs than the curve says."""
    run = checked(lambda epoch: {"m": 1.0})
    with pytest.raises(RunRefused, match="epoch is 0 after load_state_dict"):
        run.load({"epoch": 0, "rows": [{"epoch": 1, "m": 1.0}]})


@pytest.mark.parametrize(
    "error", [SystemExit(3), GeneratorExit(), type("Own", (BaseException,), {})]
)
def test_a_run_cannot_end_its_process(error: Any) -> None:
    def raise_it(epoch: int) -> None:
        raise error

    with pytest.raises(RunExited, match=r"run_epoch\(\) of the run raised .*test_checked_run.py:"):
        checked(raise_it).run_epoch()


def test_ctrl_c_passes() -> None:
    def press(epoch: int) -> None:
        signal.raise_signal(signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        checked(press).run_epoch()


def test_training_closes_its_run_at_every_end() -> None:
    """What it started, a process or a server, must not outlive it."""
    finished, stopped, failed = (Given(lambda e: {"m": 1.0}) for _ in range(3))
    assert len(list(train(finished, metric="m"))) == 3  # type: ignore[arg-type]
    rows = train(stopped, metric="m")  # type: ignore[arg-type]
    next(rows)
    rows.close()  # type: ignore[attr-defined]
    failed.given = (lambda e: [][e], {}, {})
    with pytest.raises(IndexError):
        list(train(failed, metric="m"))  # type: ignore[arg-type]
    assert (finished.closed, stopped.closed, failed.closed) == (1, 1, 1)


def test_a_script_that_exits_while_imported_is_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A script without a main guard parses the command line of slr-tune, and exits."""
    (tmp_path / "script.py").write_text("import argparse; argparse.ArgumentParser().parse_args()")
    code = "from trainables.registry import run_class; run_class('script:Run')"
    found = subprocess.run(
        [sys.executable, "-c", code, "--epochs", "3"], cwd=tmp_path, capture_output=True, text=True
    )
    assert "importing script failed: SystemExit: 2" in found.stderr
