"""The report's figures as plotly's: one drawing for the report, the dashboard and a notebook."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from slr_tune.errors import SlrTuneError
from slr_tune.report.page import Figure, Part
from slr_tune.report.page.standalone import plotly_json, side_by_side

if TYPE_CHECKING:
    import plotly.graph_objects as go

    from slr_tune.report.study.study_data import StudyData


def as_plotly(figure: Figure, title: str) -> go.Figure:
    """A page's figure as plotly's own."""
    import plotly.graph_objects as go

    drawn = go.Figure(plotly_json(figure, title))
    size = {"width": figure.wide} if figure.wide else {}
    return drawn.update_layout(height=figure.height + 60, **size)


@dataclass(frozen=True)
class StudyPlots:
    """Figures of a study: those of its report, each as a plotly figure.

    Every method raises a `SlrTuneError` if the study has nothing for its figure yet.

    Attributes:
        data: What they show; its class is private.
    """

    data: StudyData

    @property
    def name(self) -> str:
        """Name of the study."""
        return self.data.view.spec.study

    def history(self) -> go.Figure:
        """Value of every trial in order, the best so far, and the baseline."""
        from slr_tune.report.study.history import history_part

        return self._drawn(history_part(self.data), "a trial with an epoch")

    def curves(self) -> go.Figure:
        """Learning curves by how the trial ended, the best and the baseline highlighted."""
        from slr_tune.report.study.history import curves_part

        return self._drawn(curves_part(self.data), "a trial with an epoch")

    def parallel(self) -> go.Figure:
        """Every trial as a line over all parameters, the best ones highlighted."""
        from slr_tune.report.study.parameters import parallel_part

        need = "two trials with a value and two searched parameters"
        return self._drawn(parallel_part(self.data), need)

    def rungs(self) -> go.Figure:
        """Value at each ASHA rung against the last one, of trials that ran to their end."""
        from slr_tune.report.study.rungs import FEW, rungs_part

        need = f"a rung with {FEW} trials that ran to their end"
        return self._drawn(rungs_part(self.data), need, joined=True)

    def weights(self, name: str | None = None) -> go.Figure:
        """Three weights that sum to 1, such as those of the losses, as a triangle.

        Args:
            name: Name of the weights in the file (`loss_weights`); None for the first ones.
        """
        from slr_tune.report.study.simplex import simplex_parameters, simplex_parts

        names = [parameter.name for parameter in simplex_parameters(self.data)]
        if name is not None and name not in names:
            raise SlrTuneError(
                f"study {self.name!r} does not search three weights named {name!r}",
                hint=f"It has: {', '.join(names) or 'none'}.",
            )
        parts = simplex_parts(self.data, name)
        return self._drawn(parts[0] if parts else None, "a simplex of three weights with values")

    def schedules(self) -> go.Figure:
        """Temperature over the epochs of every trial, the best ones highlighted."""
        from slr_tune.report.study.temperature import temperature_part

        need = "trials that differ in their temperature"
        return self._drawn(temperature_part(self.data), need)

    def _drawn(self, part: Part | None, need: str, *, joined: bool = False) -> go.Figure:
        figures: Sequence[Figure] = [] if part is None else part.figures
        if part is None or not figures:
            raise SlrTuneError(
                f"study {self.name!r} has nothing to draw here",
                hint=f"The figure needs {need}.",
            )
        figure = side_by_side(figures) if joined else figures[0]
        return as_plotly(figure, f"{self.name}: {part.title[:1].lower()}{part.title[1:]}")
