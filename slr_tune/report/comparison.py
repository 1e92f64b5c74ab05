"""A comparison as tables, and as plain values."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from slr_tune.ablation.naming import beam_text
from slr_tune.comparison.measure import DECODERS, MeasuredSystem, SystemComparison
from slr_tune.report.page import Column, Table
from slr_tune.statistics import p_text

_MIB = 2**20


def systems_table(found: SystemComparison) -> Table:
    """A row a system: size, speed, cost and WER."""
    columns = [
        Column("system"),
        Column("parameters", True),
        Column("size, MiB", True),
        Column("greedy, ms", True),
        Column("beam, ms", True),
        Column("training", True),
        Column("epochs", True),
        *(Column(f"{split} WER, {name}", True) for split in found.splits for name in DECODERS),
    ]
    return Table(columns, [_system_cells(entry, found) for entry in found.measured], _what(found))


def differences_table(found: SystemComparison) -> Table:
    """A row for each system but the first, split and decoder."""
    first = found.measured[0].system.name
    columns = [
        Column("system"),
        Column("split"),
        Column("decoder"),
        Column(f"WER minus {first}", True),
        Column("p", True),
        Column("p, Holm", True),
        Column("p, MAPSSWE", True),
    ]
    rows = []
    for entry in found.measured[1:]:
        for (split, decoder), difference in entry.differences.items():
            ends = f"[{difference.low:+.2f}, {difference.high:+.2f}]"
            tests = (difference.p_value, difference.holm_p, difference.mapsswe[0].p_value)
            cells = [entry.system.name, split, decoder, f"{difference.points:+.2f} {ends}"]
            rows.append([*cells, *(p_text(p).removeprefix("= ") for p in tests)])
    drawn = "signers" if all(found.signers.values()) else "utterances"
    others = len(found.measured) - 1
    holm = f" Holm's correction is over the {others} compared with {first}." if others > 1 else ""
    caption = (
        f"Differences in points of WER with 95 % intervals by a paired bootstrap over {drawn}."
        f"{holm} {' '.join(found.limits)}"
    )
    return Table(columns, rows, caption.strip())


def csv_text(found: SystemComparison) -> str:
    """One line a system, numbers in full."""
    rows = [_flat(entry) for entry in json_rows(found)]
    text = io.StringIO()
    writer = csv.DictWriter(
        text, list(dict.fromkeys(key for row in rows for key in row)), lineterminator="\n"
    )
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
    ]


def duration(seconds: float) -> str:
    """A time as a person says it: `48 s`, `12.5 min`, `3.2 h`."""
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.1f} min" if seconds < 6000 else f"{seconds / 3600:.1f} h"


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
    flattered = f"Dev chose {', '.join(chosen)} among the trials of a search. " if chosen else ""
    return (
        f"WER in percent on {found.data}, with 95 % intervals. {flattered}{search} "
        "Times are of one utterance from features to glosses, the median of "
        f"{found.timed} from dev, on {found.device}; "
        "training is without that of a teacher."
    )


def _wer(entry: MeasuredSystem, split: str, decoder: str) -> dict[str, Any]:
    row: dict[str, Any] = asdict(entry.wer[split, decoder])
    difference = entry.differences.get((split, decoder))
    if difference is not None:
        row["minus_first"] = {
            "points": difference.points,
            "low": difference.low,
            "high": difference.high,
            "p_value": difference.p_value,
            "holm_p": difference.holm_p,
            "mapsswe_p": difference.mapsswe[0].p_value,
        }
    return row


def _flat(row: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested keys joined by dots."""
    return dict(_leaves(row, prefix))


def _leaves(row: dict[str, Any], prefix: str) -> Iterator[tuple[str, Any]]:
    for key, value in row.items():
        if isinstance(value, dict):
            yield from _leaves(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value
