"""From figures in the order in which a script reports them to one row per epoch, counted by us.

A figure belongs to the epoch that its source named last. Labels count from 0 or from 1, may leave
epochs out, be fractions, or not be there; one that cannot be an epoch (the number of a step) only
says that an epoch ended.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

EPOCH = "epoch"
"""Column that names the epoch, however it is written."""


@dataclass(frozen=True)
class Record:
    """Figures that a source reports at once.

    Attributes:
        values: Value by column, without the epoch.
        label: The epoch as the script says it; None where it does not.
        start: Where the record begins in its source: to be read again from there.
    """

    values: Mapping[str, float]
    label: float | None
    start: int


@dataclass
class _Place:
    """Where a source is.

    Attributes:
        epoch: Epoch of its newest record, counted by us; 0 before the first.
        is_guess: Whether no label has said so.
        names: Columns that it reported for this epoch.
        seen: Whether anything was ever read from it.
        has_metric: Whether it ever reported the metric.
        starts: Of records of epochs that nobody has taken yet: epoch and place in the source.
        label: Its last label.
    """

    epoch: int = 0
    is_guess: bool = False
    names: set[str] = field(default_factory=set)
    seen: bool = False
    has_metric: bool = False
    starts: list[tuple[int, int]] = field(default_factory=list)
    label: float | None = None


class EpochTable:
    """Rows of epochs in the making.

    Attributes:
        taken: Epochs that were taken as rows.
    """

    def __init__(
        self,
        sources: int,
        *,
        metric: str,
        declared: frozenset[str],
        max_epochs: int,
        taken: int = 0,
        first_label: float | None = None,
        starts_anew: bool = True,
    ) -> None:
        """Starts empty.

        Args:
            sources: How many there are.
            metric: Column that an epoch is judged by.
            declared: Columns that every whole epoch has, the epoch's label among them where
                it is one.
            max_epochs: Of the run: a first label beyond is not an epoch.
            taken: Epochs of before: rows of them are dropped.
            first_label: The first label of before; None where there was none.
            starts_anew: Whether the script begins at its first epoch again.
        """
        self.taken = taken
        self.first_label = first_label
        self._metric = metric
        self._declared = declared
        self._max_epochs = max_epochs
        first = 0 if starts_anew else taken
        self._places = [_Place(epoch=first) for _ in range(sources)]
        self._rows: dict[int, dict[str, float]] = {}
        self._labelled: set[int] = set()

    def add(self, source: int, record: Record) -> None:
        """Takes the next figures of a source."""
        place = self._places[source]
        place.seen = True
        place.has_metric |= self._metric in record.values
        epoch = self._epoch_of(place, record)
        if epoch != place.epoch:
            place.epoch, place.names = epoch, set()
        place.names |= set(record.values)
        if epoch <= self.taken:
            return
        place.starts.append((epoch, record.start))
        row = self._rows.setdefault(epoch, {})
        row.update(record.values)
        if record.label is not None:
            self._labelled.add(epoch)

    def _epoch_of(self, place: _Place, record: Record) -> int:
        label = record.label
        if label is None:
            fresh = place.epoch == 0 or (
                self._metric in place.names and self._repeats(place, record)
            )
            begins = fresh or (place.epoch <= self.taken and not place.names)
            if begins:
                place.is_guess = True
            return place.epoch + 1 if begins else place.epoch
        number = self._number(label)
        guessed, place.is_guess = place.is_guess, False
        known, place.label = place.label, label
        if number is not None:
            if guessed and place.epoch != number and not self._repeats(place, record):
                self._move(place, number)
            return number
        # The number of a step: an epoch for each that is new.
        if guessed or label == known:
            return place.epoch
        return place.epoch + 1

    def _repeats(self, place: _Place, record: Record) -> bool:
        return bool(place.names & set(record.values)) if record.values else False

    def _number(self, label: float) -> int | None:
        """The epoch that a label means, counted from 1; None where it is none."""
        if self.first_label is None:
            self.first_label = label
        base = 1 if self.first_label == 0 else 0
        if not math.isfinite(label) or label < 0 or self.first_label + base > self._max_epochs:
            return None
        return max(1, math.ceil(label - 1e-9) + base)

    def _move(self, place: _Place, number: int) -> None:
        """An epoch that was counted turns out to have another number."""
        old, place.epoch = place.epoch, number
        row = self._rows.pop(old, {})
        if number > self.taken:
            self._rows.setdefault(number, {}).update(row)
        place.starts = [(number if epoch == old else epoch, at) for epoch, at in place.starts]

    @property
    def next_row(self) -> dict[str, float] | None:
        """The row of the epoch after those that were taken, if it is whole."""
        number = self.taken + 1
        row = self._rows.get(number, {})
        names = {*row, EPOCH} if number in self._labelled else set(row)
        whole = self._metric in row and self._declared <= names
        return row if whole or self._passed(number) else None

    def _passed(self, number: int) -> bool:
        """Whether every source that reports the metric has continued to a later epoch."""
        judges = [place for place in self._places if place.has_metric]
        if not judges:
            # It is not known yet which will report it: a silent one may only be slow.
            judges = self._places if all(place.seen for place in self._places) else []
        return bool(judges) and all(place.epoch > number for place in judges)

    def take(self, *, ended: bool = False) -> dict[str, float] | None:
        """Takes the next row where it is whole, or where nothing more will come.

        Args:
            ended: Whether the script has ended and all was read.
        """
        row = self.next_row
        if row is None and ended and max(self._rows, default=0) > self.taken:
            row = self._rows.get(self.taken + 1, {})
        if row is None:
            return None
        self.taken += 1
        self._rows.pop(self.taken, None)
        for place in self._places:
            place.starts = [(epoch, at) for epoch, at in place.starts if epoch > self.taken]
        return row

    def start_of(self, source: int) -> int | None:
        """Where a source is to be read again for the epochs after those taken; None: at its end."""
        return min((at for _, at in self._places[source].starts), default=None)

    @property
    def known(self) -> int:
        """The newest epoch of which anything is known."""
        return max(self.taken, *(place.epoch for place in self._places), 0)
