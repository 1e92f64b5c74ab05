"""Searches and ablations from Python: the engine of the commands, in one Ray session."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from toy_space import write_toy_space

import slr_tune
from slr_tune.api import running
from slr_tune.search.run_options import SearchOutcome
from slr_tune.study.recovery import Recovery
from slr_tune.training.interrupt import StopRequest

pytestmark = pytest.mark.usefixtures("ray_two_cores")


@pytest.fixture
def space(tmp_path: Path) -> Path:
    return write_toy_space(tmp_path, trials=4, max_epochs=3)


def test_a_search_an_ablation_and_what_goes_with_them(
    space: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    # One search for all: each would cost seconds of its own.
    output = tmp_path / "told"
    study = slr_tune.run(
        space,
        trials=5,
        settings={"resources.trackers": ["tensorboard"], "budget.audit": 0},
        on_end=f"cp {space} {output}-{{status}}-{{trials}}",
        verify=False,
        progress=False,
    )
    assert len(study.trials) == 5 and study.best.value == study.trials["value"].min()
    assert study.trials.loc[0, "level"] == 0.5 and list(study.trials.columns)[-2:] == [
        "level",
        "width",
    ]
    assert (tmp_path / "told-done-5").is_file()
    ended = sum((study.trials["state"] != "RUNNING").astype(int))
    assert len(list(study.folder.glob("trials/*/*.slr-tune-hparams"))) == ended
    sent = json.loads((study.folder / "trackers.json").read_text())["tensorboard"]
    assert {number for number, run in sent.items() if run["ended"]} == set("01234")
    # The report's commands are made of this, whoever started the search.
    options = yaml.safe_load((study.folder / "study.yaml").read_text())["runs"][-1]["options"]
    sets = ['resources.trackers=["tensorboard"]', "budget.audit=0"]
    assert options == {"--trials": 5, "--set": sets, "--no-verify": True}
    again = slr_tune.run(space, trials=5, progress=False, verify=False)
    assert again.trials.equals(study.trials)
    result = slr_tune.ablate(study, factors=["width"], seeds=3, progress=False)
    assert list(result.table.index)[0] == result.result.main.baseline
    assert set(result.verdicts) == set(result.table.index[1:])
    assert result.table["difference"].isna().tolist() == [True, *[False] * len(result.verdicts)]
    assert len(result.runs) == 3 * len(result.table) and (result.folder / "report.html").is_file()
    assert len(result.plot().data)
    assert capfd.readouterr().out == ""


def test_progress_goes_to_stderr(space: Path, capfd: pytest.CaptureFixture[str]) -> None:
    slr_tune.run(space, trials=1, verify=False)
    out, err = capfd.readouterr()
    assert out == "" and "[1/1] trial 0: " in err


def test_a_stop_is_a_keyboard_interrupt(space: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # A script that goes on after Ctrl-C as if the search were done would quote half a search.
    stop = StopRequest()
    stop.set()
    found = slr_tune.Study.__new__(slr_tune.Study)

    def stopped(*arguments: object, **options: object) -> tuple[slr_tune.Study, SearchOutcome]:
        return found, SearchOutcome(1, Recovery(), stop)

    monkeypatch.setattr(running, "search", stopped)
    with pytest.raises(slr_tune.Stopped) as caught:
        slr_tune.run(space, progress=False)
    assert isinstance(caught.value, KeyboardInterrupt) and caught.value.exit_code == 130


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda space: slr_tune.run("nothing.yaml"), "no such file"),
        (lambda space: slr_tune.run(space, settings={"budget.trails": 3}), "trails"),
        (lambda space: slr_tune.run(space, on_end="echo {bset}", verify=False), "no {bset}"),
        (lambda space: slr_tune.ablate("nothing", factors=["width"]), "nothing"),
        (lambda space: slr_tune.confirm("nothing"), "nothing"),
    ],
)
def test_bad_input_is_an_error_of_ours(
    space: Path, database: Path, call: Callable[[Path], object], message: str
) -> None:
    with pytest.raises(slr_tune.SlrTuneError, match=message):
        call(space)
