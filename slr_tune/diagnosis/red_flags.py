"""Signs on a run's curve that it has gone wrong. Imports neither torch nor Ray.

The bounds are those of people who found three broken runs days late. They stated them of runs of
about a hundred epochs: a dev WER of 60 or more at epoch 60, more than 90 % blanks, and a loss gap
above 1 in a run that was at a WER of 92 at epoch 60. Where the length of a run is known, epochs are
counted as shares of it, so that a run of 24 epochs is judged as one of 100 would be.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import takewhile

NOT_A_NUMBER = "not a number"
ALL_BLANK = "all blank"
BLANK_PHASE = "blank phase"
LOSS_GAP = "loss gap"
OVERFITTING = "overfitting"
EARLY_PLATEAU = "early plateau"
FLAT_LOSS = "flat loss"
HIGH_WER = "high WER"

MOST_BLANK = 0.9
"""Share of frames on which the blank may be likeliest."""
MOST_GAP = 1.0
"""Dev loss minus training loss, both CTC, nats per gloss; only at a WER that cannot be the end."""
HIGH_WER_PERCENT = 60.0
HIGH_WER_EPOCH = 60
"""The dev WER must be below the one at the other, in a run of a hundred epochs."""

_LONG_RUN = 100
_PLATEAU_WER = 50.0
"""A run that stands still below that has converged rather than failed."""
_WINDOW = 0.15
_LEAST_WINDOW = 5
"""Share of a run, and epochs, without a gain that are a standstill."""
_LEAST_GAIN = 1.0
"""WER points that are an improvement."""
_LEAST_FALL = 0.02
"""Share of the loss that is a fall."""
_RISE = 0.2
"""Share by which the dev loss must have risen: CTC's rises a little where the WER still falls."""
_RISE_NATS = 0.1
_FALL_WHILE_RISING = 0.1
_BLANK_EPOCHS = 3
"""Epochs in a row that must be all blank: one by itself is a swing of the learning rate."""
_BACK = 10.0
"""WER points above its best at which an all-blank run has lost what it knew."""
_LOST_WER = 90.0
"""A run that was never below names next to nothing, and loses nothing."""
_LEAST_BLANK_LOSS = 1.0
"""Nats per gloss: a training loss below is of a model that knows its glosses."""
_BLOWN_UP = 1.5
"""Times its first value that the loss of a run may reach that is only on its way."""

Row = Mapping[str, float]


@dataclass(frozen=True)
class RedFlag:
    """One sign that a run has gone wrong.

    Attributes:
        name: One of this module's names, such as "loss gap".
        epoch: First epoch at which it is visible.
        text: What is seen there, a sentence for a person.
    """

    name: str
    epoch: int
    text: str


def red_flags(rows: Sequence[Row], *, max_epochs: int | None = None) -> list[RedFlag]:
    """Finds what is wrong on a curve.

    Args:
        rows: The curve, `epoch` ascending, columns as `trainables.files.curve` names them. One that
            is missing or NaN is not judged.
        max_epochs: Length of the run that was meant; None for one of a hundred epochs.

    Returns:
        The flags in the order of their epochs; empty for a healthy run, or for no rows.
    """
    if not rows:
        return []
    length = max_epochs or _LONG_RUN
    blank = _all_blank(rows, length)
    found = [_not_a_number(rows), blank, _loss_gap(rows), _overfitting(rows)]
    if blank is None or blank.name != BLANK_PHASE:  # it explains a WER that does not move
        found += [_early_plateau(rows, length), _flat_loss(rows, length), _high_wer(rows, length)]
    return sorted((flag for flag in found if flag is not None), key=lambda flag: flag.epoch)


def blank_grace(length: int) -> int:
    """Epochs that a run of this length may begin with blanks: all CTC models do for a while."""
    return min(20, max(5, math.ceil(length / 4)))


def training_ctc(row: Row) -> float:
    """CTC loss on train: of a distillation its part, else the loss; NaN where neither is known."""
    part = _value(row, "train/loss_components/hard_ctc_loss")
    return _value(row, "train/loss") if math.isnan(part) else part


