"""The winner's curse: what the search claimed, what new seeds give, and what of it is luck."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from report_studies import StoredTrial, tell_study

from slr_tune.ablation.analysis import Counts
from slr_tune.ablation.confirm import _choose, _counts_on_test
from slr_tune.ablation.result_files import read_result
from slr_tune.ablation.winners_curse import (
    confirm_row,
    curse_line,
    tunability_line,
    winners_curse,
)
from slr_tune.cli.main import run as slr_tune
from slr_tune.report.page.html import render_html
from slr_tune.report.study.page import study_page
from slr_tune.report.study.study_data import collect
from slr_tune.study.confirmed import ConfirmedTrial, read_confirmed, write_confirmed
from slr_tune.training.interrupt import Interrupted, Talk
from slr_tune.training.runs import Arm, ArmRun


def entry(*wer: float, claimed: float = 11.0) -> ConfirmedTrial:
    return ConfirmedTrial(7, "best", claimed, {"dev": wer}, 1)


def test_of_a_metric_that_is_to_grow_less_is_bad_luck_for_the_claim() -> None:
    # Broken if an accuracy that fell on new seeds were called a gain.
    found = ConfirmedTrial(
        7, "best", 0.9, {"dev": (0.80, 0.81, 0.79)}, None, measure="val_acc", minimize=False
    )
    assert curse_line(found) == (
        "Winner's curse, trial 7: the search claimed 0.9, 3 new seeds give 0.8: -0.1 in val_acc "
        "[-0.125, -0.0752]: the search was optimistic."
    )


def test_interval_is_a_t_interval_over_the_seeds() -> None:
    """12, 13 and 14 have a standard error of 1/sqrt(3); t(2) at 97.5 % is 4.3027."""
    curse = winners_curse(entry(12.0, 13.0, 14.0))
    assert curse is not None and curse.points == pytest.approx(2.0)
    assert curse.low == pytest.approx(2.0 - 4.3027 / 3**0.5, abs=1e-4)
    assert curse.high == pytest.approx(2.0 + 4.3027 / 3**0.5, abs=1e-4)


@pytest.mark.parametrize(
    ("wer", "end"),
    [
        # The power from 200,000 draws of three seeds whose mean is 1 and deviation 1: 17.8 %.
        (
            (12.0, 13.0, 14.0),
            "+2.00 points [-0.48, +4.48]: inconclusive (an optimism of 1.00 points would be "
            "detected in 18 % of cases, one of 3.29 in 80 %).",
        ),
        ((13.0, 13.1, 12.9), "+2.00 points [+1.75, +2.25]: the search was optimistic."),
        ((9.0, 9.1, 8.9), "-2.00 points [-2.25, -1.75]: the search was unlucky with it."),
        ((13.0,), "+2.00 points. One seed says nothing about the spread."),
    ],
)
def test_the_line_says_no_more_than_was_shown(wer: tuple[float, ...], end: str) -> None:
    """A gap that seeds alone make must not be called a curse, and one seed shows nothing."""
    line = curse_line(entry(*wer))
    assert line.startswith("Winner's curse, trial 7: the search claimed 11.00")
    assert line.endswith(end)


def test_tunability_is_the_best_against_the_baseline_on_fresh_seeds_of_both() -> None:
    """The search's own difference is optimistic; that of three seeds each is +3 +- 2.27."""
    best, baseline = (
        entry(12.0, 13.0, 14.0),
        ConfirmedTrial(0, "baseline", 9.0, {"dev": (15, 16, 17)}),
    )
    line = tunability_line([baseline, replace(best, name="best")], "toy")
    assert "the best is +3.00 points better than the baseline [+0.73, +5.27]" in line
    assert "slr-tune confirm --study toy measures it" in tunability_line([baseline], "toy")
    both = replace(baseline, name="baseline, best 2 of the search")
    assert tunability_line([both, replace(best, name="best")], "toy") == line
    both = replace(baseline, name="baseline, best of the search")
    line = tunability_line([both, replace(best, name="best 2")], "toy")
    assert line.endswith("none was found, because the best of the search is the baseline itself.")


