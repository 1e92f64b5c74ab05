"""A plain function with a loop, driven an epoch at a time."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest

from trainables.base_run import BaseRun
from trainables.building import build_run
from trainables.checked_run import CheckedRun, RunRefused
from trainables.errors import ConfigError
from trainables.protocol import RunInputs
from trainables.registry import reports_predictions


def built(name: str, metric: str = "loss", **config: Any) -> CheckedRun:
    whole = {"max_epochs": 5, **config}
    run = build_run(f"plain_functions:{name}", whole, data=None, seed=1, cache=Path())
    return CheckedRun(run, metric=metric, max_epochs=5)


def curve(run: CheckedRun, epochs: int = 5) -> list[float]:
    rows = [row for _ in range(epochs) if (row := run.run_epoch()) is not None]
    return [row[next(k for k in row if "loss" in k)] for row in rows]


def test_a_state_that_is_reported_makes_it_go_on_exactly() -> None:
    """Else a run that was cut off would have another curve than one that was not."""
    straight = built("train", "val/loss", learning_rate=0.1)
    whole = curve(straight)
    first = built("train", "val/loss", learning_rate=0.1)
    begun = curve(first, 2)
    state = first.state()
    first.close()
    second = built("train", "val/loss", learning_rate=0.1)
    second.load(state)
    assert begun + curve(second, 3) == whole and second.ended_by == "max_epochs"


def test_without_a_state_it_starts_from_scratch_and_says_so(tmp_path: Path) -> None:
    """Its rows of before are not told twice, and it is ended where it stands."""
    journal = tmp_path / "journal"
    first = built("forgetful", journal=str(journal))
    curve(first, 2)
    state = first.state()
    first.close()
    assert journal.read_text().split() == ["0", "1", "closed"]
    second = built("forgetful", journal=str(journal))
    second.load(state)
    assert second.notice is not None and "starts from scratch after epoch 2" in second.notice
    assert second.catch_up() and not second.catch_up()
    assert curve(second, 3) == [1 / 3, 1 / 4, 1 / 5]
    second.close()
    assert journal.read_text().split()[3:] == ["0", "1", "2", "3", "4", "closed"]
    assert "train" not in [thread.name for thread in threading.enumerate()]


def test_errors_come_out_where_the_run_is_driven() -> None:
    """An error in the function's thread would otherwise be printed and lost."""
    run = built("failing")
    assert run.run_epoch() is not None
    with pytest.raises(ValueError, match="CTC loss is inf"):
        run.run_epoch()


def test_its_own_early_stopping_ends_it() -> None:
    """A function that returns has ended, with the epochs that it reported."""
    run = built("early")
    assert len(curve(run, 5)) == 3 and run.ended_by == "patience"
    output = run.predictions()
    assert output is not None and [one.id for one in output] == ["a", "b"]
    assert reports_predictions("plain_functions:early")


def test_one_that_never_reports_is_refused() -> None:
    """It is no run without epochs, and no configuration mends it."""
    with pytest.raises(RunRefused, match=r"silent\(\) returned without a call of report"):
        built("silent").run_epoch()


def test_a_function_of_another_kind_is_refused() -> None:
    """With the call that it has to take."""
    with pytest.raises(ConfigError, match=r"takes config\n.*wrong\(config, report, resume\)"):
        built("wrong")


def test_settings_that_nobody_reads_are_known() -> None:
    """A misspelt name would otherwise be searched in vain."""
    run = built("train", "val/loss", learning_rate=0.1, learnin_rate=0.5)
    run.run_epoch()
    assert run.facts()["settings_not_read"] == ["learnin_rate"]


def test_the_base_class_leaves_three_members_to_write() -> None:
    """Its state is that of its parts, and its randomness that of (seed, epoch)."""
    import torch
    from pydantic import BaseModel

    class Settings(BaseModel):
        max_epochs: int = 4

    class Small(BaseRun):
        config_class = Settings

        def build(self) -> None:
            self.model = torch.nn.Linear(2, 1)

        def train_epoch(self) -> dict[str, float]:
            with torch.no_grad():
                self.model.weight += torch.rand(1, 2)
            return {"loss": self.model.weight.sum().item()}

    inputs = RunInputs(data=None, seed=3, teacher=None, cache=Path())
    straight, first, second = (CheckedRun(Small(Settings(), inputs), metric="loss") for _ in "123")
    whole = curve(straight, 4)
    begun = curve(first, 2)
    second.load(first.state())
    assert begun + curve(second, 2) == whole
    assert second.ended_by == "max_epochs" and second.facts() == {"parameters": 3}
