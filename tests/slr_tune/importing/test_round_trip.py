"""Every kind of results that exist, written by the program that owns the format: values, curves,
states and settings come out as they went in."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import optuna
import pytest
from optuna.trial import TrialState
from toy_space import toy_spec, write_toy_space

from slr_tune.cli.main import run as slr_tune
from slr_tune.errors import SlrTuneError
from slr_tune.importing.open_source import open_source
from slr_tune.importing.plan import ImportPlan, plan_import
from slr_tune.space import StudySpec
from slr_tune.study.record import record_of
from slr_tune.study.storage import close_storage, open_storage
from slr_tune.study.view import StudyView, load_study

CURVE = [80.0, 60.0, 65.0, 40.0, 41.0, 39.0, 38.0, 37.5, 37.25]
BEST = [80.0, 60.0, 60.0, 40.0, 40.0, 39.0, 38.0, 37.5, 37.25]


@pytest.fixture
def spec(tmp_path: Path) -> StudySpec:
    return toy_spec(tmp_path, baseline=False)


def taken(spec: StudySpec, place: object) -> ImportPlan:
    plan = plan_import(spec, open_source(str(place)))
    plan.check()
    return plan


def imported(database: Path, tmp_path: Path, *words: object) -> StudyView:
    """What stands in the study after `slr-tune import` of a source into a new one."""
    space = write_toy_space(tmp_path, baseline=False)
    assert slr_tune(["import", *map(str, words), "--space", str(space)]) == 0
    return load_study("toy")


def values(view: StudyView) -> list[tuple[str, float | None, dict[int, float]]]:
    return [
        (t.state.name, t.values[0] if t.values else None, dict(t.intermediate_values))
        for t in view.trials
    ]


def test_csv_as_a_person_keeps_it(database: Path, tmp_path: Path) -> None:
    """Settings, metric, seed, epochs; a German spreadsheet's semicolons do no harm."""
    path = tmp_path / "runs.csv"
    path.write_text(
        "Level;width;seed;epochs;val_wer;remark\n"
        "0.25;2;7;9;37.25;good\n"
        "0.5;3;8;4;61.5;stopped by hand\n"
        "0.75;1;9;9;nan;diverged\n"
    )
    view = imported(database, tmp_path, path)
    assert values(view) == [
        ("COMPLETE", 37.25, {9: 37.25}),
        ("PRUNED", 61.5, {4: 61.5}),
        ("FAIL", None, {}),
    ]
    records = [record_of(trial) for trial in view.trials]
    assert [r.seed for r in records if r] == [7, 8, 9]
    assert [r.ended_by for r in records if r] == ["max_epochs", "cut_short", "nan"]
    assert [r.imported for r in records if r] == [f"runs.csv, line {n}" for n in (2, 3, 4)]
    assert view.trials[0].params == {"level": 0.25, "width": 2}
    assert records[0] and records[0].config["width"] == 2


def test_csv_with_a_line_an_epoch(database: Path, tmp_path: Path) -> None:
    path = tmp_path / "curves.csv"
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["run", "epoch", "level", "width", "train_loss", "val/wer"])
        for epoch, wer in enumerate(CURVE):
            writer.writerow(["a", epoch, 0.25, 2, 3.0 / (epoch + 1), wer])
        for epoch in range(3):
            writer.writerow(["b", epoch, 0.75, 1, 3.0, 90.0 - epoch])
    view = imported(database, tmp_path, path)
    assert values(view) == [
        ("COMPLETE", 37.25, dict(enumerate(BEST, start=1))),
        ("PRUNED", 88.0, {1: 90.0, 2: 89.0, 3: 88.0}),
    ]
    rows = view.curve(0)
    assert [row["val/wer"] for row in rows] == CURVE
    assert [row["train/loss"] for row in rows] == [3.0 / n for n in range(1, 10)]


def test_jsonl_with_nested_settings(database: Path, tmp_path: Path) -> None:
    path = tmp_path / "runs.jsonl"
    curve = [{"epoch": n, "val/wer": wer, "seconds": 2.0} for n, wer in enumerate(CURVE, 1)]
    run = {"config": {"level": 0.25, "width": 2}, "seed": 3, "state": "finished", "curve": curve}
    failed = {"config": {"level": 0.5, "width": 1}, "status": "crashed", "error": "CUDA error"}
    path.write_text(json.dumps(run) + "\n\n" + json.dumps(failed) + "\n")
    view = imported(database, tmp_path, path)
    assert values(view)[0] == ("COMPLETE", 37.25, dict(enumerate(BEST, start=1)))
    record = record_of(view.trials[0])
    assert record is not None and (record.seconds, record.best_epoch) == (18.0, 9)
    lost = record_of(view.trials[1])
    assert view.trials[1].state == TrialState.FAIL
    assert lost is not None and (lost.ended_by, lost.error) == ("error", "CUDA error")