def test_one_difference_has_one_interval_and_the_sign_and_unit_of_its_metric() -> None:
    """A second interval of the same difference, unpaired and the other way round, confuses."""
    verdict = "No clear difference: best against baseline: -8.7 points [-20.5, +3.1], 5 seeds."
    baseline = ConfirmedTrial(0, "baseline", 9.0, {"dev": (15, 16, 17)})
    best = replace(
        entry(12.0, 13.0, 14.0),
        name="best",
        verdicts={"dev": verdict},
        differences={"dev": (-8.7, -20.5, 3.1)},
    )
    line = tunability_line([baseline, best], "toy")
    assert line == "Tunability, on new seeds: best against baseline: -8.7 points [-20.5, +3.1]."
    other = ConfirmedTrial(
        7, "best", 0.8, {"dev": (0.7, 0.8, 0.9)}, measure="val/r2", minimize=False
    )
    line = tunability_line([replace(baseline, wer={"dev": (0.5, 0.6, 0.7)}), other], "toy")
    assert "+0.20 better" in line and "points" not in line
    # The comparison of the same runs says that they do not vary: it gives no interval either.
    assert line.endswith("baseline in each of 3 seeds; they do not vary, so no interval.")
    compared = replace(other, differences={"dev": (0.2, -0.0271, 0.427)})
    line = tunability_line([replace(baseline, wer={"dev": (0.5, 0.6, 0.7)}), compared], "toy")
    assert line.endswith("best against baseline: +0.2 in val/r2 [-0.0271, +0.427].")
    assert "points" not in curse_line(other) and "would be detected" in curse_line(other)


LOSS = "objective.metric=val/loss"


@pytest.mark.usefixtures("database")
@pytest.mark.parametrize("overrides", [[], [LOSS]])
def test_the_claim_is_a_wer_whatever_the_search_was_after(overrides: list[str]) -> None:
    """New seeds are told in WER; a loss less a WER would be called optimism of many points."""
    view = tell_study([StoredTrial([60.0, 40.0]), StoredTrial([50.0, 30.0])], overrides=overrides)
    assert _choose(view, 1) == {0: ("baseline", 40.0), 1: ("best", 30.0)}


@pytest.mark.usefixtures("database")
def test_a_claim_that_is_not_known_is_not_reported() -> None:
    """The curve's file is gone, and with it the WER of a search that was after the loss."""
    view = tell_study(
        [StoredTrial([60.0, 40.0]), StoredTrial([50.0, 30.0])], overrides=[LOSS], files=False
    )
    assert _choose(view, 1)[1] == ("best", None)
    unknown = ConfirmedTrial(1, "best", None, {"dev": (31.0, 33.0)}, 1)
    assert curse_line(unknown) == (
        "Winner's curse, trial 1: not known, because its curve from the search is missing."
    )
    row = json.loads(json.dumps(confirm_row(unknown), allow_nan=False))
    write_confirmed(view.folder, [row])
    assert read_confirmed(view.folder)[0].claimed is None
    page = render_html(study_page(collect(view)))
    assert "not known, because its curve from the search is missing" in page


SPACE = """
study: tiny
trainable: student
data: {name: libras, train: 18, dev: 8, test: 4}
budget: {trials: 3, max_epochs: 3, grace_epochs: 3}  # which of them ASHA stops is chance
fixed: {layers: 1, hidden: 6, projection: 6, batch_size: 6, device: cpu}
space:
  learning_rate: {float: [1e-3, 1e-1], log: true}
baseline: {learning_rate: 0.03}
"""


