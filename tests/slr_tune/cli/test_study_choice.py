"""A study is named in the same way in every command, and what tired people type is answered."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import click
import pytest
from generated_study import generate_study

from slr_tune.cli.main import COMMANDS, LazyGroup, cli

Call = Callable[..., tuple[int, str, str]]
SPACE = Path(__file__).parents[3] / "search_spaces" / "distill.yaml"
NAMED_BY_CHECKPOINT = {"evaluate", "diagnose", "tune-decoder", "soft-targets"}
"""Their argument is a checkpoint or a study."""
NAMED_BY_SPACE = {"run", "verify", "import"}
"""Their argument is the space, or the runs; `--study` gives the study another name."""


def command_of(name: str) -> click.Command:
    assert isinstance(cli, LazyGroup)
    command = cli.get_command(click.Context(cli), name)
    assert command is not None
    return command


def test_every_command_with_a_study_takes_it_both_ways() -> None:
    """As an argument and as `--study`: nobody has to remember which command wants which."""
    taking = 0
    for name in COMMANDS:
        command = command_of(name)
        options = {o for p in command.params if isinstance(p, click.Option) for o in p.opts}
        arguments = [p.make_metavar(click.Context(command)) for p in command.params
                     if isinstance(p, click.Argument)]  # fmt: skip
        if "--study" in options and name not in NAMED_BY_CHECKPOINT | NAMED_BY_SPACE:
            assert any("STUDY" in argument for argument in arguments), name
        if any("STUDY" in argument for argument in arguments) and name != "compare":
            assert "--study" in options, name
            taking += 1
    assert taking >= 12


@pytest.mark.parametrize("command", ["show", "best", "export", "clean", "stop"])
def test_argument_and_option_mean_the_same(database: Path, call: Call, command: str) -> None:
    """And two different names are refused, not chosen from."""
    generate_study(4, name="one", curves=False)
    more = ["--dry-run"] if command == "clean" else []
    by_argument = call(command, "one", *more)
    by_option = call(command, "--study", "one", *more)
    assert by_argument == by_option
    both = call(command, "one", "--study", "one", *more)
    assert both == by_argument
    code, _, error = call(command, "one", "--study", "two", *more)
    assert code == 2 and "STUDY is 'one' and --study is 'two'" in error


@pytest.mark.parametrize("command", [["delete"], ["move", "--to", "sqlite:///other.db"]])
def test_what_cannot_be_undone_needs_a_name(database: Path, call: Call, command: list[str]) -> None:
    """The most recent study is never deleted or moved unnamed."""
    generate_study(4, curves=False)
    code, _, error = call(*command)
    assert code == 2 and "Missing argument 'STUDY'" in error and "slr-tune list" in error


def test_a_note_takes_its_study_from_anywhere(database: Path, call: Call) -> None:
    """Text alone goes to the most recent study."""
    generate_study(4, curves=False)
    assert call("note", "first")[0] == 0
    assert call("note", "generated", "second")[0] == 0
    assert call("note", "third", "--study", "generated", "--trial", "2")[0] == 0
    out = call("show")[1]
    assert "note: first" in out and "note: second" in out and "note on trial 2: third" in out
    code, _, error = call("note", "generated", "two", "words")
    assert code == 2 and "put the text in quotes" in error


def test_ablate_takes_a_study_a_file_or_says_what_is_a_factor(database: Path, call: Call) -> None:
    """`ablate temperature` is what people type first."""
    generate_study(4, curves=False)
    for command in (["generated"], ["--study", "generated"], [SPACE, "--study", "generated"]):
        code, out, _ = call("ablate", *command, "--factor", "T", "--dry-run")
        assert code == 0 and "Study generated. Ablation of temperature." in out
    for typed in ("temperature", "lr"):
        code, _, error = call("ablate", typed)
        assert code == 2 and f"slr-tune ablate --factor {typed}" in error
    code, _, error = call("ablate", "nothing-of-the-kind")
    assert code == 2 and "no such file" in error


@pytest.mark.parametrize(
    ("arguments", "answer"),
    [
        (["run", SPACE, "--set", "dropout=0.3", "--dry-run"],
         "Did you mean space.dropout or baseline.dropout?"),
        (["run", SPACE, "--set", "batch_size=3", "--dry-run"], "Did you mean fixed.batch_size?"),
        (["run", SPACE, "--set", "label_smoothing=0.1", "--dry-run"],
         "fixed.label_smoothing, space.label_smoothing or baseline.label_smoothing?"),
        (["run", SPACE, "--set", "bugdet.trials=3", "--dry-run"], "Did you mean budget?"),
        (["run", SPACE, "--lr", "0.1"], "--set fixed.learning_rate=VALUE"),
        (["train", "student", "--learning-rate", "0.1"], "--set learning_rate=VALUE"),
        (["train", "student", "--sed", "1"], "Did you mean"),
        (["show", "--trails", "3"], "--trial"),
        (["run", SPACE, "--epochs", "3"], "Did you mean '--max-epochs'?"),
        (["run", SPACE, "--seeds", "3"], "slr-tune confirm and slr-tune ablate train with several"),
        (["confirm", "--seed", "3"], "'--seeds' is how many new seeds each configuration gets"),
        (["ablate", "--seed", "3"], "'--seeds' is how many new seeds each configuration gets"),
        (["train", "student", "--epochs", "3"], "--set max_epochs=VALUE"),
        (["run", SPACE, "--gpus", "1"], "--set resources.gpus_per_trial=VALUE"),
        (["run", SPACE, "--name", "x"], "Did you mean '--study'?"),
        (["run", SPACE, "--resume"], "The same command resumes by itself"),
        (["run", SPACE, "lr=0.1"], "--set fixed.learning_rate=0.1"),
        (["run", SPACE, "--set", "batch_size", "8"], "A setting is one word: --set batch_size=8"),
        (["run", SPACE, "--set", "epochs=5"], "Did you mean budget.max_epochs?"),
        (["run", SPACE, "--set", "max_epochs=5"], "Did you mean budget.max_epochs?"),
        (["run", SPACE, "--set", "trials=5"], "Did you mean budget.trials?"),
        (["run", SPACE, "--set", "gpus=1"], "Did you mean resources.gpus_per_trial?"),
        (["run", SPACE, "--set", "fixed.lr=0.1"],
         "--set 'space.learning_rate={fixed: VALUE}' --set baseline.learning_rate=VALUE"),
        (["run", SPACE, "--set", "fixed.temperature=4"], "is also given as space.temperature"),
        (["run", SPACE, "--storage", "mydb", "--dry-run"], "is not a database URL"),
        (["run", "distil"], "Did you mean distill?"),
        (["run"], "For example: slr-tune run search_spaces/distill.yaml"),
        (["train"], "For example: slr-tune train teacher"),
        (["resume"], "give its slr-tune run command again"),
        (["tune", "distill"], "Did you mean 'run'?"),
        (["status"], "Did you mean 'show'?"),
        (["help", "run"], "Try: slr-tune --help"),
        (["ablate", "temperature"], "Try: slr-tune ablate --factor temperature"),
        (["enqueue", "dropout=0.3"], "Give a setting with --set dropout=0.3"),
        (["enqueue", "mine", "lr=0.3"], "Give a setting with --set: --set lr=0.3"),
        (["run", SPACE, "--lr", "0.1"], "(fixed.lr if your own run calls it so)"),
        (["show", "3"], "there is no database"),
        (["show", "mine", "3"], "Did you mean --trial 3?"),
        (["best", "--trial", "3"], "slr-tune show --trial NUMBER"),
        (["dashboard", "8080"], "Did you mean --port 8080?"),
        (["prepare", "phoenix"], "a folder laid out like PHOENIX-2014"),
        (["import", "runs.csv", "--space", "distil"], "Did you mean distill?"),
    ],
)  # fmt: skip
def test_guesses(call: Call, arguments: list[object], answer: str) -> None:
    """Bad input ends with exit code 2 and with what was meant."""
    code, _, error = call(*arguments)
    assert code == 2 and answer in error


def test_guesses_that_need_a_study(database: Path, studies: Path, call: Call) -> None:
    """A trial that was typed for a study, a note without its text, factors in one word."""
    generate_study(4, curves=False)
    (studies / "generated").mkdir(exist_ok=True)
    (studies / "generated" / "study.yaml").write_text(
        "runs: [{space_file: SPACE, options: {--trials: 4}}]\n"
    )
    for arguments, answer in (
        (["show", "3"], "For trial 3: slr-tune show --trial 3"),
        (["note", "generated"], "Add the text: slr-tune note generated 'TEXT'"),
        (["ablate", "--factor", "T,lr"], "--factor temperature --factor learning_rate"),
        (["ablate", "generated", "--factor", "T", "lr"], "One option for each: --factor lr"),
        (["ablate", "--factor", "lr=0.1"], "Give the name alone: --factor learning_rate"),
        (["run", "generated"], "slr-tune run SPACE --study generated --trials 4"),
    ):
        code, _, error = call(*arguments)
        assert code == 2 and answer in error, error


def test_short_names_hold_wherever_a_setting_is_typed(database: Path, call: Call) -> None:
    """`lr` is learning_rate in --set and --factor, under every section."""
    generate_study(4, curves=False)
    code, out, _ = call("run", SPACE, "--set", "baseline.lr=0.007", "--dry-run", "--json")
    assert code == 0 and '"learning_rate": 0.007' in out
    code, out, _ = call("enqueue", "--set", "lr=0.007")
    assert code == 0 and '"learning_rate": 0.007' in out
    code, out, _ = call("ablate", "--factor", "lr", "--dry-run")
    assert code == 0 and "Ablation of learning_rate" in out
