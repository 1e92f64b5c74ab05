"""Which trials a figure shows, and which of them stand out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from slr_tune.report.page.figures import INK, PALETTE, Trace, gapped, scatter
from slr_tune.report.study.study_data import StudyData, TrialData
from slr_tune.report.style import BASELINE


def shown(study: StudyData, trials: Sequence[TrialData], most: int) -> list[TrialData]:
    """All of them up to `most`; beyond that the leaders, the baseline, and the others thinned out.

    Args:
        study: The study.
        trials: To choose from.
        most: So many at most, but for the best and the baseline.
    """
    if len(trials) <= most:
        return list(trials)
    always = {trial.number for trial in study.leaders[: most // 2]}
    always |= {trial.number for trial in (study.best, study.baseline) if trial is not None}
    others = [trial for trial in trials if trial.number not in always]
    step = len(others) / most
    thinned = {others[int(place * step)].number for place in range(most)}
    return [trial for trial in trials if trial.number in always | thinned]


def thinning_note(drawn: Sequence[TrialData], able: Sequence[TrialData]) -> str:
    """A sentence for a figure that does not show everything; empty where it does."""
    if len(drawn) >= len(able):
        return ""
    message = f"Of {len(able):,} trials {len(drawn):,} are drawn"
    return f"{message}: the best, and the others at even gaps."


def highlighted(
    study: StudyData,
    lines: Mapping[int, tuple[Sequence[float], Sequence[float]]],
    *,
    hover: str,
    faint: float,
    strong: float,
) -> list[Trace]:
    """Trials as lines: the others faint, then the leaders, the baseline and the best.

    Args:
        study: The study.
        lines: x and y of each trial, by number.
        hover: Text under the pointer.
        faint: Opacity of the others.
        strong: Width of the leaders' lines.
    """
    leaders = {trial.number for trial in study.leaders} & set(lines)
    special = {trial.number for trial in (study.best, study.baseline) if trial} & set(lines)
    others, grey = set(lines) - leaders - special, f"rgba(128,138,148,{faint})"
    groups = [
        ("other trials", others, grey, 1.0, "solid"),
        (f"the best {len(leaders)}", leaders - special, PALETTE[0], strong, "solid"),
    ]
    if study.baseline is not None:
        groups.append(("baseline", {study.baseline.number}, BASELINE, 3.0, "dash"))
    if study.best is not None and study.best != study.baseline:
        number = study.best.number
        groups.append((f"best (trial {number})", {number}, INK, 3.0, "solid"))
    traces = []
    for name, members, colour, width, dash in groups:
        x, y, labels = gapped([(n, *lines[n]) for n in sorted(members & set(lines))])
        line = {"color": colour, "width": width, "dash": dash}
        if x:
            traces.append(scatter(name, x, y, "lines", hover=hover, customdata=labels, line=line))
    return traces
