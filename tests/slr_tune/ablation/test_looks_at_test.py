"""The log of looks at the test split: one line for what somebody saw, none for what nobody did."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest
from ablation_designs import make_design

from slr_tune.ablation import run as module
from slr_tune.ablation.run import run_ablation
from slr_tune.space import Resources
from slr_tune.study.split_openings import log_test_opening, opening_line
from slr_tune.study.unfinished import unfinished_ablations
from slr_tune.training.interrupt import Interrupted, Talk
from slr_tune.training.pool import LocalPool
from trainables.data import Dataset

pytestmark = pytest.mark.usefixtures("database")


@pytest.fixture
def in_this_process(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Without Ray."""

    def pool(resources: Resources, *, data: Dataset, **cluster: object) -> Any:
        return nullcontext(LocalPool(data=data.folder, cache=tmp_path))

    monkeypatch.setattr(module, "training_pool", pool)


@pytest.mark.usefixtures("in_this_process")
def test_an_ablation_logs_its_look_when_it_looks_and_once(
    space: Callable[..., Path], studies: Path
) -> None:
    """Logged at the start, a training that is stopped and gone on with would be many looks."""
    path = space(trainable="student")
    design = make_design(path, factors=["label_smoothing"], seeds=1, with_test=True)
    log = studies / "tiny" / "test_openings.log"
    output: list[str] = []

    def ablate(stopped: Callable[[], bool]) -> Any:
        return run_ablation(design, Talk(output.append, stopped))[0]

    with pytest.raises(Interrupted):
        ablate(lambda: True)
    assert not log.exists()
    with pytest.raises(Interrupted):
        ablate(log.exists)
    # Else `slr-tune clean` would take what it has trained for that of an ablation that is done.
    assert unfinished_ablations(log.parent) == {design.name: design.command}
    assert len(log.read_text().splitlines()) == 1
    result = ablate(lambda: False)
    assert len(log.read_text().splitlines()) == 1 and design.command in log.read_text()
    assert "test" in result.runs[0].errors
    assert unfinished_ablations(log.parent) == {}
    assert "Opening the test split, for the 1st time in this study" in output
    ablate(lambda: False)
    assert len(log.read_text().splitlines()) == 2


def test_a_look_that_was_cut_off_resumes_only_for_the_same_reason(tmp_path: Path) -> None:
    """Other seeds are other figures: another look."""
    mark = tmp_path / "ablation" / ".mark"
    assert log_test_opening(tmp_path, "3 seeds", mark=mark) == 1
    assert log_test_opening(tmp_path, "3 seeds", mark=mark) == 1
    assert log_test_opening(tmp_path, "5 seeds", mark=mark) == 2
    (tmp_path / "test_openings.log").unlink()
    assert log_test_opening(tmp_path, "5 seeds", mark=mark) == 1
    assert log_test_opening(tmp_path, "without a mark") == 2


@pytest.mark.parametrize(
    ("times", "message"),
    [(1, "1st"), (2, "2nd"), (3, "3rd"), (4, "4th"), (11, "11th"), (22, "22nd")],
)
def test_the_line_counts(times: int, message: str) -> None:
    """A person reads it."""
    assert f"for the {message} time" in opening_line(times)
