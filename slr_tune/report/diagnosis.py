"""A diagnosis as a page and as JSON."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any

from slr_tune.diagnosis.causes import Cause
from slr_tune.diagnosis.diagnosis import Diagnosis
from slr_tune.report.page import (
    HTML,
    TERMINAL,
    Answer,
    Block,
    Bullets,
    Code,
    Figure,
    Page,
    Part,
    Table,
    texts,
)
from slr_tune.report.page.figures import PALETTE, Trace, axis, scatter
from slr_tune.report.style import LEGEND

_MARKS = {"ok": "[ OK ]", "bad": "[BAD ]", "unknown": "[ -- ]"}
_LOSSES = (
    ("train/loss_components/hard_ctc_loss", "CTC loss on train", "solid"),
    ("train/loss", "training loss", "dot"),
    ("val/loss", "CTC loss on dev", "dash"),
)
_RATES = (("val/wer", "dev WER", "solid"), ("val/blank_rate", "blank rate on dev", "dot"))
_NO_CHECKPOINT = "No checkpoint of a built-in run; judged by the curve alone."


def diagnosis_json(found: Diagnosis) -> dict[str, Any]:
    """For a script; the curve is left out."""
    plain = asdict(found)
    del plain["rows"]
    for cause, plain_cause in zip(found.causes, plain["causes"], strict=True):
        plain_cause["set"] = cause.set_line
    return {"healthy": found.healthy, **plain}


def diagnosis_page(found: Diagnosis) -> Page:
    """All findings on a run."""
    return Page(
        title=f"Diagnosis of {found.name}",
        subtitle=f"{len(found.rows)} epochs; dev and train only; test is not used",
        verdict=found.verdict,
        parts=[*_parts(found), *_for_terminal(found)],
        answers=_answers(found),
        chart=_curve(found, _RATES, "%") if found.rows else None,
        beside=_curve(found, _LOSSES, "loss, nats") if found.rows else None,
    )


def _answers(found: Diagnosis) -> list[Answer]:
    """What is wrong, how far the run got, and what to change."""
    cause = found.causes[0] if found.causes else None
    checked = f"{len(found.diagnostics)} diagnostics" if found.diagnostics else "its curve"
    others = ", ".join(one.name for one in found.causes[1:])
    wrong = "Nothing was found." if cause is None else f"{_name(cause)}."
    wrong += f" Also likely: {others}." if others else ""
    answers = [Answer("What is wrong?", wrong), *_how_far(found)]
    bad = [item.name for item in found.diagnostics if item.bad]
    flags = [flag.name for flag in found.flags]
    signs = f"Signs: {', '.join([*bad, *flags])}." if bad or flags else "No sign of trouble."
    answers.append(Answer("How is that known?", f"From {checked}. {signs}"))
    if cause is not None:
        answers.append(Answer("What next?", cause.advice, command=found.command))
    return answers


def _how_far(found: Diagnosis) -> list[Answer]:
    wers = {int(row["epoch"]): float(row.get("val/wer", math.nan)) for row in found.rows}
    known = {epoch: wer for epoch, wer in wers.items() if wer == wer}
    if not known:
        return []
    best = min(known, key=lambda epoch: known[epoch])
    text = f"dev WER, at epoch {best} of {max(wers)}."
    return [Answer("How far did it get?", text, f"{known[best]:.2f} %")]


def _parts(found: Diagnosis) -> Iterator[Part]:
    if found.causes:
        todo: list[Block] = []
        for cause in _with_own_remedy(found):
            todo += [f"{_name(cause)}. {cause.text}", cause.advice, *_settings(cause)]
        yield Part("What to do", [*todo, *_command(found)], formats=HTML)
    table = [_table(found)] if found.diagnostics else [_NO_CHECKPOINT]
    yield Part("Six diagnostics", table, formats=HTML)
    if found.rows:
        flags = [Bullets(_flags(found))] if found.flags else ["No red flag."]
        yield Part("The curve", [*flags, *found.notes], formats=HTML)


def _for_terminal(found: Diagnosis) -> Iterator[Part]:
    lines = [
        f"{_MARKS[item.status]} {item.name}: {item.found}"
        + (f" (should be: {item.bound})" if item.bad and item.bound else "")
        for item in found.diagnostics
    ]
    flags = [f"[FLAG] {flag}" for flag in _flags(found)]
    yield Part("", ["", *(lines or [_NO_CHECKPOINT]), *flags, *found.notes], formats=TERMINAL)
    for cause in _with_own_remedy(found):
        remedy = ["", f"{_name(cause)}: {cause.advice}", *_settings(cause)]
        yield Part("", remedy, formats=TERMINAL)
    if found.command:
        yield Part("", ["", *_command(found)], formats=TERMINAL)


def _with_own_remedy(found: Diagnosis) -> list[Cause]:
    """The causes but those whose remedy the first one's holds already."""
    first = dict(found.causes[0].settings).items() if found.causes else {}.items()
    return [
        cause
        for number, cause in enumerate(found.causes)
        if number == 0 or not cause.settings or not dict(cause.settings).items() <= first
    ]


def _name(cause: Cause) -> str:
    return f"{cause.name[0].upper()}{cause.name[1:]}"


def _settings(cause: Cause) -> list[Block]:
    return [Code(cause.set_line)] if cause.settings else []


def _command(found: Diagnosis) -> list[Block]:
    lead = "The same run with the first remedy:"
    return [lead, Code(found.command)] if found.command else []


def _flags(found: Diagnosis) -> list[str]:
    return [f"{flag.name}, epoch {flag.epoch}: {flag.text}" for flag in found.flags]


def _table(found: Diagnosis) -> Table:
    rows = [(item.name, item.status, item.found, item.bound) for item in found.diagnostics]
    bad = frozenset(i for i, item in enumerate(found.diagnostics) if item.bad)
    return Table(texts("diagnostic", "verdict", "found", "should be"), rows, emphasis=bad)


def _curve(found: Diagnosis, columns: Sequence[tuple[str, str, str]], title: str) -> Figure:
    """Columns of the curve over the epochs, on one axis."""
    epochs = [int(row["epoch"]) for row in found.rows]
    traces: list[Trace] = []
    for number, (column, label, dash) in enumerate(columns):
        scale = 100.0 if column == "val/blank_rate" else 1.0
        values = [scale * float(row.get(column, float("nan"))) for row in found.rows]
        unknown = all(value != value for value in values)
        if unknown or any(values == trace["y"] for trace in traces):  # CTC may be the whole loss
            continue
        line = {"color": PALETTE[number], "dash": dash}
        traces.append(scatter(label, epochs, values, "lines", hover=None, line=line))
    layout = {
        "xaxis": axis("epoch", rangemode="tozero"),
        "yaxis": axis(title, rangemode="tozero"),
        "legend": LEGEND,
        "showlegend": True,
    }
    said = f"{' and '.join(label for _, label, _ in columns)} of {found.name} over its epochs."
    return Figure(traces, said, layout, height=400)
