"""Stored studies from Python: tables, the best, figures; the same numbers as the commands give."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from generated_study import generate_study

import slr_tune
from slr_tune.report.page.figures import plain

ROOT = Path(__file__).parents[3]
Call = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="module")
def generated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A studies folder with one study, made once: drawing its trials takes a second."""
    folder = tmp_path_factory.mktemp("generated") / "studies"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SLR_TUNE_STUDIES", str(folder))
        generate_study(60)
    return folder


@pytest.fixture
def study(studies: Path, generated: Path) -> slr_tune.Study:
    shutil.copytree(generated, studies)
    return slr_tune.load()


@pytest.fixture
def call(capsys: pytest.CaptureFixture[str]) -> Call:
    from slr_tune.cli.main import run

    def called(*arguments: object) -> tuple[int, str, str]:
        code = run([str(argument) for argument in arguments])
        output = capsys.readouterr()
        return code, output.out, output.err

    return called


def test_only_what_is_public_is_seen() -> None:
    # What is listed is promised to stay, and is what a reader of help() finds.
    assert dir(slr_tune) == sorted(slr_tune.__all__)
    for name in slr_tune.__all__:
        assert getattr(slr_tune, name).__doc__
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = slr_tune.nothing
    assert slr_tune.__version__.count(".") == 2


def test_trials_have_the_names_of_the_file(study: slr_tune.Study, call: Call) -> None:
    frame = study.trials
    first = ["state", "ended_by", "value", "epochs", "best_epoch", "seconds"]
    weights = [f"loss_weights.{name}" for name in ("alpha", "beta", "gamma")]
    temperature = [f"temperature.{name}" for name in ("schedule", "start", "end")]
    own = ["dropout", "learning_rate", *weights, "kd_blank", *temperature, "patience"]
    assert list(frame.columns) == first + own
    assert list(frame.index) == list(range(60))
    shown = json.loads(call("show", "--json")[1])
    assert list(frame["value"].dropna()) == [r["value"] for r in shown["rows"] if r["value"]]
    assert frame[weights].sum(axis=1).round(6).eq(1).all()
    constant = frame["temperature.schedule"] == "constant"
    assert frame.loc[constant, "temperature.end"].isna().all() and constant.any()


def test_a_setting_called_like_a_column_keeps_its_values(database: Path, tmp_path: Path) -> None:
    # A run of one's own may have a parameter `epochs`; neither may hide the other.
    from slr_tune.space import load_spec
    from slr_tune.study.open_study import open_store
    from slr_tune.study.storage import opened_storage

    path = tmp_path / "space.yaml"
    path.write_text(
        "study: odd\ntrainable: slr_odd_run:OddRun\nbudget: {trials: 2, max_epochs: 3}\n"
        "space: {seconds: {int: [4, 5]}}\n"
    )
    (tmp_path / "slr_odd_run.py").write_text(
        "from toy_runs import ToyConfig, ToyRun\n\n"
        "class OddConfig(ToyConfig):\n    seconds: int = 4\n\n"
        "class OddRun(ToyRun):\n    config_class = OddConfig\n"
    )
    sys.path.insert(0, str(tmp_path))
    try:
        spec = load_spec(path)
        with opened_storage() as storage:
            store = open_store(spec, storage)
            from slr_tune.search.sampler import tpe

            live = store.start_trial(tpe(seed=0, number=0))
            store.add_row(live, {"epoch": 1, "seconds": 0.5, "val/wer": 50.0})
            store.finish(live, "max_epochs")
        frame = slr_tune.load("odd").trials
    finally:
        sys.path.remove(str(tmp_path))
    assert frame.loc[0, "setting.seconds"] in (4, 5)
    assert frame.loc[0, "seconds"] == 0.5


def test_the_best_is_that_of_the_command(study: slr_tune.Study, call: Call) -> None:
    best = study.best
    assert json.loads(call("best", "--format", "json")[1]) == best.config
    shown = json.loads(call("show", "--trial", best.number, "--json")[1])
    assert [row["val/wer"] for row in shown["curve"]] == list(best.curve["val/wer"])
    assert best.curve.index.name == "epoch" and list(best.curve.index)[:2] == [1, 2]
    assert best.value == best.curve["val/wer"].min() == shown["value"]
    assert best.values["loss_weights.alpha"] == best.config["loss_weights"]["alpha"]
    assert str(best.folder) == shown["folder"]
    assert study.baseline is not None and study.baseline.number == 0
    curves = study.curves
    assert curves.loc[best.number].equals(best.curve)
    assert len(curves) == study.trials["epochs"].sum()


