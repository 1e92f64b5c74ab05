"""A trial that a worker holds, as the driver keeps it."""

from __future__ import annotations

from dataclasses import dataclass

from slr_tune.study.record import TrialRecord
from trainables.files.curve import CurveFile, EventFile
from trainables.files.origin import Origin


@dataclass
class LiveTrial:
    """A trial in the hands of a worker.

    Attributes:
        number: Optuna's number.
        trial_id: Optuna's key in the database.
        record: What will be stored; kept up to date here, written at rungs and at the end.
        origin: What its files belong to.
        values: Best value so far by epoch, as stored.
        curve: Its curve file.
        events: Its TensorBoard events.
        written: Whether this driver has written its curve, so that the file must be there.
    """

    number: int
    trial_id: int
    record: TrialRecord
    origin: Origin
    values: dict[int, float]
    curve: CurveFile
    events: EventFile
    written: bool = False
