"""The part on budget and tunability: what more trials would give, what tuning was worth."""

from __future__ import annotations

from slr_tune.ablation.winners_curse import tunability_line
from slr_tune.report.page import WRITTEN, Block, Figure, Part
from slr_tune.report.page.figures import PALETTE, axis, band, scatter
from slr_tune.report.study.study_data import StudyData
from slr_tune.report.style import LEGEND
from slr_tune.study.budget_value import BudgetValue, budget_text, budget_value
from slr_tune.text import metric_title


def budget_part(study: StudyData) -> Part | None:
    """None with too few trials."""
    found = budget_value(study.view)
    if found is None:
        return None
    lead = (
        "As if the trials had come in random order (Dodge et al. 2019). A search that learns from "
        "its trials does worse than that at first and may do better later."
    )
    blocks: list[Block] = [budget_text(study.view, found), lead, _figure(study, found)]
    blocks.append(tunability_line(study.confirmed, study.view.spec.study))
    return Part("What more trials would give", blocks, formats=WRITTEN)


def _figure(study: StudyData, found: BudgetValue) -> Figure:
    at = [one.trials for one in found.curve]
    values, lows, highs = (
        [getattr(one, side) for one in found.curve] for side in ("value", "low", "high")
    )
    line = {"color": PALETTE[0], "width": 2.2}
    dot = {"color": PALETTE[1], "size": 10, "symbol": "diamond"}
    traces = [
        band(at, lows, highs, 0.2),
        scatter(
            "expected best",
            at,
            values,
            "lines+markers",
            hover="%{x} trials: %{y:.4~g}",
            line=line,
        ),
        scatter("this search", [found.trials], [found.found], "markers", marker=dot),
    ]
    ticks = [n * 10**power for power in range(7) for n in (1, 2, 5) if n * 10**power <= at[-1]]
    layout = {
        "xaxis": axis("trials", type="log", tickvals=ticks, ticktext=list(map(str, ticks))),
        "yaxis": axis(metric_title(study.metric)),
        "legend": LEGEND,
    }
    message = f"Line: best value expected of 1 to {at[-1]} trials, with its 90 % band."
    return Figure(traces, message, layout, height=320)
