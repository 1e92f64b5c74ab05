"""A user's own run: compared by its metric over the seeds, or refused in words."""

from __future__ import annotations

from pathlib import Path

import pytest
from ablation_designs import make_design
from toy_space import write_toy_space

from slr_tune.ablation.compared import MetricRuns
from slr_tune.ablation.result import ResultTable
from slr_tune.ablation.result_files import read_result
from slr_tune.cli.main import run as slr_tune
from slr_tune.errors import RunFailed, SlrTuneError


def metric_table(values: dict[str, list[float]], metric: str, *, minimize: bool) -> ResultTable:
    runs = MetricRuns(values, metric, minimize)
    return runs.table(role="main", baseline="base", title="")


def test_paired_t_by_hand() -> None:
    """Differences 1, 2, 3: mean 2, standard error 1/sqrt(3), t(2) at 97.5 % 4.3027."""
    values = {"base": [1.0, 1.0, 1.0], "arm": [2.0, 3.0, 4.0], "same": [1.0, 1.0, 1.0]}
    table = metric_table(values, "loss", minimize=True)
    arm, same = table.row("arm"), table.row("same")
    assert arm.difference == 2.0 and arm.difference_per_seed == (1.0, 2.0, 3.0)
    assert arm.low == pytest.approx(2 - 4.3027 / 3**0.5, abs=1e-4)
    assert arm.p_value == pytest.approx(0.0742, abs=1e-4) == arm.holm_p
    assert arm.outcome == "no clear difference" and same.outcome == "identical"
    assert arm.substitutions is None and table.utterances is None
    assert "seeds alone" in table.limits[0]


@pytest.mark.parametrize(("minimize", "outcome"), [(True, "worse"), (False, "better")])
def test_larger_is_worse_or_better_as_the_objective_says(minimize: bool, outcome: str) -> None:
    """The wrong sign would recommend the worse setting."""
    values = {"base": [1.0, 1.1, 0.9], "arm": [3.0, 3.2, 2.8]}
    table = metric_table(values, "m", minimize=minimize)
    assert table.row("arm").outcome == outcome
    chance = table.row("arm").probability_of_improvement
    assert chance is not None and (chance < 0.5) == minimize


@pytest.mark.parametrize(
    "arm",
    [[8.0, 6.0], [7.0 + 1e-13, 5.0]],
    ids=["to the last digit", "but for the rounding"],
)
def test_equal_differences_are_no_proof(arm: list[float]) -> None:
    """Two whole numbers that both grow by one do so by chance; without spread p would be 0."""
    values = {"base": [7.0, 5.0] if arm[0] == 8.0 else [6.0, 4.0], "arm": arm}
    table = metric_table(values, "errors", minimize=True)
    row = table.row("arm")
    assert (row.difference, row.outcome) == (pytest.approx(1.0), "no clear difference")
    assert (row.low, row.high, row.p_value, row.holm_p) == (None, None, None, None)
    assert row.sentence.startswith(
        "No clear difference: arm against base: +1 in errors in each of 2 seeds."
    )
    assert table.verdict == row.sentence


def test_equal_differences_take_no_share_of_holms_correction() -> None:
    """They are no test: the arm that has one is corrected as if it were alone."""
    values = {"base": [1.0, 2.0, 3.0], "arm": [2.0, 3.5, 4.4], "even": [2.0, 3.0, 4.0]}
    table = metric_table(values, "m", minimize=True)
    arm = table.row("arm")
    assert arm.holm_p == arm.p_value is not None and table.row("even").holm_p is None


def test_a_run_without_a_value_cannot_be_compared() -> None:
    """A NaN would make every figure of the table one."""
    values = {"base": [1.0, 1.0], "arm": [1.0, float("nan")]}
    with pytest.raises(RunFailed, match="arm"):
        metric_table(values, "m", minimize=True)


@pytest.mark.usefixtures("ray_two_cores", "database")
def test_the_command_on_a_users_own_run(
    tmp_path: Path, studies: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is trained epoch by epoch like any other, without data, teacher or utterances.

    The toy's value does not depend on the seed, so width does nothing and a level half as high is
    worse by 100 x 0.5 x 8/9 points in every seed.
    """
    space = write_toy_space(tmp_path, workers=1, fixed={"journal": tmp_path / "journal"})
    space.write_text(space.read_text() + "factors: {level: [0.0], width: [2]}\n")
    arguments = ["ablate", str(space), "--factor", "level", "--factor", "width", "--seeds", "3"]
    assert slr_tune(arguments) == 0, capsys.readouterr().err
    out = capsys.readouterr().out
    result = read_result(studies / "toy" / "ablations" / "level+width")
    assert result.main.measure == "val/wer" and result.runs[0].errors == {}
    level = result.main.row("level 0")
    assert level.difference == pytest.approx(-100 * 0.5 * 8 / 9)
    assert result.main.row("width 2").outcome == "identical"
    assert "level 0" in out
    assert len((tmp_path / "journal").read_text().splitlines()) == result.receipt.epochs_run == 81


@pytest.mark.usefixtures("database")
def test_what_needs_errors_of_utterances_is_refused(tmp_path: Path) -> None:
    """A decoder and a test split are nothing to a run that recognises no sentence."""
    space = write_toy_space(tmp_path)
    with pytest.raises(SlrTuneError, match="no factor 'beam_width'"):
        make_design(space, factors=["beam_width"])
    with pytest.raises(SlrTuneError, match="--test"):
        make_design(space, factors=["level"], with_test=True)
