"""The red flags on curves: named where they are, silent on a healthy run."""

from __future__ import annotations

import math
import subprocess
import sys
from collections.abc import Sequence

import pytest

from slr_tune.diagnosis.red_flags import RedFlag, blank_grace, red_flags

Rows = list[dict[str, float]]


def curve(**columns: Sequence[float]) -> Rows:
    """Rows of a curve from its columns; "val_wer" stands for "val/wer"."""
    named = {name.replace("_", "/", 1): values for name, values in columns.items()}
    length = len(next(iter(named.values())))
    rows = [{name: float(values[i]) for name, values in named.items()} for i in range(length)]
    return [{"epoch": number, **row} for number, row in enumerate(rows, start=1)]


def names(flags: Sequence[RedFlag]) -> list[str]:
    """Names in order."""
    return [flag.name for flag in flags]


def test_the_known_healthy_curve_raises_no_alarm() -> None:
    # Broken if a user who has a good run is told to mend it.
    wers = {1: 97.8, 10: 72.1, 20: 48.5, 40: 35.2, 60: 29.8, 80: 26.4, 100: 24.7}
    rows = [{"epoch": epoch, "val/wer": wer} for epoch, wer in wers.items()]
    assert red_flags(rows) == []
    for end in range(1, len(rows)):
        assert red_flags(rows[:end]) == [], f"alarm after epoch {rows[end - 1]['epoch']}"


def test_a_gap_at_the_epochs_where_the_known_healthy_curve_had_one_is_no_alarm() -> None:
    # Broken if a bound that was stated of a run at a WER of 92 were held against one that works.
    # Epochs and WERs are the users'; of the losses only that they were 1 apart is known.
    for epoch, wer in ((20, 48.5), (120, 24.7)):
        row = {"epoch": epoch, "val/wer": wer, "train/loss": 1.0, "val/loss": 2.2}
        assert red_flags([row]) == []
        assert names(red_flags([{**row, "val/wer": 92.1}]))[:1] == ["loss gap"]


def test_the_known_failed_run_is_recognised_at_epoch_60() -> None:
    # Broken if the run that cost its owner days would cost them again.
    row = {"train/loss": 2.36, "train/wer": 82.7, "val/loss": 5.29, "val/wer": 92.1}
    flags = {flag.name: flag for flag in red_flags([{"epoch": 60, **row}])}
    assert set(flags) == {"loss gap", "high WER"}
    assert "2.93 above" in flags["loss gap"].text
    assert flags["high WER"].epoch == 60


def test_the_other_failed_run_is_recognised_where_it_ended() -> None:
    # Broken if one run's epoch were judged with the help of another's. At epoch 45 of 100 the bound
    # of epoch 60 is not due; where 45 epochs were all, it is.
    rows = [{"epoch": 45, "val/wer": 92.29, "train/loss": 4.98}]
    assert red_flags(rows) == []
    assert names(red_flags(rows, max_epochs=45)) == ["high WER"]


BLANK: dict[str, list[float]] = {
    "train_loss": [18.0, 3.1, 2.9, 2.6, 2.4, 2.2, 2.1, 2.05, 2.0],
    "val_wer": [126.0, 100.0, 100.0, 100.0, 99.0, 97.0, 95.0, 94.0, 93.1],
    "val_blank_rate": [0.01, *[1.0] * 7, 0.99],
}


def test_a_run_whose_loss_still_falls_is_in_the_blank_phase_and_that_explains_the_rest() -> None:
    # Broken if a run that only needs epochs were called collapsed, stuck and too slow at once.
    assert names(red_flags(curve(**BLANK), max_epochs=9)) == ["blank phase"]


@pytest.mark.parametrize(
    "changed",
    [
        {"train_loss": [7.9, *[3.05] * 8]},
        {"train_loss": [18.0, 53.0, 35.0, 23.0, 13.0, 9.0, 7.0, 5.0, 3.4]},
        {"val_wer": [126.0, 80.0, 40.0, 30.0, 99.0, 97.0, 95.0, 94.0, 93.1]},
    ],
    ids=["flat", "blown up", "knew more once"],
)
def test_a_run_that_stands_still_or_lost_what_it_knew_has_collapsed(
    changed: dict[str, list[float]],
) -> None:
    # Broken if a dead run were given three times the epochs.
    flags = names(red_flags(curve(**{**BLANK, **changed}), max_epochs=9))
    assert "all blank" in flags and "blank phase" not in flags


