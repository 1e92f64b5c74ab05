"""Where a script reports its figures, found by running it for two epochs."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from trainables.script.event_files import EventFolder
from trainables.script.metrics import CsvRows, JsonLines, number_in

_CHECKPOINTS = (".pt", ".pth", ".ckpt", ".tar", ".pkl", ".npz", ".safetensors", ".json")
_ON_DEV = re.compile(r"val|dev|eval|test", re.IGNORECASE)
_ERRORS = re.compile(r"(^|[^a-z])(wer|cer|per|ter|word.?error)", re.IGNORECASE)
_MORE_IS_BETTER = re.compile(r"acc|bleu|rouge|f1|auc|map$|recall|precision|score", re.IGNORECASE)
_LOSS = re.compile(r"loss|nll|ppl|perplexity", re.IGNORECASE)
_EPOCH = re.compile(r"(?P<before>\bepoch\b[\s:#=\[('\"]*)(?P<number>\d+)", re.IGNORECASE)
_NUMBER = r"[-+]?\d[\d.eE+-]*"


@dataclass(frozen=True)
class ScriptFigures:
    """What a look at a script's output found.

    Attributes:
        sources: The section `metrics` of a space, as plain values.
        metric: The figure to go by; None where none was found.
        maximize: Whether more of it is better.
        checkpoint: Name of the file of its latest state, below its folder; None without.
        predictions: Name of a file of what it recognised; None without.
    """

    sources: dict[str, Any]
    metric: str | None
    maximize: bool
    checkpoint: str | None
    predictions: str | None


def figures_in(folder: Path, output: Path) -> ScriptFigures:
    """Looks through the folder and the output of a script that ran for some epochs."""
    found = max(_candidates(folder, output), key=lambda item: worth(item[0]), default=None)
    metric, sources = found if found and worth(found[0]) > 0 else (None, {})
    return ScriptFigures(
        sources,
        metric,
        bool(metric and _MORE_IS_BETTER.search(metric) and not _ERRORS.search(metric)),
        _checkpoint(folder),
        _predictions(folder),
    )


def worth(name: str) -> float:
    """How well a figure suits to go by, from its name; 0 for a name without meaning."""
    value = 4.0 if _ERRORS.search(name) else 0.0
    value = value or (3.0 if _MORE_IS_BETTER.search(name) else 0.0)
    value = value or (1.0 if _LOSS.search(name) else 0.0)
    if value and _ON_DEV.search(name):
        value += 4.0
    return value / 10 if re.search(r"best|train|min|max", name, re.IGNORECASE) else value


def _candidates(folder: Path, output: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """Names of figures, each with the section that reads it; files before the output."""
    for path in sorted(folder.rglob("*")):
        below = re.sub(r"\bversion_\d+/", "version_*/", path.relative_to(folder).as_posix())
        place = f"{{folder}}/{below}"  # Lightning makes another folder with each start
        names: set[str] = set()
        kind = path.suffix[1:].lower()
        if kind in ("csv", "tsv"):
            kind = "csv"
            names = {name for row in CsvRows(path).new_records(ended=True) for name in row.values}
        elif kind in ("jsonl", "json", "log", "ndjson") and path.is_file():
            kind = "jsonl"
            names = {n for line in JsonLines(path).new_records(ended=True) for n in line.values}
        elif "tfevents" in path.name:
            kind, place = "tensorboard", place.rpartition("/")[0]
            names = EventFolder(path.parent, "").tags()
        for name in sorted(names):
            yield name, {kind: place}
    yield from _in_lines(output)


def _in_lines(output: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """Figures in the lines of the output, with regular expressions that find them again."""
    try:
        text = output.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return
    lines = [line for line in re.split(r"[\r\n]+", text) if not line.startswith("[slr-tune]")]
    epochs = [found for line in lines if (found := _EPOCH.search(line))]
    for line in lines:
        for name, start in _named_figures(line):
            group = re.sub(r"\W+", "_", name.strip().lower()).strip("_")
            if not group.isidentifier() or worth(group) <= 0:
                continue
            figure = rf"{re.escape(line[start[0] : start[1]])}(?P<{group}>{_NUMBER})"
            figure = re.sub(r"(?:\\ )+", r"\\s+", figure)
            own = _EPOCH.search(line[: start[0] + 1])
            if own is not None:
                yield group, {"stdout": rf"{_epoch_expression(own)}.*?{figure}"}
            elif epochs:
                alone = rf"(?<!est ){figure}"
                yield group, {"stdout": [_epoch_expression(epochs[0]), alone]}
            else:
                yield group, {"stdout": rf"(?<!est ){figure}"}


def _epoch_expression(found: re.Match[str]) -> str:
    before = re.sub(r"(?:\\ )+", r"\\s+", re.escape(found["before"]))
    return rf"{before}(?P<epoch>\d+)"


def _named_figures(line: str) -> Iterator[tuple[str, tuple[int, int]]]:
    """Each number's name, and where the name begins and the number."""
    for found in re.finditer(rf"(?<![\w.])({_NUMBER})", line):
        before = re.search(
            r"([A-Za-z][A-Za-z_/.@ -]*?)(['\"]?\s*[:=(]?\s*)$", line[: found.start()]
        )
        if before is not None and number_in(found[1]) is not None:
            yield before[1], (before.start(), found.start())


def _checkpoint(folder: Path) -> str | None:
    files = [path for path in folder.rglob("*") if path.suffix in _CHECKPOINTS and path.is_file()]
    latest = [path for path in files if re.search("latest|last", path.name, re.IGNORECASE)]
    if not latest:
        return None
    return max(latest, key=lambda path: path.stat().st_mtime).relative_to(folder).as_posix()


def _predictions(folder: Path) -> str | None:
    for path in sorted(folder.rglob("*.jsonl")):
        try:
            first = json.loads(path.read_text(encoding="utf-8").partition("\n")[0])
        except (OSError, ValueError):
            continue
        if isinstance(first, dict) and {"id", "hypothesis", "reference"} <= set(first):
            return path.relative_to(folder).as_posix()
    return None
