"""One epoch of training: every utterance once, in groups of batches that make one step each."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from trainables.config import Scoring
from trainables.data import BLANK, Dataset
from trainables.data.batch import Batch
from trainables.decoding.best_path import emitted
from trainables.models.base import ModelOutput, Recogniser
from trainables.runs.feeding import Feed
from trainables.runs.optimisation import Optimisation
from trainables.runs.training_loss import Term, TrainingLoss, Unit
from trainables.runs.training_set import TrainingSet
from trainables.scoring.cleaning import cleaned
from trainables.scoring.wer import corpus_wer

_STEPS_BETWEEN_LOOKS = 50
"""After so many steps a GPU is waited for, to see whether its numbers still are some."""


class NotFinite(ArithmeticError):
    """A loss or a gradient is NaN or infinite; the weights are as they were before it."""


@dataclass(frozen=True)
class Trainer:
    """What an epoch of training needs.

    Attributes:
        model: On the optimiser's device.
        loss: What is minimised.
        optimisation: Optimiser of the model's parameters and of those that the loss learns, with
            the precision that all is computed in.
        training_set: The utterances.
        feed: Brings them to the device.
        data: Their vocabulary and glosses.
        seed: All randomness comes from it and the epoch.
        scoring: What the WER is counted on.
        recognises: Whether the WER of the training utterances is counted at all.
    """

    model: Recogniser
    loss: TrainingLoss
    optimisation: Optimisation
    training_set: TrainingSet
    feed: Feed
    data: Dataset
    seed: int
    scoring: Scoring = "plain"
    recognises: bool = True

    def run(self, epoch: int, *, split: int) -> dict[str, float]:
        """Trains on every utterance once. torch's global generators must be set.

        Args:
            epoch: From 1.
            split: Parts that each batch is cut into to save memory; the steps stay the same.

        Returns:
            Columns of the curve below `train/`: the loss and its components, unweighted, mean over
            the epoch; the learning rate of the last step; the gradient's norm before clipping,
            mean over the steps; the WER of the utterances as the model saw them, percent, NaN
            where it is not counted.

        Raises:
            NotFinite: The loss or the gradient became NaN or infinite.
        """
        self.model.train()
        totals = _Totals(self, recognises=self.recognises)
        groups = self.training_set.groups(seed=self.seed, epoch=epoch, split=split)
        health = _Health(self.optimisation.precision.device, epoch)
        try:
            with closing(self.feed.batches(groups, seed=self.seed, epoch=epoch)) as fed:
                for number, batches in enumerate(fed):
                    position = epoch - 1 + number / len(groups)
                    totals.norms.append(self._step(batches, totals, health, position=position))
            health.check()
        finally:
            # Of a group that was given up, for lack of memory too: what is tried next must not
            # add to it.
            self.optimisation.clear()
        last_position = epoch - 1 + (len(groups) - 1) / len(groups)
        return totals.columns(self.optimisation.learning_rate(last_position))

    def _step(
        self, batches: Sequence[Batch], totals: _Totals, health: _Health, *, position: float
    ) -> float | Tensor:
        """One step of the optimiser over a group of batches; returns the gradient's norm."""
        sizes = [self._sizes(batch) for batch in batches]
        whole = sum(sizes, Counter[Unit]())
        deferred = self.optimisation.deferred
        for batch, size in zip(batches, sizes, strict=True):
            with self.optimisation.precision.autocast():
                output, terms = self.loss.terms(self.model, batch, epoch=health.epoch)
            # Each term is a mean over its batch; what counts is the mean over the group, whatever
            # the sizes of its batches.
            parts = [t.weight * t.value * (size[t.unit] / whole[t.unit]) for t in terms]
            total = torch.stack(parts).sum()
            health.see_later(total) if deferred else health.see("loss", float(total.detach()))
            self.optimisation.backward(total)
            totals.add_batch(batch, size, output, terms)
        if deferred:
            norms = self.optimisation.step_deferred(position, health.bad)
            health.check_now_and_then()
            return norms
        norm = self.optimisation.step(position)
        if not self.optimisation.precision.scaled:
            health.see("gradient's norm", norm)
        return norm

    def _sizes(self, batch: Batch) -> Counter[Unit]:
        frames = int(self.model.output_lengths(batch.lengths).sum())
        return Counter({"utterances": len(batch.lengths), "frames": frames})


