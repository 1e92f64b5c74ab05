"""The student of a teacher: soft targets, glosses and hidden states, weighted on a simplex."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from trainables.config import DistillConfig
from trainables.data.batch import Batch
from trainables.data.resident import kept
from trainables.errors import ConfigError
from trainables.losses.distillation import framewise_kd_loss
from trainables.losses.features import FeatureProjection, feature_matching_loss, matched_layers
from trainables.models.base import ModelOutput, Recogniser
from trainables.protocol import RunInputs
from trainables.runs.ctc_run import CtcRun
from trainables.runs.schedules import temperature_at
from trainables.runs.training_loss import DISTILLATION, FEATURE_MATCHING, Term, TrainingLoss
from trainables.runs.training_set import TrainingSet
from trainables.seeding import torch_stream
from trainables.teaching.frozen_teacher import FrozenTeacher, TeacherBatch
from trainables.teaching.resident_outputs import ResidentOutputs
from trainables.teaching.rounding import Rounding
from trainables.teaching.soft_targets import SoftTargets
from trainables.teaching.teacher_outputs import (
    CachedOutputs,
    LiveOutputs,
    TeacherOutputs,
    open_outputs,
    pad,
    padded,
)


class DistillRun(CtcRun):
    """Trains the student on alpha T^2 KL + beta CTC + gamma feature matching."""

    trainable = "distill"
    config_class = DistillConfig
    config: DistillConfig

    def _make_loss(self, inputs: RunInputs) -> TrainingLoss:
        """The three terms, with the teacher they need; a folder holds its soft targets instead."""
        return DistillLoss(self.config, self.model, self.training_set, inputs)


class DistillLoss(TrainingLoss):
    """The loss of a distillation. A term of weight 0 is not computed, nor what only it needs."""

    _config: DistillConfig

    def __init__(
        self,
        config: DistillConfig,
        student: Recogniser,
        training_set: TrainingSet,
        inputs: RunInputs,
    ) -> None:
        """Connects student and teacher, or the soft targets that stand for it.

        Raises:
            ConfigError: A term needs a teacher and there is none, or the teacher does not fit.
            TrainablesError: The teacher cannot be read.
        """
        super().__init__(config)
        self._weights = config.loss_weights
        self._teacher: FrozenTeacher | None = None
        self._soft_targets: SoftTargets | None = None
        self._outputs: TeacherOutputs | None = None
        self._resident: ResidentOutputs | None = None
        self._pairs: tuple[tuple[int, int], ...] = ()
        data = inputs.data
        assert data is not None  # search spaces of built-in runs name their data
        if inputs.teacher is not None and inputs.teacher.is_dir():
            self._soft_targets = self._outputs = SoftTargets(inputs.teacher)
            self._soft_targets.check_settings(config)
            self._soft_targets.check_data(data)
            return
        if inputs.teacher is not None:
            device = next(student.parameters()).device
            self._teacher = FrozenTeacher(inputs.teacher, device=device, half=config.teacher_fp16)
            self._teacher.check_fits(data, subsampling=config.subsampling)
        if self._weights.alpha == 0 and self._weights.gamma == 0:
            return
        if self._teacher is None:
            raise ConfigError(
                "distill needs a teacher unless loss_weights.beta is 1",
                hint="Give --teacher FILE, or teacher: {train: teacher} in a search space.",
            )
        if self._weights.gamma > 0:
            self._match(student, self._teacher, seed=inputs.seed)
        if not config.augmentation.active:
            pairs = self._matched(student, self._teacher)
            self._outputs = self._open(
                self._teacher, training_set, data.hash, inputs.cache, [layer for _, layer in pairs]
            )

    def terms(
        self, model: Recogniser, batch: Batch, *, epoch: int
    ) -> tuple[ModelOutput, list[Term]]:
        """The terms whose weight is above 0."""
        weights = self._weights
        forward = model.forward_with_hidden_states if weights.gamma > 0 else model
        output: ModelOutput = forward(batch.features, batch.lengths)
        found: list[Term] = []
        if weights.alpha > 0 or weights.gamma > 0:
            answer = self._ask(batch, output.lengths)
            if weights.alpha > 0:
                loss = framewise_kd_loss(
                    output.logits.float(),
                    answer.logits,
                    output.lengths,
                    temperature=self.temperature(epoch),
                    kd_blank=self._config.kd_blank,
                )
                found.append(Term(DISTILLATION, loss, weights.alpha, "frames"))
            if weights.gamma > 0:
                assert self.learned is not None  # _match built it, as gamma > 0
                states = self.learned([output.hidden[layer] for layer, _ in self._pairs])
                loss = feature_matching_loss(states, answer.hidden, output.lengths)
                found.append(Term(FEATURE_MATCHING, loss, weights.gamma, "frames"))
        if weights.beta > 0:
            found.append(self._ctc_term(output, batch, weight=weights.beta))
        return output, found

    def answered(self, batch: Batch) -> Batch:
        """The batch with the answers that are in files."""
        if self._outputs is None or isinstance(self._outputs, LiveOutputs):
            return batch
        return replace(batch, answers=padded(self._outputs, batch.indices.tolist()))

    def stay(self, device: torch.device, room: int | None) -> bool:
        """Keeps the teacher's cached answers on the device, where they fit."""
        outputs = self._outputs
        if not isinstance(outputs, CachedOutputs) or (room is not None and outputs.size > room):
            return False
        self._resident = kept(
            "answers", (outputs.key, str(device)), lambda: ResidentOutputs(outputs, device)
        )
        return True

    def leave(self) -> None:
        """Reads them from their files again."""
        self._resident = None

    def temperature(self, epoch: int) -> float:
        """Softening at an epoch; NaN where alpha is 0, as it has no effect then."""
        if self._weights.alpha == 0:
            return math.nan
        settings = self._config.temperature.model_dump()
        return temperature_at(epoch, **settings, max_epochs=self._config.max_epochs)

    def facts(self) -> dict[str, Any]:
        """What the teacher is."""
        if self._soft_targets is not None:
            return self._soft_targets.facts()
        if self._teacher is None:
            return {}
        stored = self._teacher.stored
        return {
            "teacher_hash": stored.content_hash,
            "teacher_wer": None if math.isnan(stored.wer) else stored.wer,
            "teacher_parameters": stored.parameters,
        }

    def _match(self, student: Recogniser, teacher: FrozenTeacher, *, seed: int) -> None:
        """Pairs the hidden layers and builds the maps between their widths."""
        self._pairs = self._matched(student, teacher)
        with torch_stream(seed, 0, "feature projection"):
            self.learned = FeatureProjection(
                [student.hidden_sizes[layer] for layer, _ in self._pairs],
                [teacher.hidden_sizes[layer] for _, layer in self._pairs],
            ).to(teacher.device)

    def _matched(self, student: Recogniser, teacher: FrozenTeacher) -> tuple[tuple[int, int], ...]:
        return matched_layers(
            len(student.hidden_sizes), len(teacher.hidden_sizes), which=self._config.feature_layers
        )

    @property
    def _teacher_layers(self) -> list[int]:
        """Teacher's hidden layers that are compared with one of the student's."""
        return [layer for _, layer in self._pairs]

    def _open(
        self,
        teacher: FrozenTeacher,
        training_set: TrainingSet,
        data_hash: str,
        cache: Path,
        layers: list[int],
    ) -> TeacherOutputs:
        """The teacher's answers on unchanged frames.

        The cache holds the hidden states of `layers` also where this run's gamma is 0: other
        trials of the search have another gamma, and one pass is to serve all.
        """
        rounding = Rounding(self._config.teacher_cache_bits, self._config.teacher_top_k)
        live = LiveOutputs(teacher, training_set, self._teacher_layers, rounding)
        if not self._config.teacher_cache:
            return live
        key = (
            teacher.stored.content_hash,
            teacher.arithmetic,
            data_hash,
            f"layers {layers}",
            f"truncate {self._config.truncate_frames}",
        )
        return open_outputs(live, key=key, cache=cache, kept=layers)

    def _ask(self, batch: Batch, lengths: Tensor) -> TeacherBatch:
        """The teacher's answers for a batch; about the very frames if they were changed."""
        if self._resident is not None:
            return self._resident.batch(batch, lengths)
        if batch.answers:
            logits, *hidden = batch.answers
            return TeacherBatch(logits.transpose(0, 1), tuple(hidden))
        if self._outputs is not None:
            return pad(self._outputs, batch.indices.tolist(), device=batch.features.device)
        assert self._teacher is not None  # construction refuses terms that lack their teacher
        return self._teacher(batch.features, batch.lengths, self._teacher_layers)
