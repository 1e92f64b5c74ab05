"""Rows of epochs from what scripts print, in the orders and numbers in which they do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pytest

from trainables.script.epochs import EpochTable, Record

W = {"wer": 1.0}


def rows(
    output: Sequence[tuple[float | None, Mapping[str, float]]],
    *,
    max_epochs: int = 9,
    declared: frozenset[str] = frozenset(),
    ended: bool = True,
) -> list[float | None]:
    """The metric of each row."""
    table = EpochTable(1, metric="wer", declared=declared, max_epochs=max_epochs)
    for place, (label, values) in enumerate(output):
        table.add(0, Record(values, label, place))
    found = []
    while (row := table.take(ended=ended)) is not None:
        found.append(row.get("wer"))
    return found


def w(value: float) -> dict[str, float]:
    return {"wer": value}


@pytest.mark.parametrize(
    ("output", "wanted"),
    [
        ([(1, w(3)), (2, w(2)), (3, w(1))], [3, 2, 1]),
        ([(0, w(3)), (1, w(2)), (2, w(1))], [3, 2, 1]),
        ([(None, w(3)), (None, w(2))], [3, 2]),
        ([(1, {}), (None, w(3)), (2, {}), (None, w(2))], [3, 2]),
        ([(None, w(3)), (1, {}), (None, w(2)), (2, {})], [3, 2]),
        ([(2, w(3)), (4, w(2))], [None, 3, None, 2]),
        ([(0.5, {"loss": 1}), (1.0, w(3)), (1.5, {"loss": 1}), (2.0, w(2))], [3, 2]),
        ([(500, w(3)), (1000, w(2))], [3, 2]),
        ([(None, {"loss": 3}), (None, {"loss": 2}), (None, w(3)), (None, {"loss": 1})], [3, None]),
        ([(1, {"loss": 3}), (1, w(3)), (2, {"loss": 2}), (2, w(2))], [3, 2]),
    ],
    ids=["from 1", "from 0", "none", "before", "after", "every second", "fractions", "steps",
         "losses of steps", "two lines"],
)  # fmt: skip
def test_epochs_are_counted_by_us(
    output: Sequence[tuple[float | None, Mapping[str, float]]], wanted: list[float | None]
) -> None:
    # Broken if a script's way to count moved its figures to other epochs.
    assert rows(output) == wanted


def test_a_row_waits_for_what_is_declared() -> None:
    """A line with the loss may come after that with the WER."""
    table = EpochTable(1, metric="wer", declared=frozenset({"wer", "loss"}), max_epochs=9)
    table.add(0, Record(w(3), 1, 0))
    assert table.take() is None
    table.add(0, Record({"loss": 5}, None, 10))
    assert table.take() == {"wer": 3, "loss": 5}


def test_a_source_that_was_not_reported_yet_is_waited_for() -> None:
    """The output may be at epoch 3 when TensorBoard's file is flushed with epoch 1."""
    table = EpochTable(2, metric="wer", declared=frozenset(), max_epochs=9)
    for label in (1, 2, 3):
        table.add(0, Record({"loss": 1}, label, label))
    assert table.take() is None
    table.add(1, Record(w(3), None, 0))
    assert table.take() == {"loss": 1, "wer": 3}
    assert table.take() is None


def test_what_is_not_taken_is_read_again() -> None:
    """A script runs ahead; where it is stopped, the next start begins at the first open row."""
    table = EpochTable(1, metric="wer", declared=frozenset(), max_epochs=9)
    for label in (1, 2, 3):
        table.add(0, Record(w(label), label, 100 * label))
    assert table.take() == w(1)
    assert table.start_of(0) == 200
    again = EpochTable(
        1, metric="wer", declared=frozenset(), max_epochs=9, taken=1, starts_anew=False
    )
    for label in (1, 2, 3):  # it trained from its own checkpoint, an epoch further back
        again.add(0, Record(w(label), label, 100 * label))
    assert [again.take(), again.take(), again.take()] == [w(2), w(3), None]