def test_training_results_json(database: Path, tmp_path: Path) -> None:
    """As the users' scripts write it: lists at the top, settings in a YAML file beside it."""
    for name, level, wers in (("one", 0.25, CURVE), ("two", 0.5, CURVE[:4])):
        folder = tmp_path / "results" / name
        folder.mkdir(parents=True)
        (folder / "config.yaml").write_text(f"model: {{width: 2}}\nlevel: {level}\n")
        results = {"best_val_wer": min(wers), "val_wers": wers, "train_losses": wers}
        (folder / "training_results.json").write_text(json.dumps(results))
    view = imported(database, tmp_path, tmp_path / "results")
    assert values(view) == [
        ("COMPLETE", 37.25, dict(enumerate(BEST, start=1))),
        ("PRUNED", 40.0, dict(enumerate(BEST[:4], start=1))),
    ]
    assert [t.params for t in view.trials] == [{"level": v, "width": 2} for v in (0.25, 0.5)]


def test_tensorboard_logs_of_two_writers(spec: StudySpec, tmp_path: Path) -> None:
    """tensorboardX and torch's writer, with `add_hparams` or a file of settings beside."""
    import tensorboardX
    from torch.utils.tensorboard import SummaryWriter

    logs = tmp_path / "logs"
    with tensorboardX.SummaryWriter(str(logs / "x")) as writer:
        for epoch, wer in enumerate(CURVE):
            for batch in range(3):
                writer.add_scalar("train/loss_of_batch", 1.0, 3 * epoch + batch)
            writer.add_scalar("val/wer", wer, epoch)
        writer.add_hparams({"level": 0.25, "width": 2}, {"hparam/wer": 37.25}, name="hparams")
    with SummaryWriter(str(logs / "torch")) as writer:
        for epoch, wer in enumerate(CURVE[:4], start=0):
            writer.add_scalar("val/wer", wer, epoch)
    (logs / "torch" / "hparams.yaml").write_text("level: 0.5\nwidth: 3\n")
    plan = taken(spec, logs)
    found = {run.run.name: run for run in plan.taken}
    assert set(found) == {"x", "torch"}
    assert found["x"].measured.values == pytest.approx(dict(enumerate(BEST, start=1)))
    assert [row["val/wer"] for row in found["x"].measured.rows] == pytest.approx(CURVE)
    assert found["x"].place.values == {"level": 0.25, "width": 2}
    assert found["torch"].place.values == {"level": 0.5, "width": 3}
    assert found["torch"].measured.ended_by == "cut_short"


def optuna_study(storage: Any) -> optuna.Study:
    study = optuna.create_study(storage=storage, study_name="sweep", direction="minimize")
    for level, width, length in ((0.25, 2, 9), (0.5, 3, 4)):
        study.enqueue_trial({"level": level, "width": width})
        trial = study.ask()
        trial.suggest_float("level", 0.0, 1.0)
        trial.suggest_categorical("width", [1, 2, 3])
        trial.set_user_attr("seed", 5)
        for step, wer in enumerate(CURVE[:length]):
            trial.report(wer, step)
        if length == 9:
            study.tell(trial, min(CURVE))
        else:
            study.tell(trial, state=TrialState.PRUNED)
    failed = study.ask()
    failed.suggest_float("level", 0.0, 1.0)
    failed.suggest_categorical("width", [1, 2, 3])
    study.tell(failed, state=TrialState.FAIL)
    study.ask()
    return study


def test_optuna_from_a_database_and_from_a_journal(spec: StudySpec, tmp_path: Path) -> None:
    from optuna.storages import JournalStorage
    from optuna.storages.journal import JournalFileBackend

    storage = open_storage(f"sqlite:///{tmp_path}/other.db", create=True)
    optuna_study(storage)
    close_storage(storage)
    optuna_study(JournalStorage(JournalFileBackend(str(tmp_path / "journal.log"))))
    places = (
        f"sqlite:///{tmp_path}/other.db#sweep",
        tmp_path / "other.db",
        tmp_path / "journal.log",
    )
    (tmp_path / "other.db").chmod(0o444)
    before = (tmp_path / "other.db").read_bytes()
    for place in places:
        plan = taken(spec, place)
        first, second, third = plan.taken
        assert first.measured.values == dict(enumerate(BEST, start=1))
        assert (first.measured.value, first.measured.state) == (37.25, TrialState.COMPLETE)
        assert second.measured.values == dict(enumerate(BEST[:4], start=1))
        assert second.measured.state == TrialState.PRUNED
        assert third.measured.state == TrialState.FAIL
        assert (first.seed, first.place.values) == (5, {"level": 0.25, "width": 2})
        assert plan.left == (("sweep, trial 3", "had not ended"),)
    # Somebody else's database is read, not opened for writing.
    assert (tmp_path / "other.db").read_bytes() == before


