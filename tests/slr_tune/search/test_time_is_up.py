"""A search that `budget: {hours: ...}` ends, as a whole command."""

from __future__ import annotations

from pathlib import Path

import pytest
from toy_space import write_toy_space

from slr_tune.cli.main import run as slr_tune
from slr_tune.search.study_clock import TIME
from slr_tune.study.manifest import last_run
from slr_tune.study.storage import open_storage
from slr_tune.study.view import load_study

pytestmark = pytest.mark.usefixtures("ray_two_cores", "database")

SECONDS = 4.0


def test_search_ends_when_its_time_is_up(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit 0, nothing left running, the command for more; asked again nothing is begun."""
    path = write_toy_space(
        tmp_path, search="{strategy: random-asha}", fixed={"milliseconds": 30}, max_epochs=9
    )
    hours = f"budget.hours={SECONDS / 3600}"
    command = ["run", str(path), "--no-verify", "--set", "budget.trials=null", "--set", hours]
    assert slr_tune(command) == 0
    message = capsys.readouterr().err
    assert "The time is up" in message and "--set budget.hours=0.00222222" in message
    trials = load_study("toy").trials
    assert not any(trial.state.name == "RUNNING" for trial in trials)
    storage = open_storage()
    attributes = storage.get_study_user_attrs(storage.get_study_id_from_name("toy"))
    assert attributes[TIME]["seconds"] >= 0.8 * SECONDS

    assert slr_tune(command) == 0
    assert "The time is up" in capsys.readouterr().err
    assert len(load_study("toy").trials) == len(trials)


def test_a_search_that_ends_before_its_first_trial_can_be_resumed_from_the_study(
    tmp_path: Path,
) -> None:
    """As after Ctrl-C while the teacher trains: the report said `slr-tune run SPACE`."""
    path = write_toy_space(tmp_path)
    hours = "budget.hours=0.00001"
    assert slr_tune(["run", str(path), "--no-verify", "--seed", "3", "--set", hours]) == 0
    view = load_study("toy")
    assert not any(trial.values for trial in view.trials)
    path.unlink()
    assert last_run(view.folder).command("toy") == "slr-tune run --from-study toy --no-verify"
