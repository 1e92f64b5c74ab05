"""One epoch of training: every utterance once, in groups of batches that make one step each."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import torch

from trainables.config import Scoring
from trainables.data import Dataset
from trainables.data.batch import Batch
from trainables.decoding.best_path import greedy_decode
from trainables.models.base import ModelOutput, Recogniser
from trainables.runs.optimisation import Optimisation
from trainables.runs.training_loss import Term, TrainingLoss, Unit
from trainables.runs.training_set import Group, TrainingSet
from trainables.scoring.cleaning import cleaned
from trainables.scoring.wer import corpus_wer


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
        data: Their vocabulary and glosses.
        seed: All randomness comes from it and the epoch.
        scoring: What the WER is counted on.
    """

    model: Recogniser
    loss: TrainingLoss
    optimisation: Optimisation
    training_set: TrainingSet
    data: Dataset
    seed: int
    scoring: Scoring = "plain"

    def run(self, epoch: int, *, split: int) -> dict[str, float]:
        """Trains on every utterance once. torch's global generators must be set.

        Args:
            epoch: From 1.
            split: Parts that each batch is cut into to save memory; the steps stay the same.

        Returns:
            Columns of the curve below `train/`: the loss and its components, unweighted, mean over
            the epoch; the learning rate of the last step; the gradient's norm before clipping,
            mean over the steps; the WER of the utterances as the model saw them, percent.

        Raises:
            NotFinite: The loss or the gradient left the numbers.
        """
        self.model.train()
        totals = _Totals(self)
        groups = self.training_set.groups(seed=self.seed, epoch=epoch, split=split)
        try:
            for number, group in enumerate(groups):
                position = epoch - 1 + number / len(groups)
                totals.norms.append(self._step(group, totals, epoch=epoch, position=position))
        finally:
            # Of a group that was given up, for lack of memory too: what is tried next must not
            # add to it.
            self.optimisation.clear()
        last_position = epoch - 1 + (len(groups) - 1) / len(groups)
        return totals.columns(self.optimisation.learning_rate(last_position))

    def _step(self, group: Group, totals: _Totals, *, epoch: int, position: float) -> float:
        """One step of the optimiser over a group of batches; returns the gradient's norm."""
        batches = self.training_set.load(group, seed=self.seed, epoch=epoch)
        sizes = [self._sizes(batch) for batch in batches]
        whole = sum(sizes, Counter[Unit]())
        device = self.optimisation.precision.device
        for batch, size in zip(batches, sizes, strict=True):
            with self.optimisation.precision.autocast():
                output, terms = self.loss.terms(self.model, batch.to(device), epoch=epoch)
            # Each term is a mean over its batch; what counts is the mean over the group, whatever
            # the sizes of its batches.
            parts = [t.weight * t.value * (size[t.unit] / whole[t.unit]) for t in terms]
            total = torch.stack(parts).sum()
            if not math.isfinite(float(total.detach())):
                raise NotFinite(f"the loss is {float(total.detach())} in epoch {epoch}")
            self.optimisation.backward(total)
            totals.add_batch(batch, size, output, terms)
        norm = self.optimisation.step(position)
        if not (math.isfinite(norm) or self.optimisation.precision.scaled):
            raise NotFinite(f"the gradient's norm is {norm} in epoch {epoch}")
        return norm

    def _sizes(self, batch: Batch) -> Counter[Unit]:
        frames = int(self.model.output_lengths(batch.lengths).sum())
        return Counter({"utterances": len(batch.lengths), "frames": frames})


class _Totals:
    """Sums over an epoch.

    Attributes:
        norms: Norm of the gradient in each step.
    """

    def __init__(self, trainer: Trainer) -> None:
        self._split = trainer.data.train
        self._vocabulary = trainer.data.vocabulary
        self._scoring = trainer.scoring
        self._sums: defaultdict[str, float] = defaultdict(float)
        self._counts: defaultdict[str, int] = defaultdict(int)
        self._weights: dict[str, float] = {}
        self.norms: list[float] = []
        self._hypotheses: list[list[str]] = []
        self._references: list[Sequence[str]] = []

    def add_batch(
        self, batch: Batch, size: Counter[Unit], output: ModelOutput, terms: Sequence[Term]
    ) -> None:
        """Adds the losses of a batch, and what was recognised in it."""
        for term in terms:
            self._sums[term.name] += float(term.value.detach()) * size[term.unit]
            self._counts[term.name] += size[term.unit]
            self._weights[term.name] = term.weight
        for glosses in greedy_decode(output.log_probs, output.lengths):
            self._hypotheses.append([self._vocabulary[gloss] for gloss in glosses])
        self._references += [self._split.references[index] for index in batch.indices.tolist()]

    def columns(self, learning_rate: float) -> dict[str, float]:
        """The means, and the weighted sum of the components, by their names in the curve."""
        components = {name: total / self._counts[name] for name, total in self._sums.items()}
        norms = [norm for norm in self.norms if math.isfinite(norm)]  # the scaler skips the others
        return {
            "train/loss": sum(self._weights[name] * value for name, value in components.items()),
            **{f"train/loss_components/{name}": value for name, value in components.items()},
            "train/learning_rate": learning_rate,
            "train/gradient_norm": sum(norms) / len(norms) if norms else math.nan,
            "train/wer": corpus_wer(
                *cleaned(self._hypotheses, self._references, self._scoring)
            ).wer_percent,
        }
