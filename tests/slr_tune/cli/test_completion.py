"""What the shell offers: the words after <TAB>, as click's own completion asks for them."""

from __future__ import annotations

from pathlib import Path

import click
import pytest
from click.shell_completion import ShellComplete
from generated_study import generate_study

from slr_tune.cli.main import COMMANDS, cli


def offered(*words: str) -> list[str]:
    """What is offered for the last word."""
    found = ShellComplete(cli, {}, "slr-tune", "_SLR_TUNE_COMPLETE").get_completions(
        list(words[:-1]), words[-1]
    )
    return [item.value for item in found if item.type != "file"]


@pytest.fixture
def study(database: Path) -> None:
    generate_study(12, curves=False)


def test_studies_factors_and_trials(study: None) -> None:
    assert offered("show", "ge") == ["generated"]
    for command in ("report", "importance", "ablate", "confirm", "diagnose", "run"):
        rest = ["x.yaml"] if command == "run" else []
        assert offered(command, *rest, "--study", "") == ["generated"], command
    assert offered("show", "generated", "--trial", "1") == ["1", "10", "11"]
    assert offered("show", "another", "--trial", "1") == []
    assert offered("diagnose", "--study", "generated", "--trial", "11") == ["11"]
    assert "loss_weights" in offered("ablate", "--factor", "loss")
    assert offered("ablate", "--factor", "kd_blank", "--retune", "learning_r") == [
        "learning_rate",
        "learning_rate_schedule",
        "learning_rate_schedule.name",
        "learning_rate_schedule.warmup_epochs",
        "learning_rate_schedule.min_learning_rate",
        "learning_rate_schedule.restart_epochs",
        "learning_rate_schedule.restart_factor",
    ]


def test_spaces_and_commands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for command in ("run", "verify", "ablate", "overfit"):
        assert offered(command, "phoenix/s") == ["phoenix/self_distill", "phoenix/student"]
    assert offered("init", "dist") == ["distill"]
    assert offered("ablate", "distill", "--factor", "kd") == ["kd_blank"]
    assert offered("imp") == ["import", "importance"]


def test_nothing_is_offered_where_nothing_is_known(studies: Path) -> None:
    # A traceback would land in what is being typed; a look must not make a database either.
    assert offered("show", "") == []
    assert offered("show", "--storage", "nonsense", "--trial", "") == []
    assert offered("ablate", "--factor", "") == []
    assert not studies.exists()


def test_every_parameter_of_these_names_is_offered_something() -> None:
    from slr_tune.cli.completion import OFFERED

    for name in COMMANDS:
        command = cli.get_command(click.Context(cli), name)
        assert command is not None
        for parameter in command.params:
            if parameter.name in OFFERED:
                assert "shell_complete" in vars(parameter), (name, parameter.name)
