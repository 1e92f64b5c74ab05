"""Whole files: what a spec holds, users' own runs, and the files that ship with the project."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import optuna
import pytest

from slr_tune.errors import SpecError
from slr_tune.space import StudySpec, load_spec, with_level
from trainables.config import LATER_DEFAULTS
from trainables.registry import config_class

WriteFile = Callable[..., Path]
ROOT = Path(__file__).parents[3]
SHIPPED = sorted((ROOT / "search_spaces").glob("*.yaml"))


def test_a_spec_holds_what_the_file_says(write: WriteFile) -> None:
    spec = load_spec(write())
    assert (spec.study, spec.trainable, spec.seed) == ("example", "distill", 7)
    assert spec.data["name"] == "libras" and spec.data["train"] == 600, "defaults are filled in"
    assert spec.teacher is not None and spec.teacher.kind == "train"
    assert spec.teacher.settings["hidden"] == 64 and "layers" in spec.teacher.settings
    assert (spec.objective.metric, spec.objective.direction) == ("val/wer", "minimize")
    assert (spec.budget.trials, spec.budget.max_epochs) == (24, 24)
    assert (spec.budget.grace_epochs, spec.budget.reduction_factor) == (3, 3)
    assert (spec.resources.workers, spec.resources.gpus_per_trial) == (2, 0)
    assert spec.factors == {
        "patience": [4, 8],
        "temperature": [{"schedule": "constant", "start": 1.0}],
    }
    assert spec.path == Path("space.yaml")


LEFT_OUT = {
    "decoding",
    "early_stopping",
    "scoring",
    *(name for name, _ in LATER_DEFAULTS),
}
"""In no stored configuration where nobody set them: greedy decoding has no settings, and studies of
before early stopping could watch another metric must stay the same."""


def test_fixed_holds_every_setting_that_is_not_searched(write: WriteFile) -> None:
    """The study's record must say all of what was run."""
    spec = load_spec(write())
    fields = set(config_class("distill").model_fields)
    searched = {"dropout", "learning_rate", "loss_weights", "kd_blank", "patience"}
    assert set(spec.fixed) == fields - searched - {"max_epochs", *LEFT_OUT}
    assert not {"schedule", "start"} & set(spec.fixed["temperature"])


def test_the_baseline_has_the_fixed_values_of_its_branch(write: WriteFile) -> None:
    spec = load_spec(write())
    assert spec.baseline is not None
    assert spec.baseline["temperature"]["milestones"] == [0.5]


def test_configurations_are_whole_and_in_order(write: WriteFile) -> None:
    """Fixed settings under the trial's values under nothing: each must win where it should."""
    spec = load_spec(write(), max_epochs=9)
    config = spec.baseline_config()
    fields = set(config_class("distill").model_fields)
    assert config is not None and set(config) == fields - LEFT_OUT
    assert (config["batch_size"], config["dropout"], config["max_epochs"]) == (16, 0.2, 9)
    with pytest.raises(SpecError, match="dropout: must be below 1, not 2"):
        spec.config_for({"dropout": 2})


def test_groups_given_in_part_keep_the_trainables_defaults(write: WriteFile) -> None:
    """`fixed: {augmentation: {noise: 0.1}}` does not switch the rest to something else."""
    spec = load_spec(write(), overrides=["fixed.learning_rate_schedule.warmup_epochs=3"])
    default = config_class("distill")().model_dump(mode="json")["learning_rate_schedule"]
    assert spec.fixed["learning_rate_schedule"] == default | {"warmup_epochs": 3}


def test_a_level_replaces_its_group_as_a_whole(write: WriteFile) -> None:
    """A constant schedule must not keep the step schedule's end."""
    spec = load_spec(write())
    assert spec.baseline is not None
    level = spec.factors["temperature"][0]
    changed = with_level(spec.baseline, "temperature", level)
    assert changed["temperature"] == level and changed["dropout"] == 0.2
    assert spec.baseline["temperature"]["end"] == 3.0, "the baseline itself was changed"
    inner = with_level(spec.baseline, "temperature.start", 2.0)["temperature"]
    assert (inner["start"], inner["end"]) == (2.0, 3.0)
    assert spec.baseline["temperature"]["start"] == 4.0, "the baseline itself was changed"
    assert spec.config_for(changed)["temperature"]["schedule"] == "constant"


def test_defaults_of_a_short_file(write: WriteFile) -> None:
    spec = load_spec(
        write(
            "study: short\ntrainable: student\ndata: {name: libras}\n"
            "budget: {trials: 2, max_epochs: 3}\nspace: {dropout: {float: [0, 0.5]}}\n"
        )
    )
    assert (spec.seed, spec.baseline, spec.factors, spec.teacher) == (0, None, {}, None)
    assert (spec.budget.grace_epochs, spec.resources.workers) == (1, "auto")
    assert spec.baseline_config() is None


def test_a_checkpoint_of_a_teacher_must_be_there(write: WriteFile) -> None:
    teacher = "teacher={checkpoint: best.pt}"
    with pytest.raises(SpecError, match="teacher.checkpoint: there is no file best.pt\n  A relat"):
        load_spec(write(), overrides=[teacher])
    Path("best.pt").touch()
    spec = load_spec(write(), overrides=[teacher])
    assert spec.teacher is not None
    assert (spec.teacher.kind, spec.teacher.value) == ("checkpoint", "best.pt")
    other = load_spec(write(), overrides=["teacher={study: other}"])
    assert other.teacher is not None and other.teacher.settings == {}