def test_dev_loss_rising_while_train_loss_falls_is_overfitting() -> None:
    # Broken if the classic sign of overfitting went unseen, or its turning point were misplaced.
    rows = curve(
        train_loss=[3, 2, 1, 0.5, 0.3, 0.2],
        val_loss=[3, 2, 1.5, 1.6, 2.0, 2.2],
        val_wer=[90, 60, 40, 39, 39, 39],
    )
    flags = red_flags(rows, max_epochs=24)
    assert "overfitting" in names(flags)
    assert "from epoch 3 to 6 the dev loss rose from 1.50 to 2.20" in flags[-1].text


def test_a_dev_loss_that_rises_with_the_training_loss_is_not_overfitting() -> None:
    # Broken if a restart of the learning rate, which lifts both losses, were taken for it.
    rows = curve(train_loss=[3, 2, 1, 1.2, 1.5], val_loss=[3, 2, 1, 1.3, 1.6])
    assert red_flags(rows, max_epochs=24) == []


def test_the_gap_of_a_distillation_is_between_like_and_like() -> None:
    # Broken if the weighted sum of three losses were set against dev's CTC.
    rows = curve(train_loss=[9, 8], val_loss=[3.5, 3.4])
    for row, ctc in zip(rows, (3.0, 2.0), strict=True):
        row["train/loss_components/hard_ctc_loss"] = ctc
    assert names(red_flags(rows)) == ["loss gap"]
    assert red_flags(rows)[0].epoch == 2


def test_blanks_are_a_flag_only_past_the_start_and_with_a_wer_to_match() -> None:
    # Broken if every CTC model were called collapsed in its first epochs, or one with many frames
    # to a gloss, which is nearly all blank and right.
    blank, wer = [0.99] * 9, [99.0] * 9
    assert red_flags(curve(val_blank_rate=blank[:5], val_wer=wer[:5]), max_epochs=20) == []
    flags = red_flags(curve(val_blank_rate=blank, val_wer=wer), max_epochs=20)
    assert "all blank" in names(flags)
    good = curve(val_blank_rate=blank, val_wer=[90, 70, 50, 40, 30, 25, 20, 18, 17])
    assert red_flags(good, max_epochs=20) == []


def test_one_blank_epoch_is_a_swing_not_a_collapse() -> None:
    # Broken if one bad epoch at a high learning rate counted as a dead run.
    rate = [0.99, 0.9, 0.8, 0.8, 0.8, 0.8, 0.8, 0.8, 0.99]
    wer = [99, 80, 70, 61, 58, 52, 48, 44, 90]
    assert red_flags(curve(val_blank_rate=rate, val_wer=wer), max_epochs=20) == []


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_loss_that_left_the_numbers_is_named_with_its_epoch(value: float) -> None:
    # Broken if a diverged run were read as one that only ended early.
    rows = curve(train_loss=[3, value], val_loss=[3, value], val_wer=[90, math.nan])
    assert [(flag.name, flag.epoch) for flag in red_flags(rows)] == [("not a number", 2)]


def test_a_flat_loss_at_a_bad_wer_is_a_flag_and_at_a_good_one_is_not() -> None:
    # Broken if a converged run were told that its loss is flat, or a stuck one were not.
    stuck = curve(train_loss=[3.01, *[3.0] * 8], val_wer=[99, *[98.5] * 8])
    assert names(red_flags(stuck, max_epochs=20)) == ["early plateau", "flat loss"]
    done = curve(train_loss=[3.01, *[0.1] * 8], val_wer=[99, *[12.0] * 8])
    assert red_flags(done, max_epochs=20) == []


def test_the_epoch_of_the_wer_bound_scales_with_the_run() -> None:
    # Broken if a run of 20 epochs could never be called too bad, or one of 300 too early.
    rows = curve(val_wer=[99 - 2 * epoch for epoch in range(14)])
    assert [(flag.name, flag.epoch) for flag in red_flags(rows, max_epochs=20)] == [
        ("high WER", 12)
    ]
    assert red_flags(rows, max_epochs=300) == []


def test_a_users_own_columns_are_not_judged() -> None:
    # Broken if a report on a run with other columns ended in a KeyError.
    assert red_flags([{"epoch": 1, "accuracy": 0.1}, {"epoch": 2, "accuracy": 0.1}]) == []
    assert red_flags([]) == []


def test_the_grace_for_blanks_grows_with_the_run_up_to_a_bound() -> None:
    # Broken if a long run could be all blank for a quarter of its days before anybody is told.
    assert [blank_grace(length) for length in (8, 24, 60, 400)] == [5, 6, 15, 20]


def test_importing_the_flags_costs_neither_torch_nor_ray() -> None:
    # Broken if a report had to wait seconds for libraries that it does not use.
    code = (
        "import sys, slr_tune.diagnosis.red_flags;"
        "sys.exit(bool({'torch', 'ray', 'optuna', 'numpy'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
