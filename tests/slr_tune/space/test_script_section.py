"""A script in a search-space file: what is wrong with its description is told with its place."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from foreign_scripts import SCRIPTS, script_space, script_spec

from slr_tune.errors import SpecError
from slr_tune.space import StudySpec, load_spec
from trainables.registry import run_title
from trainables.script.command import Filling, arguments
from trainables.script.spec import script_of

GOOD = f"""study: s
trainable:
  command: {sys.executable} {SCRIPTS}/train_teacher.py --learning_rate {{learning_rate}}
  metrics: {{stdout: 'WER: (?P<val_wer>.*)'}}
objective: {{metric: val_wer}}
budget: {{trials: 2, max_epochs: 3}}
space:
  learning_rate: {{float: [1.0e-4, 1.0e-2], log: true}}
"""


def error_text(folder: Path, old: str, new: str, text: str = GOOD) -> str:
    """What is refused of a file that was changed in one place."""
    assert old in text
    path = folder / "s.yaml"
    path.write_text(text.replace(old, new, 1))
    with pytest.raises(SpecError) as caught:
        load_spec(path)
    return str(caught.value)


@pytest.mark.parametrize(
    ("old", "new", "output"),
    [
        ("{learning_rate}", "{lerning_rate}", "3:12: trainable.command: {lerning_rate} is neither "
         "in space nor in fixed\n  Did you mean learning_rate?"),
        ("  learning_rate:", "  dropuot: {float: [0, 1]}\n  learning_rate:",
         "8:3: space.dropuot: is not a setting of train_teacher.py"),
        ("train_teacher.py", "train_techer.py", "there is no file"),
        (sys.executable, "pyhton", "there is no program 'pyhton' in PATH"),
        ("  metrics:", "  metric:", "4:3: trainable.metric: is not known\n  Did you mean metrics?"),
        ("stdout:", "stdot:", "trainable.metrics.stdot: is not known\n  Did you mean stdout?"),
        ("(?P<val_wer>.*)", "(.*)", "has no named group"),
        ("(?P<val_wer>.*)", "(?P<val_wer>", "missing ), unterminated subpattern"),
        ("(?P<val_wer>.*)", "(?P<val_were>.*)", "no group is called val_wer, which is the "
         "objective's metric\n  Did you mean val_were?"),
        ("stdout: 'WER: (?P<val_wer>.*)'", "csv: runs/metrics.csv",
         "runs/metrics.csv would be the same file for every trial"),
        ("objective", "  predictions: {ctm: '{folder}/x.ctm'}\nobjective",
         "{ctm: PATH, stm: PATH} with the references"),
        ("objective", "  config: {file: '{folder}/c.yaml', template: no.yaml}\nobjective",
         "no.yaml cannot be read: No such file"),
        (f"{sys.executable} {SCRIPTS}/train_teacher.py", f"{SCRIPTS}/train_teacher.py",
         f"train_teacher.py is not executable\n  chmod +x {SCRIPTS}/train_teacher.py"),
        ("objective", "  resume: --resume checkpoints/last.pt\nobjective",
         "trainable.resume: checkpoints/last.pt would be the same file for every trial"),
        ("{metric: val_wer}", "{metric: val_wer, scoring: phoenix}",
         "objective.scoring: train_teacher.py counts its own errors"),
        ("objective", "  resume: --resume 'x\nobjective", "cannot be split into words"),
        (f"{sys.executable} {SCRIPTS}/", "bash missing.sh ", "there is no file missing.sh"),
        (f"{sys.executable} {SCRIPTS}/train_teacher.py", "./missing", "there is no file missing"),
        (f"{sys.executable} {SCRIPTS}/train_teacher.py --learning_rate {{learning_rate}}",
         "python train.py {learning_rate}\n  working_folder: '{folder}'",
         "train.py would be looked for in working_folder, which each run has for itself"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_reported(tmp_path: Path, old: str, new: str, output: str) -> None:
    # Broken if a night were spent on a script that is started wrongly.
    assert output in error_text(tmp_path, old, new)


def test_a_program_of_the_working_directory_is_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`./train.sh` that may be executed, as its owner starts it."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "train.sh").touch(mode=0o755)
    path = tmp_path / "s.yaml"
    path.write_text(GOOD.replace(f"{sys.executable} {SCRIPTS}/train_teacher.py", "./train.sh"))
    assert run_title(load_spec(path).trainable) == "train.sh"


def test_a_script_in_the_home_folder_is_found_when_it_is_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The check expanded `~`, and the script was then looked for in a folder of that name."""
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "mine.py").touch()
    path = tmp_path / "s.yaml"
    path.write_text(GOOD.replace(f"{SCRIPTS}/train_teacher.py", "~/mine.py"))
    spec = load_spec(path)
    words = arguments(
        script_of(spec.trainable), Filling({"learning_rate": 0.1}, seed=1, folder=tmp_path)
    )
    assert words[1] == str(tmp_path / "mine.py")


def test_keys_of_a_configuration_file_are_known(tmp_path: Path) -> None:
    """A misspelt key would be written into the file, and the script would not look at it."""
    space = script_space(tmp_path, "distill").read_text()
    assert "is not a setting of model" in error_text(
        tmp_path, "{dropout: {float", "{drop: {float", space
    )
    assert "training.epoch is not in" in error_text(
        tmp_path, "training.epochs:", "training.epoch:", space
    )


def test_where_options_are_not_named_all_settings_are_passed(tmp_path: Path) -> None:
    """`--name value`, `max_epochs` too."""
    path = tmp_path / "s.yaml"
    path.write_text(
        GOOD.replace(" --learning_rate {learning_rate}", " --epochs {max_epochs}").replace(
            "space:", "fixed: {amp: true, augment: false, layers: [1, 2]}\nspace:"
        )
    )
    spec = load_spec(path)
    config = spec.config_for({"learning_rate": 0.001})
    words = arguments(script_of(spec.trainable), Filling(config, seed=1, folder=tmp_path))
    assert words[2:] == ["--epochs", "3", "--amp", "--layers", "1", "2", "--learning_rate", "0.001"]


@pytest.mark.parametrize("name", ["teacher", "distill", "click"])
def test_a_stored_study_gives_the_same_script(tmp_path: Path, name: str) -> None:
    """The template is kept with the study: a report needs none of the script's files."""
    spec = script_spec(tmp_path, name)
    identity = spec.identity()
    assert isinstance(identity["trainable"], dict)
    again = StudySpec.from_identity(identity, latest=spec.latest())
    assert again.trainable == spec.trainable and run_title(again.trainable).endswith(".py")
    assert again.baseline_config() == spec.baseline_config()