@pytest.mark.usefixtures("ray_two_cores", "database")
def test_the_command_says_claim_fresh_seeds_and_difference(
    tmp_path: Path, studies: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Otherwise the figure of a search would be quoted as it stands.

    A look at test stands in the log once it is one: what is refused is none.
    """
    log = studies / "tiny" / "test_openings.log"
    (tmp_path / "tiny.yaml").write_text(SPACE)
    assert slr_tune(["run", str(tmp_path / "tiny.yaml")]) == 0
    capsys.readouterr()
    assert slr_tune(["confirm", "--top", "2", "--seeds", "3"]) == 0
    message = capsys.readouterr().out
    assert message.count("Winner's curse, trial") >= 1 and "3 new seeds give" in message
    assert "against baseline" in message and not log.exists()
    assert slr_tune(["confirm", "--top", "2", "--seeds", "3", "--test"]) == 0
    output = capsys.readouterr()
    assert "for the 1st time" in output.err and "test, new seeds" in output.out
    assert "On test: " in output.out and len(log.read_text().splitlines()) == 1


@pytest.mark.usefixtures("ray_two_cores", "database")
def test_what_an_ablation_saw_is_not_confirmed_as_if_fresh(
    tmp_path: Path, studies: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A baseline or a trial that an ablation looked at would be chosen and judged by one seed.

    What either trained is found again by its own next call.
    """
    space = tmp_path / "tiny.yaml"
    space.write_text(SPACE)
    assert slr_tune(["run", str(space)]) == 0
    assert slr_tune(["confirm", "--top", "1", "--seeds", "3"]) == 0
    stages = studies / "tiny" / "ablations" / ".stages"
    confirmed = {path.parent.name: path.stat().st_mtime_ns for path in stages.glob("*/done.json")}
    capsys.readouterr()
    assert slr_tune(["ablate", str(space), "--factor", "dropout", "--seeds", "3"]) == 0
    result = read_result(studies / "tiny" / "ablations" / "dropout")
    assert {stage.id for stage in result.receipt.stages}.isdisjoint(confirmed)
    assert result.receipt.epochs_now == result.receipt.epochs_run
    message = capsys.readouterr().out
    assert f"{result.receipt.epochs_run} epochs trained of" in message
    entries = read_confirmed(studies / "tiny")
    done = len(list(stages.glob("*/done.json")))
    assert slr_tune(["confirm", "--top", "1", "--seeds", "3"]) == 0
    assert len(list(stages.glob("*/done.json"))) == done
    for name, written in confirmed.items():
        assert (stages / name / "done.json").stat().st_mtime_ns == written
    assert [entry.wer for entry in read_confirmed(studies / "tiny")] == [e.wer for e in entries]


@pytest.mark.usefixtures("database")
def test_what_cannot_be_confirmed_is_no_look_at_test(tmp_path: Path, studies: Path) -> None:
    """A study without a finished trial: nothing was looked at."""
    view = tell_study([])
    assert slr_tune(["confirm", "--study", view.spec.study, "--test"]) == 2
    assert not list(studies.rglob("test_openings.log"))


def test_a_look_that_was_stopped_resumes_under_its_line(tmp_path: Path) -> None:
    """Nobody saw its figures; what was trained is measured as it is, not trained again."""
    counts = {"best": [np.ones((1, 4), dtype=np.int64)]}
    asked = []

    class Store:
        """Stopped at the first look."""

        def counts(self, runs: Sequence[ArmRun], split: str) -> Counts:
            asked.append((list(runs), split))
            if len(asked) == 1:
                raise Interrupted
            return counts

    def look() -> Counts:
        talk = Talk(print, lambda: False)
        return _counts_on_test(tmp_path, "top 1", runs, Store(), talk)  # type: ignore[arg-type]

    runs = [ArmRun(Arm("best", {}, "student"), 1000)]
    with pytest.raises(Interrupted):
        look()
    assert look() == counts
    assert asked == [(runs, "test")] * 2
    assert len((tmp_path / "test_openings.log").read_text().splitlines()) == 1
    assert {path.name for path in tmp_path.iterdir()} == {"test_openings.log"}
