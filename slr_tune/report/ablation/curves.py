"""Curves of an ablation's runs, arm by arm, as figures draw them. No plotting here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from slr_tune.ablation.result import AblationResult, ResultTable
from slr_tune.report.ablation.sentences import is_wer

BEST, BLANKS, TEMPERATURE = "val/wer_best", "val/blank_rate", "train/temperature"

Values = tuple[float | None, ...]


@dataclass(frozen=True)
class Band:
    """A quantity over the epochs of the runs of one arm.

    Attributes:
        names: The arm; several where their values are the same to the last bit.
        mean: Over the seeds, a value an epoch from 1; None where no run says.
        low: The lowest seed.
        high: The highest.
    """

    names: tuple[str, ...]
    mean: tuple[float | None, ...]
    low: tuple[float | None, ...]
    high: tuple[float | None, ...]

    @property
    def label(self) -> str:
        """Names for a legend: all of up to three."""
        if len(self.names) <= 3:
            return ", ".join(self.names)
        return f"{self.names[0]} and {len(self.names) - 1} more"


def measure_column(table: ResultTable) -> str:
    """The column that the table's figures are read from."""
    return BEST if is_wer(table) else table.measure


def bands(result: AblationResult, column: str, *, held: bool = False) -> list[Band]:
    """The main table's arms over their epochs.

    Args:
        result: With curves; arms without any are left out.
        column: Which.
        held: Whether a run that ended keeps its last value, as a best value so far does; else an
            epoch counts the runs that got there.
    """
    found = []
    for row in result.main.rows:
        curves = [
            run.curve[column]
            for run in result.runs
            if (run.part, run.arm) == (result.main.role, row.name) and column in run.curve
        ]
        if any(value is not None for curve in curves for value in curve):
            found.append(_band(row.name, curves, held=held))
    return found


def merged(several: Sequence[Band]) -> list[Band]:
    """The bands, those with the same values as one."""
    groups: dict[tuple[Values, Values, Values], list[str]] = {}
    for band in several:
        groups.setdefault((band.mean, band.low, band.high), []).extend(band.names)
    return [Band(tuple(names), *values) for values, names in groups.items()]


def _band(name: str, curves: Sequence[Sequence[float | None]], *, held: bool) -> Band:
    length = max(map(len, curves))
    ends = [[curve[-1] if held else None] * (length - len(curve)) for curve in curves]
    full = [[*curve, *end] for curve, end in zip(curves, ends, strict=True)]
    columns = [[v for v in column if v is not None] for column in zip(*full, strict=True)]
    return Band(
        (name,),
        tuple(sum(column) / len(column) if column else None for column in columns),
        tuple(min(column, default=None) for column in columns),
        tuple(max(column, default=None) for column in columns),
    )
