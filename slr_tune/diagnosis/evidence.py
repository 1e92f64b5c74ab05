"""All that is known of a run that a person asks about."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from slr_tune.diagnosis.diagnostics import Diagnostic
from slr_tune.diagnosis.red_flags import RedFlag, Row


@dataclass(frozen=True)
class Evidence:
    """All that is known of a run.

    Attributes:
        diagnostics: Of its checkpoint; empty where there is none.
        flags: Of its curve.
        config: Its settings.
        epoch: Epochs that it ran.
        wer: Dev WER, percent; NaN where it is not known.
        teacher_wer: Its teacher's; NaN likewise.
        ended_by: As its record says; None where there is none.
        error: Text of the error that ended it.
        rows: Its curve.
    """

    diagnostics: Sequence[Diagnostic]
    flags: Sequence[RedFlag]
    config: Mapping[str, Any]
    epoch: int
    wer: float = math.nan
    teacher_wer: float = math.nan
    ended_by: str | None = None
    error: str = ""
    rows: Sequence[Row] = ()

    def bad(self, name: str) -> Diagnostic | None:
        """A diagnostic, where it found something wrong."""
        return next((item for item in self.diagnostics if item.name == name and item.bad), None)

    def flag(self, *names: str) -> RedFlag | None:
        """The first red flag of these names."""
        return next((flag for flag in self.flags if flag.name in names), None)

    def setting(self, name: str, default: float) -> float:
        """A number of the configuration by its dotted name; the default for none and for null."""
        value: Any = self.config
        for key in name.split("."):
            value = value.get(key) if isinstance(value, Mapping) else None
        return default if value is None else float(value)
