"""Under which conditions a result holds: what a reader must know before quoting it."""

from __future__ import annotations

import platform
from collections.abc import Mapping, Sequence
from importlib import metadata
from typing import Any

from slr_tune.ablation.design import Design
from slr_tune.space import TeacherSpec
from slr_tune.training.run_store import RunStore
from slr_tune.training.runs import ArmRun
from slr_tune.training.teacher import Teacher
from trainables.data import Dataset
from trainables.registry import run_title

_PACKAGES = ("slr-tune", "torch", "numpy", "jiwer", "ray")


def conditions(
    design: Design, store: RunStore, teachers: Sequence[Teacher], runs: Sequence[ArmRun]
) -> dict[str, str]:
    """Label and text: data, run, teacher, budget, seeds, decoding, versions."""
    config, measure = design.baseline.config, store.measure
    lines = {} if store.data is None else {"Data": _data(design, store.data)}
    lines["Run"] = _run(design.spec.trainable, config, runs[0].facts.get("parameters"))
    if teachers and design.spec.teacher is not None:
        described = [_teacher(design.spec.teacher, teacher) for teacher in teachers]
        lines["Teacher" if len(described) == 1 else "Teachers"] = "; ".join(described)
    lines["Budget"] = f"at most {config['max_epochs']} epochs"
    lines["Budget"] += f", patience {config['patience']}" if "patience" in config else ""
    seeds = ", ".join(map(str, sorted({run.seed for run in runs})))
    lines["Seeds"] = f"{seeds}, the same for every arm; the search used none of them"
    if design.until_decided:
        lines["Seeds"] = f"{seeds}, added until decided; the search used none of them"
    if design.teachers > 1:
        lines["Seeds"] += f"; {len(design.seeds) // design.teachers} for each teacher"
    if design.orders > 1:
        lines["Seeds"] += f"; {design.orders} orders of the training data for each seed"
    if measure.scored:
        decoded = any(run.arm.decoding is not None for run in runs)
        how = "decoded as the table says" if decoded else _decoder(config)
        lines["Measured"] = f"WER of the epoch with the lowest dev WER, {how}"
    elif measure.predicted:
        lines["Measured"] = (
            f"WER of the run's own predictions in its best epoch by {measure.metric}"
        )
    else:
        best = "lowest" if measure.minimize else "highest"
        lines["Measured"] = f"{measure.metric} of the epoch where it is {best}"
    devices = {str(run.facts.get("device", "")) for run in runs} - {""}
    if devices:
        lines["Device"] = ", ".join(sorted(devices))
    versions = [f"{name} {metadata.version(name)}" for name in _PACKAGES]
    lines["Versions"] = ", ".join([f"Python {platform.python_version()}", *versions])
    return lines


def _data(design: Design, data: Dataset) -> str:
    splits = f"{len(data.train)} training and {len(data.dev)} dev utterances"
    settings = design.spec.data
    more = {k: v for k, v in settings.items() if k in ("subset", "seed") and v is not None}
    listed = "".join(f", {key} {value}" for key, value in more.items())
    return f"{settings.get('name')}{listed}: {splits}, hash {data.hash[:12]}"


def _run(trainable: str, config: Mapping[str, Any], parameters: int | None) -> str:
    parts = [run_title(trainable)]
    if "architecture" in config:
        parts.append(f"{config['architecture']}, {config['layers']} x {config['hidden']}")
    if parameters:
        parts.append(f"{parameters:,} parameters")
    return ", ".join(parts)


def _teacher(source: TeacherSpec, teacher: Teacher) -> str:
    trained = source.kind == "train"
    origin = "trained for the study" if trained else f"{source.kind} {source.value}"
    return (
        f"{origin}, dev WER {teacher.wer:.2f}, {teacher.parameters:,} parameters, "
        f"hash {teacher.hash[:12]}"
    )


def _decoder(config: Mapping[str, Any]) -> str:
    settings = config.get("decoding")
    if not settings:
        return "greedy"
    return "beam search: " + ", ".join(f"{key} {value}" for key, value in settings.items())
