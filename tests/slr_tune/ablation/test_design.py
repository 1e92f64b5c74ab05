"""Factors, baseline and what is asked: found by name, or refused with the way out."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from ablation_designs import make_design

from slr_tune.ablation.budget import Budget
from slr_tune.ablation.design import _command
from slr_tune.ablation.factors import find_factor
from slr_tune.errors import SlrTuneError, SpecError, StudyError
from slr_tune.space import load_spec
from slr_tune.training.kinds import Kind

SHIPPED = Path(__file__).parents[3] / "search_spaces" / "distill.yaml"
Space = Callable[..., Path]

pytestmark = pytest.mark.usefixtures("database")


def names(space: Path, **options: Any) -> list[str]:
    return [arm.name for arm in make_design(space, **options).arms]


@pytest.mark.parametrize(
    ("factor", "expected"),
    [
        (
            "temperature",
            ["constant 1", "constant 3", "constant 4", "linear 4 -> 3", "cosine 4 -> 3"],
        ),
        ("loss_weights", ["without soft targets", "without hard labels", "without features"]),
        ("kd_blank", ["kd_blank drop"]),
        ("dropout", ["dropout 0", "dropout 0.2", "dropout 0.4"]),
        ("learning_rate", ["learning_rate 0.01", "learning_rate 0.09"]),
        ("patience", ["patience 1", "patience 2", "patience 3"]),
        ("max_epochs", ["max_epochs 3", "max_epochs 4"]),
        ("architecture", ["architecture inception", "architecture mobilenet"]),
        ("beam_width", ["beam_width 1", "beam_width 5", "beam_width 10", "beam_width 25"]),
        ("lm_weight", ["lm_weight 0", "lm_weight 0.3", "lm_weight 0.6", "lm_weight 0.9"]),
    ],
)
def test_every_standard_factor_has_levels_without_a_section_factors(
    space: Space, factor: str, expected: list[str]
) -> None:
    """The table tonight must not need a file to be written first; the baseline is no level."""
    assert names(space(), factors=[factor])[1:] == expected


def test_weights_are_renormalised(space: Space) -> None:
    """0.7 / 0.2 / 0.1 without soft targets is 2/3 and 1/3: a sum below 1 would train less."""
    design = make_design(space(), factors=["loss_weights"])
    (arm,) = [arm for arm in design.arms if arm.name == "without soft targets"]
    assert arm.config["loss_weights"] == pytest.approx({"alpha": 0, "beta": 2 / 3, "gamma": 1 / 3})


def test_levels_of_the_file_go_before_the_standard_ones(space: Space) -> None:
    """Who writes levels wants those; and the report must not call them slr-tune's own."""
    path = space(more="factors: {dropout: [0.1], patience: [2]}")
    design = make_design(path, factors=["dropout"])
    assert [arm.name for arm in design.arms] == ["dropout 0.3", "dropout 0.1"]
    assert design.notes == ()
    standard = make_design(path, factors=["kd_blank"])
    assert any("slr-tune's own" in note for note in standard.notes)


@pytest.mark.parametrize(
    ("factor", "kind"),
    [
        ("patience", Kind.STOPPING),
        ("max_epochs", Kind.STOPPING),
        ("min_delta", Kind.STOPPING),
        ("beam_width", Kind.DECODING),
        ("lm", Kind.DECODING),
        ("temperature.start", Kind.TRAINED),
        ("lr", Kind.TRAINED),
    ],
)
def test_kinds_are_found(factor: str, kind: Kind) -> None:
    """A stopping factor taken for a trained one costs days; the other way round it is wrong."""
    spec = load_spec(SHIPPED)
    config = spec.baseline_config()
    assert config is not None
    levels = {"min_delta": [0.5], "temperature.start": [2.0]}
    spec.factors.update({name: found for name, found in levels.items()})
    assert find_factor(factor, config, spec).kind is kind


def test_an_unknown_factor_lists_the_known_ones_nearest_first(space: Space) -> None:
    """A misspelling must not cost a look into the code."""
    with pytest.raises(SlrTuneError) as caught:
        make_design(space(), factors=["temprature"])
    assert "'temprature'" in caught.value.message
    assert caught.value.hint.startswith("Known, nearest first: temperature, ")
    for name in ("patience", "beam_width", "loss_weights", "learning_rate"):
        assert name in caught.value.hint


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({}, "nothing to ablate"),
        ({"factors": ["dropout"], "path": True}, "--path takes no factors"),
        ({"factors": ["dropout"], "factorial": True}, "--factorial crosses two"),
        ({"path": True, "retune": "lr"}, "--retune needs a --factor"),
        ({"factors": ["dropout"], "retune": "kd_blank"}, "not a numeric setting"),
        ({"factors": ["dropout"], "baseline": "nowhere.yaml"}, "there is no such file"),
        ({"factors": ["dropout"], "baseline": "best"}, "no finished trial"),
        ({"path": True}, "no finished trial"),
        ({"factors": ["device"]}, "no factor 'device'"),
    ],
)
def test_what_contradicts_is_refused_before_anything_is_trained(
    space: Space, changes: dict[str, Any], message: str
) -> None:
    """A night is lost if it is found out in the morning."""
    with pytest.raises(SlrTuneError, match=message) as caught:
        make_design(space(), **changes)
    assert caught.value.hint


def test_a_file_may_be_the_baseline(space: Space, tmp_path: Path) -> None:
    """What it leaves out is as in the search; what it misspells is refused by name."""
    path = tmp_path / "mine.yaml"
    path.write_text("dropout: 0.05\n")
    design = make_design(space(), factors=["patience"], baseline=str(path))
    assert design.baseline.config["dropout"] == 0.05
    assert design.baseline.config["learning_rate"] == 0.03
    assert "mine.yaml" in design.baseline.source
    path.write_text("dropuot: 0.05\n")
    with pytest.raises(SlrTuneError, match="dropuot"):
        make_design(space(), factors=["patience"], baseline=str(path))


