"""Imported runs in a study: the sampler learns from them, ASHA and the budget leave them out, every
view marks them; what does not fit is said, never guessed."""

from __future__ import annotations

import json
import statistics
from pathlib import Path
from typing import Any

import pytest
from report_studies import SPACE, StoredTrial, tell_study
from toy_space import toy_spec, write_toy_space

from slr_tune.cli.main import run as slr_tune
from slr_tune.dashboard.notes import study_note
from slr_tune.errors import SlrTuneError, StudyChanged
from slr_tune.importing.fit import Misfit, fit
from slr_tune.importing.history import take_history
from slr_tune.importing.names import match_names
from slr_tune.importing.open_source import open_source
from slr_tune.importing.plan import ImportOptions, plan_import
from slr_tune.importing.step_count import StepCount
from slr_tune.search.sampler import tpe
from slr_tune.search.stopping_rungs import rungs_of
from slr_tune.space import load_spec
from slr_tune.study.folders import trial_folder
from slr_tune.study.open_study import open_store
from slr_tune.study.record import record_of
from slr_tune.study.recovery import recover, reopen_failed
from slr_tune.study.storage import open_storage
from slr_tune.study.view import load_study


def write_runs(path: Path, levels: list[float], *, best: float = 0.2) -> Path:
    """Runs whose WER grows with the distance of `level` from the best; the last one failed."""
    lines = ["level,width,epochs,val/wer,state"]
    lines += [f"{level},1,9,{20 + 100 * abs(level - best)},finished" for level in levels]
    lines.append("0.5,1,9,,crashed")
    path.write_text("\n".join(lines) + "\n")
    return path


def test_the_sampler_learns_and_asha_the_budget_and_a_retry_leave_them_out(
    database: Path, tmp_path: Path
) -> None:
    """A cold TPE begins with 10 random trials; this one knows where to look from the first."""
    runs = write_runs(tmp_path / "runs.csv", [n / 40 for n in range(40)])
    storage = open_storage()
    store = open_store(toy_spec(tmp_path, trials=8), storage)
    (line,) = take_history(store, [str(runs)], None)
    assert "41 of 41 runs fit the space. 41 trials added." in line
    assert [trial.number for trial in store.own_trials] == [0]
    assert rungs_of(store).replay(()) == [] and not rungs_of(store)._values
    (again,) = take_history(store, [str(runs)], None)
    assert "0 trials added. 41 were already in the study." in again
    assert reopen_failed("toy", storage) == ()
    levels = []
    for number in range(12):
        live = store.start_trial(tpe(seed=0, number=number))
        levels.append(live.record.config["level"])
        store.park(live)
        store.storage.set_trial_state_values(live.trial_id, _running())
    assert levels[0] == 0.5  # the baseline comes first all the same
    assert statistics.median(abs(level - 0.2) for level in levels[1:]) < 0.1
    assert recover(store).killed == ()


def _running() -> Any:
    from optuna.trial import TrialState

    return TrialState.RUNNING


