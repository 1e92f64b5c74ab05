"""What may be asked of an ablation: the same from Python as from the command line."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import Any

import click
import pytest

import slr_tune
from slr_tune.ablation import design
from slr_tune.ablation.budget import Budget
from slr_tune.ablation.options import AblationOptions
from slr_tune.cli.main import cli

Asked = list[tuple[Path | None, AblationOptions]]
NAMED_OTHERWISE = {"with_test": "test", "one_budget": "family"}


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Asked:
    """What reaches the design; nothing goes on from there."""
    found: Asked = []

    def refused(space: Path | None, options: AblationOptions) -> None:
        found.append((space, options))
        raise slr_tune.SlrTuneError("enough", hint="None.")

    monkeypatch.setattr(design, "make_design", refused)
    return found


@pytest.mark.parametrize(
    ("words", "given"),
    [
        ("--factor dropout", {"factors": ["dropout"]}),
        (
            "--factor dropout --until-decided --budget 40runs --seeds 8 --margin 2.5",
            {
                "factors": ["dropout"],
                "until_decided": True,
                "budget": "40runs",
                "seeds": 8,
                "margin": 2.5,
            },
        ),
        (
            "--factor kd_blank --teachers 3 --family study --seeds 3 --test --no-share",
            {
                "factors": ["kd_blank"],
                "teachers": 3,
                "family": "study",
                "seeds": 3,
                "test": True,
                "share": False,
            },
        ),
        (
            "--factor kd_blank --orders 2",
            {"factors": ["kd_blank"], "orders": 2},
        ),
        (
            "--factor kd_blank --retune lr --budget 4 --controls --baseline best --workers 2",
            {
                "factors": ["kd_blank"],
                "retune": "lr",
                "budget": 4,
                "controls": True,
                "baseline": "best",
                "workers": 2,
            },
        ),
        (
            "--study told --path --address auto --storage sqlite:///a.db",
            {"study": "told", "path": True, "address": "auto", "storage": "sqlite:///a.db"},
        ),
        (
            "distill --factor temperature --factor kd_blank --factorial",
            {"space": "distill", "factors": ["temperature", "kd_blank"], "factorial": True},
        ),
    ],
)
def test_the_same_is_asked_from_python(asked: Asked, words: str, given: dict[str, Any]) -> None:
    """An option that Python lacked would send a user of notebooks back to the shell."""
    command = cli.get_command(click.Context(cli), "ablate")
    assert command is not None
    for call in (
        lambda: command.main(words.split(), standalone_mode=False),
        lambda: slr_tune.ablate(**given, progress=False),
    ):
        with pytest.raises(slr_tune.SlrTuneError, match="enough"):
            call()
    assert asked[0] == asked[1]


def test_every_option_has_a_name_in_python() -> None:
    """And Python none that the options lack."""
    names = {NAMED_OTHERWISE.get(field.name, field.name) for field in fields(AblationOptions)}
    names -= {"shipping"}  # of the command alone
    assert set(inspect.signature(slr_tune.ablate).parameters) == names | {"space", "progress"}


def test_one_factor_may_be_given_by_its_name(asked: Asked) -> None:
    """`factors="lr"` was the factors "l" and "r"."""
    with pytest.raises(slr_tune.SlrTuneError, match="enough"):
        slr_tune.ablate(factors="lr", progress=False)
    assert asked[0][1].factors == ("lr",)


def test_what_the_command_line_refuses_is_refused_here(asked: Asked) -> None:
    """Before anything is looked for."""
    wrong: dict[str, Callable[[], object]] = {
        "seeds=2 is too few": lambda: slr_tune.ablate(factors=["dropout"], seeds=2),
        "teachers=0": lambda: slr_tune.ablate(factors=["dropout"], teachers=0),
        "orders=0": lambda: slr_tune.ablate(factors=["dropout"], orders=0),
        "family='all' must be": lambda: slr_tune.ablate(factors=["dropout"], family="all"),  # type: ignore[arg-type]
        "is not a budget": lambda: slr_tune.ablate(factors=["dropout"], budget="much"),
    }
    for message, call in wrong.items():
        with pytest.raises(slr_tune.SlrTuneError, match=message) as caught:
            call()
        assert caught.value.hint
    assert not asked


def test_a_budget_is_of_values_or_of_what_may_be_spent() -> None:
    """`--budget 3` beside --until-decided must not pass for three runs."""
    assert AblationOptions(budget=Budget(values=4), retune="lr").retuned_values == 4
    assert AblationOptions(budget=Budget(values=4), retune="lr").spend is None
    assert AblationOptions(budget=Budget(runs=40)).spend == Budget(runs=40)
    assert AblationOptions(budget=Budget(runs=40)).retuned_values == 3
    assert AblationOptions(budget=Budget(values=4)).spend == Budget(values=4)