class _Health:
    """Whether losses and gradients of an epoch are numbers.

    Attributes:
        epoch: From 1.
        bad: float32 (), on the device: 1 as soon as one was none.
    """

    def __init__(self, device: torch.device, epoch: int) -> None:
        self.epoch = epoch
        self.bad = torch.zeros((), device=device)
        self._steps = 0

    def see(self, what: str, value: float) -> None:
        """Raises NotFinite where a value is none."""
        if not math.isfinite(value):
            raise NotFinite(f"the {what} is {value} in epoch {self.epoch}")

    def see_later(self, loss: Tensor) -> None:
        """Notes a loss without waiting for it."""
        torch.maximum(self.bad, (~loss.detach().isfinite()).to(self.bad), out=self.bad)

    def check_now_and_then(self) -> None:
        """Looks after some steps, not to train to the epoch's end in vain."""
        self._steps += 1
        if self._steps % _STEPS_BETWEEN_LOOKS == 0:
            self.check()

    def check(self) -> None:
        """Waits for what was computed; raises NotFinite where something was not a number."""
        if float(self.bad) > 0:
            raise NotFinite(f"a loss or a gradient norm is NaN in epoch {self.epoch}")


class _Totals:
    """Sums over an epoch.

    Attributes:
        norms: Norm of the gradient in each step, where it was computed.
    """

    def __init__(self, trainer: Trainer, *, recognises: bool) -> None:
        self._split = trainer.data.train
        self._vocabulary = trainer.data.vocabulary
        self._scoring = trainer.scoring
        self._recognises = recognises
        self._values: defaultdict[str, list[Tensor]] = defaultdict(list)
        self._sizes: defaultdict[str, list[int]] = defaultdict(list)
        self._weights: dict[str, float] = {}
        self.norms: list[float | Tensor] = []
        self._paths: list[Tensor] = []
        self._references: list[Sequence[str]] = []

    def add_batch(
        self, batch: Batch, size: Counter[Unit], output: ModelOutput, terms: Sequence[Term]
    ) -> None:
        """Adds the losses of a batch, and what was recognised in it. Waits for nothing."""
        for term in terms:
            self._values[term.name].append(term.value.detach())
            self._sizes[term.name].append(size[term.unit])
            self._weights[term.name] = term.weight
        if self._recognises:
            self._paths.append(emitted(output.log_probs, output.lengths))
            self._references += [self._split.references[index] for index in batch.indices.tolist()]

    def columns(self, learning_rate: float) -> dict[str, float]:
        """The means, and the weighted sum of the components, by their names in the curve."""
        components = {name: self._mean(name) for name in self._values}
        norms = [norm for norm in _numbers(self.norms) if math.isfinite(norm)]  # as scalers skip
        return {
            "train/loss": sum(self._weights[name] * value for name, value in components.items()),
            **{f"train/loss_components/{name}": value for name, value in components.items()},
            "train/learning_rate": learning_rate,
            "train/gradient_norm": sum(norms) / len(norms) if norms else math.nan,
            "train/wer": self._wer() if self._recognises else math.nan,
        }

    def _mean(self, name: str) -> float:
        total, sizes = 0.0, self._sizes[name]
        for value, size in zip(_numbers(self._values[name]), sizes, strict=True):
            total += value * size
        return total / sum(sizes)

    def _wer(self) -> float:
        flat = torch.cat([paths.flatten() for paths in self._paths]).cpu().numpy()
        ends = np.cumsum([paths.numel() for paths in self._paths])[:-1]
        hypotheses = [
            [self._vocabulary[gloss] for gloss in path[path != BLANK].tolist()]
            for part, paths in zip(np.split(flat, ends), self._paths, strict=True)
            for path in part.reshape(paths.shape).T
        ]
        return corpus_wer(*cleaned(hypotheses, self._references, self._scoring)).wer_percent


def _numbers(values: Sequence[float | Tensor]) -> list[float]:
    """Numbers of one kind, brought from the device in one go where they are there."""
    tensors = [value for value in values if isinstance(value, Tensor)]
    if not tensors:
        return [float(value) for value in values]
    found: list[float] = torch.stack(tensors).tolist()
    return found
