"""A diagnosis as text, as a page and as JSON."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from markupsafe import Markup

from slr_tune.diagnosis.causes import Cause
from slr_tune.diagnosis.diagnosis import Diagnosis
from slr_tune.report.page import (
    PALETTE,
    Column,
    Figure,
    Section,
    Table,
    code_html,
    figure_html,
    list_html,
    render_page,
    table_html,
    text_html,
)

_MARKS = {"ok": "[ OK ]", "bad": "[BAD ]", "unknown": "[ -- ]"}
_LINES = (
    ("train/loss_components/hard_ctc_loss", "CTC loss on train", "solid", "y"),
    ("train/loss", "training loss", "dot", "y"),
    ("val/loss", "CTC loss on dev", "dash", "y"),
    ("val/wer", "dev WER, %", "solid", "y2"),
    ("val/blank_rate", "blank rate on dev, %", "dot", "y2"),
)


def diagnosis_text(found: Diagnosis) -> str:
    """For a person at a terminal."""
    lines = [f"{found.name}: {found.verdict}", ""]
    for item in found.diagnostics:
        bound = f" (should be: {item.bound})" if item.bad and item.bound else ""
        lines.append(f"{_MARKS[item.status]} {item.name}: {item.found}{bound}")
    if not found.diagnostics:
        lines.append("No checkpoint of a built-in run; judged by the curve alone.")
    lines += [f"[FLAG] {flag.name}, epoch {flag.epoch}: {flag.text}" for flag in found.flags]
    lines += list(found.notes)
    for cause in _with_own_remedy(found):
        lines += ["", *_remedy_lines(cause)]
    if found.command:
        lines += ["", "The same run with the first remedy:", f"  {found.command}"]
    return "\n".join(lines)


def _with_own_remedy(found: Diagnosis) -> list[Cause]:
    """The causes but those whose remedy the first one's holds already."""
    first = dict(found.causes[0].settings).items() if found.causes else {}.items()
    return [
        cause
        for number, cause in enumerate(found.causes)
        if number == 0 or not cause.settings or not dict(cause.settings).items() <= first
    ]


def _remedy_lines(cause: Cause) -> list[str]:
    lines = [f"{cause.name[0].upper()}{cause.name[1:]}: {cause.advice}"]
    return [*lines, f"  {cause.set_line}"] if cause.settings else lines


def diagnosis_json(found: Diagnosis) -> dict[str, Any]:
    """For a script; the curve is left out."""
    plain = asdict(found)
    del plain["rows"]
    for cause, plain_cause in zip(found.causes, plain["causes"], strict=True):
        plain_cause["set"] = cause.set_line
    return {"healthy": found.healthy, **plain}


def diagnosis_page(found: Diagnosis) -> str:
    """The whole HTML file."""
    sections = []
    if found.causes:
        sections.append(Section("What to do", _causes_html(found)))
    if found.diagnostics:
        sections.append(Section("Six diagnostics", table_html(_table(found))))
    else:
        told = "No checkpoint of a built-in run; judged by the curve alone."
        sections.append(Section("Six diagnostics", text_html(told)))
    if found.rows:
        sections.append(Section("The curve", _curve_html(found)))
    return render_page(
        title=f"Diagnosis of {found.name}",
        subtitle=f"{len(found.rows)} epochs; dev and train only, test is left alone",
        verdict=found.verdict,
        sections=sections,
    )


def _causes_html(found: Diagnosis) -> Markup:
    parts = []
    for cause in _with_own_remedy(found):
        name = f"{cause.name[0].upper()}{cause.name[1:]}"
        parts.append(text_html(f"{name}. {cause.text}", cause.advice))
        if cause.settings:
            parts.append(code_html(cause.set_line))
    if found.command:
        parts += [text_html("The same run with the first remedy:"), code_html(found.command)]
    return Markup("\n").join(parts)


def _table(found: Diagnosis) -> Table:
    rows = [(item.name, item.status, item.found, item.bound) for item in found.diagnostics]
    return Table(
        columns=(Column("diagnostic"), Column("verdict"), Column("found"), Column("should be")),
        rows=rows,
        emphasis=frozenset(i for i, item in enumerate(found.diagnostics) if item.bad),
    )


def _curve_html(found: Diagnosis) -> Markup:
    epochs = [int(row["epoch"]) for row in found.rows]
    traces: list[dict[str, Any]] = []
    for number, (column, label, dash, axis) in enumerate(_LINES):
        scale = 100.0 if column == "val/blank_rate" else 1.0
        values = [scale * float(row.get(column, float("nan"))) for row in found.rows]
        unknown = all(value != value for value in values)
        if unknown or any(values == trace["y"] for trace in traces):  # CTC may be the whole loss
            continue
        line = {"color": PALETTE[number], "dash": dash}
        trace = {"type": "scatter", "mode": "lines", "x": epochs, "y": values, "name": label}
        traces.append({**trace, "line": line, "yaxis": axis})
    layout = {
        "xaxis": {"title": {"text": "epoch"}},
        "yaxis": {"title": {"text": "loss, nats"}},
        "yaxis2": {"title": {"text": "%"}, "overlaying": "y", "side": "right", "showgrid": False},
        "legend": {"orientation": "h", "y": -0.25},
    }
    description = f"Losses, dev WER and blank rate of {found.name} over its epochs."
    figure = figure_html(Figure(traces, description, layout, height=360))
    flags = [f"{flag.name}, epoch {flag.epoch}: {flag.text}" for flag in found.flags]
    told = list_html(flags) if flags else text_html("No red flag.")
    return told + figure + text_html(*found.notes)
