"""How an interrupted ablation is shown: a table, and what is missing."""

from __future__ import annotations

from slr_tune.ablation.interim import Interim
from slr_tune.report.page import Table, numbers, texts
from slr_tune.text import counted, number, points


def interim_text(interim: Interim) -> str:
    """One sentence: that it is interim, and how much is missing."""
    missing = interim.planned - interim.finished
    most = "at most " * interim.at_most
    return (
        f"Interim result of study {interim.study}: {interim.finished} of "
        f"{most}{counted(interim.planned, 'run')} finished, {most}{missing} missing. "
        "These means may still change; differences are tested when all runs are finished."
    )


def interim_table(interim: Interim) -> Table | None:
    """One row per arm; None without any finished run."""
    if not interim.rows:
        return None
    wer = interim.measure == "WER"
    heads = [
        *texts("arm", essential=True),
        *numbers("seeds", f"mean {'dev WER, %' if wer else interim.measure}", essential=True),
        *numbers("to the baseline" + ", points" * wer),
    ]

    def text(value: float | None, sign: str = "") -> str:
        if value is None:
            return ""
        return sign * (value > 0) + (points(value) if wer else number(value, 4))

    rows = [
        (
            row.name,
            f"{row.seeds} of {interim.seeds}",
            text(row.mean),
            text(row.difference, "+"),
        )
        for row in interim.rows
    ]
    return Table(heads, rows)