def test_every_view_marks_them(
    database: Path, studies: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    curve = [60.0, 50.0, 40.0, 35.0, 33.0, 32.0, 31.0, 30.0, 29.5]
    output = tell_study(
        [
            StoredTrial(curve),
            StoredTrial(curve[:3], reason="asha"),
            StoredTrial(curve[:1], reason="nan"),
        ]
    )
    space = ["--space", str(SPACE), "--set", "budget.max_epochs=9", "--study", "new"]
    assert slr_tune(["import", "told", *space]) == 0
    capsys.readouterr()
    assert slr_tune(["show", "new", "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert shown["imported"] == [1, 2, 3] and shown["epochs"] == 0 and shown["seconds"] == 0
    rows = {row["number"]: row for row in shown["rows"]}
    assert rows[1]["imported"] == "told, trial 0" and rows[2]["ended_by"] == "asha"
    assert slr_tune(["show", "new"]) == 0
    message = capsys.readouterr().out
    assert "3 of them were imported (1, 2, 3)" in message and "max_epochs, imported" in message
    assert slr_tune(["list", "--json"]) == 0
    listed = {line["name"]: line for line in json.loads(capsys.readouterr().out)}
    assert (listed["new"]["imported"], listed["told"]["imported"]) == (3, 0)
    assert slr_tune(["report", "--study", "new"]) == 0
    page = (studies / "new" / "report.md").read_text()
    assert "3 imported" in page and "failed" not in page.splitlines()[2]
    view = load_study("new")
    capsys.readouterr()
    assert slr_tune(["importance", "--study", "new", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["imported"] == 3
    assert "3 of them were imported (1, 2, 3)" in study_note(view, {})
    assert view.curve(1) == output.curve(0)
    assert view.trials[1].intermediate_values == output.trials[0].intermediate_values
    with pytest.raises(StudyChanged):  # imported runs are something to lose
        open_store(load_spec(SPACE, study="new"), open_storage())


def test_a_wider_range_takes_all_and_a_narrower_one_says_what_it_leaves(
    database: Path, tmp_path: Path
) -> None:
    curve = [60.0, 50.0, 40.0, 35.0, 33.0, 32.0, 31.0, 30.0, 29.5]
    rates = [0.001, 0.0014, 0.003, 0.01, 0.03]
    tell_study(
        [StoredTrial(curve), *(StoredTrial(curve, params={"learning_rate": r}) for r in rates)]
    )

    def plan(*changes: str) -> Any:
        changed = ["budget.max_epochs=9", *changes]
        return plan_import(load_spec(SPACE, overrides=changed), open_source("told"))

    wider = plan("space.learning_rate.float=[5.0e-4, 6.0e-2]")
    assert (len(wider.taken), wider.moved, wider.left) == (6, 0, ())
    narrower = plan("space.learning_rate.float=[1.5e-3, 3.0e-2]")
    assert narrower.left == (("told, trial 1", "learning_rate is outside the space"),)
    assert [run.place.moved for run in narrower.taken if run.place.moved] == [
        {"learning_rate": (0.0014, 0.0015)}
    ]
    assert (
        "5 of 6 runs fit the space, 1 of them moved to its edge or step (learning_rate: 1); 1 "
        in (narrower.summary())
    )
    other = plan("fixed.batch_size=8")
    assert {why for _, why in other.left} == {"batch_size is 16, the space fixes 8"}
    with pytest.raises(SlrTuneError, match="none of the 6 runs"):
        other.check()
    shorter = plan("budget.max_epochs=4", "space.patience.int=[4, 24]")
    assert [run.measured.value for run in shorter.taken] == [35.0] * 6
    longer = plan("budget.max_epochs=24")
    assert {run.measured.ended_by for run in longer.taken} == {"cut_short"}
    with pytest.raises(SlrTuneError, match="cannot be compared"):
        changed = ["data={name: libras, glosses: 5}", "objective.metric=val/loss"]
        plan(*changed[1:])


def test_other_names_are_reported_and_near_ones_only_proposed(
    database: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "runs.csv"
    path.write_text("config/Level,with,val_wer,gpu\n0.5,1,30,A100\n")
    space = str(write_toy_space(tmp_path))
    assert slr_tune(["import", str(path), "--space", space, "--dry-run"]) == 0
    message = capsys.readouterr().out
    assert "config/Level -> level" in message and "with (nearest: width), gpu" in message
    assert "width is missing" in message and "0 of 1 run fit" in message
    assert slr_tune(["import", str(path), "--space", space]) == 2
    assert "none of the 1 run " in capsys.readouterr().err
    assert slr_tune(["import", str(path), "--space", space, "--map", "wth=width"]) == 2
    assert "no 'wth'" in capsys.readouterr().err
    assert slr_tune(["list"]) == 0  # nothing was made
    assert "No study yet" in capsys.readouterr().err
    assert slr_tune(["import", str(path), "--space", space, "--map", "with=width"]) == 0
    assert slr_tune(["import", str(path), "--study", "toy", "--assume", "width=3"]) == 0
    assert [trial.params for trial in load_study("toy").imported] == [
        {"level": 0.5, "width": 1},
        {"level": 0.5, "width": 3},
    ]


def test_a_study_does_not_take_in_itself(
    database: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tell_study([StoredTrial([50.0] * 9)])
    assert slr_tune(["import", "told", "--study", "told"]) == 2
    assert "cannot import its own trials" in capsys.readouterr().err
    assert len(load_study("told").trials) == 1


@pytest.mark.parametrize(
    ("steps", "per_epoch", "epochs"),
    [
        ([1, 2, 3], None, [1, 2, 3]),
        ([0, 1, 2], None, [1, 2, 3]),
        ([3, 6, 9], None, [3, 6, 9]),  # validated every third epoch
        ([38, 76, 114], None, [1, 2, 3]),  # optimiser steps
        ([38, 76, 114], 38, [1, 2, 3]),
        ([5, 10, 20], 1, [5, 10, 20]),  # epochs after all, longer than a trial here
        ([10, 11, 12, 13], None, [10, 11, 12, 13]),
    ],
)
def test_steps_become_epochs(steps: list[int], per_epoch: float | None, epochs: list[int]) -> None:
    count = StepCount.of(steps, 9, per_epoch)
    assert [count.epoch(step) for step in steps] == epochs
    assert bool(count.note) == (epochs != steps and per_epoch is None)


def test_two_names_for_one_setting_are_not_chosen_between() -> None:
    with pytest.raises(SlrTuneError, match="would both be learning_rate"):
        match_names(["lr", "base_lr"], ["learning_rate"])
    given = match_names(["lr", "base_lr"], ["learning_rate"], {"lr": "learning_rate"})
    assert given.taken == {"lr": "learning_rate"} and "base_lr" in given.left


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("level,width,wer\n0.5,1,0.31\n0.4,1,0.5\n", "looks like a fraction"),
        ("level,width,loss\n0.5,1,0.31\n", "have no 'val/wer'"),
        ("level,width,wer\n0.5,1,31,7\n", "more cells than the header"),
        ("level,width,wer\n", "no run"),
        ("", "is empty"),
    ],
)
def test_what_would_give_wrong_numbers_is_refused(tmp_path: Path, text: str, error: str) -> None:
    path = tmp_path / "runs.csv"
    path.write_text(text)
    with pytest.raises(SlrTuneError, match=error):
        plan_import(toy_spec(tmp_path), open_source(str(path)))


def test_fractions_with_their_factor(tmp_path: Path) -> None:
    path = tmp_path / "runs.csv"
    path.write_text("level,width,wer\n0.5,1,0.31\n")
    plan = plan_import(toy_spec(tmp_path), open_source(str(path)), ImportOptions(scale=100))
    assert plan.taken[0].measured.value == pytest.approx(31.0)


@pytest.mark.parametrize(
    ("given", "placed"),
    [
        ({"dropout": 0.52}, {"dropout": 0.5}),
        ({"dropout": 0.6}, "dropout is outside the space"),
        ({"dropout": "a lot"}, 'dropout "a lot" is not a number'),
        ({"kd_blank": "Drop"}, {"kd_blank": "drop"}),
        ({"patience": 12.0}, {"patience": 12}),
        ({"patience": None}, "patience null is not a number"),
        ({"loss_weights": {"alpha": 0.7, "beta": 0.3}}, "loss_weights.gamma is missing"),
        (
            {"temperature": {"schedule": "ramp"}},
            'temperature.schedule "ramp" is not one of the options',
        ),
        ({"temperature": {"schedule": "linear", "start": 4}}, "temperature.end is missing"),
        ({"batch_size": "16"}, {}),
        ({"batch_size": 24}, "batch_size is 24, the space fixes 16"),
    ],
)
def test_a_point_is_moved_a_little_or_refused(given: Any, placed: Any) -> None:
    spec = load_spec(SPACE)
    assert spec.baseline is not None
    settings = {**spec.baseline, **given}
    if isinstance(placed, str):
        with pytest.raises(Misfit) as refused:
            fit(spec.space, spec.fixed, settings)
        assert str(refused.value) == placed
    else:
        found = fit(spec.space, spec.fixed, settings).values
        assert not spec.space.misfits(found)
        for name, value in placed.items():
            assert found[name] == value and type(found[name]) is type(value)


def test_a_kill_between_two_runs_is_repaired_by_the_same_command(
    database: Path, tmp_path: Path
) -> None:
    """A trial without its curve file, as a kill leaves it, gets the file; none comes twice."""
    path = tmp_path / "runs.jsonl"
    runs = [
        {"level": 0.1 * n, "width": 1, "curve": [{"val/wer": 90.0 - n}, {"val/wer": 80.0 - n}]}
        for n in range(3)
    ]
    path.write_text("\n".join(map(json.dumps, runs[:2])))
    space = str(write_toy_space(tmp_path))
    assert slr_tune(["import", str(path), "--space", space]) == 0
    for file in trial_folder("toy", 2).iterdir():
        file.unlink()
    path.write_text("\n".join(map(json.dumps, runs)))
    assert slr_tune(["import", str(path), "--study", "toy"]) == 0
    view = load_study("toy")
    assert [t.number for t in view.imported] == [1, 2, 3]
    assert [row["val/wer"] for row in view.curve(2)] == [89.0, 79.0]


def test_a_search_begins_with_another_ones_history(
    ray_two_cores: None, database: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """`run --from`, given twice: as many own trials as asked for, the others in front of them."""
    runs = write_runs(tmp_path / "runs.csv", [0.1, 0.3])
    space = str(write_toy_space(tmp_path, trials=2, max_epochs=3))
    (tmp_path / "runs.csv").write_text(runs.read_text().replace(",9,", ",3,"))
    command = ["run", space, "--from", str(runs), "--no-verify"]
    assert slr_tune([*command, "--dry-run"]) == 0
    assert "warm start: CSV" in capsys.readouterr().out
    assert slr_tune(command) == 0
    view = load_study("toy")
    assert [t.number for t in view.imported] == [1, 2, 3] and len(view.run_here) == 2
    assert all(record_of(trial).rungs for trial in view.run_here)  # type: ignore[union-attr]
    assert "Warm start from CSV" in capsys.readouterr().err
    assert slr_tune(command) == 0
    assert len(load_study("toy").trials) == 5
