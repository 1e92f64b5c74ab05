"""`slr-tune importance` as a user calls it."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from browser import Browser
from generated_study import generate_study
from printed_figures import brings_its_fonts, pdf_width

from slr_tune.importance import study_importance
from slr_tune.study.folders import study_folder
from slr_tune.study.view import load_study

Call = Callable[..., tuple[int, str, str]]


def test_prints_the_table_and_writes_page_and_figures(
    database: Path, call: Call, browser: Browser
) -> None:
    """All that a paper needs: what matters, how sure that is, and the figures."""
    generate_study(150, curves=False)
    code, out, output = call("importance")
    assert code == 0 and "'generated', the most recent one" in output
    assert "learning_rate matters most" in out and "90 % band" in out
    assert "Gaussian process at epoch 24" in out and "no effect seen" in out
    assert (
        "to gain" in out and "baseline (trial 0)" in out and "The six largest interactions" in out
    )
    assert "best values in" in out and "loss_weights.alpha" in out
    folder = study_folder("generated") / "importance"
    for name in ("importance.png", "importance.pdf", "marginals.png", "marginals.pdf"):
        assert (folder / name).stat().st_size > 5_000 and str(folder / name) in output
    for name in ("importance.pdf", "marginals.pdf"):
        assert pdf_width(folder / name) == pytest.approx(17.4, abs=0.01)
        assert brings_its_fonts(folder / name)
    page = folder / "importance.html"
    for width, dark in ((1280, False), (390, True)):
        opened = browser.open(page, width=width, dark=dark)
        assert opened.errors == [] and opened.outside_requests == [] and opened.sideways <= 0
        drawn = opened.evaluate("return document.querySelectorAll('.plot .main-svg').length")
        assert drawn > 10
        about = opened.evaluate("return document.querySelector('.subtitle').textContent")
        assert "Gaussian process" in about


def test_json_names_evaluator_epoch_and_intervals(database: Path, call: Call) -> None:
    """A script reads the shares of the epoch and the evaluator that it asked for."""
    generate_study(60, curves=False)
    code, out, _ = call("importance", "--epoch", 3, "--evaluator", "mdi", "--json")
    found = json.loads(out)
    assert code == 0 and found["main"]["evaluator"] == "mdi" and found["main"]["epoch"] == 3
    assert sum(unit["share"] for unit in found["main"]["units"]) == pytest.approx(1.0)
    for unit in found["main"]["units"]:
        assert 0 <= unit["low"] <= unit["share"] <= unit["high"] <= 1
    code, out, _ = call("importance", "--epoch", 9, "--json")
    asked = json.loads(out)["main"]
    assert code == 0 and asked["evaluator"] == "gp" and asked["epoch"] == 9
    assert {one["epoch"] for one in found["choice"]["candidates"]} >= {3, 9, 24}
    assert all(Path(path).is_file() for path in found["files"])


def test_too_few_trials_are_reported_and_still_leave_a_page(database: Path, call: Call) -> None:
    """The first look comes after the first trials."""
    generate_study(6, curves=False)
    code, out, _ = call("importance")
    assert code == 0 and "at least 10 are needed" in out
    assert "at least 10" in (study_folder("generated") / "importance/importance.html").read_text()


def test_what_is_misspelt_ends_in_one_sentence(database: Path, call: Call) -> None:
    """No traceback, and the way out."""
    generate_study(12, curves=False)
    code, out, output = call("importance", "--study", "generatde")
    assert code == 2 and out == "" and "generated" in output
    code, _, output = call("importance", "--epoch", 25)
    assert code == 2 and "epoch 25" in output and "longest ran 24" in output
    code, _, output = call("importance", "--evaluator", "shapley")
    assert code == 2 and "ped-anova" in output
    code, _, output = call("importance", "--epoch", 0)
    assert code == 2 and "--epoch" in output


def test_a_thousand_trials_take_less_than_eight_seconds(database: Path) -> None:
    """The work grows with the cube of the rows: of a long study an even part is taken."""
    generate_study(1000, curves=False)
    view = load_study(None)
    study_importance(view)  # imports
    began = time.process_time()
    study_importance(view)
    assert time.process_time() - began < 8.0
