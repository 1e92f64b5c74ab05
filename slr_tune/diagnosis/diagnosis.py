"""What is wrong with a run: diagnostics of its checkpoint, flags of its curve, and a verdict."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from slr_tune.diagnosis.causes import Cause, likely_causes, too_early
from slr_tune.diagnosis.diagnostics import Diagnostic
from slr_tune.diagnosis.evidence import Evidence
from slr_tune.diagnosis.red_flags import RedFlag, Row, red_flags


@dataclass(frozen=True)
class Diagnosis:
    """What was found.

    Attributes:
        name: What the run is called.
        verdict: The one sentence that matters.
        causes: Likely causes with their remedies, the one that explains most first.
        diagnostics: The six; empty where there is no checkpoint.
        flags: Red flags on the curve.
        rows: The curve.
        notes: What else a reader should know.
        command: Trains the same run with the first remedy's settings; empty where there is none.
    """

    name: str
    verdict: str
    causes: tuple[Cause, ...]
    diagnostics: tuple[Diagnostic, ...]
    flags: tuple[RedFlag, ...]
    rows: tuple[Row, ...]
    notes: tuple[str, ...] = ()
    command: str = ""

    @property
    def healthy(self) -> bool:
        """Whether nothing is wrong."""
        return not self.causes


def diagnose(
    name: str,
    *,
    diagnostics: Sequence[Diagnostic],
    rows: Sequence[Row],
    config: Mapping[str, Any],
    teacher_wer: float = math.nan,
    ended_by: str | None = None,
    error: str = "",
) -> Diagnosis:
    """Puts the signs together.

    Args:
        name: What the run is called.
        diagnostics: Of its checkpoint; empty where it has none.
        rows: Its curve.
        config: Its settings.
        teacher_wer: Dev WER of its teacher, percent; NaN where it is not known.
        ended_by: As its record says.
        error: Text of the error that ended it.
    """
    wers = [float(row.get("val/wer", math.nan)) for row in rows]
    evidence = Evidence(
        diagnostics=diagnostics,
        flags=red_flags(rows, max_epochs=config.get("max_epochs")),
        config=config,
        epoch=int(rows[-1]["epoch"]) if rows else 0,
        wer=min((wer for wer in wers if not math.isnan(wer)), default=math.nan),
        teacher_wer=teacher_wer,
        ended_by=ended_by,
        error=error,
        rows=rows,
    )
    causes = likely_causes(evidence)
    return Diagnosis(
        name=name,
        verdict=_verdict(evidence, causes),
        causes=tuple(causes),
        diagnostics=tuple(diagnostics),
        flags=tuple(evidence.flags),
        rows=tuple(rows),
        notes=tuple(_notes(rows)),
    )


def _verdict(evidence: Evidence, causes: Sequence[Cause]) -> str:
    if causes:
        first, *others = causes
        also = f" Also: {', '.join(cause.name for cause in others)}." if others else ""
        return f"{first.name[0].upper()}{first.name[1:]}. {first.text}{also}"
    if too_early(evidence):
        return (
            f"Too early to tell: after {evidence.epoch} epochs every CTC model predicts mostly "
            f"blanks. Nothing else is wrong."
        )
    if not evidence.diagnostics and not evidence.epoch:
        return "Nothing to judge: there is neither a checkpoint nor a curve."
    reached = "" if math.isnan(evidence.wer) else f", best dev WER {evidence.wer:.2f}"
    return f"No problem found: {evidence.epoch} epochs{reached}."


def _notes(rows: Sequence[Row]) -> list[str]:
    """What is worth knowing and no sign of anything."""
    if not rows or math.isnan(float(rows[0].get("train/loss", math.nan))):
        return []
    first, last = rows[0], rows[-1]
    text = f"The training loss began at {first['train/loss']:.2f} and is {last['train/loss']:.2f}"
    return [f"{text} after {int(last['epoch'])} epochs."]
