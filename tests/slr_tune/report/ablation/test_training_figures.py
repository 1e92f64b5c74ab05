"""Learning curves lie inside their axes, whatever is measured."""

from __future__ import annotations

from typing import Any

import pytest

from slr_tune.report.ablation.curves import Band
from slr_tune.report.ablation.training_figures import curve_figure, curve_limits


def axis(*values: float, wer: bool) -> tuple[dict[str, Any], str]:
    band = Band(("a",), values, values, values)
    figure = curve_figure(band, None, "val/loss", curve_limits([band]), wer=wer)
    return figure.layout["yaxis"], figure.description


@pytest.mark.parametrize(
    "values", [(-3.0, -1.5, -1.0), (0.002, 0.05), (-1.0, 2.0), (7.0, 7.0), (0.0, 0.0)]
)
def test_any_metric_lies_inside_its_axis(values: tuple[float, ...]) -> None:
    """A log-likelihood is negative, a loss may be a thousandth: neither is a percentage."""
    scale, _ = axis(*values, wer=False)
    low, high = scale["range"]
    assert low < min(values) <= max(values) < high
    assert "type" not in scale and "tickvals" not in scale


def test_small_values_are_reported_with_their_digits() -> None:
    """Two decimals, as of a WER, would make 0.00 of a loss."""
    assert "at last 0.0021" in axis(0.05, 0.0021, wer=False)[1]
    assert "at last 12.35" in axis(50.0, 12.3456, wer=True)[1]


def test_a_wer_has_a_logarithmic_axis_in_percent() -> None:
    """On a linear one the last epochs are flat beside the first."""
    scale, _ = axis(100.0, 12.0, wer=True)
    assert scale["type"] == "log" and 10 in scale["tickvals"]


def test_a_curve_with_gaps_is_drawn() -> None:
    """Single points between epochs without a value are no line, so nothing would be seen."""
    values = (None, 2.0, None, 1.0)
    band = Band(("a",), values, values, values)
    (_, line) = curve_figure(band, None, "loss", (1.0, 2.0), wer=False).traces
    assert line["connectgaps"] and line["y"] == [None, 2.0, None, 1.0]
