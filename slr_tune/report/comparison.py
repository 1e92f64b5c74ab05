"""A comparison as a page, and as plain values."""

from __future__ import annotations

import csv
import io
from dataclasses import asdict
from typing import Any

from slr_tune.ablation.naming import beam_text
from slr_tune.comparison.measure import DECODERS, MeasuredSystem, SystemComparison
from slr_tune.report.page import LATEX, MARKDOWN, TERMINAL, Page, Part, Table, numbers, texts
from slr_tune.statistics import Difference, p_text
from slr_tune.study.summary import flat
from slr_tune.text import duration

_MIB = 2**20
_FORMATS = MARKDOWN + LATEX + TERMINAL


def comparison_page(found: SystemComparison) -> Page:
    """The two tables, without a heading: they are in a thesis or a message."""
    tables = comparison_tables(found).items()
    return Page("", "", "", [Part("", [t], anchor=name, formats=_FORMATS) for name, t in tables])


def comparison_tables(found: SystemComparison) -> dict[str, Table]:
    """The systems, and their differences to the first."""
    return {"systems": _systems_table(found), "differences": _differences_table(found)}


def _systems_table(found: SystemComparison) -> Table:
    """One row per system: size, speed, cost and WER."""
    wers = [f"{split} WER, {name}" for split in found.splits for name in DECODERS]
    times = [f"{name}, ms" for name in DECODERS]
    split, decoder = last_cell(found)
    better = f"better than {found.measured[0].system.name}, {split} {decoder}"
    heads = [
        *texts("system", essential=True),
        *numbers("parameters", "size, MiB", *times, "training", "epochs", *wers[:-1]),
        *numbers(wers[-1], essential=True),
        *numbers(better),
        *texts("winner", pinned=True),
    ]
    rows = [_system_cells(entry, found) for entry in found.measured]
    return Table(heads, rows, _what(found))


def last_cell(found: SystemComparison) -> tuple[str, str]:
    """Split and decoder of the reported improvement and winner: test by beam if available."""
    return found.splits[-1], DECODERS[-1]


def _improvement(entry: MeasuredSystem, found: SystemComparison) -> float:
    """WER points below the first system's; above 0 is better."""
    cell = last_cell(found)
    return found.measured[0].wer[cell].percent - entry.wer[cell].percent


def _wins(entry: MeasuredSystem, found: SystemComparison) -> bool:
    """Whether no other has a lower WER; whether by more than chance, the differences show."""
    best = max(_improvement(other, found) for other in found.measured)
    return _improvement(entry, found) == best


def _improvement_text(entry: MeasuredSystem, found: SystemComparison) -> str:
    """Points, and the share of the first system's errors; nothing for the first itself."""
    first = found.measured[0]
    if entry is first:
        return ""
    points, whole = _improvement(entry, found), first.wer[last_cell(found)].percent
    return f"{points:+.2f}" + (f" ({100 * points / whole:+.1f} %)" if whole else "")


def _differences_table(found: SystemComparison) -> Table:
    """A row for each system but the first, split and decoder."""
    first = found.measured[0].system.name
    rows = [
        (entry.system.name, split, decoder, *_difference_cells(difference))
        for entry in found.measured[1:]
        for (split, decoder), difference in entry.differences.items()
    ]
    whole = all(found.signers.values())
    drawn = "other signers, taking their number into account" if whole else "other utterances"
    others = len(found.measured) - 1
    holm = f" Holm's correction is over the {others} compared with {first}." if others > 1 else ""
    caption = (
        "Differences in points of WER, paired, with 95 % intervals of these weights over "
        f"{drawn}.{holm} {' '.join(found.limits)}"
    )
    heads = [
        *texts("system", essential=True),
        *texts("split"),
        *texts("decoder", essential=True),
        *numbers(f"WER minus {first}", essential=True),
        *numbers("p", "p, Holm", "p, MAPSSWE"),
    ]
    return Table(heads, rows, caption.strip())


def _difference_cells(difference: Difference) -> list[str]:
    """Points with their interval, then p as it is, by Holm and by MAPSSWE."""
    tests = (difference.p_value, difference.holm_p, difference.mapsswe[0].p_value)
    ends = f"[{difference.low:+.2f}, {difference.high:+.2f}]"
    return [f"{difference.points:+.2f} {ends}", *(p_text(p).removeprefix("= ") for p in tests)]


def csv_text(found: SystemComparison) -> str:
    """One line a system, numbers in full."""
    rows = [flat(entry) for entry in json_rows(found)]
    text = io.StringIO()
    heads = list(dict.fromkeys(key for row in rows for key in row))
    writer = csv.DictWriter(text, heads, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def json_rows(found: SystemComparison) -> list[dict[str, Any]]:
    """A system an entry."""
    rows = []
    for entry in found.measured:
        seconds, epochs = entry.system.training()
        stored = entry.system.stored
        row: dict[str, Any] = {
            "system": entry.system.name,
            "checkpoint": str(entry.system.named.path),
            "trainable": stored.trainable,
            "parameters": stored.parameters,
            "weight_bytes": entry.system.weight_bytes,
            "milliseconds_per_utterance": dict(entry.milliseconds),
            "training_seconds": seconds,
            "epochs": epochs,
            "best_epoch": stored.epoch,
            "beam": asdict(entry.beam),
            "improvement_points": _improvement(entry, found),
            "winner": _wins(entry, found),
        }
        for split in found.splits:
            row[split] = {name: _wer(entry, split, name) for name in DECODERS}
        rows.append(row)
    return rows


def _system_cells(entry: MeasuredSystem, found: SystemComparison) -> list[str]:
    seconds, epochs = entry.system.training()
    return [
        entry.system.name,
        f"{entry.system.stored.parameters:,}",
        f"{entry.system.weight_bytes / _MIB:.2f}",
        *(f"{entry.milliseconds[name]:.1f}" for name in DECODERS),
        duration(seconds),
        str(epochs),
        *(entry.wer[split, name].text() for split in found.splits for name in DECODERS),
        _improvement_text(entry, found),
        "winner" if _wins(entry, found) else "",
    ]


def _what(found: SystemComparison) -> str:
    """The caption: what was measured, and how."""
    texts = [beam_text(asdict(entry.beam)) for entry in found.measured]
    named = zip(found.measured, texts, strict=True)
    each = "; ".join(f"{entry.system.name} {text}" for entry, text in named)
    if found.tuned:
        search = f"Beam searches, chosen on dev: {each}."
    elif len(set(texts)) == 1:
        search = f"Beam search: {texts[0]}."
    else:
        search = f"Beam searches, as in training or customary: {each}."
    chosen = [e.system.name for e in found.measured if e.system.named.study is not None]
    flattered = (
        f"Selected on dev: {', '.join(chosen)} among the trials of a search. " if chosen else ""
    )
    return (
        f"WER in percent on {found.data}, with 95 % intervals. {flattered}{search} "
        "Times are per utterance from features to glosses, the median of "
        f"{found.timed} from dev, on {found.device}; training time excludes the teacher's."
    )


def _wer(entry: MeasuredSystem, split: str, decoder: str) -> dict[str, Any]:
    row: dict[str, Any] = asdict(entry.wer[split, decoder])
    difference = entry.differences.get((split, decoder))
    if difference is not None:
        names = ("points", "low", "high", "p_value", "holm_p")
        figures = {name: getattr(difference, name) for name in names}
        row["minus_first"] = {**figures, "mapsswe_p": difference.mapsswe[0].p_value}
    return row
