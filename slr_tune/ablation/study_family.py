"""All ablations of a study as one family: what was compared before, and what that costs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from slr_tune.ablation.result import (
    FORWARD,
    INTERACTION,
    MAIN,
    MAIN_EFFECT,
    AblationResult,
    ArmRow,
)
from slr_tune.statistics import holm, p_text
from slr_tune.statistics.difference import LEVEL
from slr_tune.statistics.verdict import Outcome
from slr_tune.text import counted

_COMPARED = (MAIN, FORWARD, MAIN_EFFECT, INTERACTION)


@dataclass(frozen=True)
class Earlier:
    """The comparisons of the other ablations of a study, on dev.

    Attributes:
        names: Of the ablations.
        rows: Name of the ablation and row of each comparison.
    """

    names: tuple[str, ...]
    rows: tuple[tuple[str, ArmRow], ...]

    @classmethod
    def of(cls, results: Sequence[AblationResult], *, but: str) -> Earlier:
        """Of all stored results but the one of a name."""
        others = [result for result in results if result.name != but]
        rows = [
            (result.name, row)
            for result in others
            for table in result.tables
            if table.role in _COMPARED and table.split == "dev"
            for row in table.rows
            if row.p_value is not None and row.outcome != "identical"
        ]
        return cls(tuple(result.name for result in others), tuple(rows))

    @property
    def p_values(self) -> list[float]:
        """Of each comparison."""
        return [row.p_value for _, row in self.rows if row.p_value is not None]


def family_note(earlier: Earlier, own: Sequence[float], *, together: bool) -> str:
    """How many ablations were made, and what one error budget for all makes of them.

    Args:
        earlier: The other ablations.
        own: p-values of this one.
        together: Whether all share one budget.

    Returns:
        Sentences; empty for the first ablation of a study.
    """
    if not earlier.names:
        return ""
    count, all_p = len(earlier.names) + 1, [*earlier.p_values, *own]
    lead = (
        f"{counted(count, 'ablation')} of this study exist, with "
        f"{counted(len(all_p), 'comparison')} in all"
    )
    if not together:
        return (
            f"{lead}. Each controls its own error rate, so more than 5 of 100 such studies show "
            f"a difference that does not exist; --family study controls the error rate over all "
            f"of them."
        )
    adjusted = holm(all_p)
    lost = [
        f"{name}: {row.name} (Holm p {p_text(p)})"
        for (name, row), p in zip(earlier.rows, adjusted, strict=False)
        if row.outcome in (Outcome.BETTER, Outcome.WORSE) and p >= LEVEL
    ]
    text = f"{lead}, with one error rate: p is corrected over all of them."
    if lost:
        return f"{text} Shown earlier, but not after this correction: {'; '.join(lost)}."
    return f"{text} Every difference shown earlier is still shown."
