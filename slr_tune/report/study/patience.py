"""The part on patience: dev WER against epochs spent, for every patience."""

from __future__ import annotations

from dataclasses import replace

from slr_tune.report.page import WRITTEN, Figure, Part, Table, numbers
from slr_tune.report.page.figures import INK, PALETTE, axis, gapped, scatter
from slr_tune.report.study.edges import edges
from slr_tune.report.study.next_steps import next_steps
from slr_tune.report.study.study_data import StudyData
from slr_tune.report.style import LEGEND
from slr_tune.study.patience import LEAST_TO_RECOMMEND, TOLERANCE, Patience
from slr_tune.text import metric_title, points

_MOST_RUNS = 40


def patience_part(study: StudyData) -> Part | None:
    """None where too few runs are usable, or the runs have no patience."""
    found = study_patience(study)
    if found is None:
        return None
    text = patience_text(found, against=_against(study))
    return Part("Patience", [*text, _figure(found), _table(found)], formats=WRITTEN)


def study_patience(study: StudyData) -> Patience | None:
    """What each patience would have given; none is recommended where other advice is against it."""
    found = study.patience
    return replace(found, recommended=None) if found and _against(study) else found


def _against(study: StudyData) -> str:
    """Why a smaller patience is not recommended whatever the curves say; empty for nothing."""
    rules = {step.rule for step in next_steps(study)}
    if rules & {"longer", "blank phase"}:
        return "the runs were cut short"
    wider = (edge for edge in edges(study) if edge.upper)
    if any(edge.parameter.path[-1] == "patience" for edge in wider):
        return "around the best trial a longer patience keeps improving the result"
    return ""


def patience_text(found: Patience, *, against: str = "") -> list[str]:
    """What to see, and what is recommended.

    Args:
        found: What each patience would have given.
        against: What speaks against a smaller one; empty for nothing.
    """
    count = len(found.runs)
    how = (
        f"What each patience would have given, read off the curves of {count} trials that ran "
        "until their own patience, or the last epoch, ended them. Training does not depend on "
        "patience, so this is exact; trials that ASHA stopped are left out."
    )
    last = found.values[-1]
    if count < LEAST_TO_RECOMMEND:
        return [
            f"{count} usable trials are too few to recommend a patience: at least "
            f"{LEAST_TO_RECOMMEND} are needed, because late gains are rare but large.",
            how,
        ]
    if against:
        return [f"No smaller patience is recommended: {against}.", how]
    if found.recommended is None:
        return [
            f"No smaller patience keeps the WER of {last} (within {TOLERANCE} points on average "
            "and for the best trial) and saves an epoch.",
            how,
        ]
    spent, given = found.mean_epochs, float(found.mean_wers[found.recommended - 1])
    return [
        f"Recommended: a patience of {found.recommended}. It gives {points(given)} on "
        f"average in {spent[found.recommended - 1]:.1f} epochs, against "
        f"{points(float(found.mean_wers[-1]))} in {spent[-1]:.1f} with a patience of {last}: "
        f"{100 * found.saved:.0f} % fewer epochs. It is the smallest that surely costs "
        f"at most {TOLERANCE} points on average (95 %), and for the best trial.",
        how,
    ]


def kinks(found: Patience) -> list[int]:
    """Patiences that differ from the one before: the others are at the same place."""
    spent = found.mean_epochs
    return [p for p in found.values if p == 1 or spent[p - 1] != spent[p - 2]]


def _figure(found: Patience) -> Figure:
    shown = kinks(found)
    places = [p - 1 for p in shown]
    spent = found.epochs[places, :_MOST_RUNS].T.astype(float).tolist()
    given = [[round(wer, 2) for wer in run] for run in found.wers[places, :_MOST_RUNS].T.tolist()]
    at, wers, _ = gapped((0, *run) for run in zip(spent, given, strict=True))
    grey = {"color": "rgba(128,138,148,0.65)", "width": 1}
    traces = [
        scatter("single trials", at, wers, "lines", line=grey),
        scatter(
            "mean, by patience",
            found.mean_epochs[places].tolist(),
            found.mean_wers[places].tolist(),
            "lines+markers+text",
            hover="patience %{text}: %{y:.2f} in %{x:.1f} epochs",
            text=[str(p) for p in shown],
            textposition="top right",
            line={"color": PALETTE[0], "width": 2.2},
            marker={"color": PALETTE[0], "size": 7},
        ),
    ]
    if found.recommended is not None:
        place = found.recommended - 1
        x, y = [float(found.mean_epochs[place])], [float(found.mean_wers[place])]
        ring = {"symbol": "circle-open", "size": 17, "color": INK, "line": {"width": 2.5}}
        name = f"recommended: {found.recommended}"
        traces.append(scatter(name, x, y, "markers", marker=ring))
    vertical = axis(metric_title("val/wer"))
    layout = {"xaxis": axis("epochs spent"), "yaxis": vertical, "legend": LEGEND}
    message = f"Line: dev WER against epochs spent, for patiences 1 to {found.values[-1]}."
    return Figure(traces, message, layout, height=380)


def _table(found: Patience) -> Table:
    shown, spent, given = kinks(found), found.mean_epochs, found.mean_wers
    rows = [
        (
            str(p),
            f"{spent[p - 1]:.1f}",
            points(float(given[p - 1])),
            f"{given[p - 1] - given[-1]:+.2f}",
            f"{100 * (1 - spent[p - 1] / spent[-1]):.0f}",
        )
        for p in shown
    ]
    emphasis = frozenset(place for place, p in enumerate(shown) if p == found.recommended)
    return Table(
        numbers("patience", "mean epochs", "mean dev WER, %", "lost, points", "epochs saved, %"),
        rows,
        "Values that would not change any trial are omitted.",
        emphasis,
    )