def test_a_study_without_a_finished_trial_says_so(database: Path) -> None:
    generate_study(1, name="short")
    study = slr_tune.load("short")
    empty = type(study)(type(study.view)(study.view.spec, [], None, study.folder))
    with pytest.raises(slr_tune.SlrTuneError, match="no finished trial yet"):
        _ = empty.best
    assert len(empty.trials) == 0 and len(empty.curves) == 0 and empty.baseline is None
    with pytest.raises(slr_tune.SlrTuneError, match="nothing to draw here"):
        empty.plot.history()
    with pytest.raises(slr_tune.SlrTuneError, match="no trial with an epoch"):
        empty.importance()
    with pytest.raises(slr_tune.SlrTuneError, match="there is no study 'shrt'"):
        slr_tune.load("shrt")


def test_importance_is_that_of_the_command(study: slr_tune.Study, call: Call) -> None:
    found = study.importance(epoch=9)
    output = json.loads(call("importance", "--epoch", 9, "--json")[1])
    units = found.frame[found.frame["group"] == ""]
    assert dict(units["share"]) == {bar["name"]: bar["share"] for bar in output["main"]["units"]}
    figure = found.plot()
    assert f"at epoch {found.epoch}" in figure.layout.title.text
    assert found.verdict and found.epoch == 9
    with pytest.raises(slr_tune.SlrTuneError, match="reached epoch 99"):
        study.importance(epoch=99)
    with pytest.raises(slr_tune.SlrTuneError, match="no evaluator 'anova'"):
        study.importance(evaluator="anova")


FIGURES = {
    "history": "How the search went",
    "curves": "Learning curves",
    "parallel": "All parameters together",
    "rungs": "What ASHA did",
    "weights": "The blend of alpha, beta and gamma",
    "schedules": "Temperature over the epochs",
}


def test_figures_are_those_of_the_report(study: slr_tune.Study) -> None:
    # A second drawing would some day show something else than the report.
    for name, title in FIGURES.items():
        figure = json.loads(getattr(study.plot, name)().to_json())
        drawn = next(part for part in study.page.parts if part.title == title and part.figures)
        drawn = drawn.figures
        traces = [trace for one in drawn for trace in one.traces]
        assert [t["name"] for t in figure["data"]] == [t["name"] for t in traces], name
        output = [t.get("hovertemplate") for t in plain(traces)]
        assert [t.get("hovertemplate") for t in figure["data"]] == output, name
        assert "var(--" not in json.dumps(figure), name
    # Two panels on one axis would be one cloud of points that means nothing.
    figure = study.plot.rungs()
    assert {trace.xaxis for trace in figure.data} == {"x", "x2"}
    left, right = figure.layout.xaxis, figure.layout.xaxis2
    assert left.domain[1] < right.domain[0]
    assert "epoch 3" in left.title.text and "epoch 9" in right.title.text
    with pytest.raises(slr_tune.SlrTuneError, match="It has: loss_weights"):
        study.plot.weights("weights")


def test_studies_are_those_of_the_list(study: slr_tune.Study, call: Call) -> None:
    frame = slr_tune.studies()
    output = json.loads(call("list", "--json")[1])
    assert list(frame.index) == [line["name"] for line in output] == ["generated"]
    assert frame.loc["generated", "complete"] == output[0]["trials"]["COMPLETE"]
    assert repr(study).startswith("<Study 'generated': 60 trials, best val/wer ")
    assert study.refresh().trials.equals(study.trials)


def test_the_report_is_written(study: slr_tune.Study) -> None:
    files = study.report()
    assert files[0] == study.folder / "report.html" and files[0].stat().st_size > 10_000
    assert study.summary().startswith("generated: 60 trials")


def test_help_reads_well() -> None:
    code = "import slr_tune, pydoc; print(pydoc.plain(pydoc.render_doc(slr_tune)))"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT
    )
    for name in slr_tune.__all__:
        assert name in done.stdout
    assert "StudySpec" not in done.stdout.split("FUNCTIONS")[0]
    assert "study.best.config, study.best.curve" in done.stdout
