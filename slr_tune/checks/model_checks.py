"""The six checks of a run: teacher, configuration, modules, architectures, forward pass, loss."""

from __future__ import annotations

import math
import shutil
from typing import Any

import numpy as np
import torch

from slr_tune.checks.largest_config import model_parameters, probed_configs
from slr_tune.checks.result import Finding
from slr_tune.checks.shared_inputs import CheckInputs
from slr_tune.text import counted, number
from slr_tune.training.workers import workers_text
from trainables.config import DistillConfig
from trainables.data.batch import collate
from trainables.models.base import ModelOutput
from trainables.registry import run_class, run_title
from trainables.script.command import program
from trainables.script.spec import is_script, script_of
from trainables.teaching.frozen_teacher import FrozenTeacher

_SHAPE = ("architecture", "layers", "hidden", "projection", "subsampling")


def teacher_checkpoint(inputs: CheckInputs) -> Finding:
    """The teacher is there, whole, of a known size and WER; or can be trained."""
    spec = inputs.spec.teacher
    if spec is None:
        return "PASS", f"{run_title(inputs.spec.trainable)} needs no teacher", ""
    if inputs.taught_by_files:
        return _soft_targets(inputs)
    if inputs.trained[0] is None:
        config = inputs.teacher_config
        parameters, _ = model_parameters(config, inputs.data)
        return "PASS", f"run trains it first: {_shape(config)}, {parameters:,} parameters", ""
    stored = inputs.teacher
    config = stored.config.model_dump(mode="json")
    found = (
        f"{stored.path}: {_shape(config)}, {stored.parameters:,} parameters, "
        f"{len(stored.vocabulary) - 1} glosses, epoch {stored.epoch}"
    )
    if math.isnan(stored.wer):
        return "NOTE", f"{found}, no dev WER on record", "slr-tune evaluate measures it."
    return "PASS", f"{found}, dev WER {stored.wer:.2f}", ""


def configuration(inputs: CheckInputs) -> Finding:
    """The file is valid; `load_spec` has tried every bound."""
    spec = inputs.spec
    source = "baseline" if spec.baseline is not None else "middle of the space"
    found = f"{len(spec.space.names)} parameters to search; tried here: the {source}"
    if spec.baseline is None:
        remedy = "Add a section baseline: it is tried first, and gains are measured against it."
        return "NOTE", found, remedy
    return "PASS", found, ""


def modules(inputs: CheckInputs) -> Finding:
    """The run and its dependencies can be imported, and the machine holds a trial of it."""
    cls = run_class(inputs.spec.trainable)
    device = inputs.device_of({"device": "auto", **inputs.config})
    name = f"{cls.__module__}.{cls.__name__}"
    if is_script(inputs.spec.trainable):
        first = program(script_of(inputs.spec.trainable).words[0])
        name = f"{run_title(inputs.spec.trainable)} by {shutil.which(first) or first}"
    found = f"{name}, torch {torch.__version__} on {device}"
    resources = inputs.spec.resources
    if inputs.cluster:
        return "PASS", found, ""
    found += f"; {workers_text(resources, inputs.workers)}"
    fewer = resources.workers != "auto" and inputs.workers < resources.workers
    return ("NOTE" if fewer else "PASS"), found, ""


def architectures(inputs: CheckInputs) -> Finding:
    """Teacher and student agree in vocabulary, features and frame rate, in the whole space."""
    inputs.needs_built_in()
    parameters, _ = model_parameters(inputs.config, inputs.data)
    student = f"student {_shape(inputs.config)}, {parameters:,} parameters"
    if inputs.spec.teacher is None:
        return "PASS", student.removeprefix("student "), ""
    if inputs.taught_by_files:
        for config in probed_configs(inputs.spec):
            inputs.soft_targets.check_settings(DistillConfig.model_validate(config))
        return "PASS", f"{student}; every setting fits the soft targets", ""
    teacher = FrozenTeacher(inputs.teacher.path, device=torch.device("cpu"), half=False)
    for subsampling in _subsamplings(inputs):
        teacher.check_fits(inputs.data, subsampling=subsampling)
    theirs = inputs.teacher.config.model_dump(mode="json")
    same = all(theirs[name] == inputs.config[name] for name in _SHAPE)
    kind = "the same architecture: self-distillation" if same else f"teacher {_shape(theirs)}"
    return "PASS", f"{student}; {kind}; {len(inputs.data.vocabulary) - 1} glosses", ""


