"""A comparison of systems as a page: which is best, by how much, is it real, what it costs."""

from __future__ import annotations

from slr_tune.comparison.measure import DECODERS, MeasuredSystem, SystemComparison
from slr_tune.report.comparison import comparison_tables, last_cell
from slr_tune.report.page import HTML, Answer, Figure, Page, Part
from slr_tune.report.page.figures import axis, error_bars, rows_axis, scatter, series_style
from slr_tune.report.style import LEGEND
from slr_tune.statistics.wording import difference_text, p_text


def comparison_report(found: SystemComparison) -> Page:
    """The page that `slr-tune compare --html` writes."""
    titles = {"systems": "The systems", "differences": "The differences"}
    parts = [
        Part(titles[name], [table], anchor=name, formats=HTML)
        for name, table in comparison_tables(found).items()
    ]
    names = " and ".join(found.splits)
    return Page(
        title=f"Comparison of {len(found.measured)} systems",
        subtitle=f"{found.data}, {names}; measured on {found.device}",
        verdict=_verdict(found),
        parts=parts,
        answers=_answers(found),
        chart=_figure(found),
    )


def _best(found: SystemComparison) -> MeasuredSystem:
    cell = last_cell(found)
    return min(found.measured, key=lambda entry: entry.wer[cell].percent)


def _verdict(found: SystemComparison) -> str:
    best, first = _best(found), found.measured[0]
    split, decoder = cell = last_cell(found)
    wer = f"{split} WER {best.wer[cell].percent:.2f} % by {decoder} decoding"
    if best is first:
        return f"{first.system.name} has the lowest WER: {wer}."
    shown = best.differences[cell].shown
    clear = "clearly better" if shown else "lower, but not clearly,"
    return f"{best.system.name} is best: {wer}, {clear} than {first.system.name}."


def _answers(found: SystemComparison) -> list[Answer]:
    best, first, cell = _best(found), found.measured[0], last_cell(found)
    if best is first:
        rivals = found.measured[1:]
        best = min(rivals, key=lambda entry: entry.wer[cell].percent)
    difference = best.differences[cell]
    side = "better" if difference.points < 0 else "worse"
    pair = f"{best.system.name} {best.wer[cell].text()} %, {first.system.name} "
    pair += f"{first.wer[cell].text()} %."
    told = difference_text(difference)
    if difference.shown:
        real = f"Yes, for these weights: {told}, p {p_text(difference.holm_p)}."
    else:
        real = f"No: {told}. The interval includes zero, or chance explains it too well."
    return [
        Answer("By how much?", pair, f"{abs(difference.points):.2f} points {side}"),
        Answer("Is it real?", f"{real} Another seed may give other weights."),
        Answer("What does it cost?", _cost(best, first)),
    ]


def _cost(best: MeasuredSystem, first: MeasuredSystem) -> str:
    size = best.system.stored.parameters / first.system.stored.parameters
    decoder = DECODERS[0]
    time = best.milliseconds[decoder] / first.milliseconds[decoder]
    return (
        f"{best.system.name} has {size:.2f} times the parameters of {first.system.name} and takes "
        f"{time:.2f} times as long for an utterance, by {decoder} decoding."
    )


def _figure(found: SystemComparison) -> Figure:
    """WER of each system with its interval, by decoder, on the last split."""
    names = [entry.system.name for entry in found.measured][::-1]
    split = found.splits[-1]
    traces = []
    for place, decoder in enumerate(DECODERS):
        wers = [entry.wer[split, decoder] for entry in found.measured][::-1]
        line, marker = series_style(place)
        centers = [wer.percent for wer in wers]
        ends = error_bars(centers, [w.low for w in wers], [w.high for w in wers], width=5)
        rows = [row + 0.14 - 0.28 * place for row in range(len(names))]
        hover = f"%{{customdata}}, {decoder}: %{{x:.2f}} %"
        look = {"marker": {**marker, "color": line["color"], "size": 10}, "error_x": ends}
        traces.append(
            scatter(decoder, centers, rows, "markers", hover=hover, customdata=names, **look)
        )
    layout = {
        "xaxis": axis(f"{split} WER, %, with 95 % interval", rangemode="tozero"),
        "yaxis": rows_axis(names, range=[-0.6, len(names) - 0.4], zeroline=False),
        "margin": {"l": 10, "r": 12, "t": 28, "b": 42},
        "legend": LEGEND,
    }
    said = f"WER of {len(names)} systems on {split} with 95 % intervals."
    return Figure(traces, said, layout, height=130 + 56 * len(names))
