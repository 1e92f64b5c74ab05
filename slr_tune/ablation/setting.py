"""In which setting a result holds: what a reader must know before quoting it."""

from __future__ import annotations

import platform
from collections.abc import Mapping, Sequence
from importlib import metadata
from typing import Any

from slr_tune.ablation.design import Design
from slr_tune.training.run_store import RunStore
from slr_tune.training.runs import ArmRun
from slr_tune.training.teacher import Teacher

_PACKAGES = ("slr-tune", "torch", "numpy", "jiwer", "ray")


def setting_lines(
    design: Design, store: RunStore, teacher: Teacher | None, runs: Sequence[ArmRun]
) -> dict[str, str]:
    """Label and text: data, run, teacher, budget, seeds, decoding, versions."""
    lines = {} if store.data is None else {"Data": _data(design, store.data)}
    lines["Run"] = _run(design, runs)
    if teacher is not None:
        lines["Teacher"] = _teacher(design, teacher)
    lines["Budget"] = _budget(design.baseline.config)
    lines["Seeds"] = (
        f"{', '.join(map(str, design.seeds))}, the same for every arm; the search used none of them"
    )
    if store.measure.scored:
        lines["Measured"] = "WER of the epoch with the lowest dev WER, " + (
            "decoded as the table says" if _decodes(runs) else _decoder(design.baseline.config)
        )
    else:
        best = "lowest" if store.measure.minimize else "highest"
        lines["Measured"] = f"{store.measure.metric} of the epoch where it is {best}"
    devices = {str(run.facts.get("device", "")) for run in runs} - {""}
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


def _run(design: Design, runs: Sequence[ArmRun]) -> str:
    config: Mapping[str, Any] = design.baseline.config
    parts = [design.spec.trainable]
    if "architecture" in config:
        parts.append(f"{config['architecture']}, {config['layers']} x {config['hidden']}")
    parameters = runs[0].facts.get("parameters")
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


def _decodes(runs: Sequence[ArmRun]) -> bool:
    return any(run.arm.decoding is not None for run in runs)


def _decoder(config: Mapping[str, Any]) -> str:
    own = config.get("decoding")
    if not own:
        return "greedy"
    return "beam search: " + ", ".join(f"{key} {value}" for key, value in own.items())