def own(write: WriteFile, name: str, more: str) -> StudySpec:
    return load_spec(
        write(f"study: own\ntrainable: {name}\nbudget: {{trials: 2, max_epochs: 3}}\n{more}")
    )


def test_a_users_own_run_needs_no_data(write: WriteFile, own_run: str) -> None:
    """And any column may be its objective."""
    spec = own(
        write,
        own_run,
        "objective: {metric: score, direction: maximize}\n"
        "space:\n  rate: {float: [0.01, 0.9]}\n  kernel: {width: {int: [1, 9], step: 2}}\n"
        "  sizes: {choice: [[1, 2], [3]]}\n",
    )
    assert spec.data == {} and spec.objective.metric == "score"
    config = spec.config_for({"rate": 0.5, "kernel": {"width": 5}, "sizes": [3]})
    assert config["kernel"] == {"width": 5, "dilation": 1}
    assert config["sizes"] == [3]


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ("space: {rat: {float: [0.1, 0.9]}}", "4:9: space.rat: is not a setting of Config"),
        ("space: {kernel: {widht: {int: [1, 9]}}}", "4:18: space.kernel.widht: is not a setting"),
        ("space: {rate: {float: [0.1, 1.5]}}", "4:29: space.rate: high=1.5 must be below 1"),
        ("space: {kernel: {width: {float: [1, 9]}}}", "4:34: space.kernel.width: low=1.0 must be"),
        (
            "space: {low: {int: [1, 6]}}",
            "4:24: space.low: high=6 is refused: low=6 is above high=4",
        ),
        (
            "space: {low: {int: [1, 3]}, high: {int: [2, 9]}}",
            "4:8: space: low=3 is above high=2; refused values:",
        ),
        (
            "fixed: {deep: 'yes'}\nspace: {rate: {float: [0.1, 0.9]}}",
            '4:15: fixed.deep: must be true or false, not "yes"',
        ),
        (
            "fixed: {kernel: {widht: 3}}\nspace: {rate: {float: [0.1, 0.9]}}",
            "4:18: fixed.kernel.widht: is not a setting of kernel",
        ),
        (
            "fixed: {sizes: [1, two]}\nspace: {rate: {float: [0.1, 0.9]}}",
            '4:20: fixed.sizes.1: must be a whole number, not "two"',
        ),
    ],
)
def test_a_users_settings_are_checked_as_ours(
    more: str, message: str, write: WriteFile, own_run: str
) -> None:
    """Pydantic ignores unknown keys and reads "yes" as true: either could cost a night."""
    with pytest.raises(SpecError) as caught:
        own(write, own_run, more)
    assert str(caught.value).startswith(f"space.yaml:{message}")


def test_a_required_setting_must_be_given(write: WriteFile, own_run: str) -> None:
    name = own_run.replace("OwnRun", "NeedsMore")
    space = "space: {rate: {float: [0.1, 0.9]}}\n"
    with pytest.raises(SpecError, match="vocabulary: is missing\n  Give it under fixed or space"):
        own(write, name, space)
    assert own(write, name, space + "fixed: {vocabulary: a}").fixed["vocabulary"] == "a"


def test_rules_between_parameters_and_the_baseline(write: WriteFile, own_run: str) -> None:
    """Each value may be in its range, and the run still be refused."""
    with pytest.raises(SpecError, match="^space.yaml:5:11: baseline: low=4 is above high=2$"):
        own(
            write,
            own_run,
            "space: {low: {int: [1, 4]}, high: {int: [2, 6]}}\nbaseline: {low: 4, high: 2}\n",
        )
    with pytest.raises(SpecError, match="^space.yaml:5:27: space.low: option 4 is refused: low=4"):
        own(write, own_run, "fixed: {high: 2}\nspace: {low: {choice: [1, 4]}}\n")


@pytest.mark.parametrize("path", SHIPPED, ids=[path.stem for path in SHIPPED])
def test_shipped_files_are_valid_and_say_how_to_run_them(path: Path) -> None:
    spec = load_spec(path)
    assert f"# slr-tune run search_spaces/{path.name}" in path.read_text().splitlines()[:2]
    assert spec.baseline is not None and spec.factors
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    study.enqueue_trial(spec.space.encode(spec.baseline))
    for number in range(200):
        values = spec.space.suggest(study.ask())
        spec.config_for(values)
        assert number > 0 or values == spec.baseline


def test_shipped_files_are_the_four() -> None:
    assert [path.stem for path in SHIPPED] == ["distill", "self_distill", "student", "teacher"]
    assert len({load_spec(path).study for path in SHIPPED}) == 4


def test_every_section_and_kind_is_in_the_reference() -> None:
    """The reference is what a user has; what it leaves out does not exist."""
    from slr_tune.space.parameters import KINDS
    from slr_tune.space.spec import SECTIONS

    text = (ROOT / "docs" / "search-space.md").read_text()
    assert all(f"`{name}`" in text for name in (*SECTIONS, *KINDS))


def test_the_space_imports_no_engine() -> None:
    """torch, ray and optuna take seconds; a wrong file must be refused at once."""
    engines = "{'torch', 'ray', 'optuna', 'pandas'}"
    code = f"import slr_tune.space, sys; print(*{engines} & {{*sys.modules}})"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert done.stdout.strip() == ""