def _not_a_number(rows: Sequence[Row]) -> RedFlag | None:
    for row in rows:
        bad = [c for c in ("train/loss", "val/loss", "val/wer") if math.isinf(_value(row, c))]
        both = ("train/loss", "val/wer")
        if all(column in row and math.isnan(_value(row, column)) for column in both):
            bad.append("train/loss")
        if bad:
            text = f"{bad[0]} is NaN or infinite at epoch {int(row['epoch'])}"
            return RedFlag(NOT_A_NUMBER, int(row["epoch"]), text)
    return None


def _all_blank(rows: Sequence[Row], length: int) -> RedFlag | None:
    """Past the grace, blank on nearly all frames, and a WER that says so too.

    A run whose loss still falls and that has lost nothing is in the blank phase that every CTC
    model goes through; any other one has collapsed.
    """
    grace = blank_grace(length)
    late = [row for row in rows if row["epoch"] > grace]
    streak = _trailing(late, lambda row: _blank(row) and _value(row, "val/wer") > HIGH_WER_PERCENT)
    if len(streak) < min(_BLANK_EPOCHS, len(late)) or not streak:
        return None
    last = streak[-1]
    text = f"blank is likeliest on {100 * last['val/blank_rate']:.1f} % of dev's frames at epoch "
    text += f"{int(last['epoch'])}, at a WER of {last['val/wer']:.1f}"
    if _fell_lately(rows) and not _lost(rows):
        half, now = _half_way(rows), training_ctc(rows[-1])
        text += f", and the training loss still falls: {training_ctc(half):.2f} at epoch "
        text += f"{int(half['epoch'])}, {now:.2f} now"
        return RedFlag(BLANK_PHASE, int(streak[0]["epoch"]), text)
    return RedFlag(ALL_BLANK, int(streak[0]["epoch"]), text)


def _fell_lately(rows: Sequence[Row]) -> bool:
    """Whether the training loss fell over the second half, and never rose far above its first.

    Over half the run: at the end of a cosine no loss falls, whatever a longer run would do.
    """
    losses = [training_ctc(row) for row in rows if not math.isnan(training_ctc(row))]
    if len(losses) < 2 or max(losses) > _BLOWN_UP * losses[0] or losses[-1] < _LEAST_BLANK_LOSS:
        return False
    return training_ctc(rows[-1]) < (1 - _LEAST_FALL) * training_ctc(_half_way(rows))


def _lost(rows: Sequence[Row]) -> bool:
    """Whether a run was clearly better once than it is now."""
    best = min(_value(row, "val/wer") for row in rows if not math.isnan(_value(row, "val/wer")))
    return best < min(_LOST_WER, rows[-1]["val/wer"] - _BACK)


