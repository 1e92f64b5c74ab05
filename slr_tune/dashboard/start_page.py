"""The dashboard's first page: the studies, how far each is, and where to read on."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress

from optuna.storages import RDBStorage
from optuna.trial import TrialState

from slr_tune.errors import SlrTuneError
from slr_tune.report.page import HTML, Answer, Figure, Page, Part, Table, numbers, texts
from slr_tune.report.page.figures import axis, scatter, series_style
from slr_tune.report.style import BASELINE, LEGEND, plotted, value_axis
from slr_tune.study.lock import drivers
from slr_tune.study.summary import baseline_trial
from slr_tune.study.view import StudyLine, StudyView, read_study, study_lines
from slr_tune.text import in_percent, metric_text, metric_title, number

_READ = 6
"""Studies whose trials are read: the others have a row."""


def study_address(study_id: int) -> str:
    """Where the dashboard shows the report of a study."""
    return f"/studies/{study_id}"


def optuna_address(study_id: int) -> str:
    """Where Optuna Dashboard shows a study."""
    return f"/dashboard/studies/{study_id}"


def trials_of(study_id: int) -> str:
    """Where Optuna Dashboard shows the trials of a study, one by one."""
    return f"{optuna_address(study_id)}/trials"


def start_page(database: RDBStorage) -> Page:
    """The page; the study that was written last comes first."""
    lines = study_lines(database)
    known = {driver.study: driver for driver in drivers(database.engine)}
    views = []
    for line in [line for line in lines if line.ours][:_READ]:
        # A study of another version, or deleted since, keeps its row.
        with suppress(SlrTuneError, KeyError):
            views.append(read_study(database, line.name, known.get(line.name)))
    ids = {line.name: database.get_study_id_from_name(line.name) for line in lines}
    many = f"{len(lines)} studies. " if len(lines) > 1 else ""
    verdict = f"{many}{_stands(views[0])}" if views else many or "No study yet."
    return Page(
        title="slr-tune studies",
        subtitle="Reading only: a study is written by the run that searches it.",
        verdict=verdict,
        parts=[Part("All studies", [_table(lines, views, ids)], formats=HTML)],
        answers=_answers(views),
        chart=_figure(views) if views else None,
        links=[("Optuna Dashboard", "/dashboard")],
    )


def _stands(view: StudyView) -> str:
    """State of the newest study, in a sentence."""
    name, best = view.spec.study, view.best()
    runs = "is running" if view.running else "was written last"
    if best is None:
        return f"{name} {runs}; none of its {len(view.trials)} trials has a value yet."
    value = _with_unit(view, best.values[0])
    return f"{name} {runs}: best {value} after {len(view.trials)} trials."


def _answers(views: Sequence[StudyView]) -> list[Answer]:
    if not views:
        start = Answer("What next?", "Start a search:", command="slr-tune run distill")
        return [start]
    view = views[0]
    best, baseline = view.best(), baseline_trial(view)
    answers = []
    if best is not None and baseline is not None and baseline.values and best is not baseline:
        gain = abs(best.values[0] - baseline.values[0])
        unit = " points" * in_percent(view.spec.objective.metric)
        size = f"{metric_text(gain, view.spec.objective.metric)}{unit} better"
        text = f"than the baseline's {_with_unit(view, baseline.values[0])}; optimistic."
        answers.append(Answer(f"The best of {view.spec.study}, trial {best.number}:", text, size))
    steps = "Click a study below for its report: what won, is it real, what next."
    steps += " Optuna Dashboard, on top, has each trial, its curve and its files."
    importance = (
        "Its panel “Hyperparameter Importance” knows finished trials only. The report's importance "
        "uses all trials and says how sure it is."
    )
    return [*answers, Answer("Where to read on?", steps), Answer("Beware:", importance)]


def _table(lines: Sequence[StudyLine], views: Sequence[StudyView], ids: dict[str, int]) -> Table:
    read = {view.spec.study: view for view in views}
    rows = []
    for line in lines:
        view = read.get(line.name)
        best, first = line.best, baseline_trial(view) if view else None
        base = first.values[0] if first is not None and first.values else None
        said = metric_text if view else lambda value, _: number(value, 4)
        metric = view.spec.objective.metric if view else ""
        rows.append(
            (
                line.name,
                "running" if line.running else "",
                str(sum(line.trials.values())),
                "-" if best is None else said(best, metric),
                "-" if base is None else said(base, metric),
                metric_title(metric) if metric else "",
                "-" if line.last_written is None else f"{line.last_written:%Y-%m-%d %H:%M}",
            )
        )
    heads = texts("study", "state") + numbers("trials", "best", "baseline")
    heads += texts("metric") + numbers("written", secondary=True)
    ours = {line.name for line in lines if line.ours}
    links = {
        row: study_address(ids[line.name]) if line.name in ours else optuna_address(ids[line.name])
        for row, line in enumerate(lines)
    }
    return Table(heads, rows, links=links)


def _figure(views: Sequence[StudyView]) -> Figure:
    """Best so far of the studies that have the newest one's metric."""
    metric = views[0].spec.objective.metric
    alike = [view for view in views if view.spec.objective.metric == metric]
    traces = []
    for place, view in enumerate(alike):
        line, _ = series_style(place)
        steps, name = _best_so_far(view), view.spec.study
        if not steps:
            continue
        x, y = [step[0] for step in steps], [plotted(step[1]) for step in steps]
        look = {"line": {**line, "shape": "hv", "width": 2}, "marker": {"size": 7}}
        hover = f"{name}, trial %{{x}}: %{{y:.4~g}}"
        traces.append(scatter(name, x, y, "lines+markers", hover=hover, **look))
    base = baseline_trial(views[0])
    if base is not None and base.values and traces:
        ends = [0, len(views[0].trials) - 1]
        line = {"color": BASELINE, "dash": "dash", "width": 2}
        level = [plotted(base.values[0])] * 2
        label = f"baseline of {views[0].spec.study}"
        traces.append(scatter(label, ends, level, "lines", line=line))
    layout = {
        "xaxis": axis("trial", rangemode="tozero"),
        "yaxis": value_axis(metric, [y for trace in traces for y in trace["y"]]),
        "legend": LEGEND,
        "showlegend": True,
    }
    said = f"Lines: best {metric_title(metric)} so far of {len(alike)} studies."
    return Figure(traces, said, layout, height=380)


def _best_so_far(view: StudyView) -> list[tuple[int, float]]:
    sign = 1.0 if view.minimizes else -1.0
    steps: list[tuple[int, float]] = []
    for trial in view.trials:
        if trial.state == TrialState.COMPLETE and trial.values:
            if not steps or sign * trial.values[0] < sign * steps[-1][1]:
                steps.append((trial.number, trial.values[0]))
    return [*steps, (len(view.trials) - 1, steps[-1][1])] if steps else []


def _with_unit(view: StudyView, value: float) -> str:
    metric = view.spec.objective.metric
    title = metric_title(metric).removesuffix(", %")
    return f"{title} {metric_text(value, metric)}{' %' * in_percent(metric)}"
