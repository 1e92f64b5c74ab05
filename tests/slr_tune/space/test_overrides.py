"""`--set` and the options of the command line, put over the file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from slr_tune.errors import SpecError
from slr_tune.space import FloatParameter, load_spec
from slr_tune.space.overrides import apply_overrides
from slr_tune.space.problems import ProblemList
from slr_tune.space.yaml_reader import parse_yaml

WriteFile = Callable[..., Path]


def test_values_are_read_by_the_rules_of_the_file(write: WriteFile) -> None:
    """Else `--set fixed.weight_decay=1e-4` is a text, as it is to PyYAML."""
    spec = load_spec(
        write(),
        overrides=[
            "fixed.weight_decay=1e-4",
            "space.dropout.float=[0.1, 0.3]",
            "budget.trials=5",
            "fixed.learning_rate_schedule={name: constant}",
            "space.temperature.schedule.choice.step.start.float=[3, 6]",
            "baseline.temperature.start=5",
            "teacher.settings.hidden=32",
        ],
    )
    assert spec.fixed["weight_decay"] == 1e-4
    assert spec.fixed["learning_rate_schedule"]["name"] == "constant"
    assert spec.budget.trials == 5
    dropout = spec.space.parameters[0]
    assert isinstance(dropout, FloatParameter) and (dropout.low, dropout.high) == (0.1, 0.3)
    assert spec.baseline is not None and spec.baseline["temperature"]["start"] == 5.0
    assert spec.teacher is not None and spec.teacher.settings["hidden"] == 32


def test_later_overrides_win_and_options_win_over_all(write: WriteFile) -> None:
    spec = load_spec(
        write(),
        overrides=["budget.trials=5", "budget.trials=6", "study=b", "seed=3"],
        study="c",
        max_epochs=12,
        workers=4,
        seed=9,
    )
    assert (spec.budget.trials, spec.study, spec.seed) == (6, "c", 9)
    assert (spec.budget.max_epochs, spec.resources.workers) == (12, 4)


def test_null_takes_an_optional_section_away(write: WriteFile) -> None:
    spec = load_spec(write(), overrides=["baseline=null", "factors=", "resources=~"])
    assert (spec.baseline, spec.factors, spec.resources.workers) == (None, {}, "auto")


def test_the_file_is_not_changed(write: WriteFile) -> None:
    path = write()
    before = path.read_bytes()
    load_spec(path, overrides=["budget.trials=5"])
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("budget.trials", ": must be key=value, with dots between keys\n  For example"),
        ("=5", ": must be key=value"),
        ("budget..trials=5", ": must be key=value"),
        ("budget.trials=[", ": not YAML: while parsing a flow node"),
        ("budget.trials={a: 1, a: 2}", ": a: given a second time"),
        ("budget.trials=many", ': budget.trials: must be a whole number, not "many"'),
        ("bugdet.trials=5", ": bugdet: is not a section of the file\n  Did you mean budget?"),
        ("budget.trails=5", ": budget.trails: is not known\n  Did you mean trials?"),
        ("fixed.batchsize=8", ": fixed.batchsize: is not a setting of DistillConfig\n  Did you"),
        ("space.drpout.float=[0, 1]", ": space.drpout: is not a setting of DistillConfig\n  Did"),
        ("budget.trials.x=5", ": budget.trials is 24 and has no budget.trials.x\n  Set budget"),
        ("space.kd_blank.choice.0=x", ": space.kd_blank.choice is a list and has no"),
        ("budget=5", ": budget: must be a mapping, not 5"),
        ("seed=yes", ': seed: must be a whole number, not "yes"'),
    ],
)
def test_wrong_overrides_are_named(override: str, message: str, write: WriteFile) -> None:
    """There is no line to point at: the option itself is the place."""
    with pytest.raises(SpecError) as caught:
        load_spec(write(), overrides=[override])
    assert str(caught.value).startswith(f"--set {override}{message}")


def test_an_own_setting_called_lr_is_found_in_its_section(tmp_path: Path) -> None:
    """Short for learning_rate only where there is one: all sections were listed instead."""
    path = tmp_path / "own.yaml"
    path.write_text(
        "study: own\ntrainable: sparse_runs:SparseRun\nobjective: {metric: loss}\n"
        "budget: {trials: 2, max_epochs: 6}\nspace: {lr: {float: [0.1, 1.0]}}\n"
        "baseline: {lr: 0.5}\n"
    )
    with pytest.raises(SpecError, match=r"lr: is not a section .*\n  Did you mean space.lr or bas"):
        load_spec(path, overrides=["lr=0.3"])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"trials": 0}, "--trials 0: budget.trials: must be at least 1, not 0"),
        ({"study": "a/b"}, '--study a/b: study: "a/b" cannot be the name of a folder'),
        ({"workers": 0}, "--workers 0: resources.workers: must be at least 1"),
        ({"seed": -1}, "--seed -1: seed: must be at least 0"),
    ],
)
def test_wrong_options_are_named(options: dict[str, Any], message: str, write: WriteFile) -> None:
    with pytest.raises(SpecError) as caught:
        load_spec(write(), **options)
    assert str(caught.value).startswith(message)


def test_problems_of_the_file_come_before_those_of_options(good: str, write: WriteFile) -> None:
    """One list for both, or the second is found only when the first is mended."""
    with pytest.raises(SpecError) as caught:
        load_spec(write(good.replace("seed: 7", "seed: -7")), overrides=["x=1"], trials=0)
    places = [problem.where for problem in caught.value.problems]
    assert places == ["space.yaml:33:7", "--set x=1", "--trials 0"]


@pytest.mark.parametrize(
    "override", ['a."enc.0.drop".high=5', "a.'enc.0.drop'.high=5", '"a" . "enc.0.drop" .high=5']
)
def test_a_key_with_dots_is_written_in_quotes(override: str) -> None:
    """Such keys, as state_dicts have them, could not be reached at all."""
    problems = ProblemList()
    tree, _ = parse_yaml('{a: {enc.0.drop: {high: 1}, "k=v": 2}}', "file")
    assert tree is not None
    root = apply_overrides(tree, [override, "a.'k=v'=7", "größe=3"], problems)
    problems.raise_any()
    assert root.plain() == {"a": {"enc.0.drop": {"high": 5}, "k=v": 7}, "größe": 3}


def test_a_key_with_dots_without_quotes_is_reported_how(write: WriteFile) -> None:
    """Else it made `enc: {0: {drop: ...}}`, and the error spoke of that."""
    problems = ProblemList()
    tree, _ = parse_yaml("{a: {enc.0.drop: {high: 1}}}", "file")
    assert tree is not None
    apply_overrides(tree, ["a.enc.0.drop.high=5"], problems)
    with pytest.raises(SpecError) as caught:
        problems.raise_any()
    assert "a.enc is not there, but a key 'enc.0.drop' is" in str(caught.value)
    assert """--set 'a."enc.0.drop".high=...'""" in str(caught.value)
    with pytest.raises(SpecError, match="A key with dots is written in quotes"):
        load_spec(write(), overrides=['a."enc.0.drop=5'])