def test_a_whole_configuration_as_the_baseline_keeps_its_decoder(
    space: Space, tmp_path: Path
) -> None:
    """`slr-tune best` leaves greedy decoding out; a file of a few settings leaves all else out."""
    searched = space(fixed=", decoding: {width: 4}")
    config = load_spec(searched).baseline_config()
    assert config is not None
    path = tmp_path / "best.yaml"

    def beam(**written: Any) -> Any:
        path.write_text(yaml.safe_dump(written))
        design = make_design(searched, factors=["patience"], baseline=str(path))
        return design.arms[0].beam

    greedy = {name: value for name, value in config.items() if name != "decoding"}
    assert beam(**greedy) is None
    assert beam(**config)["width"] == 4
    assert beam(dropout=0.1)["width"] == 4


@pytest.mark.parametrize(("text", "kind"), [("[1, 2]", "a list"), ("5", "5"), ("~", "nothing")])
def test_a_file_of_something_else_is_refused_as_the_baseline(
    space: Space, tmp_path: Path, text: str, kind: str
) -> None:
    """It ended in a traceback, or in an ablation of the space's own baseline."""
    path = tmp_path / "mine.yaml"
    path.write_text(text)
    with pytest.raises(SpecError, match=f"mine.yaml: must be a mapping of settings, not {kind}"):
        make_design(space(), factors=["patience"], baseline=str(path))


def test_a_factorial_has_every_combination_once(space: Space) -> None:
    """Three patiences beside the own one, crossed with two kinds of blank: 4 x 2 cells."""
    design = make_design(space(), factors=["patience", "kd_blank"], factorial=True)
    assert len(design.arms) == 8
    assert len({tuple(arm.levels.values()) for arm in design.arms}) == 8
    assert design.name == "patience-x-kd_blank"


def test_control_arms(space: Space) -> None:
    """No teacher at equal compute, smoothing instead of soft targets, a teacher of something else.

    Without soft targets there is nothing to control for, and a student has no teacher.
    """
    design = make_design(space(), controls=True)
    plain, smooth, shuffled = design.arms[1:]
    assert plain.config["loss_weights"] == {"alpha": 0.0, "beta": 1.0, "gamma": 0.0}
    assert plain.config["patience"] == plain.config["max_epochs"]
    assert smooth.config["label_smoothing"] == 0.1 and smooth.config["loss_weights"]["alpha"] == 0
    assert shuffled.config == design.baseline.config and "shuffled" in shuffled.trainable
    with pytest.raises(SlrTuneError, match="control arms need"):
        make_design(space(trainable="student"), controls=True)


def test_a_space_that_was_never_searched_is_ablated(space: Space, database: Path) -> None:
    """On a fresh checkout there is no database: the example of --help ended in an error."""
    database.unlink()
    design = make_design(space(), factors=["dropout"])
    assert design.view is None and len(design.arms) > 1
    with pytest.raises(StudyError, match="no finished trial"):
        make_design(space(), factors=["dropout"], baseline="best")


def test_a_study_of_that_name_that_cannot_be_read_is_no_missing_one(
    space: Space, database: Path
) -> None:
    """Taken for missing, its folder would get the stages and the reports of another study."""
    import optuna

    optuna.create_study(study_name="tiny", storage=f"sqlite:///{database}")
    with pytest.raises(StudyError, match="was not made by slr-tune"):
        make_design(space(), factors=["dropout"])


def test_the_command_names_the_database_but_for_its_password(space: Space, database: Path) -> None:
    """It stands in the report: it must reproduce it, and the report may be shown around."""
    url = f"sqlite:///{database}"
    design = make_design(space(), factors=["dropout"], storage=url)
    assert f"--storage {url}" in design.command
    output = _command(None, {"factor": ["dropout"]}, "postgresql://me:secret@host/studies")
    assert "me:***@host/studies" in output and "secret" not in output


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"factors": ["lr"], "retune": "learning_rate"}, "levels of the factor learning_rate"),
        ({"factors": ["temperature"], "retune": "temperature.start"}, "the factor temperature"),
        ({"factors": ["lr", "learning_rate"]}, "--factor learning_rate appears twice"),
        ({"factors": ["lr", "learning_rate"], "factorial": True}, "appears twice"),
        ({"factors": ["decoding", "beam"], "factorial": True}, "change the same setting"),
        ({"factors": ["temperature.start", "temperature"], "factorial": True}, "the same setting"),
        ({"factors": ["kd_blank"], "retune": "label_smoothing"}, "no other value to try near 0"),
    ],
)
def test_two_names_of_one_setting_are_refused(
    space: Space, changes: dict[str, Any], message: str
) -> None:
    """An arm that left its own level, or a factor crossed with itself, would be reported."""
    with pytest.raises(SlrTuneError, match=message) as caught:
        make_design(space(), **changes)
    assert caught.value.hint


def test_the_note_on_retuning_counts_the_values_that_there_are(space: Space) -> None:
    """Double of a patience may be more than the run takes, and of 0 there is no double."""

    def note(**changes: Any) -> str:
        design = make_design(space(), factors=["kd_blank"], budget=Budget(values=3), **changes)
        (message,) = [note for note in design.notes if "chose its" in note]
        return message

    assert "learning_rate among 3 values with seed 900" in note(retune="lr")
    assert "label_smoothing among 1 to 3 values" in note(retune="label_smoothing", controls=True)
