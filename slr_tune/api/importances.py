"""Which parameters matter, for Python and for the command."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from slr_tune.errors import SlrTuneError

if TYPE_CHECKING:
    import pandas as pd
    import plotly.graph_objects as go

    from slr_tune.importance import StudyImportance
    from slr_tune.study.view import StudyView


@dataclass(frozen=True)
class Importances:
    """Importance of a study's parameters at one epoch, with its uncertainty.

    Attributes:
        found: The whole result; its class is private.
        folder: Folder of the study.
    """

    found: StudyImportance
    folder: Path

    @property
    def epoch(self) -> int:
        """Epoch at which the trials were compared."""
        return self.found.main.epoch

    @property
    def evaluator(self) -> str:
        """How importance was measured."""
        return self.found.evaluator

    @property
    def frame(self) -> pd.DataFrame:
        """One row per parameter or group, members of a group below it, the most important first.

        Indexed by name. Columns: group (of which it is a part; empty for a unit), share (of all
        units' importance, 0..1), low and high (its 90 % band), trials (that have it), seen (whether
        they show any effect of it; missing if the evaluator does not estimate it), measured
        (whether enough of them ran long enough for it to act). Empty with too few trials.
        """
        import pandas as pd

        from slr_tune.report.importance.figures import ordered_bars

        columns = ["name", "group", "share", "low", "high", "trials", "seen", "measured"]
        bars = ordered_bars(self.found) if self.found.main.units else []
        rows = [{name: getattr(bar, name) for name in columns} for bar in bars]
        return pd.DataFrame(rows, columns=columns).set_index("name")

    @property
    def verdict(self) -> str:
        """The result in one sentence."""
        from slr_tune.report.importance import sentences

        return sentences.verdict(self.found)

    @property
    def warnings(self) -> tuple[str, ...]:
        """Caveats, one sentence each."""
        from slr_tune.report.importance import sentences

        return tuple(sentences.notes(self.found))

    def plot(self) -> go.Figure:
        """Share of each parameter with its interval.

        Raises:
            SlrTuneError: There are too few trials for a figure.
        """
        from slr_tune.api.plots import as_plotly
        from slr_tune.report.importance.figures import bars_figure

        if not self.found.main.units:
            raise SlrTuneError(
                f"study {self.found.study!r} has too few trials to estimate importance",
                hint=" ".join(self.warnings),
            )
        title = f"{self.found.study}: {self.evaluator} at epoch {self.epoch}"
        title += f", {self.found.main.trials} trials, 90 % intervals"
        return as_plotly(bars_figure(self.found), title)

    def write(self) -> list[Path]:
        """Writes page, text and figures, like `slr-tune importance`; returns the files."""
        from slr_tune.report.importance.page import write_importance

        return write_importance(self.found, self.folder / "importance")


def importance_of(view: StudyView, *, epoch: int | None, evaluator: str | None) -> Importances:
    """Importance of a stored study.

    Args:
        view: The study.
        epoch: As in `Study.importance`.
        evaluator: One of the command's; None for its default.

    Raises:
        SlrTuneError: No trial reached the epoch, or none has one; there is no such evaluator.
    """
    from slr_tune.importance import study_importance
    from slr_tune.importance.analysis import NAMES

    if evaluator is not None and evaluator not in NAMES:
        raise SlrTuneError(
            f"there is no evaluator {evaluator!r}", hint=f"Known: {', '.join(NAMES)}."
        )
    _check_epoch(epoch, view)
    chosen: dict[str, Any] = {} if evaluator is None else {"evaluator": evaluator}
    return Importances(study_importance(view, epoch=epoch, **chosen), view.folder)


def _check_epoch(epoch: int | None, view: StudyView) -> None:
    study, trials = view.spec.study, view.trials
    reached = [max(t.intermediate_values) for t in trials if t.intermediate_values]
    if not reached:
        raise SlrTuneError(
            f"study {study!r} has no trial with an epoch yet",
            hint="slr-tune show lists how its trials ended.",
        )
    if epoch is not None and not 1 <= epoch <= max(reached):
        raise SlrTuneError(
            f"no trial of study {study!r} reached epoch {epoch}",
            hint=f"The longest ran {max(reached)} epochs.",
        )
