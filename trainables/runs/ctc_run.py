"""A training run of a CTC recogniser, an epoch at a time: what all built-in runs share."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

from pydantic import BaseModel
from torch import nn

from trainables.cards import arithmetic, prepare_determinism, sharing_notice
from trainables.config import RunConfig
from trainables.data.batch import UTTERANCES_AT_ONCE
from trainables.decoding.build import build_decoder
from trainables.errors import CheckpointError
from trainables.files.curve import COLUMNS, DATA_SHARE
from trainables.files.stored_model import SHAPING, load_model, vocabulary_difference
from trainables.memory import peak_bytes, retry_with_less
from trainables.models import build_model
from trainables.protocol import RunInputs
from trainables.runs.early_stopping import StoppingRule
from trainables.runs.epoch import NotFinite, Trainer
from trainables.runs.evaluation import Evaluation, evaluate
from trainables.runs.optimisation import Optimisation, Precision, choose_device, copied
from trainables.runs.placement import Placement
from trainables.runs.training_loss import TrainingLoss
from trainables.runs.training_set import TrainingSet
from trainables.seeding import torch_stream


class CtcRun:
    """Trains a recogniser on glosses; the base of teacher, student and distillation.

    The state after an epoch is a function of settings, data and seed alone, so that a run that
    goes straight through, one that is resumed and one that is forked agree to the bit on a CPU.

    Attributes:
        config: The settings.
        device: Where it computes.
        model: The recogniser, on `device`.
        training_set: Training utterances as this run uses them.
        rows: The curve so far.
    """

    trainable: ClassVar[str]
    config_class: ClassVar[type[BaseModel]]

    def __init__(self, config: RunConfig, inputs: RunInputs) -> None:
        """Builds the run at epoch 0.

        Raises:
            TrainablesError: Configuration, data and teacher do not fit together.
        """
        self.config = config
        self._rule = StoppingRule.of(config.model_dump(mode="json"))
        if config.deterministic:
            prepare_determinism()
        self.device = choose_device(config.device)
        self.rows: list[dict[str, float]] = []
        assert inputs.data is not None  # search spaces of built-in runs name their data
        self._data = inputs.data
        self._seed = inputs.seed
        self._precision = Precision(self.device, mixed=config.mixed_precision)
        self._split = 1  # parts that each batch is cut into, doubled when memory runs out
        self._evaluated_at_once = UTTERANCES_AT_ONCE
        self._remedies: list[dict[str, Any]] = []
        self._started_from: str | None = None
        self.training_set = TrainingSet(self._data.train, config, inputs.data_shares)
        self._decoder = build_decoder(config.decoding, self._data)
        with torch_stream(self._seed, 0, "model"):
            self.model = build_model(
                config, input_size=self._data.feature_size, classes=len(self._data.vocabulary)
            ).to(self.device)
        self._loss = self._make_loss(inputs)
        self._placement = Placement(self.training_set, self._data, config, self.device, self._loss)
        self._optimisation = Optimisation(
            [*self.model.parameters(), *self._helper.parameters()],
            config,
            precision=self._precision,
        )

    @property
    def epoch(self) -> int:
        """Epochs finished so far."""
        return len(self.rows)

    @property
    def ended_by(self) -> str | None:
        """None while there is more to do, else "max_epochs", "patience" or "nan"."""
        return self._rule.verdict(self.rows)

    @property
    def notice(self) -> str | None:
        """What a person should know meanwhile: trials that share a card take turns on it."""
        return sharing_notice() if self.device.type == "cuda" else None

    @property
    def best_wer(self) -> float | None:
        """Lowest dev WER so far, percent; None before the first epoch."""
        wers = [row["val/wer"] for row in self.rows if not math.isnan(row["val/wer"])]
        return min(wers, default=None)

    def run_epoch(self) -> dict[str, float]:
        """Trains one more epoch and returns its row of the curve.

        Where memory runs out the epoch starts again from its beginning: without the data on the
        device, then with batches cut in half, twice as many to a step.

        Raises:
            MemoryError: There is not even room for one utterance at a time, of train or of dev.
            RuntimeError: The run has ended.
        """
        if self.ended_by is not None:
            raise RuntimeError(f"the run has ended by {self.ended_by} after {self.epoch} epochs")
        started = time.perf_counter()
        before = self._learned_state()

        def use_less(message: str) -> None:
            if not self._leave_device(message):
                self._halve_batches(message)
            self._load_learned_state(before)

        row = self._row(retry_with_less(self._train, use_less))
        row["seconds"] = time.perf_counter() - started
        self.rows.append(row)
        return dict(row)

    def state_dict(self) -> dict[str, Any]:
        """The whole state: tensors and plain containers, copied."""
        return {
            **self._learned_state(),
            "trainable": self.trainable,
            "epoch": self.epoch,
            "best_wer": self.best_wer,
            "rows": [dict(row) for row in self.rows],
            "config": self.config.model_dump(mode="json"),
            "vocabulary": list(self._data.vocabulary),
            "feature_size": self._data.feature_size,
            "data_hash": self._data.hash,
            "teacher_hash": self._loss.facts().get("teacher_hash"),
            "started_from": self._started_from,
            "seed": self._seed,
            "batch_split": self._split,
            "remedies": [dict(remedy) for remedy in self._remedies],
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Loads a state; settings stay those of this run's own configuration.

        Raises:
            CheckpointError: The state is of another model or of other data.
        """
        try:
            self._check_same(state["config"], state["vocabulary"], state["feature_size"])
            if state["data_hash"] != self._data.hash:
                raise CheckpointError(
                    f"data: the checkpoint was trained on {state['data_hash']}, "
                    f"this run has {self._data.hash}"
                )
            self._load_learned_state(state)
            self._split = int(state["batch_split"])
            self._started_from = state["started_from"]
            self._remedies = [dict(remedy) for remedy in state["remedies"]]
            self.rows = [{**row, "epoch": int(row["epoch"])} for row in state["rows"]]
        except KeyError as error:
            raise CheckpointError(
                f"the checkpoint lacks {error}", hint="It is not one of a built-in run."
            ) from error

    def load_weights(self, path: Path) -> None:
        """Starts from the weights of a checkpoint, at epoch 0 with a new optimiser.

        Raises:
            CheckpointError: The file cannot be used, or is of another model.
        """
        stored = load_model(path)
        settings = stored.config.model_dump(mode="json")
        self._check_same(settings, stored.vocabulary, stored.feature_size)
        self.model.load_state_dict(stored.model.state_dict())
        self._started_from = stored.content_hash

    def facts(self) -> dict[str, Any]:
        """What is worth recording next to the curve, JSON only."""
        warnings = [*self.training_set.warnings, *filter(None, [self.notice])]
        if self._precision.ignored:
            warnings.append("mixed_precision is ignored: it needs a GPU")
        if self.config.deterministic and self.device.type == "cuda":
            warnings.append(
                "deterministic kernels are slower: python benchmarks/gpu.py --only precision says "
                "by how much here"
            )
        return {
            "parameters": sum(parameter.numel() for parameter in self.model.parameters()),
            "device": str(self.device),
            "arithmetic": self._placement.facts(self._precision.dtype),
            "peak_memory_bytes": peak_bytes(self.device),
            "remedies": [dict(remedy) for remedy in self._remedies],
            "warnings": warnings,
            **self._loss.facts(),
        }

    def _make_loss(self, inputs: RunInputs) -> TrainingLoss:
        """What this run minimises; `config`, `model` and `training_set` are there already."""
        return TrainingLoss(self.config)

    @property
    def _helper(self) -> nn.Module:
        """What the loss learns next to the model; a module without parameters if nothing."""
        return self._loss.learned or nn.Identity()

    def _train(self) -> dict[str, float] | None:
        """Trains the next epoch, None where it diverged; leaves rows and counters alone."""
        epoch, every = self.epoch + 1, self.config.train_wer_every
        trainer = Trainer(
            model=self.model,
            loss=self._loss,
            optimisation=self._optimisation,
            training_set=self.training_set,
            feed=self._placement.feed,
            data=self._data,
            seed=self._seed,
            scoring=self.config.scoring,
            recognises=every > 0 and epoch % every == 0,
        )
        exact = self.config.deterministic
        numbers = arithmetic(self.device, tf32=self.config.tf32, deterministic=exact)
        try:
            with torch_stream(self._seed, epoch, "training"), numbers:
                return trainer.run(epoch, split=self._split)
        except NotFinite:
            return None

    def _evaluate(self) -> Evaluation:
        """Recognises dev, with fewer utterances at once where memory is short: same result."""

        def attempt() -> Evaluation:
            with arithmetic(self.device, tf32=False, deterministic=self.config.deterministic):
                return evaluate(
                    self.model,
                    self._data.dev,
                    self._data.vocabulary,
                    device=self.device,
                    decoder=self._decoder,
                    utterances_at_once=self._evaluated_at_once,
                    scoring=self.config.scoring,
                )

        def use_less(message: str) -> None:
            if self._leave_device(message):
                return
            if self._evaluated_at_once == 1:
                raise MemoryError(
                    f"out of memory with one utterance of dev at a time in epoch {self.epoch + 1}: "
                    f"{message}"
                )
            self._evaluated_at_once //= 2

        return retry_with_less(attempt, use_less)

    def _row(self, trained: dict[str, float] | None) -> dict[str, float]:
        """The next epoch's row; NaN where a value does not apply or is not a number.

        Args:
            trained: Columns of the training; None where it diverged.
        """
        epoch, best = self.epoch + 1, self.best_wer
        row = dict.fromkeys(COLUMNS, math.nan)
        row |= {"epoch": epoch, "train/temperature": self._loss.temperature(epoch)}
        if self.training_set.has_shares:
            row[DATA_SHARE] = self.training_set.share(epoch)
        if best is not None:
            row["val/wer_best"] = best
        if trained is not None:
            evaluation = self._evaluate()
            wer = evaluation.wer.wer_percent
            row |= {
                **trained,
                "val/loss": evaluation.loss,
                "val/wer": wer,
                "val/wer_best": wer if best is None else min(wer, best),
                "val/blank_rate": evaluation.blank_rate,
                "val/entropy_ratio": evaluation.entropy_ratio,
            }
        return row

    def _leave_device(self, message: str) -> bool:
        """Takes the training data off the device; False where they are not there."""
        left = self._placement.leave()
        if left:
            self._note_remedy("training data read from their files again", message)
        return left

    def _halve_batches(self, message: str) -> None:
        """Cuts batches in half, twice as many to a step."""
        if self._split >= self.config.batch_size:
            raise MemoryError(
                f"out of memory with one utterance at a time in epoch {self.epoch + 1}: {message}"
            )
        self._split *= 2
        self._note_remedy("batch halved, accumulation doubled", message)

    def _note_remedy(self, remedy: str, message: str) -> None:
        """Records what was done for lack of memory, and what batches are like since."""
        self._remedies.append(
            {
                "epoch": self.epoch + 1,
                "remedy": remedy,
                "batch_size": math.ceil(self.config.batch_size / self._split),
                "accumulation": self.config.accumulation * self._split,
                "message": message,
            }
        )

    def _learned_state(self) -> dict[str, Any]:
        """Weights and the optimiser's state, copied: later training does not change them."""
        return {
            "model": copied(self.model.state_dict()),
            "helper": copied(self._helper.state_dict()),
            "optimizer": self._optimisation.state_dict(),
        }

    def _load_learned_state(self, state: Mapping[str, Any]) -> None:
        for name, module in (("model", self.model), ("helper", self._helper)):
            try:
                module.load_state_dict(state[name])
            except RuntimeError as error:
                raise CheckpointError(f"{name}: the weights do not fit: {error}") from None
        self._optimisation.load_state_dict(state["optimizer"])

    def _check_same(
        self, config: Mapping[str, Any], vocabulary: Sequence[str], feature_size: int
    ) -> None:
        """Refuses a state of another model, naming what differs."""
        ours = self.config.model_dump(mode="json")
        pairs = [(name, config[name], ours[name]) for name in SHAPING]
        pairs.append(("feature_size", feature_size, self._data.feature_size))
        difference = vocabulary_difference(vocabulary, self._data.vocabulary)
        if difference:
            raise CheckpointError(f"vocabulary of the checkpoint: {difference}")
        for name, theirs, wanted in pairs:
            if theirs != wanted:
                raise CheckpointError(
                    f"{name}: the checkpoint has {theirs}, this run {wanted}",
                    hint="Only a run of the same model and data can resume from it.",
                )
