"""`confirm.json` in a study's folder: results of its best trials on new seeds."""

from __future__ import annotations

import json
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from slr_tune.text import number, points
from trainables.files.atomic import replace_file

FILE = "confirm.json"


@dataclass(frozen=True)
class ConfirmedTrial:
    """A trial retrained on new seeds.

    Attributes:
        trial: Its number in the search.
        name: "baseline", "best", "best 2" ..., or "baseline, best 2 of the search" for one that
            is both.
        claimed: Its dev WER in the search, percent; None where that was not known.
        wer: By split, WER of each seed, percent.
        parameters: Numbers in the model; None where that was not known.
        verdicts: By split, what was shown of it against the first one; empty for that one.
        differences: By split, its difference to the first one and the two ends of the interval,
            as the verdict has them; empty for that one, and with one seed.
        measure: What the figures are: "WER", or the name of the metric of a custom run.
        minimize: Whether a smaller figure is the better one.
    """

    trial: int
    name: str
    claimed: float | None
    wer: Mapping[str, tuple[float, ...]]
    parameters: int | None = None
    verdicts: Mapping[str, str] = field(default_factory=dict)
    differences: Mapping[str, tuple[float, float, float]] = field(default_factory=dict)
    measure: str = "WER"
    minimize: bool = True

    def value_text(self, value: float | None) -> str:
        """A figure: a WER with two digits after the point, else four significant ones."""
        return points(value) if self.measure == "WER" else number(value, 4)

    @property
    def is_baseline(self) -> bool:
        """Whether it is the baseline, whatever place it has in the search."""
        return self.name.partition(",")[0] == "baseline"

    @property
    def is_best(self) -> bool:
        """Whether it is the best of the search, be it the baseline or not."""
        return self.name in ("best", "baseline, best of the search")

    @property
    def is_better(self) -> bool:
        """Whether it is shown on dev to be better than the first one."""
        return self.verdicts.get("dev", "").startswith("Better")

    def mean(self, split: str) -> float:
        """Mean over the seeds."""
        return statistics.mean(self.wer[split])

    def spread(self, split: str) -> float:
        """Standard deviation over the seeds; NaN with one."""
        values = self.wer[split]
        return statistics.stdev(values) if len(values) > 1 else float("nan")

    def mean_text(self, split: str) -> str:
        """The mean with its standard deviation: `21.30 ± 0.40`."""
        spread = self.spread(split)
        mean = self.value_text(self.mean(split))
        return mean + (f" ± {self.value_text(spread)}" if spread == spread else "")


_ROWS = TypeAdapter(list[ConfirmedTrial])


def write_confirmed(folder: Path, rows: Sequence[Mapping[str, Any]]) -> Path:
    """Stores the rows that `slr-tune confirm` prints; they replace those of an earlier call."""
    path = folder / FILE
    replace_file(path, (json.dumps(list(rows), indent=2) + "\n").encode())
    return path


def read_confirmed(folder: Path) -> list[ConfirmedTrial]:
    """The stored rows, the baseline first; empty where nothing was confirmed, or the file is torn.

    A row without any seed on dev is left out.
    """
    try:
        found = _ROWS.validate_json((folder / FILE).read_bytes())
    except (OSError, ValueError):
        return []
    return [row for row in found if row.wer.get("dev")]