def _half_way(rows: Sequence[Row]) -> Row:
    return rows[(len(rows) - 1) // 2]


def _blank(row: Row) -> bool:
    return _value(row, "val/blank_rate") > MOST_BLANK


def _loss_gap(rows: Sequence[Row]) -> RedFlag | None:
    """A gap at a WER that cannot be the end, or at none that is known.

    The users stated the bound of a run that was at 92 at epoch 60. Their good run had such gaps at
    epochs 20 and 120, at WERs of 48.5 and below 25: a model that is sure of itself has them too.
    """
    streak = _trailing(
        rows, lambda row: _gap(row) > MOST_GAP and not _value(row, "val/wer") < _PLATEAU_WER
    )
    if not streak:
        return None
    last = streak[-1]
    text = f"the dev loss {last['val/loss']:.2f} is {_gap(last):.2f} above the training loss "
    text += f"{training_ctc(last):.2f} at epoch {int(last['epoch'])}"
    return RedFlag(LOSS_GAP, int(streak[0]["epoch"]), text)


def _gap(row: Row) -> float:
    return _value(row, "val/loss") - training_ctc(row)


def _overfitting(rows: Sequence[Row]) -> RedFlag | None:
    """The dev loss well above its lowest, while the training loss kept falling."""
    known = [
        row
        for row in rows
        if not math.isnan(_value(row, "val/loss")) and not math.isnan(training_ctc(row))
    ]
    if not known:
        return None
    lowest = min(known, key=lambda row: _value(row, "val/loss"))
    bound = max(lowest["val/loss"] * (1 + _RISE), lowest["val/loss"] + _RISE_NATS)
    later = [row for row in known if row["epoch"] > lowest["epoch"]]
    fallen = (1 - _FALL_WHILE_RISING) * training_ctc(lowest)
    streak = _trailing(later, lambda row: row["val/loss"] > bound and training_ctc(row) < fallen)
    if len(streak) < 2:
        return None
    last = streak[-1]
    text = f"from epoch {int(lowest['epoch'])} to {int(last['epoch'])} the dev loss rose from "
    text += f"{lowest['val/loss']:.2f} to {last['val/loss']:.2f}, while the training loss fell "
    text += f"from {training_ctc(lowest):.2f} to {training_ctc(last):.2f}"
    return RedFlag(OVERFITTING, int(streak[0]["epoch"]), text)


def _early_plateau(rows: Sequence[Row], length: int) -> RedFlag | None:
    """No gain for some time, at a WER that cannot be the end."""
    before, window = _standing(rows, length)
    known = [row for row in rows if not math.isnan(_value(row, "val/wer"))]
    if not before or not known:
        return None
    best = min(known, key=lambda row: row["val/wer"])
    old = min((_value(row, "val/wer") for row in before), default=math.nan)
    if best["val/wer"] < _PLATEAU_WER or not old - best["val/wer"] < _LEAST_GAIN:
        return None
    reached = next(row for row in known if row["val/wer"] < best["val/wer"] + _LEAST_GAIN)
    text = f"the best dev WER is {best['val/wer']:.1f}, and the last {window} epochs have not "
    return RedFlag(EARLY_PLATEAU, int(reached["epoch"]), f"{text}lowered it by a point")


def _flat_loss(rows: Sequence[Row], length: int) -> RedFlag | None:
    """The training loss no longer falls, at a WER that cannot be the end."""
    before, window = _standing(rows, length)
    last = rows[-1]
    if not before or not _value(last, "val/wer") >= _PLATEAU_WER:
        return None
    old, new = _value(before[-1], "train/loss"), _value(last, "train/loss")
    if not new > (1 - _LEAST_FALL) * old:
        return None
    text = f"the training loss went from {old:.2f} to {new:.2f} in the last {window} epochs"
    return RedFlag(FLAT_LOSS, int(before[-1]["epoch"]), text)


def _high_wer(rows: Sequence[Row], length: int) -> RedFlag | None:
    due = max(1, round(min(1.0, length / _LONG_RUN) * HIGH_WER_EPOCH))
    late = [row for row in rows if row["epoch"] >= due and not math.isnan(_value(row, "val/wer"))]
    best = min((_value(row, "val/wer") for row in rows if row["epoch"] <= due), default=math.nan)
    if not late or not late[-1]["val/wer"] >= HIGH_WER_PERCENT or best < HIGH_WER_PERCENT:
        return None
    epoch = int(late[0]["epoch"])
    text = f"the dev WER is {late[0]['val/wer']:.1f} at epoch {epoch}; a run that works is below "
    return RedFlag(HIGH_WER, epoch, f"{text}{HIGH_WER_PERCENT:.0f} by then")


def _standing(rows: Sequence[Row], length: int) -> tuple[list[Row], int]:
    """Rows before the window at the end in which something should have moved, and its epochs."""
    last = int(rows[-1]["epoch"])
    window = max(_LEAST_WINDOW, math.ceil(min(length, _LONG_RUN) * _WINDOW))
    before = [row for row in rows if row["epoch"] <= last - window]
    return before, last - int(before[-1]["epoch"]) if before else 0


def _trailing(rows: Sequence[Row], holds: Callable[[Row], bool]) -> list[Row]:
    """Rows at the end for which something holds without a break."""
    return list(takewhile(holds, reversed(rows)))[::-1]


def _value(row: Row, column: str) -> float:
    return float(row.get(column, math.nan))