@pytest.mark.parametrize(
    ("place", "error"),
    [
        ("sqlite:///{}/none.db", "there is no database"),
        ("{}/empty.db", "contains no Optuna studies"),
        ("{}/other.db#swep", "Did you mean sweep"),
        ("{}/other.db", "has 2 studies: second, sweep"),
        ("{}/nothing.csv", "there is no file or folder"),
        ("{}/text.txt", "is not a known file of runs"),
        ("{}/broken.json", "is not JSON"),
        ("{}", "contains no known kind of run"),
    ],
)
def test_places_that_hold_no_runs_are_reported(tmp_path: Path, place: str, error: str) -> None:
    import sqlite3

    storage = open_storage(f"sqlite:///{tmp_path}/other.db", create=True)
    optuna_study(storage)
    optuna.create_study(storage=storage, study_name="second")
    close_storage(storage)
    with sqlite3.connect(tmp_path / "empty.db") as connection:
        connection.execute("CREATE TABLE other (x)")
    (tmp_path / "text.txt").write_text("hello\n")
    (tmp_path / "broken.json").write_text("{")
    with pytest.raises(SlrTuneError, match=error):
        open_source(place.format(tmp_path))


def test_wandb_export_with_the_curves_of_a_chart(database: Path, tmp_path: Path) -> None:
    """A table as W&B's page exports it, all cells in quotes, and the chart beside it."""
    table, chart = tmp_path / "export.csv", tmp_path / "chart.csv"
    table.write_text(
        '"Name","State","Notes","User","Tags","Created","Runtime","Sweep","level","width",'
        '"val_wer"\n'
        '"lively-sweep-1","finished","-","me","","2026-01-01T10:00:00.000Z","3600","abc","0.25",'
        '"2","37.25"\n'
        '"calm-sweep-2","crashed","-","me","","2026-01-01T11:00:00.000Z","60","abc","0.5","3",""\n'
        '"late-sweep-3","running","-","me","","2026-01-01T11:00:00.000Z","60","abc","0.5","3",""\n'
    )
    lines = ['"Step","lively-sweep-1 - val_wer","lively-sweep-1 - val_wer__MIN"']
    lines += [f'"{step}","{wer}","{wer}"' for step, wer in enumerate(CURVE)]
    chart.write_text("\n".join(lines) + "\n")
    view = imported(database, tmp_path, table, "--curves", chart)
    assert values(view) == [
        ("COMPLETE", 37.25, dict(enumerate(BEST, start=1))),
        ("FAIL", None, {}),
    ]
    record = record_of(view.trials[0])
    assert record is not None and record.seconds == 3600


def test_ray_tune_results(ray_two_cores: None, spec: StudySpec, tmp_path: Path) -> None:
    """A real run of Ray Tune with a scheduler that stops one trial and one that raises."""
    from ray import tune
    from ray.tune.logger import CSVLoggerCallback, JsonLoggerCallback

    class Formula(tune.Trainable):
        def setup(self, config: dict[str, Any]) -> None:
            self.level = config["level"]

        def reset_config(self, new_config: dict[str, Any]) -> bool:
            self.setup(new_config)
            return True

        def step(self) -> dict[str, Any]:
            if self.level == 0.75:
                raise ValueError("made to fail")
            wer = CURVE[self.iteration]
            return {"val_wer": wer, "done": self.iteration + 1 >= (9 if self.level == 0.25 else 4)}

        def save_checkpoint(self, checkpoint_dir: str) -> None:
            return None

        def load_checkpoint(self, checkpoint: Any) -> None:
            return None

    tune.Tuner(
        Formula,
        param_space={"level": tune.grid_search([0.25, 0.5, 0.75]), "width": 2},
        tune_config=tune.TuneConfig(reuse_actors=True, max_concurrent_trials=1),
        run_config=tune.RunConfig(
            name="sweep",
            storage_path=str(tmp_path / "ray"),
            verbose=0,
            # Ray's defaults, which this project's environment switches off.
            callbacks=[JsonLoggerCallback(), CSVLoggerCallback()],
        ),
    ).fit()
    plan = taken(spec, tmp_path / "ray" / "sweep")
    found = {run.place.values["level"]: run for run in plan.taken}
    assert found[0.25].measured.values == dict(enumerate(BEST, start=1))
    assert [row["val/wer"] for row in found[0.25].measured.rows] == CURVE
    states = {level: run.measured.state for level, run in found.items()}
    assert states == {
        0.25: TrialState.COMPLETE,
        0.5: TrialState.PRUNED,
        0.75: TrialState.FAIL,
    }
    assert "made to fail" in str(found[0.75].run.error)
