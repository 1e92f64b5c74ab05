"""Under which conditions a result holds: what a reader must know before quoting it."""

from __future__ import annotations

import platform
from collections.abc import Mapping, Sequence
from importlib import metadata
from typing import Any

from slr_tune.ablation.bench import Bench, Cell
from slr_tune.ablation.design import Design
from slr_tune.training.teacher import Teacher

_PACKAGES = ("slr-tune", "torch", "numpy", "jiwer", "ray")


def conditions(
    design: Design, bench: Bench, teacher: Teacher | None, cells: Sequence[Cell]
) -> dict[str, str]:
    """Label and text: data, run, teacher, budget, seeds, decoding, versions."""
    lines = {} if bench.data is None else {"Data": _data(design, bench.data)}
    lines["Run"] = _run(design, cells)
    if teacher is not None:
        lines["Teacher"] = _teacher(design, teacher)
    lines["Budget"] = _budget(design.baseline.config)
    lines["Seeds"] = (
        f"{', '.join(map(str, design.seeds))}, the same for every arm; the search used none of them"
    )
    if bench.measure.scored:
        lines["Measured"] = "WER of the epoch with the lowest dev WER, " + (
            "decoded as the table says" if _decodes(cells) else _decoder(design.baseline.config)
        )
    else:
        best = "lowest" if bench.measure.minimize else "highest"
        lines["Measured"] = f"{bench.measure.metric} of the epoch where it is {best}"
    devices = {str(cell.outcome.facts.get("device", "")) for cell in cells} - {""}
    if devices:
        lines["Device"] = ", ".join(sorted(devices))
    lines["Versions"] = ", ".join(
        [f"Python {platform.python_version()}", *(f"{n} {metadata.version(n)}" for n in _PACKAGES)]
    )
    return lines


def _data(design: Design, data: Any) -> str:
    splits = f"{len(data.train)} training and {len(data.dev)} dev utterances"
    settings = design.spec.data
    more = {k: v for k, v in settings.items() if k in ("subset", "seed") and v is not None}
    listed = "".join(f", {key} {value}" for key, value in more.items())
    return f"{settings.get('name')}{listed}: {splits}, hash {data.hash[:12]}"


def _run(design: Design, cells: Sequence[Cell]) -> str:
    config: Mapping[str, Any] = design.baseline.config
    parts = [design.spec.trainable]
    if "architecture" in config:
        parts.append(f"{config['architecture']}, {config['layers']} x {config['hidden']}")
    parameters = cells[0].outcome.facts.get("parameters")
    if parameters:
        parts.append(f"{parameters:,} parameters")
    return ", ".join(parts)


def _teacher(design: Design, teacher: Teacher) -> str:
    source = design.spec.teacher
    origin = (
        ""
        if source is None
        else {"train": "trained for the study"}.get(source.kind, f"{source.kind} {source.value}")
    )
    return (
        f"{origin}, dev WER {teacher.wer:.2f}, {teacher.parameters:,} parameters, "
        f"hash {teacher.hash[:12]}"
    )


def _budget(config: Mapping[str, Any]) -> str:
    text = f"at most {config['max_epochs']} epochs"
    return f"{text}, patience {config['patience']}" if "patience" in config else text


def _decodes(cells: Sequence[Cell]) -> bool:
    return any(cell.arm.decoding is not None for cell in cells)


def _decoder(config: Mapping[str, Any]) -> str:
    own = config.get("decoding")
    if not own:
        return "greedy"
    return "beam search: " + ", ".join(f"{key} {value}" for key, value in own.items())
