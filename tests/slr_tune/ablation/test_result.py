"""`result.json`: what is written is read back equal, and a script can read `runs.csv`."""

from __future__ import annotations

import csv
import dataclasses
import json
import math
from pathlib import Path

import pytest

from slr_tune.ablation.result import (
    MAIN,
    AblationResult,
    ArmDescription,
    ArmRow,
    Baseline,
    PathStep,
    Receipt,
    ResultTable,
    RunRow,
    StageRow,
    curve_columns,
)
from slr_tune.ablation.result_files import read_result, write_result
from slr_tune.errors import SlrTuneError


def example() -> AblationResult:
    """Two arms, one seed, every kind of field in use."""
    rows = (
        ArmRow("a [1]", (25.0,), 25.0, 20.0, 5.0, 0.0),
        ArmRow(
            "b",
            (30.0,),
            30.0,
            difference=5.0,
            mapsswe_p=(None,),
            sentence="No clear difference: b.",
        ),
    )
    table = ResultTable(
        MAIN, "b against a", "dev", "a [1]", rows, "Not shown.", 1, 2, 20, None, 100, ("One seed.",)
    )
    curve = curve_columns(
        [{"epoch": 1, "seconds": 9.0, "val/wer": 1 / 3, "train/temperature": math.nan}]
    )
    run = RunRow(MAIN, "b", 1000, 1, 1, "max_epochs", {"dev": (4, 1, 1, 20)}, 30.0, 99, curve)
    return AblationResult(
        study="s",
        name="dropout",
        title="Ablation of dropout",
        verdict="Not shown.",
        tables=(table,),
        arms=(ArmDescription(MAIN, "b", "trained", {"f": "b"}, ("f: a -> b",), {"f": [1, 2.5]}),),
        runs=(run, dataclasses.replace(run, arm="own", errors={}, value=None)),
        seeds=(1000,),
        baseline=Baseline("a file", {"f": {"g": "a", "h": None}}),
        receipt=Receipt(2, 1, 1, 2, 0.5, ("x",), (StageRow("id", 1, 1, ("b, seed 1000",), 0.5),)),
        setting={"data": "libras"},
        command="slr-tune ablate",
        steps=(PathStep("f", "a -> b", -1.5, 30.0, {"g": 0.25}),),
        notes=("n",),
    )


def test_what_is_written_is_read_back_equal(tmp_path: Path) -> None:
    """Otherwise a report made again from the file would differ from the first one."""
    write_result(tmp_path, example())
    assert read_result(tmp_path) == example()


def test_a_curve_has_no_clock_in_it_and_no_nan() -> None:
    """Two equal runs must have equal results; NaN is not JSON."""
    assert example().runs[0].curve == {"val/wer": (1 / 3,), "train/temperature": (None,)}


def test_not_finite_numbers_are_refused(tmp_path: Path) -> None:
    """A NaN would be written as something that no other reader of JSON takes."""
    bad = dataclasses.replace(example(), baseline=Baseline("", {"f": math.inf}))
    with pytest.raises(ValueError):
        write_result(tmp_path, bad)
    assert not (tmp_path / "result.json").exists()


def test_runs_csv_has_the_errors_that_the_wer_is_made_of(tmp_path: Path) -> None:
    """4 + 1 + 1 errors in 20 words are 30 %; a run without errors has empty cells."""
    write_result(tmp_path, example())
    first, second = csv.DictReader((tmp_path / "runs.csv").read_text().splitlines())
    assert [first[f"dev_{kind}"] for kind in ("substitutions", "deletions", "insertions")] == [
        "4",
        "1",
        "1",
    ]
    assert float(first["dev_wer"]) == 30.0 and first["best_epoch"] == "1"
    assert second["dev_wer"] == "" and second["value"] == ""


@pytest.mark.parametrize("content", [None, "{", "[]", '{"schema": 99}', '{"schema": 1}'])
def test_a_file_of_something_else_is_refused_in_words(tmp_path: Path, content: str | None) -> None:
    """No traceback for a damaged or foreign file; it is named."""
    if content is not None:
        (tmp_path / "result.json").write_text(content)
    with pytest.raises(SlrTuneError, match="result.json"):
        read_result(tmp_path)


def test_lists_of_numbers_stand_on_one_line(tmp_path: Path) -> None:
    """A value a line would make the file of a real ablation thousands of lines long."""
    write_result(tmp_path, example())
    text = (tmp_path / "result.json").read_text()
    assert '"per_seed": [25.0]' in text and json.loads(text)["tables"][0]["rows"][0]["name"]
