"""What holds for the trial record of every finished study, counted where it does not."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass
from itertools import accumulate

from slr_tune.study.quota import Quota
from slr_tune.study.record import record_of
from slr_tune.study.rungs import Rungs
from slr_tune.study.view import StudyView
from trainables.files.curve import CurveFile


@dataclass(frozen=True)
class RecordCheck:
    """What was counted in a study.

    Attributes:
        states: Trials by the name of their state.
        wrong_values: Stored values that are not the best so far of the trial's curve.
        wrong_lengths: Trials whose curve does not hold epochs 1, 2, 3, ... as recorded.
        decisions: Of ASHA.
        wrong_decisions: Those that the stored curves do not give.
    """

    states: Counter[str]
    wrong_values: int
    wrong_lengths: int
    decisions: int
    wrong_decisions: int


def check_record(view: StudyView, rungs: Rungs | Quota) -> RecordCheck:
    """Looks at every trial of a study that minimises `val/wer`.

    Args:
        view: The study.
        rungs: Its rungs or its quota, empty.
    """
    wrong_values = wrong_lengths = 0
    entries = []
    for trial in view.trials:
        record = record_of(trial)
        assert record is not None
        rows = CurveFile(view.folder / "trials" / str(trial.number) / "curve.csv").rows()
        values = [math.inf if math.isnan(row["val/wer"]) else row["val/wer"] for row in rows]
        best = {
            epoch: value
            for epoch, value in enumerate(accumulate(values, min), 1)
            if math.isfinite(value)
        }
        numbered = [row["epoch"] for row in rows] == list(range(1, record.epochs + 1))
        wrong_lengths += not numbered or len(best) != len(trial.intermediate_values)
        wrong_values += best != trial.intermediate_values
        if trial.values:
            wrong_values += trial.values[0] != min(values, default=None)
        entries += [(trial.number, entry) for entry in record.rungs]
    entries.sort(key=lambda pair: pair[1].order)
    if isinstance(rungs, Quota):
        wrong = sum(a != b for a, b in zip(entries, rungs.replay(entries), strict=True))
    else:
        alone = [entry for _, entry in entries]
        wrong = sum(a != b for a, b in zip(alone, rungs.replay(alone), strict=True))
    return RecordCheck(
        states=Counter(trial.state.name for trial in view.trials),
        wrong_values=wrong_values,
        wrong_lengths=wrong_lengths,
        decisions=len(entries),
        wrong_decisions=wrong,
    )
