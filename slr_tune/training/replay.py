"""When a run ends and which epoch is its best, read from a curve: exact, as the rule is the run's.

The rule of early stopping looks at nothing but the dev WER of the epochs before. So a curve that is
long enough holds every run that stops earlier, to the bit. Of a user's own run no such rule is
known: it ends itself, or at its `max_epochs`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from slr_tune.training.stages import Measure, StopRule
from trainables.runs.early_stopping import verdict

Row = Mapping[str, float]


def end_of(rows: Sequence[Row], rule: StopRule) -> tuple[int, str] | None:
    """The epoch at which a run ends and why; None where the curve does not reach that far.

    Args:
        rows: The curve from epoch 1.
        rule: When the run ends.
    """
    if not rule.measure.scored:
        # Such a run ends itself, and a value that is not finite says nothing of how it fares.
        return (rule.max_epochs, "max_epochs") if len(rows) >= rule.max_epochs else None
    values = [row[rule.measure.metric] for row in rows]
    for epoch in range(1, len(values) + 1):
        reason = verdict(
            values[:epoch],
            patience=rule.patience,
            min_delta=rule.min_delta,
            max_epochs=rule.max_epochs,
        )
        if reason is not None:
            return epoch, reason
    return None


def best_epoch(rows: Sequence[Row], measure: Measure) -> int | None:
    """The first epoch with the best value; None where no epoch has one."""
    sign = 1.0 if measure.minimize else -1.0
    values = [(sign * row[measure.metric], epoch) for epoch, row in enumerate(rows, 1)]
    finite = [pair for pair in values if math.isfinite(pair[0])]
    return min(finite)[1] if finite else None


def epochs_needed(rows: Sequence[Row], rules: Sequence[StopRule]) -> set[int]:
    """Epochs whose weights some run's result comes from, as far as the curve tells."""
    needed = {best_epoch(rows, rule.measure) for rule in rules}
    for rule in rules:
        end = end_of(rows, rule)
        if end is not None:
            needed.add(best_epoch(rows[: end[0]], rule.measure))
    return {epoch for epoch in needed if epoch is not None}