def forward(inputs: CheckInputs) -> Finding:
    """Both models start and give log-probabilities and hidden states."""
    inputs.needs_built_in()
    run = inputs.build(inputs.config, inputs.few)
    batch = collate(inputs.few.train, np.arange(len(inputs.few.train))).to(run.device)
    run.model.eval()
    with torch.no_grad():
        output = run.model.forward_with_hidden_states(batch.features, batch.lengths)
    if problem := _problem(output, classes=len(inputs.data.vocabulary)):
        return "FAIL", f"the student's {problem}", "The features may be far from scale 1."
    shape = tuple(output.log_probs.shape)
    found = f"log-probs {list(shape)}, {counted(len(output.hidden), 'hidden state')}"
    if inputs.spec.teacher is not None and not inputs.taught_by_files:
        teacher = FrozenTeacher(inputs.teacher.path, device=run.device, half=False)
        answer = teacher(batch.features, batch.lengths, [*range(len(teacher.hidden_sizes))])
        if not bool(torch.isfinite(answer.logits).all()):
            return "FAIL", "the teacher's logits are not finite", "Train it again."
        states = counted(len(answer.hidden), "hidden state")
        found += f"; teacher {list(answer.logits.shape)}, {states}"
    return "PASS", found, ""


def loss(inputs: CheckInputs) -> Finding:
    """One epoch over two utterances: the loss and the gradient are finite."""
    inputs.needs_built_in()
    run = inputs.build({**inputs.config, "batch_size": 2, "accumulation": 1}, inputs.few)
    row = run.run_epoch()
    if math.isnan(row["train/loss"]):
        remedy = "Look for NaN or huge values in the features (slr-tune prepare), or lower "
        text = "the loss or its gradient is not finite in the first step"
        return "FAIL", text, f"{remedy}learning_rate."
    listed = ", ".join(
        f"{name.rpartition('/')[2]} {number(value)}"
        for name, value in row.items()
        if "loss_components" in name and not math.isnan(value)
    )
    return "PASS", f"{listed}; gradient norm {number(row['train/gradient_norm'])}", ""


def _soft_targets(inputs: CheckInputs) -> Finding:
    """A teacher's soft targets: readable, and of these utterances."""
    targets = inputs.soft_targets
    frames = sum(len(targets.probabilities(name)) for name in inputs.data.train.ids)
    wer = targets.facts()["teacher_wer"]
    softened = targets.temperature
    kind = "logits, any temperature" if softened is None else f"temperature {softened:g}"
    found = f"soft targets in {targets.folder}: {kind}, {frames:,} "
    found += f"frames of {len(inputs.data.train)} utterances"
    return "PASS", found + ("" if wer is None else f", teacher's dev WER {wer:.2f}"), ""


def _shape(config: dict[str, Any]) -> str:
    return (
        f"{config['architecture']}, {counted(int(config['layers']), 'layer')}, "
        f"hidden {config['hidden']}, projection {config['projection']}, "
        f"subsampling {config['subsampling']}"
    )


def _subsamplings(inputs: CheckInputs) -> set[int]:
    """Every frame rate that a trial may have."""
    searched = [p for p in inputs.spec.space.parameters if p.path == ("subsampling",)]
    values = {int(value) for parameter in searched for _, value in parameter.probes()}
    return values or {int(inputs.config["subsampling"])}


def _problem(output: ModelOutput, *, classes: int) -> str:
    """What is wrong with a model's output, empty if nothing is."""
    if output.log_probs.shape[2] != classes:
        return f"log-probs have {output.log_probs.shape[2]} classes for {classes}"
    if not bool(torch.isfinite(output.log_probs).all()):
        return "log-probs are not finite"
    if not output.hidden or not all(bool(torch.isfinite(h).all()) for h in output.hidden):
        return "hidden states are missing or not finite"
    return ""
